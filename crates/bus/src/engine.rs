//! What Redis and the embedded log do differently, and nothing more.

use crate::place::{Class, ConsumerName, EntryId, GroupName, Key, Position, Stream};
use crate::stats::{Listeners, Removal, Stats};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use lockdown_events::EventId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An event to append. `envelope` is written as it is; it has no `streamId`, which the engine puts first into the live
/// frame.
#[derive(Debug, Clone)]
pub struct Append {
    pub event_id: EventId,
    /// The event type; the live channel.
    pub channel: CompactString,
    pub key: Key,
    pub envelope: Arc<str>,
    /// Whether the same `event_id` appended again within the engine's window (two minutes or more) is the same entry.
    /// Costs as much as the append itself, so only those ask for it who may append twice: relays and retries.
    pub once: bool,
    /// Not said live: everybody who listens has heard it from elsewhere.
    pub quiet: bool,
    /// What it is about, by names under which [`Engine::about`] finds it again. Mostly empty, and free then.
    pub about: Vec<CompactString>,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub position: Position,
    /// How many live subscribers were reached; 0 for one that was there already.
    pub receivers: u64,
    /// It was there already, by `once`.
    pub already: bool,
}

/// Where a new group begins. A group that exists goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With everything that is still kept.
    Oldest,
    /// With what comes after this moment.
    Now,
    /// With what was appended at this time or later.
    At(DateTime<Utc>),
    /// After these entries; streams that are not named begin with the oldest.
    After(BTreeMap<Stream, EntryId>),
}

/// A group, and what it reads.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: GroupName,
    pub classes: Vec<Class>,
}

/// One entry handed to one consumer, which settles it or loses it by silence.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub entry: Position,
    /// Not in the stream but in the group's own inbox: a replay. Its `entry.id` is then the inbox's.
    pub inbox: bool,
    pub channel: CompactString,
    pub envelope: Arc<str>,
    /// How often it was handed out, this time included.
    pub deliveries: u64,
    /// The recorded failures; the holder waits until `due`.
    pub retry: Option<Box<Retry>>,
}

/// The durable record of an entry that failed in a group. It survives the consumer and the engine's restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    pub first_failure: DateTime<Utc>,
    pub last_failure: DateTime<Utc>,
    pub error: String,
    /// Not to be handled before.
    pub due: DateTime<Utc>,
}

/// What a handler's failure was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At most 2 KiB are kept.
    pub error: String,
    pub at: DateTime<Utc>,
}

/// What a consumer does with a delivery that it holds. All but `Ack` change nothing when the consumer holds it no
/// longer (another took it over), and say so.
#[derive(Debug, Clone)]
pub enum Settlement {
    /// Handled. Accepted from a former holder too: the event was handled, whoever did it.
    Ack,
    /// Failed; stays with this consumer, which hands it to its handler again at `due`.
    Retry { failure: Failure, due: DateTime<Utc> },
    /// Given up: to the dead letters, and out of the group, in one step.
    Dead { failure: Failure, reason: DeadReason },
    /// Still being handled: the time after which others may take it begins anew.
    Renew,
    /// Not begun: others may take it at once, and this time does not count among its deliveries.
    Release,
}

/// Why an event is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// Failed as often as it may.
    Exhausted,
    /// The handler said that another try is useless.
    Permanent,
    /// Its envelope cannot be read.
    Undecodable,
    /// It was handed out again and again without an answer: it seems to kill its handler's process.
    Poison,
}

/// The id of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeadId(pub CompactString);

/// An event that a group gave up, with all that is known.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: DeadId,
    pub group: GroupName,
    pub consumer: ConsumerName,
    /// Where it lay.
    pub entry: Position,
    pub channel: CompactString,
    pub envelope: Arc<str>,
    pub reason: DeadReason,
    pub attempts: u32,
    pub first_failure: DateTime<Utc>,
    pub last_failure: DateTime<Utc>,
    pub error: String,
}

