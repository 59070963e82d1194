//! `lockdown demo`: all of LOCKDOWN with a made-up community, for whoever wants to look first.
//!
//! Everything is real but the platforms: Discord and Telegram are the fakes that the tests have, on loopback. Nothing
//! leaves the machine, and what the demo keeps is gone when it ends. To add a scene: a function in `scenes.rs` and its line
//! in [`scenes::STORY`].

mod scenes;
mod teller;
mod town;

use crate::cli::Demo;
use crate::up;
use anyhow::{Context as _, bail};
use lockdown_runtime::lifecycle::Process;
use lockdown_runtime::{Config, Context};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use teller::Teller;
use town::Town;

/// Of the form that the platforms give out; they open nothing.
const DISCORD: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gdemo0.a-token-of-the-form-that-discord-gives-out";
const TELEGRAM: &str = "110201543:AAHdemoCvCH1vGWJxfSeofSAs0K5PALDsaw";
/// What may be said of the demo from outside: where it listens, and how much it logs.
const TAKEN: [&str; 3] = ["LOCKDOWN_HTTP_ADDR", "LOCKDOWN_LOG_FORMAT", "RUST_LOG"];

pub(crate) fn run(demo: &Demo) -> ExitCode {
    let data = match tempfile::Builder::new().prefix("lockdown-demo-").tempdir() {
        Ok(data) => data,
        Err(error) => {
            eprintln!("error: there is no place for the demo's data: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The story is told on standard output: the log says only what is wrong.
    let mut variables = vec![
        ("LOCKDOWN_DATA_DIR", data.path().as_os_str().to_owned()),
        ("RUST_LOG", "error".into()),
    ];
    variables.extend(taken());
    let config = match Config::from_map(variables.clone()) {
        Ok(config) => config,
        Err(error) => return lockdown_runtime::lifecycle::refuse("lockdown", &error),
    };
    let (once, pace) = (demo.once, Duration::from_secs_f64(demo.pace));
    let process = if once {
        Process::command("lockdown", env!("CARGO_PKG_VERSION"))
    } else {
        Process::service("lockdown", env!("CARGO_PKG_VERSION"))
    };
    process.config(config).run(move |mut ctx| async move {
        let town = Town::build().await?;
        variables.extend([
            ("DISCORD_TOKEN", DISCORD.into()),
            ("DISCORD_API_URL", town.discord.url().into()),
            ("TELEGRAM_TOKEN", TELEGRAM.into()),
            ("TELEGRAM_API_URL", town.telegram.url().into()),
        ]);
        let config = Config::from_map(variables).context("the demo configures itself wrongly")?;
        ctx.config = Arc::new(config);
        let done = show(&ctx, town, once, pace).await;
        drop(data);
        done
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "handed on to the configuration, which reads it as it reads all"
)]
fn taken() -> impl Iterator<Item = (&'static str, OsString)> {
    let present = |name| std::env::var_os(name).map(|value| (name, value));
    TAKEN.into_iter().filter_map(present)
}

async fn show(ctx: &Context, town: Town, once: bool, pace: Duration) -> anyhow::Result<()> {
    println!(
        "A made-up community on a Discord and a Telegram of our own: nothing leaves this machine, and what is kept here is \
         gone when it ends.\n"
    );
    let bus = up::up(ctx.clone()).await?;
    let stop = ctx.shutdown.soft_token();
    let telling = async {
        town.open(&bus).await?;
        let teller = Teller::listen(ctx, &bus, town.names()).await?;
        println!();
        for scene in scenes::STORY {
            println!("── {}", scene.title);
            (scene.play)(&town, &bus, pace)
                .await
                .with_context(|| format!("the demo stuck at “{}”", scene.title))?;
            teller.caught_up().await;
            println!();
            tokio::time::sleep(pace).await;
        }
        scenes::record(&town, &bus).await?;
        anyhow::Ok(())
    };
    match stop.run_until_cancelled(telling).await {
        Some(Ok(())) if once => Ok(()),
        Some(Ok(())) => {
            println!(
                "\nThat was the story. It all goes on running: look at the page and the API's /docs with the token above. \
                 Ctrl-C ends it."
            );
            // From here on nothing is played; the services go on until somebody stops them.
            stop.cancelled().await;
            Ok(())
        }
        Some(Err(error)) => Err(error),
        None if once => bail!("the demo was stopped before its end"),
        None => Ok(()),
    }
}
