//! The door: who comes is asked to show that they are human, and welcomed; who asks to be let in is answered.
//!
//! A challenge is a note on the bus, with its end among what is due, so it outlives the process that began it. Whoever
//! changes the note from open to passed or failed decides; what follows is done again until it is done. Where nothing
//! can be asked, nobody is kept out.
//!
//! - `challenge.rs`: what is asked of whom; `question.rs`: in which words; `answer.rs`: what comes of it;
//!   `requests.rs`: those who ask to be let in.

mod answer;
mod challenge;
mod picture;
mod question;
mod requests;

use crate::administrators::Administrators;
use crate::ask::Asking;
use crate::client::Client;
use crate::due::Due;
use crate::platform::Telegram;
use crate::speaker::{Line, Speaker, unlinked};
use crate::sweeper::Sweeper;
use anyhow::Context as _;
use chrono::TimeDelta;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, OnceError, Received, Start};
use lockdown_events::{
    Event, EventId, GuildId, MessageEvent, Platform, UserEvent, UserId, UserJoined, UserLeft,
};
use lockdown_moderation::{Captcha, Platform as _, PlatformError, TelegramSettings};
use lockdown_runtime::{Clock, chain};
use std::sync::Arc;
use std::time::Duration;

/// The group by which the bot's processes share who comes.
const GROUP: &str = "telegram-bot.door";
/// Who came longer ago, while we were away, has been among the others since.
const LATE: TimeDelta = TimeDelta::minutes(10);
const WELCOME_STAYS: Duration = Duration::from_secs(300);

/// Looks after who comes.
pub(crate) struct Door {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) administrators: Arc<Administrators>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) telegram: Arc<Telegram>,
    pub(crate) speaker: Speaker,
    pub(crate) due: Due,
    pub(crate) asking: Asking,
}

// === impl Door ===

impl Door {
    /// Looks after who comes until the bus is closed.
    pub(crate) async fn start(self: Arc<Self>) -> anyhow::Result<()> {
        let types = [
            "user:joined",
            "user:left",
            "user:join_requested",
            "button:pressed",
        ];
        let this = Arc::clone(&self);
        let handler = Handler::new("door", types, move |received| {
            let this = Arc::clone(&this);
            async move { this.handle(&received).await }
        });
        let group = GroupName::new(GROUP).context("the group has no name")?;
        let options = ConsumerOptions {
            in_hand: 512,
            concurrency: 64,
            ..ConsumerOptions::default()
        };
        self.bus
            .consume(group, &Start::Now, vec![handler.side_by_side()], options)
            .await
            .context("could not consume who comes")
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        if received.event.platform() != Platform::Telegram {
            return Ok(());
        }
        let event = received.envelope.event_id;
        let done = match &received.event {
            Event::User(UserEvent::Joined(joined)) if self.is_fresh(received) => {
                self.once(event, || self.joined(joined, event)).await
            }
            Event::User(UserEvent::JoinRequested(asked)) if self.is_fresh(received) => {
                self.once(event, || self.asked(asked, event)).await
            }
            Event::User(UserEvent::Left(left)) => self.left(left, received).await,
            Event::Message(MessageEvent::ButtonPressed(pressed)) => self.pressed(pressed).await,
            _ => Ok(()),
        };
        done.map_err(HandlerError::Again)
    }

    fn is_fresh(&self, received: &Received) -> bool {
        self.clock.now() - received.envelope.timestamp < LATE
    }

    async fn once<F>(&self, event: EventId, deed: impl FnOnce() -> F) -> Result<(), String>
    where
        F: Future<Output = Result<(), String>>,
    {
        match self.bus.once().run(GROUP, event, |_| deed()).await {
            Ok(_) => Ok(()),
            Err(OnceError::Effect(words)) => Err(words),
            Err(error) => Err(chain(&error)),
        }
    }

