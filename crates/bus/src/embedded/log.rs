//! The log as its writer sees it: the file's write connection, and the groups in memory.
//!
//! A transaction changes both. Every change in memory leaves its undoing behind, so that a commit that fails takes
//! everything back. What the operations do is in `append.rs`, `hand.rs`, `settle.rs`, `replay.rs` and `trim.rs`.

use super::error::{LogError, OpenError};
use super::file::{Place, table};
use super::hub::Said;
use super::lane::{Bounds, Consumer, Lane, Pending};
use super::load;
use super::ring::Ring;
use crate::engine::{Group, Start};
use crate::place::{Class, ConsumerName, EntryId, GroupName, Position, Stream};
use chrono::{DateTime, Utc};
use lockdown_runtime::Clock;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Where a group's inbox stands among its lanes: after the streams.
pub(super) const INBOX: usize = 16;

pub(super) struct Log {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) tables: Vec<Table>,
    pub(super) heads: Vec<Head>,
    pub(super) ring: Ring,
    pub(super) groups: Vec<GroupState>,
    by_name: HashMap<GroupName, usize>,
    consumers: HashMap<ConsumerName, Consumer>,
    /// The time of the newest entry, which no later one goes behind, whatever the clock does.
    pub(super) newest: i64,
    /// What the open transaction appended.
    pub(super) said: Vec<Said>,
    /// Bytes written since the WAL was last brought home, by estimate.
    pub(super) written: u64,
    /// Whether commits wait for the disk.
    full: bool,
    begun: bool,
    dirty: Vec<(usize, usize)>,
    undo: Undo,
}

/// A stream, and the statements over its table.
pub(super) struct Table {
    pub(super) stream: Stream,
    pub(super) name: String,
    pub(super) insert: String,
    pub(super) one: String,
    pub(super) after: String,
    pub(super) remove: String,
}

/// What there is of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The first entry that is kept.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Rows before `first` that are still to be removed begin after this one.
    pub(super) swept: u64,
}

pub(super) struct GroupState {
    pub(super) id: i64,
    pub(super) name: GroupName,
    /// One for each stream that the group reads, and the inbox.
    pub(super) lanes: Vec<Option<Lane>>,
    /// Where the next read begins, so that a busy stream does not starve the others.
    pub(super) turn: usize,
    /// When each consumer was last heard of by this process.
    pub(super) heard: HashMap<Consumer, i64>,
}

#[derive(Default)]
struct Undo {
    entries: Vec<(usize, usize, u64, Option<Pending>)>,
    bounds: Vec<(usize, usize, Option<Bounds>)>,
    heads: Vec<Head>,
    groups: usize,
    gone: Vec<(usize, GroupState)>,
}

// === impl Log ===

