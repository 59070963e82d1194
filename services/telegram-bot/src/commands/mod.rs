//! Commands of moderators. Those about people become wishes, which the backend decides as it decides all others; what is
//! said of them is what came of them.
//!
//! - `deed.rs`: what can be commanded, `table.rs`: by which words; `parse.rs` reads a message.
//! - `sanction.rs`, `warnings.rs`, `ladder.rs`, `promote.rs`, `clean.rs`, `look.rs`, `spam.rs`, `topic.rs`: what is done to
//!   people, messages and topics; `confirm.rs`: administrators who hide.
//! - `choose.rs`, `switch.rs`, `listed.rs`, `filter.rs`, `transfer.rs`: what a community chooses.
//! - `rulebook.rs`: the community's rules, which `locks.rs`, `blocklist.rs`, `flood.rs`, `approve.rs`, `raid.rs` and
//!   `banlists.rs` change.
//! - `federation/`: bans that groups of several owners share.
//! - `overhear.rs`: what is no command; `alone.rs`: what is said to the bot alone.

mod alone;
mod approve;
mod banlists;
mod blocklist;
mod choose;
mod clean;
mod confirm;
mod deed;
mod federation;
mod filter;
mod flood;
mod ladder;
mod listed;
mod locks;
mod look;
mod no;
mod overhear;
mod parse;
mod promote;
mod raid;
mod rulebook;
mod sanction;
mod spam;
mod switch;
mod table;
mod topic;
mod transfer;
mod warnings;
mod why;

