//! Dead letters: an index over what groups of the bus gave up, and what became of it. Their text is the bus's.

use crate::archive::About;
use crate::dbx::batch::{micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{EventId, GuildId, Platform, UserId};
use serde_json::{Value, json};

text_enum! {
    /// Why an event is dead: the bus's own words.
    DeadReason {
        Exhausted = "exhausted",
        Permanent = "permanent",
        Undecodable = "undecodable",
        Poison = "poison",
    }
}

text_enum! {
    /// What became of a dead letter.
    DeadLetterState {
        /// Somebody should look at it.
        Waiting = "waiting",
        /// It was handed to its group again.
        Replayed = "replayed",
        Dropped = "dropped",
        /// The bus no longer has it.
        Expired = "expired",
    }
}

/// A dead letter as the bus has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// The bus's id.
    pub id: String,
    pub group: String,
    pub consumer: String,
    /// Where the event lay in the log.
    pub position: String,
    pub topic: String,
    /// Read for where and about whom it is, and not kept.
    pub envelope: String,
    pub reason: DeadReason,
    pub attempts: u64,
    pub first_failure: DateTime<Utc>,
    pub last_failure: DateTime<Utc>,
    pub error: String,
}

row! {
    pub DeadLetter {
        id: String,
        consumer_group: String,
        consumer: String,
        position: String,
        /// Absent, as the next three, where the envelope cannot be read.
        event_id: Option<EventId>,
        platform: Option<Platform>,
        guild_native_id: Option<GuildId>,
        user_native_id: Option<UserId>,
        topic: String,
        reason: DeadReason,
        attempts: u64,
        first_failure: DateTime<Utc>,
        last_failure: DateTime<Utc>,
        error: String,
        state: DeadLetterState,
        settled_at: Option<DateTime<Utc>>,
        /// An identity's own id, `token:<name>` or `system`.
        settled_by: Option<String>,
    }
}

row! {
    /// Dead letters of one kind, as they are told of.
    pub DeadLetterKind {
        topic: String,
        consumer_group: String,
        reason: DeadReason,
        /// How often they were handed out again by themselves; absent where nobody can tell, and nobody does.
        again: Option<u64>,
        letters: u64,
    }
}

/// Which dead letters, those that died last first.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterQuery {
    pub guild: Option<(Platform, GuildId)>,
    pub group: Option<String>,
    pub topic: Option<String>,
    pub reason: Option<DeadReason>,
    pub state: Option<DeadLetterState>,
    /// Where the last page ended: `last_failure` and `id` of its last one.
    pub before: Option<(DateTime<Utc>, String)>,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, consumer_group, consumer, position, event_id, platform, guild_native_id, user_native_id, topic, \
                reason, attempts, first_failure, last_failure, error, state, settled_at, settled_by ",
            $after
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("SELECT", "FROM dead_letters");

sqls! {
    ADD =>
        concat!(
            "INSERT INTO dead_letters (id, consumer_group, consumer, position, event_id, platform, guild_native_id, \
                 user_native_id, topic, reason, attempts, first_failure, last_failure, error, state) \
             SELECT r.id, r.consumer_group, r.consumer, r.position, r.event_id, r.platform, r.guild, r.\"user\", \
                 r.topic, r.reason, r.attempts, ", moment!("r.first_failure"), ", ", moment!("r.last_failure"),
            ", r.error, 'waiting' FROM jsonb_to_recordset($1) AS r (id TEXT, consumer_group TEXT, consumer TEXT, \
                 position TEXT, event_id UUID, platform TEXT, guild TEXT, \"user\" TEXT, topic TEXT, reason TEXT, \
                 attempts BIGINT, first_failure BIGINT, last_failure BIGINT, error TEXT) ORDER BY r.id \
             ON CONFLICT (id) DO NOTHING",
        ),
        "INSERT INTO dead_letters (id, consumer_group, consumer, position, event_id, platform, guild_native_id, \
             user_native_id, topic, reason, attempts, first_failure, last_failure, error, state) \
         SELECT value ->> 'id', value ->> 'consumer_group', value ->> 'consumer', value ->> 'position', \
             unhex(value ->> 'event_id', '-'), value ->> 'platform', value ->> 'guild', value ->> 'user', \
             value ->> 'topic', value ->> 'reason', value ->> 'attempts', value ->> 'first_failure', \
             value ->> 'last_failure', value ->> 'error', 'waiting' \
         FROM json_each($1) WHERE TRUE ON CONFLICT (id) DO NOTHING";
    FIND = columns!("SELECT", "FROM dead_letters WHERE id = $1");
    SETTLE = "UPDATE dead_letters SET state = $2, settled_at = $3, settled_by = $4 WHERE id = $1 AND state = 'waiting'";
    // How often it was handed out again by itself decides how long it waits for the next time.
    AGAIN = "SELECT id FROM (SELECT w.id, w.last_failure, (SELECT COUNT(*) FROM dead_letters d \
            WHERE d.consumer_group = w.consumer_group AND d.event_id = w.event_id AND d.state = 'replayed' \
            AND d.settled_by = 'system') AS times \
        FROM dead_letters w WHERE w.state = 'waiting' AND w.reason = 'exhausted' AND w.event_id IS NOT NULL) AS found \
        WHERE (times = 0 AND last_failure <= $1) OR (times = 1 AND last_failure <= $2) \
            OR (times = 2 AND last_failure <= $3) \
        ORDER BY last_failure, id LIMIT $4";
    NEWS = "SELECT DISTINCT platform, guild_native_id FROM dead_letters d WHERE told_at IS NULL \
        AND NOT EXISTS (SELECT 1 FROM dead_letters t WHERE t.told_at > $1 \
            AND t.platform IS NOT DISTINCT FROM d.platform \
            AND t.guild_native_id IS NOT DISTINCT FROM d.guild_native_id) \
        ORDER BY platform, guild_native_id";
    TELL = "UPDATE dead_letters SET told_at = $1 WHERE told_at IS NULL AND platform IS NOT DISTINCT FROM $2 \
        AND guild_native_id IS NOT DISTINCT FROM $3";
    TOLD = "SELECT topic, consumer_group, reason, again, COUNT(*) AS letters FROM (SELECT topic, consumer_group, reason, \
            CASE WHEN event_id IS NOT NULL THEN (SELECT COUNT(*) FROM dead_letters d \
                WHERE d.consumer_group = t.consumer_group AND d.event_id = t.event_id AND d.state = 'replayed' \
                AND d.settled_by = 'system') END AS again \
            FROM dead_letters t WHERE told_at = $1 AND platform IS NOT DISTINCT FROM $2 \
            AND guild_native_id IS NOT DISTINCT FROM $3) AS told \
        GROUP BY topic, consumer_group, reason, again ORDER BY topic, consumer_group, reason, again";
    FORGET = "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters \
        WHERE state <> 'waiting' AND last_failure < $1 ORDER BY last_failure LIMIT $2)";
}

