//! What workers have to say, in the log chat of a community.

use super::Log;
use crate::speaker::Line;
use async_trait::async_trait;
use lockdown_moderation::hands::{LogChannel, Saying};
use lockdown_moderation::{PlatformError, Right};

#[async_trait]
impl LogChannel for Log {
    async fn say(&self, saying: &Saying) -> Result<bool, PlatformError> {
        let Some(place) = self.place(&saying.guild).await else {
            return Ok(false);
        };
        let line = Line {
            words: saying.text.clone(),
            picture: saying.picture.clone(),
            ..Line::default()
        };
        let said = self.speaker.say(&place.chat, &line).await;
        said.map(|_| true).map_err(|error| error.platform(Right::Note))
    }
}
