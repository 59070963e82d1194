//! Mutes by a role: where a guild has chosen one, whoever is muted loses all other roles and has that one alone.
//!
//! What they had is put down on a board of the bus before anything is changed. So a second mute forgets none of it, another
//! process gives back what this one took, and who leaves and comes back to be rid of it is given the role again.

use super::errors::Deed;
use super::rank::permissions::MANAGE_ROLES;
use super::{Discord, discord_id, fault};
use crate::intake::role_ids;
use crate::modlog::of;
use crate::rest::Ask;
use lockdown_bus::{Bus, ConsumerOptions, EngineError, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{
    Action, Event, GuildId, ModerationAction, ModerationEvent, Origin, Platform, UserEvent, UserId,
};
use lockdown_moderation::PlatformError;
use lockdown_moderation::hands::SettingsBook;
use lockdown_runtime::chain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serenity::http::Route;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Nothing takes an item off its board but we.
const KEPT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// More than are muted in one guild at the same time.
const MOST: usize = 100_000;
/// The group by which the bot's processes share who comes.
const GROUP: &str = "discord.holds";
/// Why somebody who came back is given the role, for Discord's own audit log.
const CAME_BACK: &str = "still muted";
/// Why somebody is given back what they had when a moderator took the role from them.
const BY_HAND: &str = "not muted any more";

/// Where mutes by a role are chosen, and what they took is kept.
pub(crate) struct Holds {
    bus: Bus,
    book: SettingsBook,
}

/// What somebody who is muted had, and has instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    role: u64,
    taken: BTreeSet<u64>,
}

// === impl Holds ===

impl Holds {
    pub(crate) fn new(bus: Bus, book: SettingsBook) -> Self {
        Self { bus, book }
    }

    async fn of(&self, board: &str, user: u64) -> Result<Option<Held>, EngineError> {
        let posted = self.bus.engine().posted(board, MOST).await?;
        let item = user.to_string();
        let found = posted.iter().find(|posted| posted.item == item);
        Ok(found.and_then(|posted| match serde_json::from_str(&posted.text) {
            Ok(held) => Some(held),
            Err(error) => {
                tracing::error!(
                    user,
                    "What a mute took cannot be read, give it back by hand: {error}"
                );
                None
            }
        }))
    }

    async fn keep(&self, board: &str, user: u64, held: &Held) -> Result<(), EngineError> {
        let text = serde_json::to_string(held).unwrap_or_default();
        let engine = self.bus.engine();
        engine.post(board, &user.to_string(), &text, KEPT).await.map(drop)
    }

    /// What stays put down would be done to somebody who comes back: who cannot forget it now has to try again.
    async fn forget(&self, board: &str, user: u64) -> Result<(), PlatformError> {
        let unposted = self.bus.engine().unpost(board, &user.to_string()).await;
        unposted.map(drop).map_err(|error| away(&error))
    }
}

/// Gives the role again to whoever left with it and comes back, and the others to whom a moderator took it from by hand,
/// until the process stops.
pub(crate) async fn follow(bus: &Bus, discord: &Discord) -> anyhow::Result<()> {
    let discord = discord.clone();
    let types = ["user:joined", "moderation:action"];
    let handler = Handler::new("held", types, move |received: Arc<Received>| {
        let discord = discord.clone();
        async move {
            if received.event.platform() != Platform::Discord {
                return Ok(());
            }
            let done = match &received.event {
                Event::User(UserEvent::Joined(joined)) => {
                    discord.hold_again(&joined.guild_id, &joined.user_id).await
                }
                Event::Moderation(ModerationEvent::Action(action)) if is_lift_by_hand(action) => {
                    discord.release_by_hand(&action.guild_id, &action.user_id).await
                }
                _ => return Ok(()),
            };
            match done {
                Ok(()) | Err(PlatformError::NotFound(_)) => Ok(()),
                Err(error) if error.is_permanent() => {
                    let guild = received.event.guild_id();
                    tracing::warn!(%guild, "The roles of somebody who is or was muted stay as they are: {}", chain(&error));
                    Ok(())
                }
                Err(error) => Err(HandlerError::Again(chain(&error))),
            }
        }
    });
    let group = GroupName::new(GROUP)?;
    bus.consume(
        group,
        &Start::Now,
        vec![handler.by_person()],
        ConsumerOptions::default(),
    )
    .await?;
    Ok(())
}

// === impl Discord ===

impl Discord {
    fn holds_of(&self, guild: u64) -> String {
        format!("discord/held/{}/{guild}", self.guilds.own())
    }

    /// The role by which a guild mutes, if it has chosen one that the bot can give. Where the bot cannot, Discord's own
    /// timeouts are better than nothing, and `/doctor` says what is wrong.
    pub(crate) async fn mute_role(&self, guild: &GuildId) -> Option<u64> {
        let holds = self.holds.as_deref()?;
        let settings = holds.book.of(&of(guild)).await;
        let chosen = settings.discord.mute_role.as_ref()?;
        let (role, guild) = (chosen.as_str().parse().ok()?, guild.as_str().parse().ok()?);
        self.know(guild).await.ok()?;
        let known = self.guilds.get(guild)?;
        let wanted = known.roles.get(&role)?;
        let held = self.guilds.own_permissions(guild).unwrap_or(0);
        if held & MANAGE_ROLES == 0 || known.position(&known.own_roles) <= wanted.position {
            tracing::debug!(guild, role, "The role for mutes is out of the bot's reach");
            return None;
        }
        Some(role)
    }

