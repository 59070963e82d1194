//! Events from outside: what other programs publish in this Redis, in whichever way they know.
//!
//! A plain `PUBLISH` on an event's channel is heard like everything else, and recognised by what it lacks: a place in a
//! stream. An `XADD` to the inlet (`lockdown:in`) waits there until it is read. Either becomes an entry like our own, once,
//! although several processes may run an intake: by its event id, which an event without one gets from its content.
//! What is published while no intake listens is lost, as Pub/Sub has it; the inlet keeps it.

use super::{RedisEngine, error, reply};
use crate::backoff::Backoff;
use crate::engine::{Append, EngineError};
use crate::history::about;
use crate::live::{Heard, Hub, ListenOptions, Said, SubscribeError, Subscription};
use crate::place::{ConsumerName, EntryId, Key};
use crate::spool::append_until_known;
use ::redis::{Value, cmd};
use compact_str::CompactString;
use lockdown_events::{Envelope, EventId, TYPES};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const GROUP: &str = "intake";
const BATCH: usize = 256;
/// How often the inlet is looked at while it is empty.
const LOOK: Duration = Duration::from_millis(100);
/// What another intake has read and not taken off for so long, it will not take off any more.
const SILENT: Duration = Duration::from_secs(30);
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    cap: Duration::from_secs(5),
};

/// Takes in events from outside as long as it is held.
pub struct Intake {
    stop: CancellationToken,
    tasks: TaskTracker,
}

// === impl Intake ===

impl Intake {
    pub async fn start(
        engine: Arc<RedisEngine>,
        hub: &Hub,
        name: ConsumerName,
    ) -> Result<Self, SubscribeError> {
        let channels: Vec<&str> = TYPES.iter().map(|info| info.name).collect();
        let heard = hub.subscribe(&channels, &ListenOptions::default()).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(
            stop.clone()
                .run_until_cancelled_owned(take_in_heard(Arc::clone(&engine), heard)),
        );
        tasks.spawn(
            stop.clone()
                .run_until_cancelled_owned(take_in_inlet(engine, name)),
        );
        Ok(Self { stop, tasks })
    }

    /// Takes in nothing more, and returns when nothing is in hand.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn take_in_heard(engine: Arc<RedisEngine>, mut heard: Subscription) {
    while let Some(heard) = heard.next().await {
        match heard {
            Heard::Said(Said {
                channel,
                text,
                position: None,
            }) => {
                let append = foreign(&channel, &text, true);
                // Refused, it is told; a closed engine hears nothing more.
                if take_in(&engine, &[append], "publish").await.is_err() {
                    return;
                }
            }
            Heard::Said(_) => {}
            Heard::Missed { .. } => {
                tracing::warn!("What other programs published a moment ago may not have been heard");
            }
        }
    }
}

