//! What each kind of the gateway's events becomes. To add one: its arm in `take`, and what it becomes below.

use super::ids::event_id;
use super::{Intake, Reread, Seen, Work, channel_id, guild_id, guild_of, native};
use crate::commands::{Request, addressed};
use crate::gateway::Dispatch;
use crate::read::{self, Place};
use crate::rest::Ask;
use chrono::DateTime;
use lockdown_events::{
    BanObserved, Envelope, Event, EventId, Message, MessageDeleted, MessageEvent, MessageId,
    MessagesBulkDeleted, Platform, Reaction, UserEvent, UserId, UserLeft, UserUpdated,
};
use serde_json::Value;
use serenity::http::Route;
use serenity::model::id as serenity_id;
use std::collections::HashMap;

// === impl Intake ===

impl Intake {
    /// Takes note of what was said, and tells what is to be published.
    pub(super) fn take(&self, heard: &Dispatch) -> Vec<Work> {
        let body = read::value(&heard.data);
        metrics::counter!("lockdown_discord_heard_total").increment(1);
        match heard.name.as_str() {
            "MESSAGE_CREATE" => self.message_created(&body),
            "MESSAGE_UPDATE" => self.message_edited(heard, &body),
            "MESSAGE_DELETE" => self.message_deleted(&body),
            "MESSAGE_DELETE_BULK" => self.messages_deleted(&body),
            "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" => {
                self.reaction(heard, &body).into_iter().collect()
            }
            "GUILD_CREATE" => self.guild_here(heard, &body),
            "GUILD_UPDATE" => self.guild_changed(heard, &body),
            "GUILD_DELETE" => self.guild_gone(heard, &body),
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE" => self.role(heard, &body),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" | "CHANNEL_DELETE"
            | "THREAD_DELETE" => self.channel(heard, &body),
            "GUILD_MEMBER_ADD"
            | "GUILD_MEMBER_REMOVE"
            | "GUILD_MEMBER_UPDATE"
            | "GUILD_BAN_ADD"
            | "GUILD_BAN_REMOVE" => self.person(heard, &body).into_iter().collect(),
            "GUILD_AUDIT_LOG_ENTRY_CREATE" => self.audit_entry(&body),
            "AUTO_MODERATION_ACTION_EXECUTION" => self.flagged(heard, &body).into_iter().collect(),
            "AUTO_MODERATION_RULE_CREATE" | "AUTO_MODERATION_RULE_UPDATE" | "AUTO_MODERATION_RULE_DELETE" => {
                if let Some(guild) = guild_of(&body) {
                    self.automod.changed(guild);
                }
                Vec::new()
            }
            "INTERACTION_CREATE" => {
                self.ask(Request::Interaction(body));
                Vec::new()
            }
            "READY" | "RESUMED" => Vec::new(),
            _ => {
                metrics::counter!("lockdown_discord_unused_total").increment(1);
                Vec::new()
            }
        }
    }

    fn ask(&self, request: Request) {
        if self.requests.try_send(request).is_err() {
            metrics::counter!("lockdown_discord_interactions_dropped_total").increment(1);
        }
    }

    /// For what has no id of its own: which of which session's events it is.
    pub(super) fn say(&self, heard: &Dispatch, event: impl Into<Event>) -> Option<Work> {
        self.wrap(self.id_here(heard), self.clock.now(), event)
            .map(|envelope| Work::Publish(envelope, Seen::Nothing))
    }

    pub(super) fn id_here(&self, heard: &Dispatch) -> EventId {
        let began = DateTime::from_timestamp_millis(heard.began).unwrap_or_default();
        event_id(began, &format!("{}/{}", heard.session, heard.seq))
    }

    // --- messages ---

    fn place(&self, body: &Value) -> Option<(u64, u64)> {
        let channel = read::id(&body["channel_id"])?;
        let said = guild_of(body);
        // A guild that is none of ours is no more than a wrong word beside a channel that we know.
        let known = said.filter(|guild| self.guilds.knows(*guild));
        let guild = known.or_else(|| self.guilds.of_channel(channel)).or(said)?;
        Some((guild, channel))
    }

    pub(super) fn is_own(&self, body: &Value) -> bool {
        read::id(&body["author"]["id"]) == Some(self.guilds.own())
    }

