//! Commands about people: each is a wish, and what is said of it is what came of it.

use super::ask::{self, Wished};
use super::parse::{Command, Fault, Target, answers};
use super::{Commands, No, OUTCOME_STAYS, Said, Stop};
use crate::speaker::Line;
use crate::words::words;
use lockdown_events::{Action, ChannelId, Message, MessageRef, ModerationAction, Origin, Platform, UserId};
use std::sync::Arc;

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
        let wished = ask::wish(&self.bus, &wish).await?;
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
        let wish = ModerationAction {
            moderator_id: Some(own),
            reason: Some(words("kickme_reason", &[])),
            ..self.wish(said, Action::Kick, &said.message.author_id, command)
        };
        let wished = ask::wish(&self.bus, &wish).await?;
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

    fn wish(&self, said: &Said, action: Action, subject: &UserId, command: &Command) -> ModerationAction {
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
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: evidence.into_iter().collect(),
            points: None,
        }
    }

    /// Says what came of a wish, once Telegram has answered; silently, the command itself goes and nothing is said.
    fn follow(self: &Arc<Self>, message: &Message, silent: bool, wish: ModerationAction, wished: Wished) {
        if silent {
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
            return;
        }
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move {
            let name = this.name(&wish.user_id);
            let words = ask::outcome(&this.bus, &this.clock, &wish, &name, wished).await;
            this.tell(&message, Line::answer(&message, words).staying(OUTCOME_STAYS))
                .await;
        });
    }

    /// What somebody is called.
    pub(super) fn name(&self, user: &UserId) -> String {
        self.memory.name_of(user).unwrap_or_else(|| user.to_string())
    }
}
