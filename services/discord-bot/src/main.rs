use lockdown_events::Source;
use lockdown_runtime::lifecycle::{self, Http};
use std::process::ExitCode;

fn main() -> ExitCode {
    let required = &["REDIS_URL", "DISCORD_TOKEN"];
    lifecycle::alone(
        "discord-bot",
        env!("CARGO_PKG_VERSION"),
        required,
        Http::Ops,
        |ctx| async move {
            let bus = lockdown_bus::open(&ctx, Source::DiscordBot).await?;
            lockdown_discord_bot::run(ctx, bus).await
        },
    )
}
