//! Judging under load, in its fleet size: from a message that lies on the bus to its verdict there, at a steady rate; how
//! much workers judge when much waits for them, one and two; what one holds in memory. `cargo xtask bench pipeline` runs it
//! and judges what it prints: one JSON object a line, a figure of one round.
//!
//! There are 1,000 communities, each with 50 rules of its own over 1,000 terms, and 100 people in each. Workers are processes
//! of their own, so that their memory is theirs; they are this program, started with another word. Where much waits for
//! them, they were stopped while it came: they have their rules compiled, and nobody else is at work.
//!
//! To add a figure: measure it in [`round`], and name its goal in `xtask/src/bench/pipeline.rs`.

mod load;
mod town;
mod work;

use anyhow::{Context as _, bail};
use load::Load;
use std::time::Duration;
use tokio::runtime::Runtime;
use work::{Place, Worker};

/// How much of each is done in a round.
#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    /// How long messages come at a steady rate.
    steady: Duration,
    /// How many messages wait.
    backlog: usize,
}

const FULL: Sizes = Sizes {
    rounds: 5,
    steady: Duration::from_secs(10),
    backlog: 100_000,
};

const QUICK: Sizes = Sizes {
    rounds: 3,
    steady: Duration::from_secs(4),
    backlog: 30_000,
};

/// Messages a second.
const RATE: u32 = 2_000;

fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = Runtime::new().context("could not start the runtime")?;
    match words[..] {
        [] => on(&runtime, run(FULL)),
        ["quick"] => on(&runtime, run(QUICK)),
        ["work", redis, database] => on(&runtime, work::work(redis.to_owned(), database.to_owned())),
        _ => bail!("what is `{}`?", words.join(" ")),
    }
}

/// In a task, as a service's work is: outside of one, each answer of a server costs a change of threads.
fn on(
    runtime: &Runtime,
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    runtime.block_on(runtime.spawn(work))?
}

async fn run(sizes: Sizes) -> anyhow::Result<()> {
    let place = Place::make().await?;
    let load = Load::open(&place).await?;
    for number in 1..=sizes.rounds {
        round(&place, &load, sizes).await?;
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    Ok(())
}

async fn round(place: &Place, load: &Load, sizes: Sizes) -> anyhow::Result<()> {
    let first = Worker::start(place)?;
    // Each community's rules are compiled when something is said there.
    load.everywhere().await?;
    let mut waited = load.at_a_rate(RATE, sizes.steady).await?;
    tell("p50_ms_2k", quantile(&mut waited, 0.50));
    tell("p99_ms_2k", quantile(&mut waited, 0.99));
    let one = load.backlog(&[&first], sizes.backlog).await?;
    tell("eps", one);
    tell("rss_mib", first.memory()? / 1_024.0);
    let second = Worker::start(place)?;
    load.backlog(&[&first, &second], sizes.backlog / 2).await?;
    let two = load.backlog(&[&first, &second], sizes.backlog).await?;
    tell("eps_two", two);
    tell("two_vs_one", two / one);
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
