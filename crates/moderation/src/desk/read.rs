//! Reading: one case with its history, and why it stands.

use super::error::{DeskError, Stop};
use super::rows::{self, People};
use super::{Desk, guild};
use crate::case::{Case, CaseState, Lift};
use crate::duration::Term;
use crate::sanction::{Lasting, Profile};
use crate::standing::Standing;
use crate::who::{Actor, CaseNumber, GuildRef};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, CaseId, MessageRef, Origin, Platform, TraceId, UserId};
use lockdown_store::cases::CaseEventKind;
use lockdown_store::guilds::Guild;
use lockdown_store::people::IdentityId;
use lockdown_store::{Conn, cases, in_read};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// One case with all that is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub case: Case,
    /// For an automatic decision: the version of the rules that judged, and where its explanation is kept.
    pub rule_set_hash: Option<String>,
    pub trace: Option<TraceId>,
    /// The case that it lifts or follows from.
    pub parent: Option<CaseNumber>,
    /// The cases that it ended.
    pub ended: Vec<CaseNumber>,
    pub history: Vec<HistoryLine>,
}

/// One line of a case's history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryLine {
    pub at: DateTime<Utc>,
    pub by: Actor,
    pub kind: CaseEventKind,
    /// What changed; for an edit, the old value and the new one.
    pub body: Value,
}

/// Why a case is as it is, for people: its text says all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub record: Record,
    pub now: DateTime<Utc>,
}

/// A case as it is answered and shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Case")]
pub struct CaseView {
    pub id: CaseId,
    pub case_number: u64,
    pub platform: Platform,
    pub guild_id: String,
    pub user_id: UserId,
    pub action: Action,
    #[schemars(extend("enum" = ["requested", "applied", "failed", "lifted", "superseded", "voided"]))]
    pub state: &'static str,
    pub origin: Origin,
    /// Absent when a rule, a program or a timer acted.
    pub moderator_id: Option<UserId>,
    /// Who it was, as the audit names them: a person's id, `rule:<id>`, `token:<name>` or `system`.
    pub actor: String,
    pub reason: Option<String>,
    /// Absent: for ever.
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Why the platform did not do it.
    pub error: Option<String>,
    /// For a removal: the case that it ended.
    pub lifts_case_number: Option<u64>,
    /// The case that ended it.
    pub ended_by_case_number: Option<u64>,
    pub evidence: Vec<MessageRef>,
    /// Ordinary lists leave it out.
    pub hidden: bool,
}

/// Which cases of a community, newest first; an absent member takes all.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    pub subject: Option<UserId>,
    pub moderator: Option<UserId>,
    pub action: Option<Action>,
    pub state: Option<cases::CaseState>,
    pub origin: Option<Origin>,
    /// Decided at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Decided before.
    pub to: Option<DateTime<Utc>>,
    /// Words of the reason, in any case of letters.
    pub text: Option<String>,
    /// Where the last page ended: the number of its last case.
    pub before: Option<CaseNumber>,
    /// Those that are hidden, too.
    pub hidden: bool,
}

// === impl Desk ===

impl Desk {
    /// A page of cases. What somebody did whom nobody has ever seen is nothing.
    pub async fn cases(
        &self,
        of: &GuildRef,
        filter: &CaseFilter,
        limit: u64,
    ) -> Result<Vec<Case>, DeskError> {
        let cases = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let mut query = cases::CaseQuery {
                kind: filter.action,
                state: filter.state,
                origin: filter.origin,
                from: filter.from,
                to: filter.to,
                text: filter.text.clone(),
                hidden: filter.hidden,
                // A number that no row can have is above all of them.
                before: filter
                    .before
                    .map(|number| number.0)
                    .filter(|number| i64::try_from(*number).is_ok()),
                ..cases::CaseQuery::default()
            };
            for (id, field) in [
                (&filter.subject, &mut query.subject),
                (&filter.moderator, &mut query.moderator),
            ] {
                let Some(id) = id else { continue };
                let Some(known) = conn.identity(of.platform, id).await? else {
                    return Ok(Vec::new());
                };
                *field = Some(known.id);
            }
            let rows = conn.cases(guild.id, &query, limit).await?;
            rows::kept(conn, of, rows).await
        });
        let cases = cases.map_err(|stop: Stop| DeskError::from(stop))?;
        Ok(cases.into_iter().map(|kept| kept.case).collect())
    }

    /// A case without what was done about it.
    pub async fn find(&self, of: &GuildRef, number: CaseNumber) -> Result<Option<Case>, DeskError> {
        let found = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let kept = rows::find(conn, of, &guild, number).await?;
            Ok::<_, Stop>(kept.map(|kept| kept.case))
        });
        Ok(found?)
    }

    /// A case and its history; `None` when there is no such case.
    pub async fn case(&self, of: &GuildRef, number: CaseNumber) -> Result<Option<Record>, DeskError> {
        let record = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let read = record(conn, of, &guild, number).await?;
            Ok::<_, Stop>(read.map(|(record, _)| record))
        });
        Ok(record?)
    }

    /// Why a case is as it is; `None` when there is no such case.
    pub async fn explain(&self, of: &GuildRef, number: CaseNumber) -> Result<Option<Explanation>, DeskError> {
        let now = self.clock.now();
        let record = self.case(of, number).await?;
        Ok(record.map(|record| Explanation { record, now }))
    }

    /// As [`Desk::explain`], and whether the case is the last word of its kind about its person. Of what is not, the platform
    /// is not to be asked any more.
    pub async fn last_word(
        &self,
        of: &GuildRef,
        number: CaseNumber,
    ) -> Result<Option<(Explanation, bool)>, DeskError> {
        let now = self.clock.now();
        let told = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let Some((record, subject)) = record(conn, of, &guild, number).await? else {
                return Ok(None);
            };
            let case = &record.case;
            let last = match Lasting::decided_by(case.action) {
                None => !matches!(case.state, CaseState::Failed { .. } | CaseState::Voided { .. }),
                Some(lasting) => {
                    let rows = conn.standing_cases(guild.id, subject, case.at, None).await?;
                    let others = rows::kept(conn, of, rows).await?;
                    let standing = Standing::of(others.iter().map(|kept| &kept.case))?;
                    let newest = standing.lane(lasting).newest();
                    newest.is_some_and(|decided| decided.case == number)
                }
            };
            Ok::<_, Stop>(Some((Explanation { record, now }, last)))
        });
        Ok(told?)
    }
}

