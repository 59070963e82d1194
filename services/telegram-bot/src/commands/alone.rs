//! What is said to the bot alone. It is about the community that somebody connected themselves with, and they may what they may
//! there: their rights are asked for at each command.

use super::deed::{Connect, Deed};
use super::parse::{is_command, parse};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::client::{CallError, Class};
use crate::reading::Private;
use crate::speaker::Line;
use crate::words::WORDS;
use lockdown_bus::HandlerError;
use lockdown_events::{EventId, GuildId, Message, UserId};
use lockdown_moderation::Platform as _;
use lockdown_moderation::words::Tongue;
use lockdown_runtime::chain;
use std::sync::Arc;
use std::time::Duration;
use teloxide::prelude::ChatId;

/// How long a connection is remembered.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How often a command is tried while somebody is away, and how long it rests between.
const TRIES: u32 = 5;
const REST: Duration = Duration::from_secs(2);

fn mark(user: &UserId) -> String {
    format!("telegram.connection/{user}")
}

/// The one that was there last.
fn last_mark(user: &UserId) -> String {
    format!("telegram.connection.last/{user}")
}

// === impl Commands ===

impl Commands {
    /// Does what somebody commands to the bot alone, or says what it is for. It is in no stream: who gets no answer asks again.
    pub(crate) async fn alone(self: Arc<Self>, private: Private, event: EventId) {
        // Beyond what anybody writes: whoever floods us is not answered.
        let Ok(_turn) = self.alone.try_acquire() else {
            metrics::counter!("lockdown_telegram_alone_dropped_total").increment(1);
            return;
        };
        let tongue = WORDS.tongue(private.language.as_deref());
        let mut message = private.message.clone();
        // What is answered there is none of the community's messages.
        (message.reply_to, message.reply_author_id, message.thread_id) = (None, None, None);
        let words = match self.obey_alone(&private, &message, event, tongue).await {
            Ok(words) => words,
            Err(Stop::No(no)) => Some(no.words(tongue)),
            Err(Stop::Again(why)) => {
                tracing::warn!("Could not do what was commanded alone: {why}");
                Some(tongue.say("alone.away", &[]))
            }
        };
        let (Some(words), Ok(chat)) = (words, message.channel_id.as_str().parse().map(ChatId)) else {
            return;
        };
        let line = Line::answer(&private.message, words);
        if let Err(error) = self.speaker.send(Class::Notice, chat, &line).await {
            tracing::debug!("Could not answer somebody alone: {error}");
        }
    }

    /// What is to be answered, where nobody has answered yet.
    async fn obey_alone(
        self: &Arc<Self>,
        private: &Private,
        message: &Message,
        event: EventId,
        tongue: &'static Tongue,
    ) -> Result<Option<String>, Stop> {
        let by = &message.author_id;
        if !message.content.trim_start().starts_with(['/', '!']) {
            return Ok(None);
        }
        let Some(addressed) = parse(message) else {
            return Ok(is_command(message).then(|| tongue.say("help", &[])));
        };
        if let Some(to) = addressed.to
            && !self.is_us(to).await.map_err(again)?
        {
            return Ok(None);
        }
        let deed = addressed.command.as_ref().ok().map(|command| command.deed);
        match (deed, &addressed.command) {
            (Some(Deed::Help), _) => return Ok(Some(tongue.say("help", &[]))),
            (Some(Deed::Privacy), _) => return Ok(Some(tongue.say("privacy", &[]))),
            (Some(Deed::Connect(what)), Ok(command)) => {
                let text = command.reason.as_deref().unwrap_or_default().trim();
                return self.connect_alone(by, what, text, tongue).await.map(Some);
            }
            _ => {}
        }
        if let Deed::Federation(what) = addressed.deed {
            let mut command = addressed.command.map_err(No::from)?;
            command.file.clone_from(&private.file);
            return self
                .federation_alone(message, event, what, &command, tongue)
                .await;
        }
        let Some(guild) = self.connection(&mark(by)).await? else {
            return Ok(Some(tongue.say("connect.none", &[])));
        };
        if deed.is_some_and(|deed| !deed.works_alone()) {
            return Ok(Some(tongue.say("connect.only_there", &[])));
        }
        let command = addressed.command.map_err(No::from).map(|mut command| {
            command.file.clone_from(&private.file);
            command
        });
        let said = Said {
            message: Message {
                guild_id: guild,
                ..message.clone()
            },
            event,
            at: private.at.unwrap_or_else(|| self.clock.now()),
        };
        let mut tries = 1;
        loop {
            match self
                .once(event, &said, || self.begin(&said, command.clone()))
                .await
            {
                Ok(()) => return Ok(None),
                Err(_) if tries < TRIES => tries += 1,
                Err(error) => return Err(again(error)),
            }
            self.clock.sleep(REST).await;
        }
    }

