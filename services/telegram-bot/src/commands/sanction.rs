//! Commands about people: each is a wish, and what is said of it is what came of it.

use super::parse::{Command, Fault, Target, answers};
use super::{Commands, No, OUTCOME_STAYS, Said, Stop};
use crate::ask::{Told, Unanswered, Wished};
use crate::speaker::Line;
use lockdown_events::{
    Action, ChannelId, GuildId, Message, MessageRef, ModerationAction, Origin, Platform, UserId,
};
use lockdown_moderation::Term;
use lockdown_moderation::words::With;
use std::sync::Arc;
use std::time::Duration;

/// How long whoever commanded waits for Telegram's answer, and how often we look.
const OUTCOME: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);

// === impl Commands ===

impl Commands {
    pub(super) async fn act(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        action: Action,
    ) -> Result<(), Stop> {
        let message = &said.message;
        let subject = self.subject(command)?.ok_or(No::Fault(Fault::Whom))?;
        let wish = self.wish(said, action, &subject, command);
        let wished = self.asking.wish(&wish).await?;
        if command.delete
            && let Some(replied) = answers(message)
        {
            self.sweeper.delete_unasked(&message.guild_id, replied);
        }
        self.follow(message, command.silent, wish, wished);
        Ok(())
    }

    /// Whoever says it goes, and may return. The bot does it in its own name, since nobody decides about themselves.
    pub(super) async fn kick_me(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let own = UserId::new(&self.client.own().to_string()).expect("a number is an id");
        let tongue = self.speaker.tongue(&said.message.guild_id).await;
        let reason = tongue.say("kickme_reason", &[]);
        let wish = ModerationAction {
            moderator_id: Some(own),
            reason: Some(reason),
            ..self.wish(said, Action::Kick, &said.message.author_id, command)
        };
        let wished = self.asking.wish(&wish).await?;
        self.follow(&said.message, false, wish, wished);
        Ok(())
    }

    /// Whom a command is about.
    pub(super) fn subject(&self, command: &Command) -> Result<Option<UserId>, No> {
        let id = match &command.target {
            Some(Target::Id(id)) => *id,
            Some(Target::Username(name)) => {
                self.memory.find(name).ok_or_else(|| No::Unknown(name.clone()))?
            }
            None => return Ok(None),
        };
        Ok(Some(UserId::new(&id.to_string()).expect("a number is an id")))
    }

    pub(super) fn wish(
        &self,
        said: &Said,
        action: Action,
        subject: &UserId,
        command: &Command,
    ) -> ModerationAction {
        let message = &said.message;
        let channel = ChannelId::new(message.guild_id.as_str()).ok();
        let evidence = answers(message).map(|replied| MessageRef {
            channel_id: channel,
            message_id: replied.clone(),
        });
        ModerationAction {
            platform: Platform::Telegram,
            guild_id: message.guild_id.clone(),
            action,
            user_id: subject.clone(),
            moderator_id: Some(message.author_id.clone()),
            reason: command.reason.clone(),
            // Counted from when it is obeyed, not from when it was said: both may lie apart after an outage.
            expires_at: command
                .lasts
                .map(|span| said.at.max(self.clock.now()) + span.delta()),
            origin: Origin::Command,
            case_number: None,
            delete_message_seconds: None,
            notify: None,
            // Asked again after a crash, it is the same case.
            native_id: Some(format!("telegram:command:{}", said.event)),
            batch_id: None,
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: evidence.into_iter().collect(),
            points: None,
        }
    }

    /// Says what came of a wish, once Telegram has answered; silently, nothing is said.
    pub(super) fn follow(
        self: &Arc<Self>,
        message: &Message,
        silent: bool,
        wish: ModerationAction,
        wished: Wished,
    ) {
        if silent {
            return;
        }
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move {
            let name = this.name(&wish.user_id);
            let words = this.outcome(&wish, &name, wished).await;
            this.tell(&message, Line::answer(&message, words).staying(OUTCOME_STAYS))
                .await;
        });
    }

    /// What came of a wish, in words: nobody is `banned` before Telegram said so.
    async fn outcome(&self, wish: &ModerationAction, name: &str, wished: Wished) -> String {
        let tongue = self.speaker.tongue(&wish.guild_id).await;
        let past = |action: Action| tongue.say(&format!("past.{action}"), &[]);
        let (case, action) = (wished.case_number, tongue.action(wish.action));
        let done = past(wish.action);
        if !wished.new {
            return tongue.say(
                "outcome.already",
                &[("name", &name), ("past", &done), ("case", &case)],
            );
        }
        let mut words = match self.answered(&wish.guild_id, case).await {
            Some(told) if told.state == "failed" => {
                let why = told.error.unwrap_or_else(|| tongue.say("outcome.no_reason", &[]));
                let told: With<'_> = &[
                    ("action", &action),
                    ("name", &name),
                    ("why", &why),
                    ("case", &case),
                ];
                tongue.say("outcome.failed", told)
            }
            Some(_) => {
                let mut letters = done.chars();
                let first = letters.next().map(|letter| letter.to_uppercase().to_string());
                let done = first.unwrap_or_default() + letters.as_str();
                match Term::from(wish.expires_at) {
                    Term::Forever => tongue.say(
                        "outcome.done",
                        &[("done", &done), ("name", &name), ("case", &case)],
                    ),
                    term => {
                        let time = tongue.left(term, self.clock.now());
                        let told: With<'_> =
                            &[("done", &done), ("name", &name), ("time", &time), ("case", &case)];
                        tongue.say("outcome.done_for", told)
                    }
                }
            }
            None => tongue.say(
                "outcome.waits",
                &[("case", &case), ("name", &name), ("past", &done)],
            ),
        };
        if let Some(step) = wished.step {
            let more: With<'_> = &[("past", &past(step.action)), ("case", &step.case_number)];
            words.push(' ');
            words.push_str(&tongue.say("outcome.more", more));
        }
        words
    }

    /// The case once Telegram's answer is known, if that comes while anybody waits for it.
    pub(super) async fn answered(&self, guild: &GuildId, number: u64) -> Option<Told> {
        let until = self.clock.now() + OUTCOME;
        loop {
            let told: Result<Told, Unanswered> = self.asking.case(guild, number).await;
            match told {
                Ok(told) if told.state != "requested" => return Some(told),
                Ok(_) | Err(_) if self.clock.now() >= until => return None,
                Ok(_) | Err(_) => self.clock.sleep(LOOK).await,
            }
        }
    }

    /// What somebody is called.
    pub(super) fn name(&self, user: &UserId) -> String {
        self.memory.name_of(user).unwrap_or_else(|| user.to_string())
    }
}
