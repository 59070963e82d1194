//! A community's rules, changed by commands: a rule of a known name comes, changes or goes, and the rest stays as it is.

use super::{Commands, No, Stop};
use crate::ask::{Route, Unanswered};
use lockdown_events::{GuildId, UserId};
use lockdown_moderation::Span;
use lockdown_policy::amend::ByHand;
use lockdown_policy::show_duration;
use serde_json::Value;

/// Rules to begin with.
pub(super) const NONE: &str = "version: 1\nrules:\n";
/// How often a change is tried again that somebody else came first with.
const TRIES: u32 = 4;
/// The label of those whom such rules do not concern.
pub(super) const APPROVED: &str = "approved";

/// What is done to whoever breaks a rule, as commands say it and as rules do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Punishment(Option<String>);

// === impl Commands ===

impl Commands {
    /// Puts rules in force that were changed; what they say then. No version comes of a change that changes nothing.
    pub(super) async fn change_rules(
        &self,
        guild: &GuildId,
        by: &UserId,
        change: impl Fn(&str) -> Result<String, ByHand>,
    ) -> Result<String, Stop> {
        let mut tries = 0;
        loop {
            let (before, if_match) = self.rules(guild, by).await?;
            let Ok(after) = change(&before) else {
                let tongue = self.speaker.tongue(guild).await;
                return Err(No::Words(tongue.say("rules_by_hand", &[])).into());
            };
            if after == before {
                return Ok(before);
            }
            let put = Route {
                body: Some(Value::String(after.clone())),
                if_match,
                ..Route::new(guild, by, "putRules")
            };
            tries += 1;
            match self.asking.route(put).await {
                Ok(_) => return Ok(after),
                Err(Unanswered::Refused(refused)) if refused.code == "stale" && tries < TRIES => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// The rules as they are written, and the version that they are of.
    pub(super) async fn rules(
        &self,
        guild: &GuildId,
        by: &UserId,
    ) -> Result<(String, Option<String>), Unanswered> {
        match self.asking.route(Route::new(guild, by, "getRules")).await {
            Ok(answer) => {
                let text = answer.body.as_ref().and_then(Value::as_str).unwrap_or(NONE);
                Ok((text.to_owned(), answer.etag))
            }
            Err(Unanswered::Refused(refused)) if refused.code == "no_rules" => Ok((NONE.to_owned(), None)),
            Err(why) => Err(why),
        }
    }
}

/// What stands below a rule's name.
pub(super) fn rule(events: &[&str], when: Option<&str>, count: Option<&str>, then: &[String]) -> Vec<String> {
    let quoted: Vec<String> = then.iter().map(|act| format!("{act:?}")).collect();
    let mut lines = vec![format!("events: [{}]", events.join(", "))];
    lines.extend(when.map(|when| format!("when: [{when:?}]")));
    lines.extend(count.map(|count| format!("count: {{{count}}}")));
    lines.push(format!("exempt: {{labels: [{APPROVED}]}}"));
    lines.push(format!("then: [{}]", quoted.join(", ")));
    lines
}

// === impl Punishment ===

impl Punishment {
    /// Reads `ban`, `ban 3d`, `tban 3d`, `mute 2h`, `kick`, `warn` or `nothing`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let mut words = text.split_whitespace();
        let (word, time) = (words.next()?, words.next());
        let time = match time {
            Some(time) => {
                let span: Span = time.parse().ok()?;
                Some(show_duration(span.delta().num_milliseconds()))
            }
            None => None,
        };
        if words.next().is_some() {
            return None;
        }
        Some(Self(match (word, time) {
            ("nothing" | "off" | "none" | "no" | "delete", None) => None,
            ("ban", None) => Some("ban".to_owned()),
            ("ban" | "tban", Some(time)) => Some(format!("ban {time}")),
            ("mute" | "tmute" | "ro" | "timeout", Some(time)) => Some(format!("timeout {time}")),
            ("kick" | "warn", None) => Some(word.to_owned()),
            _ => return None,
        }))
    }

    /// The one among what a rule does.
    pub(super) fn of(then: &[String]) -> Self {
        let is_one = |act: &&String| ["ban", "timeout", "kick", "warn"].contains(&word(act));
        Self(then.iter().find(is_one).cloned())
    }

    /// With what the rule does besides.
    pub(super) fn with(self, deletion: Option<&str>) -> Vec<String> {
        let acts = deletion.map(str::to_owned).into_iter();
        acts.chain(self.0).collect()
    }

    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// As a command says it.
    pub(super) fn word(&self) -> Option<String> {
        let act = self.0.as_ref()?;
        Some(act.replacen("timeout", "mute", 1))
    }
}

fn word(act: &str) -> &str {
    act.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_punishment_is_read_and_found_again() {
        for (said, act) in [
            ("ban", Some("ban")),
            ("TBAN 3d", Some("ban 3d")),
            ("mute 2h", Some("timeout 2h")),
            ("kick", Some("kick")),
            ("off", None),
        ] {
            let punishment = Punishment::read(said).unwrap();
            let then = punishment.clone().with(Some("delete"));
            assert_eq!(then.get(1).map(String::as_str), act, "{said}");
            assert_eq!(Punishment::of(&then), punishment);
        }
        for wrong in ["", "mute", "kick 3d", "ban soon", "tban", "ban 3d please"] {
            assert_eq!(Punishment::read(wrong), None, "{wrong}");
        }
    }
}
