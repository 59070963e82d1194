//! The use cases: what a bot, the API, a rule or a timer asks for becomes a case, or a refusal that says why.
//!
//! Each is one transaction that begins by holding the guild: its row in the store is the lock under which cases are opened,
//! ended and numbered, in whichever process. With the case go its history, the sanctions that it ends and begins, the
//! audit entry, and the events in the outbox. What is refused, and what is so already, writes no row.
//!
//! What the platform knows of those concerned comes through [`Facts`], read last before the decision: a moderator who was
//! demoted after asking is refused.
//!
//! - [`Desk::act`]: a wish or an observation. [`Desk::outcome`]: the platform's answer. [`Desk::expire`]: what is due.
//! - [`Desk::amend`]: a changed reason, end or evidence, or a case declared a mistake.
//! - [`Desk::follow_up`]: what follows from a warning. [`Desk::escalate`]: the step of a ladder that strikes have reached.
//! - [`Desk::act_on_many`]: the same for many people. [`Desk::deed`]: what is nobody's case.
//! - [`Desk::preview_undo`], [`Desk::undo`]: how a person would stand without a case, or without somebody's doings.
//! - [`Desk::review`], [`Desk::rule_reviews`]: whether decisions were right, and how rules do by that.
//! - [`Desk::rules`], [`Desk::rule_changes`], [`Desk::change_rules`]: what a community's rules say and said.
//! - [`Desk::settings`], [`Desk::change_settings`]: what a community chose.
//! - [`Desk::wishes`], [`Desk::set_wishes`]: what a moderator wants to be told of a community.
//! - [`Desk::digest`]: what went on in a community on a day.
//! - [`Desk::mode`], [`Desk::raise_mode`], [`Desk::end_mode`], [`Desk::end_modes`]: communities under attack or closed, and the
//!   end of that.
//! - [`Desk::teach`], [`Desk::lessons`], [`Desk::forget_lessons`], [`Desk::opinion`]: what the classifier of spam learns there.
//! - [`Desk::pause_rule`], [`Desk::paused_rules`], [`Desk::resume_rule`]: a rule that acted too often does nothing for a while.
//! - [`Desk::intended`], [`Desk::settle`]: what the platform has to show, and what it has lost.
//! - [`Desk::cases`], [`Desk::case`], [`Desk::explain`]: pages of cases; one case, its history, and why it stands.
//!
//! To add a use case: a module here with the method, its refusals in `error.rs` with a code each, its tests in `tests/desk/`
//! over both engines.

mod act;
mod amend;
mod ask;
mod deed;
mod digest;
mod error;
mod expire;
mod facts;
mod ladder;
mod lessons;
mod many;
mod modes;
mod outcome;
mod pause;
mod read;
mod reconcile;
mod review;
mod rows;
mod rules;
mod settings;
mod take_back;
mod tell;
mod wishes;

pub use act::Acted;
pub use amend::{AmendAsk, Amended};
pub use ask::Ask;
pub use error::{DeskError, Refused};
pub use expire::Expired;
pub use facts::{Facts, Ranks};
pub use ladder::Escalated;
pub use lessons::{ForgetAsk, Learnt, Lesson, LessonAsk, MOST_LESSONS};
pub use many::Many;
pub use modes::{EndModeAsk, ModeAsk, RaisedMode};
pub use outcome::Answered;
pub use pause::{PauseAsk, RULE_PAUSE, ResumeAsk};
pub use read::{CaseFilter, CaseView, Explanation, HistoryLine, Record};
pub use reconcile::{Intended, Settled};
pub use review::ReviewAsk;
pub use rules::{GoodRules, Ruled, RulesAsk, RulesChange, RulesVersion, Seen};
pub use settings::SettingsAsk;
pub use take_back::{UndoAsk, Undone};

use crate::who::{GuildRef, UserRef};
use error::Stop;
use lockdown_runtime::{Clock, Ids};
use lockdown_store::guilds::Guild;
use lockdown_store::people::IdentityId;
use lockdown_store::{Conn, Store, Tx, in_tx};

/// Where decisions are made and recorded. Cheap to clone; any number of processes have one over the same store.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    clock: Clock,
    ids: Ids,
}

// === impl Desk ===

impl Desk {
    pub fn new(store: Store, clock: Clock, ids: Ids) -> Self {
        Self { store, clock, ids }
    }

    /// By which rows know a person, who gets a row if they were never seen.
    pub async fn identity(&self, who: &UserRef) -> Result<IdentityId, DeskError> {
        let now = self.clock.now();
        Ok(in_tx!(self.store, |tx| {
            Ok::<_, Stop>(rows::seen(tx, self, who, now).await?)
        })?)
    }
}

/// The guild, of which nobody else opens, changes or ends a case until this transaction ends.
async fn held(tx: &mut Tx, guild: &GuildRef) -> Result<Guild, Stop> {
    let held = tx.hold_guild_of(guild.platform, &guild.id).await?;
    held.ok_or_else(|| Refused::UnknownGuild(guild.clone()).into())
}

async fn guild(conn: &mut Conn, guild: &GuildRef) -> Result<Guild, Stop> {
    let found = conn.guild(guild.platform, &guild.id).await?;
    found.ok_or_else(|| Refused::UnknownGuild(guild.clone()).into())
}
