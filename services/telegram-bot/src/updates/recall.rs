//! What a process before this one had seen: read again from the bus, so that a restart forgets neither who has which
//! username nor how old messages are.

use super::Intake;
use chrono::TimeDelta;
use lockdown_bus::{EngineError, Glob, Query};
use lockdown_events::{Envelope, Platform};
use lockdown_runtime::chain;

/// As far back as the age of a message matters.
const BACK: TimeDelta = TimeDelta::hours(49);
const PAGE: usize = 1_000;
/// Where much is said, this much is soon seen again anyway.
const PAGES: usize = 50;

// === impl Intake ===

impl Intake {
    /// Remembers what lies in the bus. What cannot be read is not missed for long.
    pub(super) async fn recall(&self) {
        match self.look_back().await {
            Ok(events) => tracing::debug!(events, "Remembered what was seen before"),
            Err(error) => tracing::warn!("Could not look back at what was seen: {}", chain(&error)),
        }
    }

    async fn look_back(&self) -> Result<usize, EngineError> {
        let query = Query {
            from: Some(self.clock.now() - BACK),
            types: vec![Glob::new("user:joined"), Glob::new("message:created")],
            ..Query::default()
        };
        let (mut after, mut seen) = (None, 0);
        for _ in 0..PAGES {
            let page = self.bus.history().page(&query, after.as_ref(), PAGE).await?;
            for entry in &page.entries {
                let read = Envelope::decode(&entry.envelope).and_then(|envelope| {
                    let event = envelope.event()?;
                    Ok((event, envelope.timestamp))
                });
                if let Ok((event, at)) = read
                    && event.platform() == Platform::Telegram
                {
                    self.memory.note(&event, at, &self.client);
                    seen += 1;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(seen)
    }
}