impl Log {
    pub(super) fn load(connection: Connection, clock: Clock, place: &Place) -> Result<Self, OpenError> {
        let tables: Vec<_> = Stream::all().map(Table::new).collect();
        let mut log = Self {
            heads: Vec::new(),
            ring: Ring::new(tables.len(), place.newest_bytes()),
            connection,
            clock,
            tables,
            groups: Vec::new(),
            by_name: HashMap::new(),
            consumers: HashMap::new(),
            newest: 0,
            said: Vec::new(),
            written: 0,
            full: place.full(),
            begun: false,
            dirty: Vec::new(),
            undo: Undo::default(),
        };
        load::load(&mut log).map_err(|error| match error {
            LogError::Unreadable(table) => place.damaged(format!("`{table}` cannot be read")),
            LogError::Sqlite(source) => match std::sync::Arc::try_unwrap(source) {
                Ok(source) => place.failed(source),
                Err(source) => place.damaged(source.to_string()),
            },
        })?;
        log.by_name = log
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| (group.name.clone(), at))
            .collect();
        log.settled_down();
        Ok(log)
    }

    /// The clock, in microseconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp_micros()
    }

    pub(super) fn position(&self, stream: usize, seq: u64) -> Position {
        Position {
            stream: self.tables[stream].stream,
            id: EntryId { major: seq, minor: 0 },
        }
    }

    pub(super) fn consumer(&mut self, name: &ConsumerName) -> Consumer {
        if let Some(known) = self.consumers.get(name) {
            return *known;
        }
        let new = Consumer(u32::try_from(self.consumers.len()).expect("fewer consumers than that"));
        self.consumers.insert(name.clone(), new);
        new
    }

    pub(super) fn consumers(&self) -> impl Iterator<Item = (&ConsumerName, Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (name, *consumer))
    }

    /// A consumer said something in a group.
    pub(super) fn heard(&mut self, group: usize, name: &ConsumerName) -> Consumer {
        let (consumer, now) = (self.consumer(name), self.now());
        self.groups[group].heard.insert(consumer, now);
        consumer
    }

    // --- transactions ---

    /// Before every write: begins the transaction where it has not begun.
    pub(super) fn write(&mut self) -> Result<&Connection, LogError> {
        if !self.begun {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.begun = true;
        }
        Ok(&self.connection)
    }

    pub(super) fn commit(&mut self) -> Result<(), LogError> {
        // How far groups have come, and nothing else, need not wait for the disk: were it lost with the machine, events
        // would come again, which everybody is ready for. The next append's sync covers it.
        let lazy = self.full && !self.begun && !self.dirty.is_empty();
        if lazy {
            self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        self.commit_all()?;
        if lazy {
            self.connection.pragma_update(None, "synchronous", "FULL")?;
        }
        Ok(())
    }

    fn commit_all(&mut self) -> Result<(), LogError> {
        let dirty = std::mem::take(&mut self.dirty);
        let written = dirty
            .iter()
            .try_for_each(|(group, lane)| self.write_bounds(*group, *lane));
        self.written += 4096 * (dirty.len() as u64 + 1);
        self.dirty = dirty;
        written?;
        if self.begun {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            self.begun = false;
        }
        self.settled_down();
        Ok(())
    }

    /// Takes back what the transaction did, in the file and in memory.
    pub(super) fn roll_back(&mut self) {
        // Some errors have ended it already.
        if self.begun
            && !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "Could not roll back in the event log");
        }
        self.begun = false;
        // A lazy commit may have been cut short, and inside of it this could not be set again.
        if self.full
            && let Err(error) = self.connection.pragma_update(None, "synchronous", "FULL")
        {
            tracing::error!(%error, "Could not make the event log wait for the disk again");
        }
        let undo = std::mem::take(&mut self.undo);
        let mut back = Vec::new();
        for (at, gone) in undo.gone.into_iter().rev() {
            back.push((gone.name.clone(), at));
            self.groups[at] = gone;
        }
        for (group, lane, seq, before) in undo.entries.into_iter().rev() {
            if let Some(lane) = &mut self.groups[group].lanes[lane] {
                lane.open.set(seq, before);
            }
        }
        for (group, lane, before) in undo.bounds.into_iter().rev() {
            let lane = &mut self.groups[group].lanes[lane];
            match (lane.as_mut(), before) {
                (Some(lane), Some(before)) => lane.bounds = before,
                _ => *lane = None,
            }
        }
        for gone in self.groups.drain(undo.groups..) {
            self.by_name.remove(&gone.name);
        }
        self.by_name.extend(back);
        self.heads = undo.heads;
        self.ring.clear();
        self.said.clear();
        self.settled_down();
    }

    /// The state as it is, is the one to come back to.
    fn settled_down(&mut self) {
        self.dirty.clear();
        self.undo.entries.clear();
        self.undo.bounds.clear();
        self.undo.gone.clear();
        self.undo.heads.clone_from(&self.heads);
        self.undo.groups = self.groups.len();
    }

    fn write_bounds(&mut self, group: usize, lane: usize) -> Result<(), LogError> {
        self.write()?;
        let state = &self.groups[group];
        let Some(Lane { bounds, .. }) = &state.lanes[lane] else {
            return Ok(());
        };
        self.connection
            .prepare_cached(
                "INSERT INTO lanes (grp, stream, floor, handed, settled) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (grp, stream) DO UPDATE SET floor = ?3, handed = ?4, settled = ?5",
            )?
            .execute(params![
                state.id,
                self.tables[lane].stream.to_string(),
                bounds.floor,
                bounds.handed,
                bounds.settled.encode()
            ])?;
        Ok(())
    }

    // --- groups ---

    /// The group, made where it does not exist; streams that are new to it begin at `start`.
    pub(super) fn group(&mut self, group: &Group, start: &Start) -> Result<usize, LogError> {
        let at = match self.by_name.get(&group.name) {
            Some(at) => *at,
            None => self.new_group(&group.name)?,
        };
        for stream in group.classes.iter().flat_map(|class| class.streams()) {
            let lane = self.stream(stream);
            if self.groups[at].lanes[lane].is_none() {
                let after = self.start(lane, start)?;
                self.undo.bounds.push((at, lane, None));
                self.dirty.push((at, lane));
                self.groups[at].lanes[lane] = Some(Lane {
                    bounds: Bounds::after(after),
                    ..Lane::default()
                });
            }
        }
        Ok(at)
    }

    fn new_group(&mut self, name: &GroupName) -> Result<usize, LogError> {
        let id = self
            .write()?
            .prepare_cached("INSERT INTO groups (name) VALUES (?1)")?
            .insert([name.as_str()])?;
        let at = self.groups.len();
        self.groups.push(GroupState::new(id, name.clone()));
        self.by_name.insert(name.clone(), at);
        Ok(at)
    }

    pub(super) fn known_group(&self, name: &GroupName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Takes a group out of memory, so that it can be undone: the others keep their places.
    pub(super) fn forget_group(&mut self, at: usize) {
        let name = self.groups[at].name.clone();
        self.by_name.remove(&name);
        self.dirty.retain(|(group, _)| *group != at);
        let id = self.groups[at].id;
        let gone = std::mem::replace(
            &mut self.groups[at],
            GroupState {
                lanes: (0..=INBOX).map(|_| None).collect(),
                ..GroupState::new(id, name)
            },
        );
        self.undo.gone.push((at, gone));
    }

    /// The entry after which a group begins that begins like this.
    fn start(&self, stream: usize, start: &Start) -> Result<u64, LogError> {
        let Head { first, last, .. } = self.heads[stream];
        let after = match start {
            Start::Oldest => 0,
            Start::Now => last,
            Start::At(at) => self.place_at(stream, *at)?,
            Start::After(places) => places
                .get(&self.tables[stream].stream)
                .map_or(0, |place| place.major),
        };
        // A place beyond the end is from another log: what comes next is not to be skipped.
        Ok(after.clamp(first - 1, last))
    }

    /// The last entry from before this time.
    pub(super) fn place_at(&self, stream: usize, at: DateTime<Utc>) -> Result<u64, LogError> {
        let Head { first, last, .. } = self.heads[stream];
        Ok(place_at(
            &self.connection,
            &self.tables[stream].name,
            first,
            last,
            at,
        )?)
    }

    pub(super) fn stream(&self, stream: Stream) -> usize {
        stream_index(stream)
    }

    // --- entries ---

    /// Puts or removes an open entry, so that it can be undone.
    pub(super) fn set(&mut self, group: usize, lane: usize, seq: u64, pending: Option<Pending>) {
        let Some(state) = &mut self.groups[group].lanes[lane] else {
            return;
        };
        let before = state.open.set(seq, pending);
        self.undo.entries.push((group, lane, seq, before));
    }

    /// Changes how far a group has come, so that it can be undone.
    pub(super) fn bounds(&mut self, group: usize, lane: usize, change: impl FnOnce(&mut Bounds)) {
        let Some(state) = &mut self.groups[group].lanes[lane] else {
            return;
        };
        if !self.dirty.contains(&(group, lane)) {
            self.dirty.push((group, lane));
            self.undo.bounds.push((group, lane, Some(state.bounds.clone())));
        }
        change(&mut state.bounds);
    }

    /// Takes an open entry out of its group, with everything that is written about it.
    pub(super) fn close_entry(&mut self, group: usize, lane: usize, seq: u64) -> Result<(), LogError> {
        let id = self.groups[group].id;
        let stored = self
            .pending(group, lane, seq)
            .is_some_and(|pending| pending.stored);
        if stored {
            let name = self.lane_name(lane);
            self.write()?
                .prepare_cached("DELETE FROM pending WHERE grp = ?1 AND lane = ?2 AND seq = ?3")?
                .execute(params![id, name, seq])?;
        }
        if lane == INBOX {
            self.write()?
                .prepare_cached("DELETE FROM inbox WHERE id = ?1")?
                .execute([seq])?;
        } else {
            self.bounds(group, lane, |bounds| bounds.settle(seq));
        }
        self.set(group, lane, seq, None);
        Ok(())
    }

    pub(super) fn pending(&self, group: usize, lane: usize, seq: u64) -> Option<&Pending> {
        self.groups[group].lanes[lane].as_ref()?.open.get(seq)
    }

    pub(super) fn lane_name(&self, lane: usize) -> String {
        self.tables
            .get(lane)
            .map_or_else(|| "inbox".to_owned(), |table| table.stream.to_string())
    }
}

