//! Judges events: facts and counters in, a verdict out, and on request its explanation.
//!
//! Conditions are asked cheapest first, and counters only for rules whose conditions hold, all of them at once.

mod explain;
mod judge;
mod plan;
mod verdict;

pub use explain::{ActTrace, ConditionTrace, CounterTrace, Explanation, LadderTrace, RuleTrace, Seen};
pub use judge::Judge;
pub use plan::{By, Planned};
pub use verdict::{Hit, Outcome, Reached, Verdict};
