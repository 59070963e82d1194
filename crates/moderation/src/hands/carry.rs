//! One decision, on one platform.

use super::together::{Alike, Banned, Together};
use crate::duration::{Span, Term};
use crate::platform::{Missing, Platform, PlatformError};
use crate::reason::Reason;
use crate::sanction::{Lasting, Profile};
use crate::who::{Actor, CaseNumber, UserRef};
use chrono::{DateTime, Utc};
use lockdown_events::{Action, Decision, DirectMessage, GuildId, ModerationEvent, Outcome, UserId};
use std::collections::HashSet;
use std::sync::Arc;

/// What has to be done, and to whom.
pub(super) struct Order<'a> {
    pub(super) action: Action,
    pub(super) decision: &'a Decision,
}

/// What came of it.
pub(super) struct Carried {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) notified: Option<DirectMessage>,
}

// === impl Carried ===

impl Carried {
    pub(super) fn applied(notified: Option<DirectMessage>) -> Self {
        Self {
            outcome: Outcome::Applied,
            error: None,
            notified,
        }
    }

    pub(super) fn failed(error: &PlatformError, notified: Option<DirectMessage>) -> Self {
        Self {
            outcome: Outcome::Failed,
            error: Some(error.to_string()),
            notified,
        }
    }

    pub(super) fn superseded() -> Self {
        Self {
            outcome: Outcome::Superseded,
            error: None,
            notified: None,
        }
    }
}

// === impl Order ===

impl<'a> Order<'a> {
    /// `None` for what is no decision.
    pub(super) fn of(event: &'a ModerationEvent) -> Option<Self> {
        let (action, decision) = match event {
            ModerationEvent::BanCreated(decision) => (Action::Ban, decision),
            ModerationEvent::BanRemoved(decision) => (Action::Unban, decision),
            ModerationEvent::KickExecuted(decision) => (Action::Kick, decision),
            ModerationEvent::MuteApplied(decision) => (Action::Mute, decision),
            ModerationEvent::MuteRemoved(decision) => (Action::Unmute, decision),
            ModerationEvent::WarningAdded(decision) => (Action::Warn, decision),
            ModerationEvent::WarningRemoved(decision) => (Action::Unwarn, decision),
            ModerationEvent::NoteAdded(decision) => (Action::Note, decision),
            _ => return None,
        };
        // A softban is told as a kick.
        let action = match decision.action {
            Some(Action::Softban) if action == Action::Kick => Action::Softban,
            _ => action,
        };
        Some(Self { action, decision })
    }

    /// Whether anybody but our records notices.
    pub(super) fn has_effect(&self) -> bool {
        Profile::of(self.action).on_platform || self.is_told()
    }

    /// Whether the person hears of it: punishments are told, and what is taken back shows by itself.
    pub(super) fn is_told(&self) -> bool {
        Profile::of(self.action).punishes
    }

    /// Whether the person is gone afterwards.
    pub(super) fn removes(&self) -> bool {
        matches!(self.action, Action::Ban | Action::Softban | Action::Kick)
    }

