//! `/config`.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::words::{WORDS, escape};
use lockdown_events::{ChannelId, RoleId};
use lockdown_moderation::Settings;
use lockdown_moderation::words::Tongue;

// === impl Commands ===

impl Commands {
    pub(super) async fn config_show(&self, input: &Input) -> Result<Told, String> {
        let settings: Settings = self
            .ask(self.question(input, "getSettings"), input.tongue)
            .await?;
        Ok(shown(
            input,
            &settings,
            Told::plain(input.tongue.say("config.title", &[])),
        ))
    }

    pub(super) async fn config_set(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let now = self.route(self.question(input, "getSettings"), tongue).await?;
        let mut settings: Settings = serde_json::from_value(now.body.unwrap_or_default())
            .map_err(|_| tongue.say("asked.failed", &[]))?;
        let before = settings.clone();
        if let Some(channel) = input.number("log") {
            settings.log_channel = ChannelId::new(&channel.to_string()).ok();
        }
        if let Some(locale) = input.text("language") {
            settings.locale = locale;
        }
        if let Some(timezone) = input.text("timezone") {
            settings.timezone = timezone;
        }
        if let Some(days) = input.number("message_days") {
            settings.message_days = days;
        }
        if let Some(wanted) = input.flag("automod") {
            settings.discord.auto_mod = wanted;
        }
        if let Some(role) = input.number("mute_role") {
            // Everybody's role has the guild's number: who chooses it wants none.
            let chosen = Some(role).filter(|role| *role != input.guild.number);
            settings.discord.mute_role = chosen.and_then(|role| RoleId::new(&role.to_string()).ok());
        }
        if let Some(hours) = input.number("delete_hours") {
            let seconds = hours.saturating_mul(3_600);
            settings.discord.delete_message_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        }
        if settings == before {
            return Ok(shown(
                input,
                &settings,
                Told::nothing(&tongue.say("config.same", &[])),
            ));
        }
        let body = serde_json::to_value(&settings).unwrap_or_default();
        // Two who choose at once: the second is told to look again.
        let question = self.question(input, "putSettings").body(body).seen(now.etag);
        self.route(question, tongue).await?;
        Ok(shown(
            input,
            &settings,
            Told::done(&tongue.say("config.set", &[])),
        ))
    }
}

fn shown(input: &Input, settings: &Settings, told: Told) -> Told {
    let tongue = input.tongue;
    let line =
        |name: &str, value: String| format!("**{}**: {value}", tongue.say(&format!("config.{name}"), &[]));
    let log = settings
        .log_channel
        .as_ref()
        .map(|channel| format!("<#{channel}>"));
    let days = match settings.message_days {
        0 => tongue.say("config.never", &[]),
        days => days.to_string(),
    };
    let known = WORDS.tongues().iter().map(Tongue::tag).collect::<Vec<_>>();
    let steps = settings.ladder.as_ref().map_or(0, |ladder| ladder.steps.len());
    let automod = if settings.discord.auto_mod { "on" } else { "off" };
    let mute_role = settings.discord.mute_role.as_ref().map_or_else(
        || tongue.say("config.usual_mute", &[]),
        |role| format!("<@&{role}>"),
    );
    let delete_hours = match settings.discord.delete_message_seconds {
        0 => tongue.say("config.no_deletes", &[]),
        seconds => (seconds / 3_600).to_string(),
    };
    told.with_lines([
        line("log", log.unwrap_or_else(|| tongue.say("config.usual_log", &[]))),
        line(
            "language",
            format!("{} ({})", escape(&settings.locale), known.join(", ")),
        ),
        line("timezone", escape(&settings.timezone)),
        line("message_days", days),
        line("ladder", steps.to_string()),
        line("automod", tongue.say(&format!("config.{automod}"), &[])),
        line("mute_role", mute_role),
        line("delete_hours", delete_hours),
    ])
}
