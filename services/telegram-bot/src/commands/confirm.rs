//! Administrators who hide behind their group: nobody can see who commands, so whoever it was presses a button, and then
//! it is theirs as if they had not hidden.

use super::parse::parse;
use super::{Commands, No, Said, Stop};
use crate::client::Class;
use crate::speaker::Line;
use lockdown_bus::{HandlerError, Received};
use lockdown_events::{AuthorKind, ButtonPressed, Event, MessageEvent, Platform};
use lockdown_runtime::chain;
use std::sync::Arc;
use std::time::Duration;

/// What the button sends, before the number of the command.
const CONFIRM: &str = "confirm:";
const STANDS: Duration = Duration::from_secs(300);

// === impl Commands ===

impl Commands {
    /// Keeps the command, and asks whose it is.
    pub(super) async fn ask_who(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let message = &said.message;
        let kept = serde_json::to_string(said).map_err(|error| Stop::Again(chain(&error)))?;
        let name = name(message.guild_id.as_str(), message.message_id.as_str());
        let noted = self.due.note(&name, &kept, STANDS).await;
        noted.map_err(|error| Stop::Again(chain(&error)))?;
        let tongue = self.speaker.tongue(&message.guild_id).await;
        let button = (
            tongue.say("confirm_button", &[]),
            format!("{CONFIRM}{}", message.message_id),
        );
        let line = Line {
            buttons: vec![vec![button]],
            ..Line::answer(message, tongue.say("confirm", &[])).staying(STANDS)
        };
        self.speaker
            .say_as(Class::Delete, &message.guild_id, &line)
            .await?;
        Ok(())
    }

    pub(super) async fn pressed(self: &Arc<Self>, received: &Received) -> Result<(), HandlerError> {
        let Event::Message(MessageEvent::ButtonPressed(pressed)) = &received.event else {
            return Ok(());
        };
        let Some(number) = pressed.data.strip_prefix(CONFIRM) else {
            return Ok(());
        };
        if pressed.platform != Platform::Telegram {
            return Ok(());
        }
        let name = name(pressed.guild_id.as_str(), number);
        let again = |error| HandlerError::Again(chain(&error));
        let kept = self.due.read(&name).await.map_err(again)?;
        let said = kept
            .as_deref()
            .and_then(|kept| serde_json::from_str::<Said>(kept).ok());
        let tongue = self.speaker.tongue(&pressed.guild_id).await;
        let (Some(kept), Some(mut said)) = (kept, said) else {
            self.speaker.answer(pressed, &tongue.say("gone_by", &[])).await;
            return Ok(());
        };
        said.message.author_id = pressed.user_id.clone();
        said.message.author.kind = AuthorKind::Person;
        match self.confirmed(&said, pressed).await {
            Ok(()) => {}
            Err(Stop::No(no)) => {
                self.speaker.answer(pressed, &no.words(tongue)).await;
                return Ok(());
            }
            Err(Stop::Again(words)) => return Err(HandlerError::Again(words)),
        }
        let event = said.event;
        let done = self.once(event.follow_up("confirmed"), &said, || async {
            let addressed = parse(&said.message).and_then(|addressed| addressed.command.ok());
            match addressed {
                Some(command) => self.run(&said, &command).await,
                None => Ok(()),
            }
        });
        done.await?;
        self.due.strike(&name, &kept).await.map_err(again)?;
        self.speaker.answer(pressed, "").await;
        self.sweeper
            .delete_unasked(&pressed.guild_id, &pressed.message_id);
        Ok(())
    }

    /// Whether whoever pressed may what was commanded. What is wrong with the command is told to them, too.
    async fn confirmed(&self, said: &Said, pressed: &ButtonPressed) -> Result<(), Stop> {
        let Some(addressed) = parse(&said.message) else {
            return Ok(());
        };
        let needs = match &addressed.command {
            Ok(command) => command.deed.needs(),
            Err(_) => super::Needs::Right(lockdown_moderation::Right::Note),
        };
        self.may(&pressed.guild_id, &pressed.user_id, needs).await?;
        addressed
            .command
            .map(drop)
            .map_err(|fault| No::from(fault).into())
    }
}

fn name(guild: &str, number: &str) -> String {
    format!("telegram.confirm/{guild}/{number}")
}
