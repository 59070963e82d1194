//! What was said and done while nobody listened, read again.
//!
//! A new session begins with every guild as it is now. Where a channel's last message is not the last that we had, what
//! lies between is read and published, oldest first, as if it had just been heard. So is the audit log. What has been
//! published before, by us or by the process before us, is left out.

use super::ids::event_id;
use super::{Intake, Seen, guild_id, native};
use crate::read;
use crate::rest::{Ask, RestError};
use lockdown_bus::{Glob, Key, Query};
use lockdown_events::{Envelope, EventId, Platform};
use lockdown_runtime::chain;
use serde_json::Value;
use serenity::http::Route;
use serenity::model::id::{ChannelId, GuildId, UserId};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What Discord gives at once.
const PAGE: usize = 100;
/// For how long one page is asked for: an outage right after a reconnect is usual.
const PERSIST: Duration = Duration::from_secs(120);

/// The pause after that.
const AGAIN: Duration = Duration::from_secs(15);

/// What a guild is to be read again for.
pub(super) struct Gaps {
    pub(super) guild: u64,
    /// Channels, each with the last message that was had.
    pub(super) channels: Vec<(u64, u64)>,
    /// The last entry of the audit log that was had.
    pub(super) audit: Option<u64>,
}

// === impl Intake ===

impl Intake {
    /// Reads again what was missed, as often as it takes.
    pub(super) async fn repair(self, gaps: Gaps) {
        let mut members = HashMap::new();
        for (channel, after) in &gaps.channels {
            loop {
                match self
                    .repair_channel(gaps.guild, *channel, *after, &mut members)
                    .await
                {
                    Ok(0) => break,
                    Ok(found) => {
                        tracing::info!(
                            guild = gaps.guild,
                            channel,
                            found,
                            "Read again what was said while nobody listened"
                        );
                        break;
                    }
                    Err(error) if is_final(&error) => {
                        // Not ours to read: there is nothing that we could have missed.
                        tracing::debug!(
                            guild = gaps.guild,
                            channel,
                            "A channel cannot be read again: {error}"
                        );
                        break;
                    }
                    Err(error) => wait(&error).await,
                }
            }
            self.places.filled(gaps.guild, *channel);
        }
        let Some(after) = gaps.audit else {
            return;
        };
        loop {
            match self.repair_audit(gaps.guild, after).await {
                Ok(()) => break,
                Err(RestError::Refused { status: 403, .. }) => {
                    tracing::warn!(
                        guild = gaps.guild,
                        "What moderators do by hand in guild {} is not seen: give the bot the permission View Audit Log",
                        gaps.guild
                    );
                    break;
                }
                Err(error) if is_final(&error) => {
                    tracing::debug!(guild = gaps.guild, "The audit log cannot be read again: {error}");
                    break;
                }
                Err(error) => wait(&error).await,
            }
        }
        self.places.filled_audit(gaps.guild);
    }

