//! Answering.

use super::{BOARD, HEARTBEAT, LASTS, Requests, Shared, channel, ticket};
use crate::engine::{EngineError, Standing};
use crate::live::{Heard, ListenOptions, Said, SubscribeError, Subscription};
use compact_str::CompactString;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lockdown_events::{CorrelationId, Request, RequestError, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Questions answered at the same time, by each responder.
const AT_ONCE: usize = 64;
/// For how long a question that was taken is known to be taken.
const TAKEN: Duration = Duration::from_secs(300);

/// A question, as its responder is given it.
#[derive(Debug)]
pub struct Asked<T> {
    pub correlation_id: CorrelationId,
    pub data: T,
}

/// As long as it is held, this process answers.
pub struct Answering {
    here: Here,
    stop: DropGuard,
    answering: TaskTracker,
}

/// As long as it is held, those who ask in this process know that it answers.
struct Here {
    shared: Arc<Shared>,
    name: CompactString,
}

type Answer =
    dyn Fn(Request<Box<RawValue>>) -> BoxFuture<'static, Result<Box<RawValue>, RequestError>> + Send + Sync;

/// What the members of a question may look like without it being one.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Return {
    correlation_id: CorrelationId,
    response_channel: String,
}

// === impl Requests ===

impl Requests {
    /// Answers `request:{name}` from now on, side by side with every other process that does. Returns when questions
    /// are heard.
    pub async fn answer<T, R, F, Fut>(&self, name: &str, handler: F) -> Result<Answering, SubscribeError>
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(Asked<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, RequestError>> + Send + 'static,
    {
        self.answer_by(name, handler, false).await
    }

    /// As [`Requests::answer`], for a handler that only looks: it begins at once, and its answer is told by whichever
    /// process the question belongs to. Several of them may look for one question.
    pub async fn answer_looking<T, R, F, Fut>(
        &self,
        name: &str,
        handler: F,
    ) -> Result<Answering, SubscribeError>
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(Asked<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, RequestError>> + Send + 'static,
    {
        self.answer_by(name, handler, true).await
    }

    async fn answer_by<T, R, F, Fut>(
        &self,
        name: &str,
        handler: F,
        looks: bool,
    ) -> Result<Answering, SubscribeError>
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(Asked<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, RequestError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let answer: Arc<Answer> = Arc::new(move |request| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let data = serde_json::from_str(request.data.get())
                    .map_err(|error| refusal("malformed", format!("the question's data: {error}")))?;
                let asked = Asked {
                    correlation_id: request.correlation_id,
                    data,
                };
                let answer = handler(asked).await?;
                to_raw_value(&answer).map_err(|error| {
                    tracing::error!("An answer cannot be put on the wire: {error}");
                    refusal("internal", "the answer cannot be put on the wire")
                })
            })
        });
        let questions = self
            .shared
            .hub
            .subscribe(&[&channel(name)], &ListenOptions::default())
            .await?;
        let stop = CancellationToken::new();
        let answering = TaskTracker::new();
        answering.spawn(
            stop.clone()
                .run_until_cancelled_owned(stay_known(Arc::clone(&self.shared), name.to_owned())),
        );
        if let Err(error) = self.shared.post(name).await {
            tracing::warn!("Could not say that request:{name} is answered here: {error}");
        }
        let tasks = answering.clone();
        answering.spawn(stop.clone().run_until_cancelled_owned(hear(
            Arc::clone(&self.shared),
            questions,
            (answer, looks),
            tasks,
        )));
        Ok(Answering {
            here: Here::new(&self.shared, name),
            stop: stop.drop_guard(),
            answering,
        })
    }

    /// How many of this process's questions wait for their answers.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.count()
    }
}

// === impl Answering ===

impl Answering {
    /// Takes no more questions, and returns when those in hand are answered.
    pub async fn stop(self) {
        let Self {
            here,
            stop,
            answering,
        } = self;
        drop(stop);
        let (shared, name) = (Arc::clone(&here.shared), here.name.clone());
        drop(here);
        if let Err(error) = shared.speaker.engine.unpost(BOARD, &shared.item(&name)).await {
            tracing::debug!("Could not say that request:{name} is no longer answered here: {error}");
        }
        answering.close();
        answering.wait().await;
    }
}

// === impl Here ===

impl Here {
    fn new(shared: &Arc<Shared>, name: &str) -> Self {
        shared.here().push(name.into());
        Self {
            shared: Arc::clone(shared),
            name: name.into(),
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let mut here = self.shared.here();
        if let Some(at) = here.iter().position(|here| *here == self.name) {
            here.swap_remove(at);
        }
    }
}

// === impl Shared ===

impl Shared {
    fn item(&self, name: &str) -> String {
        format!("{name}/{}", self.process)
    }

