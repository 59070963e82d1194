//! The log chat of a community: a line for each decision, which changes as the case does, with buttons that work as long as
//! the message stands. Nobody is called by it.
//!
//! A line is made of what the backend says of the case now, so it does not matter which event asks for it, nor how often.
//! To tell of another kind of event: an arm in [`Log::handle`], and a category if moderators may want to leave it out.
//!
//! - `case.rs`: cases; `verdict.rs`: what rules did, `why.rs`: what they saw; `audit.rs`: what was done to the community itself.
//! - `press.rs`: what the buttons do; `rights.rs`: what the bot may no more.

mod audit;
mod case;
mod press;
mod rights;
mod say;
mod verdict;
mod why;

pub(crate) use audit::take_back;
pub(crate) use press::not_spam;

use crate::ask::Asking;
use crate::client::Client;
use crate::due::Due;
use crate::speaker::{Line, Speaker};
use crate::updates::Memory;
use anyhow::Context as _;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{
    Decision, Event, GuildEvent, GuildId, MessageEvent, ModerationDeed, ModerationEvent, Origin, Outcome,
    Platform, UserId,
};
use lockdown_moderation::{LogCategory, Settings};
use lockdown_runtime::{Clock, chain};
use std::sync::Arc;

/// The group by which the bot's processes share what is told.
const GROUP: &str = "telegram-bot.log";
/// What the buttons send: `log:` what `:` the number of the case `:` the community.
const PRESS: &str = "log:";

const TYPES: [&str; 14] = [
    "moderation:log",
    "moderation:deed",
    "moderation:automod",
    "audit:logged",
    "ban:created",
    "ban:removed",
    "kick:executed",
    "mute:applied",
    "mute:removed",
    "warning:added",
    "warning:removed",
    "note:added",
    "button:pressed",
    "guild:update",
];

/// Tells what was decided.
pub(crate) struct Log {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) memory: Arc<Memory>,
    pub(crate) speaker: Speaker,
    pub(crate) due: Due,
    pub(crate) asking: Asking,
}

/// Where a community's log is.
struct Place {
    chat: GuildId,
    settings: Arc<Settings>,
}

// === impl Place ===

impl Place {
    fn tells(&self, category: LogCategory) -> bool {
        self.settings.telegram.log_categories.contains(&category)
    }
}

// === impl Log ===

impl Log {
    /// Tells what is decided until the bus is closed.
    pub(crate) async fn start(self: Arc<Self>) -> anyhow::Result<()> {
        let bus = self.bus.clone();
        let handler = Handler::new("log", TYPES, move |received| {
            let this = Arc::clone(&self);
            async move { this.handle(&received).await }
        });
        let group = GroupName::new(GROUP).context("the group has no name")?;
        bus.consume(group, &Start::Now, vec![handler], ConsumerOptions::default())
            .await
            .context("could not consume what is to be told")
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        if received.event.platform() != Platform::Telegram {
            return Ok(());
        }
        let guild = received.event.guild_id();
        let done = match &received.event {
            Event::Moderation(event) => match event {
                // What was asked of Telegram is told with its answer.
                ModerationEvent::Log(log) if log.outcome != Outcome::Superseded => {
                    self.tell(guild, log.case_number).await
                }
                ModerationEvent::AuditLogged(entry) => self.tell_entry(entry).await,
                ModerationEvent::Automod(verdict) => self.tell_verdict(received, verdict).await,
                ModerationEvent::WarningRemoved(decision) | ModerationEvent::NoteAdded(decision) => {
                    self.tell_decision(decision, true).await
                }
                ModerationEvent::BanCreated(decision)
                | ModerationEvent::BanRemoved(decision)
                | ModerationEvent::KickExecuted(decision)
                | ModerationEvent::MuteApplied(decision)
                | ModerationEvent::MuteRemoved(decision)
                | ModerationEvent::WarningAdded(decision) => {
                    let native = decision.origin == Some(Origin::Native);
                    self.tell_decision(decision, native).await
                }
                ModerationEvent::Deed(deed) => self.tell_deed(deed).await,
                ModerationEvent::Log(_) | ModerationEvent::Action(_) => Ok(()),
            },
            Event::Message(MessageEvent::ButtonPressed(pressed)) => self.pressed(pressed).await,
            Event::Guild(GuildEvent::Update(update)) => self.tell_rights(update).await,
            _ => Ok(()),
        };
        done.map_err(HandlerError::Again)
    }

    /// Where what is decided there is told, if anywhere.
    async fn place(&self, guild: &GuildId) -> Option<Place> {
        let settings = self.speaker.settings(guild).await;
        let chat = settings.log_channel.as_ref()?;
        let chat = GuildId::new(chat.as_str()).ok()?;
        Some(Place { chat, settings })
    }

    async fn tell_decision(&self, decision: &Decision, now: bool) -> Result<(), String> {
        if now {
            self.tell(&decision.guild_id, decision.case_number).await?;
        }
        match decision.lifts_case_number {
            Some(lifted) => self.tell_again(&decision.guild_id, lifted).await,
            None => Ok(()),
        }
    }

    /// Tells of a case as it is now: by a line of its own, or by the one that stands.
    async fn tell(&self, guild: &GuildId, number: u64) -> Result<(), String> {
        match self.place(guild).await {
            Some(place) if place.tells(LogCategory::Sanctions) => {
                self.tell_at(&place, guild, number, true).await
            }
            _ => Ok(()),
        }
    }

    /// The same, but only where it was told of before.
    async fn tell_again(&self, guild: &GuildId, number: u64) -> Result<(), String> {
        match self.place(guild).await {
            Some(place) => self.tell_at(&place, guild, number, false).await,
            None => Ok(()),
        }
    }

    fn name(&self, user: &str) -> String {
        let known = UserId::new(user).ok().and_then(|user| self.memory.name_of(&user));
        known.unwrap_or_else(|| user.to_owned())
    }

    /// What a moderator did that is nobody's case.
    async fn tell_deed(&self, deed: &ModerationDeed) -> Result<(), String> {
        let tongue = self.speaker.tongue(&deed.guild_id).await;
        let by = deed.moderator_id.as_ref();
        let by = by.map_or_else(String::new, |by| self.name(by.as_str()));
        let count = deed.count.unwrap_or(1);
        let words = match &deed.user_id {
            Some(whom) => {
                let name = self.name(whom.as_str());
                tongue.say(
                    "log.deed_to",
                    &[("by", &by), ("deed", &deed.deed), ("name", &name)],
                )
            }
            None => tongue.say(
                "log.deed",
                &[("by", &by), ("deed", &deed.deed), ("count", &count)],
            ),
        };
        self.note(&deed.guild_id, LogCategory::Sanctions, words).await;
        Ok(())
    }

    /// Tells something else in the log chat, where it is wanted.
    pub(crate) async fn note(&self, guild: &GuildId, category: LogCategory, words: String) {
        let line = Line {
            words,
            ..Line::default()
        };
        self.note_line(guild, category, line).await;
    }

    async fn note_line(&self, guild: &GuildId, category: LogCategory, line: Line) {
        let Some(place) = self.place(guild).await else {
            return;
        };
        if !place.tells(category) {
            return;
        }
        if let Err(error) = self.speaker.say(&place.chat, &line).await {
            tracing::warn!(%guild, chat = %place.chat, "Could not tell something: {}", chain(&error));
        }
    }
}

/// A time as people read it.
fn shown(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}
