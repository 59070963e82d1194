//! Escalation: from the strikes of a person to the step of the ladder on which they stand.

use super::error::{DeskError, Refused, Stop};
use super::facts::Facts;
use super::{Acted, Ask, Desk, guild};
use crate::duration::Term;
use crate::escalation::{Due, Ladder, Strike};
use crate::sanction::{Effect, Profile};
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use chrono::{DateTime, Utc};
use lockdown_events::{CorrelationId, EventId, NotificationId, NotificationKind, NotificationLevel, Origin};
use lockdown_store::notifications::Notification;
use lockdown_store::points;
use lockdown_store::{in_read, in_tx};
use std::collections::BTreeMap;

/// A step that a person stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Escalated {
    pub due: Due,
    /// What came of it, now or before; `None` while a moderator has to agree first.
    pub acted: Option<Acted>,
}

/// As the cases of steps name their rule.
const RULE: &str = "ladder";

// === impl Desk ===

impl Desk {
    /// What follows from what was done, by the ladder in the guild's settings: a step after a warning, nothing after
    /// anything else. Ask also when the warning was recorded before: whoever recorded it may have died before this.
    pub async fn follow_up(
        &self,
        acted: &Acted,
        facts: &dyn Facts,
        chain: Option<&CorrelationId>,
    ) -> Result<Option<Escalated>, DeskError> {
        let warning = acted
            .case()
            .filter(|case| Profile::of(case.action).effect == Effect::Counts);
        let Some(warning) = warning else {
            return Ok(None);
        };
        let (settings, _) = self.settings(&warning.guild).await?;
        match Ladder::of(&settings).map_err(Refused::from)? {
            Some(ladder) => {
                self.escalate(&warning.guild, &warning.subject, &ladder, facts, chain)
                    .await
            }
            None => Ok(None),
        }
    }

    /// Does the step that a person's strikes have reached, if there is one. Ask after every warning, also one that was
    /// recorded before: the step's key makes it one case, whoever computes it and however often.
    pub async fn escalate(
        &self,
        of: &GuildRef,
        subject: &UserRef,
        ladder: &Ladder,
        facts: &dyn Facts,
        chain: Option<&CorrelationId>,
    ) -> Result<Option<Escalated>, DeskError> {
        let now = self.clock.now();
        let Some(due) = ladder.due(&self.strikes(of, subject).await?, now) else {
            return Ok(None);
        };
        if due.step.needs_approval {
            self.propose(of, &due, now).await?;
            return Ok(Some(Escalated { due, acted: None }));
        }
        let ask = Ask {
            ends: due
                .step
                .lasts
                .map_or(Term::Forever, |lasts| Term::after(lasts, now)),
            reason: Some(format!(
                "{} points, which reaches the step of {}",
                due.points, due.step.points
            )),
            key: Some(due.key.to_string()),
            follows: Some(due.key.reached_by),
            chain: chain.cloned(),
            ..Ask::new(
                Actor::Rule(RULE.into()),
                of.clone(),
                subject.clone(),
                due.step.action,
                Origin::Automod,
                now,
            )
        };
        let acted = Some(self.act(&ask, facts).await?);
        Ok(Some(Escalated { due, acted }))
    }

    /// Asks those who moderate there for a step that is theirs to do: once, however often it is reached.
    async fn propose(&self, of: &GuildRef, due: &Due, now: DateTime<Utc>) -> Result<(), DeskError> {
        let Due { key, points, step } = due;
        let lasts = step
            .lasts
            .map_or_else(String::new, |lasts| format!(" for {lasts}"));
        Ok(in_tx!(self.store, |tx| {
            let guild = guild(tx, of).await?;
            let notification = Notification {
                id: NotificationId(EventId(guild.id.0).follow_up(&key.to_string()).0),
                recipient_id: None,
                guild_id: Some(guild.id),
                level: NotificationLevel::Warning,
                kind: NotificationKind::Approval,
                title: format!("The ladder asks for: {}{lasts}", step.action.as_str()),
                body: format!(
                    "By {} somebody has {points} points, which reaches the step of {}. It is not done before a moderator \
                     does it.",
                    key.reached_by, step.points
                ),
                link: None,
                at: now,
            };
            tx.insert_notification(&notification).await?;
            Ok::<_, Stop>(())
        })?)
    }

    /// All that is kept against a person, also what counts no more.
    pub async fn strikes(&self, of: &GuildRef, subject: &UserRef) -> Result<Vec<Strike>, DeskError> {
        let entries = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let Some(person) = conn.identity(subject.platform, &subject.id).await? else {
                return Ok(Vec::new());
            };
            Ok::<_, Stop>(conn.strikes(guild.id, person.id).await?)
        })?;
        Ok(strikes(&entries))
    }
}

/// A warning's entries are one strike: what was given, and when it was taken back.
fn strikes(entries: &[points::Strike]) -> Vec<Strike> {
    let mut strikes: BTreeMap<u64, Strike> = BTreeMap::new();
    let mut removed: BTreeMap<u64, DateTime<Utc>> = BTreeMap::new();
    for entry in entries {
        if let Ok(points) = u32::try_from(entry.delta) {
            let strike = strikes.entry(entry.number).or_insert(Strike {
                case: CaseNumber(entry.number),
                points: 0,
                at: entry.created_at,
                removed: None,
            });
            strike.points = strike.points.saturating_add(points);
        } else {
            removed.insert(entry.number, entry.created_at);
        }
    }
    // A warning can be recorded after a newer one, and must not seem to have climbed what that one did: in the order of their
    // numbers, which never changes, none counts from before the one that precedes it.
    let mut last = DateTime::<Utc>::MIN_UTC;
    for strike in strikes.values_mut() {
        last = last.max(strike.at);
        strike.at = last;
    }
    for (number, at) in removed {
        if let Some(strike) = strikes.get_mut(&number) {
            strike.removed = Some(at);
        }
    }
    strikes.into_values().collect()
}
