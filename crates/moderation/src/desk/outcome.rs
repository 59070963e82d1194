//! What the platform answered.

use super::error::{DeskError, Refused, Stop};
use super::rows::{self, Kept, Name};
use super::tell::Entry;
use super::{Desk, held};
use crate::case::{Case, CaseState, MoveError, fail};
use crate::who::{CaseNumber, GuildRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{
    CorrelationId, EventId, ModerationLog, NotificationId, NotificationKind, NotificationLevel, Origin,
    Outcome,
};
use lockdown_store::cases::{CaseEvent, CaseEventKind};
use lockdown_store::guilds::Guild;
use lockdown_store::notifications::Notification;
use lockdown_store::{Tx, in_tx};
use serde_json::json;

/// What came of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    Applied(Case),
    /// With the cases that stand again because it failed.
    Failed {
        case: Case,
        stand_again: Vec<CaseNumber>,
    },
    /// It was applied before, and now it is known whether the person was told.
    Told(Case),
    /// It was known already.
    Again,
    /// The platform was not asked, since a newer decision stands, as the case says itself.
    Superseded,
}

/// How often what could not be ended is tried again: first after a minute, then less and less often.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

// === impl Desk ===

impl Desk {
    /// Notes what came of a case on the platform. One that failed gives back what it had ended.
    pub async fn outcome(
        &self,
        log: &ModerationLog,
        chain: Option<&CorrelationId>,
    ) -> Result<Answered, DeskError> {
        if log.outcome == Outcome::Superseded {
            return Ok(Answered::Superseded);
        }
        let of = GuildRef {
            platform: log.platform,
            id: log.guild_id.clone(),
        };
        let number = CaseNumber(log.case_number);
        let answered = in_tx!(self.store, |tx| {
            let guild = held(tx, &of).await?;
            let kept = rows::find(tx, &of, &guild, number).await?;
            let kept = kept.ok_or_else(|| Refused::UnknownCase(of.clone(), number))?;
            let now = self.clock.now();
            match log.outcome {
                Outcome::Failed => self.failed(tx, &guild, kept, log, chain, now).await,
                Outcome::Applied | Outcome::Superseded => self.applied(tx, kept, log, now).await,
            }
        });
        match answered {
            Err(Stop::Refused(Refused::Move(MoveError::Already(_)))) => {
                self.store.settled().await.map_err(DeskError::Store)?;
                Ok(Answered::Again)
            }
            Err(stop) => Err(stop.into()),
            Ok(answered) => Ok(answered),
        }
    }

    async fn applied(
        &self,
        tx: &mut Tx,
        mut kept: Kept,
        log: &ModerationLog,
        now: DateTime<Utc>,
    ) -> Result<Answered, Stop> {
        match kept.case.state.apply(now) {
            Ok(state) => kept.case.state = state,
            Err(error @ MoveError::Already(_)) => {
                // Where a notice comes after the act, its answer does, too.
                let history = tx.case_history(kept.case.id).await?;
                let known =
                    |event: &CaseEvent| event.body.0.get("notified").is_some_and(|told| !told.is_null());
                if log.notified.is_none() || history.iter().any(known) {
                    return Err(error.into());
                }
                let body = json!({ "notified": log.notified });
                tx.add_case_event(kept.case.id, now, SYSTEM, CaseEventKind::Applied, body)
                    .await?;
                return Ok(Answered::Told(kept.case));
            }
            Err(error) => return Err(error.into()),
        }
        kept.write(now, None);
        // Its sanction stands or fell with it before.
        tx.save_case(&kept.row).await?;
        let body = json!({ "notified": log.notified });
        tx.add_case_event(kept.case.id, now, SYSTEM, CaseEventKind::Applied, body)
            .await?;
        Ok(Answered::Applied(kept.case))
    }

