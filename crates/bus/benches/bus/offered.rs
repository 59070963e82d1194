//! How long an event takes at a steady rate.
//!
//! Each is published by a caller of its own at the time that is meant for it, whatever became of those before, and
//! its delay counts from that time: a bus that stalls cannot hide it by stalling whoever measures.

use crate::events::Events;
use crate::load;
use crate::server::{self, Server};
use anyhow::{Context as _, ensure};
use lockdown_bus::{Engine, Publisher, PublisherOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;

const SAFETY: Duration = Duration::from_secs(60);

/// Delays from the time meant for the call of `publish` until the handler has the event, in milliseconds.
pub(crate) struct Offered {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

struct Delays {
    begun: Instant,
    /// When each was handled, in nanoseconds since the begin.
    handled: Vec<AtomicU64>,
    distinct: AtomicUsize,
    all: Notify,
}

// === impl Offered ===

impl Offered {
    pub(crate) async fn redis(
        server: &Server,
        events: &Arc<Events>,
        rate: usize,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let offered = run(server.engine().await?, events, rate, time).await?;
        let left = server::pending(&server.url(), &load::group()?).await?;
        ensure!(left == 0, "{left} events were not acknowledged");
        server.clean()?;
        Ok(offered)
    }

    pub(crate) async fn embedded(events: &Arc<Events>, rate: usize, time: Duration) -> anyhow::Result<Self> {
        let (engine, _directory) = crate::embedded_log()?;
        run(engine, events, rate, time).await
    }
}

async fn run(
    engine: Arc<dyn Engine>,
    events: &Arc<Events>,
    rate: usize,
    time: Duration,
) -> anyhow::Result<Offered> {
    let count = rate * usize::try_from(time.as_secs())?;
    let pause = Duration::from_secs(1) / u32::try_from(rate)?;
    let delays = Arc::new(Delays {
        // What comes first finds everything started.
        begun: Instant::now() + Duration::from_millis(200),
        handled: (0..count).map(|_| AtomicU64::new(0)).collect(),
        distinct: AtomicUsize::new(0),
        all: Notify::new(),
    });
    let noting = Arc::clone(&delays);
    let consumer = load::consume(&engine, move |number| noting.note(number)).await?;
    let publisher = Publisher::start(Arc::clone(&engine), PublisherOptions::default());

    // A thread, for the runtime's timers count in whole milliseconds.
    let (runtime, begun) = (Handle::current(), delays.begun);
    let (offering, events) = (publisher.clone(), Arc::clone(events));
    let offered = std::thread::spawn(move || {
        for number in 0..count {
            let due = begun + pause * u32::try_from(number)?;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (publisher, (envelope, key)) = (offering.clone(), events.make(number)?);
            runtime.spawn(async move { publisher.publish(&envelope, key, false).await });
        }
        anyhow::Ok(())
    });
    tokio::time::timeout(time + SAFETY, delays.all.notified())
        .await
        .with_context(|| {
            let handled = delays.distinct.load(Ordering::Relaxed);
            format!("{handled} of {count} were handled")
        })?;
    ensure!(
        matches!(offered.join(), Ok(Ok(()))),
        "not all events were offered"
    );
    consumer.stop(Duration::from_secs(10)).await;
    publisher.close().await;
    engine.close().await;

    let mut took: Vec<f64> = Vec::with_capacity(count);
    for (number, handled) in delays.handled.iter().enumerate() {
        let meant = pause * u32::try_from(number)?;
        let handled = Duration::from_nanos(handled.load(Ordering::Relaxed));
        took.push(handled.saturating_sub(meant).as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    Ok(Offered {
        p50: at(50),
        p99: at(99),
    })
}

// === impl Delays ===

impl Delays {
    fn note(&self, number: usize) {
        let at = u64::try_from(self.begun.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        if self.handled[number].swap(at, Ordering::Relaxed) == 0
            && self.distinct.fetch_add(1, Ordering::Relaxed) + 1 == self.handled.len()
        {
            self.all.notify_one();
        }
    }
}
