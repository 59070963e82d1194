//! What rules count, and what detectors remember of lately, by all workers together: the bus keeps it, each event once.

use lockdown_bus::{Bus, EngineError, Tally};
use lockdown_policy::counter::{Answer, Ask, Counted, CounterKey, MOST, window};
use lockdown_policy::{Facts, Lately, Millis, RuleSet};
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

    /// Sets what detectors make of what was said and who came lately, as far as these rules ask for it.
    pub(super) async fn remember(&self, facts: &mut Facts, rules: &[&RuleSet]) -> Result<(), EngineError> {
        let lately: Vec<Lately> = facts.lately(rules);
        if lately.is_empty() {
            return Ok(());
        }
        let things: Vec<Tally> = lately
            .iter()
            .map(|lately| {
                tally(
                    lately.key,
                    lately.text.clone(),
                    facts.at,
                    lately.within,
                    lately.most,
                )
            })
            .collect();
        let stands = self.bus.engine().tally(&things).await?;
        for (lately, stands) in lately.iter().zip(stands) {
            let stands: Vec<_> = stands.into_iter().map(|thing| (thing.at, thing.text)).collect();
            facts.add_lately(lately, &stands);
        }
        Ok(())
    }
}

fn thing(ask: &Ask) -> Tally {
    tally(ask.key, ask.event.to_text(), ask.at, ask.within, MOST as usize)
}

fn tally(key: CounterKey, text: String, at: Millis, within: Millis, most: usize) -> Tally {
    let within = Duration::from_millis(u64::try_from(within).unwrap_or(0));
    Tally {
        name: key.0.iter().map(|byte| format!("{byte:02x}")).collect(),
        text,
        at,
        within,
        lasts: within.saturating_add(AWAY),
        most,
    }
}
