//! `/doctor`: what the bot lacks here.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::checkup::{self, Naming};
use crate::effects::permissions::MANAGE_GUILD;
use crate::gateway::missing_intents;
use crate::modlog::of;

// === impl Commands ===

impl Commands {
    pub(super) async fn doctor(&self, input: &Input) -> Result<Told, String> {
        let (tongue, guild) = (input.tongue, input.guild.number);
        if self.held_in(input, input.channel.number) & MANAGE_GUILD == 0 {
            let (name, place) = (
                checkup::names(tongue, MANAGE_GUILD).join(""),
                format!("<#{}>", input.channel.number),
            );
            return Err(tongue.say("you.lack", &[("permission", &name), ("channel", &place)]));
        }
        let mut lines = match missing_intents(&self.rest).await {
            Ok(missing) => {
                checkup::intents(tongue, &missing.iter().map(|(_, name)| *name).collect::<Vec<_>>())
            }
            Err(error) => vec![Self::trouble(tongue, &error, input.channel.number, 0)],
        };
        let settings = self.book.of(&of(&input.guild.id)).await;
        let log = self.log.channel(guild, &settings);
        lines.extend(checkup::guild(
            tongue,
            &self.discord.guilds,
            guild,
            Naming::Mentions,
            log,
        ));
        if let Some(role) = &settings.discord.mute_role
            && self.discord.mute_role(&input.guild.id).await.is_none()
        {
            lines.push(tongue.say("doctor.mute_role", &[("role", &format!("<@&{role}>"))]));
        }
        if let Some(native) = self.automod.shown(guild) {
            lines.extend(native.faults(tongue));
        }
        if lines.is_empty() {
            return Ok(Told::done(&tongue.say("doctor.well", &[])));
        }
        let said = tongue.count("doctor.found", lines.len() as u64, &[]);
        Ok(Told::plain(format!("🩺 {said}")).with_lines(lines.into_iter().map(|line| format!("• {line}"))))
    }
}
