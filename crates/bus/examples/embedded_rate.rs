//! How many events a second go through an embedded log, end to end, and how long one takes at an offered rate.
//!
//! `cargo run --release -p lockdown-bus --example embedded_rate -- [full|normal|memory] [groups] [listeners]`

use anyhow::Context as _;
use lockdown_bus::{
    Append, Class, ConsumerName, Durability, EmbeddedEngine, Engine, Group, GroupName, Key, Options,
    Settlement, Start,
};
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_runtime::{Clock, Ids};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// An event of the size of an ordinary message.
const BYTES: usize = 407;
const COMMUNITIES: usize = 256;
/// A publisher's batch at full load, and how many are under way.
const BATCH: usize = 128;
const PUBLISHERS: usize = 8;
const LOAD: usize = 500_000;

/// A log of its own in a directory that goes with it.
struct Bench {
    engine: Arc<EmbeddedEngine>,
    ids: Ids,
    keys: Vec<Key>,
    groups: Vec<Group>,
    begun: Instant,
    _directory: tempfile::TempDir,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let durability = match arguments.next().as_deref() {
        None | Some("full") => Durability::Full,
        Some("normal") => Durability::Normal,
        Some("memory") => Durability::Memory,
        Some(other) => anyhow::bail!("`{other}` is none of full, normal and memory"),
    };
    let number = |text: Option<String>| text.map_or(Ok(1), |text| text.parse::<usize>());
    let groups = number(arguments.next()).context("how many groups")?;
    let listeners = arguments
        .next()
        .map_or(Ok(0), |text| text.parse())
        .context("how many listeners")?;

    let bench = Bench::new(durability, groups).await?;
    for _ in 0..listeners {
        bench.listen().await?;
    }
    let rate = LOAD as f64 / bench.saturate().await?.as_secs_f64();
    println!("{durability:?}, {groups} groups, {listeners} listeners");
    println!("saturated: {rate:.0} events/s end to end");
    for offered in [1_000, 10_000, 50_000] {
        let mut took = bench.offer(offered, Duration::from_secs(5)).await?;
        took.sort_unstable();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        println!(
            "at {offered}/s: p50 {:?}, p99 {:?}, most {:?} of {}",
            at(0.5),
            at(0.99),
            at(1.0),
            took.len()
        );
    }
    bench.engine.close().await;
    Ok(())
}

