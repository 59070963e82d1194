//! What was said a moment ago: what the rules take away is shown to the moderators as it was, and Discord no longer has it
//! then. Everything that was said is on the bus; this is only the way to it that costs nothing.

use lockdown_events::Message;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages that are remembered, over all guilds.
const MOST: usize = 4_096;
/// Of each, so much of its text.
const TEXT: usize = 1_000;

/// A message as it was heard last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) author: String,
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attached>,
}

/// What hung on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) url: Option<String>,
    /// Of its bytes, once they were read.
    pub(crate) sha256: Option<String>,
}

#[derive(Default)]
pub(crate) struct Recent {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    said: HashMap<u64, Said>,
    /// Oldest first.
    order: VecDeque<u64>,
}

// === impl Recent ===

impl Recent {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keep(&self, message: &Message) {
        let Ok(id) = message.message_id.as_str().parse() else {
            return;
        };
        let attachment = |one: &lockdown_events::Attachment| Attached {
            name: one.name.clone().unwrap_or_default(),
            size: one.size.unwrap_or(0),
            url: one.url.clone(),
            sha256: one.sha256.clone(),
        };
        let said = Said {
            author: message.author_id.to_string(),
            text: message.content.chars().take(TEXT).collect(),
            attachments: message.attachments.iter().map(attachment).collect(),
        };
        let mut state = self.state();
        if state.said.insert(id, said).is_some() {
            return;
        }
        state.order.push_back(id);
        if state.order.len() > MOST
            && let Some(oldest) = state.order.pop_front()
        {
            state.said.remove(&oldest);
        }
    }

    pub(crate) fn of(&self, message: u64) -> Option<Said> {
        self.state().said.get(&message).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_as_they_were_last() {
        let message = |id: usize, text: &str| -> Message {
            serde_json::from_value(serde_json::json!({
                "guildId": "1", "messageId": id.to_string(), "channelId": "2", "authorId": "3", "content": text,
            }))
            .unwrap()
        };
        let recent = Recent::default();
        for id in 1..=MOST + 1 {
            recent.keep(&message(id, "first"));
        }
        recent.keep(&message(2, "edited"));
        assert_eq!(recent.of(1), None);
        assert_eq!(recent.of(2).unwrap().text, "edited");
        assert_eq!(recent.state().order.len(), MOST);
    }
}
