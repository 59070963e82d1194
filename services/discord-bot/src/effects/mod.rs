//! What is done on Discord: the `Platform` of `lockdown-moderation`, and the removal of messages that rules ask for.

mod channels;
mod closing;
mod delete;
mod done;
mod errors;
mod holds;
mod lent;
mod locks;
mod orders;
mod rank;
mod removals;
mod silence;

pub(crate) use channels::SLOWEST;
pub(crate) use holds::{Holds, follow as follow_held};
pub(crate) use lent::{Lent, LentRoles};
pub(crate) use locks::{Ended, LockError, Locked, Locks, Wanted};
pub(crate) use orders::Orders;
pub(crate) use rank::permissions;
pub(crate) use removals::Removals;

use crate::intake::{Guilds, role_ids};
use crate::rest::{Ask, Priority, Rest, RestError};
use anyhow::Context as _;
use async_trait::async_trait;
use chrono::SecondsFormat;
use errors::Deed;
use futures_util::{StreamExt as _, stream};
use lockdown_events::{
    Action, ChannelId, GuildId, MessageId, ModerationAction, Platform as PlatformName, UserId,
};
use lockdown_moderation::{
    CaseNumber, Deleted, Fault, Keepers, Limits, MassBan, Member, Missing, Named, Platform, PlatformError,
    Rank, Span, Term,
};
use lockdown_runtime::{Clock, Secret, SecretUrl};
use serde_json::{Value, json};
use serenity::http::Route;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// So many are banned at the same time where no call takes them together.
const ALONE: usize = 8;

/// Discord, seen from the bot's account.
#[derive(Clone)]
pub struct Discord {
    pub(crate) rest: Arc<Rest>,
    pub(crate) guilds: Arc<Guilds>,
    own: UserId,
    clock: Clock,
    /// Without a bus there is nowhere to keep what mutes by a role take, so there are none.
    holds: Option<Arc<Holds>>,
    /// Members who are being read: a moderator who bans two hundred people is read once and not with each of them.
    reading: Arc<Mutex<Reads>>,
}

/// By guild and person.
type Reads = HashMap<(u64, u64), Arc<Reading>>;
type Reading = OnceCell<Result<Option<Member>, PlatformError>>;

// === impl Discord ===

impl Discord {
    pub(crate) fn new(rest: Arc<Rest>, guilds: Arc<Guilds>, clock: Clock) -> Self {
        let own = UserId::new(&guilds.own().to_string()).expect("a number is an id");
        Self {
            rest,
            guilds,
            own,
            clock,
            holds: None,
            reading: Arc::default(),
        }
    }

    /// Mutes as guilds have chosen.
    pub(crate) fn with(self, holds: Holds) -> Self {
        Self {
            holds: Some(Arc::new(holds)),
            ..self
        }
    }

