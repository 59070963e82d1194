//! Activity: what people did, by days, and what went on in guilds, by hours.
//!
//! Counted in batches, since a commit costs as much for one message as for a thousand. A batch belongs into the
//! transaction that says [`Tx::process_all_once`] of its events: then nothing is counted twice.

use crate::dbx::batch::{micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: i64 = 60 * 60 * 1_000_000;
const DAY: i64 = 24 * HOUR;

/// Defines a row of counters with its key, so that their names stand in one place.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident { $( $(#[$kmeta:meta])* $key:ident: $type:ty, )+ } counts { $( $count:ident, )+ }) => {
        row! {
            $(#[$meta])*
            pub $name {
                $( $(#[$kmeta])* $key: $type, )+
                $( $count: u64, )+
            }
        }

        impl $name {
            fn add(&mut self, other: &Self) {
                $( self.$count += other.$count; )+
            }

            fn to_json(&self) -> Vec<Value> {
                vec![$( self.$count.into(), )+]
            }
        }
    };
}

counters! {
    /// What a person did on a day.
    UserDay {
        guild_id: GuildKey,
        identity_id: IdentityId,
        /// Its first moment, in UTC; when it is added, any moment of it.
        day: DateTime<Utc>,
    } counts {
        messages, edits, deletes, reactions, links, media, commands, joins, voice_seconds, flagged,
    }
}

counters! {
    /// What went on in a guild in an hour.
    GuildHour {
        guild_id: GuildKey,
        /// Its first moment; when it is added, any moment of it.
        hour: DateTime<Utc>,
    } counts {
        messages, joins, leaves, actions, flagged,
    }
}

row! {
    /// How many people wrote something on a day.
    pub ActivePeople {
        day: DateTime<Utc>,
        people: u64,
        messages: u64,
    }
}

row! {
    /// How much somebody wrote within a time.
    pub MostActive {
        identity_id: IdentityId,
        messages: u64,
        flagged: u64,
    }
}

macro_rules! add_user_days {
    ($rows:expr) => {
        concat!(
            "INSERT INTO user_activity (guild_id, identity_id, day, messages, edits, deletes, reactions, links, media, \
                 commands, joins, voice_seconds, flagged) ",
            $rows,
            " ON CONFLICT (identity_id, guild_id, day) DO UPDATE SET \
                 messages = user_activity.messages + excluded.messages, \
                 edits = user_activity.edits + excluded.edits, \
                 deletes = user_activity.deletes + excluded.deletes, \
                 reactions = user_activity.reactions + excluded.reactions, \
                 links = user_activity.links + excluded.links, \
                 media = user_activity.media + excluded.media, \
                 commands = user_activity.commands + excluded.commands, \
                 joins = user_activity.joins + excluded.joins, \
                 voice_seconds = user_activity.voice_seconds + excluded.voice_seconds, \
                 flagged = user_activity.flagged + excluded.flagged"
        )
    };
}

macro_rules! add_guild_hours {
    ($rows:expr) => {
        concat!(
            "INSERT INTO guild_activity (guild_id, hour, messages, joins, leaves, actions, flagged) ",
            $rows,
            " ON CONFLICT (guild_id, hour) DO UPDATE SET \
                 messages = guild_activity.messages + excluded.messages, \
                 joins = guild_activity.joins + excluded.joins, \
                 leaves = guild_activity.leaves + excluded.leaves, \
                 actions = guild_activity.actions + excluded.actions, \
                 flagged = guild_activity.flagged + excluded.flagged"
        )
    };
}

sqls! {
    ADD_USER_DAYS =>
        add_user_days!(concat!(
            "SELECT r.guild, r.identity, ", moment!("r.day"), ", CAST(r.n ->> 0 AS BIGINT), CAST(r.n ->> 1 AS BIGINT), \
                 CAST(r.n ->> 2 AS BIGINT), CAST(r.n ->> 3 AS BIGINT), CAST(r.n ->> 4 AS BIGINT), \
                 CAST(r.n ->> 5 AS BIGINT), CAST(r.n ->> 6 AS BIGINT), CAST(r.n ->> 7 AS BIGINT), \
                 CAST(r.n ->> 8 AS BIGINT), CAST(r.n ->> 9 AS BIGINT) \
             FROM jsonb_to_recordset($1) AS r (guild UUID, identity UUID, day BIGINT, n JSONB) \
             ORDER BY r.identity, r.guild, r.day"
        )),
        add_user_days!(
            "SELECT unhex(value ->> 'guild', '-'), unhex(value ->> 'identity', '-'), value ->> 'day', \
                 value ->> '$.n[0]', value ->> '$.n[1]', value ->> '$.n[2]', value ->> '$.n[3]', value ->> '$.n[4]', \
                 value ->> '$.n[5]', value ->> '$.n[6]', value ->> '$.n[7]', value ->> '$.n[8]', value ->> '$.n[9]' \
             FROM json_each($1) WHERE TRUE"
        );
    ADD_GUILD_HOURS =>
        add_guild_hours!(concat!(
            "SELECT r.guild, ", moment!("r.hour"), ", CAST(r.n ->> 0 AS BIGINT), CAST(r.n ->> 1 AS BIGINT), \
                 CAST(r.n ->> 2 AS BIGINT), CAST(r.n ->> 3 AS BIGINT), CAST(r.n ->> 4 AS BIGINT) \
             FROM jsonb_to_recordset($1) AS r (guild UUID, hour BIGINT, n JSONB) ORDER BY r.guild, r.hour"
        )),
        add_guild_hours!(
            "SELECT unhex(value ->> 'guild', '-'), value ->> 'hour', value ->> '$.n[0]', value ->> '$.n[1]', \
                 value ->> '$.n[2]', value ->> '$.n[3]', value ->> '$.n[4]' FROM json_each($1) WHERE TRUE"
        );
    USER_DAYS = "SELECT guild_id, identity_id, day, messages, edits, deletes, reactions, links, media, commands, joins, \
            voice_seconds, flagged FROM user_activity \
        WHERE identity_id = $2 AND guild_id = $1 AND day >= $3 AND day < $4 ORDER BY day";
    GUILD_HOURS = "SELECT guild_id, hour, messages, joins, leaves, actions, flagged FROM guild_activity \
        WHERE guild_id = $1 AND hour >= $2 AND hour < $3 ORDER BY hour";
    ACTIVE_PEOPLE = "SELECT day, COUNT(*) AS people, CAST(SUM(messages) AS BIGINT) AS messages FROM user_activity \
        WHERE guild_id = $1 AND day >= $2 AND day < $3 AND messages > 0 GROUP BY day ORDER BY day";
    MOST_ACTIVE = "SELECT identity_id, CAST(SUM(messages) AS BIGINT) AS messages, \
            CAST(SUM(flagged) AS BIGINT) AS flagged FROM user_activity \
        WHERE guild_id = $1 AND day >= $2 AND day < $3 AND messages > 0 \
        GROUP BY identity_id ORDER BY messages DESC, identity_id LIMIT $4";
    FORGET_USER_DAYS = "DELETE FROM user_activity WHERE (identity_id, guild_id, day) IN \
        (SELECT identity_id, guild_id, day FROM user_activity WHERE guild_id = $1 AND day < $2 ORDER BY day LIMIT $3)";
    FORGET_GUILD_HOURS = "DELETE FROM guild_activity WHERE guild_id = $1 AND hour IN \
        (SELECT hour FROM guild_activity WHERE guild_id = $1 AND hour < $2 ORDER BY hour LIMIT $3)";
}

/// The first moment of the hour or day in which a moment lies.
fn begin(at: DateTime<Utc>, length: i64) -> i64 {
    micros(at) - micros(at).rem_euclid(length)
}

// === impl Conn ===

impl Conn {
    /// What somebody did in a guild, on days that begin from a time on and before another.
    pub async fn user_activity(
        &mut self,
        guild: GuildKey,
        identity: IdentityId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<UserDay>, StoreError> {
        self.query(&USER_DAYS)
            .bind(guild)
            .bind(identity)
            .bind(from)
            .bind(to)
            .all()
            .await
    }

    /// What went on in hours that begin from a time on and before another. Hours in which nothing did are left out.
    pub async fn guild_activity(
        &mut self,
        guild: GuildKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<GuildHour>, StoreError> {
        self.query(&GUILD_HOURS)
            .bind(guild)
            .bind(from)
            .bind(to)
            .all()
            .await
    }

    /// How many people wrote on days that begin from a time on and before another.
    pub async fn active_people(
        &mut self,
        guild: GuildKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<ActivePeople>, StoreError> {
        self.query(&ACTIVE_PEOPLE)
            .bind(guild)
            .bind(from)
            .bind(to)
            .all()
            .await
    }

    /// Who wrote most on days that begin from a time on and before another.
    pub async fn most_active(
        &mut self,
        guild: GuildKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<MostActive>, StoreError> {
        self.query(&MOST_ACTIVE)
            .bind(guild)
            .bind(from)
            .bind(to)
            .bind(limit)
            .all()
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds to what is counted. The same person and day may stand in it more than once.
    pub async fn add_user_activity(&mut self, batch: &[UserDay]) -> Result<(), StoreError> {
        let mut days: BTreeMap<_, UserDay> = BTreeMap::new();
        for entry in batch {
            let key = (entry.identity_id, entry.guild_id, begin(entry.day, DAY));
            days.entry(key)
                .and_modify(|sum| sum.add(entry))
                .or_insert_with(|| entry.clone());
        }
        let row = |((identity, guild, day), sum): ((IdentityId, GuildKey, i64), UserDay)| -> Value {
            json!({ "guild": guild.0, "identity": identity.0, "day": day, "n": sum.to_json() })
        };
        let rows: Vec<Value> = days.into_iter().map(row).collect();
        self.query(&ADD_USER_DAYS)
            .bind(Json(rows))
            .execute()
            .await
            .map(drop)
    }

    /// As [`Tx::add_user_activity`], for guilds.
    pub async fn add_guild_activity(&mut self, batch: &[GuildHour]) -> Result<(), StoreError> {
        let mut hours: BTreeMap<_, GuildHour> = BTreeMap::new();
        for entry in batch {
            let key = (entry.guild_id, begin(entry.hour, HOUR));
            hours
                .entry(key)
                .and_modify(|sum| sum.add(entry))
                .or_insert_with(|| entry.clone());
        }
        let row = |((guild, hour), sum): ((GuildKey, i64), GuildHour)| -> Value {
            json!({ "guild": guild.0, "hour": hour, "n": sum.to_json() })
        };
        let rows: Vec<Value> = hours.into_iter().map(row).collect();
        self.query(&ADD_GUILD_HOURS)
            .bind(Json(rows))
            .execute()
            .await
            .map(drop)
    }

    /// Removes some of a guild's days that began before a time; says how many.
    pub async fn forget_user_activity(
        &mut self,
        guild: GuildKey,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let query = self.query(&FORGET_USER_DAYS).bind(guild).bind(before).bind(limit);
        query.execute().await
    }

    /// As [`Tx::forget_user_activity`], for the guild's hours.
    pub async fn forget_guild_activity(
        &mut self,
        guild: GuildKey,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let query = self
            .query(&FORGET_GUILD_HOURS)
            .bind(guild)
            .bind(before)
            .bind(limit);
        query.execute().await
    }
}
