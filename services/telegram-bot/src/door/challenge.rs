//! What is asked of whom at the door, as it is kept.

use super::question::{Asked, MOST_PICTURES, Question};
use super::{Door, passing};
use crate::client::{CallError, Class};
use crate::due::Task;
use crate::speaker::{Line, escape};
use chrono::TimeDelta;
use lockdown_bus::EngineError;
use lockdown_events::{EventId, GuildId, MessageId, UserId};
use lockdown_moderation::{Captcha, Platform as _, Right, TelegramSettings, Term};
use lockdown_runtime::chain;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use teloxide::prelude::ChatId;

/// Telegram lets people speak by itself so long after their time is over, should we never come back.
const AFTERWARDS: TimeDelta = TimeDelta::hours(1);

/// A challenge, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Challenge {
    pub(super) guild: GuildId,
    pub(super) user: UserId,
    pub(super) name: String,
    /// What it began with.
    pub(super) event: EventId,
    /// The number of the right answer.
    pub(super) right: u8,
    /// How many pictures they saw before this one.
    #[serde(default)]
    round: u8,
    /// Where it is asked.
    pub(super) message: Option<MessageId>,
    /// Of somebody who asks to be let in; it is asked of them alone.
    pub(super) asks: bool,
    pub(super) state: State,
    /// Seconds for which the note is kept.
    lasts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    Open,
    Passed,
    Failed,
}

