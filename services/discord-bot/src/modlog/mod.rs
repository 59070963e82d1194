//! The moderators' log: a message for each decision, in a channel of the guild, which always says how the case stands.
//!
//! Whatever is told of a case has its message written anew from the record. So it does not matter how often something is
//! told, and what was not told is made good by the next. Where the message is stands on a board of the bus, a board for
//! some cases of a guild, so that any process finds it. What was asked for in one go has one message (`together.rs`). To
//! show one thing more: a field in `embed.rs`.

mod archive;
mod embed;
mod evidence;
mod say;
mod stopped;
mod together;

pub(crate) use evidence::{NotKept, Proof};

use crate::case::Recorded;
use crate::effects::Discord;
use crate::effects::permissions::{EMBED_LINKS, SEND_MESSAGES, VIEW_CHANNEL};
use crate::intake::Guilds;
use crate::rest::{Ask, Priority, RestError};
use crate::words::WORDS;
use anyhow::Context as _;
use lockdown_bus::{
    AskError, Backoff, Bus, ConsumerOptions, EngineError, GroupName, Handler, HandlerError, Received, Start,
};
use lockdown_events::{
    BatchId, CaseRequest, ChannelId, Decision, DirectMessage, Event, GuildId, MessageRef, ModerationEvent,
    Outcome, Platform, UserId,
};
use lockdown_moderation::hands::SettingsBook;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{GuildRef, Settings};
use lockdown_runtime::chain;
use serde::{Deserialize, Serialize};
use serenity::http::Route;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use together::Marked;

const GROUP: &str = "discord.modlog";
/// A log can wait for Discord for most of a day.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 512,
    concurrency: 16,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(60),
    backoff: Backoff {
        first: Duration::from_millis(500),
        cap: Duration::from_secs(60),
    },
    attempts: 1_500,
    poison: 5,
};
const TOLD: [&str; 10] = [
    "ban:created",
    "ban:removed",
    "kick:executed",
    "mute:applied",
    "mute:removed",
    "warning:added",
    "warning:removed",
    "note:added",
    "moderation:log",
    "audit:logged",
];
/// The entries of the audit that say that a case reads otherwise now.
const CHANGES: [&str; 2] = ["case:edit", "case:void"];
const PATIENCE: Duration = Duration::from_secs(5);
/// Where a guild's log is that chose none.
const USUAL: &str = "mod-logs";
/// Cases that share a board.
const SHARED: u64 = 64;
/// A case that has not changed for so long keeps its message as it is.
const KEPT: Duration = Duration::from_secs(180 * 24 * 3600);
/// So many boards back, what is no longer kept is cleared away.
const BACK: u64 = 64;

/// Writes the log. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ModLog {
    bus: Bus,
    discord: Discord,
    book: SettingsBook,
    /// Channels in which we may not write, of which it was said.
    closed: Arc<Mutex<HashSet<u64>>>,
    marked: Arc<Marked>,
}

/// Where a case's message is, and what is known of the case that its record does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    channel: u64,
    message: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notified: Option<DirectMessage>,
    /// Where many cases have one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchId>,
}

/// What was told of which case.
struct News {
    guild: GuildId,
    case: u64,
    /// It was just decided: where it has no message, it gets one.
    decided: bool,
    batch: Option<BatchId>,
    said: Option<(Outcome, Option<String>, Option<DirectMessage>)>,
}