    fn message_created(&self, body: &Value) -> Vec<Work> {
        // Without a guild it was said to the bot alone.
        let (Some((guild, channel)), Some(message)) = (self.place(body), read::id(&body["id"])) else {
            metrics::counter!("lockdown_discord_messages_elsewhere_total").increment(1);
            return Vec::new();
        };
        let seen = Seen::Message {
            guild,
            channel,
            message,
        };
        if self.is_own(body) {
            return vec![Work::Pass(seen)];
        }
        if addressed(body, self.guilds.own()).is_some() {
            let message = body.clone();
            self.ask(Request::Spoken {
                guild,
                channel,
                message,
            });
        }
        let created = self
            .created(guild, channel, body)
            .map(|envelope| Work::Publish(envelope, seen));
        created.into_iter().collect()
    }

    pub(super) fn created(&self, guild: u64, channel: u64, body: &Value) -> Option<Box<Envelope>> {
        let id = read::id(&body["id"])?;
        let message = self.read_message(guild, channel, body)?;
        self.recent.keep(&message);
        self.wrap(
            self.id_of(id),
            read::time_of(id),
            MessageEvent::Created(Box::new(message)),
        )
    }

    fn read_message(&self, guild: u64, channel: u64, body: &Value) -> Option<Message> {
        let known = self.guilds.channel(guild, channel).unwrap_or_default();
        // The message that begins a post in a forum bears the post's id.
        let begins = known.above.is_some() && read::id(&body["id"]) == Some(channel);
        let place = Place {
            guild: guild_id(guild),
            channel,
            above: known.above,
            title: begins.then_some(known.name),
        };
        read::message(body, place)
    }

    fn message_edited(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let (Some((guild, channel)), Some(message)) = (self.place(body), read::id(&body["id"])) else {
            return Vec::new();
        };
        if self.is_own(body) {
            return Vec::new();
        }
        let stamp = body["edited_timestamp"]
            .as_str()
            .unwrap_or_else(|| heard.data.get());
        let name = format!("edit/{message}/{stamp}");
        // Discord may tell only what changed.
        if !body["author"].is_object() || body.get("content").is_none() {
            return vec![Work::Reread(Box::new(Reread {
                guild,
                channel,
                message,
                name,
                body: body.clone(),
            }))];
        }
        let edited = self
            .read_message(guild, channel, body)
            .and_then(|message| self.edited(&name, message));
        edited
            .map(|envelope| Work::Publish(envelope, Seen::Nothing))
            .into_iter()
            .collect()
    }

    pub(super) fn edited(&self, name: &str, message: Message) -> Option<Box<Envelope>> {
        self.recent.keep(&message);
        let said = message
            .message_id
            .as_str()
            .parse()
            .map(read::time_of)
            .unwrap_or_default();
        let at = message.edited_at.unwrap_or_else(|| self.clock.now());
        self.wrap(event_id(said, name), at, MessageEvent::Edited(Box::new(message)))
    }

    /// The message as it is now, or as much of it as the edit told; `None` when it is gone, or ours.
    pub(super) async fn reread(&self, edit: &Reread) -> Option<Message> {
        let route = Route::ChannelMessage {
            channel_id: serenity_id::ChannelId::new(edit.channel.max(1)),
            message_id: serenity_id::MessageId::new(edit.message.max(1)),
        };
        match self.rest.call(Ask::get(route, edit.channel)).await {
            Ok(body) if self.is_own(&body) => None,
            Ok(mut body) => {
                body["member"] = self.member(edit.guild, &body, &mut HashMap::new()).await;
                self.read_message(edit.guild, edit.channel, &body)
            }
            Err(error) if error.code() == 10_008 => None,
            Err(error) => {
                tracing::debug!("An edited message cannot be read: {error}");
                self.read_message(edit.guild, edit.channel, &edit.body)
            }
        }
    }

    fn message_deleted(&self, body: &Value) -> Vec<Work> {
        let (Some((guild, channel)), Some(message)) = (self.place(body), read::id(&body["id"])) else {
            return Vec::new();
        };
        let event = MessageEvent::Deleted(MessageDeleted {
            platform: Platform::Discord,
            guild_id: guild_id(guild),
            channel_id: channel_id(channel),
            message_id: message_id(message),
            author_id: None,
            moderator_id: None,
        });
        let id = event_id(read::time_of(message), &format!("delete/{message}"));
        let envelope = self.wrap(id, self.clock.now(), event);
        envelope
            .map(|envelope| Work::Publish(envelope, Seen::Nothing))
            .into_iter()
            .collect()
    }

