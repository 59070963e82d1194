//! Of which communities somebody may hear.

use crate::api::Api;
use crate::api::access::{Caller, Needs, Powers};
use crate::problem::{Code, Problem};
use lockdown_bus::Key;
use lockdown_events::{GuildId, Platform};
use lockdown_store::guilds::Guild;
use lockdown_store::in_read;
use std::collections::BTreeSet;

/// One guild, of which alone somebody wants to hear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Only {
    pub(super) platform: Platform,
    pub(super) id: GuildId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Also of what is of no community.
    Everything,
    EveryGuild,
    Guilds(BTreeSet<Key>),
}

// === impl Only ===

impl Only {
    pub(super) fn key(&self) -> Key {
        Key::community(self.platform, &self.id)
    }
}

// === impl Scope ===

impl Scope {
    pub(super) fn has(&self, key: &Key) -> bool {
        match self {
            Self::Everything => true,
            Self::EveryGuild => *key != Key::none(),
            Self::Guilds(keys) => keys.contains(key),
        }
    }

    /// What a caller may hear now. Whoever may hear nothing is refused.
    pub(super) async fn of(api: &Api, caller: &Caller, only: Option<&Only>) -> Result<Self, Problem> {
        let powers = caller.powers();
        if let Some(only) = only {
            let found = in_read!(api.store, |conn| { conn.guild(only.platform, &only.id).await })?;
            let guild = found.filter(|guild| caller.sees(guild));
            let guild = guild.ok_or_else(|| Problem::of(Code::UnknownGuild))?;
            let powers = powers_in(api, caller, &guild).await?;
            powers.need(Needs::AnyRight)?;
            return Ok(Self::Guilds([only.key()].into()));
        }
        if powers.operate {
            return Ok(Self::Everything);
        }
        let everywhere = has_everywhere(caller);
        if everywhere && caller.reach().these().is_none() {
            return Ok(Self::EveryGuild);
        }
        let guilds = guilds_heard(api, caller).await?.into_iter();
        let keys: BTreeSet<Key> = guilds
            .map(|guild| Key::community(guild.platform, &guild.native_id))
            .collect();
        if keys.is_empty() && !everywhere {
            powers.need(Needs::AnyRight)?;
        }
        Ok(Self::Guilds(keys))
    }
}

/// The guilds in which a caller has any right of a moderator.
pub(in crate::api) async fn guilds_heard(api: &Api, caller: &Caller) -> Result<Vec<Guild>, Problem> {
    let everywhere = has_everywhere(caller);
    let mut heard = in_read!(api.store, |conn| { conn.guilds().await })?;
    heard.retain(|guild| caller.sees(guild));
    if everywhere {
        return Ok(heard);
    }
    let mut some = Vec::new();
    for guild in heard {
        if has_right(api, caller, &guild).await? {
            some.push(guild);
        }
    }
    Ok(some)
}

/// Whether what a caller may where no guild is spoken of holds in every guild that they see: roles give more than a token
/// has, and never less. Somebody who is signed in may see guilds of others.
fn has_everywhere(caller: &Caller) -> bool {
    caller.person().is_none() && Needs::AnyRight.met_by(&caller.powers())
}

async fn has_right(api: &Api, caller: &Caller, guild: &Guild) -> Result<bool, Problem> {
    let powers = powers_in(api, caller, guild).await?;
    Ok(Needs::AnyRight.met_by(&powers))
}

async fn powers_in(api: &Api, caller: &Caller, guild: &Guild) -> Result<Powers, Problem> {
    let now = api.ctx.clock.now();
    caller.powers_in(&api.store, &*api.facts, guild, now).await
}