/// The number of a stream among all.
pub(super) fn stream_index(stream: Stream) -> usize {
    let before: u8 = Class::ALL
        .into_iter()
        .take_while(|class| *class != stream.class)
        .map(Class::partitions)
        .sum();
    usize::from(before + stream.partition)
}

/// Numbers have no gaps and times never fall, so the place is found by halving.
pub(super) fn place_at(
    connection: &Connection,
    table: &str,
    first: u64,
    last: u64,
    at: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    let at = at.timestamp_micros();
    let mut time = connection.prepare_cached(&format!("SELECT at FROM {table} WHERE seq = ?1"))?;
    let (mut from, mut to) = (first, last + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        // One that was trimmed a moment ago is before every time that is asked for.
        let earlier = match time.query_row([middle], |row| row.get::<_, i64>(0)) {
            Ok(found) => found < at,
            Err(rusqlite::Error::QueryReturnedNoRows) => true,
            Err(error) => return Err(error),
        };
        if earlier {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    // Nothing before it is the stream's beginning, whatever was trimmed.
    Ok(if from == first { 0 } else { from - 1 })
}

// === impl Table ===

impl Table {
    fn new(stream: Stream) -> Self {
        let name = table(stream);
        Self {
            stream,
            insert: format!(
                "INSERT INTO {name} (seq, at, channel, key, event_id, envelope) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            ),
            one: format!("SELECT channel, envelope FROM {name} WHERE seq = ?1"),
            after: format!(
                "SELECT seq, channel, envelope FROM {name} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3"
            ),
            remove: format!("DELETE FROM {name} WHERE seq <= ?1"),
            name,
        }
    }
}

// === impl GroupState ===

impl GroupState {
    pub(super) fn new(id: i64, name: GroupName) -> Self {
        let mut lanes: Vec<_> = (0..INBOX).map(|_| None).collect();
        lanes.push(Some(Lane::default()));
        Self {
            id,
            name,
            lanes,
            turn: 0,
            heard: HashMap::new(),
        }
    }
}
