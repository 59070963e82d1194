//! The archive: events that the bus lets go of, of each stream everything up to some last one.
//!
//! The shapes are those of the bus, in plain values: it is not named here. Retention takes rows away by their stream; how
//! far each was archived is remembered apart, so that nothing comes back.

use crate::dbx::batch::{micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_events::{Envelope, EventId, GuildId, Platform, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one statement, and the bytes of their envelopes: what is larger is split.
const ROWS: usize = 512;
const BYTES: usize = 4 << 20;

row! {
    /// The place of an entry in its stream. Later entries are greater.
    #[derive(Copy, Eq, PartialOrd, Ord)]
    pub EntryPlace {
        major: u64,
        minor: u64,
    }
}

/// An entry of a stream that is to be archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub stream: String,
    pub place: EntryPlace,
    /// When it was appended.
    pub at: DateTime<Utc>,
    pub topic: String,
    /// As it was on the wire.
    pub envelope: String,
}

row! {
    pub Archived {
        /// Tells apart what came at the same moment.
        seq: i64,
        stream: String,
        major: u64,
        minor: u64,
        /// Absent where the envelope cannot be read.
        event_id: Option<EventId>,
        topic: String,
        at: DateTime<Utc>,
        envelope: String,
    }
}

/// Where events happened, or whom they are about: there is an index for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsOf {
    Guild(Platform, GuildId),
    Person(Platform, UserId),
    PersonIn(Platform, GuildId, UserId),
}

/// Which events, newest first.
#[derive(Debug, Clone)]
pub struct ArchiveQuery {
    pub of: EventsOf,
    /// Of one of these types; absent: of any.
    pub topics: Option<Vec<String>>,
    /// Appended at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Appended before.
    pub to: Option<DateTime<Utc>>,
    /// Where the last page ended: `at` and `seq` of its last event.
    pub before: Option<(DateTime<Utc>, i64)>,
}

/// What an envelope tells of itself, so that it is found again.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) event_id: Option<EventId>,
    pub(crate) platform: Option<Platform>,
    pub(crate) guild: Option<GuildId>,
    pub(crate) user: Option<UserId>,
}

row! {
    Named {
        stream: String,
    }
}

