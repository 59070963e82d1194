//! The way of a message on Discord that the rules forbid: from the gateway's frame to the request that removes it, in the
//! size of a fleet over Redis. `cargo xtask bench discord` runs it and judges what it prints: one JSON object a line, a
//! figure of one round.
//!
//! Discord is the fake one, in this process, with the limits that Discord has. The bot has a process of its own, so that
//! its memory and its time on the processor are its own, and so has everything behind it: the backend's desk and the
//! worker that judges. Both are this program, started with another word.
//!
//! To add a figure: measure it in [`round`], and name its goal in `xtask/src/bench/discord.rs`.

mod load;
mod parts;

use anyhow::{Context as _, bail};
use load::{Load, Square};
use lockdown_testkit::servers;
use parts::Part;
use std::time::Duration;
use tokio::runtime::Runtime;

const GUILDS: usize = 50;
/// Messages in a second.
const RATE: usize = 2_000;
/// One of so many is bad.
const BAD: usize = 50;
/// The bot's time on the processor is told for so many messages.
const COSTED: f64 = 20_000.0;

#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    messages: usize,
}

const FULL: Sizes = Sizes {
    rounds: 3,
    messages: 40_000,
};

const QUICK: Sizes = Sizes {
    rounds: 1,
    messages: 20_000,
};

fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = Runtime::new().context("could not start the runtime")?;
    match words[..] {
        [] => runtime.block_on(run(FULL)),
        ["quick"] => runtime.block_on(run(QUICK)),
        ["bot", redis, discord] => runtime.block_on(parts::bot(redis, discord)),
        ["behind", redis, ref guilds @ ..] => runtime.block_on(parts::behind(redis, guilds)),
        _ => bail!("what is `{}`?", words.join(" ")),
    }
}

async fn run(sizes: Sizes) -> anyhow::Result<()> {
    for number in 1..=sizes.rounds {
        round(sizes).await?;
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    Ok(())
}

async fn round(sizes: Sizes) -> anyhow::Result<()> {
    let server = servers::redis_private();
    let redis = server.url();
    let square = Square::build(GUILDS).await?;
    let guilds: Vec<String> = square.guilds().map(|guild| guild.to_string()).collect();
    let mut words = vec!["behind", &redis];
    words.extend(guilds.iter().map(String::as_str));
    let _behind = Part::start(&words).await?;
    let bot = Part::start(&["bot", &redis, &square.url()]).await?;
    square.put_rules(&redis).await?;
    tell("idle_mib", bot.memory()? / 1_024.0);

    let even = Load::even(sizes.messages);
    // What is done for the first time is not what is measured.
    square.say(&Load::even(sizes.messages / 10)).await?;
    let before = bot.seconds()?;
    let came = square.say(&even).await?;
    let spent = bot.seconds()? - before;
    #[expect(
        clippy::cast_precision_loss,
        reason = "far fewer messages than a float counts exactly"
    )]
    let messages = sizes.messages as f64;
    tell("cpu_s_20k", spent * COSTED / messages);
    tell("p50_ms", came.p50);
    tell("p99_ms", came.p99);
    tell("missed", came.missed);

    let flooded = square.say(&Load::flooded(sizes.messages)).await?;
    tell("flood_p50_ms", flooded.p50);
    tell("flood_p99_ms", flooded.p99);
    tell("flood_missed", flooded.missed);
    tell("refused", square.refused());
    Ok(())
}

/// How long a load of so many messages takes to be said.
fn lasts(messages: usize) -> Duration {
    Duration::from_millis((messages * 1_000 / RATE) as u64)
}

/// One figure of one round, for whoever reads our output.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
}
