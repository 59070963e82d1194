//! What an event adds to the counts of its community, hour by hour.
//!
//! To count more: a word in [`Measure`], and its arm in [`Tally::add`].

use chrono::{DateTime, Utc};
use lockdown_bus::Class;
use lockdown_events::{
    Action, Decision, Envelope, Event, GuildId, ModerationEvent, Origin, Outcome, Platform, UserEvent,
    Verdict, VerdictMode,
};
use lockdown_store::counts::{HourCount, Measure};
use lockdown_store::{Conn, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Counts that are not written yet: how many, and how long they took.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    sums: BTreeMap<Key, (u64, u64)>,
}

type Key = (Platform, GuildId, DateTime<Utc>, Measure, String);

/// Where and when something is counted.
struct Spot<'a> {
    platform: Platform,
    guild: &'a GuildId,
    hour: DateTime<Utc>,
}

/// What is counted from the events of a class.
pub(crate) fn measures(class: Class) -> &'static [Measure] {
    match class {
        Class::Message => &[],
        Class::Moderation => &[
            Measure::Case,
            Measure::Reversal,
            Measure::Outcome,
            Measure::Verdict,
            Measure::Hit,
            Measure::ShadowHit,
        ],
        Class::System => &[Measure::Joined, Measure::Left],
    }
}

/// The first moment of an hour.
pub(crate) fn hour(at: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = at.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(3600), 0).unwrap_or(at)
}

// === impl Tally ===

impl Tally {
    /// Counts an event that was appended at this time. An event is of the hour in which it happened, but of none after it
    /// was appended: so what was archived since an hour is all that can be of it.
    pub(crate) async fn add(
        &mut self,
        conn: &mut Conn,
        appended: DateTime<Utc>,
        envelope: &str,
    ) -> Result<(), StoreError> {
        let Ok(envelope) = Envelope::decode(envelope) else {
            return Ok(());
        };
        let Ok(event) = envelope.event() else {
            return Ok(());
        };
        let at = envelope.timestamp.min(appended);
        let spot = Spot {
            platform: event.platform(),
            guild: event.guild_id(),
            hour: hour(at),
        };
        match &event {
            Event::User(UserEvent::Joined(_)) => self.count(&spot, Measure::Joined, "", 0),
            Event::User(UserEvent::Left(_)) => self.count(&spot, Measure::Left, "", 0),
            Event::Moderation(ModerationEvent::Automod(verdict)) => self.verdict(&spot, verdict),
            Event::Moderation(ModerationEvent::Log(log)) => {
                let millis = match log.outcome {
                    Outcome::Applied => {
                        let opened = conn
                            .case_opened_at(log.platform, &log.guild_id, log.case_number)
                            .await?;
                        // What no case tells of took no time that anybody knows.
                        let Some(opened) = opened else { return Ok(()) };
                        u64::try_from((at - opened).num_milliseconds()).unwrap_or(0)
                    }
                    _ => 0,
                };
                self.count(&spot, Measure::Outcome, log.outcome.as_str(), millis);
            }
            Event::Moderation(
                ModerationEvent::BanCreated(decision)
                | ModerationEvent::BanRemoved(decision)
                | ModerationEvent::KickExecuted(decision)
                | ModerationEvent::MuteApplied(decision)
                | ModerationEvent::MuteRemoved(decision)
                | ModerationEvent::WarningAdded(decision)
                | ModerationEvent::WarningRemoved(decision)
                | ModerationEvent::NoteAdded(decision),
            ) => {
                self.decision(&spot, &event, decision);
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (key, (count, millis)) in other.sums {
            let sum = self.sums.entry(key).or_default();
            sum.0 += count;
            sum.1 += millis;
        }
    }

    /// What is to be added in hours from one on.
    pub(crate) fn from(&self, from: DateTime<Utc>) -> Vec<HourCount> {
        let counted = self.sums.iter().filter(|((_, _, hour, _, _), _)| *hour >= from);
        counted
            .map(
                |((platform, guild, hour, measure, word), (count, millis))| HourCount {
                    platform: *platform,
                    guild_native_id: guild.clone(),
                    hour: *hour,
                    measure: *measure,
                    word: word.clone(),
                    count: *count,
                    millis: *millis,
                },
            )
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<HourCount> {
        self.from(DateTime::<Utc>::MIN_UTC)
    }

    fn decision(&mut self, spot: &Spot<'_>, event: &Event, decision: &Decision) {
        let usual = match event {
            Event::Moderation(ModerationEvent::BanCreated(_)) => Action::Ban,
            Event::Moderation(ModerationEvent::BanRemoved(_)) => Action::Unban,
            Event::Moderation(ModerationEvent::KickExecuted(_)) => Action::Kick,
            Event::Moderation(ModerationEvent::MuteApplied(_)) => Action::Mute,
            Event::Moderation(ModerationEvent::MuteRemoved(_)) => Action::Unmute,
            Event::Moderation(ModerationEvent::WarningAdded(_)) => Action::Warn,
            Event::Moderation(ModerationEvent::WarningRemoved(_)) => Action::Unwarn,
            _ => Action::Note,
        };
        let action = decision.action.unwrap_or(usual);
        self.count(spot, Measure::Case, action.as_str(), 0);
        let takes_back = matches!(action, Action::Unban | Action::Unmute | Action::Unwarn);
        // What ends when its time is over takes nothing back.
        if takes_back && decision.origin != Some(Origin::Expiry) {
            self.count(spot, Measure::Reversal, action.as_str(), 0);
        }
    }

    fn verdict(&mut self, spot: &Spot<'_>, verdict: &Verdict) {
        let hit = match verdict.mode {
            VerdictMode::Live => Measure::Hit,
            VerdictMode::Shadow => Measure::ShadowHit,
        };
        self.count(spot, Measure::Verdict, verdict.mode.as_str(), 0);
        // A rule that matched in several places matched once.
        let rules: BTreeSet<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
        for rule in rules {
            self.count(spot, hit, rule, 0);
        }
    }

    fn count(&mut self, spot: &Spot<'_>, measure: Measure, word: &str, millis: u64) {
        let key = (
            spot.platform,
            spot.guild.clone(),
            spot.hour,
            measure,
            word.to_owned(),
        );
        let sum = self.sums.entry(key).or_default();
        sum.0 += 1;
        sum.1 += millis;
    }
}
