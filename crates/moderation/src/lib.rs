//! What happens to whom, and when: sanctions and cases, authority, escalation, durations, undo.
//!
//! No SQL and no vendor's types. Every decision is a pure function of what is given, times too, so that commands, API,
//! dashboard, rules and timers cannot decide differently; the [`desk`] records them in the store, and the [`hands`] carry them out on the platforms. The way of a decision: a [`Wish`] becomes an
//! [`Authorized`] one by [`Scene::authorize`]; [`decide()`] says what [`Follows`] from it, given how the person
//! [stands](Standing); [`Case::open`] and [`Case::end`] carry that out on the records; the platform's answer is a move of
//! [`CaseState`], or [`fail`].
//!
//! What always holds: a person has at most one ban and one mute in force; the newest decision stands; an expiry ends its
//! own case only; what the platform refused leaves standing what stood before; a refusal says why and changes nothing.
//!
//! - To add a kind of sanction: its word in `lockdown_events::Action`, its row in `sanction.rs`; if it lasts, a variant of
//!   [`Lasting`] there, its lane in `standing.rs` and its [`Timer`] in the limits. The compiler and the tests name the rest.
//! - To add a limit of a platform: a field of [`Limits`] with its unit in the name or the comment, its value for each
//!   platform in `platform/limits.rs`, and the check that reads it beside them.
//! - To add a right: a variant of [`Right`], the presets that hold it, rows in `tests/domain/cases/authority.txt`.

mod archive;
mod authority;
mod case;
mod counts;
mod daytime;
mod decide;
pub mod desk;
pub mod digest;
mod duration;
mod escalation;
pub mod federation;
pub mod hands;
mod named;
pub mod notices;
mod platform;
mod reason;
mod record;
mod sanction;
mod settings;
mod standing;
mod undo;
mod who;
mod wish;
pub mod words;

pub use archive::StoreArchive;
pub use authority::{
    Authorized, Deed, Denied, Doer, Grant, Guarded, Rank, Right, Rights, Scene, Subject, Why,
};
pub use case::{Amendment, Case, CaseState, Change, Edit, EditError, Edited, Lift, MoveError, fail};
pub use daytime::Daytime;
pub use decide::{Ending, Follows, Moot, Refusal, decide};
pub use duration::{Span, SpanError, Term, TermError};
pub use escalation::{Due, Ladder, LadderError, Step, StepKey, Strike};
pub use named::Named;
pub use platform::{
    DeleteWindowError, Deleted, Fault, Keepers, Limits, MassBan, Member, Missing, Platform, PlatformError,
    Stretch, Timer,
};
pub use reason::{Reason, ReasonError};
pub use record::record;
pub use sanction::{Effect, Lasting, Profile};
pub use settings::{
    BadSetting, Captcha, CaptchaLate, CommandsOf, DigestSettings, DiscordSettings, Filter, JoinRequests,
    LadderText, LogCategory, NotificationSettings, Reconcile, ServiceMessage, Settings, SpamAction, StepText,
    TelegramSettings, Zone, zone,
};
pub use standing::{Decided, Lane, Sanction, Standing, TwoInForce, Warning};
pub use undo::{Left, Plan, Reversal, ReversalAct, Scope, plan};
pub use who::{Actor, CaseNumber, GuildRef, UserRef};
pub use wish::Wish;
