//! A process that keeps a log busy until it is killed, for `tests/embedded_file.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "the process of a test ends where it cannot go on"
)]

use lockdown_bus::{
    Append, Class, ConsumerName, Durability, EmbeddedEngine, Engine, Group, GroupName, Key, OpenError,
    Options, Settlement, Start,
};
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_runtime::{Clock, Ids};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const TYPE: &str = "message:created";

fn open(path: &Path, durability: Durability) -> Result<EmbeddedEngine, OpenError> {
    let options = Options {
        durability,
        ..Options::default()
    };
    EmbeddedEngine::open(path, &options, Clock::system())
}

fn event(ids: &Ids, guild: u64, text: &str) -> Append {
    let event_id = EventId(ids.next());
    Append {
        event_id,
        channel: TYPE.into(),
        key: Key::community(Platform::Discord, &GuildId::new(&guild.to_string()).unwrap()),
        envelope: format!(r#"{{"eventId":"{event_id}","text":"{text}"}}"#).into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    }
}

fn group(name: &str) -> Group {
    Group {
        name: GroupName::new(name).unwrap(),
        classes: Class::ALL.to_vec(),
    }
}

fn me() -> ConsumerName {
    ConsumerName::new("me").unwrap()
}

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
