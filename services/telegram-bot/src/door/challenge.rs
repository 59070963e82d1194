//! What is asked at the door, and what comes of it.

use super::{Door, passing};
use crate::client::{CallError, Class};
use crate::due::Task;
use crate::speaker::{Line, escape};
use chrono::TimeDelta;
use lockdown_bus::EngineError;
use lockdown_events::{
    Action, ButtonPressed, EventId, GuildId, MessageId, ModerationAction, Origin, Platform, UserId,
};
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{Captcha, Platform as _, Right, TelegramSettings, Term};
use lockdown_runtime::chain;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use teloxide::payloads::{ApproveChatJoinRequest, DeclineChatJoinRequest};
use teloxide::prelude::ChatId;

/// What the buttons send: `door:` whom it is for `:` which answer.
const PRESS: &str = "door:";
/// Answers to choose from.
const CHOICES: u8 = 4;
/// Telegram lets people speak by itself so long after their time is over, should we never come back.
const AFTERWARDS: TimeDelta = TimeDelta::hours(1);
/// The name of the rule by which they go who do not answer.
const RULE: &str = "captcha";

/// A challenge, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Challenge {
    guild: GuildId,
    user: UserId,
    name: String,
    /// What it began with.
    event: EventId,
    /// The number of the right answer.
    right: u8,
    /// Where it is asked.
    message: Option<MessageId>,
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

/// A question, and its answers.
pub(super) struct Question {
    pub(super) words: String,
    pub(super) buttons: Vec<Vec<(String, String)>>,
    right: u8,
}

fn name(guild: &GuildId, user: &UserId) -> String {
    format!("telegram.door/{guild}/{user}")
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn engine(error: EngineError) -> String {
    chain(&error)
}

// === impl Challenge ===

impl Challenge {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a challenge can be written")
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(self.lasts)
    }
}

// === impl Question ===

impl Question {
    /// `about` stands behind what the buttons send. The same event has the same question.
    pub(super) fn new(
        tongue: &Tongue,
        kind: Captcha,
        asks: Option<&str>,
        user: &UserId,
        event: EventId,
        words: (&str, String),
    ) -> Self {
        let (shown, time) = words;
        let about = asks.map(|guild| format!("~{guild}")).unwrap_or_default();
        let data = |choice: u8| format!("{PRESS}{user}:{choice}{about}");
        let seed = event.0.as_u128();
        let stem = if asks.is_some() {
            "captcha.request_"
        } else {
            "captcha."
        };
        if kind != Captcha::Question {
            let key = format!("{stem}press");
            return Self {
                words: tongue.say(&key, &[("name", &shown), ("chat", &shown), ("time", &time)]),
                buttons: vec![vec![(tongue.say("captcha.button", &[]), data(0))]],
                right: 0,
            };
        }
        let part = |shift: u32, many: u128| u8::try_from((seed >> shift) % many).unwrap_or(0);
        let (one, two, right) = (2 + part(0, 7), 2 + part(8, 7), part(16, CHOICES.into()));
        // Neighbours of the sum, each once, with the sum at its place.
        let answer = |choice: u8| one + two + choice - right;
        let key = format!("{stem}question");
        let with: lockdown_moderation::words::With<'_> = &[
            ("name", &shown),
            ("chat", &shown),
            ("time", &time),
            ("one", &one),
            ("two", &two),
        ];
        let buttons = (0..CHOICES).map(|choice| (answer(choice).to_string(), data(choice)));
        Self {
            words: tongue.say(&key, with),
            buttons: vec![buttons.collect()],
            right,
        }
    }
}

// === impl Door ===

