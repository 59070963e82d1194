//! Saying things on the live-only channels.

use crate::engine::{Engine, EngineError};
use lockdown_events::{EncodeError, Envelope, EventId, Live, Source};
use lockdown_runtime::{Clock, Ids};
use std::sync::Arc;

/// Whoever speaks, and what it needs for that. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Speaker {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) source: Source,
}

/// Why something was not said.
#[derive(Debug, thiserror::Error)]
pub enum SayError {
    #[error("it cannot be put on the wire")]
    Encode(#[source] EncodeError),
    #[error("the bus did not take it")]
    Engine(#[source] EngineError),
}

// === impl Speaker ===

impl Speaker {
    /// Returns how many listeners were reached.
    pub(crate) async fn say(&self, live: &Live) -> Result<u64, SayError> {
        let envelope = Envelope::new_live(
            EventId(self.ids.next()),
            self.clock.now(),
            self.source.clone(),
            live,
        )
        .map_err(SayError::Encode)?;
        self.engine
            .say(&live.channel(), &envelope.encode())
            .await
            .map_err(SayError::Engine)
    }
}
