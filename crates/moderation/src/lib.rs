//! What happens to whom, and when: durations, and the reasons people give.

mod duration;
mod reason;
mod who;

pub use duration::{Span, SpanError, Term, TermError};
pub use reason::{Reason, ReasonError};
pub use who::{Actor, CaseNumber, GuildRef, UserRef};
