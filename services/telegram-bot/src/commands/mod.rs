//! Commands of moderators. Those about people become wishes, which the backend decides as it decides all others; what is
//! said of them is what came of them.
//!
//! - `deed.rs`: the words that are understood; `parse.rs` reads a message.
//! - `sanction.rs`, `warnings.rs`, `clean.rs`, `look.rs`, `choose.rs`,
//!   `locks.rs`, `blocklist.rs`, `flood.rs`, `approve.rs`, `raid.rs`, `filter.rs`, `spam.rs`, `banlists.rs`: what each does; `confirm.rs`: administrators who hide.
//! - `rulebook.rs`: the community's rules, which some of them change.

mod approve;
mod banlists;
mod blocklist;
mod choose;
mod clean;
mod confirm;
mod deed;
mod filter;
mod flood;
mod locks;
mod look;
mod parse;
mod raid;
mod rulebook;
mod sanction;
mod spam;
mod warnings;

use crate::administrators::Administrators;
use crate::ask::{Asking, Unanswered};
use crate::client::{CallError, Client};
use crate::due::Due;
use crate::log::Log;
use crate::platform::Telegram;
use crate::speaker::{Line, Speaker};
use crate::sweeper::Sweeper;
use crate::updates::Memory;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use deed::{Deed, Needs};
pub(crate) use filter::Answered;
use lockdown_bus::{Bus, ConsumerOptions, Did, GroupName, Handler, HandlerError, OnceError, Received, Start};
use lockdown_events::{
    AuthorKind, Envelope, Event, EventId, GuildId, Message, MessageEvent, ModerationDeed, ModerationEvent,
    Platform, Source, UserId,
};
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{Rank, Right};
use lockdown_runtime::{Clock, chain};
use parse::{Command, parse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use teloxide::prelude::Requester;
use tokio::sync::OnceCell;

/// The group by which the bot's processes share commands.
const GROUP: &str = "telegram-bot.commands";
/// How long an answer stands: what was refused is read and then in the way, and so is what somebody looked up; what was
/// done to people is of interest for longer.
const REFUSAL_STAYS: Duration = Duration::from_secs(20);
const LOOK_STAYS: Duration = Duration::from_secs(60);
const OUTCOME_STAYS: Duration = Duration::from_secs(600);

/// Does what moderators command.
pub(crate) struct Commands {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) administrators: Arc<Administrators>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) telegram: Arc<Telegram>,
    pub(crate) speaker: Speaker,
    pub(crate) due: Due,
    pub(crate) asking: Asking,
    pub(crate) log: Arc<Log>,
    pub(crate) answered: Answered,
    /// The bot's own username, once somebody named one.
    pub(crate) username: OnceCell<String>,
}

/// A command as it was said.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Said {
    message: Message,
    event: EventId,
    at: DateTime<Utc>,
}

/// Why a command came to nothing.
#[derive(Debug, Clone)]
enum No {
    NotStaff,
    Lacks(Needs),
    Unknown(String),
    Fault(parse::Fault),
    WhichMessage,
    HowMany,
    MarkFirst,
    ReportsStaff,
    ReportedBefore,
    /// As the backend says it.
    Unanswered(Arc<Unanswered>),
    /// In these words.
    Words(String),
}

// === impl Said ===

impl Said {
    fn new(message: &Message, envelope: &Envelope) -> Self {
        Self {
            message: message.clone(),
            event: envelope.event_id,
            at: envelope.timestamp,
        }
    }
}

// === impl No ===

impl No {
    /// Whether the command itself goes, since it should not have been given.
    fn removes_command(&self) -> bool {
        matches!(self, Self::NotStaff | Self::Lacks(_))
    }

    /// For whoever gave the command.
    fn words(&self, tongue: &Tongue) -> String {
        let key = match self {
            Self::NotStaff => "not_staff",
            Self::Lacks(Needs::Right(Right::Delete)) => "lacks_delete",
            Self::Lacks(Needs::Right(Right::Configure)) => "lacks_configure",
            Self::Lacks(Needs::Pin) => "lacks_pin",
            Self::Lacks(_) => "lacks",
            Self::Unknown(name) => return tongue.say("unknown", &[("name", name)]),
            Self::Fault(fault) => fault.key(),
            Self::WhichMessage => "which_message",
            Self::HowMany => return tongue.say("how_many", &[("most", &clean::MOST)]),
            Self::MarkFirst => "mark_first",
            Self::ReportsStaff => "report_staff",
            Self::ReportedBefore => "reported_before",
            Self::Unanswered(why) => return why.words(tongue),
            Self::Words(words) => return words.clone(),
        };
        tongue.say(key, &[])
    }
}

