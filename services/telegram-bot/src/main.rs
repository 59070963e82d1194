use lockdown_events::Source;
use lockdown_runtime::lifecycle::{self, Http};
use std::process::ExitCode;

fn main() -> ExitCode {
    let required = &["REDIS_URL", "TELEGRAM_TOKEN"];
    lifecycle::alone(
        "telegram-bot",
        env!("CARGO_PKG_VERSION"),
        required,
        Http::Ops,
        |ctx| async move {
            let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await?;
            lockdown_telegram_bot::run(ctx, bus).await
        },
    )
}