/// Which dead letters; an absent member takes all.
#[derive(Debug, Clone, Default)]
pub struct DeadFilter {
    pub group: Option<GroupName>,
    pub channel: Option<CompactString>,
    pub reason: Option<DeadReason>,
    pub before: Option<DateTime<Utc>>,
}

/// An entry as it lies in a stream.
#[derive(Debug, Clone)]
pub struct Stored {
    pub position: Position,
    /// When it was appended, by the engine's clock: to the millisecond or finer. It never falls within a stream.
    pub at: DateTime<Utc>,
    pub channel: CompactString,
    pub envelope: Arc<str>,
}

/// What must stand under a mark's name so that it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    Absent,
    Is(&'a str),
    AbsentOr(&'a str),
}

/// An item of a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub item: String,
    pub text: String,
    /// Zero when it is overdue.
    pub due_in: Duration,
}

/// What is looked for on a board, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BoardLook {
    All,
    TakeDue,
    PutOffDue(Duration),
}

/// Something that is counted with others under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// At most [`Tally::LONGEST_NAME`] letters, digits, `-`, `_` and `/`.
    pub name: String,
    /// What tells it from others of the same moment: the same text at the same time is the same thing.
    pub text: String,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// How far back the caller looks.
    pub within: Duration,
    /// For how long, by the engine's clock, the name is kept when nothing is added under it any more.
    pub lasts: Duration,
    /// So many things stand under the name at most: the newest.
    pub most: usize,
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tallied {
    pub at: i64,
    pub text: String,
}

/// What a live listener hears.
#[derive(Debug, Clone)]
pub enum Frame {
    /// Something was published. `text` is the envelope, with `streamId` first when it lies in a stream.
    Said { channel: CompactString, text: Arc<str> },
    /// Something may have been missed: the connection was lost and is back. What lies in streams can be read again.
    Gap,
}

/// The engine's one live connection of this process: everything subscribed to, in the order of publishing.
#[async_trait]
pub trait Live: Send + Sync {
    /// Returns when the subscription is in force: what is published from then on is heard. Patterns are Redis globs.
    async fn subscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError>;
    async fn unsubscribe(&self, patterns: &[CompactString]) -> Result<(), LiveError>;
    /// The next frame; survives the loss of the connection, which it reports as [`Frame::Gap`]. Safe to cancel, and
    /// goes on while a subscription is being changed. A frame comes once however many patterns match it. For one
    /// caller at a time.
    async fn next(&self) -> Result<Frame, LiveError>;
}

/// Why listening cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("the bus is closed")]
    Closed,
    #[error("the live connection cannot take this subscription")]
    Engine(#[source] EngineError),
}

/// Why a call of the engine has no result. What it would have done may have happened or not.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Worth trying again.
    #[error("the bus cannot be reached")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Full: nothing was written.
    #[error("the bus has no room left")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not worth trying again unchanged.
    #[error("the bus refused the call")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the bus is closed")]
    Closed,
}

