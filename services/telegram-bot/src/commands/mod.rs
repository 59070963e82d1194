//! Commands of moderators. Each becomes a wish, which the backend decides as it decides all others; what is said of it is
//! what came of it.

mod ask;
mod parse;

use crate::administrators::Administrators;
use crate::client::{CallError, Client};
use crate::sweeper::Sweeper;
use crate::updates::Memory;
use anyhow::Context as _;
use ask::Wished;
use lockdown_bus::{Bus, ConsumerOptions, Did, GroupName, Handler, HandlerError, OnceError, Received, Start};
use lockdown_events::{
    Action, AuthorKind, ChannelId, Envelope, Event, Message, MessageEvent, MessageRef, ModerationAction,
    Origin, Platform, UserId,
};
use lockdown_moderation::{Profile, Rank, Right};
use lockdown_runtime::{Clock, chain};
use parse::{Command, Deed, Target, parse};
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::{SendMessage, SendMessageSetters};
use teloxide::prelude::Requester;
use teloxide::types::{self, ReplyParameters, ThreadId};
use tokio::sync::OnceCell;

/// The group by which the bot's processes share commands.
const GROUP: &str = "telegram-bot.commands";
/// What was refused is read and then in the way.
const TIDY_AFTER: Duration = Duration::from_secs(20);

/// Does what moderators command.
pub(crate) struct Commands {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) administrators: Arc<Administrators>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) sweeper: Arc<Sweeper>,
    /// The bot's own username, once somebody named one.
    pub(crate) username: OnceCell<String>,
}

