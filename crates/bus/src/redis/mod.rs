//! The engine of a fleet: Redis Streams for what lasts, Pub/Sub for what is heard now.
//!
//! Redis 7 or newer, or Valkey, with its append-only file on, `appendfsync always` and `maxmemory-policy noeviction`:
//! [`RedisEngine::connect`] warns of everything else. With `everysec` a busy disk makes Redis answer before it has written,
//! so that even a crash of its process alone loses events that it had confirmed: the process that appended them puts them
//! back, if it lives, as soon as the server answers again.
//! Connections: one for commands, one for each consumer that reads, one for each that listens.
//!
//! What this process keeps: which entries it has handed out, so that those whose answer was lost are found among the ones
//! that the server counts as ours, and so that a group whose place was lost goes on where it was.
//!
//! ```text
//! lockdown:{mod.2}:ev             the events of a partition: a stream with the fields t (channel) and d (envelope)
//! lockdown:{mod.2}:in:<group>     the inbox of a group: what only this group gets once more
//! lockdown:{mod.2}:att:<group>    what failed in a group, how often, and when it is due: a hash
//! lockdown:{mod.2}:dlq            dead letters of all groups: a stream
//! lockdown:{mod.2}:once:<event>   the entry that an event became, for ten minutes: a text
//! lockdown:in                     events of other programs, until they are taken in: a stream
//! lockdown:{mod.2}:about:<name>   the entries that are about something, oldest first: a list of their ids
//! lockdown:seam                   set and removed at each connection: ends what a killed server left open
//! lockdown:mark:<name>            a value that ends by itself: a text
//! lockdown:tally:<name>           what is counted, in the order in which it was added: a list of times and texts
//! lockdown:{board.<name>}:due     when each item of a board is due: a sorted set; beside it :text, what each says: a hash
//! ```
//!
//! To add a script: a file in `lua/` that says what it takes and returns, and a variant of `ScriptName`.

mod append;
mod board;
mod calls;
mod check;
mod connection;
mod dead;
mod error;
mod fold;
mod groups;
mod history;
mod inlet;
mod keys;
mod listeners;
mod live;
mod read;
mod readers;
mod recent;
mod reply;
mod restore;
mod settle;
mod stats;
mod take_over;
mod tally;
mod wire;

pub use check::Warning;
pub use connection::Connection;
pub use inlet::Intake;

use crate::engine::{
    Append, Appended, BoardLook, DeadFilter, DeadId, DeadLetter, Delivery, Engine, EngineError, Group, Live,
    Posted, Settlement, Standing, Start, Stored, Tallied, Tally, Trimmed,
};
use crate::place::{ConsumerName, EntryId, GroupName, Stream};
use crate::stats::{Listeners, Removal, Stats};
use async_trait::async_trait;
use calls::Calls;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use connection::{Dialer, Link};
use keys::Keys;
use lockdown_runtime::{Clock, SecretUrl};
use readers::Readers;
use recent::Recent;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How the engine uses its Redis.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// What every key begins with. Letters, digits, `-`, `_`, `.` and `:`.
    pub prefix: CompactString,
    /// How long a connection or an answer may take.
    pub timeout: Duration,
    /// How much may wait for a listener that does not keep up, in frames and in bytes; beyond it there is a gap.
    pub live_frames: usize,
    pub live_bytes: usize,
}

/// What happened since the start that should not happen often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedisCounts {
    /// Streams in which a group's place was lost and made again.
    pub groups_made_again: u64,
    /// Entries that were trimmed away while a group had not settled them.
    pub ghosts: u64,
    /// Times a listener was told that it may have missed something.
    pub gaps: u64,
    /// Events that the server had confirmed to us and did not have any more after its restart: appended again.
    pub put_back: u64,
}

#[derive(Default)]
struct Counters {
    groups_made_again: AtomicU64,
    ghosts: AtomicU64,
    gaps: AtomicU64,
}

/// The engine that keeps the log in Redis. See [the module](self).
pub struct RedisEngine {
    calls: Calls,
    keys: Keys,
    options: RedisOptions,
    /// Whether keys of several partitions must not be used together.
    cluster: bool,
    readers: Readers,
    counters: Arc<Counters>,
    warnings: Vec<Warning>,
    closing: CancellationToken,
    /// Ended first, so that readers let go of what they have before the connections go.
    reads: CancellationToken,
    /// Ends the command connection with this value. What listens goes on until it is dropped itself, or all is closed.
    _link: DropGuard,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("`{0}` is no prefix for keys: letters, digits, `-`, `_`, `.` and `:`, at most 100 of them")]
    Prefix(CompactString),
    #[error("could not connect to Redis at {address}")]
    Connection {
        address: String,
        source: ::redis::RedisError,
    },
    #[error("could not ask Redis about itself")]
    Questions(#[source] EngineError),
    #[error("Redis is one of {0} nodes of a Cluster, of which only a single one is supported")]
    Nodes(u64),
}

