//! Reports: what members tell moderators about others.
//!
//! A member who says the same twice has one report. Moderators claim one while they look at it, so that no two decide it
//! at once; what was decided of a message ends every report of it.

use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{CaseId, ChannelId, MessageId};

uuid_ids! {
    ReportId;
}

text_enum! {
    ReportState {
        Open = "open",
        /// Somebody looks at it, or did and went: see [`Report::holder`].
        Claimed = "claimed",
        Actioned = "actioned",
        Dismissed = "dismissed",
        /// Another report of the same message was decided.
        Duplicate = "duplicate",
    }
}

row! {
    pub Report {
        id: ReportId,
        guild_id: GuildKey,
        /// What people call it.
        number: u64,
        reporter_id: IdentityId,
        subject_id: IdentityId,
        /// Of the message; absent when it is about the person.
        channel_id: Option<ChannelId>,
        message_id: Option<MessageId>,
        /// A word of the community's own list.
        category: String,
        body: String,
        /// How often this reporter said so.
        times: u64,
        state: ReportState,
        claimed_by: Option<String>,
        claimed_until: Option<DateTime<Utc>>,
        case_id: Option<CaseId>,
        duplicate_of: Option<ReportId>,
        created_at: DateTime<Utc>,
        resolved_at: Option<DateTime<Utc>>,
        resolved_by: Option<String>,
        /// What the reporter may be told.
        resolution: Option<String>,
    }
}

/// What a member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    pub id: ReportId,
    pub guild_id: GuildKey,
    pub reporter_id: IdentityId,
    pub subject_id: IdentityId,
    pub message: Option<(ChannelId, MessageId)>,
    pub category: String,
    pub body: String,
    pub created_at: DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Filed {
    New(Report),
    /// They had said so before, and this is what became of that.
    Again(Report),
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// With the case that came of it, if it is one.
    Actioned(Option<CaseId>),
    Dismissed,
}

row! {
    /// How well somebody reports.
    pub ReporterRecord {
        actioned: u64,
        dismissed: u64,
    }
}

row! {
    /// What is to be looked at.
    pub ReportQueue {
        waiting: u64,
        oldest: Option<DateTime<Utc>>,
    }
}

/// Which reports of a guild, newest first.
#[derive(Debug, Clone, Default)]
pub struct ReportQuery {
    pub state: Option<ReportState>,
    pub subject: Option<IdentityId>,
    pub reporter: Option<IdentityId>,
    pub category: Option<String>,
    /// Where the last page ended: the number of its last report.
    pub before: Option<u64>,
}