impl Bench {
    async fn new(durability: Durability, groups: usize) -> anyhow::Result<Self> {
        // Beside the build's output: a directory for temporary files may lie in memory.
        let directory = tempfile::tempdir_in(".")?;
        let clock = Clock::system();
        let options = Options {
            durability,
            ..Options::default()
        };
        let engine = EmbeddedEngine::open(&directory.path().join("events.db"), &options, clock.clone())?;
        let keys = (0..COMMUNITIES)
            .map(|n| Ok(Key::community(Platform::Discord, &GuildId::new(&n.to_string())?)))
            .collect::<anyhow::Result<_>>()?;
        let groups = (0..groups)
            .map(|n| {
                let name = GroupName::new(&format!("bench.g{n}"))?;
                let classes = vec![Class::Message];
                Ok(Group { name, classes })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        for group in &groups {
            engine.open_group(group, &Start::Oldest).await?;
        }
        Ok(Self {
            engine: Arc::new(engine),
            ids: Ids::system(clock),
            keys,
            groups,
            begun: Instant::now(),
            _directory: directory,
        })
    }

    /// An event that says when it was made.
    fn event(&self, n: usize) -> Append {
        let event_id = EventId(self.ids.next());
        let made = self.begun.elapsed().as_nanos();
        let head = format!(r#"{{"made":{made:020},"eventId":"{event_id}","text":""#);
        let envelope = format!("{head}{}\"}}", "x".repeat(BYTES - head.len() - 2));
        Append {
            event_id,
            channel: "message:created".into(),
            key: self.keys[n % COMMUNITIES].clone(),
            envelope: envelope.into(),
            once: false,
            quiet: false,
            about: Vec::new(),
        }
    }

    async fn listen(&self) -> anyhow::Result<()> {
        let live = self.engine.live().await?;
        live.subscribe(&["message:*".into()]).await?;
        tokio::spawn(async move { while live.next().await.is_ok() {} });
        Ok(())
    }

    /// Reads and acknowledges `count` events for every group; the first group's delays are sent on.
    fn consume(
        &self,
        count: usize,
        delays: Option<&mpsc::UnboundedSender<Duration>>,
    ) -> Vec<tokio::task::JoinHandle<anyhow::Result<()>>> {
        let each = self.groups.iter().enumerate().map(|(n, group)| {
            let (engine, group, begun) = (Arc::clone(&self.engine), group.clone(), self.begun);
            let delays = delays.filter(|_| n == 0).cloned();
            tokio::spawn(async move {
                let me = ConsumerName::new("bench")?;
                let mut left = count;
                // Acknowledgements go out while the next are read, as a real consumer's do.
                let (handled, mut settled) = mpsc::channel::<Vec<_>>(4);
                let acker = {
                    let (engine, group, me) = (Arc::clone(&engine), group.clone(), me.clone());
                    tokio::spawn(async move {
                        while let Some(mut batch) = settled.recv().await {
                            while let Ok(more) = settled.try_recv() {
                                batch.extend(more);
                            }
                            engine.settle(&group, &me, &batch).await?;
                        }
                        anyhow::Ok(())
                    })
                };
                while left > 0 {
                    let held = engine.read(&group, &me, 512, Duration::from_secs(10)).await?;
                    anyhow::ensure!(!held.is_empty(), "events are missing");
                    left -= held.len();
                    if let Some(delays) = &delays {
                        let now = begun.elapsed();
                        for delivery in &held {
                            let made: u64 = delivery.envelope[8..28].parse()?;
                            delays.send(now.saturating_sub(Duration::from_nanos(made)))?;
                        }
                    }
                    handled
                        .send(held.into_iter().map(|one| (one, Settlement::Ack)).collect())
                        .await?;
                }
                drop(handled);
                acker.await?
            })
        });
        each.collect()
    }

    /// As many as it takes; returns how long the load was under way.
    async fn saturate(&self) -> anyhow::Result<Duration> {
        let mut loads = Vec::new();
        for publisher in 0..PUBLISHERS {
            let batches: Vec<Vec<_>> = (0..LOAD / PUBLISHERS / BATCH + 1)
                .map(|batch| {
                    let done = batch * BATCH;
                    let size = BATCH.min((LOAD / PUBLISHERS).saturating_sub(done));
                    (0..size).map(|n| self.event(publisher + n)).collect()
                })
                .collect();
            loads.push(batches);
        }
        let begun = Instant::now();
        let consumers = self.consume(LOAD, None);
        let mut publishers = Vec::new();
        for batches in loads {
            let engine = Arc::clone(&self.engine);
            publishers.push(tokio::spawn(async move {
                for batch in batches {
                    engine.append(&batch).await?;
                }
                anyhow::Ok(())
            }));
        }
        for task in publishers.into_iter().chain(consumers) {
            task.await??;
        }
        Ok(begun.elapsed())
    }

    /// So many a second, each published by itself when its time has come.
    async fn offer(&self, rate: usize, time: Duration) -> anyhow::Result<Vec<Duration>> {
        let count = rate * usize::try_from(time.as_secs())?;
        let (delays, mut delayed) = mpsc::unbounded_channel();
        let consumers = self.consume(count, Some(&delays));
        drop(delays);
        let begun = Instant::now();
        let mut made = 0;
        while made < count {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as usize;
            while made < due.min(count) {
                let (engine, event) = (Arc::clone(&self.engine), self.event(made));
                tokio::spawn(async move { engine.append(&[event]).await });
                made += 1;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        for consumer in consumers {
            consumer.await??;
        }
        let mut took = Vec::with_capacity(count);
        while let Some(delay) = delayed.recv().await {
            took.push(delay);
        }
        Ok(took)
    }
}
