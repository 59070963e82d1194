//! Locks: content of a kind that nobody but those who keep order may post. Each is a rule of the community's own rules, so
//! that rules, explanations and the dashboard know of it as of any other: `lock-sticker` and so on. To add a kind: a row of
//! [`KINDS`].
//!
//! Sites of the list `allowlist` may be linked all the same.

use super::deed::Lock;
use super::parse::{Command, yes_or_no};
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
/// The list of sites that may be linked, and what the locks of links say besides while it is there.
const ALLOWED: &str = "allowlist";
const LINKS: [&str; 2] = ["url", "hiddenlink"];
const DOMAINS: &str = "domains";
const UNLESS: &str = " and not links.all_in(allowlist)";
const WARN: &str = "warn";

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
        let rules = match lock {
            Lock::Types => {
                let words = tongue.say("locks.types", &[("list", &all())]);
                self.tell_later(
                    &said.message,
                    Line::answer(&said.message, words).staying(LOOK_STAYS),
                );
                return Ok(());
            }
            Lock::Allow | Lock::Disallow => return self.allow(said, &text, lock == Lock::Allow).await,
            Lock::Warns if text.is_empty() => self.rules(guild, by).await?.0,
            Lock::Warns => {
                let usage = || No::Words(tongue.say("switch.usage", &[("word", &"lockwarns")]));
                let warns = yes_or_no(&text).ok_or_else(usage)?;
                let rules = self
                    .change_rules(guild, by, |rules| again(rules, Some(warns)))
                    .await?;
                self.did(said, "lockwarns", 1).await?;
                rules
            }
            Lock::Show => self.rules(guild, by).await?.0,
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
                let rules = self.change_rules(guild, by, change).await?;
                let count = u64::try_from(kinds.len()).unwrap_or(u64::MAX);
                self.did(said, if on { "lock" } else { "unlock" }, count).await?;
                rules
            }
        };
        let locked = locked(&rules);
        let words = if locked.is_empty() {
            tongue.say("locks.none", &[])
        } else {
            let on = tongue.say("locks.on", &[("list", &locked.join(", "))]);
            if warns(&rules) {
                format!("{on}\n{}", tongue.say("locks.warns", &[]))
            } else {
                on
            }
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

impl Commands {
    /// Sites that may be linked all the same.
    async fn allow(self: &Arc<Self>, said: &Said, text: &str, on: bool) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let named: Vec<String> = text.split([' ', ',', '\n']).filter_map(site).collect();
        let words = text.split([' ', ',', '\n']).filter(|word| !word.is_empty());
        if named.len() != words.count() || (named.is_empty() && !on) {
            return Err(No::Words(tongue.say("allowlist.usage", &[])).into());
        }
        let rules = if named.is_empty() {
            self.rules(guild, by).await?.0
        } else {
            let change = |rules: &str| allowing(rules, &named, on);
            let rules = self.change_rules(guild, by, change).await?;
            let count = u64::try_from(named.len()).unwrap_or(u64::MAX);
            self.did(said, if on { "allowlist" } else { "rmallowlist" }, count)
                .await?;
            rules
        };
        let sites = amend::items(&rules, ALLOWED, DOMAINS);
        let words = match sites.is_empty() {
            true => tongue.say("allowlist.none", &[]),
            false => tongue.say("allowlist.on", &[("list", &sites.join("\n"))]),
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

/// The host of an address, or a host as it is.
fn site(text: &str) -> Option<String> {
    let host = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let is_host = host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && host
            .chars()
            .all(|letter| letter.is_alphanumeric() || ['.', '-'].contains(&letter));
    is_host.then(|| host.to_owned())
}

/// The rules with these sites on the list, or without them, and the locks of links as they are then.
fn allowing(rules: &str, named: &[String], on: bool) -> Result<String, ByHand> {
    let mut sites = amend::items(rules, ALLOWED, DOMAINS);
    sites.retain(|site| !named.contains(site));
    if on {
        sites.extend(named.iter().cloned());
    }
    // No rule may ask for a list that is not there.
    if sites.is_empty() {
        let free = locks(rules, false, None)?;
        return amend::with_items(&free, ALLOWED, DOMAINS, &sites);
    }
    again(&amend::with_items(rules, ALLOWED, DOMAINS, &sites)?, None)
}

/// Whether who breaks a lock is warned.
fn warns(rules: &str) -> bool {
    let mut locks = amend::rules(rules).into_iter();
    locks
        .any(|(id, rule)| id.starts_with(PREFIX) && amend::texts(&rule["then"]).iter().any(|act| act == WARN))
}

/// The locks that there are, as they would be made now.
fn again(rules: &str, warns: Option<bool>) -> Result<String, ByHand> {
    let allows = !amend::items(rules, ALLOWED, DOMAINS).is_empty();
    locks(rules, allows, warns)
}

fn locks(rules: &str, allows: bool, warning: Option<bool>) -> Result<String, ByHand> {
    let warning = warning.unwrap_or_else(|| warns(rules));
    let mut after = rules.to_owned();
    for name in locked(rules) {
        // One that somebody named so by hand is none of ours.
        if let Some(kind) = KINDS.iter().find(|(known, _)| *known == name) {
            after = amend::with_rule(
                &after,
                &format!("{PREFIX}{name}"),
                Some(&lines(kind, allows, warning)),
            )?;
        }
    }
    Ok(after)
}

fn lines((name, when): &Kind, allows: bool, warns: bool) -> Vec<String> {
    let unless = if allows && LINKS.contains(name) {
        UNLESS
    } else {
        ""
    };
    let mut then = vec!["delete".to_owned()];
    then.extend(warns.then(|| WARN.to_owned()));
    rule(
        &["message", "edit"],
        Some(&format!("{when}{unless}")),
        None,
        &then,
    )
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
    let allows = !amend::items(rules, ALLOWED, DOMAINS).is_empty();
    let warns = warns(rules);
    let mut rules = rules.to_owned();
    for kind in kinds.iter().rev() {
        let lines = lines(kind, allows, warns);
        rules = amend::with_rule(&rules, &format!("{PREFIX}{}", kind.0), on.then_some(&lines[..]))?;
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
        assert_eq!(again(&both, None).unwrap(), both);
        assert_eq!(
            with("rules: []\n", &kinds(&["poll"]), true).unwrap(),
            "rules:\n  - id: lock-poll\n    events: [message, edit]\n    when: [\"poll.answers > 0\"]\n    exempt: {labels: [approved]}\n    then: [\"delete\"]\n"
        );
    }

    #[test]
    fn sites_may_be_linked_and_breaking_a_lock_may_warn() {
        let none = "version: 1\nrules: []\n";
        let locked = with(none, &kinds(&["sticker", "url"]), true).unwrap();
        let sites = ["example.org".to_owned(), "a.example".to_owned()];
        let allowed = allowing(&locked, &sites, true).unwrap();
        assert_eq!(amend::items(&allowed, ALLOWED, DOMAINS), sites);
        assert!(
            allowed.contains("when: [\"links.count > 0 and not links.all_in(allowlist)\"]"),
            "{allowed}"
        );
        // What is locked later knows of it, too, and what warns goes on to do so.
        let warning = again(&allowed, Some(true)).unwrap();
        assert!(!warns(&allowed) && warns(&warning));
        let more = with(&warning, &kinds(&["hiddenlink"]), true).unwrap();
        assert_eq!(
            (more.matches(UNLESS).count(), more.matches("\"warn\"").count()),
            (2, 3)
        );
        let quiet = again(&more, Some(false)).unwrap();
        assert_eq!(quiet.matches("\"warn\"").count(), 0);
        let hidden = with(&quiet, &kinds(&["hiddenlink"]), false).unwrap();
        assert_eq!(allowing(&hidden, &sites, false).unwrap(), locked);
        for (text, is) in [
            ("https://www.example.org/a?b", Some("example.org")),
            ("a.example", Some("a.example")),
            ("nothing", None),
            ("a example", None),
            (".org", None),
        ] {
            assert_eq!(site(text).as_deref(), is, "{text}");
        }
    }
}
