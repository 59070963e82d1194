//! The memory of a process that consumes while a million entries of its group are pending.

use crate::events::{Events, TYPE};
use crate::load::group;
use crate::process;
use crate::server::{self, Server};
use anyhow::{Context as _, ensure};
use lockdown_bus::{Append, Class, Consumer, ConsumerName, ConsumerOptions, Engine, Group, Handler, Start};
use lockdown_runtime::Clock;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const BATCH: usize = 256;

/// A consumer reads so many entries and dies; the other one is a process of its own, whose memory this is.
pub(crate) async fn consumer_mib(server: &Server, events: &Events, entries: usize) -> anyhow::Result<f64> {
    let engine = server.engine().await?;
    let group = Group {
        name: group()?,
        classes: vec![Class::Message],
    };
    engine.open_group(&group, &Start::Oldest).await?;
    let dead = ConsumerName::new("dead")?;
    let mut read = 0;
    for first in (0..entries).step_by(BATCH) {
        let batch = (first..entries.min(first + BATCH))
            .map(|number| append(events, number))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for appended in engine.append(&batch).await? {
            appended?;
        }
        read += engine
            .read(&group, &dead, 2 * BATCH, Duration::from_secs(1))
            .await?
            .len();
    }
    while read < entries {
        let more = engine
            .read(&group, &dead, 2 * BATCH, Duration::from_secs(1))
            .await?
            .len();
        ensure!(more > 0, "{read} of {entries} entries were read");
        read += more;
    }
    engine.close().await;

    let ourselves = std::env::current_exe().context("could not find ourselves")?;
    let mut child = Command::new(ourselves);
    child.args(["backlog", &server.url(), &entries.to_string()]);
    let output = tokio::task::spawn_blocking(move || child.output())
        .await?
        .context("could not start ourselves")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "the consumer of the backlog failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    server.clean()?;
    said.trim()
        .parse()
        .with_context(|| format!("`{said}` is no size"))
}

fn append(events: &Events, number: usize) -> anyhow::Result<Append> {
    let (envelope, key) = events.make(number)?;
    Ok(Append {
        event_id: envelope.event_id,
        channel: TYPE.into(),
        key,
        envelope: envelope.encode().into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    })
}

/// In the other process: takes in hand what it may, gets stuck with it, and says how large it is.
pub(crate) async fn consume(url: &str, entries: usize) -> anyhow::Result<()> {
    let engine = server::engine(url).await?;
    let stuck = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&stuck);
    let handler = Handler::new("stuck", [TYPE], move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    });
    let options = ConsumerOptions {
        // What the dead one holds is ours soon.
        visibility: Duration::from_secs(1),
        ..ConsumerOptions::default()
    };
    let consumer = Consumer::start(
        Arc::clone(&engine) as _,
        group()?,
        ConsumerName::new("living")?,
        &Start::Oldest,
        vec![handler],
        options,
        Clock::system(),
    )
    .await?;
    let all_stuck = async {
        while stuck.load(Ordering::Relaxed) < options.concurrency {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_stuck)
        .await
        .context("the consumer took nothing over")?;
    // The keeper goes through what is pending a few times more.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pending = server::pending(url, &group()?).await?;
    ensure!(pending == entries, "{pending} of {entries} entries are pending");
    println!("{}", process::resident_mib()?);
    consumer.stop(Duration::ZERO).await;
    engine.close().await;
    Ok(())
}