macro_rules! columns {
    ($tail:literal) => {
        concat!(
            "SELECT seq, stream, major, minor, event_id, topic, at, envelope FROM event_archive",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("");

sqls! {
    BEGIN = "INSERT INTO event_archive_streams (stream, major, minor) VALUES ($1, 0, 0) ON CONFLICT (stream) DO NOTHING";
    // Of two that archive the same stream the second waits, and finds done what it was about to do.
    LOCK =>
        "SELECT major, minor FROM event_archive_streams WHERE stream = $1 FOR UPDATE",
        "SELECT major, minor FROM event_archive_streams WHERE stream = $1";
    LAST = "SELECT major, minor FROM event_archive_streams WHERE stream = $1";
    ASIDE = "UPDATE event_archive SET stream = $2 WHERE stream = $1";
    ADVANCE = "UPDATE event_archive_streams SET major = $2, minor = $3 WHERE stream = $1";
    // An event that was appended twice is there once.
    PUT =>
        concat!(
            "INSERT INTO event_archive (stream, major, minor, event_id, platform, guild_native_id, user_native_id, \
                 topic, at, envelope) \
             SELECT CAST($1 AS TEXT), r.major, r.minor, r.event_id, r.platform, r.guild, r.\"user\", r.topic, ",
            moment!("r.at"), ", r.envelope \
             FROM jsonb_to_recordset($2) AS r (major BIGINT, minor BIGINT, event_id UUID, platform TEXT, guild TEXT, \
                 \"user\" TEXT, topic TEXT, at BIGINT, envelope TEXT) ORDER BY r.major, r.minor ON CONFLICT DO NOTHING RETURNING major, minor"
        ),
        "INSERT INTO event_archive (stream, major, minor, event_id, platform, guild_native_id, user_native_id, \
             topic, at, envelope) \
         SELECT $1, value ->> 'major', value ->> 'minor', unhex(value ->> 'event_id', '-'), value ->> 'platform', \
             value ->> 'guild', value ->> 'user', value ->> 'topic', value ->> 'at', value ->> 'envelope' \
         FROM json_each($2) WHERE TRUE ON CONFLICT DO NOTHING RETURNING major, minor";
    STREAM = columns!(" WHERE stream = $1 AND (major, minor) > ($2, $3) ORDER BY major, minor LIMIT $4");
    FIND = columns!(" WHERE event_id = $1");
    STREAM_OF_GUILD = columns!(" WHERE platform = $1 AND guild_native_id = $2 AND stream = $3 \
        AND (major, minor) > ($4, $5) ORDER BY major, minor LIMIT $6");
    LAST_BEFORE = "SELECT major, minor FROM event_archive \
        WHERE platform = $1 AND guild_native_id = $2 AND stream = $3 AND at < $4 ORDER BY at DESC, seq DESC LIMIT 1";
    STREAMS = "SELECT stream FROM event_archive_streams ORDER BY stream";
    // A stream is in the order of its times, so the oldest entries that are left tell whether there is anything to do.
    FORGET = "DELETE FROM event_archive WHERE seq IN (SELECT seq FROM \
        (SELECT seq, at FROM event_archive WHERE stream = $1 ORDER BY major, minor LIMIT $3) oldest WHERE at < $2)";
    FORGET_OF_GUILD = "DELETE FROM event_archive WHERE seq IN (SELECT seq FROM event_archive \
        WHERE platform = $1 AND guild_native_id = $2 AND topic = $3 AND at < $4 ORDER BY at LIMIT $5)";
}

// === impl About ===

impl About {
    /// Of an envelope, as far as it can be read.
    pub(crate) fn of(envelope: &str) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Body {
            platform: Platform,
            guild_id: Option<GuildId>,
            user_id: Option<UserId>,
            author_id: Option<UserId>,
        }
        /// Where the person cannot be read, the community is.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Place {
            #[serde(default)]
            platform: Platform,
            guild_id: Option<GuildId>,
        }
        let Ok(envelope) = Envelope::decode(envelope) else {
            return Self::default();
        };
        let data = envelope.data().get();
        let event_id = Some(envelope.event_id);
        if let Ok(body) = serde_json::from_str::<Body>(data) {
            return Self {
                event_id,
                platform: Some(body.platform),
                guild: body.guild_id,
                user: body.user_id.or(body.author_id),
            };
        }
        let place: Option<Place> = serde_json::from_str(data).ok();
        Self {
            event_id,
            platform: place.as_ref().map(|place| place.platform),
            guild: place.and_then(|place| place.guild_id),
            user: None,
        }
    }
}

// === impl EntryPlace ===

impl EntryPlace {
    pub const ZERO: Self = Self { major: 0, minor: 0 };
}

// === impl Conn ===

impl Conn {
    /// How far a stream was archived.
    pub async fn archived_up_to(&mut self, stream: &str) -> Result<EntryPlace, StoreError> {
        let last = self.query(&LAST).bind(stream).optional().await?;
        Ok(last.unwrap_or(EntryPlace::ZERO))
    }

    /// Entries of a stream after a place, oldest first.
    pub async fn archived_entries(
        &mut self,
        stream: &str,
        after: EntryPlace,
        limit: u64,
    ) -> Result<Vec<Archived>, StoreError> {
        // After a place that no row can have there is none.
        let (Ok(major), Ok(minor)) = (i64::try_from(after.major), i64::try_from(after.minor)) else {
            return Ok(Vec::new());
        };
        self.query(&STREAM)
            .bind(stream)
            .bind(major)
            .bind(minor)
            .bind(limit)
            .all()
            .await
    }

    /// As [`Conn::archived_entries`], of one guild.
    pub async fn archived_entries_of(
        &mut self,
        stream: &str,
        platform: Platform,
        guild: &GuildId,
        after: EntryPlace,
        limit: u64,
    ) -> Result<Vec<Archived>, StoreError> {
        let (Ok(major), Ok(minor)) = (i64::try_from(after.major), i64::try_from(after.minor)) else {
            return Ok(Vec::new());
        };
        self.query(&STREAM_OF_GUILD)
            .bind(platform)
            .bind(guild.as_str())
            .bind(stream)
            .bind(major)
            .bind(minor)
            .bind(limit)
            .all()
            .await
    }

    /// The last entry of a guild in a stream that was appended before a time.
    pub async fn archived_before(
        &mut self,
        stream: &str,
        platform: Platform,
        guild: &GuildId,
        at: DateTime<Utc>,
    ) -> Result<EntryPlace, StoreError> {
        let query = self.query(&LAST_BEFORE).bind(platform).bind(guild.as_str());
        let last = query.bind(stream).bind(at).optional().await?;
        Ok(last.unwrap_or(EntryPlace::ZERO))
    }

    /// Every stream of which something was archived once.
    pub async fn archived_streams(&mut self) -> Result<Vec<String>, StoreError> {
        let streams: Vec<Named> = self.query(&STREAMS).all().await?;
        Ok(streams.into_iter().map(|row| row.stream).collect())
    }

    pub async fn archived_event(&mut self, id: EventId) -> Result<Option<Archived>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// A page, newest first. It costs the same at either end.
    pub async fn archived_events(
        &mut self,
        query: &ArchiveQuery,
        limit: u64,
    ) -> Result<Vec<Archived>, StoreError> {
        let topics = if self.is_postgres() {
            "topic IN (SELECT jsonb_array_elements_text(?))"
        } else {
            "topic IN (SELECT value FROM json_each(?))"
        };
        let (platform, guild, user) = match &query.of {
            EventsOf::Guild(platform, guild) => (platform, Some(guild.as_str()), None),
            EventsOf::Person(platform, user) => (platform, None, Some(user.as_str())),
            EventsOf::PersonIn(platform, guild, user) => {
                (platform, Some(guild.as_str()), Some(user.as_str()))
            }
        };
        let filter = Filter::new(self, "archive::page", SELECT)
            .and("platform = ?", *platform)
            .and_if("guild_native_id = ?", guild)
            .and_if("user_native_id = ?", user)
            .and_if(topics, query.topics.clone().map(Json))
            .and_if("at >= ?", query.from)
            .and_if("at < ?", query.to)
            .and_below_if("(at, seq)", query.before)
            .ending("ORDER BY at DESC, seq DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds entries, which are in the order of their stream; returns those that were not there. Those up to the last one
    /// that was archived are passed over, also when retention has taken them away since.
    pub async fn archive_entries<'e>(&mut self, entries: &'e [Entry]) -> Result<Vec<&'e Entry>, StoreError> {
        let mut streams: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            streams.entry(&entry.stream).or_default().push(entry);
        }
        let mut added = Vec::new();
        for (stream, mut entries) in streams {
            let known = self.hold_archive(stream).await?;
            entries.retain(|entry| entry.place > known);
            let Some(last) = entries.last() else { continue };
            let last = last.place;
            for portion in portions(&entries) {
                let rows: Vec<Value> = portion.iter().copied().map(row_of).collect();
                let query = self.query(&PUT).bind(stream).bind(Json(rows));
                let new: Vec<EntryPlace> = query.all().await?;
                let new: BTreeSet<EntryPlace> = new.into_iter().collect();
                added.extend(portion.iter().filter(|entry| new.contains(&entry.place)));
            }
            let advance = self
                .query(&ADVANCE)
                .bind(stream)
                .bind(last.major)
                .bind(last.minor);
            advance.execute().await?;
        }
        Ok(added)
    }

    /// How far a stream was archived; nobody adds to it before this transaction ends.
    pub async fn hold_archive(&mut self, stream: &str) -> Result<EntryPlace, StoreError> {
        self.query(&BEGIN).bind(stream).execute().await?;
        self.query(&LOCK).bind(stream).one().await
    }

    /// Keeps what was archived of a stream under another name, since a log that was begun anew uses the places again.
    pub async fn set_archive_aside(&mut self, stream: &str, name: &str) -> Result<(), StoreError> {
        self.hold_archive(stream).await?;
        self.query(&BEGIN).bind(name).execute().await?;
        self.query(&ASIDE).bind(stream).bind(name).execute().await?;
        let begin = self.query(&ADVANCE).bind(stream).bind(0_u64).bind(0_u64);
        begin.execute().await.map(drop)
    }

    /// Removes some of what is of a type in one guild, and was appended before a time: what is said in it stays for no longer than it wants.
    pub async fn forget_archived_of_guild(
        &mut self,
        platform: Platform,
        guild: &GuildId,
        topic: &str,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET_OF_GUILD)
            .bind(platform)
            .bind(guild.as_str())
            .bind(topic)
            .bind(before)
            .bind(limit)
            .execute()
            .await
    }

    /// Removes some of a stream that was appended before a time; says how many.
    pub async fn forget_archived(
        &mut self,
        stream: &str,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET)
            .bind(stream)
            .bind(before)
            .bind(limit)
            .execute()
            .await
    }
}

