//! Accounts that others have banned: what happens to them when they come. It is the rule `banlists` of the community's rules, which
//! asks the installation's lists.

use super::parse::Command;
use super::rulebook::{Punishment, rule};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_moderation::words::Tongue;
use lockdown_policy::amend::{self, ByHand};
use std::sync::Arc;

/// The name of the rule.
const NAME: &str = "banlists";
const WHEN: &str = "author.listed";

// === impl Commands ===

impl Commands {
    pub(super) async fn ban_lists(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let rules = match command.reason.as_deref() {
            None => self.rules(guild, by).await?.0,
            Some(text) => {
                let text = match text.to_lowercase().as_str() {
                    "on" | "yes" | "true" => "ban".to_owned(),
                    text => text.to_owned(),
                };
                let punishment = Punishment::read(&text);
                let punishment = punishment.ok_or_else(|| No::Words(tongue.say("banlists.usage", &[])))?;
                let rules = self
                    .change_rules(guild, by, |rules| with(rules, &punishment))
                    .await?;
                self.did(said, NAME, 1).await?;
                rules
            }
        };
        let line = Line::answer(&said.message, state(&rules, tongue)).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }
}

/// The rules with this punishment for whoever is listed and comes, or with none.
fn with(rules: &str, punishment: &Punishment) -> Result<String, ByHand> {
    let acts = punishment.clone().with(None);
    let lines = (!acts.is_empty()).then(|| rule(&["join"], Some(WHEN), None, &acts));
    amend::with_rule(rules, NAME, lines.as_deref())
}

fn state(rules: &str, tongue: &Tongue) -> String {
    let found = amend::rules(rules).into_iter().find(|(id, _)| id == NAME);
    let mode = found.and_then(|(_, rule)| Punishment::of(&amend::texts(&rule["then"])).word());
    match mode {
        Some(mode) => tongue.say("banlists.on", &[("mode", &mode)]),
        None => tongue.say("banlists.off", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_listed_is_one_rule() {
        let ban = with("version: 1\nrules: []\n", &Punishment::read("ban 7d").unwrap()).unwrap();
        assert!(ban.contains("author.listed") && ban.contains("ban 7d"), "{ban}");
        let off = with(&ban, &Punishment::read("off").unwrap()).unwrap();
        assert!(!off.contains("author.listed"), "{off}");
    }
}