async fn take_in_inlet(engine: Arc<RedisEngine>, name: ConsumerName) {
    let mut failures = 0;
    let mut looked_back = tokio::time::Instant::now();
    loop {
        let back = looked_back.elapsed() >= SILENT / 3;
        let pause = match engine.take_from_inlet(&name, back).await {
            Ok(0) => LOOK,
            Ok(_) => Duration::ZERO,
            Err(EngineError::Closed) => return,
            Err(error) => {
                failures += 1;
                tracing::debug!("Could not look into the inlet: {error}");
                tokio::time::sleep(BACKOFF.pause(failures)).await;
                continue;
            }
        };
        failures = 0;
        if back {
            looked_back = tokio::time::Instant::now();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Says for each event whether it is in its stream; what the server refuses for good is told.
async fn take_in(
    engine: &RedisEngine,
    batch: &[Append],
    way: &'static str,
) -> Result<Vec<bool>, EngineError> {
    let results = append_until_known(engine, batch).await?;
    let new = results
        .iter()
        .flatten()
        .filter(|appended| !appended.already)
        .count();
    metrics::counter!("lockdown_bus_taken_in_total", "way" => way).increment(new as u64);
    for refused in results.iter().filter_map(|result| result.as_ref().err()) {
        tracing::error!("An event from outside was refused: {refused}");
    }
    Ok(results.iter().map(Result::is_ok).collect())
}

/// An event of somebody else in our shape; what cannot be read as one keeps its text, and ends with the dead letters.
/// `heard`: everybody who listens has heard it already.
fn foreign(channel: &str, text: &str, heard: bool) -> Append {
    match Envelope::decode(text) {
        Ok(envelope) => Append {
            event_id: envelope.event_id,
            channel: envelope.event_type().into(),
            key: Key::of(&envelope),
            envelope: envelope.encode().into(),
            once: true,
            quiet: heard,
            about: about(&envelope),
        },
        Err(error) => {
            tracing::debug!(channel, "What was published is no event: {error}");
            Append {
                event_id: EventId(Uuid::nil()).follow_up(text),
                channel: channel.into(),
                key: Key::none(),
                envelope: text.into(),
                once: true,
                quiet: heard,
                about: Vec::new(),
            }
        }
    }
}

impl RedisEngine {
    /// Takes what waits in the inlet, once; returns how much it was. `back`: also what another has left lying.
    async fn take_from_inlet(&self, name: &ConsumerName, back: bool) -> Result<usize, EngineError> {
        let inlet = self.keys.inlet();
        let mut entries = Vec::new();
        if back {
            let mut claim = cmd("XAUTOCLAIM");
            claim
                .arg(inlet.as_str())
                .arg(GROUP)
                .arg(name.as_str())
                .arg(u64::try_from(SILENT.as_millis()).expect("seconds"))
                .arg("0")
                .arg("COUNT")
                .arg(BATCH);
            if let Some(claimed) = self.of_inlet(&inlet, claim).await? {
                // Where to go on, what was claimed, what was not there any more.
                let mut parts = reply::array(claimed, "XAUTOCLAIM")?.into_iter();
                let claimed = parts.nth(1).ok_or_else(|| error::shape("XAUTOCLAIM"))?;
                entries.extend(reply::entries(claimed, "XAUTOCLAIM")?);
            }
        }
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP")
            .arg(GROUP)
            .arg(name.as_str())
            .arg("COUNT")
            .arg(BATCH)
            .arg("STREAMS")
            .arg(inlet.as_str())
            .arg(">");
        if let Some(read) = self.of_inlet(&inlet, read).await? {
            entries.extend(reply::entries(only_stream(read)?, "XREADGROUP")?);
        }
        if entries.is_empty() {
            return Ok(0);
        }
        let batch: Vec<Append> = entries
            .iter()
            .map(|entry| foreign(&entry.channel, &entry.envelope, false))
            .collect();
        let taken = take_in(self, &batch, "xadd").await?;
        // What was refused stays, and is tried again as what another left lying.
        let ids: Vec<EntryId> = (entries.iter().zip(taken))
            .filter_map(|(entry, taken)| taken.then_some(entry.id))
            .collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let mut calls = Vec::new();
        for name in ["XACK", "XDEL"] {
            let mut call = cmd(name);
            call.arg(inlet.as_str());
            if name == "XACK" {
                call.arg(GROUP);
            }
            for id in &ids {
                call.arg(id.to_string());
            }
            calls.push(call.into());
        }
        for value in self.calls.many(calls).await? {
            super::calls::unwrapped(value)?;
        }
        Ok(ids.len())
    }

    /// A command over the inlet's group, which is made where it is missing; then there is nothing yet.
    async fn of_inlet(
        &self,
        inlet: &CompactString,
        command: ::redis::Cmd,
    ) -> Result<Option<Value>, EngineError> {
        match self.calls.many(vec![command.into()]).await?.pop() {
            Some(Value::ServerError(refused)) if error::is_no_group(&refused) => {
                let mut make = cmd("XGROUP");
                make.arg("CREATE")
                    .arg(inlet.as_str())
                    .arg(GROUP)
                    .arg("0")
                    .arg("MKSTREAM");
                match self.calls.many(vec![make.into()]).await?.pop() {
                    Some(Value::ServerError(refused)) if refused.code() != "BUSYGROUP" => {
                        Err(error::server(refused))
                    }
                    _ => Ok(None),
                }
            }
            Some(value) => super::calls::unwrapped(value).map(Some),
            None => Err(error::shape("a pipeline")),
        }
    }
}

/// The entries of a read of one stream: `[[name, entries]]`, or a map.
fn only_stream(value: Value) -> Result<Value, EngineError> {
    match value {
        Value::Nil => Ok(Value::Nil),
        Value::Map(pairs) => Ok(pairs
            .into_iter()
            .next()
            .map_or(Value::Nil, |(_, entries)| entries)),
        value => {
            let Some(stream) = reply::array(value, "XREADGROUP")?.into_iter().next() else {
                return Ok(Value::Nil);
            };
            let mut parts = reply::array(stream, "XREADGROUP")?.into_iter();
            parts.nth(1).ok_or_else(|| error::shape("XREADGROUP"))
        }
    }
}