    async fn joined(&self, joined: &UserJoined, event: EventId) -> Result<(), String> {
        let (guild, user) = (&joined.guild_id, &joined.user_id);
        let name = joined.names.display_name.as_deref().unwrap_or(user.as_str());
        if joined.bot {
            return Ok(());
        }
        let settings = self.speaker.settings(guild).await;
        let settings = &settings.telegram;
        // Who answered before they were let in has answered.
        let answered = self.take_passed(guild, user).await?;
        let asks = settings.captcha != Captcha::Off && !answered && self.is_asked(joined).await?;
        if asks && self.challenge(guild, user, name, event, settings).await? {
            return Ok(());
        }
        self.welcome(guild, name, settings).await;
        Ok(())
    }

    /// Whether somebody who came is to show that they are human: not who keeps order, nor whom they brought in, nor who is
    /// silent already, since what is answered would free them.
    async fn is_asked(&self, joined: &UserJoined) -> Result<bool, String> {
        let (guild, user) = (&joined.guild_id, &joined.user_id);
        let again = |error: crate::client::CallError| chain(&error);
        for who in joined.inviter_id.iter().chain([user]) {
            if self.administrators.is_staff(guild, who).await.map_err(again)? {
                return Ok(false);
            }
        }
        match self.telegram.member(guild, user).await {
            Ok(member) => Ok(member.is_some_and(|member| member.muted.is_none())),
            Err(error) if error.is_permanent() => Ok(false),
            Err(error) => Err(chain(&error)),
        }
    }

    async fn left(&self, left: &UserLeft, received: &Received) -> Result<(), String> {
        let (guild, user) = (&left.guild_id, &left.user_id);
        self.drop_challenge(guild, user).await?;
        let settings = self.speaker.settings(guild).await;
        let Some(text) = settings
            .telegram
            .goodbye
            .as_ref()
            .filter(|_| self.is_fresh(received))
        else {
            return Ok(());
        };
        let name = left.names.display_name.as_deref().unwrap_or(user.as_str());
        self.once(received.envelope.event_id, || async {
            self.say_filled(guild, text, name, &settings.telegram).await;
            Ok(())
        })
        .await
    }

    /// Says what the community says to who comes.
    async fn welcome(&self, guild: &GuildId, name: &str, settings: &TelegramSettings) {
        if let Some(text) = &settings.welcome {
            self.say_filled(guild, text, name, settings).await;
        }
    }

    async fn say_filled(&self, guild: &GuildId, text: &str, name: &str, settings: &TelegramSettings) {
        let (name, chat) = (unlinked(name), self.title(guild).await);
        let rules = settings.rules.as_deref().unwrap_or_default();
        let line = Line {
            words: fill(text, &[("{name}", &name), ("{chat}", &chat), ("{rules}", rules)]),
            thread: settings.action_topic.clone(),
            stays: Some(WELCOME_STAYS),
            ..Line::default()
        };
        if let Err(error) = self.speaker.say(guild, &line).await {
            tracing::warn!(%guild, "Could not say what is said to who comes or goes: {error}");
        }
    }

    async fn title(&self, guild: &GuildId) -> String {
        self.telegram.title(guild).await.unwrap_or_default()
    }
}

/// Puts these in place of those, and does not look again at what it put there.
fn fill(text: &str, with: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        match with.iter().find(|(what, _)| rest.starts_with(what)) {
            Some((what, is)) => {
                filled.push_str(is);
                rest = &rest[what.len()..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

/// Why something failed that is worth another try; what is refused for good is said, and over.
fn passing(what: &str, guild: &GuildId, user: &UserId, error: &PlatformError) -> Result<(), String> {
    if !error.is_permanent() {
        return Err(chain(error));
    }
    tracing::warn!(%guild, %user, "Could not {what}: {}", chain(error));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn a_welcome_is_filled_once() {
        let with = [("{name}", "{rules}"), ("{rules}", "be kind")];
        assert_eq!(
            fill("Hi {name}: {rules}, {x}{", &with),
            "Hi {rules}: be kind, {x}{"
        );
    }
}