/// A durable log with groups, and live channels beside it.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Appends a batch in its order: each event to its stream and, in the same step, live on its channel. When it
    /// returns, each appended event can be read and survives the death of this process (and, as far as the engine is
    /// configured so, of the machine). One refused event does not hold up its neighbours. `Err` means that nothing is
    /// known of any: the caller appends the same batch again, in the same order, with the same ids.
    async fn append(&self, batch: &[Append]) -> Result<Vec<Result<Appended, EngineError>>, EngineError>;

    /// Says something live, with no stream behind it. Returns how many listeners were reached.
    async fn say(&self, channel: &str, text: &str) -> Result<u64, EngineError>;

    /// Makes the group where it does not exist. Idempotent; safe at the same time from many processes.
    async fn open_group(&self, group: &Group, start: &Start) -> Result<(), EngineError>;

    /// New entries for a consumer, at most `max`, waiting at most `wait` for the first. What is returned is held by
    /// the consumer until it is settled or taken over. When the group's place was lost (the log was replaced), it
    /// goes on after the last entry known to be acknowledged, else from the oldest, never from the end.
    async fn read(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, EngineError>;

    /// Entries that other consumers have held for `idle` without a word, at most `max`, now held by this one with
    /// their attempts and content. One that was trimmed away meanwhile is dropped and counted, not returned.
    async fn take_over(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError>;

    /// Settles deliveries. The results say, in the same order, whether each still was this consumer's to settle.
    async fn settle(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
    ) -> Result<Vec<bool>, EngineError>;

    /// Takes a consumer off the group if it holds nothing; says whether it did.
    async fn remove_consumer(&self, group: &Group, consumer: &ConsumerName) -> Result<bool, EngineError>;

    /// Entries after `after` and not after `until`, oldest first, at most `max`.
    async fn range(
        &self,
        stream: Stream,
        after: EntryId,
        until: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError>;

    /// The last entry appended before this time; the stream's beginning if there is none.
    async fn place_at(&self, stream: Stream, at: DateTime<Utc>) -> Result<EntryId, EngineError>;

    /// The last entry of a stream.
    async fn last(&self, stream: Stream) -> Result<EntryId, EngineError>;

    /// Dead letters, oldest first, after this one, at most `max`.
    async fn dead_letters(
        &self,
        filter: &DeadFilter,
        after: Option<&DeadId>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, EngineError>;

    /// Hands a dead letter to its group again, and to no other, without its failures, and takes it off the dead
    /// letters in the same step; works when the stream has trimmed it. `false` when there is no such letter (any more).
    async fn replay_dead(&self, id: &DeadId) -> Result<bool, EngineError>;

    /// Hands all dead letters that the filter takes to their groups again, oldest first, each as
    /// [`Engine::replay_dead`] does; returns how many. One that dies again meanwhile stays. Cut off in the middle it has
    /// handed out some, and the next call goes on with the rest.
    async fn replay_dead_of(&self, filter: &DeadFilter) -> Result<u64, EngineError> {
        const PAGE: usize = 256;
        // All are looked up before, for whatever is handed out may die again at once.
        let mut ids: Vec<DeadId> = Vec::new();
        loop {
            let page = self.dead_letters(filter, ids.last(), PAGE).await?;
            if page.is_empty() {
                break;
            }
            ids.extend(page.into_iter().map(|letter| letter.id));
        }
        let mut replayed = 0;
        for id in &ids {
            replayed += u64::from(self.replay_dead(id).await?);
        }
        Ok(replayed)
    }

    /// Takes a dead letter away for good; says whether it was there.
    async fn drop_dead(&self, id: &DeadId) -> Result<bool, EngineError>;

    /// Hands stored entries to one group again, by its inbox.
    async fn replay(&self, group: &Group, entries: &[Stored]) -> Result<(), EngineError>;

    /// How many entries a stream holds.
    async fn length(&self, stream: Stream) -> Result<u64, EngineError>;

    /// The kept entries after `after` that were appended with this name among their `about`, oldest first, at most
    /// `max`; found without a look at the others. Of one name in one stream the newest ten thousand at least are known.
    async fn about(
        &self,
        stream: Stream,
        name: &str,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError>;

    /// Removes from a stream what was appended before `before`, but never what a group has not settled; then, whatever
    /// the groups did, all but the newest `most`. Returns how many entries went, and how many of them unsettled.
    async fn trim(&self, stream: Stream, before: DateTime<Utc>, most: u64) -> Result<Trimmed, EngineError> {
        self.trim_until(stream, before, most, EntryId::MAX).await
    }

    /// As [`Engine::trim`], but nothing after this entry, however many are left.
    async fn trim_until(
        &self,
        stream: Stream,
        before: DateTime<Utc>,
        most: u64,
        until: EntryId,
    ) -> Result<Trimmed, EngineError>;

    /// Sets a named value that ends by itself, if what stands there lets it; else returns what stands in its way (an
    /// empty text where nothing stands). Leases and "done already" are made of it. Time is the engine's.
    async fn mark(
        &self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, EngineError>;

    /// Takes a mark away if it has this value; says whether it did.
    async fn unmark(&self, name: &str, value: &str) -> Result<bool, EngineError>;

    /// Puts an item on a board, or puts off when it is due and replaces its text. Says whether it was not there, or
    /// was overdue. It stays until it is taken off. Time is the engine's.
    async fn post(&self, board: &str, item: &str, text: &str, due_in: Duration) -> Result<bool, EngineError>;

    /// What is on a board, what is due first before all else.
    async fn posted(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError>;

    /// Takes off what is overdue: of many who ask, one gets each item.
    async fn take_due(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError>;

    /// Puts off what is overdue by so much, and tells it: of many who ask, one gets each item. Who has done what it means
    /// takes it off; if they die before, it is another's then.
    async fn put_off_due(&self, board: &str, by: Duration, max: usize) -> Result<Vec<Posted>, EngineError>;

    /// Takes an item off; its text, if it was there.
    async fn unpost(&self, board: &str, item: &str) -> Result<Option<String>, EngineError>;

    /// Adds each thing under its name, once, and tells in the same order what stands there up to it, in the order in which
    /// it was added, itself last. One that was there already finds what it found before. Under a name stay the newest,
    /// without what happened two windows before one that was added later. Of a call that fails, some may have been added.
    async fn tally(&self, things: &[Tally]) -> Result<Vec<Vec<Tallied>>, EngineError>;

    /// What lies where and how far each group is, from what the log knows by name: nothing is searched for. For people
    /// and gauges, some times a minute.
    async fn stats(&self) -> Result<Stats, EngineError>;

    /// How many listen to these channels, and to how many patterns.
    async fn listeners(&self, channels: &[CompactString]) -> Result<Listeners, EngineError>;

    /// Removes a group with its inbox and its retries, but for its dead letters, which are evidence. While something is
    /// open it does so only when `force`d. A consumer that still reads makes the group again, so it is stopped before.
    async fn remove_group(&self, group: &GroupName, force: bool) -> Result<Removal, EngineError>;

    /// Takes dead letters away for good: those that died before `before`, then all but the newest `most` of each stream.
    /// Returns how many went.
    async fn expire_dead(&self, before: DateTime<Utc>, most: u64) -> Result<u64, EngineError>;

    /// Opens this process's live connection.
    async fn live(&self) -> Result<Box<dyn Live>, EngineError>;

    /// Returns when the engine is back after it was away: whoever waits before another try need not wait any longer. A
    /// hint, that may be missed; of an engine that is never away it does not come.
    async fn back(&self) {
        std::future::pending::<()>().await;
    }

    /// Asks the engine for a sign of life.
    async fn ping(&self) -> Result<Duration, EngineError>;

    /// Lets go of everything; calls after it fail with [`EngineError::Closed`]. A second call does no harm.
    async fn close(&self);
}

/// What a trim removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    pub entries: u64,
    /// Of them, entries that some group had not settled: lost for it.
    pub unsettled: u64,
}

// === impl Tally ===

impl Tally {
    pub const LONGEST_NAME: usize = 100;
    /// What happened then or before is let go when this is added.
    pub(crate) fn oldest(&self) -> i64 {
        let window = i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX);
        self.at.saturating_sub(window.saturating_mul(2))
    }
}

// === impl DeadReason ===

impl DeadReason {
    pub const ALL: [Self; 4] = [Self::Exhausted, Self::Permanent, Self::Undecodable, Self::Poison];

    /// Its name, as it is kept and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Permanent => "permanent",
            Self::Undecodable => "undecodable",
            Self::Poison => "poison",
        }
    }

    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
