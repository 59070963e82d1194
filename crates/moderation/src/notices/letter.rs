//! Notifications as they are read elsewhere than on the dashboard.

use crate::hands::cut;
use crate::settings::Zone;
use lockdown_store::notifications::Notification;
use std::fmt::Write as _;

/// One message for these notifications of a community, the oldest first, no longer than `most` UTF-16 units.
pub fn letter(place: &str, told: &[Notification], zone: Zone, most: usize) -> String {
    let text = match told {
        [one] => format!("{place}: {}\n{}", one.title, one.body),
        many => {
            let mut text = format!("{place}: {} notifications", many.len());
            for one in many {
                let at = one.at.with_timezone(&zone).format("%b %-d, %H:%M");
                let _ = write!(text, "\n{at} {}", one.title);
            }
            text
        }
    };
    cut(text.trim_end().to_owned(), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use lockdown_events::{NotificationId, NotificationKind, NotificationLevel};

    fn told(title: &str, at: &str) -> Notification {
        let at: DateTime<Utc> = at.parse().unwrap();
        Notification {
            id: NotificationId(uuid::Uuid::nil()),
            recipient_id: None,
            guild_id: None,
            level: NotificationLevel::Info,
            kind: NotificationKind::Alert,
            title: title.into(),
            body: "By 5.".into(),
            link: None,
            at,
        }
    }

    #[test]
    fn one_is_told_whole_and_many_in_a_line_each() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let (one, two) = (
            told("An alert", "2026-11-20T23:05:00Z"),
            told("Another", "2026-11-21T06:00:00Z"),
        );
        assert_eq!(
            letter("Square", std::slice::from_ref(&one), zone, 2_000),
            "Square: An alert\nBy 5."
        );
        assert_eq!(
            letter("Square", &[one.clone(), two], zone, 2_000),
            "Square: 2 notifications\nNov 21, 00:05 An alert\nNov 21, 07:00 Another"
        );
        let many = vec![one; 300];
        assert_eq!(letter("Square", &many, zone, 200).encode_utf16().count(), 200);
    }
}
