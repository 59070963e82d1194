//! Somebody who is signed in: their account, the session that they came by, and every role that they have.
//!
//! A session ends when it was not used for [`IDLE`], at the latest [`LONGEST`] after it began, and with its account. What
//! changes something is asked for with the [token](Person::csrf) of the session beside its cookie: a page of another site can make
//! a browser send the cookie, and cannot read the token.

use super::access::{Powers, Scope};
use chrono::{DateTime, TimeDelta, Utc};
use compact_str::CompactString;
use lockdown_events::Platform;
use lockdown_moderation::{Actor, UserRef};
use lockdown_runtime::ids::hex;
use lockdown_store::accounts::Account;
use lockdown_store::guilds::{CommunityId, Guild};
use lockdown_store::people::Identity;
use lockdown_store::roles::Held;
use lockdown_store::sessions::Session;
use lockdown_store::{Bearer, Store, StoreError, in_read, in_tx};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// A session that is not used for so long ends.
pub(crate) const IDLE: TimeDelta = TimeDelta::hours(24);
/// A session ends so long after it began, however much it is used.
pub(crate) const LONGEST: TimeDelta = TimeDelta::days(14);
/// How records name somebody who has no account on the platform that they speak of. No token has such a name.
pub const ACCOUNT: &str = "account:";

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) session: Session,
    identities: Vec<Identity>,
    held: Vec<Held>,
    csrf: String,
}

/// For which communities somebody speaks where no guild is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    All,
    These(Vec<CommunityId>),
}

/// The token that goes with a session: made of its secret, so that nothing more has to be kept.
fn csrf(secret: &Bearer) -> String {
    let digest = Sha256::new()
        .chain_update("lockdown.csrf.1")
        .chain_update(secret.expose());
    hex(&digest.finalize())
}

/// When a session that is used now ends.
pub(crate) fn ends(begun: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (now + IDLE).min(begun + LONGEST)
}

// === impl Reach ===

impl Reach {
    pub(crate) fn has(&self, community: CommunityId) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(&community),
        }
    }

    /// `None`: all.
    pub(crate) fn these(&self) -> Option<&[CommunityId]> {
        match self {
            Self::All => None,
            Self::These(these) => Some(these),
        }
    }
}

// === impl Person ===

