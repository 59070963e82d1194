//! Of which communities somebody may hear.

use crate::api::Api;
use crate::api::access::{Caller, Needs, Reach};
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
            let powers = caller
                .powers_in(&api.store, &*api.facts, &guild, api.ctx.clock.now())
                .await?;
            powers.need(Needs::AnyRight)?;
            return Ok(Self::Guilds([only.key()].into()));
        }
        if powers.operate {
            return Ok(Self::Everything);
        }
        // Roles give more than the token has, and never less. Somebody who is signed in has nothing but roles.
        let everywhere = caller.person().is_none() && Needs::AnyRight.met_by(&powers);
        if everywhere && caller.reach() == Reach::All {
            return Ok(Self::EveryGuild);
        }
        let mut keys = BTreeSet::new();
        for guild in in_read!(api.store, |conn| { conn.guilds().await })? {
            if caller.sees(&guild) && (everywhere || has_right(api, caller, &guild).await?) {
                keys.insert(Key::community(guild.platform, &guild.native_id));
            }
        }
        if keys.is_empty() && !everywhere {
            powers.need(Needs::AnyRight)?;
        }
        Ok(Self::Guilds(keys))
    }
}

async fn has_right(api: &Api, caller: &Caller, guild: &Guild) -> Result<bool, Problem> {
    let powers = caller
        .powers_in(&api.store, &*api.facts, guild, api.ctx.clock.now())
        .await?;
    Ok(Needs::AnyRight.met_by(&powers))
}