/// Why a command came to nothing, in words for whoever gave it.
#[derive(Debug, Clone, thiserror::Error)]
enum No {
    #[error("Only administrators can do that.")]
    NotStaff,
    #[error("You need the right to ban users for that.")]
    Lacks,
    #[error("I cannot see who you are: send it without staying anonymous.")]
    Anonymous,
    #[error("I do not know @{0}. Answer one of their messages, or write their number.")]
    Unknown(String),
    #[error("{0}")]
    Fault(#[from] parse::Fault),
    #[error("{0}")]
    Refused(String),
}

// === impl No ===

impl No {
    /// Whether the command itself goes, since it should not have been given.
    fn removes_command(&self) -> bool {
        matches!(self, Self::NotStaff | Self::Lacks)
    }
}

// === impl Commands ===

impl Commands {
    /// Does what is commanded until the bus is closed.
    pub(crate) async fn start(self) -> anyhow::Result<()> {
        let bus = self.bus.clone();
        let this = Arc::new(self);
        let handler = Handler::new("command", ["message:created"], move |received| {
            let this = Arc::clone(&this);
            async move { this.handle(&received).await }
        });
        let group = GroupName::new(GROUP).context("the group has no name")?;
        // What was said before there was anybody to obey is history.
        bus.consume(group, &Start::Now, vec![handler], ConsumerOptions::default())
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
            return Ok(());
        };
        if let Some(to) = addressed.to
            && !self.is_us(to).await?
        {
            return Ok(());
        }
        let command = addressed.command.map_err(No::from);
        let envelope = &received.envelope;
        let running = self.bus.once().run(GROUP, envelope.event_id, |_| async {
            match self.run(message, envelope, command).await {
                Ok(()) => Ok(()),
                Err(Stop::No(no)) => {
                    self.refuse(message, &no);
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

    async fn run(
        self: &Arc<Self>,
        message: &Message,
        envelope: &Envelope,
        command: Result<Command, No>,
    ) -> Result<(), Stop> {
        let needs = match &command {
            Ok(Command {
                deed: Deed::Act(action),
                ..
            }) => Profile::of(*action).right,
            Ok(_) | Err(_) => Right::Note,
        };
        self.may(message, needs).await?;
        let command = command?;
        let action = match (command.deed, command.number) {
            (Deed::Act(action), _) => action,
            (Deed::Case, number) => return self.tell_case(message, number.unwrap_or_default()).await,
        };
        let subject = match &command.target {
            Some(Target::Id(id)) => *id,
            Some(Target::Username(name)) => {
                self.memory.find(name).ok_or_else(|| No::Unknown(name.clone()))?
            }
            None => return Err(No::Fault(parse::Fault::Whom).into()),
        };
        let wish = self.wish(message, envelope, action, subject, &command);
        let wished = ask::wish(&self.bus, &wish).await?;
        let replied = message.reply_to.as_ref();
        if command.delete
            && let Some(replied) = replied
        {
            self.sweeper
                .delete_unasked(&message.guild_id, &replied.message_id);
        }
        if command.silent {
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
            return Ok(());
        }
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move { this.report(&message, &wish, wished).await });
        Ok(())
    }

    /// Whether somebody may command this. The backend decides in the end; this spares it what need not be asked.
    async fn may(&self, message: &Message, needs: Right) -> Result<(), Stop> {
        if message.author.kind == AuthorKind::AnonymousAdmin {
            return Err(No::Anonymous.into());
        }
        let staff = self.administrators.of(&message.guild_id).await?;
        let id: i64 = message.author_id.as_str().parse().unwrap_or_default();
        match staff.ranks.get(&id) {
            None => Err(No::NotStaff.into()),
            Some(Rank::Owner) => Ok(()),
            Some(rank) if rank.rights().has(needs) => Ok(()),
            Some(_) => Err(No::Lacks.into()),
        }
    }

    fn wish(
        &self,
        message: &Message,
        envelope: &Envelope,
        action: Action,
        subject: i64,
        command: &Command,
    ) -> ModerationAction {
        let channel = ChannelId::new(message.guild_id.as_str()).ok();
        let evidence = message.reply_to.iter().map(|replied| MessageRef {
            channel_id: channel.clone(),
            message_id: replied.message_id.clone(),
        });
        let said = envelope.timestamp;
        ModerationAction {
            platform: Platform::Telegram,
            guild_id: message.guild_id.clone(),
            action,
            user_id: UserId::new(&subject.to_string()).expect("a number is an id"),
            moderator_id: Some(message.author_id.clone()),
            reason: command.reason.clone(),
            // Counted from when it is obeyed, not from when it was said: both may lie apart after an outage.
            expires_at: command
                .lasts
                .map(|span| said.max(self.clock.now()) + span.delta()),
            origin: Origin::Command,
            case_number: None,
            delete_message_seconds: None,
            notify: None,
            // Asked again after a crash, it is the same case.
            native_id: Some(format!("telegram:command:{}", envelope.event_id)),
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: evidence.collect(),
            points: None,
        }
    }

    /// Says what came of a wish, once Telegram has answered.
    async fn report(&self, message: &Message, wish: &ModerationAction, wished: Wished) {
        let name = self
            .memory
            .name_of(&wish.user_id)
            .unwrap_or_else(|| wish.user_id.to_string());
        let words = ask::outcome(&self.bus, &self.clock, wish, &name, wished).await;
        if let Err(error) = self.say(message, &words).await {
            tracing::warn!(guild = %message.guild_id, "Could not answer a command: {error}");
        }
    }

    async fn tell_case(self: &Arc<Self>, message: &Message, number: u64) -> Result<(), Stop> {
        let words = ask::case(&self.bus, &message.guild_id, number).await?;
        let (this, message) = (Arc::clone(self), message.clone());
        tokio::spawn(async move {
            if let Err(error) = this.say(&message, &words).await {
                tracing::warn!(guild = %message.guild_id, "Could not answer a command: {error}");
            }
        });
        Ok(())
    }

    /// Says why not, and takes that away again.
    fn refuse(self: &Arc<Self>, message: &Message, no: &No) {
        if no.removes_command() {
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
        }
        let (this, message, words) = (Arc::clone(self), message.clone(), no.to_string());
        tokio::spawn(async move {
            let said = match this.say(&message, &words).await {
                Ok(said) => said,
                Err(error) => return tracing::debug!("Could not refuse a command: {error}"),
            };
            this.clock.sleep(TIDY_AFTER).await;
            if let Some(said) = said {
                this.sweeper.delete_unasked(&message.guild_id, &said);
            }
        });
    }

    /// Says something where a message stands, as an answer to it, without a sound.
    async fn say(
        &self,
        message: &Message,
        words: &str,
    ) -> Result<Option<lockdown_events::MessageId>, CallError> {
        let chat = self.client.chat(&message.guild_id)?;
        let number = |text: &str| text.parse().ok().map(types::MessageId);
        let to = number(message.message_id.as_str());
        let thread = message
            .thread_id
            .as_ref()
            .and_then(|thread| number(thread.as_str()));
        let words = crate::platform::cut(words, crate::platform::LONGEST);
        let make = |chat| {
            let mut sent = SendMessage::new(chat, words.clone()).disable_notification(true);
            sent.reply_parameters = to.map(|to| ReplyParameters::new(to).allow_sending_without_reply());
            sent.message_thread_id = thread.map(ThreadId);
            sent
        };
        let said = self.client.call(crate::client::Class::Notice, chat, make).await?;
        let id = said["message_id"].as_i64();
        Ok(id.and_then(|id| lockdown_events::MessageId::new(&id.to_string()).ok()))
    }
}

/// Why a command goes no further.
enum Stop {
    No(No),
    /// Something is away: it is tried again.
    Again(String),
}

impl From<No> for Stop {
    fn from(no: No) -> Self {
        Self::No(no)
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Again(chain(&error))
    }
}
