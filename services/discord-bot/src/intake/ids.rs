//! Ids of events, made of what Discord calls the thing: the same thing has the same id whoever reads it, and whenever.

use chrono::{DateTime, Utc};
use lockdown_events::EventId;

/// The id of the event of this name that happened then.
pub(super) fn event_id(at: DateTime<Utc>, name: &str) -> EventId {
    EventId::observed(at, &["discord", name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_id() {
        let at = "2026-11-20T09:06:00.123Z".parse().unwrap();
        let id = event_id(at, "message/1176523342000000001");
        // Pinned: another value would let a release publish once more what the one before it published.
        assert_eq!(id.to_string(), "01a1f834-9d3b-8074-acad-1fe5b140eb53");
        assert_ne!(id, event_id(at, "message/1176523342000000002"));
    }
}
