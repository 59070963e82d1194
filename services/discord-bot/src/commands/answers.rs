//! What a moderator is told: one line, nobody called, nothing that can be clicked by mistake.

use crate::case::time;
use crate::words::escape;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, DirectMessage, UserId};
use lockdown_moderation::words::Tongue;
use serde_json::Value;

/// Discord takes no more.
const MOST: usize = 1_900;
const REFUSED: char = '❌';

/// An answer, and what does not go into its one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    text: String,
    more: Vec<String>,
    /// Rows of them, below the first message.
    buttons: Option<Value>,
}

/// An answer about a case, before it is known what came of it.
pub(super) struct About {
    tongue: &'static Tongue,
    action: Action,
    user: UserId,
    case: u64,
    until: Option<DateTime<Utc>>,
}

// === impl Told ===

impl Told {
    pub(super) fn plain(text: String) -> Self {
        Self {
            text,
            more: Vec::new(),
            buttons: None,
        }
    }

    pub(super) fn done(text: &str) -> Self {
        Self::plain(format!("✅ {text}"))
    }

    /// It is so already, or there is nothing to do.
    pub(super) fn nothing(text: &str) -> Self {
        Self::plain(format!("ℹ️ {text}"))
    }

    /// `why` may hold mentions: other people's words in it are escaped.
    pub(super) fn refused(tongue: &Tongue, why: impl AsRef<str>) -> Self {
        Self::plain(format!(
            "{REFUSED} {}",
            tongue.say("refused", &[("why", &why.as_ref())])
        ))
    }

    /// It was not done.
    pub(super) fn is_refusal(&self) -> bool {
        self.text.starts_with(REFUSED)
    }

    /// Lines below the first, in as many messages as it takes.
    pub(super) fn with_lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        let mut last = std::mem::take(&mut self.text);
        for line in lines {
            if last.chars().count() + line.chars().count() >= MOST {
                self.more.push(std::mem::take(&mut last));
            } else if !last.is_empty() {
                last.push('\n');
            }
            last.push_str(&line);
        }
        self.more.push(last);
        self.text = self.more.remove(0);
        self
    }

    pub(super) fn with_buttons(self, rows: Value) -> Self {
        Self {
            buttons: Some(rows),
            ..self
        }
    }

    pub(super) fn buttons(&self) -> Option<&Value> {
        self.buttons.as_ref()
    }

    pub(super) fn about(tongue: &'static Tongue, action: Action, user: &UserId, case: u64) -> About {
        About {
            tongue,
            action,
            user: user.clone(),
            case,
            until: None,
        }
    }

    pub(super) fn text(&self) -> String {
        cut(&self.text)
    }

    /// For messages of their own after the first.
    pub(super) fn more(&self) -> impl Iterator<Item = String> {
        self.more.iter().map(|text| cut(text))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST).collect()
}

// === impl About ===

impl About {
    pub(super) fn until(self, until: Option<DateTime<Utc>>) -> Self {
        Self { until, ..self }
    }

    fn say(&self, sign: &str, key: &str, more: &str) -> Told {
        let until = self.until.map_or_else(String::new, |at| until(self.tongue, at));
        let act = self.tongue.action(self.action);
        let user = format!("<@{}>", self.user);
        let text = self.tongue.say(
            key,
            &[
                ("act", &act),
                ("user", &user),
                ("until", &until),
                ("case", &self.case),
            ],
        );
        Told::plain(format!("{sign} {text}{more}"))
    }

    /// Discord did it.
    pub(super) fn done(self, notified: Option<DirectMessage>) -> Told {
        let told = match notified {
            None | Some(DirectMessage::Skipped) => String::new(),
            Some(told) => self.tongue.say(&format!("told.{told}"), &[]),
        };
        self.say("✅", &format!("done.{}", self.action), &told)
    }

    /// It is so already.
    pub(super) fn already(self) -> Told {
        self.say("ℹ️", "about.already", "")
    }

    pub(super) fn superseded(self) -> Told {
        self.say("ℹ️", "about.superseded", "")
    }

    pub(super) fn failed(self, why: &str) -> Told {
        self.say("❌", "about.failed", &format!(": {}", escape(why)))
    }

    pub(super) fn waiting(self) -> Told {
        self.say("⏳", "about.waiting", "")
    }
}

/// ` until 20 November 2026 (in an hour)`, as each reader's own client says it.
pub(super) fn until(tongue: &Tongue, at: DateTime<Utc>) -> String {
    tongue.say("until", &[("at", &time(at, 'f')), ("left", &time(at, 'R'))])
}

/// An error that says more than one text could: in the language of the records as it is, in others by the text of `key`.
pub(super) fn exact(tongue: &Tongue, error: &dyn std::fmt::Display, key: &str) -> String {
    tongue.exact(&escape(&error.to_string()), key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn an_answer_is_one_line_that_calls_nobody() {
        let user = UserId::new("5").unwrap();
        let until = "2026-11-20T10:06:00Z".parse().unwrap();
        let (english, portuguese) = (WORDS.tongue(None), WORDS.tongue(Some("pt-BR")));
        let about = |tongue| Told::about(tongue, Action::Mute, &user, 17).until(Some(until));
        assert_eq!(
            about(english).done(Some(DirectMessage::Closed)).text(),
            "✅ Muted <@5> until <t:1795169160:f> (<t:1795169160:R>) (Case #17), who takes no messages"
        );
        assert_eq!(
            about(portuguese).done(Some(DirectMessage::Closed)).text(),
            "✅ <@5> foi silenciado até <t:1795169160:f> (<t:1795169160:R>) (caso #17) e não aceita mensagens"
        );
        assert!(
            about(english)
                .waiting()
                .text()
                .starts_with("⏳ Recorded, and Discord has not answered yet: mute of <@5>")
        );
        assert_eq!(
            Told::refused(english, escape("@everyone *look*")).text(),
            "❌ Not done: \\@everyone \\*look\\*"
        );
        assert_eq!(escape("https://x.test"), "https:\u{200b}//x.test");
        assert!(Told::refused(english, "x".repeat(5_000)).text().chars().count() <= MOST);
        for tongue in WORDS.tongues() {
            for action in Action::ALL {
                for told in DirectMessage::ALL {
                    Told::about(tongue, *action, &user, 1).done(Some(*told));
                }
            }
        }
    }

    #[test]
    fn many_lines_are_several_messages() {
        let lines = (0..300).map(|n| format!("line {n} {}", "x".repeat(20)));
        let told = Told::done("Many").with_lines(lines.clone());
        let all: Vec<String> = [told.text()].into_iter().chain(told.more()).collect();
        assert!(all.len() > 3);
        let together = all.join("\n");
        assert!(together.starts_with("✅ Many\n") && lines.into_iter().all(|line| together.contains(&line)));
    }
}