macro_rules! columns {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " id, guild_id, number, reporter_id, subject_id, channel_id, message_id, category, body, times, state, \
             claimed_by, claimed_until, case_id, duplicate_of, created_at, resolved_at, resolved_by, resolution ",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("SELECT", "FROM reports");

sqls! {
    LOCK_GUILD =>
        "SELECT last_report FROM guilds WHERE id = $1 FOR NO KEY UPDATE",
        "SELECT last_report FROM guilds WHERE id = $1";
    AGAIN_MESSAGE = columns!("UPDATE reports SET times = times + 1 \
        WHERE guild_id = $1 AND channel_id = $2 AND message_id = $3 AND reporter_id = $4 RETURNING", "");
    AGAIN_PERSON = columns!("UPDATE reports SET times = times + 1 \
        WHERE guild_id = $1 AND subject_id = $2 AND reporter_id = $3 AND message_id IS NULL \
            AND resolved_at IS NULL RETURNING", "");
    NEXT = "UPDATE guilds SET last_report = last_report + 1 WHERE id = $1 RETURNING last_report";
    INSERT = columns!("INSERT INTO reports (id, guild_id, number, reporter_id, subject_id, channel_id, message_id, \
            category, body, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10) RETURNING", "");
    FIND = columns!("SELECT", "FROM reports WHERE id = $1");
    BY_NUMBER = columns!("SELECT", "FROM reports WHERE guild_id = $1 AND number = $2");
    ABOUT_MESSAGE = columns!("SELECT", "FROM reports \
        WHERE guild_id = $1 AND channel_id = $2 AND message_id = $3 ORDER BY number");
    WAITING = columns!("SELECT", "FROM reports \
        WHERE guild_id = $1 AND resolved_at IS NULL AND number > $2 ORDER BY number LIMIT $3");
    QUEUE = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest FROM reports \
        WHERE guild_id = $1 AND resolved_at IS NULL";
    RECORD = "SELECT \
            CAST(COALESCE(SUM(CASE WHEN COALESCE(o.state, r.state) = 'actioned' THEN 1 ELSE 0 END), 0) AS BIGINT) \
                AS actioned, \
            CAST(COALESCE(SUM(CASE WHEN COALESCE(o.state, r.state) = 'dismissed' THEN 1 ELSE 0 END), 0) AS BIGINT) \
                AS dismissed \
        FROM reports r LEFT JOIN reports o ON o.id = r.duplicate_of WHERE r.guild_id = $1 AND r.reporter_id = $2";
    CLAIM = "UPDATE reports SET state = 'claimed', claimed_by = $2, claimed_until = $3 \
        WHERE id = $1 AND resolved_at IS NULL \
            AND (claimed_by IS NULL OR claimed_by = $2 OR claimed_until <= $4)";
    RELEASE = "UPDATE reports SET state = 'open', claimed_by = NULL, claimed_until = NULL \
        WHERE id = $1 AND state = 'claimed' AND claimed_by = $2";
    RESOLVE = "UPDATE reports SET state = $2, case_id = $3, resolved_by = $4, resolved_at = $5, resolution = $6, \
            claimed_by = NULL, claimed_until = NULL \
        WHERE id = $1 AND resolved_at IS NULL \
            AND (claimed_by IS NULL OR claimed_by = $4 OR claimed_until <= $5)";
    // The number of a message is of its channel. Without a message there is nothing to be the same.
    RESOLVE_SAME = "UPDATE reports SET state = 'duplicate', duplicate_of = $1, case_id = $2, resolved_by = $3, \
            resolved_at = $4, resolution = $5, claimed_by = NULL, claimed_until = NULL \
        WHERE resolved_at IS NULL AND (guild_id, channel_id, message_id) = \
            (SELECT o.guild_id, o.channel_id, o.message_id FROM reports o WHERE o.id = $1)";
}

// === impl Report ===

impl Report {
    /// Who looks at it now, and whose alone it is.
    pub fn holder(&self, now: DateTime<Utc>) -> Option<&str> {
        let held = self.claimed_until.is_some_and(|until| until > now);
        self.claimed_by.as_deref().filter(|_| held)
    }
}

// === impl Conn ===

impl Conn {
    pub async fn report(&mut self, id: ReportId) -> Result<Option<Report>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    pub async fn report_by_number(
        &mut self,
        guild: GuildKey,
        number: u64,
    ) -> Result<Option<Report>, StoreError> {
        // A number that no row can have is the number of no report.
        if i64::try_from(number).is_err() {
            return Ok(None);
        }
        self.query(&BY_NUMBER).bind(guild).bind(number).optional().await
    }

    /// Every report of a message, whatever became of it.
    pub async fn reports_about(
        &mut self,
        guild: GuildKey,
        channel: &ChannelId,
        message: &MessageId,
    ) -> Result<Vec<Report>, StoreError> {
        self.query(&ABOUT_MESSAGE)
            .bind(guild)
            .bind(channel.as_str())
            .bind(message.as_str())
            .all()
            .await
    }

    /// A page of what is to be looked at, oldest first, with what others look at. The next one begins after the number of the
    /// last.
    pub async fn waiting_reports(
        &mut self,
        guild: GuildKey,
        after: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Report>, StoreError> {
        self.query(&WAITING)
            .bind(guild)
            .bind(after.unwrap_or(0))
            .bind(limit)
            .all()
            .await
    }

    pub async fn report_queue(&mut self, guild: GuildKey) -> Result<ReportQueue, StoreError> {
        self.query(&QUEUE).bind(guild).one().await
    }

    /// A page, newest first.
    pub async fn reports(
        &mut self,
        guild: GuildKey,
        query: &ReportQuery,
        limit: u64,
    ) -> Result<Vec<Report>, StoreError> {
        let filter = Filter::new(self, "reports::page", SELECT)
            .and("guild_id = ?", guild)
            .and_if("number < ?", query.before)
            .and_if("state = ?", query.state)
            .and_if("subject_id = ?", query.subject)
            .and_if("reporter_id = ?", query.reporter)
            .and_if("category = ?", query.category.as_deref())
            .ending("ORDER BY number DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// What became of somebody's reports, those included that another one decided.
    pub async fn reporter_record(
        &mut self,
        guild: GuildKey,
        reporter: IdentityId,
    ) -> Result<ReporterRecord, StoreError> {
        self.query(&RECORD).bind(guild).bind(reporter).one().await
    }
}

// === impl Tx ===

impl Tx {
    /// Takes what a member says: as a new report, or as the same one again. Holds the guild until the end of the
    /// transaction.
    pub async fn file_report(&mut self, new: &NewReport) -> Result<Filed, StoreError> {
        let known: Option<u64> = self
            .query(&LOCK_GUILD)
            .bind(new.guild_id)
            .value("last_report")
            .await?;
        if known.is_none() {
            return Err(StoreError::Missing {
                statement: LOCK_GUILD.name,
            });
        }
        let again = match &new.message {
            Some((channel, message)) => self
                .query(&AGAIN_MESSAGE)
                .bind(new.guild_id)
                .bind(channel.as_str())
                .bind(message.as_str())
                .bind(new.reporter_id),
            None => self
                .query(&AGAIN_PERSON)
                .bind(new.guild_id)
                .bind(new.subject_id)
                .bind(new.reporter_id),
        };
        if let Some(report) = again.optional().await? {
            return Ok(Filed::Again(report));
        }
        let number: Option<u64> = self.query(&NEXT).bind(new.guild_id).value("last_report").await?;
        let (channel, message) = new
            .message
            .as_ref()
            .map(|(channel, message)| (channel, message))
            .unzip();
        let query = self
            .query(&INSERT)
            .bind(new.id)
            .bind(new.guild_id)
            .bind(number)
            .bind(new.reporter_id)
            .bind(new.subject_id)
            .bind(channel.map(ChannelId::as_str))
            .bind(message.map(MessageId::as_str))
            .bind(storable(&new.category))
            .bind(storable(&new.body))
            .bind(new.created_at);
        query.one().await.map(Filed::New)
    }

    /// Makes a report somebody's own until a time, or theirs for longer; `false` when it is another's or decided.
    pub async fn claim_report(
        &mut self,
        id: ReportId,
        by: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&CLAIM).bind(id).bind(by).bind(until).bind(now);
        Ok(query.execute().await? == 1)
    }

    /// Leaves a report to others; `false` when it was not theirs any more.
    pub async fn release_report(&mut self, id: ReportId, by: &str) -> Result<bool, StoreError> {
        Ok(self.query(&RELEASE).bind(id).bind(by).execute().await? == 1)
    }

    /// Decides a report, and with it every other one of the same message; `false` when it is another's or decided.
    pub async fn resolve_report(
        &mut self,
        id: ReportId,
        verdict: Verdict,
        by: &str,
        at: DateTime<Utc>,
        resolution: Option<&str>,
    ) -> Result<bool, StoreError> {
        let (state, case) = match verdict {
            Verdict::Actioned(case) => (ReportState::Actioned, case),
            Verdict::Dismissed => (ReportState::Dismissed, None),
        };
        let resolution = resolution.map(storable);
        let query = self
            .query(&RESOLVE)
            .bind(id)
            .bind(state)
            .bind(case)
            .bind(by)
            .bind(at)
            .bind(resolution.as_deref());
        if query.execute().await? == 0 {
            return Ok(false);
        }
        let same = self
            .query(&RESOLVE_SAME)
            .bind(id)
            .bind(case)
            .bind(by)
            .bind(at)
            .bind(resolution.as_deref());
        same.execute().await?;
        Ok(true)
    }
}
