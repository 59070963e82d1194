//! Asking.

use super::{LASTS, Requests, channel, ticket};
use crate::engine::{EngineError, Standing};
use crate::live::{Heard, ListenOptions, Said, SubscribeError, Subscription};
use compact_str::{CompactString, ToCompactString};
use lockdown_events::{CorrelationId, Request, RequestError, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, oneshot};

const OPEN: &str = "open";

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("nobody answers `request:{0}` now")]
    NoResponder(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer is that it was not done, and why.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(RequestError),
    #[error("the question cannot be put on the wire")]
    Encode(#[source] serde_json::Error),
    #[error("the answer cannot be read")]
    Decode(#[source] serde_json::Error),
    #[error("could not listen for the answer")]
    Listen(#[source] SubscribeError),
    #[error("could not ask")]
    Engine(#[source] EngineError),
}

/// Who waits for which answer, all on one channel of this process.
#[derive(Default)]
pub(super) struct Waiting {
    askers: Mutex<HashMap<CompactString, oneshot::Sender<Response<Box<RawValue>>>>>,
    /// Set once somebody asked.
    listening: OnceCell<()>,
}

/// Takes an asker off the list, whatever becomes of it.
struct Asking<'a> {
    waiting: &'a Waiting,
    correlation: CompactString,
}

// === impl Requests ===

impl Requests {
    /// Asks, and waits for the answer no longer than `patience`.
    pub async fn ask<T: Serialize, R: DeserializeOwned>(
        &self,
        name: &str,
        data: &T,
        patience: Duration,
    ) -> Result<R, AskError> {
        let answer = tokio::time::timeout(patience, self.ask_for_ever(name, data, patience))
            .await
            .map_err(|_| AskError::Timeout(patience))??;
        match answer {
            Response {
                error: Some(error), ..
            } => Err(AskError::Refused(error)),
            Response { data, .. } => {
                let text = data.as_deref().map_or("null", RawValue::get);
                serde_json::from_str(text).map_err(AskError::Decode)
            }
        }
    }

    async fn ask_for_ever<T: Serialize>(
        &self,
        name: &str,
        data: &T,
        patience: Duration,
    ) -> Result<Response<Box<RawValue>>, AskError> {
        let shared = &self.shared;
        let response_channel = format!("response:{}", shared.process);
        // In force before the first question is out.
        shared
            .waiting
            .listening
            .get_or_try_init(|| async {
                let answers = shared
                    .hub
                    .subscribe(&[&response_channel], &ListenOptions::default())
                    .await?;
                tokio::spawn(hear(Arc::clone(&shared.waiting), answers));
                Ok(())
            })
            .await
            .map_err(AskError::Listen)?;

        let correlation = shared.speaker.ids.next().to_compact_string();
        let ticket = ticket(&correlation, &response_channel);
        let question = Request {
            correlation_id: CorrelationId::new(&correlation).expect("a UUID is an id"),
            response_channel,
            ticket: Some(ticket.clone()),
            data,
        };
        let text = serde_json::to_string(&question).map_err(AskError::Encode)?;
        let (answer, answered) = oneshot::channel();
        let _asking = shared.waiting.add(correlation, answer);
        let engine = &shared.speaker.engine;
        // One goes out behind the other, over one connection: who hears the question finds its ticket.
        let channel = channel(name);
        let (opened, said) = tokio::join!(
            biased;
            engine.mark(&ticket, OPEN, patience, Standing::Absent),
            engine.say(&channel, &text)
        );
        opened.map(drop).and(said.map(drop)).map_err(AskError::Engine)?;
        let nobody = async {
            loop {
                match shared.somebody_answers(name).await {
                    Ok(false) => return AskError::NoResponder(name.to_owned()),
                    // It may fall silent while we wait.
                    Ok(true) => tokio::time::sleep(LASTS).await,
                    Err(error) => return AskError::Engine(error),
                }
            }
        };
        tokio::select! {
            biased;
            // The sender is dropped with the guard above only.
            Ok(answer) = answered => Ok(answer),
            error = nobody => Err(error),
        }
    }
}

// === impl Waiting ===

impl Waiting {
    fn askers(&self) -> MutexGuard<'_, HashMap<CompactString, oneshot::Sender<Response<Box<RawValue>>>>> {
        // A panic elsewhere leaves it whole: every change is one call.
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(
        &self,
        correlation: CompactString,
        answer: oneshot::Sender<Response<Box<RawValue>>>,
    ) -> Asking<'_> {
        self.askers().insert(correlation.clone(), answer);
        Asking {
            waiting: self,
            correlation,
        }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.askers().len()
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.waiting.askers().remove(&self.correlation);
    }
}

/// Hands each answer to who asked for it. What nobody waits for came too late, or is not ours.
async fn hear(waiting: Arc<Waiting>, mut answers: Subscription) {
    while let Some(heard) = answers.next().await {
        let Heard::Said(Said { text, .. }) = heard else {
            continue;
        };
        let Ok(answer) = serde_json::from_str::<Response<Box<RawValue>>>(&text) else {
            metrics::counter!("lockdown_bus_answers_ignored_total", "why" => "unreadable").increment(1);
            continue;
        };
        let asker = waiting.askers().remove(answer.correlation_id.as_str());
        match asker {
            // Who asked may go in this very moment.
            Some(asker) => drop(asker.send(answer)),
            None => {
                metrics::counter!("lockdown_bus_answers_ignored_total", "why" => "nobody waits").increment(1);
            }
        }
    }
}
