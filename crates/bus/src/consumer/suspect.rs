//! Events that come again without an answer: whether they kill the process that handles them.
//!
//! Whoever dies leaves everything in its hand without an answer, what it had begun and what only waited its turn. So an event
//! that comes again is marked when it is begun, and the mark is taken away when it ended, well or badly: only beginnings
//! without an end count against it.

use super::Seat;
use super::runner::Entry;
use crate::engine::Standing;
use std::time::Duration;

/// For so long it is known how often one was begun.
const KNOWN: Duration = Duration::from_secs(24 * 3600);
/// Only another consumer's mark at the same moment needs another try.
const TRIES: usize = 4;

/// An event that was begun, and what stands on its mark.
pub(super) struct Suspect {
    mark: String,
    text: String,
}

// === impl Suspect ===

impl Suspect {
    /// Notes that it is begun; an error tells how often it was before, where that is too often.
    pub(super) async fn begin(seat: &Seat, (position, inbox): Entry) -> Result<Self, u64> {
        let mut suspect = Self {
            mark: format!(
                "begun/{}/{}/{}/{inbox}",
                seat.group.name, position.stream, position.id
            ),
            text: "1".to_owned(),
        };
        let mut before: Option<String> = None;
        for _ in 0..TRIES {
            let standing = before.as_deref().map_or(Standing::Absent, Standing::Is);
            let marked = seat
                .engine
                .mark(&suspect.mark, &suspect.text, KNOWN, standing)
                .await;
            let Ok(Some(stands)) = marked else {
                // Without the bus there is nobody to tell how it ends, either.
                return Ok(suspect);
            };
            // The first time nobody suspected it.
            let begun = stands.parse().unwrap_or(0_u64) + 1;
            if begun + 1 >= seat.options.poison {
                return Err(begun);
            }
            suspect.text = begun.to_string();
            before = Some(stands);
        }
        Ok(suspect)
    }

    /// It ended, and its process lives.
    pub(super) async fn end(self, seat: &Seat) {
        if let Err(error) = seat.engine.unmark(&self.mark, &self.text).await {
            tracing::debug!("Could not note that an event did not kill its process: {error}");
        }
    }
}