    /// Without a gateway: what it has to know of a guild, it asks.
    pub async fn connect(token: &Secret, api_url: Option<&SecretUrl>, clock: Clock) -> anyhow::Result<Self> {
        let rest = Arc::new(Rest::new(token, api_url)?);
        let me = rest
            .call(Ask::get(Route::UserMe, 0))
            .await
            .context("could not learn who the bot is")?;
        let own = crate::read::id(&me["id"]).context("Discord does not say who the bot is")?;
        Ok(Self::new(rest, Arc::new(Guilds::new(own)), clock))
    }

    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    fn reading(&self) -> MutexGuard<'_, Reads> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_member(
        &self,
        guild: &GuildId,
        (number, user): (u64, u64),
    ) -> Result<Option<Member>, PlatformError> {
        let body = match self.body_of(number, user).await {
            Ok(body) => body,
            Err(PlatformError::NotFound(Missing::Member)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let has_roles = !role_ids(&body).is_empty();
        let mute_role = if has_roles {
            self.mute_role(guild).await
        } else {
            None
        };
        Ok(self.member_of(number, user, &body, mute_role))
    }

    /// Does something to one person.
    async fn act(&self, ask: Ask<'_>, guild: u64, deed: Deed) -> Result<Value, PlatformError> {
        let ask = ask.priority(Priority::Sanction);
        self.check(guild, deed)?;
        self.rest
            .call(ask)
            .await
            .map_err(|error| self.why(error, guild, deed))
    }

    /// What Discord would refuse is not asked for: refusals count against the bot.
    fn check(&self, guild: u64, deed: Deed) -> Result<(), PlatformError> {
        match self.guilds.own_permissions(guild) {
            Some(held) if held & deed.permission() == 0 => Err(PlatformError::Forbidden(deed.right())),
            _ => Ok(()),
        }
    }

    async fn silence(
        &self,
        guild: &GuildId,
        user: &UserId,
        until: Value,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let route = Route::GuildMember {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let ask = Ask::patch(route, guild)
            .body(&json!({ "communication_disabled_until": until }))
            .audit(audit);
        self.act(ask, guild, Deed::Mute).await.map(drop)
    }

    /// The conversation with one person, made when there is none.
    async fn conversation(&self, user: u64) -> Result<u64, RestError> {
        let ask = Ask::post(Route::UserMeDmChannels, 0).body(&json!({ "recipient_id": user.to_string() }));
        let channel = self.rest.call(ask).await?;
        crate::read::id(&channel["id"])
            .ok_or_else(|| RestError::Unavailable("Discord names no conversation".to_owned()))
    }

    /// One call for up to two hundred; `None` where Discord does not take them together.
    async fn ban_together(
        &self,
        guild: u64,
        users: &[UserId],
        delete: Option<Span>,
        audit: &str,
    ) -> Option<Result<Vec<u64>, PlatformError>> {
        let deed = Deed::BanMany;
        if self
            .guilds
            .own_permissions(guild)
            .is_some_and(|held| held & deed.permission() != deed.permission())
        {
            return None;
        }
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let body = json!({ "user_ids": ids, "delete_message_seconds": delete.map_or(0, Span::as_seconds) });
        let ask = Ask::post(
            Route::GuildBulkBan {
                guild_id: guild.into(),
            },
            guild,
        )
        .body(&body)
        .audit(audit);
        match self.rest.call(ask.priority(Priority::Sanction)).await {
            // An empty answer says nothing of anybody: each is then banned alone, which changes nothing for the banned.
            Ok(answer) => {
                let banned = answer["banned_users"].as_array().into_iter().flatten();
                Some(Ok(banned.filter_map(crate::read::id).collect()))
            }
            Err(RestError::Refused { .. }) => None,
            Err(error) => Some(Err(self.why(error, guild, deed))),
        }
    }
}

/// An id of ours as Discord's number.
pub(crate) fn discord_id(text: &str) -> Result<u64, PlatformError> {
    match text.parse() {
        Ok(id) if id > 0 => Ok(id),
        _ => Err(PlatformError::Refused(format!("`{text}` is no id of Discord's"))),
    }
}

#[async_trait]
impl Platform for Discord {
    fn limits(&self) -> &'static Limits {
        Limits::of(PlatformName::Discord)
    }

    async fn ban(
        &self,
        guild: &GuildId,
        user: &UserId,
        _until: Term,
        delete: Option<Span>,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        self.limits()
            .check_delete_window(delete)
            .map_err(|error| PlatformError::Refused(error.to_string()))?;
        let route = Route::GuildBan {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let body = json!({ "delete_message_seconds": delete.map_or(0, Span::as_seconds) });
        self.act(Ask::put(route, guild).body(&body).audit(audit), guild, Deed::Ban)
            .await
            .map(drop)
    }

    async fn unban(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let route = Route::GuildBan {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        self.act(Ask::delete(route, guild).audit(audit), guild, Deed::Ban)
            .await
            .map(drop)
    }

    async fn kick(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let route = Route::GuildMember {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        self.act(Ask::delete(route, guild).audit(audit), guild, Deed::Kick)
            .await
            .map(drop)
    }

    async fn mute(
        &self,
        guild: &GuildId,
        user: &UserId,
        until: Term,
        audit: &str,
    ) -> Result<(), PlatformError> {
        if let Some(role) = self.mute_role(guild).await {
            let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
            return self.hold(guild, user, role, audit).await;
        }
        let now = self.clock.now();
        let piece = self.limits().mute.stretch(until, now).until;
        let Some(at) = piece.at() else {
            return Err(PlatformError::Refused(
                "Discord keeps nobody silent for ever".to_owned(),
            ));
        };
        self.silence(
            guild,
            user,
            json!(at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            audit,
        )
        .await
    }

    async fn unmute(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let (number, id) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        if self.release(number, id, audit).await? {
            return Ok(());
        }
        self.silence(guild, user, Value::Null, audit).await
    }

    async fn delete(
        &self,
        guild: &GuildId,
        channel: &ChannelId,
        messages: &[MessageId],
        audit: &str,
    ) -> Result<Deleted, PlatformError> {
        let (guild, channel) = (discord_id(guild.as_str())?, discord_id(channel.as_str())?);
        let ids: Result<Vec<u64>, _> = messages.iter().map(|id| discord_id(id.as_str())).collect();
        self.remove(guild, channel, &ids?, audit).await
    }

    async fn message(&self, user: &UserId, text: &str) -> Result<(), PlatformError> {
        let user = discord_id(user.as_str())?;
        let why = |error| self.why(error, 0, Deed::Message);
        let channel = self.conversation(user).await.map_err(why)?;
        // Asked for again after a lost answer, the same is not said twice.
        let nonce = format!(
            "{:016x}{:08x}",
            self.clock.now().timestamp_micros(),
            fastrand::u32(..)
        );
        let body = json!({
            "content": text, "allowed_mentions": { "parse": [] }, "nonce": nonce, "enforce_nonce": true,
        });
        let ask = Ask::post(
            Route::ChannelMessages {
                channel_id: channel.into(),
            },
            channel,
        )
        .body(&body);
        self.rest.call(ask).await.map(drop).map_err(why)
    }

    async fn member(&self, guild: &GuildId, user: &UserId) -> Result<Option<Member>, PlatformError> {
        let numbers = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let reading = Arc::clone(self.reading().entry(numbers).or_default());
        let member = reading
            .get_or_init(|| self.read_member(guild, numbers))
            .await
            .clone();
        // Whoever asks from now on reads afresh.
        let mut all = self.reading();
        if all
            .get(&numbers)
            .is_some_and(|other| Arc::ptr_eq(other, &reading))
        {
            all.remove(&numbers);
        }
        member
    }

    async fn keepers(&self, guild: &GuildId) -> Result<Option<Keepers>, PlatformError> {
        let id = discord_id(guild.as_str())?;
        self.know(id)
            .await
            .map_err(|error| self.why(error, id, Deed::Look))?;
        Ok(self.keepers_of(id))
    }

    async fn is_banned(&self, guild: &GuildId, user: &UserId) -> Result<bool, PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let route = Route::GuildBan {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        match self.act(Ask::get(route, guild), guild, Deed::Ban).await {
            Ok(_) => Ok(true),
            Err(PlatformError::NotFound(Missing::Ban)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ban_of_others(
        &self,
        guild: &GuildId,
        user: &UserId,
    ) -> Result<Option<ModerationAction>, PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let route = Route::GuildBan {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let ban = match self.act(Ask::get(route, guild), guild, Deed::Ban).await {
            Ok(ban) => ban,
            Err(PlatformError::NotFound(Missing::Ban)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Ours names its case.
        if ban["reason"].as_str().and_then(Named::read).is_some() {
            return Ok(None);
        }
        let theirs = self.last_ban_by_others(guild, user).await;
        theirs.map_err(|error| self.why(error, guild, Deed::Look))
    }

    async fn has_done(
        &self,
        guild: &GuildId,
        action: Action,
        to: &[(UserId, CaseNumber)],
    ) -> Result<HashSet<UserId>, PlatformError> {
        let guild = discord_id(guild.as_str())?;
        let logged = self.done_to(guild, action, to).await;
        logged.map_err(|error| self.why(error, guild, Deed::Look))
    }

    fn own_id(&self) -> &UserId {
        &self.own
    }

    async fn own_rank(&self, guild: &GuildId) -> Result<Rank, PlatformError> {
        let id = discord_id(guild.as_str())?;
        self.know(id)
            .await
            .map_err(|error| self.why(error, id, Deed::Look))?;
        let own = self.guilds.own();
        Ok(self.rank_of(
            id,
            own,
            &self
                .guilds
                .get(id)
                .map(|known| known.own_roles)
                .unwrap_or_default(),
        ))
    }

    async fn title(&self, guild: &GuildId) -> Option<String> {
        let id = discord_id(guild.as_str()).ok()?;
        self.know(id).await.ok()?;
        let known = self.guilds.get(id)?;
        Some(known.name).filter(|name| !name.is_empty())
    }

    async fn ban_many(
        &self,
        guild: &GuildId,
        users: &[UserId],
        delete: Option<Span>,
        audit: &str,
    ) -> MassBan {
        let mut result = MassBan {
            results: Vec::with_capacity(users.len()),
            left: Vec::new(),
            stopped_by: None,
        };
        let Ok(id) = discord_id(guild.as_str()) else {
            let refused = discord_id(guild.as_str()).map(drop);
            result.results = users.iter().map(|user| (user.clone(), refused.clone())).collect();
            return result;
        };
        for (at, chunk) in users.chunks(self.limits().ban_bulk).enumerate() {
            let rest = || users[at * self.limits().ban_bulk..].to_vec();
            // Ids that are none would have Discord refuse all of them.
            let real: Vec<UserId> = chunk
                .iter()
                .filter(|user| discord_id(user.as_str()).is_ok())
                .cloned()
                .collect();
            let together = match real.len() {
                0 | 1 => None,
                _ => self.ban_together(id, &real, delete, audit).await,
            };
            let banned = match together {
                Some(Err(error)) if error.stops_all() => {
                    result.left = rest();
                    result.stopped_by = Some(error);
                    return result;
                }
                Some(Ok(banned)) => banned,
                Some(Err(_)) | None => Vec::new(),
            };
            // Who is not among the banned is asked for alone: that says why, and is no fault where it was done.
            let banned = &banned;
            let alone = |user: UserId| async move {
                let done = match is_among(&user, banned) {
                    true => Ok(()),
                    false => self.ban(guild, &user, Term::Forever, delete, audit).await,
                };
                (user, done)
            };
            let mut each = stream::iter(chunk.to_vec()).map(alone).buffered(ALONE);
            while let Some((user, done)) = each.next().await {
                match done {
                    Err(error) if error.stops_all() => {
                        let left = rest().split_off(result.results.len() - at * self.limits().ban_bulk);
                        let (done, left) = left.into_iter().partition(|user| is_among(user, banned));
                        let done: Vec<UserId> = done;
                        result.results.extend(done.into_iter().map(|user| (user, Ok(()))));
                        (result.left, result.stopped_by) = (left, Some(error));
                        return result;
                    }
                    done => result.results.push((user, done)),
                }
            }
        }
        result
    }
}

fn is_among(user: &UserId, banned: &[u64]) -> bool {
    user.as_str().parse().is_ok_and(|id| banned.contains(&id))
}

/// Nothing came of it that is known.
fn fault(text: impl Into<String>) -> PlatformError {
    PlatformError::Unavailable(Fault(text.into()))
}
