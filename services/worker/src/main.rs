use lockdown_runtime::lifecycle::{self, Http};
use std::process::ExitCode;

fn main() -> ExitCode {
    lifecycle::alone(
        "worker",
        env!("CARGO_PKG_VERSION"),
        &["REDIS_URL"],
        Http::Ops,
        lockdown_worker::run,
    )
}
