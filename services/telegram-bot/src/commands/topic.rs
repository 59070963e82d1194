//! Topics of a forum: one begins, ends, or is where the bot speaks of its own accord.

use super::deed::Topic;
use super::parse::{Command, yes_or_no};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::client::{CallError, Class};
use crate::speaker::Line;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{Right, TelegramSettings};
use lockdown_runtime::chain;
use serde_json::{Value, json};
use std::sync::Arc;
use teloxide::payloads::{CloseForumTopic, CreateForumTopic};
use teloxide::types::{MessageId, ThreadId};

/// The longest name of a topic, in UTF-16 units.
const LONGEST_NAME: usize = 128;

// === impl Commands ===

impl Commands {
    pub(super) async fn topic(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Topic,
    ) -> Result<(), Stop> {
        let message = &said.message;
        let (guild, by) = (&message.guild_id, &message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default().trim();
        let chat = self.client.chat(guild)?;
        let here = message.thread_id.as_ref();
        let words = match what {
            Topic::New => {
                if text.is_empty() || text.encode_utf16().count() > LONGEST_NAME {
                    return Err(No::Words(tongue.say("topic.usage", &[("most", &LONGEST_NAME)])).into());
                }
                let make = |chat| CreateForumTopic::new(chat, text);
                let made = self.client.call(Class::Delete, chat, make).await;
                made.map_err(|error| refused(error, tongue))?;
                self.did(said, "newtopic", 1).await?;
                tongue.say("topic.new", &[("name", &text)])
            }
            Topic::Close => {
                let number = here.and_then(|here| here.as_str().parse().ok());
                let topic = number.ok_or_else(|| No::Words(tongue.say("topic.which", &[])))?;
                let chat = self.client.chat_of_messages(guild)?;
                let make = |chat| CloseForumTopic::new(chat, ThreadId(MessageId(topic)));
                let closed = self.client.call(Class::Delete, chat, make).await;
                closed.map_err(|error| refused(error, tongue))?;
                self.did(said, "closetopic", 1).await?;
                return Ok(());
            }
            Topic::SetActions => {
                let topic = match (yes_or_no(text), here) {
                    (Some(false), _) => Value::Null,
                    (_, Some(here)) => json!(here),
                    (_, None) => return Err(No::Words(tongue.say("topic.which", &[])).into()),
                };
                let now = self
                    .asking
                    .choose(guild, by, &[("telegram.actionTopic", topic)])
                    .await?;
                self.speaker.chosen(guild);
                tongue.say("changed", &[("what", &state(&now.telegram, tongue))])
            }
            Topic::Actions => state(&self.speaker.settings(guild).await.telegram, tongue),
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }
}

pub(super) fn state(chosen: &TelegramSettings, tongue: &Tongue) -> String {
    match &chosen.action_topic {
        Some(topic) => tongue.say("topic.actions", &[("topic", topic)]),
        None => tongue.say("topic.no_actions", &[]),
    }
}

fn refused(error: CallError, tongue: &Tongue) -> Stop {
    let error = error.platform(Right::Configure);
    if error.is_permanent() {
        No::Words(tongue.say("topic.refused", &[("why", &chain(&error))])).into()
    } else {
        Stop::Again(chain(&error))
    }
}
