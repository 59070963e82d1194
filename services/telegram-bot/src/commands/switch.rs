//! What a community has on or off. To add one: a variant of [`Switch`], its row here and in `deed.rs`, its words.

use super::deed::Switch;
use super::parse::{Command, yes_or_no};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_moderation::TelegramSettings;
use lockdown_moderation::words::Tongue;
use serde_json::json;
use std::sync::Arc;

// === impl Switch ===

impl Switch {
    pub(super) const ALL: [Self; 5] = [
        Self::Reports,
        Self::Refusals,
        Self::CleanAnswers,
        Self::UnpinChannel,
        Self::QuietFederation,
    ];

    /// Its command, which its words are named for.
    fn word(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Refusals => "adminerror",
            Self::CleanAnswers => "cleanmsg",
            Self::UnpinChannel => "antichannelpin",
            Self::QuietFederation => "quietfed",
        }
    }

    /// The setting, and whether that is on where the switch is.
    fn setting(self) -> (&'static str, bool) {
        match self {
            Self::Reports => ("telegram.reports", true),
            Self::Refusals => ("telegram.refusals", true),
            Self::CleanAnswers => ("telegram.keepAnswers", false),
            Self::UnpinChannel => ("telegram.unpinChannelPosts", true),
            Self::QuietFederation => ("telegram.quietFederation", true),
        }
    }

    fn is_on(self, chosen: &TelegramSettings) -> bool {
        match self {
            Self::Reports => chosen.reports,
            Self::Refusals => chosen.refusals,
            Self::CleanAnswers => !chosen.keep_answers,
            Self::UnpinChannel => chosen.unpin_channel_posts,
            Self::QuietFederation => chosen.quiet_federation,
        }
    }

    pub(super) fn state(self, chosen: &TelegramSettings, tongue: &Tongue) -> String {
        let is = if self.is_on(chosen) { "on" } else { "off" };
        tongue.say(&format!("switch.{}_{is}", self.word()), &[])
    }
}

// === impl Commands ===

impl Commands {
    pub(super) async fn switch(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Switch,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let words = match command.reason.as_deref() {
            None => what.state(&self.speaker.settings(guild).await.telegram, tongue),
            Some(text) => {
                let usage = || No::Words(tongue.say("switch.usage", &[("word", &what.word())]));
                let on = yes_or_no(text).ok_or_else(usage)?;
                let (path, as_it_is) = what.setting();
                let now = self
                    .asking
                    .choose(guild, by, &[(path, json!(on == as_it_is))])
                    .await?;
                self.speaker.chosen(guild);
                tongue.say("changed", &[("what", &what.state(&now.telegram, tongue))])
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
    use crate::words::WORDS;
    use lockdown_moderation::Settings;

    #[test]
    fn a_switch_is_on_where_its_setting_says_so() {
        for tongue in WORDS.tongues() {
            for switch in Switch::ALL {
                let (path, as_it_is) = switch.setting();
                let (section, name) = path.split_once('.').unwrap();
                let mut said = Vec::new();
                for on in [true, false] {
                    let settings = json!({ section: { name: on == as_it_is } });
                    let settings = Settings::read(&settings).unwrap().telegram;
                    assert_eq!(switch.is_on(&settings), on, "{path}");
                    said.push(switch.state(&settings, tongue));
                }
                assert_ne!(said[0], said[1]);
            }
        }
    }
}