pub(super) fn name(guild: &GuildId, user: &UserId) -> String {
    format!("telegram.door/{guild}/{user}")
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
pub(super) fn engine(error: EngineError) -> String {
    chain(&error)
}

// === impl Challenge ===

impl Challenge {
    /// Of somebody in a community, who has so many seconds for it.
    fn new((guild, user): (&GuildId, &UserId), name: &str, event: EventId, asks: bool, seconds: u64) -> Self {
        Self {
            guild: guild.clone(),
            user: user.clone(),
            name: name.to_owned(),
            event,
            right: 0,
            round: 0,
            message: None,
            asks,
            state: State::Open,
            lasts: seconds + AFTERWARDS.num_seconds().unsigned_abs(),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("a challenge can be written")
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(self.lasts)
    }
}

// === impl Door ===

impl Door {
    pub(super) async fn kept(&self, guild: &GuildId, user: &UserId) -> Result<Option<Challenge>, String> {
        let kept = self.due.read(&name(guild, user)).await.map_err(engine)?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    async fn keep(&self, challenge: &Challenge) -> Result<(), String> {
        let name = name(&challenge.guild, &challenge.user);
        let kept = self.due.note(&name, &challenge.text(), challenge.lasts()).await;
        kept.map_err(engine)
    }

    /// Says whether it still stood so.
    pub(super) async fn drop(&self, challenge: &Challenge) -> Result<bool, String> {
        let name = name(&challenge.guild, &challenge.user);
        self.due.cancel(&name).await.map_err(engine)?;
        self.due.strike(&name, &challenge.text()).await.map_err(engine)
    }

    /// Decides a challenge that is open; says whether it was.
    pub(super) async fn decide(&self, challenge: &mut Challenge, state: State) -> Result<bool, String> {
        let decided = Challenge {
            state,
            ..challenge.clone()
        };
        if self.stands_at(challenge, &decided).await? {
            *challenge = decided;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether somebody answered already; that counts once.
    pub(super) async fn take_passed(&self, guild: &GuildId, user: &UserId) -> Result<bool, String> {
        match self.kept(guild, user).await? {
            Some(kept) if kept.asks && kept.state == State::Passed => {
                self.drop(&kept).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What is asked of somebody is of no use any more, since they went.
    pub(super) async fn drop_challenge(&self, guild: &GuildId, user: &UserId) -> Result<(), String> {
        // Tried again where it was noted meanwhile at which message they are asked.
        while let Some(kept) = self.kept(guild, user).await?
            && !kept.asks
            && kept.state == State::Open
        {
            if self.drop(&kept).await? {
                self.tidy(&kept);
                break;
            }
        }
        Ok(())
    }

    /// Asks somebody who came; says whether they are asked.
    pub(super) async fn challenge(
        &self,
        guild: &GuildId,
        user: &UserId,
        shown: &str,
        event: EventId,
        settings: &TelegramSettings,
    ) -> Result<bool, String> {
        let time = Duration::from_secs(settings.captcha_seconds);
        let until = self.clock.now() + time + AFTERWARDS;
        // Silent before anything else, so that nothing is said before.
        if let Err(error) = self.telegram.mute(guild, user, Term::Until(until), "").await {
            passing("silence somebody at the door", guild, user, &error)?;
            return Ok(false);
        }
        let mut challenge = Challenge::new((guild, user), shown, event, false, settings.captcha_seconds);
        let (line, right) = self.question(&challenge, settings).await;
        challenge.right = right;
        self.keep(&challenge).await?;
        self.ends_in(&challenge, time).await?;
        let before = challenge.clone();
        match self.show(&challenge, &line).await {
            Ok(message) => challenge.message = message,
            Err(error) if !error.clone().platform(Right::Delete).is_permanent() => return Err(chain(&error)),
            // Where it cannot be shown, nobody is kept out.
            Err(error) => {
                tracing::warn!(%guild, %user, "Nothing can be asked at the door: {}", chain(&error));
                self.free(&challenge).await?;
                self.drop(&challenge).await?;
                return Ok(false);
            }
        }
        // Who went meanwhile is not asked any more.
        if !self.stands_at(&before, &challenge).await? {
            self.tidy(&challenge);
            return Ok(true);
        }
        // The time counts from when it is shown.
        self.ends_in(&challenge, time).await?;
        Ok(true)
    }

    /// Asks somebody alone who asks to be let in; says whether they are asked.
    pub(super) async fn challenge_alone(
        &self,
        guild: &GuildId,
        user: &UserId,
        shown: &str,
        event: EventId,
        settings: &TelegramSettings,
    ) -> Result<bool, String> {
        let seconds = alone(settings);
        let mut challenge = Challenge::new((guild, user), shown, event, true, seconds);
        let (line, right) = self.question(&challenge, settings).await;
        challenge.right = right;
        self.keep(&challenge).await?;
        self.ends_in(&challenge, Duration::from_secs(seconds)).await?;
        let before = challenge.clone();
        match self.show(&challenge, &line).await {
            Ok(message) => challenge.message = message,
            Err(error) if !error.clone().platform(Right::Delete).is_permanent() => return Err(chain(&error)),
            Err(error) => {
                tracing::info!(%guild, %user, "Nothing can be asked alone: {}", chain(&error));
                self.drop(&challenge).await?;
                return Ok(false);
            }
        }
        self.stands_at(&before, &challenge).await?;
        Ok(true)
    }

    /// The question of a challenge as it is shown, and the number of its right answer.
    async fn question(&self, of: &Challenge, settings: &TelegramSettings) -> (Line, u8) {
        let tongue = self.speaker.tongue(&of.guild).await;
        let (shown, seconds) = if of.asks {
            (self.title(&of.guild).await, alone(settings))
        } else {
            let name = escape(&of.name);
            let mention = format!("<a href=\"tg://user?id={}\">{name}</a>", of.user);
            (mention, settings.captcha_seconds)
        };
        let span = tongue.span(crate::words::seconds(seconds));
        let question = Question::new(&Asked {
            tongue,
            button: settings.captcha_button.as_deref(),
            kind: match settings.captcha {
                Captcha::Off => Captcha::Button,
                kind => kind,
            },
            asks: of.asks.then_some(of.guild.as_str()),
            user: &of.user,
            event: of.event,
            round: of.round,
            shown: &shown,
            time: &if of.asks { span } else { escape(&span) },
        });
        let line = Line {
            words: question.words,
            html: !of.asks,
            thread: settings.action_topic.clone().filter(|_| !of.asks),
            buttons: question.buttons,
            picture: question.picture,
            // Should all else fail.
            stays: (!of.asks).then(|| Duration::from_secs(seconds + 60)),
            ..Line::default()
        };
        (line, question.right)
    }

    async fn show(&self, of: &Challenge, line: &Line) -> Result<Option<MessageId>, CallError> {
        if !of.asks {
            return self.speaker.say(&of.guild, line).await;
        }
        match of.user.as_str().parse() {
            Ok(chat) => self.speaker.send(Class::Notice, ChatId(chat), line).await,
            Err(_) => Ok(None),
        }
    }

    /// Shows another picture to somebody who cannot read theirs; says whether there was one. The time goes on.
    pub(super) async fn another(&self, challenge: &Challenge) -> Result<bool, String> {
        let settings = self.speaker.settings(&challenge.guild).await;
        let is_open = challenge.state == State::Open && settings.telegram.captcha == Captcha::Picture;
        if !is_open || challenge.round + 1 >= MOST_PICTURES {
            return Ok(false);
        }
        let mut next = challenge.clone();
        next.round += 1;
        let (line, right) = self.question(&next, &settings.telegram).await;
        next.right = right;
        match self.show(&next, &line).await {
            Ok(message) => next.message = message,
            Err(error) if error.clone().platform(Right::Delete).is_permanent() => return Ok(false),
            Err(error) => return Err(chain(&error)),
        }
        // Of two presses at once one has its picture.
        let stands = self.stands_at(challenge, &next).await?;
        self.tidy(if stands { challenge } else { &next });
        Ok(stands)
    }

    /// Notes where a challenge is asked; says whether it stands still.
    async fn stands_at(&self, before: &Challenge, challenge: &Challenge) -> Result<bool, String> {
        let name = name(&challenge.guild, &challenge.user);
        let (before, after) = (before.text(), challenge.text());
        let set = self.due.replace(&name, &before, &after, challenge.lasts()).await;
        set.map_err(engine)
    }

    async fn ends_in(&self, challenge: &Challenge, time: Duration) -> Result<(), String> {
        let task = Task::Challenge {
            guild: challenge.guild.clone(),
            user: challenge.user.clone(),
            event: challenge.event,
        };
        let name = name(&challenge.guild, &challenge.user);
        self.due.put(&name, &task, time).await.map_err(engine)
    }
}

/// Seconds for which somebody is asked alone: Telegram lets us write to them for five minutes.
fn alone(settings: &TelegramSettings) -> u64 {
    settings.captcha_seconds.min(240)
}
