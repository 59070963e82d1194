//! What happens to whom, and when: sanctions and cases, authority, escalation, durations.

mod authority;
mod case;
mod decide;
mod duration;
mod platform;
mod reason;
mod sanction;
mod standing;
mod who;
mod wish;

pub use authority::{
    Authorized, Deed, Denied, Doer, Grant, Guarded, Rank, Right, Rights, Scene, Subject, Why,
};
pub use case::{Amendment, Case, CaseState, Change, Edit, EditError, Edited, Lift, MoveError, fail};
pub use decide::{Ending, Follows, Moot, Refusal, decide};
pub use duration::{Span, SpanError, Term, TermError};
pub use platform::{
    DeleteWindowError, Deleted, Fault, Limits, MassBan, Member, Missing, Platform, PlatformError, Stretch,
    Timer,
};
pub use reason::{Reason, ReasonError};
pub use sanction::{Effect, Lasting, Profile};
pub use standing::{Decided, Lane, Sanction, Standing, TwoInForce, Warning};
pub use who::{Actor, CaseNumber, GuildRef, UserRef};
pub use wish::Wish;
