//! The store under load, over either engine: cases beside what pgbench does on the same server at the same time, pages
//! and due sanctions among a million rows, the way from the outbox to Redis. `cargo xtask bench store` runs it and judges
//! what it prints: one JSON object a line, a figure of one round.
//!
//! Rounds are interleaved and ratios are taken within a round, for a machine is not as fast now as a moment ago. Postgres
//! is one of our own that forces every commit to a disk, that of the build's output; SQLite's file lies beside it.
//!
//! To add a figure: measure it in [`round`], and name its goal in `xtask/src/bench/store.rs`.

mod cases;
mod history;
mod million;
mod outbox;
mod server;
mod town;
mod yardstick;

use anyhow::{Context as _, bail};
use lockdown_runtime::Metrics;
use lockdown_store::{PostgresOptions, Store};
use server::{File, Server};
use std::time::Duration;
use tokio::runtime::Runtime;
use town::Town;
use yardstick::Yardstick;

/// Who asks at the same time, where many do.
const MANY: u32 = 16;
/// SQLite commits together what came meanwhile, so it takes more of them to see how much it can.
const EMBEDDED: u32 = 64;

/// How much of each is done in a round.
#[derive(Clone, Copy)]
struct Sizes {
    rounds: usize,
    /// How long cases are made, and rows by pgbench before it and after it.
    load: Duration,
    /// How long cases come at a steady rate.
    offered: Duration,
    /// Pages, and looks at what is due.
    looks: usize,
}

const FULL: Sizes = Sizes {
    rounds: 7,
    load: Duration::from_secs(4),
    offered: Duration::from_secs(8),
    looks: 200,
};

const QUICK: Sizes = Sizes {
    rounds: 3,
    load: Duration::from_secs(2),
    offered: Duration::from_secs(3),
    looks: 50,
};

/// Both engines, each with its million.
struct Place {
    server: Server,
    yardstick: Yardstick,
    fleet: Town,
    one: Store,
    many: Store,
    embedded: Town,
    file: File,
}

fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = Runtime::new().context("could not start the runtime")?;
    // What every service of ours records is recorded here, too.
    Metrics::global().spawn_upkeep(runtime.handle());
    match words[..] {
        [] => on(&runtime, run(FULL)),
        ["quick"] => on(&runtime, run(QUICK)),
        ["cases", rounds] => on(&runtime, cases_alone(rounds.parse().context("how many rounds")?)),
        ["outbox", rounds] => on(&runtime, outbox_alone(rounds.parse().context("how many rounds")?)),
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
    for number in 1..=sizes.rounds {
        round(&place, sizes).await?;
        eprintln!("bench: round {number} of {} is done", sizes.rounds);
    }
    place.leave().await;
    Ok(())
}

async fn round(place: &Place, sizes: Sizes) -> anyhow::Result<()> {
    beside_pgbench(place, sizes).await?;
    let embedded = cases::rate(&place.file.store, &place.embedded, EMBEDDED, sizes.load).await?;
    tell("embedded_cases_per_s", embedded);
    for (store, town, prefix) in [
        (&place.one, &place.fleet, ""),
        (&place.file.store, &place.embedded, "embedded_"),
    ] {
        tell(
            &format!("{prefix}page_ms"),
            history::page_ms(store, sizes.looks).await?,
        );
        tell(
            &format!("{prefix}due_ms"),
            history::due_ms(store, town, sizes.looks).await?,
        );
    }
    let waited = outbox::waited(&place.server, &place.fleet, sizes.offered).await?;
    tell("outbox_p50_ms", waited.p50);
    tell("outbox_p99_ms", waited.p99);
    Ok(())
}

/// Cases over one connection and over many, each between two runs of pgbench.
async fn beside_pgbench(place: &Place, sizes: Sizes) -> anyhow::Result<()> {
    for (store, callers) in [(&place.one, 1), (&place.many, MANY)] {
        let half = sizes.load / 2;
        let before = place.yardstick.rate(&place.server, callers, half)?;
        let made = cases::rate(store, &place.fleet, callers, sizes.load).await?;
        let after = place.yardstick.rate(&place.server, callers, half)?;
        tell(&format!("pgbench_{callers}_per_s"), f64::midpoint(before, after));
        tell(&format!("cases_{callers}_per_s"), made);
        tell(
            &format!("case_vs_pgbench_{callers}"),
            made / f64::midpoint(before, after),
        );
    }
    Ok(())
}

/// For judging a change: cases and their yardstick, and what of it the server says it did.
async fn cases_alone(rounds: usize) -> anyhow::Result<()> {
    let place = Place::make().await?;
    for _ in 0..rounds {
        beside_pgbench(&place, QUICK).await?;
        let embedded = cases::rate(&place.file.store, &place.embedded, EMBEDDED, QUICK.load).await?;
        tell("embedded_cases_per_s", embedded);
    }
    place.leave().await;
    Ok(())
}

async fn outbox_alone(rounds: usize) -> anyhow::Result<()> {
    let place = Place::make().await?;
    for _ in 0..rounds {
        let waited = outbox::waited(&place.server, &place.fleet, QUICK.offered).await?;
        tell("outbox_p50_ms", waited.p50);
        tell("outbox_p99_ms", waited.p99);
    }
    place.leave().await;
    Ok(())
}

/// One figure of one round, for whoever reads our output.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
}

// === impl Place ===

impl Place {
    async fn make() -> anyhow::Result<Self> {
        let server = Server::start()?;
        let open = async |connections| {
            let options = PostgresOptions {
                connections,
                ..PostgresOptions::default()
            };
            anyhow::Ok(Store::open_postgres(&server.url(), &options).await?.0)
        };
        let (one, many) = (open(1).await?, open(MANY).await?);
        server.run(&million::script(million::Engine::Postgres))?;
        server.run("VACUUM ANALYZE; CHECKPOINT;")?;
        let file = File::make().await?;
        let (fleet, embedded) = (Town::default(), Town::default());
        // The first cases fill caches and prepare statements, and show how large their rows are.
        cases::rate(&many, &fleet, MANY, Duration::from_millis(500)).await?;
        cases::rate(&one, &fleet, 1, Duration::from_millis(500)).await?;
        cases::rate(&file.store, &embedded, EMBEDDED, Duration::from_millis(500)).await?;
        let yardstick = Yardstick::make(&server)?;
        eprintln!(
            "bench: a case is {} rows of {} bytes",
            yardstick.rows(),
            yardstick.bytes()
        );
        Ok(Self {
            server,
            yardstick,
            fleet,
            one,
            many,
            embedded,
            file,
        })
    }

    async fn leave(self) {
        for store in [self.one, self.many, self.file.store] {
            store.close().await;
        }
    }
}