// === impl Conn ===

impl Conn {
    pub async fn dead_letter(&mut self, id: &str) -> Result<Option<DeadLetter>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    pub async fn dead_letters(
        &mut self,
        query: &DeadLetterQuery,
        limit: u64,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let before = query.before.as_ref().map(|(at, id)| (*at, id.as_str()));
        let filter = Filter::new(self, "dead_letters::page", SELECT)
            .and_if(
                "platform = ?",
                query.guild.as_ref().map(|(platform, _)| *platform),
            )
            .and_if(
                "guild_native_id = ?",
                query.guild.as_ref().map(|(_, id)| id.as_str()),
            )
            .and_if("consumer_group = ?", query.group.as_deref())
            .and_if("topic = ?", query.topic.as_deref())
            .and_if("reason = ?", query.reason)
            .and_if("state = ?", query.state)
            .and_below_if("(last_failure, id)", before)
            .ending("ORDER BY last_failure DESC, id DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// Those that failed as often as they may and wait so long now that they are tried again, the oldest first: `pauses`
    /// are before the first time, the second and the third. Whatever was tried so often waits for somebody.
    pub async fn dead_letters_to_replay(
        &mut self,
        now: DateTime<Utc>,
        pauses: [TimeDelta; 3],
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let mut query = self.query(&AGAIN);
        for pause in pauses {
            query = query.bind(now - pause);
        }
        query.bind(limit).map(|row| row.get("id")).await
    }

    /// The communities that have dead letters of which nobody was told, and that were told of none since then.
    pub async fn news_of_dead_letters(
        &mut self,
        quiet_since: DateTime<Utc>,
    ) -> Result<Vec<(Option<Platform>, Option<GuildId>)>, StoreError> {
        let query = self.query(&NEWS).bind(quiet_since);
        query
            .map(|row| Ok((row.get("platform")?, row.get("guild_native_id")?)))
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds those that are not there yet; says how many.
    pub async fn add_dead_letters(&mut self, letters: &[NewDeadLetter]) -> Result<u64, StoreError> {
        let row = |letter: &NewDeadLetter| -> Value {
            let about = About::of(&letter.envelope);
            json!({
                "id": letter.id,
                "consumer_group": letter.group,
                "consumer": letter.consumer,
                "position": letter.position,
                "event_id": about.event_id,
                "platform": about.platform,
                "guild": about.guild,
                "user": about.user,
                "topic": storable(&letter.topic),
                "reason": letter.reason,
                "attempts": letter.attempts,
                "first_failure": micros(letter.first_failure),
                "last_failure": micros(letter.last_failure),
                "error": storable(&letter.error),
            })
        };
        let rows: Vec<Value> = letters.iter().map(row).collect();
        self.query(&ADD).bind(Json(rows)).execute().await
    }

    /// Notes what became of one that waits; `false` when that was settled before, or there is none.
    pub async fn settle_dead_letter(
        &mut self,
        id: &str,
        state: DeadLetterState,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let query = self.query(&SETTLE).bind(id).bind(state).bind(at).bind(by);
        Ok(query.execute().await? == 1)
    }

    /// Notes that a community is told of its dead letters of which nobody was told, and returns what they are.
    pub async fn tell_of_dead_letters(
        &mut self,
        (platform, guild): (Option<Platform>, Option<&GuildId>),
        at: DateTime<Utc>,
    ) -> Result<Vec<DeadLetterKind>, StoreError> {
        let guild = guild.map(GuildId::as_str);
        let tell = self.query(&TELL).bind(at).bind(platform).bind(guild);
        tell.execute().await?;
        self.query(&TOLD).bind(at).bind(platform).bind(guild).all().await
    }

    /// Removes some of those that died before a time and wait no more; says how many.
    pub async fn forget_dead_letters(
        &mut self,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
