//! What a person reads when something was decided about them.

use super::carry::Order;
use crate::duration::Term;
use crate::platform::Platform;
use crate::sanction::Profile;
use chrono::{DateTime, Utc};
use lockdown_events::Action;

/// Who, what, until when and why, as long as the platform allows. The reason is a moderator's words; the number is what to
/// name to whoever answers questions.
pub(super) async fn text(order: &Order<'_>, platform: &dyn Platform, now: DateTime<Utc>) -> String {
    let decision = order.decision;
    let title = platform.title(&decision.guild_id).await;
    compose(order, title.as_deref(), platform.limits().message, now)
}

fn compose(order: &Order<'_>, title: Option<&str>, most: usize, now: DateTime<Utc>) -> String {
    let decision = order.decision;
    let place = title.unwrap_or("a community that you are in");
    let past = Profile::of(order.action).past;
    let mut text = match order.action {
        Action::Warn => format!("You were {past} in {place}."),
        Action::Ban | Action::Mute => {
            let until = match Term::from(decision.expires_at) {
                Term::Forever => String::new(),
                term @ Term::Until(at) => {
                    format!(" for {}, until {}", term.left(now), at.format("%F %R UTC"))
                }
            };
            format!("You were {past} in {place}{until}.")
        }
        Action::Softban | Action::Kick => format!("You were {past} from {place}. You may return."),
        Action::Unban | Action::Unmute | Action::Unwarn | Action::Note => {
            format!("You were {past} in {place}.")
        }
    };
    if let Some(reason) = &decision.reason {
        text.push_str("\nReason: ");
        text.push_str(reason);
    }
    let tail = format!("\nThis is case {}.", decision.case_number);
    let room = most.saturating_sub(tail.encode_utf16().count());
    cut(text, room) + &tail
}

/// Cut between characters, with a mark, where it is too long.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text;
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += c.len_utf16();
        used <= most
    });
    kept.collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::{CaseId, Decision, GuildId, ModerationEvent, Platform as Name, UserId};

    fn decision() -> Decision {
        Decision {
            platform: Name::Discord,
            guild_id: GuildId::new("1").unwrap(),
            id: CaseId(uuid::Uuid::nil()),
            case_number: 17,
            action: Some(Action::Ban),
            user_id: UserId::new("2").unwrap(),
            moderator_id: None,
            reason: Some("spam".into()),
            expires_at: Some("2026-11-20T10:00:00Z".parse().unwrap()),
            origin: None,
            delete_message_seconds: None,
            notify: None,
            lifts_case_number: None,
            batch_id: None,
            rule: None,
            rule_set_hash: None,
            trace_id: None,
        }
    }

    fn read(event: &ModerationEvent, most: usize) -> String {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        compose(&Order::of(event).unwrap(), Some("Town"), most, now)
    }

    #[test]
    fn a_notice_says_what_until_when_and_why() {
        assert_eq!(
            read(&ModerationEvent::BanCreated(decision()), 2_000),
            "You were banned in Town for 1 hour, until 2026-11-20 10:00 UTC.\nReason: spam\nThis is case 17."
        );
        let softban = Decision {
            action: Some(Action::Softban),
            expires_at: None,
            reason: None,
            ..decision()
        };
        assert_eq!(
            read(&ModerationEvent::KickExecuted(softban), 2_000),
            "You were softbanned from Town. You may return.\nThis is case 17."
        );
    }

    #[test]
    fn a_notice_fits_and_keeps_its_number() {
        let long = Decision {
            reason: Some("🦀".repeat(500)),
            ..decision()
        };
        let text = read(&ModerationEvent::WarningAdded(long), 200);
        let length = text.encode_utf16().count();
        assert!((199..=200).contains(&length), "{length}");
        assert!(text.ends_with("🦀…\nThis is case 17."), "{text}");
    }
}
