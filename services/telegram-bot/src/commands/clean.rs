//! Cleaning: messages go by the hundred, those that are older than Telegram allows stay, and it is said which.

use super::deed::Clean;
use super::parse::{Command, answers};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_events::{ChannelId, Message};
use lockdown_moderation::words::With;
use lockdown_moderation::{Platform as _, PlatformError};
use lockdown_runtime::chain;
use std::sync::Arc;
use std::time::Duration;

/// More at once would be a mistake more often than a wish.
pub(super) const MOST: i64 = 1_000;
/// How long `/purgefrom` is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

// === impl Commands ===

impl Commands {
    pub(super) async fn clean(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Clean,
    ) -> Result<(), Stop> {
        let message = &said.message;
        let tongue = self.speaker.tongue(&message.guild_id).await;
        let own = number(message.message_id.as_str())?;
        let replied = answers(message)
            .map(|replied| number(replied.as_str()))
            .transpose()?;
        let mark = format!("telegram.purge/{}/{}", message.guild_id, message.author_id);
        let range = match (what, replied) {
            (Clean::One | Clean::From | Clean::To, None) => return Err(No::WhichMessage.into()),
            (Clean::One, Some(replied)) => replied..=replied,
            (Clean::From, Some(replied)) => {
                let kept = self.due.note(&mark, &replied.to_string(), REMEMBERED).await;
                kept.map_err(|error| Stop::Again(chain(&error)))?;
                self.answer_briefly(message, tongue.say("answer_last", &[]));
                return Ok(());
            }
            (Clean::To, Some(replied)) => {
                let kept = self
                    .due
                    .read(&mark)
                    .await
                    .map_err(|error| Stop::Again(chain(&error)))?;
                let first = kept.ok_or(No::MarkFirst)?;
                // Left behind, it ends by itself.
                let _ = self.due.strike(&mark, &first).await;
                let first = number(&first)?;
                first.min(replied)..=first.max(replied)
            }
            (Clean::Since, Some(replied)) => match command.number {
                Some(many) => replied..=(replied + few(many)? - 1).min(own),
                None => replied..=own,
            },
            (Clean::Since, None) => match command.number {
                Some(many) => own - few(many)?..=own,
                None => return Err(No::HowMany.into()),
            },
        };
        let (first, last) = (*range.start(), *range.end());
        if last - first > MOST {
            return Err(No::HowMany.into());
        }
        let topic = message
            .thread_id
            .as_ref()
            .and_then(|thread| thread.as_str().parse().ok());
        let mut messages = self.memory.of_topic(&message.guild_id, topic, range);
        // The command belongs to what it cleans, whatever was remembered of it.
        if !messages.contains(&message.message_id) {
            messages.push(message.message_id.clone());
        }
        let channel = ChannelId::new(message.guild_id.as_str()).expect("a number is an id");
        let cleaned = self
            .telegram
            .delete(&message.guild_id, &channel, &messages, "")
            .await;
        let cleaned = cleaned.map_err(|error| match error {
            error @ (PlatformError::Limited { .. } | PlatformError::Unavailable(_)) => {
                Stop::Again(chain(&error))
            }
            error => No::Words(chain(&error)).into(),
        })?;
        let deed = if what == Clean::One { "delete" } else { "purge" };
        let count = u64::try_from(cleaned.deleted).unwrap_or(u64::MAX);
        self.did(said, deed, count).await?;
        if command.silent || what == Clean::One && cleaned.too_old.is_empty() {
            return Ok(());
        }
        let old = cleaned.too_old.len();
        let told: With<'_> = &[("first", &first), ("last", &last), ("old", &old)];
        let key = match old {
            0 => "cleaned",
            _ if cleaned.deleted > 1 => "cleaned_but",
            _ => "cleaned_nothing",
        };
        let line = Line {
            words: tongue.say(key, told),
            thread: message.thread_id.clone(),
            stays: Some(LOOK_STAYS),
            ..Line::default()
        };
        self.tell_later(message, line);
        Ok(())
    }

    fn answer_briefly(self: &Arc<Self>, message: &Message, words: String) {
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
    }
}

/// So many messages, if that is not too many.
fn few(many: u64) -> Result<i64, No> {
    match i64::try_from(many) {
        Ok(many @ 1..=MOST) => Ok(many),
        _ => Err(No::HowMany),
    }
}

fn number(text: &str) -> Result<i64, Stop> {
    text.parse().map_err(|_| No::WhichMessage.into())
}
