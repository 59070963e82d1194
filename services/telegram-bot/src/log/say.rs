//! What workers have to say, in the log chat of a community.

use super::Log;
use crate::client::{CallError, Class};
use crate::platform::cut;
use crate::speaker::Line;
use async_trait::async_trait;
use lockdown_events::GuildId;
use lockdown_moderation::hands::{LogChannel, Saying};
use lockdown_moderation::{PlatformError, Right};
use teloxide::payloads::SendPhoto;
use teloxide::prelude::ChatId;
use teloxide::types::InputFile;

/// The longest words beside a picture, in UTF-16 units.
const LONGEST: usize = 1_024;

#[async_trait]
impl LogChannel for Log {
    async fn say(&self, saying: &Saying) -> Result<bool, PlatformError> {
        let Some(place) = self.place(&saying.guild).await else {
            return Ok(false);
        };
        let said = match &saying.picture {
            Some(picture) => self.show(&place.chat, &saying.text, picture).await,
            None => {
                let line = Line {
                    words: saying.text.clone(),
                    ..Line::default()
                };
                self.speaker.say(&place.chat, &line).await.map(drop)
            }
        };
        said.map(|()| true).map_err(|error| error.platform(Right::Note))
    }
}

impl Log {
    async fn show(&self, chat: &GuildId, words: &str, picture: &[u8]) -> Result<(), CallError> {
        let chat = self.client.chat(chat)?;
        let words = cut(words, LONGEST);
        let make = |chat: ChatId| {
            let file = InputFile::memory(picture.to_vec()).file_name("chart.png");
            let mut photo = SendPhoto::new(chat, file);
            photo.caption = Some(words.clone());
            photo.disable_notification = Some(true);
            photo
        };
        let shown = self.client.upload(Class::Notice, chat, make).await;
        shown.map(drop)
    }
}
