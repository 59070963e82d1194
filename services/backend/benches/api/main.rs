//! The API under load, in its embedded size: reads beside an axum server that answers a constant, bans at a steady rate and
//! by twice as many as are worked at, and 2,000 clients that listen. `cargo xtask bench api` runs it and judges what it
//! prints: one JSON object a line, a figure of one round.
//!
//! The servers are processes of their own, so that their memory is theirs; they are this program, started with another
//! word. Rounds are interleaved and the ratio is taken within a round.
//!
//! To add a figure: measure it in [`round`], and name its goal in `xtask/src/bench/api.rs`.

mod bans;
mod listeners;
mod overload;
mod reads;
mod serve;

use anyhow::{Context as _, bail};
use reads::Tool;
use serve::Served;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How much of each is done in a round.
#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    /// How long is read, from each server.
    reads: Duration,
    /// How long bans come at a steady rate.
    bans: Duration,
    /// Events that all who listen hear.
    events: usize,
}

const FULL: Sizes = Sizes {
    rounds: 5,
    reads: Duration::from_secs(6),
    bans: Duration::from_secs(10),
    events: 30,
};

const QUICK: Sizes = Sizes {
    rounds: 3,
    reads: Duration::from_secs(2),
    bans: Duration::from_secs(4),
    events: 10,
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
        ["serve"] => runtime.block_on(serve::serve()),
        ["constant", body] => runtime.block_on(serve::constant(body.to_owned())),
        _ => bail!("what is `{}`?", words.join(" ")),
    }
}

async fn run(sizes: Sizes) -> anyhow::Result<()> {
    let tool = Tool::find()?;
    let served = Served::start(&["serve"])?;
    let case = bans::first(&served).await?;
    let constant = Served::start(&["constant", &case])?;
    for number in 1..=sizes.rounds {
        round(&tool, &served, &constant, sizes).await?;
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    Ok(())
}

async fn round(tool: &Tool, served: &Served, constant: &Served, sizes: Sizes) -> anyhow::Result<()> {
    let half = sizes.reads / 2;
    let before = tool.reads(constant, "/", half).await?;
    let ours = tool.reads(served, serve::CASE, sizes.reads).await?;
    let after = tool.reads(constant, "/", half).await?;
    let yardstick = f64::midpoint(before, after);
    tell("constant_per_s", yardstick);
    tell("read_per_s", ours);
    tell("read_ratio", ours / yardstick);
    let waited = bans::at_a_rate(served, sizes.bans).await?;
    tell("ban_p50_ms_300", waited.p50);
    tell("ban_p99_ms_300", waited.p99);
    let over = overload::overload(served, sizes.reads).await?;
    tell("overload_refused", over.refused);
    tell("overload_p50_ratio", over.ratio);
    let heard = listeners::hear(served, sizes.events).await?;
    tell("live_clients", heard.clients);
    tell("live_median_ms", heard.median_ms);
    tell("live_kib_per_client", heard.kib_per_client);
    Ok(())
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