impl Person {
    /// Whom the secret of a cookie stands for, if anybody.
    pub(crate) async fn of(
        store: &Store,
        sent: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, StoreError> {
        let secret = Bearer::sent(sent);
        let found = in_read!(store, |conn| {
            let Some(session) = conn.session_by_secret(&secret, now).await? else {
                return Ok(None);
            };
            let Some(account) = conn.account(session.account_id).await? else {
                return Ok(None);
            };
            let identities = conn.identities_of(account.id).await?;
            let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
            let held = conn.roles_of_account(account.id, &ids).await?;
            Ok::<_, StoreError>(Some((session, account, identities, held)))
        })?;
        let Some((session, account, identities, held)) = found else {
            return Ok(None);
        };
        if session.use_is_news(now) {
            let ends = ends(session.created_at, now);
            in_tx!(store, |tx| { tx.see_session(session.id, now, ends).await })?;
        }
        Ok(Some(Self {
            csrf: csrf(&secret),
            account,
            session,
            identities,
            held,
        }))
    }

    /// The same, as it is now; `None` when the session is over.
    pub(crate) async fn again(&self, store: &Store, now: DateTime<Utc>) -> Result<Option<Self>, StoreError> {
        let (id, session) = (self.account.id, self.session.id);
        let found = in_read!(store, |conn| {
            let sessions = conn.sessions_of(id, now).await?;
            let session = sessions.into_iter().find(|known| known.id == session);
            let account = conn
                .account(id)
                .await?
                .filter(|account| account.disabled_at.is_none());
            let identities = conn.identities_of(id).await?;
            let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
            let held = conn.roles_of_account(id, &ids).await?;
            Ok::<_, StoreError>(session.zip(account).map(|both| (both, identities, held)))
        })?;
        Ok(found.map(|((session, account), identities, held)| Self {
            csrf: self.csrf.clone(),
            account,
            session,
            identities,
            held,
        }))
    }

    /// What stands beside the cookie where something is changed.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether this is the token of this session. Hashes are compared, so that how long it takes says nothing of it.
    pub(crate) fn is_csrf(&self, sent: &str) -> bool {
        Sha256::digest(sent) == Sha256::digest(&self.csrf)
    }

    pub(crate) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The names of their roles, each once.
    pub(crate) fn roles(&self) -> BTreeSet<&str> {
        self.held.iter().map(|held| held.name.as_str()).collect()
    }

    pub(crate) fn operates(&self) -> bool {
        self.account.operator_since.is_some()
    }

    pub(crate) fn actor(&self, platform: Option<Platform>) -> Actor {
        let there = |identity: &&Identity| Some(identity.platform) == platform;
        match self.identities.iter().find(there) {
            Some(identity) => Actor::Person(UserRef::new(identity.platform, identity.native_id.clone())),
            None => Actor::Token(CompactString::from(self.name_in_records())),
        }
    }

    /// Where they have no account on the platform that a record speaks of.
    pub(crate) fn name_in_records(&self) -> String {
        format!("{ACCOUNT}{}", self.account.login)
    }

    pub(crate) fn sees(&self, guild: &Guild) -> bool {
        self.operates() || self.held.iter().any(|held| counts_in(held, guild))
    }

    pub(crate) fn powers_in(&self, guild: &Guild) -> Powers {
        self.sum(|held| counts_in(held, guild))
    }

    /// Where no guild is spoken of: what they own, or everything.
    pub(crate) fn powers(&self) -> Powers {
        let owned = self.owned();
        self.sum(|held| owned.contains(&held.community_id) && is_owner(held))
    }

    /// In every guild of a community.
    pub(crate) fn powers_for(&self, community: CommunityId) -> Powers {
        self.sum(|held| held.community_id == community && held.guild_id.is_none())
    }

    pub(crate) fn reach(&self) -> Reach {
        if self.operates() {
            Reach::All
        } else {
            Reach::These(self.owned().into_iter().collect())
        }
    }

    fn owned(&self) -> BTreeSet<CommunityId> {
        let owned = self.held.iter().filter(|held| is_owner(held));
        owned.map(|held| held.community_id).collect()
    }

    fn sum(&self, counts: impl Fn(&Held) -> bool) -> Powers {
        if self.operates() {
            return Powers::ALL;
        }
        let (mut words, mut position) = (BTreeSet::new(), 0);
        for held in self.held.iter().filter(|held| counts(held)) {
            words.extend(held.permissions.0.iter().cloned());
            position = position.max(held.position);
        }
        // No role of a community makes somebody the operator of all.
        Powers::of(&words, u32::try_from(position).unwrap_or(u32::MAX), false)
    }
}

/// Whoever owns one guild of several does not own the community.
fn is_owner(held: &Held) -> bool {
    held.guild_id.is_none() && held.permissions.0.contains(Scope::Own.as_str())
}

fn counts_in(held: &Held, guild: &Guild) -> bool {
    held.community_id == guild.community_id && held.guild_id.is_none_or(|only| only == guild.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_rests_and_at_the_latest_in_the_end() {
        let begun: DateTime<Utc> = "2026-11-20T09:00:00Z".parse().unwrap();
        assert_eq!(ends(begun, begun), begun + IDLE);
        let later = begun + TimeDelta::days(3);
        assert_eq!(ends(begun, later), later + IDLE);
        assert_eq!(
            ends(begun, begun + LONGEST - TimeDelta::hours(1)),
            begun + LONGEST
        );
    }

    #[test]
    fn the_token_of_a_session_is_not_its_secret() {
        let secret = Bearer::for_session();
        assert_eq!(csrf(&secret), csrf(&Bearer::sent(secret.expose())));
        assert_ne!(csrf(&secret), csrf(&Bearer::for_session()));
        assert!(!csrf(&secret).contains(secret.expose()));
    }
}