impl From<parse::Fault> for No {
    fn from(fault: parse::Fault) -> Self {
        Self::Fault(fault)
    }
}

// === impl Commands ===

impl Commands {
    /// Does what is commanded until the bus is closed.
    pub(crate) async fn start(self) -> anyhow::Result<()> {
        let bus = self.bus.clone();
        let this = Arc::new(self);
        let pressing = Arc::clone(&this);
        let pressed = Handler::new("pressed", ["button:pressed"], move |received| {
            let this = Arc::clone(&pressing);
            async move { this.pressed(&received).await }
        });
        let handler = Handler::new("command", ["message:created"], move |received| {
            let this = Arc::clone(&this);
            async move { this.handle(&received).await }
        });
        let group = GroupName::new(GROUP).context("the group has no name")?;
        // What was said before there was anybody to obey is history.
        bus.consume(
            group,
            &Start::Now,
            vec![handler, pressed],
            ConsumerOptions::default(),
        )
        .await
        .context("could not consume commands")
    }

    async fn handle(self: &Arc<Self>, received: &Received) -> Result<(), HandlerError> {
        let Event::Message(MessageEvent::Created(message)) = &received.event else {
            return Ok(());
        };
        if message.platform != Platform::Telegram {
            return Ok(());
        }
        let Some(addressed) = parse(message) else {
            return self.answer(message, &received.envelope).await;
        };
        if let Some(to) = addressed.to
            && !self.is_us(to).await?
        {
            return Ok(());
        }
        let command = addressed.command.map_err(No::from);
        let said = Said::new(message, &received.envelope);
        self.once(said.event, &said, || self.begin(&said, command)).await
    }

    /// Does something for an event once. What is refused is said, and that is the end of it.
    async fn once<F>(
        self: &Arc<Self>,
        event: EventId,
        said: &Said,
        deed: impl FnOnce() -> F,
    ) -> Result<(), HandlerError>
    where
        F: Future<Output = Result<(), Stop>>,
    {
        let running = self.bus.once().run(GROUP, event, |_| async {
            match deed().await {
                Ok(()) => Ok(()),
                Err(Stop::No(no)) => {
                    self.refuse(&said.message, &no).await;
                    Ok(())
                }
                Err(Stop::Again(words)) => Err(words),
            }
        });
        match running.await {
            Ok(Did::Now(()) | Did::Before) => Ok(()),
            Err(OnceError::Effect(words)) => Err(HandlerError::Again(words)),
            Err(error) => Err(HandlerError::Again(chain(&error))),
        }
    }

    /// Whether a command that names a bot names this one.
    async fn is_us(&self, to: &str) -> Result<bool, HandlerError> {
        let own = self.username.get_or_try_init(|| async {
            let me = self.client.bot().get_me().await;
            me.map(|me| me.user.username.unwrap_or_default())
        });
        let own = own
            .await
            .map_err(|error| HandlerError::Again(lockdown_runtime::probe::innermost(&error)))?;
        Ok(to.eq_ignore_ascii_case(own))
    }

    async fn begin(self: &Arc<Self>, said: &Said, command: Result<Command, No>) -> Result<(), Stop> {
        let message = &said.message;
        // What is wrong with a command is told to those who keep order alone.
        let needs = command
            .as_ref()
            .map_or(Needs::Right(Right::Note), |command| command.deed.needs());
        if needs == Needs::Nothing {
            return self.run(said, &command?).await;
        }
        if message.author.kind == AuthorKind::AnonymousAdmin {
            return self.ask_who(said).await;
        }
        self.may(&message.guild_id, &message.author_id, needs).await?;
        self.run(said, &command?).await
    }

