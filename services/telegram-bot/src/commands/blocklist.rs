//! The blocklist: words and phrases that nobody may write. It is the list `blocklist` of the community's rules, and the rule of
//! that name which asks for it.

use super::deed::Blocked;
use super::parse::{Command, yes_or_no};
use super::rulebook::{Punishment, rule};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_moderation::words::Tongue;
use lockdown_policy::amend::{self, ByHand};
use std::sync::Arc;

/// The name of the list, and of the rule.
const NAME: &str = "blocklist";
const DELETES: &str = "delete";
const WHEN: &str = "text.has_any(blocklist)";

// === impl Commands ===

impl Commands {
    pub(super) async fn blocklist(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Blocked,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default();
        let usage = || No::Words(tongue.say("blocklist.usage", &[]));
        let rules = match what {
            Blocked::Show => self.rules(guild, by).await?.0,
            Blocked::Add | Blocked::Remove => {
                let phrases = phrases(text);
                if phrases.is_empty() {
                    return Err(usage().into());
                }
                let on = what == Blocked::Add;
                let before = amend::words(&self.rules(guild, by).await?.0, NAME);
                let known = |phrase: &&String| before.contains(phrase);
                if !on && let Some(unknown) = phrases.iter().find(|phrase| !known(phrase)) {
                    let words = tongue.say("blocklist.unknown", &[("phrase", unknown)]);
                    return Err(No::Words(words).into());
                }
                let change = |rules: &str| with(rules, &phrases, on);
                let rules = self.change_rules(guild, by, change).await?;
                let count = u64::try_from(phrases.len()).unwrap_or(u64::MAX);
                self.did(said, if on { "addblocklist" } else { "rmblocklist" }, count)
                    .await?;
                rules
            }
            Blocked::Clear => {
                let change = |rules: &str| with(rules, &amend::words(rules, NAME), false);
                let rules = self.change_rules(guild, by, change).await?;
                self.did(said, "unblocklistall", 1).await?;
                rules
            }
            Blocked::Mode | Blocked::Delete if text.is_empty() => self.rules(guild, by).await?.0,
            Blocked::Delete => {
                let deletes = yes_or_no(text).ok_or_else(usage)?;
                let before = self.rules(guild, by).await?.0;
                // Something always follows.
                if !deletes && !Punishment::of(&then(&before)).is_some() {
                    return Err(usage().into());
                }
                let change = |rules: &str| punish(rules, &Punishment::of(&then(rules)), deletes);
                let rules = self.change_rules(guild, by, change).await?;
                self.did(said, "blocklistdelete", 1).await?;
                rules
            }
            Blocked::Mode => {
                let punishment = Punishment::read(text).ok_or_else(usage)?;
                // Something always follows.
                let change = |rules: &str| {
                    let deletes = then(rules).iter().any(|act| act == DELETES);
                    punish(rules, &punishment, deletes || !punishment.is_some())
                };
                let rules = self.change_rules(guild, by, change).await?;
                self.did(said, "blocklistmode", 1).await?;
                rules
            }
        };
        let line = Line::answer(&said.message, state(&rules, tongue)).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }
}

/// One phrase a line, or each of those in quotes.
fn phrases(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        let plain: String = line
            .chars()
            .map(|letter| {
                if matches!(letter, '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}') {
                    '"'
                } else {
                    letter
                }
            })
            .collect();
        let parts: Vec<&str> = if plain.matches('"').count() >= 2 {
            plain.split('"').skip(1).step_by(2).collect()
        } else {
            vec![line]
        };
        for part in parts {
            let phrase = part
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase();
            if !phrase.is_empty() && !found.contains(&phrase) {
                found.push(phrase);
            }
        }
    }
    found
}

fn then(rules: &str) -> Vec<String> {
    let rule = amend::rules(rules).into_iter().find(|(id, _)| id == NAME);
    rule.map_or_else(
        || vec![DELETES.to_owned()],
        |(_, rule)| amend::texts(&rule["then"]),
    )
}