impl Door {
    async fn kept(&self, guild: &GuildId, user: &UserId) -> Result<Option<Challenge>, String> {
        let kept = self.due.read(&name(guild, user)).await.map_err(engine)?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    async fn keep(&self, challenge: &Challenge) -> Result<(), String> {
        let name = name(&challenge.guild, &challenge.user);
        let kept = self.due.note(&name, &challenge.text(), challenge.lasts()).await;
        kept.map_err(engine)
    }

    async fn drop(&self, challenge: &Challenge) -> Result<(), String> {
        let name = name(&challenge.guild, &challenge.user);
        self.due.cancel(&name).await.map_err(engine)?;
        self.due.strike(&name, &challenge.text()).await.map_err(engine)?;
        Ok(())
    }

    /// Decides a challenge that is open; says whether it was.
    async fn decide(&self, challenge: &mut Challenge, state: State) -> Result<bool, String> {
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
        match self.kept(guild, user).await? {
            Some(kept) if !kept.asks && kept.state == State::Open => {
                self.drop(&kept).await?;
                self.tidy(&kept);
                Ok(())
            }
            _ => Ok(()),
        }
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
        let tongue = self.speaker.tongue(guild).await;
        let mention = format!("<a href=\"tg://user?id={user}\">{}</a>", escape(shown));
        let span = tongue.span(crate::words::seconds(settings.captcha_seconds));
        let question = Question::new(
            tongue,
            settings.captcha,
            None,
            user,
            event,
            (&mention, escape(&span)),
        );
        let mut challenge = Challenge {
            guild: guild.clone(),
            user: user.clone(),
            name: shown.to_owned(),
            event,
            right: question.right,
            message: None,
            asks: false,
            state: State::Open,
            lasts: settings.captcha_seconds + AFTERWARDS.num_seconds().unsigned_abs(),
        };
        self.keep(&challenge).await?;
        self.ends_in(&challenge, time).await?;
        let before = challenge.clone();
        let line = Line {
            words: question.words,
            html: true,
            buttons: question.buttons,
            // Should all else fail.
            stays: Some(time + Duration::from_secs(60)),
            ..Line::default()
        };
        match self.speaker.say(guild, &line).await {
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
        // Telegram lets us write to them for five minutes.
        let seconds = settings.captcha_seconds.min(240);
        let time = Duration::from_secs(seconds);
        let tongue = self.speaker.tongue(guild).await;
        let title = self.title(guild).await;
        let span = tongue.span(crate::words::seconds(seconds));
        let kind = if settings.captcha == Captcha::Off {
            Captcha::Button
        } else {
            settings.captcha
        };
        let question = Question::new(tongue, kind, Some(guild.as_str()), user, event, (&title, span));
        let mut challenge = Challenge {
            guild: guild.clone(),
            user: user.clone(),
            name: shown.to_owned(),
            event,
            right: question.right,
            message: None,
            asks: true,
            state: State::Open,
            lasts: seconds + AFTERWARDS.num_seconds().unsigned_abs(),
        };
        self.keep(&challenge).await?;
        self.ends_in(&challenge, time).await?;
        let before = challenge.clone();
        let line = Line {
            words: question.words,
            buttons: question.buttons,
            ..Line::default()
        };
        let Ok(chat) = user.as_str().parse().map(ChatId) else {
            return Ok(false);
        };
        match self.speaker.send(Class::Notice, chat, &line).await {
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

    /// Somebody pressed a button, of whichever message of ours.
    pub(super) async fn pressed(&self, pressed: &ButtonPressed) -> Result<(), String> {
        let Some(data) = pressed.data.strip_prefix(PRESS) else {
            return Ok(());
        };
        let data = data.split('~').next().unwrap_or_default();
        let Some((whose, choice)) = data.split_once(':') else {
            return Ok(());
        };
        let guild = &pressed.guild_id;
        let tongue = self.speaker.tongue(guild).await;
        if whose != pressed.user_id.as_str() {
            self.speaker
                .answer(pressed, &tongue.say("captcha.not_you", &[]))
                .await;
            return Ok(());
        }
        let Some(mut challenge) = self.kept(guild, &pressed.user_id).await? else {
            self.speaker
                .answer(pressed, &tongue.say("captcha.over", &[]))
                .await;
            return Ok(());
        };
        let right = choice.parse() == Ok(challenge.right);
        let wanted = if right { State::Passed } else { State::Failed };
        if challenge.state == State::Open && !self.decide(&mut challenge, wanted).await? {
            return Err("somebody else decides the same challenge".to_owned());
        }
        // Decided before, it broke off then and is done again.
        if challenge.state == State::Passed {
            self.pass(&challenge).await?;
            self.speaker
                .answer(pressed, &tongue.say("captcha.passed", &[]))
                .await;
        } else {
            self.fail(&challenge, &tongue.say("captcha.failed", &[])).await?;
            let words = if wanted == State::Failed {
                "captcha.answer_wrong"
            } else {
                "captcha.over"
            };
            self.speaker.answer(pressed, &tongue.say(words, &[])).await;
        }
        Ok(())
    }

    /// The time of a challenge is over.
    pub(crate) async fn time_is_over(
        &self,
        guild: &GuildId,
        user: &UserId,
        event: EventId,
    ) -> Result<(), String> {
        let Some(mut challenge) = self.kept(guild, user).await? else {
            return Ok(());
        };
        let of_another = challenge.event != event;
        if of_another || challenge.state == State::Passed {
            return Ok(());
        }
        if challenge.state == State::Open && !self.decide(&mut challenge, State::Failed).await? {
            return Err("somebody else decides the same challenge".to_owned());
        }
        let tongue = self.speaker.tongue(guild).await;
        self.fail(&challenge, &tongue.say("captcha.late", &[])).await
    }

    async fn pass(&self, challenge: &Challenge) -> Result<(), String> {
        let (guild, user) = (&challenge.guild, &challenge.user);
        if challenge.asks {
            // The note stays: it says that they have answered when they come.
            self.let_in(guild, user).await?;
            self.due.cancel(&name(guild, user)).await.map_err(engine)?;
        } else {
            self.free(challenge).await?;
            self.drop(challenge).await?;
            let settings = self.speaker.settings(guild).await;
            self.welcome(guild, &challenge.name, &settings.telegram).await;
        }
        self.tidy(challenge);
        Ok(())
    }

    /// What everybody may, they may from now on.
    async fn free(&self, challenge: &Challenge) -> Result<(), String> {
        let (guild, user) = (&challenge.guild, &challenge.user);
        match self.telegram.unmute(guild, user, "").await {
            Ok(()) => Ok(()),
            Err(error) => passing("let somebody speak who answered", guild, user, &error),
        }
    }

    async fn fail(&self, challenge: &Challenge, why: &str) -> Result<(), String> {
        let (guild, user) = (&challenge.guild, &challenge.user);
        if challenge.asks {
            self.turn_away(guild, user).await?;
        } else {
            self.kick(challenge, why).await?;
        }
        self.drop(challenge).await?;
        self.tidy(challenge);
        Ok(())
    }

    /// Has them removed, who may come back and try again.
    async fn kick(&self, challenge: &Challenge, why: &str) -> Result<(), String> {
        let wish = ModerationAction {
            platform: Platform::Telegram,
            guild_id: challenge.guild.clone(),
            action: Action::Kick,
            user_id: challenge.user.clone(),
            moderator_id: None,
            reason: Some(why.to_owned()),
            expires_at: None,
            origin: Origin::Automod,
            case_number: None,
            delete_message_seconds: None,
            notify: Some(false),
            native_id: Some(format!("telegram:captcha:{}", challenge.event)),
            trace_id: None,
            rule: Some(RULE.to_owned()),
            rule_set_hash: None,
            evidence: Vec::new(),
            points: None,
        };
        match self.asking.wish(&wish).await {
            Ok(_) => Ok(()),
            Err(crate::ask::Unanswered::Refused(refused)) => {
                tracing::info!(guild = %challenge.guild, user = %challenge.user, "Not removed: {}", refused.message);
                Ok(())
            }
            Err(crate::ask::Unanswered::Away(words)) => Err(words),
        }
    }

    /// Takes the question away.
    fn tidy(&self, challenge: &Challenge) {
        let Some(message) = &challenge.message else {
            return;
        };
        let place = if challenge.asks {
            GuildId::new(challenge.user.as_str()).ok()
        } else {
            Some(challenge.guild.clone())
        };
        if let Some(place) = place {
            self.sweeper.delete_unasked(&place, message);
        }
    }

    pub(super) async fn let_in(&self, guild: &GuildId, user: &UserId) -> Result<(), String> {
        let Ok(id) = user.as_str().parse().map(teloxide::types::UserId) else {
            return Ok(());
        };
        let make = |chat| ApproveChatJoinRequest::new(chat, id);
        self.answer_request(guild, user, make).await
    }

    pub(super) async fn turn_away(&self, guild: &GuildId, user: &UserId) -> Result<(), String> {
        let Ok(id) = user.as_str().parse().map(teloxide::types::UserId) else {
            return Ok(());
        };
        let make = |chat| DeclineChatJoinRequest::new(chat, id);
        self.answer_request(guild, user, make).await
    }

    async fn answer_request<P>(
        &self,
        guild: &GuildId,
        user: &UserId,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<(), String>
    where
        P: teloxide::requests::Payload + Serialize + Send + Sync + 'static,
    {
        let chat = self.client.chat(guild).map_err(|error| chain(&error))?;
        match self.client.call(Class::Sanction, chat, make).await {
            Ok(_) => Ok(()),
            // An administrator was faster, or they took it back.
            Err(CallError::Refused { words, .. }) if words.contains("HIDE_REQUESTER_MISSING") => Ok(()),
            Err(error) => passing(
                "answer who asks to join",
                guild,
                user,
                &error.platform(Right::Kick),
            ),
        }
    }
}