    async fn connect_alone(
        &self,
        by: &UserId,
        what: Connect,
        text: &str,
        tongue: &Tongue,
    ) -> Result<String, Stop> {
        let guild = match what {
            Connect::To if !text.is_empty() => self.chat_named(text).await?,
            Connect::Again => self.connection(&last_mark(by)).await?,
            Connect::To | Connect::Show | Connect::Off => {
                let Some(guild) = self.connection(&mark(by)).await? else {
                    return Ok(tongue.say("connect.none", &[]));
                };
                let chat = self.title_of(&guild).await;
                if what != Connect::Off {
                    return Ok(tongue.say("connect.is", &[("chat", &chat)]));
                }
                if let Some(kept) = self.due.read(&mark(by)).await.map_err(|error| away(&error))? {
                    let struck = self.due.strike(&mark(by), &kept).await;
                    struck.map_err(|error| away(&error))?;
                }
                return Ok(tongue.say("connect.off", &[("chat", &chat)]));
            }
        };
        let Some(guild) = guild else {
            return Ok(tongue.say("connect.usage", &[]));
        };
        // Who keeps no order there learns nothing of it, not even whether the bot is there.
        let staff = match self.administrators.of(&guild).await {
            Ok(staff) => staff,
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => return Err(error.into()),
            Err(_) => {
                // Nobody fills our memory with groups that there are not.
                self.administrators.forget(&guild);
                return Ok(tongue.say("connect.not_staff", &[]));
            }
        };
        if !staff.ranks.contains_key(&by.as_str().parse().unwrap_or_default()) {
            return Ok(tongue.say("connect.not_staff", &[]));
        }
        self.connect(by, &guild).await?;
        Ok(tongue.say("connect.done", &[("chat", &self.title_of(&guild).await)]))
    }

    /// The same, said in the community that is meant.
    pub(super) async fn connect_here(self: &Arc<Self>, said: &Said, what: Connect) -> Result<(), Stop> {
        let message = &said.message;
        let (guild, by) = (&message.guild_id, &message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let staff = self.administrators.of(guild).await?;
        if !staff.ranks.contains_key(&by.as_str().parse().unwrap_or_default()) {
            return Err(No::NotStaff.into());
        }
        let words = if what == Connect::To {
            self.connect(by, guild).await?;
            tongue.say("connect.here", &[("chat", &self.title_of(guild).await)])
        } else {
            tongue.say("connect.alone", &[])
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }

    async fn connect(&self, by: &UserId, guild: &GuildId) -> Result<(), Stop> {
        for name in [mark(by), last_mark(by)] {
            let noted = self.due.note(&name, guild.as_str(), KEPT).await;
            noted.map_err(|error| away(&error))?;
        }
        Ok(())
    }

    /// The community that somebody is connected with.
    pub(super) async fn connected(&self, user: &UserId) -> Result<Option<GuildId>, Stop> {
        self.connection(&mark(user)).await
    }

    /// The community that is kept under a name, by the number that it has now.
    async fn connection(&self, name: &str) -> Result<Option<GuildId>, Stop> {
        let kept = self.due.read(name).await.map_err(|error| away(&error))?;
        let guild = kept.and_then(|kept| GuildId::new(&kept).ok());
        let moved = guild.and_then(|guild| self.client.chat(&guild).ok());
        Ok(moved.and_then(|chat| GuildId::new(&chat.0.to_string()).ok()))
    }

    async fn title_of(&self, guild: &GuildId) -> String {
        let title = self.telegram.title(guild).await;
        title.unwrap_or_else(|| guild.to_string())
    }
}

fn again(error: HandlerError) -> Stop {
    match error {
        HandlerError::Again(words) | HandlerError::Never(words) => Stop::Again(words),
    }
}

fn away(error: &lockdown_bus::EngineError) -> Stop {
    Stop::Again(chain(error))
}