// === impl ConnectError ===

impl ConnectError {
    /// Whether trying again unchanged is useless.
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Prefix(_) | Self::Nodes(_) => true,
            Self::Connection { source, .. } => matches!(
                source.kind(),
                ::redis::ErrorKind::AuthenticationFailed | ::redis::ErrorKind::InvalidClientConfig
            ),
            Self::Questions(failed) => matches!(failed, EngineError::Refused(_)),
        }
    }
}

// === impl RedisOptions ===

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: CompactString::const_new("lockdown"),
            timeout: Duration::from_secs(5),
            live_frames: 64 * 1024,
            live_bytes: 32 * 1024 * 1024,
        }
    }
}

// === impl RedisEngine ===

impl RedisEngine {
    /// Connects, and asks the server whether it keeps what it is given. Fails when the server cannot be reached now;
    /// once connected, the engine comes back by itself whenever the server does.
    pub async fn connect(
        url: &SecretUrl,
        options: RedisOptions,
        clock: &Clock,
    ) -> Result<Self, ConnectError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if options.prefix.is_empty() || options.prefix.len() > 100 || !options.prefix.chars().all(allowed) {
            return Err(ConnectError::Prefix(options.prefix));
        }
        let connection = |source| ConnectError::Connection {
            address: url.masked(),
            source,
        };
        let dialer = Dialer::new(url, options.timeout).map_err(connection)?;
        let scripts = calls::scripts();
        let closing = CancellationToken::new();
        let until = closing.child_token();
        // Should a question below fail, what runs in the background ends with it.
        let guard = until.clone().drop_guard();
        let keys = Keys::new(&options.prefix);
        let recent = Recent::new(keys.clone());
        let link = Link::connect(dialer, Arc::clone(&scripts), recent, until.clone())
            .await
            .map_err(connection)?;
        let calls = Calls::new(link, scripts);
        let found = check::ask(&calls, clock).await.map_err(ConnectError::Questions)?;
        if found.nodes > 1 {
            return Err(ConnectError::Nodes(found.nodes));
        }
        for warning in &found.warnings {
            tracing::warn!(address = url.masked(), "{warning}");
        }
        Ok(Self {
            calls,
            keys,
            options,
            cluster: found.cluster,
            readers: Readers::default(),
            counters: Arc::default(),
            warnings: found.warnings,
            closing,
            reads: until.child_token(),
            _link: guard,
        })
    }

    /// The state of the command connection, as it changes.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.calls.link().state()
    }

    /// What was found at the start that endangers what the bus promises.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub fn counts(&self) -> RedisCounts {
        RedisCounts {
            groups_made_again: self.counters.groups_made_again.load(Ordering::Relaxed),
            ghosts: self.counters.ghosts.load(Ordering::Relaxed),
            gaps: self.counters.gaps.load(Ordering::Relaxed),
            put_back: self.calls.link().recent().put_back(),
        }
    }

    /// Gives back what was read beyond its bound and never handed out.
    async fn release_surplus(&self) {
        for ((name, consumer), reader) in self.readers.drain() {
            let surplus = std::mem::take(&mut reader.reading.lock().await.surplus);
            if surplus.is_empty() {
                continue;
            }
            let group = Group {
                name,
                classes: Vec::new(),
            };
            let released: Vec<_> = surplus
                .into_iter()
                .map(|delivery| (delivery, Settlement::Release))
                .collect();
            if let Err(failed) = self.settle_all(&group, &consumer, &released).await {
                tracing::debug!(error = %failed, "Could not give back what was read: others take it over later");
            }
        }
    }
}

