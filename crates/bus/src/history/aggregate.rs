//! What events are about: cases and members, by names under which the engine finds them again.

use crate::place::{Class, Key};
use compact_str::{CompactString, format_compact};
use lockdown_events::{Envelope, Event, GuildId, ModerationEvent, Platform, UserEvent, UserId};

/// Something with a history of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Aggregate {
    Case {
        platform: Platform,
        guild: GuildId,
        number: u64,
    },
    /// What was said is not part of it: that is too much, and is forgotten soon.
    Member {
        platform: Platform,
        guild: GuildId,
        user: UserId,
    },
}

// === impl Aggregate ===

impl Aggregate {
    pub(super) fn name(&self) -> CompactString {
        match self {
            Self::Case {
                platform,
                guild,
                number,
            } => format_compact!("case:{platform}:{guild}:{number}"),
            Self::Member {
                platform,
                guild,
                user,
            } => format_compact!("member:{platform}:{guild}:{user}"),
        }
    }

    pub(super) fn key(&self) -> Key {
        match self {
            Self::Case { platform, guild, .. } | Self::Member { platform, guild, .. } => {
                Key::community(*platform, guild)
            }
        }
    }

    /// Where its events lie.
    pub(super) fn classes(&self) -> &'static [Class] {
        match self {
            Self::Case { .. } => &[Class::Moderation],
            Self::Member { .. } => &[Class::Moderation, Class::System],
        }
    }
}

/// What an event is about. Empty for what no aggregate is made of.
pub(crate) fn about(envelope: &Envelope) -> Vec<CompactString> {
    if Class::of(envelope.event_type()) == Class::Message {
        return Vec::new();
    }
    // What cannot be read is about nothing that we know.
    let Ok(event) = envelope.event() else {
        return Vec::new();
    };
    aggregates(&event).iter().map(Aggregate::name).collect()
}

fn aggregates(event: &Event) -> Vec<Aggregate> {
    let case = |number| Aggregate::Case {
        platform: event.platform(),
        guild: event.guild_id().clone(),
        number,
    };
    let member = |user: &UserId| Aggregate::Member {
        platform: event.platform(),
        guild: event.guild_id().clone(),
        user: user.clone(),
    };
    match event {
        Event::Moderation(event) => match event {
            ModerationEvent::BanCreated(decision)
            | ModerationEvent::BanRemoved(decision)
            | ModerationEvent::KickExecuted(decision)
            | ModerationEvent::MuteApplied(decision)
            | ModerationEvent::MuteRemoved(decision)
            | ModerationEvent::WarningAdded(decision)
            | ModerationEvent::WarningRemoved(decision)
            | ModerationEvent::NoteAdded(decision) => {
                let lifted = decision
                    .lifts_case_number
                    .filter(|number| *number != decision.case_number);
                [decision.case_number]
                    .into_iter()
                    .chain(lifted)
                    .map(case)
                    .chain([member(&decision.user_id)])
                    .collect()
            }
            ModerationEvent::Action(wish) => wish
                .case_number
                .map(case)
                .into_iter()
                .chain([member(&wish.user_id)])
                .collect(),
            ModerationEvent::Log(log) => vec![case(log.case_number)],
            ModerationEvent::Deed(deed) => deed.user_id.iter().map(member).collect(),
            ModerationEvent::Automod(verdict) => vec![member(&verdict.user_id)],
            ModerationEvent::AuditLogged(entry) => {
                let number = entry
                    .subject
                    .strip_prefix("case:")
                    .and_then(|text| text.parse().ok());
                number.map(case).into_iter().collect()
            }
        },
        Event::User(event) => vec![match event {
            UserEvent::Joined(body) => member(&body.user_id),
            UserEvent::JoinRequested(body) => member(&body.user_id),
            UserEvent::Left(body) => member(&body.user_id),
            UserEvent::Updated(body) => member(&body.user_id),
            UserEvent::Banned(body) | UserEvent::Unbanned(body) => member(&body.user_id),
        }],
        Event::Guild(_) | Event::Message(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(event_type: &str, data: &str) -> Vec<CompactString> {
        let text = format!(
            r#"{{"eventType":"{event_type}","timestamp":"2026-11-20T09:06:00Z","source":"backend","data":{data}}}"#
        );
        about(&Envelope::decode(&text).unwrap())
    }

    #[test]
    fn events_are_about_cases_and_members() {
        let lift = r#"{"guildId":"8","id":"0199c2d4-0000-7000-8000-000000000001","caseNumber":9,"userId":"5","liftsCaseNumber":7}"#;
        assert_eq!(
            names("ban:removed", lift),
            ["case:discord:8:9", "case:discord:8:7", "member:discord:8:5"]
        );
        let log = r#"{"platform":"telegram","guildId":"-8","caseNumber":9,"outcome":"applied"}"#;
        assert_eq!(names("moderation:log", log), ["case:telegram:-8:9"]);
        let wish = r#"{"guildId":"8","action":"ban","userId":"5"}"#;
        assert_eq!(names("moderation:action", wish), ["member:discord:8:5"]);
        let audit = |subject: &str| {
            format!(
                r#"{{"guildId":"8","sequence":1,"actor":"5","act":"close","subject":"{subject}","hash":"00"}}"#
            )
        };
        assert_eq!(names("audit:logged", &audit("case:17")), ["case:discord:8:17"]);
        assert!(names("audit:logged", &audit("rules")).is_empty());
        assert_eq!(
            names("user:left", r#"{"guildId":"8","userId":"5"}"#),
            ["member:discord:8:5"]
        );
        assert!(names("guild:update", r#"{"guildId":"8"}"#).is_empty());
        assert!(names("ban:created", r#"{"odd":true}"#).is_empty());
        assert!(names("rain:started", "{}").is_empty());
    }
}