    async fn run(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        match command.deed {
            Deed::Act(action) => return self.act(said, command, action).await,
            Deed::KickMe => return self.kick_me(said, command).await,
            Deed::Clean(what) => self.clean(said, command, what).await?,
            Deed::Case => {
                let number = command.number.unwrap_or_default();
                let words = self
                    .asking
                    .case(&said.message.guild_id, number)
                    .await?
                    .explanation;
                self.tell_later(
                    &said.message,
                    Line::answer(&said.message, words).staying(LOOK_STAYS),
                );
            }
            Deed::Pin => {
                self.pin(said).await?;
                self.did(said, "pin", 1).await?;
            }
            Deed::Unpin => self.unpin(said).await?,
            Deed::UnpinAll => self.unpin_all(said).await?,
            Deed::Report => self.report(said).await?,
            Deed::Id => self.ids(said).await,
            Deed::Info => self.info(said, command).await?,
            Deed::Administrators => self.administrators(said).await?,
            Deed::Help => self.help(said).await,
            Deed::Warnings => self.warnings(said, command).await?,
            Deed::Forgive => self.forgive(said, command).await?,
            Deed::Lock(lock) => self.lock(said, command, lock).await?,
            Deed::Blocklist(what) => self.blocklist(said, command, what).await?,
            Deed::Flood(what) => self.flood(said, command, what).await?,
            Deed::Approve(what) => self.approve(said, command, what).await?,
            Deed::Raid(what) => self.raid(said, command, what).await?,
            Deed::Filter(what) => self.filter(said, command, what).await?,
            Deed::Learn(what) => self.learn(said, command, what).await?,
            Deed::BanLists => self.ban_lists(said, command).await?,
            Deed::SetLog => self.set_log(said, command).await?,
            Deed::Choose(what) => self.choose(said, command, what).await?,
        }
        if command.silent {
            let message = &said.message;
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
        }
        Ok(())
    }

    /// Puts on record what was done that is nobody's case, once for each command.
    async fn did(&self, said: &Said, deed: &str, count: u64) -> Result<(), Stop> {
        let deed = ModerationDeed {
            moderator_id: Some(said.message.author_id.clone()),
            channel_id: Some(said.message.channel_id.clone()),
            count: Some(count),
            ..ModerationDeed::new(Platform::Telegram, said.message.guild_id.clone(), deed)
        };
        let (id, now) = (said.event.follow_up("deed"), self.clock.now());
        let event = ModerationEvent::Deed(deed).into();
        let envelope = Envelope::new(id, now, Source::TelegramBot, None, &event)
            .map_err(|error| Stop::Again(chain(&error)))?;
        let published = self.bus.publish_as_it_is(&envelope, true).await;
        published.map(drop).map_err(|error| Stop::Again(chain(&error)))
    }

    /// Whether somebody may command this. The backend decides in the end; this spares it what need not be asked.
    async fn may(&self, guild: &GuildId, user: &UserId, needs: Needs) -> Result<(), Stop> {
        let staff = self.administrators.of(guild).await?;
        let id: i64 = user.as_str().parse().unwrap_or_default();
        let may = match (needs, staff.ranks.get(&id)) {
            (_, None) => return Err(No::NotStaff.into()),
            (Needs::Nothing, _) | (_, Some(Rank::Owner)) => true,
            (Needs::Right(right), Some(rank)) => rank.rights().has(right),
            (Needs::Pin, Some(_)) => {
                let mut keepers = staff.keepers.iter();
                keepers.any(|keeper| keeper.id == id && keeper.may_pin)
            }
        };
        if may { Ok(()) } else { Err(No::Lacks(needs).into()) }
    }

    /// Says why not.
    async fn refuse(self: &Arc<Self>, message: &Message, no: &No) {
        if no.removes_command() {
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
        }
        let words = no.words(self.speaker.tongue(&message.guild_id).await);
        self.tell_later(message, Line::answer(message, words).staying(REFUSAL_STAYS));
    }

    /// Says something that nobody waits for.
    fn tell_later(self: &Arc<Self>, message: &Message, line: Line) {
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move { this.tell(&message, line).await });
    }

    async fn tell(&self, message: &Message, line: Line) {
        if let Err(error) = self.speaker.say(&message.guild_id, &line).await {
            tracing::warn!(guild = %message.guild_id, "Could not answer a command: {error}");
        }
    }
}

/// Why a command goes no further.
enum Stop {
    No(No),
    /// Something is away: it is tried again.
    Again(String),
}

impl From<No> for Stop {
    fn from(no: No) -> Self {
        Self::No(no)
    }
}

impl From<Unanswered> for Stop {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Refused(_) => Self::No(No::Unanswered(Arc::new(why))),
            Unanswered::Away(words) => Self::Again(words),
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Again(chain(&error))
    }
}
