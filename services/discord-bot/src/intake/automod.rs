//! What Discord's own AutoMod did. It tells so once for each action of its rule; here it is one event for each message.

use super::{Intake, Work, channel_id, guild_id, guild_of};
use crate::gateway::Dispatch;
use crate::read;
use lockdown_events::{MessageEvent, MessageFlagged, MessageId, NativeAct, Platform, UserId};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Within this, Discord has told of all actions on one message.
const TOGETHER: Duration = Duration::from_secs(10);
const MOST: usize = 4_096;

/// What was told lately.
#[derive(Default)]
pub(crate) struct Flagged {
    lately: Mutex<VecDeque<One>>,
}

struct One {
    at: Instant,
    /// Who said what where, and which rule hit.
    what: [String; 5],
    /// The actions that were told of it.
    acts: Vec<NativeAct>,
}

// === impl Flagged ===

impl Flagged {
    /// Whether this is told for the first time. The same action a second time is on another message that says the same.
    fn is_new(&self, what: [String; 5], act: NativeAct, now: Instant) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        while lately
            .front()
            .is_some_and(|one| now.duration_since(one.at) > TOGETHER || lately.len() > MOST)
        {
            lately.pop_front();
        }
        let known = lately
            .iter_mut()
            .find(|one| one.what == what && !one.acts.contains(&act));
        if let Some(known) = known {
            known.acts.push(act);
            return false;
        }
        let acts = vec![act];
        lately.push_back(One { at: now, what, acts });
        true
    }
}

// === impl Intake ===

impl Intake {
    pub(super) fn flagged(&self, heard: &Dispatch, body: &Value) -> Option<Work> {
        let act = match body["action"]["type"].as_u64()? {
            1 | 4 => NativeAct::Block,
            2 => NativeAct::Alert,
            3 => NativeAct::Timeout,
            _ => return None,
        };
        let guild = guild_of(body)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let what = ["user_id", "rule_id", "channel_id", "message_id", "content"].map(text);
        if !self.flagged.is_new(what, act, Instant::now()) {
            return None;
        }
        let message = read::id(&body["message_id"]);
        let event = MessageFlagged {
            platform: Platform::Discord,
            guild_id: guild_id(guild),
            channel_id: read::id(&body["channel_id"]).map(channel_id),
            message_id: message.and_then(|id| MessageId::new(&id.to_string()).ok()),
            author_id: UserId::new(&read::id(&body["user_id"])?.to_string()).ok()?,
            content: text("content"),
            rule_id: text("rule_id"),
            keyword: body["matched_keyword"].as_str().map(str::to_owned),
            act,
            rules: Vec::new(),
        };
        Some(Work::Flagged {
            id: self.id_here(heard),
            at: self.clock.now(),
            guild,
            rule: read::id(&body["rule_id"]).unwrap_or(0),
            event: Box::new(event),
        })
    }

    /// Finds out whether the rule was made of rules of the community.
    pub(super) async fn attribute(&self, guild: u64, rule: u64, mut event: MessageFlagged) -> MessageEvent {
        event.rules = self.automod.made_of(guild, rule).await;
        if !event.rules.is_empty() && event.content.is_empty() {
            // Discord does not tell what was said to whoever lacks the intent: the word that hit was in it.
            let word = event.keyword.as_deref().unwrap_or_default();
            word.trim_matches('*').clone_into(&mut event.content);
        }
        MessageEvent::Flagged(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_told_of_once() {
        let flagged = Flagged::default();
        let now = Instant::now();
        let what = |text: &str| ["1", "2", "3", "", text].map(str::to_owned);
        assert!(flagged.is_new(what("a"), NativeAct::Block, now));
        assert!(!flagged.is_new(what("a"), NativeAct::Alert, now));
        assert!(flagged.is_new(what("b"), NativeAct::Alert, now));
        assert!(flagged.is_new(what("a"), NativeAct::Block, now), "said again");
        assert!(!flagged.is_new(what("a"), NativeAct::Timeout, now));
        assert!(!flagged.is_new(what("a"), NativeAct::Alert, now));
        assert!(flagged.is_new(what("a"), NativeAct::Timeout, now + TOGETHER * 2));
    }
}
