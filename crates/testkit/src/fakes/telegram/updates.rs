//! What waits for a bot: by long polling or by webhook.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Kinds that come only when they are asked for by name.
const ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// The updates of one bot.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<(i64, Value)>,
    confirmed: Vec<(i64, Value)>,
    last: i64,
    /// What was asked for last; what is queued already is not touched by a change.
    allowed: Option<Vec<String>>,
    pub(super) webhook: Option<Webhook>,
    /// Grows with every poll and every change of the webhook: whoever began before is turned away.
    pub(super) turn: u64,
    pub(super) woken: Arc<Notify>,
}

#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(first: i64) -> Self {
        Self {
            waiting: VecDeque::new(),
            confirmed: Vec::new(),
            last: first,
            allowed: None,
            webhook: None,
            turn: 0,
            woken: Arc::default(),
        }
    }

    /// An omitted list keeps the one before; an empty one is the default.
    pub(super) fn allow(&mut self, kinds: Option<Vec<String>>) {
        if let Some(kinds) = kinds {
            self.allowed = (!kinds.is_empty()).then_some(kinds);
        }
    }

    pub(super) fn wants(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(kinds) => kinds.iter().any(|wanted| wanted == kind),
            None => !ON_REQUEST.contains(&kind),
        }
    }

    pub(super) fn push(&mut self, kind: &str, body: Value) {
        if !self.wants(kind) {
            return;
        }
        self.last += 1;
        let mut update = json!({ "update_id": self.last });
        update[kind] = body;
        self.waiting.push_back((self.last, update));
        self.woken.notify_waiters();
    }

    /// Confirms what lies before `offset` and gives what comes then.
    pub(super) fn read(&mut self, offset: Option<i64>, limit: usize) -> Vec<Value> {
        match offset {
            Some(offset) if offset < 0 => {
                let keep = usize::try_from(-offset).unwrap_or(usize::MAX);
                while self.waiting.len() > keep {
                    self.waiting.pop_front();
                }
            }
            Some(offset) => {
                while self.waiting.front().is_some_and(|(id, _)| *id < offset) {
                    self.confirmed.extend(self.waiting.pop_front());
                }
            }
            None => {}
        }
        let read = self.waiting.iter().take(limit);
        read.map(|(_, update)| update.clone()).collect()
    }

    /// As if nothing had been confirmed.
    pub(super) fn give_again(&mut self) {
        let newer = std::mem::take(&mut self.waiting);
        self.waiting = std::mem::take(&mut self.confirmed)
            .into_iter()
            .chain(newer)
            .collect();
        self.woken.notify_waiters();
    }
}
