//! A process that behaves as its argument says, for the tests of signals and exit codes (`tests/process.rs`).

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use lockdown_runtime::lifecycle::{self, Process};
use lockdown_runtime::{Context, ops};

fn main() -> ExitCode {
    let behaviour = std::env::args().nth(1).unwrap_or_default();
    if behaviour == "command" {
        return Process::command("process", "1.2.3").run(async |_| Ok(()));
    }
    lifecycle::main("process", "1.2.3", move |ctx| run(ctx, behaviour))
}

async fn run(ctx: Context, behaviour: String) -> anyhow::Result<()> {
    let other = ctx.shutdown.clone();
    ctx.tasks.spawn("other", async move {
        other.soft().await;
        Ok(())
    });
    match behaviour.as_str() {
        // Only the hard stop ends it.
        "lingers" => {
            println!("ready");
            ctx.shutdown.hard().await;
            return Ok(());
        }
        "hangs" => ctx.tasks.spawn("deaf", std::future::pending()),
        // No task of the runtime can run any more, which must not keep signals from being heard.
        "blocks" => {
            for _ in 0..std::thread::available_parallelism().map_or(8, |cores| cores.get() * 2) {
                ctx.tasks.spawn("blocking", async {
                    loop {
                        std::thread::sleep(Duration::from_secs(1));
                    }
                });
            }
        }
        // What it begins with is gone when it stops.
        "begins" => {
            println!("ready");
            ctx.shutdown.soft().await;
            return Err(anyhow!("the bus is closed")).context("could not begin");
        }
        "fails" => ctx.tasks.spawn("dying", async {
            Err(anyhow!("no route")).context("could not reach the store")
        }),
        "panics" => ctx.tasks.spawn("dying", async {
            panic!("at an index, with postgres://app:hunter2@db/x")
        }),
        "leaves" => ctx.tasks.spawn("leaving", async { Ok(()) }),
        "serves" => {
            let listener = ops::bind(ctx.config.http.addr).await?;
            println!("{}", listener.local_addr()?);
            ops::serve(
                listener,
                ctx.health.clone(),
                ctx.metrics.clone(),
                ctx.shutdown.clone(),
            )
            .await?;
        }
        "logs" => {
            let token = ctx.config.discord.token.as_ref().context("no token")?;
            log::warn!("A library that writes to log: {}", token.expose());
            tracing::info!(token = token.expose(), "Using {}", token.expose());
            return Err(anyhow!("the platform refused {}", token.expose()));
        }
        other => bail!("unknown behaviour {other}"),
    }
    println!("ready");
    Ok(())
}
