//! A case as the backend tells it, in words and mentions of Discord's.

use crate::words::escape;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, GuildId, MessageRef, Outcome, UserId};
use lockdown_moderation::words::Tongue;
use serde::Deserialize;

/// A case; the answers have more members than are read here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recorded {
    pub(crate) case_number: u64,
    pub(crate) user_id: UserId,
    pub(crate) action: Action,
    pub(crate) state: String,
    pub(crate) origin: String,
    #[serde(default)]
    pub(crate) moderator_id: Option<UserId>,
    /// `rule:<id>`, `token:<name>` or `system` where it is no person.
    pub(crate) actor: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) lifts_case_number: Option<u64>,
    #[serde(default)]
    pub(crate) ended_by_case_number: Option<u64>,
    #[serde(default)]
    pub(crate) evidence: Vec<MessageRef>,
    /// Ordinary lists leave it out.
    #[serde(default)]
    pub(crate) hidden: bool,
    /// The cases that it ended, where they are told.
    #[serde(default)]
    pub(crate) ended_case_numbers: Vec<u64>,
}

// === impl Recorded ===

impl Recorded {
    /// Who decided.
    pub(crate) fn by(&self, tongue: &Tongue) -> String {
        if let Some(id) = &self.moderator_id {
            return format!("<@{id}>");
        }
        doer(tongue, &self.actor)
    }

    /// What was done to whom, and its number: `Ban of @ana (Case #17)`.
    pub(crate) fn headline(&self, tongue: &Tongue) -> String {
        let (act, user) = (tongue.action(self.action), format!("<@{}>", self.user_id));
        tongue.say(
            "case.headline",
            &[("act", &act), ("user", &user), ("case", &self.case_number)],
        )
    }

    /// Whether something could still be taken back.
    pub(crate) fn stands(&self) -> bool {
        let taken_back = matches!(self.action, Action::Ban | Action::Mute | Action::Warn);
        taken_back && matches!(self.state.as_str(), "requested" | "applied")
    }

    /// Knows what Discord said before the backend has written it down.
    pub(crate) fn after(mut self, outcome: Option<Outcome>, error: Option<&str>) -> Self {
        if self.state != "requested" {
            return self;
        }
        match outcome {
            Some(Outcome::Applied) => "applied".clone_into(&mut self.state),
            Some(Outcome::Failed) => {
                "failed".clone_into(&mut self.state);
                self.error = error.map(str::to_owned);
            }
            Some(Outcome::Superseded) => "superseded".clone_into(&mut self.state),
            None => {}
        }
        self
    }

    /// How it stands.
    pub(crate) fn fate(&self, tongue: &Tongue) -> String {
        let other = self
            .ended_by_case_number
            .map_or_else(String::new, |case| tongue.say("fate.by_case", &[("case", &case)]));
        match self.state.as_str() {
            "failed" => {
                let why = self.error.as_deref().map(escape);
                let why = why.unwrap_or_else(|| tongue.say("about.no_reason", &[]));
                tongue.say("fate.failed", &[("why", &why)])
            }
            state @ ("lifted" | "superseded") => tongue.say(&format!("fate.{state}"), &[("other", &other)]),
            "applied" => match (self.action, self.expires_at) {
                (Action::Ban | Action::Mute, Some(at)) => tongue.say(
                    "fate.until",
                    &[("until", &time(at, 'f')), ("left", &time(at, 'R'))],
                ),
                (Action::Ban | Action::Mute, None) => tongue.say("fate.forever", &[]),
                _ => tongue.say("fate.done", &[]),
            },
            "voided" => tongue.say("fate.voided", &[]),
            _ => tongue.say("fate.requested", &[]),
        }
    }

    /// Why, in no more than so many characters.
    pub(crate) fn why(&self, tongue: &Tongue, most: usize) -> String {
        match &self.reason {
            Some(reason) => escape(&shorten(reason, most)),
            None => tongue.say("case.no_reason", &[]),
        }
    }
}

/// Who did something, as the audit names them.
pub(crate) fn doer(tongue: &Tongue, actor: &str) -> String {
    match actor.split_once(':') {
        Some(("rule", rule)) => tongue.say("by.rule", &[("name", &escape(rule))]),
        Some(("token", token)) => tongue.say("by.token", &[("name", &escape(token))]),
        None if actor.bytes().all(|digit| digit.is_ascii_digit()) => format!("<@{actor}>"),
        _ => tongue.say("by.system", &[]),
    }
}

/// Links to messages, each a number that leads there.
pub(crate) fn links(guild: &GuildId, messages: &[MessageRef]) -> Vec<String> {
    let link = |(at, message): (usize, &MessageRef)| {
        let (channel, id) = (message.channel_id.as_ref()?, &message.message_id);
        Some(format!(
            "[{}](https://discord.com/channels/{guild}/{channel}/{id})",
            at + 1
        ))
    };
    messages.iter().enumerate().filter_map(link).collect()
}

/// A time as each reader's own client says it.
pub(crate) fn time(at: DateTime<Utc>, form: char) -> String {
    format!("<t:{}:{form}>", at.timestamp())
}

/// No more than so many characters, with a sign that there was more.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// With its first letter large.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
