//! What Telegram can do for the domain.

use crate::administrators::{Administrators, HIDDEN, rank};
use crate::client::{CallError, Class, Client, DeleteReactions, Restrict};
use crate::reading::Record;
use crate::sweeper::{AT_ONCE, Sweeper};
use crate::updates::Memory;
use async_trait::async_trait;
use lockdown_events::{ChannelId, GuildId, MessageId, Platform as Name, UserId};
use lockdown_moderation::{
    Deleted, Keepers, Limits, Member, Missing, Platform, PlatformError, Rank, Right, Span, Term,
};
use serde_json::{Map, Value};
use std::sync::Arc;
use teloxide::payloads::{
    BanChatMember, BanChatSenderChat, GetChat, GetChatMember, SendMessage, UnbanChatMember,
    UnbanChatSenderChat,
};
use teloxide::prelude::ChatId;
use teloxide::types;

/// Telegram, through one bot's account.
pub(crate) struct Telegram {
    client: Client,
    administrators: Arc<Administrators>,
    sweeper: Arc<Sweeper>,
    memory: Arc<Memory>,
    own: UserId,
}

/// Whom a call is about: people have positive numbers, channels negative ones.
enum Subject {
    Person(types::UserId),
    Channel(ChatId),
}

/// Every permission there is, taken away. Telegram counts those that are missing as taken, too.
pub(crate) const SILENCED: [&str; 11] = [
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
];

/// The longest message, in UTF-16 units.
pub(crate) const LONGEST: usize = 4_096;

/// Numbers of supergroups and channels lie below this; those of groups as they begin, above.
const SUPERGROUPS_BELOW: i64 = -1_000_000_000_000;

// === impl Subject ===

impl Subject {
    fn of(user: &UserId) -> Result<Self, PlatformError> {
        let missing = PlatformError::NotFound(Missing::Person);
        match user.as_str().parse::<i64>() {
            Ok(id) if id < 0 => Ok(Self::Channel(ChatId(id))),
            Ok(id) => u64::try_from(id)
                .map(|id| Self::Person(types::UserId(id)))
                .map_err(|_| missing),
            Err(_) => Err(missing),
        }
    }
}

// === impl Telegram ===

impl Telegram {
    pub(crate) fn new(
        client: Client,
        administrators: Arc<Administrators>,
        sweeper: Arc<Sweeper>,
        memory: Arc<Memory>,
    ) -> Self {
        let own = UserId::new(&client.own().to_string()).expect("a number is an id");
        Self {
            client,
            administrators,
            sweeper,
            memory,
            own,
        }
    }

    fn chat(&self, guild: &GuildId) -> Result<ChatId, PlatformError> {
        self.client
            .chat(guild)
            .map_err(|error| error.platform(Right::Ban))
    }

    /// How somebody stands there, as Telegram shows it now.
    async fn standing(&self, chat: ChatId, user: types::UserId) -> Result<Option<Record>, PlatformError> {
        let make = |chat| GetChatMember::new(chat, user);
        match self.client.call(Class::Sanction, chat, make).await {
            Ok(member) => Ok(Record::of(member)),
            Err(error) => match error.platform(Right::Ban) {
                PlatformError::NotFound(Missing::Person | Missing::Member) => Ok(None),
                other => Err(other),
            },
        }
    }

    async fn status(&self, chat: ChatId, user: types::UserId) -> Result<String, PlatformError> {
        let standing = self.standing(chat, user).await?;
        Ok(standing
            .and_then(|mut standing| standing.text("status"))
            .unwrap_or_else(|| "left".to_owned()))
    }

    async fn restrict(
        &self,
        chat: ChatId,
        user: types::UserId,
        permissions: Map<String, Value>,
        until: Term,
    ) -> Result<(), PlatformError> {
        let user_id = i64::try_from(user.0).map_err(|_| PlatformError::NotFound(Missing::Person))?;
        let make = |chat: ChatId| Restrict {
            chat_id: chat.0,
            user_id,
            permissions: permissions.clone(),
            use_independent_chat_permissions: true,
            until_date: until.at().map(|at| at.timestamp()),
        };
        self.sanction(chat, Right::Mute, make).await
    }

    async fn sanction<P>(
        &self,
        chat: ChatId,
        needs: Right,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<(), PlatformError>
    where
        P: teloxide::requests::Payload + serde::Serialize + Send + Sync + 'static,
    {
        let answer = self.client.call(Class::Sanction, chat, make).await;
        answer.map(drop).map_err(|error: CallError| error.platform(needs))
    }

    /// Takes away the reactions of a person or channel in a chat: all that Telegram remembers.
    pub(crate) async fn delete_reactions(&self, guild: &GuildId, user: &UserId) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        let (user_id, actor_chat_id) = match Subject::of(user)? {
            Subject::Person(user) => (i64::try_from(user.0).ok(), None),
            Subject::Channel(channel) => (None, Some(channel.0)),
        };
        let make = |chat: ChatId| DeleteReactions {
            chat_id: chat.0,
            user_id,
            actor_chat_id,
        };
        self.sanction(chat, Right::Delete, make).await
    }
}

