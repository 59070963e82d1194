use lockdown_runtime::lifecycle::{self, Http};
use std::process::ExitCode;

fn main() -> ExitCode {
    let required = &["REDIS_URL", "DATABASE_URL"];
    lifecycle::alone(
        "backend",
        env!("CARGO_PKG_VERSION"),
        required,
        Http::Own,
        lockdown_backend::run,
    )
}
