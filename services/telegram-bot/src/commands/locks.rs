//! Locks: content of a kind that nobody but those who keep order may post. Each is a rule of the community's own rules, so
//! that rules, explanations and the dashboard know of it as of any other: `lock-sticker` and so on. To add a kind: a row of
//! [`KINDS`].

use super::deed::Lock;
use super::parse::Command;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::speaker::Line;
use lockdown_events::{GuildId, UserId};
use serde_json::Value;
use std::sync::Arc;

/// What can be locked, and the condition that says it.
const KINDS: [(&str, &str); 35] = [
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
    ("preview", "embeds.count > 0"),
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

/// The names of the rules.
const ID: &str = "- id: lock-";
/// Rules to begin with.
const NONE: &str = "version: 1\nrules:\n";
/// How often a change is tried again that somebody else came first with.
const TRIES: u32 = 4;

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
                let locked = self.relock(guild, by, &kinds, on).await?;
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

    /// Puts rules in force with these locks or without them; what is locked then.
    async fn relock(
        &self,
        guild: &GuildId,
        by: &UserId,
        kinds: &[Kind],
        on: bool,
    ) -> Result<Vec<String>, Unanswered> {
        let mut tries = 0;
        loop {
            let (before, if_match) = self.rules(guild, by).await?;
            let after = with(&before, kinds, on);
            if after == before {
                return Ok(locked(&before));
            }
            let put = Route {
                body: Some(Value::String(after.clone())),
                if_match,
                ..Route::new(guild, by, "putRules")
            };
            tries += 1;
            match self.asking.route(put).await {
                Ok(_) => return Ok(locked(&after)),
                Err(Unanswered::Refused(refused)) if refused.code == "stale" && tries < TRIES => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// The rules as they are written, and the version that they are of.
    async fn rules(&self, guild: &GuildId, by: &UserId) -> Result<(String, Option<String>), Unanswered> {
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

/// What rules lock.
fn locked(rules: &str) -> Vec<String> {
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix(ID));
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The rules with these locks, or without them. The rest of the text stays as somebody wrote it.
fn with(rules: &str, kinds: &[Kind], on: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut leaving = None;
    for line in rules.lines() {
        let ends = |depth| !line.trim().is_empty() && indent(line) <= depth;
        if leaving.is_some_and(ends) {
            leaving = None;
        }
        let name = line.trim().strip_prefix(ID).map(str::trim);
        if name.is_some_and(|name| kinds.iter().any(|(known, _)| *known == name)) {
            leaving = Some(indent(line));
        }
        if leaving.is_none() {
            lines.push(line.to_owned());
        }
    }
    let is_head = |line: &String| line.trim_end() == "rules:" || line.trim_end() == "rules: []";
    let head = lines.iter().position(is_head).unwrap_or_else(|| {
        lines.push("rules:".to_owned());
        lines.len() - 1
    });
    let after = |line: &&String| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let next = lines[head + 1..].iter().find(after);
    let items = next.filter(|line| line.trim_start().starts_with('-'));
    let depth = items.map_or(2, |line| indent(line));
    lines[head] = if on || items.is_some() {
        "rules:"
    } else {
        "rules: []"
    }
    .to_owned();
    if on {
        let block = kinds.iter().rev().map(|(name, when)| {
            let gap = " ".repeat(depth);
            format!("{gap}{ID}{name}\n{gap}  events: [message, edit]\n{gap}  when: [{when}]\n{gap}  then: [delete]")
        });
        for block in block {
            lines.insert(head + 1, block);
        }
    }
    lines.join("\n") + "\n"
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
        let both = with(own, &kinds(&["sticker", "url"]), true);
        assert_eq!(locked(&both), ["sticker", "url"]);
        assert!(
            both.starts_with("# ours\nversion: 1\nrules:\n- id: lock-sticker\n  events: [message, edit]\n")
        );
        assert!(both.ends_with("- id: mine\n  when: [text.length > 5]\n  then: [delete]\n\nlists: {}\n"));
        // Locked again it is there once.
        let again = with(&both, &kinds(&["url"]), true);
        assert_eq!(locked(&again), ["sticker", "url"]);
        assert_eq!(with(&again, &kinds(&["url", "sticker"]), false), own);
        // The first and the last of them.
        let first = with(NONE, &kinds(&["poll"]), true);
        assert_eq!(
            first,
            "version: 1\nrules:\n  - id: lock-poll\n    events: [message, edit]\n    when: [poll.answers > 0]\n    then: [delete]\n"
        );
        assert_eq!(with(&first, &kinds(&["poll"]), false), "version: 1\nrules: []\n");
        assert_eq!(with("version: 1\nrules: []\n", &kinds(&["poll"]), true), first);
    }
}