    async fn repair_channel(
        &self,
        guild: u64,
        channel: u64,
        after: u64,
        members: &mut HashMap<u64, Value>,
    ) -> Result<usize, RestError> {
        let (mut after, mut found, mut published) = (after, 0, None);
        loop {
            let route = Route::ChannelMessages {
                channel_id: ChannelId::new(channel.max(1)),
            };
            let ask = Ask::get(route, channel)
                .param("limit", PAGE as u64)
                .param("after", after)
                .within(PERSIST);
            let page = self.rest.call(ask).await?;
            let mut messages: Vec<(u64, &Value)> = page
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|message| Some((read::id(&message["id"])?, message)))
                .collect();
            // Discord gives the newest first.
            messages.sort_by_key(|(id, _)| *id);
            let (Some((first, _)), Some((last, _))) = (messages.first(), messages.last()) else {
                return Ok(found);
            };
            if published.is_none() {
                published = Some(self.published_since(guild, *first).await);
            }
            after = *last;
            let whole = messages.len() < PAGE;
            for (id, message) in messages {
                let mut body = message.clone();
                if self.is_own(&body)
                    || published
                        .as_ref()
                        .is_some_and(|known| known.contains(&self.id_of(id)))
                {
                    continue;
                }
                body["member"] = self.member(guild, &body, members).await;
                let seen = Seen::Message {
                    guild,
                    channel,
                    message: id,
                };
                if let Some(envelope) = self.created(guild, channel, &body)
                    && self.publish(&envelope).await
                {
                    self.places.seen(seen);
                    found += 1;
                }
            }
            if whole {
                return Ok(found);
            }
        }
    }

    /// Over HTTP a message comes without its author's membership, which rules go by.
    pub(super) async fn member(&self, guild: u64, body: &Value, members: &mut HashMap<u64, Value>) -> Value {
        let Some(user) = read::id(&body["author"]["id"]).filter(|_| body["webhook_id"].is_null()) else {
            return Value::Null;
        };
        if let Some(member) = members.get(&user) {
            return member.clone();
        }
        let route = Route::GuildMember {
            guild_id: GuildId::new(guild.max(1)),
            user_id: UserId::new(user.max(1)),
        };
        let member = self
            .rest
            .call(Ask::get(route, guild))
            .await
            .unwrap_or(Value::Null);
        members.insert(user, member.clone());
        member
    }

    /// The events about messages of this guild that the bus has since the time of this message.
    async fn published_since(&self, guild: u64, message: u64) -> HashSet<EventId> {
        let query = Query {
            from: Some(read::time_of(message)),
            types: vec![Glob::new("message:created")],
            key: Some(Key::community(Platform::Discord, &guild_id(guild))),
            ..Query::default()
        };
        let (mut known, mut place) = (HashSet::new(), None);
        loop {
            match self.bus.history().page(&query, place.as_ref(), 1_000).await {
                Ok(page) => {
                    let events = page
                        .entries
                        .iter()
                        .filter_map(|entry| Envelope::decode(&entry.envelope).ok());
                    known.extend(events.map(|envelope| envelope.event_id));
                    match page.next {
                        Some(next) => place = Some(next),
                        None => return known,
                    }
                }
                Err(error) => {
                    // Published twice it is known for the same by whoever handles it.
                    tracing::debug!("Could not look what was published: {}", chain(&error));
                    return known;
                }
            }
        }
    }

    async fn repair_audit(&self, guild: u64, after: u64) -> Result<(), RestError> {
        let mut after = after;
        loop {
            let route = Route::GuildAuditLogs {
                guild_id: GuildId::new(guild.max(1)),
            };
            let ask = Ask::get(route, guild)
                .param("limit", PAGE as u64)
                .param("after", after)
                .within(PERSIST);
            let page = self.rest.call(ask).await?;
            let entries = page["audit_log_entries"].as_array().into_iter().flatten();
            let mut entries: Vec<(u64, &Value)> = entries
                .filter_map(|entry| Some((read::id(&entry["id"])?, entry)))
                .filter(|(id, _)| *id > after)
                .collect();
            entries.sort_by_key(|(id, _)| *id);
            let Some((last, _)) = entries.last() else {
                return Ok(());
            };
            after = *last;
            let whole = entries.len() < PAGE;
            for (entry, body) in entries {
                let Some(action) = native::by_hand(guild, body, self.guilds.own()) else {
                    continue;
                };
                let action = self.complete(action).await;
                if let Some(envelope) = action.and_then(|action| self.observed(entry, action))
                    && !self.publish(&envelope).await
                {
                    continue;
                }
                self.places.seen(Seen::Audit { guild, entry });
            }
            if whole {
                return Ok(());
            }
        }
    }

    pub(super) fn id_of(&self, message: u64) -> EventId {
        event_id(read::time_of(message), &format!("message/{message}"))
    }
}

/// Whether asking again would bring the same answer.
fn is_final(error: &RestError) -> bool {
    matches!(
        error,
        RestError::Refused { .. } | RestError::Token | RestError::Wrong(_)
    )
}

async fn wait(error: &RestError) {
    let pause = match error {
        RestError::Limited { retry_after } => AGAIN.max(*retry_after),
        _ => AGAIN,
    };
    tracing::info!("What was missed is read again in {pause:?}: {error}");
    tokio::time::sleep(pause).await;
}