#[async_trait]
impl Engine for RedisEngine {
    async fn append(&self, batch: &[Append]) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
        self.calls.open()?;
        self.append_batch(batch).await
    }

    async fn say(&self, channel: &str, text: &str) -> Result<u64, EngineError> {
        self.say_live(channel, text).await
    }

    async fn open_group(&self, group: &Group, start: &Start) -> Result<(), EngineError> {
        self.make_group(group, start).await
    }

    async fn read(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, EngineError> {
        self.read_new(group, consumer, max, wait).await
    }

    async fn take_over(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        idle: Duration,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError> {
        self.take_from_others(group, consumer, idle, max).await
    }

    async fn settle(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        settlements: &[(Delivery, Settlement)],
    ) -> Result<Vec<bool>, EngineError> {
        self.settle_all(group, consumer, settlements).await
    }

    async fn remove_consumer(&self, group: &Group, consumer: &ConsumerName) -> Result<bool, EngineError> {
        self.take_off(group, consumer).await
    }

    async fn range(
        &self,
        stream: Stream,
        after: EntryId,
        until: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        self.calls.open()?;
        self.stored(stream, after, until, max).await
    }

    async fn place_at(&self, stream: Stream, at: DateTime<Utc>) -> Result<EntryId, EngineError> {
        self.last_before(stream, at).await
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, EngineError> {
        self.last_of(stream).await
    }

    async fn dead_letters(
        &self,
        filter: &DeadFilter,
        after: Option<&DeadId>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        self.list_dead(filter, after, max).await
    }

    async fn replay_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        self.calls.open()?;
        self.replay_letter(id).await
    }

    async fn drop_dead(&self, id: &DeadId) -> Result<bool, EngineError> {
        self.calls.open()?;
        self.drop_letter(id).await
    }

    async fn replay(&self, group: &Group, entries: &[Stored]) -> Result<(), EngineError> {
        self.calls.open()?;
        self.replay_stored(group, entries).await
    }

    async fn length(&self, stream: Stream) -> Result<u64, EngineError> {
        self.length_of(stream).await
    }

    async fn about(
        &self,
        stream: Stream,
        name: &str,
        after: EntryId,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        self.calls.open()?;
        self.indexed(stream, name, after, max).await
    }

    async fn trim_until(
        &self,
        stream: Stream,
        before: DateTime<Utc>,
        most: u64,
        until: EntryId,
    ) -> Result<Trimmed, EngineError> {
        self.make_room(stream, before, most, until).await
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        self.count_all().await
    }

    async fn listeners(&self, channels: &[CompactString]) -> Result<Listeners, EngineError> {
        self.count_listeners(channels).await
    }

    async fn remove_group(&self, group: &GroupName, force: bool) -> Result<Removal, EngineError> {
        self.unmake_group(group, force).await
    }

    async fn expire_dead(&self, before: DateTime<Utc>, most: u64) -> Result<u64, EngineError> {
        self.expire_letters(before, most).await
    }

    async fn mark(
        &self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, EngineError> {
        self.set_mark(name, value, lasts, standing).await
    }

    async fn unmark(&self, name: &str, value: &str) -> Result<bool, EngineError> {
        self.take_mark(name, value).await
    }

    async fn post(&self, board: &str, item: &str, text: &str, due_in: Duration) -> Result<bool, EngineError> {
        self.put_on_board(board, item, text, due_in).await
    }

    async fn posted(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        self.read_board(board, BoardLook::All, max).await
    }

    async fn take_due(&self, board: &str, max: usize) -> Result<Vec<Posted>, EngineError> {
        self.read_board(board, BoardLook::TakeDue, max).await
    }

    async fn put_off_due(&self, board: &str, by: Duration, max: usize) -> Result<Vec<Posted>, EngineError> {
        self.read_board(board, BoardLook::PutOffDue(by), max).await
    }

    async fn unpost(&self, board: &str, item: &str) -> Result<Option<String>, EngineError> {
        self.take_off_board(board, item).await
    }

    async fn tally(&self, things: &[Tally]) -> Result<Vec<Vec<Tallied>>, EngineError> {
        self.calls.open()?;
        self.count_things(things).await
    }

    async fn live(&self) -> Result<Box<dyn Live>, EngineError> {
        self.listen().await
    }

    async fn ping(&self) -> Result<Duration, EngineError> {
        let asked = Instant::now();
        self.calls.one(::redis::cmd("PING").into()).await?;
        Ok(asked.elapsed())
    }

    async fn back(&self) {
        let mut states = self.connection();
        while states.changed().await.is_ok() {
            if *states.borrow_and_update() == Connection::Up {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn close(&self) {
        self.reads.cancel();
        self.release_surplus().await;
        self.closing.cancel();
    }
}
