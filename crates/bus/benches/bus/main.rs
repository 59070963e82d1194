//! The bus end to end: `Publisher` to handler to acknowledgement, over either engine, beside what the same machine does
//! at the same time with bare tools. `cargo xtask bench bus` runs it and judges what it prints: one JSON object a line,
//! a figure of one round.
//!
//! Rounds are interleaved and ratios are taken within a round, for a machine is not as fast now as a moment ago. The
//! server is one of our own with `appendfsync everysec` and its data beside the build's output, on a disk.
//!
//! To add a figure: measure it in [`round`], and name its goal in `xtask/src/bench/bus.rs`.

mod backlog;
mod bare;
mod events;
mod load;
mod offered;
mod peers;
mod process;
mod server;

use anyhow::{Context as _, bail};
use events::Events;
use load::Load;
use lockdown_bus::EmbeddedEngine;
use lockdown_runtime::{Clock, Metrics};
use offered::Offered;
use peers::Peer;
use server::Server;
use std::sync::Arc;
use std::time::Duration;

/// How much of each is done in a round.
#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    /// Events at full load.
    load: usize,
    /// Publishes that each wait for the one before.
    awaited: usize,
    /// How long events come at a steady rate.
    offered: Duration,
    /// Entries that wait for a consumer that died.
    backlog: usize,
}

const FULL: Sizes = Sizes {
    rounds: 7,
    load: 400_000,
    awaited: 40_000,
    offered: Duration::from_secs(5),
    backlog: 1_000_000,
};

const QUICK: Sizes = Sizes {
    rounds: 3,
    load: 200_000,
    awaited: 20_000,
    offered: Duration::from_secs(2),
    backlog: 1_000_000,
};

fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().context("could not start the runtime")?;
    // What every service of ours records is recorded here, too.
    Metrics::global().spawn_upkeep(runtime.handle());
    match words[..] {
        [] => runtime.block_on(run(FULL)),
        ["quick"] => runtime.block_on(run(QUICK)),
        ["durable", rounds] => runtime.block_on(durable_alone(rounds.parse().context("how many rounds")?)),
        ["peers", rounds, ref peers @ ..] => {
            let peers: Vec<Peer> = peers
                .iter()
                .map(|peer| Peer::parse(peer))
                .collect::<anyhow::Result<_>>()?;
            runtime.block_on(peers::run(rounds.parse().context("how many rounds")?, &peers))
        }
        ["backlog", url, entries] => runtime.block_on(backlog::consume(url, entries.parse()?)),
        _ => bail!("what is `{}`?", words.join(" ")),
    }
}

async fn run(sizes: Sizes) -> anyhow::Result<()> {
    let server = Server::start()?;
    let events = Arc::new(Events::new(Clock::system())?);
    // The first load makes the streams, fills the allocators and loads the scripts.
    let warm = Load::durable(&server, &events, sizes.load / 4).await?;
    eprintln!(
        "bench: {} rounds; warm at {:.0} events/s",
        sizes.rounds, warm.rate
    );
    for number in 1..=sizes.rounds {
        round(&server, &events, sizes).await?;
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    tell(
        "consumer_mib_1m_pending",
        backlog::consumer_mib(&server, &events, sizes.backlog).await?,
    );
    Ok(())
}

async fn round(server: &Server, events: &Arc<Events>, sizes: Sizes) -> anyhow::Result<()> {
    let before = bare::pipelined_xadd(server, events, sizes.load)?;
    let durable = Load::durable(server, events, sizes.load).await?;
    let live = Load::live(server, events, sizes.load).await?;
    let after = bare::pipelined_xadd(server, events, sizes.load)?;
    let awaited = bare::awaited_publish(server, events, sizes.awaited).await?;
    let many = bare::concurrent_publish(server, events, sizes.load / 2).await?;
    server.fsync("always")?;
    let always = Load::durable(server, events, sizes.load / 2).await?;
    server.fsync("everysec")?;

    // The machine's mean speed around both of ours.
    let xadd = f64::midpoint(before, after);
    tell("xadd_eps", xadd);
    tell("durable_eps", durable.rate);
    tell("durable_ratio", durable.rate / xadd);
    tell("durable_live_ratio", live.rate / xadd);
    tell("vs_awaited_publish_ratio", durable.rate / awaited);
    tell("vs_64_awaited_publishes_ratio", durable.rate / many);
    tell("always_ratio", always.rate / durable.rate);
    tell("cpu_us_client", durable.client_us);
    tell("cpu_us_server", durable.server_us);
    tell("cpu_us", durable.client_us + durable.server_us);
    tell("redis_bytes_per_event", durable.server_bytes);

    let fast = Offered::redis(server, events, 10_000, sizes.offered).await?;
    tell("p50_ms_10k", fast.p50);
    tell("p99_ms_10k", fast.p99);
    let slow = Offered::redis(server, events, 1_000, sizes.offered).await?;
    tell("p99_ms_1k", slow.p99);

    let embedded = Load::embedded(events, sizes.load).await?;
    tell("embedded_eps", embedded.rate);
    tell("embedded_cpu_us", embedded.client_us);
    tell(
        "embedded_p99_ms_10k",
        Offered::embedded(events, 10_000, sizes.offered).await?.p99,
    );
    Ok(())
}

/// For a profiler, and for judging a change: full load and its yardstick, nothing else.
async fn durable_alone(rounds: usize) -> anyhow::Result<()> {
    let server = Server::start()?;
    let events = Arc::new(Events::new(Clock::system())?);
    for _ in 0..rounds {
        let before = bare::pipelined_xadd(&server, &events, FULL.load)?;
        server.forget_calls()?;
        let durable = Load::durable(&server, &events, FULL.load).await?;
        for (call, times, us) in server.calls()? {
            let each = |all: f64| all / FULL.load as f64;
            eprintln!(
                "  {call:<12} {:>7.4} calls, {:>6.3} us an event",
                each(times),
                each(us)
            );
        }
        let after = bare::pipelined_xadd(&server, &events, FULL.load)?;
        let xadd = f64::midpoint(before, after);
        eprintln!(
            "xadd {xadd:.0}/s, durable {:.0}/s = {:.3}; CPU {:.2} + {:.2} us; {:.0} B of Redis an event",
            durable.rate,
            durable.rate / xadd,
            durable.client_us,
            durable.server_us,
            durable.server_bytes
        );
    }
    Ok(())
}

/// One figure of one round, for whoever reads our output.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
}

/// An embedded log in a directory that goes with it, on the disk that holds the build's output.
fn embedded_log() -> anyhow::Result<(Arc<EmbeddedEngine>, tempfile::TempDir)> {
    let directory = tempfile::tempdir_in(lockdown_testkit::servers::directory())?;
    let options = lockdown_bus::Options::default();
    let engine = EmbeddedEngine::open(&directory.path().join("events.db"), &options, Clock::system())?;
    Ok((Arc::new(engine), directory))
}
