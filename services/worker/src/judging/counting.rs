//! What rules count, by all workers together: the bus keeps it, each event once.

use lockdown_bus::{Bus, EngineError, Tally};
use lockdown_policy::counter::{Answer, Ask, Counted, window};
use std::time::Duration;

/// For so long after a window's end a count is kept: as long as a worker may be away before it goes on with what it had.
const AWAY: Duration = Duration::from_secs(120);

pub(super) struct Counting {
    bus: Bus,
}

// === impl Counting ===

impl Counting {
    pub(super) fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Notes the event wherever it is asked for, and tells what stands there with it, in one round trip.
    pub(super) async fn count(&self, asks: &[Ask]) -> Result<Vec<Answer>, EngineError> {
        let things: Vec<Tally> = asks.iter().map(thing).collect();
        let stands = self.bus.engine().tally(&things).await?;
        let answers = asks.iter().zip(stands).map(|(ask, stands)| {
            let noted: Vec<_> = stands
                .into_iter()
                .filter_map(|thing| Some((thing.at, Counted::of_text(&thing.text)?)))
                .collect();
            window(&noted, ask.within)
        });
        Ok(answers.collect())
    }
}

fn thing(ask: &Ask) -> Tally {
    let within = Duration::from_millis(u64::try_from(ask.within).unwrap_or(0));
    let name = ask.key.0.iter().map(|byte| format!("{byte:02x}")).collect();
    Tally {
        name,
        text: ask.event.to_text(),
        at: ask.at,
        within,
        lasts: within.saturating_add(AWAY),
    }
}
