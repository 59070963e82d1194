//! What the same machine does with bare tools.

use crate::events::{Events, TYPE};
use crate::server::{self, Server};
use anyhow::{Context as _, ensure};
use redis::aio::MultiplexedConnection;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

/// Events a second that redis-benchmark appends, with the very entry that our engine writes.
pub(crate) fn pipelined_xadd(server: &Server, events: &Events, count: usize) -> anyhow::Result<f64> {
    let envelope = events.make(0)?.0.encode();
    let program = server.benchmark();
    let mut command = Command::new(&program);
    command
        .args(["-p", &server.port().to_string(), "-c", "50", "-P", "64", "-q"])
        .args(["-n", &(count * 2).to_string()])
        .args(["XADD", "bare", "*", "t", TYPE, "d", &envelope]);
    let output = command
        .output()
        .with_context(|| format!("could not run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "redis-benchmark failed ({})",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    // It tells how far it is before it tells the result.
    let rate = text
        .rsplit_once(" requests per second")
        .and_then(|(before, _)| before.rsplit([' ', ':']).next())
        .with_context(|| format!("redis-benchmark said `{}`", text.trim()))?;
    server.clean()?;
    rate.parse().with_context(|| format!("`{rate}` is no rate"))
}

/// Events a second that are published live, each when the one before is answered. Nothing of it lasts.
pub(crate) async fn awaited_publish(server: &Server, events: &Events, count: usize) -> anyhow::Result<f64> {
    let mut connection = server::connection(&server.url()).await?;
    let begun = Instant::now();
    for number in 0..count {
        publish(&mut connection, events, number).await?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// The same by 64 callers over the one connection.
pub(crate) async fn concurrent_publish(
    server: &Server,
    events: &Arc<Events>,
    count: usize,
) -> anyhow::Result<f64> {
    let connection = server::connection(&server.url()).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (mut connection, events, next) = (connection.clone(), Arc::clone(events), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                publish(&mut connection, &events, number).await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

async fn publish(
    connection: &mut MultiplexedConnection,
    events: &Events,
    number: usize,
) -> anyhow::Result<()> {
    let envelope = events.make(number)?.0.encode();
    let mut command = redis::cmd("PUBLISH");
    command.arg(TYPE).arg(envelope);
    let _heard: u64 = command.query_async(connection).await?;
    Ok(())
}