/// A case with its history, and the row of its person.
async fn record(
    conn: &mut Conn,
    of: &GuildRef,
    guild: &Guild,
    number: CaseNumber,
) -> Result<Option<(Record, IdentityId)>, Stop> {
    let Some(kept) = rows::find(conn, of, guild, number).await? else {
        return Ok(None);
    };
    let ended = conn.cases_ended_by(guild.id, number.0).await?;
    let lines = conn.case_history(kept.case.id).await?;
    let actors = lines.iter().filter_map(|line| rows::identity(&line.actor));
    let people = People::known(conn, actors.collect()).await?;
    let history = lines.into_iter().map(|line| HistoryLine {
        at: line.at,
        by: people.actor(&line.actor),
        kind: line.kind,
        body: line.body.0,
    });
    let record = Record {
        case: kept.case,
        rule_set_hash: kept.row.rule_set_hash,
        trace: kept.row.trace_id,
        parent: kept.row.parent.map(CaseNumber),
        ended: ended.iter().map(|row| CaseNumber(row.number)).collect(),
        history: history.collect(),
    };
    Ok(Some((record, kept.row.subject_id)))
}

// === impl CaseView ===

impl From<&Case> for CaseView {
    fn from(case: &Case) -> Self {
        let error = match &case.state {
            CaseState::Failed { error, .. } => Some(error.clone()),
            _ => None,
        };
        Self {
            id: case.id,
            case_number: case.number.0,
            platform: case.guild.platform,
            guild_id: case.guild.id.to_string(),
            user_id: case.subject.id.clone(),
            action: case.action,
            state: case.state.name(),
            origin: case.origin,
            moderator_id: case.by.person().map(|person| person.id.clone()),
            actor: case.by.to_string(),
            reason: case.reason.as_ref().map(ToString::to_string),
            expires_at: case.ends.at(),
            created_at: case.at,
            error,
            lifts_case_number: case.lifts.map(|number| number.0),
            ended_by_case_number: case.state.ended_by().map(|number| number.0),
            evidence: case.evidence.clone(),
            hidden: case.hidden,
        }
    }
}

// === impl Explanation ===

/// In whole sentences: who did what to whom and why, by what it came, what came of it, and until when it stands.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { case, .. } = &self.record;
        let profile = Profile::of(case.action);
        write!(f, "{} was {} by {}", case.subject.id, profile.past, case.by)?;
        write!(f, " at {}", case.at.format("%F %T UTC"))?;
        match &case.reason {
            Some(reason) => write!(f, ": {reason}.")?,
            None => f.write_str(" without a reason.")?,
        }
        let came = match case.origin {
            Origin::Command => "It was a command.",
            Origin::Api => "It came through the API.",
            Origin::Automod => "A rule of the community decided it.",
            Origin::Native => "It was done by hand on the platform, and seen there.",
            Origin::Appeal => "An appeal was granted.",
            Origin::Expiry => "Its time was up.",
            Origin::Outside => "A program outside asked for it.",
        };
        write!(f, " {came}")?;
        if let Some(hash) = &self.record.rule_set_hash {
            write!(f, " The rules were those of version {hash}.")?;
        }
        if let Some(trace) = self.record.trace {
            write!(f, " The verdict in full is {trace}.")?;
        }
        if let Some(parent) = self.record.parent {
            let how = if case.lifts.is_some() {
                "ended"
            } else {
                "followed from"
            };
            write!(f, " It {how} {parent}.")?;
        }
        for ended in self
            .record
            .ended
            .iter()
            .filter(|ended| Some(**ended) != self.record.parent)
        {
            write!(f, " It took the place of {ended}.")?;
        }
        self.fate(f)
    }
}

impl Explanation {
    fn fate(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = &self.record.case;
        match &case.state {
            CaseState::Requested => f.write_str(" The platform has not answered yet.")?,
            CaseState::Applied { .. } => {}
            CaseState::Failed { error, .. } => return write!(f, " The platform did not do it: {error}."),
            CaseState::Lifted { by, how, at, .. } => {
                let how = match how {
                    Lift::Expired => "Its time was up",
                    Lift::Revoked => "It was lifted",
                };
                return write!(f, " {how} at {}, by {by}.", at.format("%F %T UTC"));
            }
            CaseState::Superseded { by, .. } => return write!(f, " {by} stands in its place."),
            CaseState::Voided { by, why, .. } => {
                return write!(f, " {by} declared it a mistake: {why}.");
            }
        }
        match (case.live(), case.ends) {
            (None, _) => Ok(()),
            (Some(_), Term::Forever) => f.write_str(" It stands until somebody lifts it."),
            (Some(_), Term::Until(at)) => {
                write!(
                    f,
                    " It stands until {}, for another {}.",
                    at.format("%F %T UTC"),
                    case.ends.left(self.now)
                )
            }
        }
    }
}
