//! Deletions, gathered: what is wanted of a chat while a call is under way goes with the next one, a hundred at most.

use crate::client::{CallError, Class, Client};
use lockdown_events::{GuildId, MessageId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teloxide::payloads::DeleteMessages;
use teloxide::types;
use tokio::sync::oneshot;

/// As many as one call takes.
pub(crate) const AT_ONCE: usize = 100;

pub(crate) struct Sweeper {
    client: Client,
    /// What waits, by chat; a chat that is in it has a task that deletes.
    waiting: Mutex<HashMap<GuildId, Vec<Wanted>>>,
}

struct Wanted {
    message: i32,
    done: oneshot::Sender<Result<(), CallError>>,
}

// === impl Sweeper ===

impl Sweeper {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            waiting: Mutex::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<GuildId, Vec<Wanted>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes messages of a chat; returns when they are gone. Those that were gone or cannot go are no error.
    pub(crate) async fn delete(
        self: &Arc<Self>,
        guild: &GuildId,
        messages: &[MessageId],
    ) -> Result<(), CallError> {
        let answers: Vec<_> = messages.iter().map(|message| self.want(guild, message)).collect();
        for answer in answers {
            match answer.await {
                Ok(result) => result?,
                Err(_) => return Err(CallError::Away("the deletion broke off".to_owned())),
            }
        }
        Ok(())
    }

    /// Deletes what nobody waits for. It belongs to a verdict that was carried out; should this fail, it is logged.
    pub(crate) fn delete_unasked(self: &Arc<Self>, guild: &GuildId, message: &MessageId) {
        let answer = self.want(guild, message);
        let guild = guild.clone();
        tokio::spawn(async move {
            if let Ok(Err(error)) = answer.await {
                tracing::warn!(%guild, "Could not delete the rest of an album: {error}");
            }
        });
    }

    fn want(
        self: &Arc<Self>,
        guild: &GuildId,
        message: &MessageId,
    ) -> oneshot::Receiver<Result<(), CallError>> {
        let (done, answer) = oneshot::channel();
        let Ok(number) = message.as_str().parse() else {
            // No message has such a number, so it is not there.
            let _ = done.send(Ok(()));
            return answer;
        };
        let mut waiting = self.waiting();
        let begins = !waiting.contains_key(guild);
        waiting.entry(guild.clone()).or_default().push(Wanted {
            message: number,
            done,
        });
        drop(waiting);
        if begins {
            tokio::spawn(Arc::clone(self).sweep(guild.clone()));
        }
        answer
    }

    /// Deletes what waits in a chat until nothing does.
    async fn sweep(self: Arc<Self>, guild: GuildId) {
        loop {
            let batch: Vec<Wanted> = {
                let mut waiting = self.waiting();
                match waiting.get_mut(&guild) {
                    Some(wanted) if !wanted.is_empty() => wanted.drain(..wanted.len().min(AT_ONCE)).collect(),
                    _ => {
                        waiting.remove(&guild);
                        return;
                    }
                }
            };
            let mut numbers: Vec<i32> = batch.iter().map(|wanted| wanted.message).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let result = self.call(&guild, &numbers).await;
            for wanted in batch {
                // Who asked may have given up.
                let _ = wanted.done.send(result.clone());
            }
        }
    }

    /// One call, for a hundred at most.
    pub(crate) async fn call(&self, guild: &GuildId, numbers: &[i32]) -> Result<(), CallError> {
        let chat = match self.client.chat_of_messages(guild) {
            // Nobody sees them any more.
            Err(CallError::LeftBehind) => return Ok(()),
            chat => chat?,
        };
        let ids = || numbers.iter().map(|number| types::MessageId(*number));
        let make = |chat| DeleteMessages::new(chat, ids());
        match self.client.call(Class::Delete, chat, make).await {
            Ok(_) | Err(CallError::LeftBehind) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
