//! Locks: content of a kind that nobody but those who keep order may post. Each is a rule of the community's own rules, so
//! that rules, explanations and the dashboard know of it as of any other: `lock-sticker` and so on. To add a kind: a row of
//! [`KINDS`].

use super::deed::Lock;
use super::parse::Command;
use super::rulebook::rule;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_policy::amend::{self, ByHand};
use std::sync::Arc;

/// What can be locked, and the condition that says it.
const KINDS: [(&str, &str); 34] = [
    ("album", "message.album"),
    ("arabic", "text.scripts.has(arabic)"),
    ("audio", "attachments.kinds.has(audio)"),
    ("bot", "author.bot"),
    ("button", "buttons.count > 0"),
    ("caps", "text.caps > 70 and text.length > 10"),
    ("channel", "author.kind == channel"),
    ("cyrillic", "text.scripts.has(cyrillic)"),
    ("disguised", "text.obfuscated"),
    ("document", "attachments.kinds.has(file)"),
    ("emoji", "text.emoji > 0"),
    ("forward", "message.forwarded"),
    ("greek", "text.scripts.has(greek)"),
    ("hebrew", "text.scripts.has(hebrew)"),
    ("hiddenlink", "links.hidden > 0"),
    ("inline", "message.via_app"),
    ("invisible", "text.invisible > 0"),
    ("invitelink", "invites.count > 0"),
    ("latin", "text.scripts.has(latin)"),
    ("lines", "text.lines > 20"),
    ("long", "text.length > 1000"),
    ("media", "attachments.count > 0"),
    ("mention", "mentions.users > 0"),
    ("photo", "attachments.kinds.has(image)"),
    ("poll", "poll.answers > 0"),
    ("repeated", "text.repeated > 10"),
    ("reply", "message.reply"),
    ("sticker", "stickers.count > 0"),
    ("text", "text.length > 0"),
    ("unknown", "message.unparsed > 0"),
    ("url", "links.count > 0"),
    ("video", "attachments.kinds.has(video)"),
    ("voice", "attachments.kinds.has(voice)"),
    ("zalgo", "text.zalgo > 3"),
];

/// What the names of the rules begin with.
const PREFIX: &str = "lock-";

type Kind = (&'static str, &'static str);

// === impl Commands ===

impl Commands {
    pub(super) async fn lock(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        lock: Lock,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default().to_lowercase();
        let all = || KINDS.map(|(name, _)| name).join(", ");
        let locked = match lock {
            Lock::Types => {
                let words = tongue.say("locks.types", &[("list", &all())]);
                self.tell_later(
                    &said.message,
                    Line::answer(&said.message, words).staying(LOOK_STAYS),
                );
                return Ok(());
            }
            Lock::Show => locked(&self.rules(guild, by).await?.0),
            Lock::On | Lock::Off => {
                let mut kinds: Vec<Kind> = Vec::new();
                for name in text.split([' ', ',', '\n']).filter(|name| !name.is_empty()) {
                    let known = KINDS.iter().find(|(known, _)| *known == name);
                    let unknown =
                        || No::Words(tongue.say("locks.unknown", &[("name", &name), ("list", &all())]));
                    kinds.push(*known.ok_or_else(unknown)?);
                }
                if kinds.is_empty() {
                    return Err(No::Words(tongue.say("locks.types", &[("list", &all())])).into());
                }
                let on = lock == Lock::On;
                let change = |rules: &str| with(rules, &kinds, on);
                let locked = locked(&self.change_rules(guild, by, change).await?);
                let count = u64::try_from(kinds.len()).unwrap_or(u64::MAX);
                self.did(said, if on { "lock" } else { "unlock" }, count).await?;
                locked
            }
        };
        let words = if locked.is_empty() {
            tongue.say("locks.none", &[])
        } else {
            tongue.say("locks.on", &[("list", &locked.join(", "))])
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

/// What rules lock.
fn locked(rules: &str) -> Vec<String> {
    let rules = amend::rules(rules).into_iter();
    let mut names: Vec<String> = rules
        .filter_map(|(id, _)| id.strip_prefix(PREFIX).map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The rules with these locks, or without them.
fn with(rules: &str, kinds: &[Kind], on: bool) -> Result<String, ByHand> {
    let mut rules = rules.to_owned();
    for (name, when) in kinds.iter().rev() {
        let lines = rule(&["message", "edit"], Some(when), None, &["delete".to_owned()]);
        rules = amend::with_rule(&rules, &format!("{PREFIX}{name}"), on.then_some(&lines[..]))?;
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[&str]) -> Vec<Kind> {
        let named = |name: &&str| *KINDS.iter().find(|(known, _)| known == name).unwrap();
        names.iter().map(named).collect()
    }

    #[test]
    fn a_lock_is_a_rule_beside_the_others() {
        let own = "# ours\nversion: 1\nrules:\n- id: mine\n  when: [text.length > 5]\n  then: [delete]\n\nlists: {}\n";
        let both = with(own, &kinds(&["sticker", "url"]), true).unwrap();
        assert_eq!(locked(&both), ["sticker", "url"]);
        assert!(
            both.starts_with("# ours\nversion: 1\nrules:\n- id: lock-sticker\n  events: [message, edit]\n")
        );
        assert!(both.ends_with("- id: mine\n  when: [text.length > 5]\n  then: [delete]\n\nlists: {}\n"));
        // Locked again it is there once.
        assert_eq!(with(&both, &kinds(&["url"]), true).unwrap(), both);
        assert_eq!(with(&both, &kinds(&["url", "sticker"]), false).unwrap(), own);
        assert_eq!(
            with("rules: []\n", &kinds(&["poll"]), true).unwrap(),
            "rules:\n  - id: lock-poll\n    events: [message, edit]\n    when: [\"poll.answers > 0\"]\n    exempt: {labels: [approved]}\n    then: [\"delete\"]\n"
        );
    }
}