    async fn failed(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        mut kept: Kept,
        log: &ModerationLog,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<Answered, Stop> {
        let of = kept.case.guild.clone();
        let rows = tx.cases_ended_by(guild.id, kept.case.number.0).await?;
        let mut ended = rows::kept(tx, &of, rows).await?;
        let error = log
            .error
            .clone()
            .unwrap_or_else(|| "the platform did not say why".to_owned());
        let heir = match kept.case.state.ended_by() {
            Some(number) => rows::find(tx, &of, guild, number).await?.map(|heir| heir.case.id),
            None => None,
        };
        fail(
            &mut kept.case,
            ended.iter_mut().map(|kept| &mut kept.case),
            error.clone(),
            now,
        )?;
        kept.write(now, None);
        rows::save(tx, &kept, None, None).await?;
        let body = json!({ "error": error, "notified": log.notified });
        tx.add_case_event(kept.case.id, now, SYSTEM, CaseEventKind::Failed, body)
            .await?;
        let ids: Vec<_> = ended
            .iter()
            .map(|kept| (kept.case.number, kept.case.id))
            .collect();
        let mut stand_again = Vec::new();
        for other in &mut ended {
            other.write(now, None);
            let by = other.case.state.ended_by();
            let by = ids
                .iter()
                .find(|(number, _)| Some(*number) == by)
                .map(|(_, id)| *id)
                .or(heir.filter(|_| by.is_some()));
            let next = self.look_again(tx, &other.case, now).await?;
            rows::save(tx, other, by, next).await?;
            if other.case.state.stands() {
                stand_again.push(other.case.number);
                let kind = match other.case.state {
                    CaseState::Requested => CaseEventKind::Opened,
                    _ => CaseEventKind::Applied,
                };
                let body = json!({ "standsAgain": true, "failed": kept.case.number.0 });
                tx.add_case_event(other.case.id, now, SYSTEM, kind, body).await?;
            }
        }
        if kept.case.origin == Origin::Expiry {
            for other in ended.iter().filter(|other| other.case.state.stands()) {
                call(tx, guild, other, &error, now).await?;
            }
        }
        let by = Name::system();
        let entry = Entry {
            by: &by,
            act: "case:fail",
            subject: format!("case:{}", kept.case.number.0),
            body: json!({ "standAgain": stand_again.iter().map(|number| number.0).collect::<Vec<_>>() }),
            personal: Some((kept.row.subject_id, json!({ "error": error }))),
        };
        self.audit(tx, guild, entry, chain, now).await?;
        Ok(Answered::Failed {
            case: kept.case,
            stand_again,
        })
    }

    /// When the timer of a case that stands again rings. What is due by now could just not be ended: it is tried again after
    /// a pause that grows with every try.
    async fn look_again(
        &self,
        tx: &mut Tx,
        case: &Case,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Stop> {
        let Some(next) = case
            .live()
            .and_then(|lasting| rows::next_look(case, lasting, now))
        else {
            return Ok(None);
        };
        if next > now {
            return Ok(Some(next));
        }
        let sanctions = tx.sanctions_of_case(case.id).await?;
        let tries = sanctions
            .iter()
            .map(|sanction| sanction.attempts)
            .max()
            .unwrap_or(0);
        let pause = FIRST_PAUSE * (1 << tries.saturating_sub(1).min(9));
        Ok(Some(now + pause.min(LONGEST_PAUSE)))
    }
}

/// Tells those who moderate there that a sanction outlives its case: once, however often it is tried again.
async fn call(tx: &mut Tx, guild: &Guild, kept: &Kept, error: &str, now: DateTime<Utc>) -> Result<(), Stop> {
    let number = kept.case.number.0;
    let notification = Notification {
        id: NotificationId(EventId(kept.case.id.0).follow_up("the end failed").0),
        recipient_id: None,
        guild_id: Some(guild.id),
        level: NotificationLevel::Urgent,
        kind: NotificationKind::Failure,
        title: format!("The end of case {number} could not be carried out"),
        body: format!(
            "{error}. It is tried again, less and less often, until it is done or somebody decides otherwise."
        ),
        link: None,
        at: now,
    };
    tx.insert_notification(&notification).await?;
    Ok(())
}

/// As rows name us.
const SYSTEM: &str = "system";
