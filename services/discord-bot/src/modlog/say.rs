//! What workers have to say, where the guild has its log.

use super::{ModLog, of};
use crate::rest::{Ask, File, Priority};
use async_trait::async_trait;
use lockdown_moderation::PlatformError;
use lockdown_moderation::hands::{LogChannel, Saying};
use serde_json::json;
use serenity::http::Route;

#[async_trait]
impl LogChannel for ModLog {
    async fn say(&self, saying: &Saying) -> Result<bool, PlatformError> {
        let Ok(guild) = saying.guild.as_str().parse::<u64>() else {
            return Ok(false);
        };
        let known = self.knows(guild).await;
        if !known.map_err(|error| self.discord.why_not(error, guild))? {
            return Ok(false);
        }
        let settings = self.book.of(&of(&saying.guild)).await;
        let channel = self.channel(guild, &settings);
        let Some(channel) = channel.filter(|channel| self.is_open(guild, *channel)) else {
            return Ok(false);
        };
        let nonce = saying.id.0.simple().to_string();
        let body = json!({
            "content": saying.text, "allowed_mentions": { "parse": [] },
            // Asked for again after a lost answer, the same is not said twice. Discord takes 25 letters.
            "nonce": nonce.get(7..).unwrap_or_default(), "enforce_nonce": true,
        });
        let files: Vec<File> = saying
            .picture
            .iter()
            .map(|picture| File {
                name: "chart.png".to_owned(),
                bytes: picture.clone(),
            })
            .collect();
        let route = Route::ChannelMessages {
            channel_id: channel.into(),
        };
        let ask = Ask::post(route, channel)
            .files(&body, &files)
            .priority(Priority::Notice);
        let said = self.discord.rest.call(ask).await;
        said.map(|_| true)
            .map_err(|error| self.discord.why_not(error, guild))
    }
}
