//! What comes of an answer at the door, and of none.

use super::challenge::{Challenge, State, engine, name};
use super::question::{AGAIN, PRESS};
use super::{Door, passing};
use crate::ask::Unanswered;
use lockdown_events::{Action, ButtonPressed, EventId, GuildId, ModerationAction, Origin, Platform, UserId};
use lockdown_moderation::{CaptchaLate, Platform as _, Term};

/// The name of the rule by which they go who do not answer.
const RULE: &str = "captcha";

// === impl Door ===

impl Door {
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
        if choice == AGAIN {
            let words = match self.another(&challenge).await? {
                true => String::new(),
                false => tongue.say("captcha.no_more", &[]),
            };
            self.speaker.answer(pressed, &words).await;
            return Ok(());
        }
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
            // Whoever answered wrongly is not let off by waiting.
            let late = match self.speaker.settings(guild).await.telegram.captcha_late {
                CaptchaLate::Free => CaptchaLate::Kick,
                late => late,
            };
            self.fail(&challenge, &tongue.say("captcha.failed", &[]), late)
                .await?;
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
        let late = self.speaker.settings(guild).await.telegram.captcha_late;
        self.fail(&challenge, &tongue.say("captcha.late", &[]), late)
            .await
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
    pub(super) async fn free(&self, challenge: &Challenge) -> Result<(), String> {
        let (guild, user) = (&challenge.guild, &challenge.user);
        match self.telegram.unmute(guild, user, "").await {
            Ok(()) => Ok(()),
            Err(error) => passing("let somebody speak who answered", guild, user, &error),
        }
    }

    async fn fail(&self, challenge: &Challenge, why: &str, late: CaptchaLate) -> Result<(), String> {
        let (guild, user) = (&challenge.guild, &challenge.user);
        match late {
            _ if challenge.asks => self.turn_away(guild, user).await?,
            CaptchaLate::Kick => self.kick(challenge, why).await?,
            CaptchaLate::Free => self.free(challenge).await?,
            // Until now it would have ended by itself.
            CaptchaLate::Mute => match self.telegram.mute(guild, user, Term::Forever, "").await {
                Ok(()) => {}
                Err(error) => passing("leave somebody silent who did not answer", guild, user, &error)?,
            },
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
            batch_id: None,
            trace_id: None,
            rule: Some(RULE.to_owned()),
            rule_set_hash: None,
            evidence: Vec::new(),
            points: None,
        };
        match self.asking.wish(&wish).await {
            Ok(_) => Ok(()),
            Err(Unanswered::Refused(refused)) => {
                tracing::info!(guild = %challenge.guild, user = %challenge.user, "Not removed: {}", refused.message);
                Ok(())
            }
            Err(Unanswered::Away(words)) => Err(words),
        }
    }

    /// Takes the question away.
    pub(super) fn tidy(&self, challenge: &Challenge) {
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
}
