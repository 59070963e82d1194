//! What went on in guilds by hours, counted from events.
//!
//! The counting stands in the transaction that archives the events ([`Tx::archive_entries`]), so that nothing is counted
//! twice, and it can be made again from what is archived. To add a measure: its word below and in the `CHECK` of the
//! table `guild_counts`, and what counts it in `lockdown-moderation`.

use crate::dbx::batch::{micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_events::{GuildId, Platform};
use serde_json::{Value, json};

const HOUR: i64 = 60 * 60 * 1_000_000;

text_enum! {
    /// What is counted.
    Measure {
        Joined = "joined",
        Left = "left",
        /// Decisions, by their action.
        Case = "case",
        /// Those of them that take back another one, by their action.
        Reversal = "reversal",
        /// What came of decisions on the platform, by the outcome; of what was applied also how long it took.
        Outcome = "outcome",
        /// By the mode of the rules.
        Verdict = "verdict",
        /// What a rule in force matched, by its id.
        Hit = "hit",
        /// As `Hit`, of a rule on trial.
        ShadowHit = "shadow_hit",
    }
}

row! {
    /// So many of one kind in one hour.
    pub HourCount {
        platform: Platform,
        guild_native_id: GuildId,
        /// Its first moment; when it is added, any moment of it.
        hour: DateTime<Utc>,
        measure: Measure,
        word: String,
        count: u64,
        /// How long it took, in milliseconds, all together.
        millis: u64,
    }
}

macro_rules! add {
    ($rows:expr) => {
        concat!(
            "INSERT INTO guild_counts (platform, guild_native_id, hour, measure, word, count, millis) ",
            $rows,
            " ON CONFLICT (platform, guild_native_id, hour, measure, word) DO UPDATE SET \
                 count = guild_counts.count + excluded.count, millis = guild_counts.millis + excluded.millis"
        )
    };
}

macro_rules! clear {
    ($measures:literal) => {
        concat!(
            "DELETE FROM guild_counts WHERE hour >= $2 AND measure IN (",
            $measures,
            ")"
        )
    };
}

sqls! {
    ADD =>
        add!(concat!(
            "SELECT r.platform, r.guild, ", moment!("r.hour"), ", r.measure, r.word, r.count, r.millis \
             FROM jsonb_to_recordset($1) AS r (platform TEXT, guild TEXT, hour BIGINT, measure TEXT, word TEXT, \
                 count BIGINT, millis BIGINT) ORDER BY r.platform, r.guild, r.hour, r.measure, r.word"
        )),
        add!(
            "SELECT value ->> 'platform', value ->> 'guild', value ->> 'hour', value ->> 'measure', value ->> 'word', \
                 value ->> 'count', value ->> 'millis' FROM json_each($1) WHERE TRUE"
        );
    BETWEEN = "SELECT platform, guild_native_id, hour, measure, word, count, millis FROM guild_counts \
        WHERE platform = $1 AND guild_native_id = $2 AND hour >= $3 AND hour < $4 ORDER BY hour, measure, word";
    CLEAR =>
        clear!("SELECT jsonb_array_elements_text($1)"),
        clear!("SELECT value FROM json_each($1)");
    FORGET = "DELETE FROM guild_counts WHERE (platform, guild_native_id, hour, measure, word) IN \
        (SELECT platform, guild_native_id, hour, measure, word FROM guild_counts WHERE hour < $1 ORDER BY hour LIMIT $2)";
    OPENED = "SELECT c.created_at FROM cases c JOIN guilds g ON g.id = c.guild_id \
        WHERE g.platform = $1 AND g.native_id = $2 AND c.number = $3";
}

// === impl Conn ===

impl Conn {
    /// What was counted in hours that begin from a time on and before another.
    pub async fn guild_counts(
        &mut self,
        platform: Platform,
        guild: &GuildId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<HourCount>, StoreError> {
        self.query(&BETWEEN)
            .bind(platform)
            .bind(guild.as_str())
            .bind(from)
            .bind(to)
            .all()
            .await
    }

    /// When a case was decided.
    pub async fn case_opened_at(
        &mut self,
        platform: Platform,
        guild: &GuildId,
        number: u64,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        // A number that no row can have is the number of no case.
        let Ok(number) = i64::try_from(number) else {
            return Ok(None);
        };
        let query = self.query(&OPENED).bind(platform).bind(guild.as_str());
        query.bind(number).value("created_at").await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds to what is counted; no hour, measure and word stands in it twice.
    pub async fn add_guild_counts(&mut self, counts: &[HourCount]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let row = |count: &HourCount| -> Value {
            let hour = micros(count.hour);
            json!({
                "platform": count.platform, "guild": count.guild_native_id, "hour": hour - hour.rem_euclid(HOUR),
                "measure": count.measure.as_str(), "word": storable(&count.word), "count": count.count,
                "millis": count.millis,
            })
        };
        let rows: Vec<Value> = counts.iter().map(row).collect();
        self.query(&ADD).bind(Json(rows)).execute().await.map(drop)
    }

    /// Takes away what was counted of these measures in hours from one on, so that it is counted again.
    pub async fn clear_guild_counts(
        &mut self,
        measures: &[Measure],
        from: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let measures: Vec<String> = measures.iter().map(Measure::to_string).collect();
        self.query(&CLEAR).bind(Json(measures)).bind(from).execute().await
    }

    /// Removes some of what was counted in hours before a time; says how many.
    pub async fn forget_guild_counts(
        &mut self,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET).bind(before).bind(limit).execute().await
    }
}