use crate::administrators::Administrators;
use crate::ask::Asking;
use crate::client::Client;
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
use lockdown_moderation::{Rank, Right};
use lockdown_runtime::{Clock, chain};
use no::{No, Stop};
use parse::{Command, parse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use teloxide::prelude::Requester;
use tokio::sync::{OnceCell, Semaphore};

/// The group by which the bot's processes share commands.
const GROUP: &str = "telegram-bot.commands";
/// How long an answer stands: what was refused is read and then in the way, and so is what somebody looked up; what was
/// done to people is of interest for longer.
const REFUSAL_STAYS: Duration = Duration::from_secs(20);
const LOOK_STAYS: Duration = Duration::from_secs(60);
const OUTCOME_STAYS: Duration = Duration::from_secs(600);
/// How many may write to the bot alone at the same time.
pub(crate) const ALONE: usize = 64;

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
    /// Turns of those who write to the bot alone.
    pub(crate) alone: Semaphore,
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

// === impl Commands ===

impl Commands {
    /// Does what is commanded until the bus is closed.
    pub(crate) async fn start(self: Arc<Self>) -> anyhow::Result<()> {
        let (bus, this) = (self.bus.clone(), self);
        let pressing = Arc::clone(&this);
        let pressed = Handler::new("pressed", ["button:pressed"], move |received| {
            let this = Arc::clone(&pressing);
            async move { this.pressed(&received).await }
        });
        let sighting = Arc::clone(&this);
        let sighted = Handler::new("sighted", ["ban:created"], move |received| {
            let this = Arc::clone(&sighting);
            async move { this.sighted(&received).await }
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
            vec![handler, pressed, sighted],
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
            return self.overhear(message, &received.envelope).await;
        };
        if let Some(to) = addressed.to
            && !self.is_us(to).await?
        {
            return self.overhear(message, &received.envelope).await;
        }
        let said = Said::new(message, &received.envelope);
        if addressed.bare && !self.counts(&said, &addressed.command).await? {
            return self.overhear(message, &received.envelope).await;
        }
        let command = addressed.command.map_err(No::from);
        self.once(said.event, &said, || self.begin(&said, command)).await
    }

    /// Whether a word of its own is a command: whoever may not give it only says it.
    async fn counts(
        &self,
        said: &Said,
        command: &Result<Command, parse::Fault>,
    ) -> Result<bool, HandlerError> {
        let message = &said.message;
        let Ok(command) = command else {
            return Ok(false);
        };
        if message.author.kind == AuthorKind::AnonymousAdmin {
            return Ok(true);
        }
        let may = self.may(&message.guild_id, &message.author_id, command.deed.needs());
        match may.await {
            Ok(()) => Ok(true),
            Err(Stop::No(_)) => Ok(false),
            Err(Stop::Again(words)) => Err(HandlerError::Again(words)),
        }
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
            let command = command?;
            if self.is_disabled(said, command.deed).await? {
                return Ok(());
            }
            return self.run(said, &command).await;
        }
        if message.author.kind == AuthorKind::AnonymousAdmin {
            return self.ask_who(said).await;
        }
        self.may(&message.guild_id, &message.author_id, needs).await?;
        self.run(said, &command?).await
    }

    async fn run(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let moved = self.moved(said)?;
        let said = moved.as_ref().unwrap_or(said);
        if moved.is_some() && !command.deed.works_alone() {
            return Err(No::Moved.into());
        }
        self.obey(said, command).await?;
        if command.silent || self.cleans_commands_of(&said.message).await? {
            self.remove(&said.message);
        }
        Ok(())
    }

    async fn obey(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        match command.deed {
            Deed::Act(action) => self.act(said, command, action).await?,
            Deed::KickMe => self.kick_me(said, command).await?,
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
            Deed::Switch(what) => self.switch(said, command, what).await?,
            Deed::Listed(what, how) => self.list(said, command, what, how).await?,
            Deed::Ladder(what) => self.ladder(said, command, what).await?,
            Deed::Promote => self.promote(said, command).await?,
            Deed::Demote => self.demote(said, command).await?,
            Deed::Topic(what) => self.topic(said, command, what).await?,
            Deed::Connect(what) => self.connect_here(said, what).await?,
            Deed::Transfer(what) => self.transfer(said, command, what).await?,
            Deed::ForgiveAll => self.forgive_all(said, command).await?,
            Deed::Why => self.why(said).await?,
            Deed::Overview => self.overview(said).await?,
            Deed::Refresh => self.refresh(said).await?,
            Deed::Privacy => self.privacy(said).await,
            Deed::Federation(what) => self.federation_here(said, command, what).await?,
        }
        Ok(())
    }

    /// A command as it is where its group lives now, if it moved since: what it answers stayed behind.
    fn moved(&self, said: &Said) -> Result<Option<Said>, Stop> {
        let guild = &said.message.guild_id;
        let now = self.client.chat(guild)?.0.to_string();
        if now == guild.as_str() {
            return Ok(None);
        }
        let mut moved = said.clone();
        moved.message.guild_id = GuildId::new(&now).expect("a number is an id");
        (moved.message.reply_to, moved.message.reply_author_id) = (None, None);
        Ok(Some(moved))
    }

    /// Takes a command away, where it was given.
    fn remove(&self, message: &Message) {
        self.sweeper.delete_unasked(&place(message), &message.message_id);
    }

    /// Puts on record what was done that is nobody's case, once for each command.
    async fn did(&self, said: &Said, deed: &str, count: u64) -> Result<(), Stop> {
        self.did_to(said, deed, count, None).await
    }

    async fn did_to(&self, said: &Said, deed: &str, count: u64, whom: Option<&UserId>) -> Result<(), Stop> {
        let deed = ModerationDeed {
            moderator_id: Some(said.message.author_id.clone()),
            channel_id: (!is_alone(&said.message)).then(|| said.message.channel_id.clone()),
            count: Some(count),
            user_id: whom.cloned(),
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
        if needs == Needs::Known {
            return Ok(());
        }
        let staff = self.administrators.of(guild).await?;
        let id: i64 = user.as_str().parse().unwrap_or_default();
        let may = match (needs, staff.ranks.get(&id)) {
            (_, None) => return Err(No::NotStaff.into()),
            (Needs::Nothing | Needs::Known, _) | (_, Some(Rank::Owner)) => true,
            (Needs::Right(right), Some(rank)) => rank.rights().has(right),
            (Needs::Pin, Some(_)) => staff.has(id, "can_pin_messages"),
            (Needs::Promote, Some(_)) => staff.has(id, "can_promote_members"),
            (Needs::Topics, Some(_)) => staff.has(id, "can_manage_topics"),
        };
        if may { Ok(()) } else { Err(No::Lacks(needs).into()) }
    }

    /// Says why not.
    async fn refuse(self: &Arc<Self>, message: &Message, no: &No) {
        if no.removes_command() {
            self.remove(message);
            if !self.speaker.settings(&message.guild_id).await.telegram.refusals {
                return;
            }
        }
        let words = no.words(self.speaker.tongue(&message.guild_id).await);
        self.tell_later(message, Line::answer(message, words).staying(REFUSAL_STAYS));
    }

    /// Says something that nobody waits for.
    fn tell_later(self: &Arc<Self>, message: &Message, line: Line) {
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move { this.tell(&message, line).await });
    }

    async fn tell(&self, message: &Message, mut line: Line) {
        if self
            .speaker
            .settings(&message.guild_id)
            .await
            .telegram
            .keep_answers
        {
            line.stays = None;
        }
        if let Err(error) = self.speaker.say(&place(message), &line).await {
            tracing::warn!(guild = %message.guild_id, "Could not answer a command: {error}");
        }
    }
}

/// The chat in which something was said: that of the community, or the one that somebody has with the bot alone.
fn place(message: &Message) -> GuildId {
    GuildId::new(message.channel_id.as_str()).expect("a number is an id")
}

/// Chats with one person have positive numbers.
fn is_alone(message: &Message) -> bool {
    !message.channel_id.as_str().starts_with('-')
}
