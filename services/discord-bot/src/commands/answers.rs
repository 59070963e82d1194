//! What a moderator is told: one line, nobody called, nothing that can be clicked by mistake.

use chrono::{DateTime, Utc};
use lockdown_events::{Action, DirectMessage, UserId};

/// Discord takes no more.
const MOST: usize = 1_900;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    text: String,
}

/// An answer about a case, before it is known what came of it.
pub(super) struct About {
    action: Action,
    user: UserId,
    case: u64,
    until: Option<DateTime<Utc>>,
}

// === impl Told ===

impl Told {
    pub(super) fn plain(text: String) -> Self {
        Self { text }
    }

    pub(super) fn refused(why: impl AsRef<str>) -> Self {
        Self::plain(format!("❌ Not done: {}", escape(why.as_ref())))
    }

    pub(super) fn about(action: Action, user: &UserId, case: u64) -> About {
        About {
            action,
            user: user.clone(),
            case,
            until: None,
        }
    }

    pub(super) fn text(&self) -> String {
        self.text.chars().take(MOST).collect()
    }
}

// === impl About ===

impl About {
    pub(super) fn until(self, until: Option<DateTime<Utc>>) -> Self {
        Self { until, ..self }
    }

    fn say(&self, sign: &str, what: &str, more: &str) -> Told {
        let (user, case) = (&self.user, self.case);
        let until = self.until.map_or_else(String::new, |at| {
            let at = at.timestamp();
            format!(" until <t:{at}:f> (<t:{at}:R>)")
        });
        Told::plain(format!("{sign} {what} <@{user}>{until} (Case #{case}){more}"))
    }

    /// Discord did it.
    pub(super) fn done(self, notified: Option<DirectMessage>) -> Told {
        let what = match self.action {
            Action::Ban => "Banned",
            Action::Unban => "Unbanned",
            Action::Kick => "Kicked",
            Action::Mute => "Muted",
            Action::Unmute => "Unmuted",
            Action::Warn => "Warned",
            Action::Unwarn => "Took back the warning of",
            Action::Note => "Noted about",
            Action::Softban => "Softbanned",
        };
        let told = match notified {
            None | Some(DirectMessage::Skipped) => "",
            Some(DirectMessage::Sent) => ", who was told",
            Some(DirectMessage::Closed) => ", who takes no messages",
            Some(DirectMessage::NoMutualGuild) => ", who cannot be written to from here",
            Some(DirectMessage::Blocked) => ", who has blocked the bot",
            Some(DirectMessage::Failed) => ", who could not be told",
        };
        self.say("✅", what, told)
    }

    /// It is so already.
    pub(super) fn already(self) -> Told {
        let what = format!("Already so: {} of", self.action);
        self.say("ℹ️", &what, "")
    }

    pub(super) fn superseded(self) -> Told {
        let what = format!("Not done, since a newer decision stands: {} of", self.action);
        self.say("ℹ️", &what, "")
    }

    pub(super) fn failed(self, why: &str) -> Told {
        let what = format!("Discord did not do it: {} of", self.action);
        self.say("❌", &what, &format!(": {}", escape(why)))
    }

    pub(super) fn waiting(self) -> Told {
        let what = format!("Recorded, and Discord has not answered yet: {} of", self.action);
        self.say("⏳", &what, "")
    }
}

/// Other people's words, with nothing in them that Discord would do something with.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' | '@'
        ) {
            escaped.push('\\');
        }
        // An address is only one with its colon.
        escaped.push(c);
        if c == ':' {
            escaped.push('\u{200b}');
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_that_calls_nobody() {
        let user = UserId::new("5").unwrap();
        let until = "2026-11-20T10:06:00Z".parse().unwrap();
        let about = || Told::about(Action::Mute, &user, 17).until(Some(until));
        assert_eq!(
            about().done(Some(DirectMessage::Closed)).text(),
            "✅ Muted <@5> until <t:1795169160:f> (<t:1795169160:R>) (Case #17), who takes no messages"
        );
        assert!(
            about()
                .waiting()
                .text()
                .starts_with("⏳ Recorded, and Discord has not answered yet: mute of <@5>")
        );
        assert_eq!(
            Told::refused("@everyone *look*").text(),
            "❌ Not done: \\@everyone \\*look\\*"
        );
        assert_eq!(escape("https://x.test"), "https:\u{200b}//x.test");
        assert!(Told::refused("x".repeat(5_000)).text().chars().count() <= MOST);
    }
}
