//! Publishes, handles and acknowledges the events of the bus's bench by apalis, with the settings that serve it best:
//! `peer-apalis REDIS_URL COUNT EVENT`. Says `begun` before the first call and `done` when the last is handled.
//!
//! What was tried: polls every 0.2 to 5 ms, batches of 50 to 3,000, bulks of 100 to 1,000, with and without locks. Without
//! `persist_results`, which is on by default, it would acknowledge nothing.

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Above 8,000 due jobs its script fails ("too many results to unpack") and the worker ends.
const WINDOW: usize = 6_000;
const PUBLISHERS: usize = 4;
const BULK: usize = 100;
const BATCH: usize = 1_000;
const POLL: Duration = Duration::from_millis(1);
/// The id of the first message.
const FIRST: usize = 1_000_000;

/// The members of the event, so that both sides read one into a type.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Event {
    event_id: String,
    event_type: String,
    timestamp: String,
    source: String,
    correlation_id: String,
    version: u32,
    data: Message,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Message {
    platform: String,
    guild_id: String,
    message_id: String,
    channel_id: String,
    author_id: String,
    author: serde_json::Value,
    content: String,
}

struct Seen {
    events: Vec<AtomicBool>,
    distinct: AtomicUsize,
    all: Notify,
    room: Semaphore,
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, count, event] = words.as_slice() else {
        return Err("REDIS_URL COUNT EVENT".into());
    };
    let (count, event): (usize, Event) = (count.parse()?, serde_json::from_str(event)?);
    let config = Config::default()
        .queue("peer")
        .batch_size(BATCH)
        .lock_tasks(false)
        .emit_events(false);
    let storage =
        RedisStorage::<Event>::new(apalis_redis::connect(url.as_str()).await?).with_config(config.clone());
    let seen = Arc::new(Seen {
        events: (0..count).map(|_| AtomicBool::new(false)).collect(),
        distinct: AtomicUsize::new(0),
        all: Notify::new(),
        room: Semaphore::new(WINDOW),
    });

    let noting = Arc::clone(&seen);
    let handle = move |event: Event| {
        let seen = Arc::clone(&noting);
        async move { seen.note(&event) }
    };
    let polled = RedisStorage::<Event>::new(apalis_redis::connect(url.as_str()).await?)
        .with_config(config)
        .poll_with_interval(POLL);
    let worker = WorkerBuilder::new("peer").backend(polled).build(handle);
    let working = tokio::spawn(worker.run());

    say("begun")?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut publishers = Vec::new();
    for _ in 0..PUBLISHERS {
        let (seen, next, mut storage, event) = (
            Arc::clone(&seen),
            Arc::clone(&next),
            storage.clone(),
            event.clone(),
        );
        publishers.push(tokio::spawn(async move {
            loop {
                let first = next.fetch_add(BULK, Ordering::Relaxed);
                if first >= count {
                    return Ok::<_, BoxDynError>(());
                }
                let numbers = first..count.min(first + BULK);
                seen.room
                    .acquire_many(u32::try_from(numbers.len())?)
                    .await?
                    .forget();
                let events: Vec<Event> = numbers
                    .map(|number| {
                        let mut event = event.clone();
                        event.data.message_id = (FIRST + number).to_string();
                        event
                    })
                    .collect();
                storage.push_bulk(events).await?;
            }
        }));
    }
    for publisher in publishers {
        publisher.await??;
    }
    tokio::select! {
        () = seen.all.notified() => {}
        ended = working => return Err(format!("the worker ended: {:?}", ended?).into()),
    }
    say("done")?;
    Ok(())
}

/// At once, whoever reads it.
fn say(word: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{word}")?;
    out.flush()
}

// === impl Seen ===

impl Seen {
    fn note(&self, event: &Event) -> Result<(), BoxDynError> {
        let number = event.data.message_id.parse::<usize>()?;
        let one = number
            .checked_sub(FIRST)
            .and_then(|at| self.events.get(at))
            .ok_or("another event")?;
        if !one.swap(true, Ordering::Relaxed) {
            self.room.add_permits(1);
            if self.distinct.fetch_add(1, Ordering::Relaxed) + 1 == self.events.len() {
                self.all.notify_one();
            }
        }
        Ok(())
    }
}
