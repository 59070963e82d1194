//! The last events that this process heard of, for the status page. Messages are not among them: there are too many, and they
//! hold what people wrote. Nor are the entries of the audit, which repeat the others.

use chrono::{DateTime, Utc};
use lockdown_bus::{Bus, Heard, ListenOptions};
use lockdown_events::{GuildId, Platform};
use lockdown_runtime::{Shutdown, chain};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many are kept, of all guilds.
const KEPT: usize = 200;
/// What is shown of an event has no more letters.
const LONGEST: usize = 64;
const REST: Duration = Duration::from_secs(5);
const HEARD: &[&str] = &[
    "moderation:*",
    "ban:*",
    "kick:*",
    "mute:*",
    "warning:*",
    "note:*",
    "user:*",
    "guild:*",
];

/// What is shown of an event: nothing that anybody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(crate) at: DateTime<Utc>,
    pub(crate) event_type: String,
    pub(crate) source: String,
    /// Absent: of no guild.
    pub(crate) guild: Option<(Platform, GuildId)>,
    pub(crate) case: Option<u64>,
}

/// The newest first. Cheap to clone; the clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    events: Arc<Mutex<VecDeque<Recent>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Where {
    platform: Option<Platform>,
    guild_id: Option<GuildId>,
    case_number: Option<u64>,
}

// === impl Board ===

impl Board {
    /// Those that may be shown, at most `most`.
    pub(crate) fn newest(&self, most: usize, may: impl Fn(&Recent) -> bool) -> Vec<Recent> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events
            .iter()
            .filter(|event| may(event))
            .take(most)
            .cloned()
            .collect()
    }

    fn note(&self, event: Recent) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_front(event);
        events.truncate(KEPT);
    }

    /// Listens until the process stops.
    pub(crate) async fn listen(self, bus: Bus, stopping: Shutdown) {
        let options = ListenOptions::default();
        loop {
            let heard = tokio::select! {
                () = stopping.soft() => return,
                heard = bus.live().subscribe(HEARD, &options) => heard,
            };
            match heard {
                Ok(mut heard) => loop {
                    let said = tokio::select! {
                        () = stopping.soft() => return,
                        said = heard.next() => said,
                    };
                    match said {
                        Some(Heard::Said(said)) => {
                            if let Ok(envelope) = said.envelope() {
                                self.note(Recent::of(&envelope));
                            }
                        }
                        // Whoever looks at a page of the last few does not miss those.
                        Some(Heard::Missed { .. }) => {}
                        None => break,
                    }
                },
                Err(error) => tracing::debug!("The status page hears no events yet: {}", chain(&error)),
            }
            tokio::select! {
                () = stopping.soft() => return,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }
}

// === impl Recent ===

impl Recent {
    fn of(envelope: &lockdown_events::Envelope) -> Self {
        let place: Option<Where> = serde_json::from_str(envelope.data().get()).ok();
        let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let platform = place
            .as_ref()
            .and_then(|place| place.platform)
            .unwrap_or(Platform::Discord);
        Self {
            at: envelope.timestamp,
            event_type: short(envelope.event_type()),
            source: short(&envelope.source.to_string()),
            case: place.as_ref().and_then(|place| place.case_number),
            guild: place
                .and_then(|place| place.guild_id)
                .map(|guild| (platform, guild)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_shown_to_whom_they_may_be() {
        let board = Board::default();
        for number in 0..KEPT as u64 + 5 {
            board.note(Recent {
                at: DateTime::UNIX_EPOCH,
                event_type: "ban:created".into(),
                source: "backend".into(),
                guild: None,
                case: Some(number),
            });
        }
        let shown = board.newest(3, |event| event.case.is_some_and(|case| case % 2 == 0));
        let cases: Vec<_> = shown.iter().filter_map(|event| event.case).collect();
        assert_eq!(cases, [204, 202, 200]);
        assert_eq!(board.newest(usize::MAX, |_| true).len(), KEPT);
    }
}
