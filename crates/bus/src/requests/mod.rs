//! Questions and answers over the live channels, between processes of ours and with any Redis client.
//!
//! A question is said on `request:{name}` and its answer on the channel that the question names. Of several who could
//! answer, one does: whoever takes the question's ticket, a mark that ends with the asker's patience, so that nobody
//! acts for an asker who has gone. A plain client's question has no ticket; who marks it first answers.
//! Who can answer what stands on a board, so that a question that nobody will answer fails at once. Who does in the
//! asker's own process needs no board, and no clock: a machine that slept finds itself there.

mod answer;
mod ask;

pub use answer::{Answering, Asked};
pub use ask::AskError;

use crate::engine::EngineError;
use crate::live::Hub;
use crate::speaker::Speaker;
use ask::Waiting;
use compact_str::CompactString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who answers what, as `name/process`.
const BOARD: &str = "responders";
/// How long a responder is believed to be there without a word, and how often it says one.
const LASTS: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Asks and answers. Cheap to clone.
#[derive(Clone)]
pub struct Requests {
    shared: Arc<Shared>,
}

struct Shared {
    speaker: Speaker,
    hub: Hub,
    /// This process among all, for its response channel and its place on the board.
    process: CompactString,
    waiting: Arc<Waiting>,
    /// What is answered in this process, each as often as it is.
    here: Mutex<Vec<CompactString>>,
}

// === impl Requests ===

impl Requests {
    pub(crate) fn new(speaker: Speaker, hub: Hub, process: &str) -> Self {
        let shared = Shared {
            speaker,
            hub,
            process: process.into(),
            waiting: Arc::default(),
            here: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Whether anybody answers these questions.
    async fn somebody_answers(&self, name: &str) -> Result<bool, EngineError> {
        if self.here().iter().any(|here| here == name) {
            return Ok(true);
        }
        let posted = self.speaker.engine.posted(BOARD, 10_000).await?;
        Ok(posted.iter().any(|posted| {
            let answers = posted
                .item
                .split_once('/')
                .is_some_and(|(answered, _)| answered == name);
            answers && !posted.due_in.is_zero()
        }))
    }

    fn here(&self) -> MutexGuard<'_, Vec<CompactString>> {
        // A panic elsewhere leaves it whole: every change is one call.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn channel(name: &str) -> CompactString {
    compact_str::format_compact!("request:{name}")
}

/// The mark by which one of those who could answer does.
fn ticket(correlation: &str, response_channel: &str) -> String {
    format!("request/{response_channel}/{correlation}")
}