#[async_trait]
impl Platform for Telegram {
    fn limits(&self) -> &'static Limits {
        Limits::of(Name::Telegram)
    }

    async fn ban(
        &self,
        guild: &GuildId,
        user: &UserId,
        until: Term,
        _: Option<Span>,
        _: &str,
    ) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        match Subject::of(user)? {
            Subject::Person(user) => {
                let make = |chat: ChatId| BanChatMember {
                    until_date: until.at(),
                    ..BanChatMember::new(chat, user)
                };
                self.sanction(chat, Right::Ban, make).await
            }
            // Telegram keeps no end for these: whoever decided ends it.
            Subject::Channel(channel) => {
                let make = |chat: ChatId| BanChatSenderChat::new(chat, channel);
                self.sanction(chat, Right::Ban, make).await
            }
        }
    }

    async fn unban(&self, guild: &GuildId, user: &UserId, _: &str) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        match Subject::of(user)? {
            Subject::Person(user) => {
                if self.status(chat, user).await? != "kicked" {
                    return Err(PlatformError::NotFound(Missing::Ban));
                }
                let make = |chat: ChatId| UnbanChatMember {
                    only_if_banned: Some(true),
                    ..UnbanChatMember::new(chat, user)
                };
                self.sanction(chat, Right::Ban, make).await
            }
            Subject::Channel(channel) => {
                let make = |chat: ChatId| UnbanChatSenderChat::new(chat, channel);
                self.sanction(chat, Right::Ban, make).await
            }
        }
    }

    async fn kick(&self, guild: &GuildId, user: &UserId, _: &str) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        let Subject::Person(user) = Subject::of(user)? else {
            return Err(PlatformError::NotFound(Missing::Member));
        };
        // The call that removes a member would free a banned person.
        match self.standing(chat, user).await?.map(rank) {
            None | Some(Rank::Absent) => Err(PlatformError::NotFound(Missing::Member)),
            Some(_) if chat.0 < SUPERGROUPS_BELOW => {
                let make = |chat: ChatId| UnbanChatMember::new(chat, user);
                self.sanction(chat, Right::Kick, make).await
            }
            // Groups as they begin know no ban that lasts.
            Some(_) => {
                let make = |chat: ChatId| BanChatMember::new(chat, user);
                self.sanction(chat, Right::Kick, make).await
            }
        }
    }

    async fn mute(&self, guild: &GuildId, user: &UserId, until: Term, _: &str) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        let Subject::Person(user) = Subject::of(user)? else {
            return Err(PlatformError::NotFound(Missing::Member));
        };
        // The call that silences would free a banned person.
        if self.status(chat, user).await? == "kicked" {
            return Err(PlatformError::NotFound(Missing::Member));
        }
        let silenced = SILENCED
            .iter()
            .map(|name| ((*name).to_owned(), Value::Bool(false)));
        self.restrict(chat, user, silenced.collect(), until).await
    }

    async fn unmute(&self, guild: &GuildId, user: &UserId, _: &str) -> Result<(), PlatformError> {
        let chat = self.chat(guild)?;
        let Subject::Person(user) = Subject::of(user)? else {
            return Err(PlatformError::NotFound(Missing::Member));
        };
        if self.status(chat, user).await? != "restricted" {
            return Ok(());
        }
        // What everybody may, and no more. Telegram's own words are passed on, also those that we do not know.
        let about = self.client.call(Class::Sanction, chat, GetChat::new).await;
        let about = about.map_err(|error| error.platform(Right::Mute))?;
        let everybody = Record::of(about).and_then(|mut about| about.record("permissions"));
        let Some(everybody) = everybody else {
            return Err(PlatformError::Refused(
                "Telegram does not say what members of the group may do".to_owned(),
            ));
        };
        self.restrict(chat, user, everybody.rest(), Term::Forever).await
    }

    async fn delete(
        &self,
        guild: &GuildId,
        _: &ChannelId,
        messages: &[MessageId],
        _: &str,
    ) -> Result<Deleted, PlatformError> {
        let (too_old, young): (Vec<&MessageId>, Vec<&MessageId>) = messages
            .iter()
            .partition(|message| self.memory.is_too_old(guild, message));
        let numbers: Vec<i32> = young
            .iter()
            .filter_map(|message| message.as_str().parse().ok())
            .collect();
        for batch in numbers.chunks(AT_ONCE) {
            let result = self.sweeper.call(guild, batch).await;
            result.map_err(|error| error.platform(Right::Delete))?;
        }
        Ok(Deleted {
            deleted: young.len(),
            too_old: too_old.into_iter().cloned().collect(),
        })
    }

    async fn message(&self, user: &UserId, text: &str) -> Result<(), PlatformError> {
        let Subject::Person(user) = Subject::of(user)? else {
            return Err(PlatformError::Closed("a channel takes no messages".to_owned()));
        };
        let chat = ChatId(i64::try_from(user.0).map_err(|_| PlatformError::NotFound(Missing::Person))?);
        let text = cut(text, LONGEST);
        let make = |chat: ChatId| SendMessage::new(chat, text.clone());
        match self.client.call(Class::Notice, chat, make).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.platform(Right::Note) {
                // There is no chat with somebody who never wrote to the bot.
                PlatformError::Gone => {
                    PlatformError::Closed("they never began a chat with the bot".to_owned())
                }
                other => other,
            }),
        }
    }

    async fn member(&self, guild: &GuildId, user: &UserId) -> Result<Option<Member>, PlatformError> {
        let chat = self.chat(guild)?;
        let known = |rank| Member {
            user: user.clone(),
            name: user.to_string(),
            bot: false,
            rank,
            roles: Vec::new(),
            muted: None,
        };
        let person = match Subject::of(user)? {
            Subject::Person(person) => person,
            Subject::Channel(channel) if channel == chat => return Ok(Some(known(HIDDEN))),
            Subject::Channel(channel) => {
                let staff = self.administrators.of(guild).await;
                let staff = staff.map_err(|error| error.platform(Right::Note))?;
                let linked = staff.linked == Some(channel.0);
                return Ok(Some(known(if linked { HIDDEN } else { Rank::PLAIN })));
            }
        };
        let Some(mut standing) = self.standing(chat, person).await? else {
            return Ok(None);
        };
        let shown = standing
            .record("user")
            .map(|mut user| (user.name(), user.flag("is_bot")));
        let silent = standing.is("status", "restricted") && !standing.is_set("can_send_messages");
        let muted = silent.then(|| Term::from(standing.time("until_date")));
        let rank = rank(standing);
        Ok((rank != Rank::Absent).then(|| Member {
            user: user.clone(),
            bot: shown.as_ref().is_some_and(|(_, bot)| *bot),
            name: shown
                .and_then(|(name, _)| name)
                .unwrap_or_else(|| user.to_string()),
            rank,
            roles: Vec::new(),
            muted,
        }))
    }

    async fn keepers(&self, guild: &GuildId) -> Result<Option<Keepers>, PlatformError> {
        let staff = self.administrators.of(guild).await;
        let staff = staff.map_err(|error| error.platform(Right::Note))?;
        // The group itself speaks for those who hide behind it.
        let hidden = staff.linked.iter().map(i64::to_string).chain([guild.to_string()]);
        let named = staff.ranks.iter().filter(|(_, rank)| rank.is_staff());
        let named = named.map(|(id, _)| id.to_string());
        Ok(Some(Keepers {
            people: named
                .chain(hidden)
                .filter_map(|id| UserId::new(&id).ok())
                .collect(),
            roles: Vec::new(),
        }))
    }

    async fn is_banned(&self, guild: &GuildId, user: &UserId) -> Result<bool, PlatformError> {
        let chat = self.chat(guild)?;
        match Subject::of(user)? {
            Subject::Person(user) => Ok(self.status(chat, user).await? == "kicked"),
            // Telegram does not tell which channels are banned.
            Subject::Channel(_) => Ok(false),
        }
    }

    async fn title(&self, guild: &GuildId) -> Option<String> {
        let staff = self.administrators.of(guild).await.ok()?;
        staff.title.clone()
    }

    fn own_id(&self) -> &UserId {
        &self.own
    }

    async fn own_rank(&self, guild: &GuildId) -> Result<Rank, PlatformError> {
        let staff = self.administrators.of(guild).await;
        let staff = staff.map_err(|error| error.platform(Right::Note))?;
        Ok(staff
            .ranks
            .get(&self.client.own())
            .copied()
            .unwrap_or(Rank::PLAIN))
    }
}

/// No more of a text than fits, in UTF-16 units.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut units = 0;
    let fits = text.chars().take_while(|letter| {
        units += letter.len_utf16();
        units <= most
    });
    fits.collect()
}

#[cfg(test)]
mod tests;