    fn messages_deleted(&self, body: &Value) -> Vec<Work> {
        let Some((guild, channel)) = self.place(body) else {
            return Vec::new();
        };
        let messages: Vec<u64> = body["ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(read::id)
            .collect();
        let Some(first) = messages.iter().min() else {
            return Vec::new();
        };
        let id = event_id(read::time_of(*first), &format!("delete/{channel}/{messages:?}"));
        let event = MessageEvent::BulkDeleted(MessagesBulkDeleted {
            platform: Platform::Discord,
            guild_id: guild_id(guild),
            channel_id: channel_id(channel),
            message_ids: messages.iter().map(|id| message_id(*id)).collect(),
            moderator_id: None,
        });
        let envelope = self.wrap(id, self.clock.now(), event);
        envelope
            .map(|envelope| Work::Publish(envelope, Seen::Nothing))
            .into_iter()
            .collect()
    }

    fn reaction(&self, heard: &Dispatch, body: &Value) -> Option<Work> {
        let (guild, channel) = self.place(body)?;
        let user = read::id(&body["user_id"]).filter(|user| *user != self.guilds.own())?;
        let reaction = Reaction {
            platform: Platform::Discord,
            guild_id: guild_id(guild),
            channel_id: channel_id(channel),
            message_id: message_id(read::id(&body["message_id"])?),
            user_id: UserId::new(&user.to_string()).ok()?,
            names: read::names(&body["member"]["user"], Some(&body["member"])),
            emoji: body["emoji"]["name"].as_str().unwrap_or_default().to_owned(),
            emoji_id: read::id(&body["emoji"]["id"]).map(|id| id.to_string()),
        };
        let added = heard.name.ends_with("ADD");
        let event = if added {
            MessageEvent::ReactionAdded(reaction)
        } else {
            MessageEvent::ReactionRemoved(reaction)
        };
        self.say(heard, event)
    }

    // --- people ---

    fn person(&self, heard: &Dispatch, body: &Value) -> Option<Work> {
        let guild = guild_of(body)?;
        let (id, user) = (guild_id(guild), &body["user"]);
        let user_id = read::user_id(user)?;
        let event = match heard.name.as_str() {
            "GUILD_MEMBER_ADD" => {
                let name = format!(
                    "join/{guild}/{user_id}/{}",
                    body["joined_at"].as_str().unwrap_or_default()
                );
                let at = body["joined_at"].as_str().and_then(|text| text.parse().ok());
                let at = at.unwrap_or_else(|| self.clock.now());
                let envelope = self.wrap(
                    event_id(at, &name),
                    at,
                    UserEvent::Joined(read::joined(&id, body)?),
                )?;
                return Some(Work::Publish(envelope, Seen::Nothing));
            }
            "GUILD_MEMBER_REMOVE" => UserEvent::Left(UserLeft {
                platform: Platform::Discord,
                guild_id: id,
                user_id,
                names: read::names(user, None),
            }),
            "GUILD_MEMBER_UPDATE" => {
                if read::id(&user["id"]) == Some(self.guilds.own()) {
                    self.guilds.own_member(guild, body);
                    self.automod.changed(guild);
                }
                UserEvent::Updated(UserUpdated {
                    platform: Platform::Discord,
                    guild_id: id,
                    user_id,
                    names: read::names(user, Some(body)),
                    previous: None,
                    roles: body["roles"].is_array().then(|| read::roles(body)),
                    muted_until: body["communication_disabled_until"]
                        .as_str()
                        .and_then(|text| text.parse().ok()),
                    administrator: None,
                    avatar: body["avatar"]
                        .as_str()
                        .or_else(|| user["avatar"].as_str())
                        .map(str::to_owned),
                })
            }
            kind => {
                let observed = BanObserved {
                    platform: Platform::Discord,
                    guild_id: id,
                    user_id,
                    names: read::names(user, None),
                    moderator_id: None,
                    reason: None,
                };
                if kind == "GUILD_BAN_ADD" {
                    UserEvent::Banned(observed)
                } else {
                    UserEvent::Unbanned(observed)
                }
            }
        };
        self.say(heard, event)
    }

    fn audit_entry(&self, body: &Value) -> Vec<Work> {
        let (Some(guild), Some(entry)) = (guild_of(body), read::id(&body["id"])) else {
            return Vec::new();
        };
        let seen = Seen::Audit { guild, entry };
        let Some(action) = native::by_hand(guild, body, self.guilds.own()) else {
            return vec![Work::Pass(seen)];
        };
        let action = Box::new(action);
        vec![Work::Observe { action, guild, entry }]
    }
}

fn message_id(id: u64) -> MessageId {
    MessageId::new(&id.to_string()).expect("a number is an id")
}