    async fn post(&self, name: &str) -> Result<bool, EngineError> {
        self.speaker.engine.post(BOARD, &self.item(name), "", LASTS).await
    }

    /// Whether the question is ours to answer.
    async fn take(&self, request: &Request<Box<RawValue>>) -> Result<bool, EngineError> {
        let taken = format!("taken by {}", self.process);
        let own = ticket(request.correlation_id.as_str(), &request.response_channel);
        let (mark, standing) = match &request.ticket {
            Some(ticket) => (ticket, Standing::Is("open")),
            None => (&own, Standing::Absent),
        };
        let stands = self.speaker.engine.mark(mark, &taken, TAKEN, standing).await?;
        Ok(stands.is_none())
    }

    async fn respond(&self, channel: &str, response: &Response<Box<RawValue>>) {
        let text = serde_json::to_string(response).expect("raw JSON and texts are JSON");
        if let Err(error) = self.speaker.engine.say(channel, &text).await {
            tracing::warn!("Could not answer a question: {error}");
        }
    }
}

async fn stay_known(shared: Arc<Shared>, name: String) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if let Err(error) = shared.post(&name).await {
            tracing::debug!("Could not say that request:{name} is answered here: {error}");
        }
    }
}

async fn hear(
    shared: Arc<Shared>,
    mut questions: Subscription,
    (answer, looks): (Arc<Answer>, bool),
    tasks: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(heard) = questions.next().await {
        let Heard::Said(Said { text, .. }) = heard else {
            continue;
        };
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
        tasks.spawn(async move {
            answer_one(&shared, &text, &*answer, looks).await;
            drop(place);
        });
    }
}

async fn answer_one(shared: &Shared, text: &str, answer: &Answer, looks: bool) {
    let request = match serde_json::from_str::<Request<Box<RawValue>>>(text) {
        Ok(request) => request,
        Err(error) => return refuse_malformed(shared, text, &error).await,
    };
    if !may_answer_on(&request.response_channel) {
        return ignored("not a response channel");
    }
    let (correlation_id, response_channel) =
        (request.correlation_id.clone(), request.response_channel.clone());
    let taking = shared.take(&request);
    let handling = handled(answer, &request);
    let (taken, outcome) = if looks {
        let (taken, outcome) = tokio::join!(taking, handling);
        (taken, Some(outcome))
    } else {
        match taking.await {
            Ok(true) => (Ok(true), Some(handling.await)),
            other => (other, None),
        }
    };
    let outcome = match (taken, outcome) {
        (Ok(true), Some(outcome)) => outcome,
        (Ok(_), _) => return,
        (Err(error), _) => {
            tracing::warn!("Could not take a question: {error}");
            return;
        }
    };
    let (data, error) = match outcome {
        Ok(data) => (Some(data), None),
        Err(error) => (None, Some(error)),
    };
    let response = Response {
        correlation_id,
        data,
        error,
    };
    shared.respond(&response_channel, &response).await;
}

async fn handled(answer: &Answer, request: &Request<Box<RawValue>>) -> Result<Box<RawValue>, RequestError> {
    let span = tracing::info_span!("bus.answer", correlation.id = %request.correlation_id);
    let handling = async { answer(request.clone()).await };
    AssertUnwindSafe(handling.instrument(span))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(refusal("internal", "the question could not be answered")))
}

/// Says what is wrong with a question, where it at least tells whom to say it to. Everybody who hears it may: an answer
/// is taken once.
async fn refuse_malformed(shared: &Shared, text: &str, error: &serde_json::Error) {
    match serde_json::from_str::<Return>(text) {
        Ok(back) if may_answer_on(&back.response_channel) => {
            let response = Response {
                correlation_id: back.correlation_id,
                data: None,
                error: Some(refusal("malformed", error.to_string())),
            };
            shared.respond(&back.response_channel, &response).await;
        }
        _ => ignored("unreadable"),
    }
}

/// Not on a channel of events: an answer must not pass for one.
fn may_answer_on(channel: &str) -> bool {
    channel.starts_with("response:") && channel.len() <= 256
}

fn ignored(why: &'static str) {
    metrics::counter!("lockdown_bus_questions_ignored_total", "why" => why).increment(1);
}

fn refusal(code: &str, message: impl Into<String>) -> RequestError {
    RequestError {
        code: code.to_owned(),
        message: message.into(),
    }
}