    /// Takes all roles of somebody and gives them this one.
    pub(super) async fn hold(
        &self,
        guild: u64,
        user: u64,
        role: u64,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let Some(holds) = self.holds.as_deref() else {
            return Err(fault("there is nowhere to keep what a mute takes"));
        };
        let board = self.holds_of(guild);
        let has: BTreeSet<u64> = role_ids(&self.body_of(guild, user).await?).into_iter().collect();
        let before = holds.of(&board, user).await.map_err(|error| away(&error))?;
        let known = self.guilds.get(guild).unwrap_or_default();
        let own = known.position(&known.own_roles);
        let stays = |id: &u64| known.roles.get(id).is_none_or(|role| role.managed);
        if let Some(above) = has.iter().find(|id| {
            let position = known.roles.get(id).map(|role| role.position);
            !stays(id) && position.is_some_and(|position| position >= own)
        }) {
            tracing::debug!(guild, user, role = above, "A role stands above the bot");
            return Err(PlatformError::Rank);
        }
        let mut held = before.clone().unwrap_or(Held {
            role,
            taken: BTreeSet::new(),
        });
        let takes = has
            .iter()
            .filter(|id| !stays(id) && **id != role && **id != held.role);
        held.taken.extend(takes.copied());
        held.role = role;
        if before.as_ref() != Some(&held) {
            holds
                .keep(&board, user, &held)
                .await
                .map_err(|error| away(&error))?;
        }
        let mut wanted: BTreeSet<u64> = has.iter().copied().filter(stays).collect();
        wanted.insert(role);
        if wanted == has {
            return Ok(());
        }
        let put = self.put_roles(guild, user, &wanted, false, audit).await;
        // Nothing was taken of whom Discord did not let us touch.
        let is_refused = put.as_ref().is_err_and(PlatformError::is_permanent);
        if is_refused && before.is_none() {
            holds.forget(&board, user).await?;
        }
        put
    }

    /// Gives back what a mute took; `false` where none did.
    pub(super) async fn release(&self, guild: u64, user: u64, audit: &str) -> Result<bool, PlatformError> {
        let Some(holds) = self.holds.as_deref() else {
            return Ok(false);
        };
        let board = self.holds_of(guild);
        let kept = holds.of(&board, user).await.map_err(|error| away(&error))?;
        let is_kept = kept.is_some();
        let held = match kept {
            Some(held) => held,
            // Where nothing was taken, a moderator may have given the role by hand.
            None => match self.mute_role_of(guild).await {
                Some(role) => Held {
                    role,
                    taken: BTreeSet::new(),
                },
                None => return Ok(false),
            },
        };
        let body = match self.body_of(guild, user).await {
            Ok(body) => body,
            Err(error) => {
                // Who comes back after this comes like anybody else.
                if matches!(error, PlatformError::NotFound(_)) {
                    holds.forget(&board, user).await?;
                }
                return Err(error);
            }
        };
        let has: BTreeSet<u64> = role_ids(&body).into_iter().collect();
        if !is_kept && !has.contains(&held.role) {
            return Ok(false);
        }
        let known = self.guilds.get(guild).unwrap_or_default();
        let own = known.position(&known.own_roles);
        let is_there = |id: &&u64| {
            let role = known.roles.get(id);
            role.is_some_and(|role| !role.managed && role.position < own)
        };
        let mut wanted: BTreeSet<u64> = has.iter().copied().filter(|id| *id != held.role).collect();
        wanted.extend(held.taken.iter().filter(is_there));
        let speaks = body["communication_disabled_until"].is_null();
        if wanted != has || !speaks {
            self.put_roles(guild, user, &wanted, !speaks, audit).await?;
        }
        holds.forget(&board, user).await?;
        Ok(true)
    }

    async fn mute_role_of(&self, guild: u64) -> Option<u64> {
        self.mute_role(&GuildId::new(&guild.to_string()).ok()?).await
    }

    /// Gives back what a mute took to whom a moderator took the role from.
    async fn release_by_hand(&self, guild: &GuildId, user: &UserId) -> Result<(), PlatformError> {
        let (guild, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        self.release(guild, user, BY_HAND).await.map(drop)
    }

    /// Gives the role again to whoever left with it and comes back.
    pub(crate) async fn hold_again(&self, guild: &GuildId, user: &UserId) -> Result<(), PlatformError> {
        let (Some(holds), Some(role)) = (self.holds.as_deref(), self.mute_role(guild).await) else {
            return Ok(());
        };
        let (number, user) = (discord_id(guild.as_str())?, discord_id(user.as_str())?);
        let held = holds
            .of(&self.holds_of(number), user)
            .await
            .map_err(|error| away(&error))?;
        match held {
            Some(_) => self.hold(number, user, role, CAME_BACK).await,
            None => Ok(()),
        }
    }

    async fn put_roles(
        &self,
        guild: u64,
        user: u64,
        roles: &BTreeSet<u64>,
        speaks_again: bool,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let route = Route::GuildMember {
            guild_id: guild.into(),
            user_id: user.into(),
        };
        let ids: Vec<String> = roles.iter().map(u64::to_string).collect();
        let mut body = json!({ "roles": ids });
        if speaks_again {
            body["communication_disabled_until"] = Value::Null;
        }
        let ask = Ask::patch(route, guild).body(&body).audit(audit);
        self.act(ask, guild, Deed::Hold).await.map(drop)
    }
}

fn is_lift_by_hand(action: &ModerationAction) -> bool {
    action.origin == Origin::Native && action.action == Action::Unmute
}

fn away(error: &EngineError) -> PlatformError {
    fault(format!("what a mute takes could not be kept: {}", chain(error)))
}
