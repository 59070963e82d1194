//! Names of which a community chooses some: what is told in the log, which posts of Telegram's own and whose commands go,
//! what members may not command.

use super::deed::{Deed, How, Listed};
use super::parse::{Command, yes_or_no};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{CommandsOf, LogCategory, ServiceMessage, Settings};
use serde_json::json;
use std::sync::Arc;

// === impl Listed ===

impl Listed {
    pub(super) const ALL: [Self; 4] = [
        Self::LogCategories,
        Self::ServiceMessages,
        Self::CleanCommands,
        Self::Disabled,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::LogCategories => "telegram.logCategories",
            Self::ServiceMessages => "telegram.cleanService",
            Self::CleanCommands => "telegram.cleanCommands",
            Self::Disabled => "telegram.disabled",
        }
    }

    /// All that can be chosen.
    fn known(self) -> Vec<&'static str> {
        match self {
            Self::LogCategories => LogCategory::ALL.map(LogCategory::as_str).to_vec(),
            Self::ServiceMessages => ServiceMessage::ALL.map(ServiceMessage::as_str).to_vec(),
            Self::CleanCommands => CommandsOf::ALL.map(CommandsOf::as_str).to_vec(),
            Self::Disabled => Deed::disableable(),
        }
    }

    fn chosen(self, settings: &Settings) -> Vec<&str> {
        let chosen = &settings.telegram;
        match self {
            Self::LogCategories => chosen.log_categories.iter().map(|one| one.as_str()).collect(),
            Self::ServiceMessages => chosen.clean_service.iter().map(|one| one.as_str()).collect(),
            Self::CleanCommands => chosen.clean_commands.iter().map(|one| one.as_str()).collect(),
            Self::Disabled => chosen.disabled.iter().map(String::as_str).collect(),
        }
    }

    /// What is chosen after a command; nothing where somebody only asks.
    fn changed(self, how: How, text: &str, settings: &Settings) -> Result<Option<Vec<&'static str>>, ()> {
        let text = text.to_lowercase();
        let known = self.known();
        if how == How::Show || text.is_empty() {
            return Ok(None);
        }
        let whole = match text.as_str() {
            "all" => Some(true),
            "none" => Some(false),
            text => yes_or_no(text),
        };
        if let Some(all) = whole {
            let all = all != (how == How::Remove);
            return Ok(Some(if all { known } else { Vec::new() }));
        }
        let mut named = Vec::new();
        for word in text.split([' ', ',', '\n']).filter(|word| !word.is_empty()) {
            let word = word.trim_start_matches('/');
            // Another word for the same command.
            let same = |one: &&&str| match self {
                Self::Disabled => Deed::of(word).is_some_and(|deed| Deed::of(one) == Some(deed)),
                _ => **one == word,
            };
            named.push(*known.iter().find(same).ok_or(())?);
        }
        let before = self.chosen(settings);
        let is_chosen = |one: &&'static str| match how {
            How::Add => before.contains(one) || named.contains(one),
            How::Remove => before.contains(one) && !named.contains(one),
            How::Set | How::Show => named.contains(one),
        };
        Ok(Some(known.into_iter().filter(is_chosen).collect()))
    }

    pub(super) fn state(self, settings: &Settings, tongue: &Tongue) -> String {
        let chosen = self.chosen(settings);
        let known = self.known();
        let names = |is: bool| {
            let names: Vec<&str> = known
                .iter()
                .copied()
                .filter(|one| chosen.contains(one) == is)
                .collect();
            if names.is_empty() {
                tongue.say("log.none", &[])
            } else {
                names.join(", ")
            }
        };
        let key = match self {
            Self::LogCategories => "log.categories",
            Self::ServiceMessages => "listed.service",
            Self::CleanCommands => "listed.commands",
            Self::Disabled => "listed.disabled",
        };
        let all = known.join(", ");
        tongue.say(
            key,
            &[("on", &names(true)), ("off", &names(false)), ("all", &all)],
        )
    }
}

// === impl Commands ===

impl Commands {
    pub(super) async fn list(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Listed,
        how: How,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let settings = self.speaker.settings(guild).await;
        let text = command.reason.as_deref().unwrap_or_default();
        let usage = |()| No::Words(what.state(&settings, tongue));
        let words = match what.changed(how, text, &settings).map_err(usage)? {
            None => what.state(&settings, tongue),
            Some(chosen) => {
                let change = [(what.path(), json!(chosen))];
                let now = self.asking.choose(guild, by, &change).await?;
                self.speaker.chosen(guild);
                tongue.say("changed", &[("what", &what.state(&now, tongue))])
            }
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_added_taken_out_and_set() {
        let mut settings = Settings::default();
        let after =
            |what: Listed, how, text: &str, settings: &Settings| what.changed(how, text, settings).unwrap();
        let service = Listed::ServiceMessages;
        assert_eq!(after(service, How::Add, "", &settings), None);
        assert_eq!(
            after(service, How::Add, "PIN, join", &settings).unwrap(),
            ["join", "pin"]
        );
        settings.telegram.clean_service = vec![ServiceMessage::Pin, ServiceMessage::Call];
        assert_eq!(after(service, How::Remove, "call", &settings).unwrap(), ["pin"]);
        assert_eq!(after(service, How::Add, "all", &settings).unwrap().len(), 8);
        for (how, text) in [(How::Add, "off"), (How::Remove, "all"), (How::Set, "none")] {
            assert!(after(service, how, text, &settings).unwrap().is_empty(), "{text}");
        }
        assert_eq!(service.changed(How::Add, "gossip", &settings), Err(()));
        // What members may not command is named as they would write it, by any of its words.
        let disabled = after(Listed::Disabled, How::Add, "/admins adminlist", &settings).unwrap();
        assert_eq!(disabled, ["report", "adminlist"]);
        for never in ["help", "ban", "connect"] {
            assert_eq!(
                Listed::Disabled.changed(How::Add, never, &settings),
                Err(()),
                "{never}"
            );
        }
        settings.telegram.disabled = disabled.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            Settings::read(&serde_json::to_value(&settings).unwrap()),
            Ok(settings)
        );
    }
}
