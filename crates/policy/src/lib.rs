//! Rules and detectors: an event and what is known about it go in, a verdict with its explanation comes out.
//!
//! Pure: no clock, no network, no database, so that what was judged once can be judged again.
//!
//! A [`Source`] is checked by [`check`] against the [`catalogue`] and the community's [`Surroundings`]; what is wrong are
//! [`Diagnostic`]s, what is right is an immutable [`RuleSet`]. A [`Judge`] asks it about [`Facts`], with [`counter`]s behind
//! a trait, and explains itself. [`Replay`] does the same for what is over.
//!
//! A file that people wrote is changed in parts by [`amend`], and written anew by [`format()`]. [`native()`] says what of it a
//! platform's own filter can do as well.
//!
//! - A new feature, action or counter key: a row in `catalogue/`, whoever knows its value in `facts/`.
//! - A new key of the language: a row in `document/shape.rs`, its reader beside it.
//! - A new fault or lint: a code in `diagnostic/code.rs`, found in `document/` or `compile/`.
//! - A case that the language must get right: a file in `tests/cases/`.

mod accounts;
pub mod amend;
pub mod catalogue;
mod compile;
pub mod counter;
pub mod detect;
mod diagnostic;
mod document;
mod duration;
mod evaluate;
mod event;
mod expression;
mod facts;
mod format;
mod native;
mod preset;
mod replay;
mod source;
pub mod text;

pub use accounts::Accounts;
pub use compile::{Checked, Exemption, RuleSet, SharedList, Surroundings, check};
pub use diagnostic::{Code, Diagnostic, MOST, Severity, render};
pub use document::{Across, Act, AtLimit, Limit, Mode, schema};
pub use duration::{Millis, show as show_duration};
pub use evaluate::{
    ActTrace, By, ConditionTrace, CounterTrace, Explanation, Hit, Judge, LadderTrace, Outcome, Planned,
    Reached, RuleTrace, Seen, Verdict,
};
pub use event::{EventKind, Events};
pub use facts::{Facts, Lately, Learned, Record};
pub use format::format;
pub use native::{Native, NotNative, Signs, native};
pub use preset::{PRESETS, Preset};
pub use replay::{Difference, Judged, Precision, Recorded, Replay, Report, RuleReport};
pub use source::{At, Place, Source, Span};
