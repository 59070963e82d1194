//! The Telegram bot with everything behind it, in the embedded size, against a Bot API of our own: a spammer among many, a flood that is
//! banned, bad messages among good ones, and memory at rest. `cargo xtask bench telegram` runs it and judges what it prints: one JSON
//! object a line, a figure of one round.
//!
//! What is measured is a process of its own; it is this program, started with another word.
//!
//! To add a figure: measure it in [`run`], and name its goal in `xtask/src/bench/telegram.rs`.

mod serve;
mod town;

use anyhow::{Context as _, bail};
use serve::Served;
use std::time::Duration;
use tokio::runtime::Runtime;
use town::Town;

/// Between two kinds of load: what the first has left to be written is not the second's.
const REST: Duration = Duration::from_secs(5);

/// How much of each is done.
#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    /// One spams so many times in a chat where so many others have just written.
    times: usize,
    crowd: usize,
    /// Spam in one chat, each of somebody else.
    spam: usize,
    chats: usize,
    /// Messages in all of them, a second, of which one in fifty is bad.
    per_second: u32,
    lasts: Duration,
}

const FULL: Sizes = Sizes {
    rounds: 3,
    times: 20,
    crowd: 1_000,
    spam: 2_000,
    chats: 100,
    per_second: 500,
    lasts: Duration::from_secs(20),
};

const QUICK: Sizes = Sizes {
    rounds: 1,
    lasts: Duration::from_secs(8),
    ..FULL
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
        ["whole", url] => runtime.block_on(serve::whole(url)),
        ["bot", url] => runtime.block_on(serve::bot(url)),
        _ => bail!("what is `{}`?", words.join(" ")),
    }
}

async fn run(sizes: Sizes) -> anyhow::Result<()> {
    for number in 1..=sizes.rounds {
        tell("idle_mib", idle().await?);
        let town = Town::found(sizes.chats).await?;
        let mut waited = town.spam_in_a_crowd(sizes.times, sizes.crowd).await?;
        tell("crowded_worst_ms", quantile(&mut waited, 1.0));
        tokio::time::sleep(REST).await;
        tell("flood_s", town.flood(sizes.spam).await?);
        tokio::time::sleep(REST).await;
        let mut waited = town.bad_among_good(sizes.per_second, sizes.lasts).await?;
        tell("p50_ms", quantile(&mut waited, 0.5));
        tell("p99_ms", quantile(&mut waited, 0.99));
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    Ok(())
}

/// The memory of the bot alone, with nothing to do.
async fn idle() -> anyhow::Result<f64> {
    const SETTLED: Duration = Duration::from_secs(3);
    let (telegram, _) = town::telegram().await?;
    let served = Served::start(&["bot", &telegram.url()])?;
    town::until("the bot asks for updates", || {
        !telegram.calls("getUpdates").is_empty()
    })
    .await?;
    tokio::time::sleep(SETTLED).await;
    Ok(served.memory()? / 1_024.0)
}

/// One figure of one round, for whoever reads our output.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
}

/// The value below which this part of them lies. Sorts them.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (part * last as f64).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
