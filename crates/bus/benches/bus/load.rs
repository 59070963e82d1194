//! Full load: as many as it takes.

use crate::events::{self, Events, TYPE};
use crate::process;
use crate::server::{self, Server};
use anyhow::{Context as _, ensure};
use lockdown_bus::{
    Consumer, ConsumerName, ConsumerOptions, Engine, Frame, Group, GroupName, Handler, HandlerError,
    Publisher, PublisherOptions, Start,
};
use lockdown_runtime::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Tasks that each publish one event after the other: with fewer under way than redis-benchmark, which has 3,200.
const CALLERS: usize = 2_048;
/// Nothing here takes as long unless it is broken.
const SAFETY: Duration = Duration::from_secs(120);

/// What a load came to.
pub(crate) struct Load {
    /// Events a second, from the first call of `publish` until every event is handled.
    pub(crate) rate: f64,
    /// Processor time for an event: ours, and the server's.
    pub(crate) client_us: f64,
    pub(crate) server_us: f64,
    /// What the server keeps of an event once it is acknowledged.
    pub(crate) server_bytes: f64,
}

/// Counts what the handler sees.
struct Seen {
    events: Vec<AtomicBool>,
    distinct: AtomicUsize,
    all: Notify,
}

// === impl Load ===

impl Load {
    pub(crate) async fn durable(server: &Server, events: &Arc<Events>, count: usize) -> anyhow::Result<Self> {
        let (engine, memory) = (server.engine().await?, server.memory()?);
        let mut load = run(engine, Some(server.id()?), events, count).await?;
        let left = server::pending(&server.url(), &group()?).await?;
        ensure!(left == 0, "{left} events were not acknowledged");
        load.server_bytes = (server.memory()? - memory) / count as f64;
        server.clean()?;
        Ok(load)
    }

    /// With somebody who listens.
    pub(crate) async fn live(server: &Server, events: &Arc<Events>, count: usize) -> anyhow::Result<Self> {
        let engine = server.engine().await?;
        let live = engine.live().await?;
        live.subscribe(&[TYPE.into()]).await?;
        let heard = tokio::spawn(async move {
            let mut heard = 0;
            while heard < count {
                match live.next().await? {
                    Frame::Said { .. } => heard += 1,
                    Frame::Gap => anyhow::bail!("the listener did not keep up after {heard} frames"),
                }
            }
            anyhow::Ok(Instant::now())
        });
        let begun = Instant::now();
        let mut load = run(engine, Some(server.id()?), events, count).await?;
        let heard = tokio::time::timeout(SAFETY, heard)
            .await
            .context("not all were heard")???;
        // The slower of the two counts.
        load.rate = load.rate.min(count as f64 / (heard - begun).as_secs_f64());
        server.clean()?;
        Ok(load)
    }

    pub(crate) async fn embedded(events: &Arc<Events>, count: usize) -> anyhow::Result<Self> {
        let (engine, _directory) = crate::embedded_log()?;
        let load = run(Arc::clone(&engine) as _, None, events, count).await?;
        engine.close().await;
        Ok(load)
    }
}

/// Publishes, handles and acknowledges `count` events.
async fn run(
    engine: Arc<dyn Engine>,
    server: Option<u32>,
    events: &Arc<Events>,
    count: usize,
) -> anyhow::Result<Load> {
    let seen = Arc::new(Seen {
        events: (0..count).map(|_| AtomicBool::new(false)).collect(),
        distinct: AtomicUsize::new(0),
        all: Notify::new(),
    });
    let watching = Arc::clone(&seen);
    let consumer = consume(&engine, move |number| watching.note(number)).await?;
    let publisher = Publisher::start(Arc::clone(&engine), PublisherOptions::default());
    let next = Arc::new(AtomicUsize::new(0));
    let server_before = server.map(process::cpu_seconds).transpose()?;
    let client_before = process::cpu_seconds(std::process::id())?;
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (publisher, events, next) = (publisher.clone(), Arc::clone(events), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                let (envelope, key) = events.make(number)?;
                publisher.publish(&envelope, key, false).await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    // By then all but those in hand are acknowledged, for the reader waits for acknowledgements: a thousandth.
    tokio::time::timeout(SAFETY, seen.all.notified())
        .await
        .with_context(|| {
            format!(
                "{} of {count} were handled",
                seen.distinct.load(Ordering::Relaxed)
            )
        })?;
    let took = begun.elapsed().as_secs_f64();
    let client = process::cpu_seconds(std::process::id())? - client_before;
    let server = match (server, server_before) {
        (Some(id), Some(before)) => process::cpu_seconds(id)? - before,
        _ => 0.0,
    };
    consumer.stop(Duration::from_secs(10)).await;
    publisher.close().await;
    let group = Group {
        name: group()?,
        classes: vec![lockdown_bus::Class::Message],
    };
    let other = ConsumerName::new("auditor")?;
    let held = engine.take_over(&group, &other, Duration::ZERO, 1).await?;
    ensure!(held.is_empty(), "an event was not acknowledged");
    engine.close().await;
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    Ok(Load {
        rate: count as f64 / took,
        client_us: each(client),
        server_us: each(server),
        server_bytes: 0.0,
    })
}

/// A consumer as a service has it, which tells of each message's number.
pub(crate) async fn consume(
    engine: &Arc<dyn Engine>,
    handled: impl Fn(usize) + Send + Sync + 'static,
) -> anyhow::Result<Consumer> {
    let handled = Arc::new(handled);
    let handler = Handler::new("count", [TYPE], move |received| {
        let handled = Arc::clone(&handled);
        async move {
            let number = events::number(&received.event);
            handled(number.ok_or_else(|| HandlerError::Never("another event".into()))?);
            Ok(())
        }
    });
    let consumer = Consumer::start(
        Arc::clone(engine),
        group()?,
        ConsumerName::new("one")?,
        &Start::Oldest,
        vec![handler],
        ConsumerOptions::default(),
        Clock::system(),
    );
    Ok(consumer.await?)
}

pub(crate) fn group() -> anyhow::Result<GroupName> {
    Ok(GroupName::new("bench.count")?)
}

// === impl Seen ===

impl Seen {
    fn note(&self, number: usize) {
        if self.events[number].swap(true, Ordering::Relaxed) {
            return;
        }
        if self.distinct.fetch_add(1, Ordering::Relaxed) + 1 == self.events.len() {
            self.all.notify_one();
        }
    }
}
