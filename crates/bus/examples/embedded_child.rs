//! A process that keeps a log busy until it is killed, for `tests/embedded_file.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "the process of a test ends where it cannot go on"
)]

#[path = "../tests/shared/log.rs"]
mod log;

use lockdown_bus::{Durability, Engine, Settlement, Start};
use lockdown_runtime::{Clock, Ids};
use log::{event, group, me, open};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Appends, reads and acknowledges until it is killed, and says what was acknowledged to it.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let engine = std::sync::Arc::new(open(Path::new(path.trim_end()), Durability::Full).unwrap());
    let ids = Ids::system(Clock::system());
    for name in ["one", "two"] {
        engine.open_group(&group(name), &Start::Oldest).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let (engine, ids) = (std::sync::Arc::clone(&engine), ids.clone());
        tasks.spawn(async move {
            for n in 0.. {
                let batch: Vec<_> = (0..n % 5 + 1).map(|_| event(&ids, writer, "load")).collect();
                let results = engine.append(&batch).await.unwrap();
                let mut said = String::new();
                for (event, result) in batch.iter().zip(results) {
                    result.unwrap();
                    said += &format!("kept {}\n", event.event_id);
                }
                std::io::stdout().write_all(said.as_bytes()).unwrap();
            }
        });
    }
    let reader = std::sync::Arc::clone(&engine);
    tasks.spawn(async move {
        loop {
            let held = reader
                .read(&group("one"), &me(), 64, Duration::from_secs(1))
                .await
                .unwrap();
            // Every other one stays open.
            let settled: Vec<_> = held
                .into_iter()
                .step_by(2)
                .map(|delivery| (delivery, Settlement::Ack))
                .collect();
            reader.settle(&group("one"), &me(), &settled).await.unwrap();
            let said: String = settled
                .iter()
                .map(|(delivery, _)| format!("done {}\n", delivery.entry))
                .collect();
            std::io::stdout().write_all(said.as_bytes()).unwrap();
        }
    });
    tasks.join_all().await;
}