/// The rules with these phrases on the list, or without them. The rule stays as it is, and is there as long as the list is.
fn with(rules: &str, phrases: &[String], on: bool) -> Result<String, ByHand> {
    let mut words = amend::words(rules, NAME);
    words.retain(|word| !phrases.contains(word));
    if on {
        words.extend(phrases.iter().cloned());
    }
    let after = amend::with_words(rules, NAME, &words)?;
    let (has_list, has_rule) = (
        has_list(&after),
        amend::rules(&after).iter().any(|(id, _)| id == NAME),
    );
    if has_list == has_rule {
        return Ok(after);
    }
    let lines = rule(&["message", "edit"], Some(WHEN), None, &then(rules));
    amend::with_rule(&after, NAME, has_list.then_some(&lines[..]))
}

fn has_list(rules: &str) -> bool {
    amend::read(rules).is_some_and(|file| !file["lists"][NAME].is_null())
}

/// The rules with this for whoever writes what is on the list. Without a list there is nothing to be punished for.
fn punish(rules: &str, punishment: &Punishment, deletes: bool) -> Result<String, ByHand> {
    if !has_list(rules) {
        return Ok(rules.to_owned());
    }
    let lines = rule(
        &["message", "edit"],
        Some(WHEN),
        None,
        &punishment.clone().with(deletes.then_some(DELETES)),
    );
    amend::with_rule(rules, NAME, Some(&lines))
}

fn state(rules: &str, tongue: &Tongue) -> String {
    let words = amend::words(rules, NAME);
    if words.is_empty() {
        return tongue.say("blocklist.none", &[]);
    }
    let count = u64::try_from(words.len()).unwrap_or(u64::MAX);
    let list = words.join("\n");
    let then = then(rules);
    let key = if then.iter().any(|act| act == DELETES) {
        "blocklist.on_mode"
    } else {
        "blocklist.on_stays"
    };
    match Punishment::of(&then).word() {
        None => tongue.count("blocklist.on", count, &[("list", &list)]),
        Some(mode) => tongue.count(key, count, &[("list", &list), ("mode", &mode)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "version: 1\nrules: []\n";

    #[test]
    fn phrases_stand_in_lines_or_quotes() {
        assert_eq!(phrases("Buy  now\n spam* \n\nbuy now"), ["buy now", "spam*"]);
        assert_eq!(
            phrases("\"free nitro\" \u{ab}\u{441}\u{43f}\u{430}\u{43c}\u{bb} more"),
            ["free nitro", "\u{441}\u{43f}\u{430}\u{43c}"]
        );
        assert_eq!(phrases(" \n"), [""; 0]);
    }

    #[test]
    fn the_rule_is_there_as_long_as_the_list_is() {
        let one = with(NONE, &["free nitro".to_owned()], true).unwrap();
        let two = with(&one, &["spam".to_owned(), "free nitro".to_owned()], true).unwrap();
        assert_eq!(amend::words(&two, NAME), ["spam", "free nitro"]);
        let strict = punish(&two, &Punishment::read("tban 3d").unwrap(), true).unwrap();
        assert_eq!(then(&strict), ["delete", "ban 3d"]);
        // More words leave what follows from them.
        let more = with(&strict, &["scam".to_owned()], true).unwrap();
        assert_eq!(then(&more), ["delete", "ban 3d"]);
        assert_eq!(with(&more, &amend::words(&more, NAME), false).unwrap(), NONE);
        let ban = Punishment::read("ban").unwrap();
        assert_eq!(punish(NONE, &ban, true).unwrap(), NONE);
        let staying = punish(&more, &ban, false).unwrap();
        assert_eq!(then(&staying), ["ban"]);
        let said = state(&staying, crate::words::WORDS.tongue(None));
        assert!(
            said.contains("the message stays, and for whoever wrote it: ban\n"),
            "{said}"
        );
    }
}