fn row_of(entry: &Entry) -> Value {
    let about = About::of(&entry.envelope);
    json!({
        "major": entry.place.major,
        "minor": entry.place.minor,
        "event_id": about.event_id,
        "platform": about.platform,
        "guild": about.guild,
        "user": about.user,
        "topic": storable(&entry.topic),
        "at": micros(entry.at),
        "envelope": storable(&entry.envelope),
    })
}

/// Cuts entries into what one statement takes.
fn portions<'a, 'e>(mut entries: &'a [&'e Entry]) -> Vec<&'a [&'e Entry]> {
    let mut portions = Vec::new();
    while !entries.is_empty() {
        let mut bytes = 0;
        let fits = entries.iter().take(ROWS).take_while(|entry| {
            bytes += entry.envelope.len();
            bytes <= BYTES
        });
        // One that is larger alone goes alone.
        let (portion, rest) = entries.split_at(fits.count().max(1));
        portions.push(portion);
        entries = rest;
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry {
            stream: "mod.0".into(),
            place: EntryPlace::ZERO,
            at: DateTime::UNIX_EPOCH,
            topic: "ban:created".into(),
            envelope: "x".repeat(bytes),
        }
    }

    #[test]
    fn portions_are_bounded_in_rows_and_bytes() {
        let sizes = |entries: &[Entry]| {
            let entries: Vec<&Entry> = entries.iter().collect();
            portions(&entries)
                .iter()
                .map(|portion| portion.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![entry(1); 2 * ROWS + 1]), [ROWS, ROWS, 1]);
        assert_eq!(
            sizes(&[entry(BYTES + 1), entry(BYTES), entry(1), entry(2)]),
            [1, 1, 2]
        );
    }
}
