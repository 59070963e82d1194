//! What somebody asks for, as it comes from outside: nothing in it has been checked yet.

use super::error::Refused;
use crate::duration::{Span, Term};
use crate::platform::Limits;
use crate::reason::Reason;
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use crate::wish::Wish;
use chrono::{DateTime, SubsecRound as _, Utc};
use lockdown_events::{
    Action, BatchId, CorrelationId, EventId, MessageRef, ModerationAction, Origin, Platform, Source, TraceId,
    UserId,
};

/// What somebody asks for, or (from [`Origin::Native`]) saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub by: Actor,
    pub guild: GuildRef,
    pub subject: UserRef,
    pub action: Action,
    pub origin: Origin,
    pub ends: Term,
    /// As it was written.
    pub reason: Option<String>,
    pub evidence: Vec<MessageRef>,
    /// When it was asked or done; never later than now.
    pub at: DateTime<Utc>,
    /// The case meant by a lift.
    pub case: Option<CaseNumber>,
    /// The case that this follows from, where it is not the one that it lifts.
    pub follows: Option<CaseNumber>,
    /// Whether the platform shows the ban or mute in question, where somebody looked.
    pub shown: Option<bool>,
    /// The same key twice is one case. Name the asker in it where askers choose it.
    pub key: Option<String>,
    /// The asker said expressly that it may hit an administrator.
    pub even_administrators: bool,
    /// How far back a ban or softban removes messages; 0 is none.
    pub delete_message_seconds: Option<u32>,
    /// Whether the person is told; absent leaves it to the community's settings.
    pub notify: Option<bool>,
    /// What it was asked for together with.
    pub batch: Option<BatchId>,
    /// What a warning weighs.
    pub points: u32,
    pub rule_set_hash: Option<String>,
    /// The verdict that asks for this.
    pub trace: Option<TraceId>,
    /// The event or command that began it.
    pub chain: Option<CorrelationId>,
}

// === impl Ask ===

impl Ask {
    /// For an action without an end, a reason or anything else.
    pub fn new(
        by: Actor,
        guild: GuildRef,
        subject: UserRef,
        action: Action,
        origin: Origin,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            by,
            guild,
            subject,
            action,
            origin,
            ends: Term::Forever,
            reason: None,
            evidence: Vec::new(),
            at,
            case: None,
            follows: None,
            shown: None,
            key: None,
            even_administrators: false,
            delete_message_seconds: None,
            notify: None,
            batch: None,
            points: 1,
            rule_set_hash: None,
            trace: None,
            chain: None,
        }
    }

    /// What a `moderation:action` or a `request:moderation` says. One observation is one case, whoever tells of it; any
    /// other event is one by its id.
    pub fn of(
        action: ModerationAction,
        event: Option<EventId>,
        source: &Source,
        at: DateTime<Utc>,
    ) -> Result<Self, Refused> {
        let by = actor(&action, source)?;
        let guild = GuildRef {
            platform: action.platform,
            id: action.guild_id,
        };
        let subject = UserRef::new(action.platform, action.user_id);
        let key = match (action.native_id, event) {
            (Some(native), _) => Some(format!("native:{native}")),
            (None, Some(event)) => Some(format!("event:{event}")),
            (None, None) => None,
        };
        Ok(Self {
            ends: action.expires_at.into(),
            reason: action.reason,
            evidence: action.evidence,
            case: action.case_number.map(CaseNumber),
            key,
            delete_message_seconds: action.delete_message_seconds,
            notify: action.notify,
            batch: action.batch_id,
            points: action.points.unwrap_or(1),
            rule_set_hash: action.rule_set_hash,
            trace: action.trace_id,
            ..Self::new(by, guild, subject, action.action, action.origin, at)
        })
    }

    /// The wish in it, if it can be one.
    pub(super) fn check(&self, now: DateTime<Utc>) -> Result<Wish, Refused> {
        let observed = self.origin == Origin::Native;
        numbered("the community", self.guild.id.as_str(), self.guild.platform)?;
        numbered("the person", self.subject.id.as_str(), self.subject.platform)?;
        if let Actor::Person(by) = &self.by {
            numbered("the moderator", by.id.as_str(), by.platform)?;
        }
        let written = self.reason.as_deref().filter(|text| !text.trim().is_empty());
        let reason = match written {
            Some(text) if observed => Reason::seen(text),
            Some(text) => Some(Reason::new(text, Reason::LONGEST)?),
            None => None,
        };
        let delete = match self.delete_message_seconds {
            None | Some(0) => None,
            Some(_) if !matches!(self.action, Action::Ban | Action::Softban) => {
                return Err(Refused::RemovesNothing(self.action));
            }
            Some(seconds) => Span::seconds(u64::from(seconds)).ok(),
        };
        if !observed {
            Limits::of(self.guild.platform).check_delete_window(delete)?;
        }
        // A clock that runs ahead must not make a decision that none after it can replace. And people and platforms tell
        // times in milliseconds, by which decisions are ordered.
        let at = self.at.min(now).trunc_subsecs(3);
        Ok(Wish {
            ends: whole(self.ends),
            reason,
            evidence: self.evidence.clone(),
            case: self.case,
            shown: self.shown,
            ..Wish::new(
                self.guild.clone(),
                self.subject.clone(),
                self.action,
                self.origin,
                at,
            )
        })
    }
}

/// An end in milliseconds, as all times of decisions: a timer that rings at it finds it due.
pub(super) fn whole(ends: Term) -> Term {
    ends.at().map(|at| at.trunc_subsecs(3)).into()
}

/// Who wants it. Nobody but a rule acts for a rule, and nobody but us for a timer.
fn actor(action: &ModerationAction, source: &Source) -> Result<Actor, Refused> {
    let person = |id: &UserId| Actor::Person(UserRef::new(action.platform, id.clone()));
    match (action.origin, &action.moderator_id, &action.rule) {
        (Origin::Expiry, ..) => Ok(Actor::System),
        (Origin::Automod, _, Some(rule)) => Ok(Actor::Rule(rule.into())),
        (Origin::Automod, _, None) => Err(Refused::NoRule),
        (_, Some(moderator), _) => Ok(person(moderator)),
        // The platform does not always tell who it was.
        (Origin::Native, None, _) => Ok(Actor::System),
        (Origin::Outside | Origin::Api, None, _) => Ok(Actor::Token(source.to_string().into())),
        (Origin::Command | Origin::Appeal, None, _) => Err(Refused::NoModerator),
    }
}

/// Both platforms number everybody; Telegram's groups have negative numbers.
fn numbered(what: &'static str, text: &str, platform: Platform) -> Result<(), Refused> {
    let is_number = match platform {
        Platform::Discord => text.parse::<u64>().is_ok_and(|number| number > 0),
        Platform::Telegram => text.parse::<i64>().is_ok_and(|number| number != 0),
    };
    // `+5` is a number to a computer, and no id.
    if is_number && !text.starts_with('+') {
        Ok(())
    } else {
        Err(Refused::NoId {
            what,
            text: text.to_owned(),
            platform,
        })
    }
}
