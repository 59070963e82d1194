//! How much lies where, and letting go of groups and dead letters.

use super::error::LogError;
use super::file::table;
use super::log::{GroupState, Head, INBOX, Log};
use crate::place::{EntryId, GroupName, Stream};
use crate::stats::{ConsumerStats, GroupStats, LaneStats, Removal, Stats, StreamStats};
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;
use std::time::Duration;

impl Log {
    pub(super) fn stats(&self) -> Result<Stats, LogError> {
        let mut streams: Vec<StreamStats> = Stream::all()
            .zip(&self.heads)
            .map(|(stream, head)| stream_stats(stream, *head))
            .collect();
        let mut groups = BTreeMap::new();
        for (at, group) in self.groups.iter().enumerate() {
            if self.known_group(&group.name) != Some(at) {
                continue; // removed
            }
            groups.insert(group.name.clone(), self.group_stats(group)?);
        }
        let mut dead = self
            .connection
            .prepare_cached("SELECT stream, grp, count(*) FROM dead GROUP BY stream, grp")?;
        let mut dead = dead.query([])?;
        while let Some(row) = dead.next()? {
            let unreadable = || LogError::Unreadable("dead");
            let (stream, name): (String, String) = (row.get(0)?, row.get(1)?);
            let stream: Stream = stream.parse().map_err(|_| unreadable())?;
            let name = GroupName::new(&name).map_err(|_| unreadable())?;
            let count: u64 = row.get(2)?;
            streams[self.stream(stream)].dead += count;
            let group = groups.entry(name.clone());
            group.or_insert_with(|| GroupStats::new(name)).dead += count;
        }
        Ok(Stats {
            streams,
            groups: groups.into_values().collect(),
        })
    }

    fn group_stats(&self, group: &GroupState) -> Result<GroupStats, LogError> {
        let mut stats = GroupStats::new(group.name.clone());
        for (at, lane) in group.lanes.iter().enumerate() {
            let Some(lane) = lane else { continue };
            stats.retrying += lane.open.retrying();
            if at == INBOX {
                stats.inbox = lane.open.count();
                continue;
            }
            let Head { first, last, .. } = self.heads[at];
            let place = lane.bounds.handed.max(first - 1);
            let oldest = lane.open.first().map(|seq| self.age(at, seq)).transpose()?;
            stats.lanes.push(LaneStats {
                stream: self.tables[at].stream,
                place: EntryId {
                    major: place,
                    minor: 0,
                },
                lag: Some(last.saturating_sub(place)),
                pending: lane.open.count(),
                oldest: oldest.flatten(),
            });
        }
        for (name, consumer) in self.consumers() {
            let lanes = group.lanes.iter().flatten();
            let pending = lanes.map(|lane| lane.open.held_by(consumer)).sum();
            let heard = group.heard.get(&consumer);
            if let Some(heard) = heard {
                stats.consumers.push(ConsumerStats {
                    name: name.clone(),
                    pending,
                    idle: micros(self.now() - heard),
                });
            }
        }
        stats
            .consumers
            .sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        Ok(stats)
    }

    /// How long ago an entry was appended.
    fn age(&self, stream: usize, seq: u64) -> Result<Option<Duration>, LogError> {
        let name = table(self.tables[stream].stream);
        let at: Option<i64> = self
            .connection
            .prepare_cached(&format!("SELECT at FROM {name} WHERE seq = ?1"))?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        Ok(at.map(|at| micros(self.now() - at)))
    }

    pub(super) fn remove_group(&mut self, name: &GroupName, force: bool) -> Result<Removal, LogError> {
        let Some(at) = self.known_group(name) else {
            return Ok(Removal {
                removed: true,
                open: 0,
            });
        };
        let stats = self.group_stats(&self.groups[at])?;
        let open = stats.inbox + stats.pending() + stats.lag().unwrap_or(0);
        if open > 0 && !force {
            return Ok(Removal { removed: false, open });
        }
        let id = self.groups[at].id;
        for table in ["lanes", "pending", "inbox"] {
            self.write()?
                .prepare_cached(&format!("DELETE FROM {table} WHERE grp = ?1"))?
                .execute([id])?;
        }
        self.write()?
            .prepare_cached("DELETE FROM groups WHERE id = ?1")?
            .execute([id])?;
        self.forget_group(at);
        Ok(Removal { removed: true, open })
    }

    pub(super) fn expire_dead(&mut self, before: DateTime<Utc>, most: u64) -> Result<u64, LogError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut gone = self
            .write()?
            .prepare_cached("DELETE FROM dead WHERE last_failure < ?1")?
            .execute([before.timestamp_micros()])?;
        for stream in Stream::all() {
            gone += self
                .write()?
                .prepare_cached(
                    "DELETE FROM dead WHERE stream = ?1 AND id <= \
                     (SELECT id FROM dead WHERE stream = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![stream.to_string(), most])?;
        }
        Ok(gone as u64)
    }
}

fn stream_stats(stream: Stream, Head { first, last, .. }: Head) -> StreamStats {
    let id = |major| EntryId { major, minor: 0 };
    StreamStats {
        stream,
        length: last + 1 - first,
        first: (first <= last).then(|| id(first)),
        last: id(last),
        appended: last,
        // The file is one for all.
        bytes: None,
        dead: 0,
    }
}

fn micros(time: i64) -> Duration {
    Duration::from_micros(u64::try_from(time).unwrap_or(0))
}
