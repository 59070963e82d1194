//! Commands that only look, those that pin, and the call for those who keep order.

use super::parse::{Command, answers, replied};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::client::{CallError, Class};
use crate::speaker::{Line, escape};
use lockdown_events::{GuildId, UserId};
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{LogCategory, Platform as _, Rank, Right, Term};
use lockdown_runtime::chain;
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::{PinChatMessage, UnpinAllChatMessages, UnpinChatMessage};
use teloxide::types::MessageId;

/// For how long one message is not called for again.
const CALLED: Duration = Duration::from_secs(3600);
/// How long somebody who called waits before they call again.
const CALLS: Duration = Duration::from_secs(30);
/// Telegram tells so many of those whom a message names.
const NAMED: usize = 50;

// === impl Commands ===

impl Commands {
    /// Names everybody's number.
    pub(super) async fn ids(self: &Arc<Self>, said: &Said) {
        let message = &said.message;
        let tongue = self.speaker.tongue(&message.guild_id).await;
        let replied = message.reply_author_id.as_ref().map(ToString::to_string);
        let answered = answers(message).map(ToString::to_string);
        let told: With<'_> = &[
            ("chat", &message.guild_id),
            ("you", &message.author_id),
            ("replied", &replied.as_deref().unwrap_or_default()),
            ("message", &answered.as_deref().unwrap_or_default()),
        ];
        let key = if answered.is_some() && replied.is_some() {
            "ids_replied"
        } else {
            "ids"
        };
        self.tell_later(
            message,
            Line::answer(message, tongue.say(key, told)).staying(LOOK_STAYS),
        );
    }

    pub(super) async fn help(self: &Arc<Self>, said: &Said) {
        let tongue = self.speaker.tongue(&said.message.guild_id).await;
        let line = Line::answer(&said.message, tongue.say("help", &[]));
        self.tell_later(&said.message, line.staying(LOOK_STAYS));
    }

    /// What the bot keeps of people, and who may ask for it.
    pub(super) async fn privacy(self: &Arc<Self>, said: &Said) {
        let tongue = self.speaker.tongue(&said.message.guild_id).await;
        let line = Line::answer(&said.message, tongue.say("privacy", &[]));
        self.tell_later(&said.message, line.staying(LOOK_STAYS));
    }

    /// Who keeps order, by name: nobody is called by it. Who hides stays hidden.
    pub(super) async fn administrators(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let staff = self.administrators.of(&said.message.guild_id).await?;
        let seen = staff
            .keepers
            .iter()
            .filter(|keeper| !keeper.hidden && !keeper.bot);
        let mut names: Vec<String> = seen.map(|keeper| format!("· {}", keeper.name)).collect();
        names.sort();
        let tongue = self.speaker.tongue(&said.message.guild_id).await;
        let words = tongue.say("administrators", &[("names", &names.join("\n"))]);
        let line = Line::answer(&said.message, words).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    /// How somebody stands here.
    pub(super) async fn info(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let guild = &said.message.guild_id;
        let subject = self.subject(command)?;
        let subject = subject.as_ref().unwrap_or(&said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let (name, standing) = self.standing(guild, subject, tongue).await?;
        let told: With<'_> = &[("name", &name), ("id", subject), ("standing", &standing)];
        let line = Line::answer(&said.message, tongue.say("info", told)).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    async fn standing(
        &self,
        guild: &GuildId,
        user: &UserId,
        tongue: &Tongue,
    ) -> Result<(String, String), Stop> {
        let again = |error| Stop::Again(chain(&error));
        let Some(member) = self.telegram.member(guild, user).await.map_err(again)? else {
            let banned = self.telegram.is_banned(guild, user).await.map_err(again)?;
            let key = if banned {
                "standing_banned"
            } else {
                "standing_absent"
            };
            return Ok((self.name(user), tongue.say(key, &[])));
        };
        let key = match (member.rank, member.muted) {
            (Rank::Owner, _) => "standing_owner",
            (_, Some(term @ Term::Until(_))) => {
                let time = tongue.left(term, self.clock.now());
                return Ok((member.name, tongue.say("standing_muted_for", &[("time", &time)])));
            }
            (_, Some(Term::Forever)) => "standing_muted",
            (rank, None) if rank.is_staff() => "standing_administrator",
            (_, None) => "standing_member",
        };
        Ok((member.name, tongue.say(key, &[])))
    }

    /// Pins what is answered.
    pub(super) async fn pin(&self, said: &Said) -> Result<(), Stop> {
        let message = answered(said).ok_or(No::WhichMessage)?;
        let chat = self.client.chat_of_messages(&said.message.guild_id)?;
        let make = |chat| PinChatMessage {
            disable_notification: Some(true),
            ..PinChatMessage::new(chat, message)
        };
        done(self.client.call(Class::Delete, chat, make).await)
    }

    /// Unpins what is answered, or what was pinned last.
    pub(super) async fn unpin(&self, said: &Said) -> Result<(), Stop> {
        let chat = self.client.chat_of_messages(&said.message.guild_id)?;
        let make = |chat| UnpinChatMessage {
            message_id: answered(said),
            ..UnpinChatMessage::new(chat)
        };
        done(self.client.call(Class::Delete, chat, make).await)
    }

    pub(super) async fn unpin_all(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let chat = self.client.chat(&said.message.guild_id)?;
        done(
            self.client
                .call(Class::Delete, chat, UnpinAllChatMessages::new)
                .await,
        )?;
        let tongue = self.speaker.tongue(&said.message.guild_id).await;
        let line = Line::answer(&said.message, tongue.say("unpinned", &[])).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    /// Calls those who keep order, without a name that anybody sees.
    pub(super) async fn report(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let message = &said.message;
        let guild = &message.guild_id;
        if !self.speaker.settings(guild).await.telegram.reports {
            return Err(No::ReportsOff.into());
        }
        let staff = self.administrators.of(guild).await?;
        let about = answers(message).unwrap_or(&message.message_id);
        if replied(message).is_some_and(|who| staff.ranks.contains_key(&who)) {
            return Err(No::ReportsStaff.into());
        }
        // One message is called for once, and nobody calls all the time.
        for (mark, lasts) in [
            (format!("telegram.reporter/{guild}/{}", message.author_id), CALLS),
            (format!("telegram.report/{guild}/{about}"), CALLED),
        ] {
            let again = |error| Stop::Again(chain(&error));
            let event = said.event.to_string();
            match self.due.read(&mark).await.map_err(again)? {
                // It broke off before they were called.
                Some(known) if known == event => {}
                Some(_) => return Err(No::ReportedBefore.into()),
                None => self.due.note(&mark, &event, lasts).await.map_err(again)?,
            }
        }
        let tongue = self.speaker.tongue(guild).await;
        let called = staff.keepers.iter().filter(|keeper| !keeper.bot).take(NAMED);
        let called = called.map(|keeper| format!("<a href=\"tg://user?id={}\">\u{200b}</a>", keeper.id));
        let line = Line {
            words: escape(&tongue.say("reported", &[])) + &called.collect::<String>(),
            html: true,
            answers: Some(about.clone()),
            thread: message.thread_id.clone(),
            ..Line::default()
        };
        self.tell_later(message, line);
        // In a private supergroup a message has an address, too.
        let chat = guild.as_str().trim_start_matches("-100");
        let told: With<'_> = &[
            ("by", &self.name(&message.author_id)),
            ("chat", &staff.title.as_deref().unwrap_or_default()),
            ("link", &format!("https://t.me/c/{chat}/{about}")),
        ];
        let words = tongue.say("log.reported", told);
        let (log, guild) = (Arc::clone(&self.log), guild.clone());
        tokio::spawn(async move { log.note(&guild, LogCategory::Reports, words).await });
        Ok(())
    }
}

fn answered(said: &Said) -> Option<MessageId> {
    answers(&said.message)?.as_str().parse().ok().map(MessageId)
}

fn done(answer: Result<serde_json::Value, CallError>) -> Result<(), Stop> {
    let Err(error) = answer else {
        return Ok(());
    };
    let error = error.platform(Right::Delete);
    Err(if error.is_permanent() {
        No::Words(chain(&error)).into()
    } else {
        Stop::Again(chain(&error))
    })
}
