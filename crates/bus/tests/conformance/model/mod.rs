//! Random histories, held against a small model of what an engine promises.
//!
//! A history is made from its seed alone. Every answer of the engine must be one that the model allows; at the end
//! everything is settled, and what was appended must be acked, dead or trimmed, in each group, with nothing left.
//! A seed that fails is printed with what was done; `LOCKDOWN_MODEL_SEEDS=<seed>`, or `<from>..<until>`, runs it again.

mod history;
mod reference;
mod whole;

use super::Fixture;
use futures_util::{FutureExt as _, StreamExt as _};
use history::History;
use std::ops::Range;
use std::panic::AssertUnwindSafe;

const SEEDS: &str = "LOCKDOWN_MODEL_SEEDS";

/// How an engine is followed.
pub(crate) struct Course {
    /// How many histories, unless the environment says which.
    pub(crate) seeds: u64,
    pub(crate) side_by_side: usize,
    /// The smallest read of which the engine keeps nothing back for the consumer's next.
    pub(crate) least_read: usize,
}

pub(crate) async fn follow<F: Fixture>(make: impl Fn() -> F, course: Course) {
    let seeds = asked_for().unwrap_or(0..course.seeds);
    let (count, first) = (seeds.end - seeds.start, seeds.start);
    let failed: Vec<u64> = futures_util::stream::iter(seeds)
        .map(|seed| {
            let fixture = make();
            async move {
                let mut history = History::new(seed, &fixture, course.least_read);
                let outcome = AssertUnwindSafe(history.run()).catch_unwind().await;
                if outcome.is_err() {
                    println!("seed {seed} failed: {SEEDS}={seed} runs it alone. What was done:");
                    for line in history.told() {
                        println!("  {line}");
                    }
                }
                let done = seed - first + 1;
                if done.is_multiple_of(500) {
                    println!("{done} of {count}");
                }
                outcome.err().map(|_| seed)
            }
        })
        .buffer_unordered(course.side_by_side)
        .filter_map(async |failed| failed)
        .collect()
        .await;
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "which seeds to run is no configuration of LOCKDOWN"
)]
fn asked_for() -> Option<Range<u64>> {
    let text = std::env::var(SEEDS).ok()?;
    let number = |text: &str| text.parse().expect("a seed is a number");
    Some(match text.split_once("..") {
        Some((from, until)) => number(from)..number(until),
        None => number(&text)..number(&text) + 1,
    })
}
