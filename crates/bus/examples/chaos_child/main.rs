//! A process of `cargo xtask chaos`: publishes, consumes or looks, until it is told to end or is killed.
//!
//! It writes down what happened in a file of its own, a line in one call to the system, so that what it wrote stays
//! however it ends. Nothing is written before it is true: a line may be missing after a kill, none is wrong.
//!
//! Its task comes as JSON in the first argument. SIGTERM asks it to end in order.

#![expect(
    clippy::unwrap_used,
    reason = "the process of a test ends where it cannot go on"
)]

mod consume;
mod look;
mod notes;
mod publish;

use lockdown_bus::redis::{RedisEngine, RedisOptions};
use lockdown_bus::{Durability, EmbeddedEngine, Engine, Options};
use lockdown_runtime::{Clock, SecretUrl};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a process is to do.
#[derive(Deserialize)]
struct Task {
    engine: Place,
    parts: Vec<Part>,
    /// Where the notes go: `<folder>/<part>.<run>`.
    notes: PathBuf,
    /// How many processes were started before this one.
    run: u32,
    /// Whether handlers fail, panic and hang.
    trouble: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Redis(String),
    Embedded { path: PathBuf, full: bool },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Publish,
    Consume { group: String, name: String },
    Look,
}

// === impl Place ===

impl Place {
    async fn open(&self) -> Arc<dyn Engine> {
        match self {
            Self::Redis(url) => loop {
                let url = SecretUrl::new(url.parse().unwrap());
                match RedisEngine::connect(&url, RedisOptions::default(), &Clock::system()).await {
                    Ok(engine) => return Arc::new(engine),
                    // It may be dead at this moment.
                    Err(error) => {
                        eprintln!("{error}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            },
            Self::Embedded { path, full } => {
                let durability = if *full {
                    Durability::Full
                } else {
                    Durability::Normal
                };
                let options = Options {
                    durability,
                    ..Options::default()
                };
                Arc::new(EmbeddedEngine::open(path, &options, Clock::system()).unwrap())
            }
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let task = std::env::args().nth(1).expect("a task");
    let task: Task = serde_json::from_str(&task).unwrap();
    let stop = CancellationToken::new();
    let mut asked = signal(SignalKind::terminate()).unwrap();
    // From here on it can be asked to end.
    notes::Notes::open(&task.notes.join(format!("process.{}", task.run)))
        .write(format_args!("r {}", task.run));
    let stopping = stop.clone();
    tokio::spawn(async move {
        asked.recv().await;
        stopping.cancel();
    });
    let engine = task.engine.open().await;
    // Whoever publishes is through before those who consume end, where they share a process.
    let published = CancellationToken::new();
    let publishes = task.parts.iter().any(|part| matches!(part, Part::Publish));
    let consumed = if publishes {
        published.clone()
    } else {
        stop.clone()
    };
    let mut parts = tokio::task::JoinSet::new();
    for part in task.parts {
        let engine = Arc::clone(&engine);
        let note = |name: &str| notes::Notes::open(&task.notes.join(format!("{name}.{}", task.run)));
        match part {
            Part::Publish => {
                let (notes, run, stop) = (note("publisher"), task.run, stop.clone());
                let published = published.clone();
                parts.spawn(async move {
                    publish::run(engine, notes, run, stop).await;
                    published.cancel();
                });
            }
            Part::Consume { group, name } => {
                let notes = note(&format!("{group}.{name}"));
                let seat = consume::Seat {
                    group,
                    name: format!("{name}-{}", task.run),
                    trouble: task.trouble,
                };
                parts.spawn(consume::run(engine, notes, seat, consumed.clone()));
            }
            Part::Look => {
                parts.spawn(look::run(engine, note("look")));
            }
        }
    }
    while let Some(ended) = parts.join_next().await {
        // A part that broke is an end of the whole that the parent sees.
        ended.unwrap();
    }
    engine.close().await;
}