/// Something that somebody wants the moderators to see.
pub(crate) struct Report<'a> {
    pub(crate) guild: &'a GuildId,
    pub(crate) by: &'a UserId,
    pub(crate) user: &'a UserId,
    /// Where it was reported.
    pub(crate) channel: &'a ChannelId,
    pub(crate) reason: Option<&'a str>,
    pub(crate) evidence: &'a [MessageRef],
    /// Of the interaction: said once.
    pub(crate) id: u64,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("where the message of a case is could not be looked up")]
    Board(#[from] EngineError),
    #[error("{0}")]
    Rest(#[from] RestError),
    #[error("the backend does not tell of a case")]
    Case(#[source] AskError),
}

// === impl ModLog ===

impl ModLog {
    /// Writes until the process stops.
    pub(crate) async fn start(bus: Bus, discord: Discord, book: SettingsBook) -> anyhow::Result<Self> {
        let log = Self {
            bus: bus.clone(),
            discord,
            book,
            closed: Arc::default(),
            marked: Arc::default(),
        };
        let writing = log.clone();
        let handler = Handler::new("modlog", TOLD, move |received: Arc<Received>| {
            let log = writing.clone();
            async move { log.take(&received.event).await }
        });
        bus.consume(GroupName::new(GROUP)?, &Start::Oldest, vec![handler], OPTIONS)
            .await
            .context("could not consume what the log tells")?;
        Ok(log)
    }

    /// Shows the moderators a report; `false` where they have no channel for it.
    pub(crate) async fn report(
        &self,
        tongue: &Tongue,
        settings: &Settings,
        report: &Report<'_>,
    ) -> Result<bool, RestError> {
        let Ok(guild) = report.guild.as_str().parse::<u64>() else {
            return Ok(false);
        };
        let Some(channel) = self
            .channel(guild, settings)
            .filter(|channel| self.is_open(guild, *channel))
        else {
            return Ok(false);
        };
        let body = embed::report(tongue, report);
        let nonce = format!("{:x}", report.id);
        self.post(channel, &body, &nonce).await.map(|_| true)
    }

    /// Where the guild's log is.
    pub(crate) fn channel(&self, guild: u64, settings: &Settings) -> Option<u64> {
        let chosen = settings.log_channel.as_ref();
        let chosen = chosen.and_then(|channel| channel.as_str().parse().ok());
        chosen.or_else(|| usual(&self.discord.guilds, guild))
    }

    /// Reads a guild that the gateway has not told us of; `false` where the bot is not any more.
    async fn knows(&self, guild: u64) -> Result<bool, RestError> {
        match self.discord.know(guild).await {
            Err(RestError::Refused { .. }) => Ok(false),
            known => known.map(|()| true),
        }
    }

    async fn take(&self, event: &Event) -> Result<(), HandlerError> {
        let Event::Moderation(event) = event else {
            return Ok(());
        };
        let mut all = News::of(event);
        while let Some(news) = all.pop() {
            let told = self.tell(&news).await;
            let case = told.map_err(|error| HandlerError::Again(chain(&error)))?;
            // What a new decision ended reads otherwise now.
            let ended = case.filter(|_| news.decided);
            let ended = ended.into_iter().flat_map(|case| case.ended_case_numbers);
            all.extend(ended.map(|case| News::changed(&news.guild, case)));
        }
        Ok(())
    }

    /// Writes the message; the case, where there is something to write.
    async fn tell(&self, news: &News) -> Result<Option<Recorded>, LogError> {
        let settings = self.book.of(&of(&news.guild)).await;
        let Ok(guild) = news.guild.as_str().parse::<u64>() else {
            return Ok(None);
        };
        if !self.knows(guild).await? {
            return Ok(None);
        }
        let kept = self.place(&news.guild, news.case).await?;
        let place = match &kept {
            Some(place) => place.clone(),
            None if !news.decided => return Ok(None),
            None => match self.channel(guild, &settings) {
                Some(channel) => Place {
                    batch: news.batch,
                    ..Place::in_channel(channel)
                },
                None => return Ok(None),
            },
        };
        if !self.is_open(guild, place.channel) {
            return Ok(None);
        }
        let mut place = place;
        if let Some((outcome, error, notified)) = &news.said {
            place.outcome = Some(*outcome);
            place.error.clone_from(error);
            place.notified = notified.or(place.notified);
        }
        let Some(case) = self.case(&news.guild, news.case).await? else {
            return Ok(None);
        };
        let tongue = WORDS.tongue(Some(&settings.locale));
        let case = case.after(place.outcome, place.error.as_deref());
        if let Some(batch) = place.batch {
            self.note_together(tongue, news, batch, &case).await?;
        } else {
            let body = embed::body(tongue, &news.guild, &case, place.notified);
            let written = self.write(guild, news.case, &place, &body).await;
            match self.settled(guild, &place, news.case, written)? {
                Some(message) => place.message = message,
                None => return Ok(None),
            }
        }
        if kept.as_ref() != Some(&place) {
            self.keep_place(&news.guild, news.case, &place).await?;
        }
        Ok(Some(case))
    }

    /// The message that was written; `None` where it cannot be.
    fn settled(
        &self,
        guild: u64,
        place: &Place,
        case: u64,
        written: Result<Option<u64>, RestError>,
    ) -> Result<Option<u64>, RestError> {
        match written {
            // Somebody took the message away: that is how they want it.
            Ok(message) => Ok(Some(message.unwrap_or(place.message))),
            // What Discord refuses, it refuses again.
            Err(error @ RestError::Refused { .. }) => {
                let channel = place.channel;
                tracing::warn!(
                    guild,
                    channel,
                    case,
                    "A case is not in the moderators' log: {error}"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the message, or writes it anew; its id, `None` when it is gone.
    async fn write(
        &self,
        guild: u64,
        case: u64,
        place: &Place,
        body: &serde_json::Value,
    ) -> Result<Option<u64>, RestError> {
        if place.message == 0 {
            let nonce = format!("{guild:016x}{case:x}");
            let nonce = nonce.get(..nonce.len().min(25)).unwrap_or_default();
            return self.post(place.channel, body, nonce).await.map(Some);
        }
        self.edit(place.channel, place.message, body).await
    }

    /// Writes a message once, also when it is asked for again after a lost answer; its id. Discord takes a nonce of at most
    /// 25 letters.
    async fn post(&self, channel: u64, body: &serde_json::Value, nonce: &str) -> Result<u64, RestError> {
        let mut asked = body.clone();
        asked["nonce"] = nonce.into();
        asked["enforce_nonce"] = true.into();
        let route = Route::ChannelMessages {
            channel_id: channel.into(),
        };
        let ask = Ask::post(route, channel).body(&asked).priority(Priority::Notice);
        let message = self.discord.rest.call(ask).await?;
        let id = crate::read::id(&message["id"])
            .ok_or_else(|| RestError::Unavailable("Discord names no message".to_owned()))?;
        // Whoever asked before asked for what was known then.
        if embed::says(&message) != embed::says(body) {
            self.edit(channel, id, body).await?;
        }
        Ok(id)
    }

    /// Writes a message anew; its id, `None` when it is gone.
    async fn edit(
        &self,
        channel: u64,
        message: u64,
        body: &serde_json::Value,
    ) -> Result<Option<u64>, RestError> {
        let route = Route::ChannelMessage {
            channel_id: channel.into(),
            message_id: message.into(),
        };
        let ask = Ask::patch(route, channel).body(body).priority(Priority::Notice);
        match self.discord.rest.call(ask).await {
            Ok(_) => Ok(Some(message)),
            Err(error) if matches!(error.code(), 10_003 | 10_008) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The record; `None` when nobody knows the case.
    async fn case(&self, guild: &GuildId, case: u64) -> Result<Option<Recorded>, LogError> {
        let question = CaseRequest {
            platform: Platform::Discord,
            guild_id: guild.clone(),
            case_number: case,
        };
        match self.bus.requests().ask("case", &question, PATIENCE).await {
            Ok(case) => Ok(Some(case)),
            Err(AskError::Refused(refused)) if refused.code.starts_with("unknown_") => Ok(None),
            Err(error) => Err(LogError::Case(error)),
        }
    }

    /// Whether we may write there; that we may not is said once.
    fn is_open(&self, guild: u64, channel: u64) -> bool {
        let needed = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS;
        let held = self.discord.guilds.own_permissions_in(guild, channel);
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|held| held & needed == needed) {
            closed.remove(&channel);
            return true;
        }
        if closed.insert(channel) {
            tracing::warn!(
                guild,
                channel,
                "The moderators' log is not written: give the bot View Channel, Send Messages and Embed Links in channel \
                 {channel}"
            );
        }
        false
    }

    async fn place(&self, guild: &GuildId, case: u64) -> Result<Option<Place>, EngineError> {
        let name = case.to_string();
        let most = usize::try_from(SHARED).unwrap_or(usize::MAX);
        let posted = self.bus.engine().posted(&board(guild, case), most).await?;
        let found = posted.into_iter().find(|posted| posted.item == name);
        Ok(found.and_then(|posted| serde_json::from_str(&posted.text).ok()))
    }

    async fn keep_place(&self, guild: &GuildId, case: u64, place: &Place) -> Result<(), EngineError> {
        let text = serde_json::to_string(place).unwrap_or_default();
        let engine = self.bus.engine();
        engine
            .post(&board(guild, case), &case.to_string(), &text, KEPT)
            .await?;
        if case.is_multiple_of(SHARED) && case >= SHARED * BACK {
            let old = board(guild, case - SHARED * BACK);
            engine
                .take_due(&old, usize::try_from(SHARED).unwrap_or(usize::MAX))
                .await?;
        }
        Ok(())
    }
}

/// The log of a guild that chose none.
pub(crate) fn usual(guilds: &Guilds, guild: u64) -> Option<u64> {
    let known = guilds.get(guild)?;
    let mut found = known.channels.iter().filter(|(_, channel)| {
        matches!(channel.kind, 0 | 5) && channel.above.is_none() && channel.name == USUAL
    });
    found.next().map(|(id, _)| *id)
}

fn board(guild: &GuildId, case: u64) -> String {
    format!("discord/modlog/{guild}/{}", case / SHARED)
}

pub(crate) fn of(guild: &GuildId) -> GuildRef {
    GuildRef {
        platform: Platform::Discord,
        id: guild.clone(),
    }
}

// === impl Place ===

impl Place {
    /// In which nothing is written yet.
    fn in_channel(channel: u64) -> Self {
        Self {
            channel,
            ..Self::default()
        }
    }
}

// === impl News ===

impl News {
    fn of(event: &ModerationEvent) -> Vec<Self> {
        match event {
            ModerationEvent::BanCreated(decision)
            | ModerationEvent::BanRemoved(decision)
            | ModerationEvent::KickExecuted(decision)
            | ModerationEvent::MuteApplied(decision)
            | ModerationEvent::MuteRemoved(decision)
            | ModerationEvent::WarningAdded(decision)
            | ModerationEvent::WarningRemoved(decision)
            | ModerationEvent::NoteAdded(decision) => Self::of_decision(decision),
            ModerationEvent::Log(log) if log.platform == Platform::Discord => vec![Self {
                guild: log.guild_id.clone(),
                case: log.case_number,
                decided: false,
                batch: None,
                said: Some((log.outcome, log.error.clone(), log.notified)),
            }],
            ModerationEvent::AuditLogged(entry)
                if entry.platform == Platform::Discord && CHANGES.contains(&entry.act.as_str()) =>
            {
                let case = entry.subject.strip_prefix("case:");
                let case = case.and_then(|number| number.parse().ok());
                case.map(|case| Self::changed(&entry.guild_id, case))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn of_decision(decision: &Decision) -> Vec<Self> {
        if decision.platform != Platform::Discord {
            return Vec::new();
        }
        let own = Self {
            decided: true,
            batch: decision.batch_id,
            ..Self::changed(&decision.guild_id, decision.case_number)
        };
        let lifted = decision.lifts_case_number;
        let lifted = lifted.map(|case| Self::changed(&decision.guild_id, case));
        [own].into_iter().chain(lifted).collect()
    }

    fn changed(guild: &GuildId, case: u64) -> Self {
        Self {
            guild: guild.clone(),
            case,
            decided: false,
            batch: None,
            said: None,
        }
    }
}