    /// Asks the platform, for bans through `together` where it takes many. `again`: it may have been asked before, without
    /// us hearing the answer.
    pub(super) async fn carry_out(
        &self,
        platform: &dyn Platform,
        together: &Arc<Together>,
        now: DateTime<Utc>,
        again: bool,
    ) -> Result<(), PlatformError> {
        let Decision {
            guild_id: guild,
            user_id: user,
            ..
        } = self.decision;
        let alike = self.alike();
        if self.action == Action::Ban && platform.limits().ban_bulk > 1 {
            let (user, case) = (user.clone(), self.case());
            return together.ban(alike, Banned { user, case, again }).await;
        }
        let most = platform.limits().audit_reason.unwrap_or(Reason::LONGEST);
        let audit = alike.audit_line(&self.case().into(), most);
        // Whoever was removed may be back: they are not removed a second time.
        let last = match self.action {
            Action::Softban => Action::Unban,
            action => action,
        };
        if again && self.removes() && self.was_done(platform, last).await? {
            return Ok(());
        }
        match self.action {
            Action::Ban => {
                let until = self.until(platform, Lasting::Ban, now);
                platform.ban(guild, user, until, alike.delete, &audit).await
            }
            Action::Softban => {
                if !again || !self.was_done(platform, Action::Ban).await? {
                    platform
                        .ban(guild, user, Term::Forever, alike.delete, &audit)
                        .await?;
                }
                gone_is_done(platform.unban(guild, user, &audit).await, Missing::Ban)
            }
            Action::Unban => gone_is_done(platform.unban(guild, user, &audit).await, Missing::Ban),
            Action::Kick => {
                let kicked = platform.kick(guild, user, &audit).await;
                if again {
                    gone_is_done(kicked, Missing::Member)
                } else {
                    kicked
                }
            }
            Action::Mute => {
                let until = self.until(platform, Lasting::Mute, now);
                platform.mute(guild, user, until, &audit).await
            }
            Action::Unmute => gone_is_done(platform.unmute(guild, user, &audit).await, Missing::Member),
            Action::Warn | Action::Unwarn | Action::Note => Ok(()),
        }
    }

    /// Whether the platform says that we did it.
    async fn was_done(&self, platform: &dyn Platform, action: Action) -> Result<bool, PlatformError> {
        let to = [(self.decision.user_id.clone(), self.case())];
        let done = done_before(platform, &self.decision.guild_id, action, &to).await?;
        Ok(!done.is_empty())
    }

    fn case(&self) -> CaseNumber {
        CaseNumber(self.decision.case_number)
    }

    fn until(&self, platform: &dyn Platform, lasting: Lasting, now: DateTime<Utc>) -> Term {
        let ends = Term::from(self.decision.expires_at);
        platform.limits().timer(lasting).stretch(ends, now).until
    }

    /// What it has in common with others.
    fn alike(&self) -> Alike {
        let decision = self.decision;
        let by = match (&decision.moderator_id, &decision.rule) {
            (Some(id), _) => Actor::Person(UserRef::new(decision.platform, id.clone())),
            (None, Some(rule)) => Actor::Rule(rule.as_str().into()),
            (None, None) => Actor::System,
        };
        let delete = decision.delete_message_seconds;
        Alike {
            guild: decision.guild_id.clone(),
            delete: delete.and_then(|seconds| Span::seconds(seconds.into()).ok()),
            by,
            reason: decision.reason.as_deref().and_then(Reason::seen),
        }
    }
}

/// To whom of them the platform says that we did it. Where we may not look, it is asked for once more.
pub(super) async fn done_before(
    platform: &dyn Platform,
    guild: &GuildId,
    action: Action,
    to: &[(UserId, CaseNumber)],
) -> Result<HashSet<UserId>, PlatformError> {
    if to.is_empty() {
        return Ok(HashSet::new());
    }
    match platform.has_done(guild, action, to).await {
        Err(error) if error.is_permanent() => Ok(HashSet::new()),
        done => done,
    }
}

/// For what was to be ended, or was done before: that it is not there is success by another name.
fn gone_is_done(result: Result<(), PlatformError>, what: Missing) -> Result<(), PlatformError> {
    match result {
        Err(PlatformError::NotFound(missing)) if missing == what => Ok(()),
        other => other,
    }
}

/// Writes to a person. That they cannot be written to is an answer, and only a platform that wants us to wait is not: a
/// notice is worth a try, and no more than that.
pub(super) async fn tell(
    platform: &dyn Platform,
    user: &UserId,
    text: &str,
) -> Result<DirectMessage, PlatformError> {
    match platform.message(user, text).await {
        Ok(()) => Ok(DirectMessage::Sent),
        Err(PlatformError::Closed(_)) => Ok(DirectMessage::Closed),
        Err(error @ PlatformError::Limited { .. }) => Err(error),
        Err(error) => {
            tracing::info!("Could not tell somebody of a decision: {error}");
            Ok(DirectMessage::Failed)
        }
    }
}
