//! `lockdown migrate`: the schema brought up to date, without starting anything.

use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(migrate)
}

async fn migrate(ctx: Context) -> anyhow::Result<()> {
    let migrated = lockdown_store::migrate(&ctx).await?;
    match migrated.made {
        0 => println!("The schema is up to date: version {}.", migrated.version),
        made => println!("Made {made} changes: the schema is version {}.", migrated.version),
    }
    Ok(())
}
