//! Who asks, and what they may: scopes of tokens, roles as names for sets of them, and what each route needs. People who are
//! signed in are in `person.rs`.
//!
//! To add a scope: a variant of [`Scope`], the roles that hold it, and [`Needs`] where a route takes it.

use super::person::Person;
pub(crate) use super::person::Reach;
use crate::problem::{Code, Problem};
use compact_str::CompactString;
use lockdown_events::{Origin, Platform};
use lockdown_moderation::desk::Facts;
use lockdown_moderation::{Actor, Doer, Grant, GuildRef, Rank, Right, Rights, UserRef};
use lockdown_runtime::Secret;
use lockdown_store::audit::ActorKind;
use lockdown_store::guilds::{CommunityId, Guild};
use lockdown_store::hooks::Hook;
use lockdown_store::tokens::ApiToken;
use lockdown_store::{Bearer, Store, StoreError, in_read, in_tx};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name under which the token of the configuration acts, in records and audit.
const BOOTSTRAP: &str = "bootstrap";

/// What a token may be given: the rights of a moderator, and what stands above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Right(Right),
    /// Give tokens of the community out, and take them back.
    Own,
    /// What concerns every community: dead letters, presence. Counts only in a token of no community.
    Operate,
}

/// A name for a set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Moderator,
    Admin,
    Owner,
    Operator,
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// No token: a signature by the secret of the hook in the path.
    Signature,
    /// Any token that opens something.
    Token,
    /// Any token of the community.
    Sight,
    /// Any of the rights by which cases are made. Which one it takes is decided with the case at hand.
    AnyRight,
    /// The same, of a route that is of no guild: the handler sees in which guilds it is held, and refuses who has it in
    /// none.
    AnyRightSomewhere,
    Right(Right),
    Own,
    Operate,
}

/// What somebody may, in a guild or where no guild is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Powers {
    pub(crate) rights: Rights,
    pub(crate) own: bool,
    pub(crate) operate: bool,
    pub(crate) position: u32,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// With the token of the configuration.
    Bootstrap,
    Token(ApiToken),
    /// Somebody who speaks through a bot, which knows them.
    Person(UserRef),
    /// Somebody who signed in with a browser.
    SignedIn(Arc<Person>),
    /// With a signature.
    Hook(Hook),
}

// === impl Scope ===

impl Scope {
    /// Its name in tokens and roles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right(right) => right.as_str(),
            Self::Own => "own",
            Self::Operate => "operate",
        }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        Right::ALL
            .into_iter()
            .map(Self::Right)
            .chain([Self::Own, Self::Operate])
    }

    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::all().find(|scope| scope.as_str() == text)
    }
}

// === impl Role ===

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Moderator,
        Self::Admin,
        Self::Owner,
        Self::Operator,
    ];

    /// Its name, everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }

    /// What it holds.
    pub fn scopes(self) -> impl Iterator<Item = Scope> {
        let powers = self.powers();
        Scope::all().filter(move |scope| powers.has(*scope))
    }

    pub(crate) fn powers(self) -> Powers {
        let rights = match self {
            Self::Viewer => Rights::NONE,
            Self::Moderator => Rights::MODERATOR,
            Self::Admin | Self::Owner | Self::Operator => Rights::ALL,
        };
        Powers {
            rights,
            own: self >= Self::Owner,
            operate: self == Self::Operator,
            position: 0,
        }
    }
}

// === impl Needs ===

impl Needs {
    pub(crate) fn met_by(self, powers: &Powers) -> bool {
        match self {
            Self::Signature | Self::Token | Self::Sight | Self::AnyRightSomewhere => true,
            Self::AnyRight => !powers.rights.is_empty(),
            Self::Right(right) => powers.rights.has(right),
            Self::Own => powers.own,
            Self::Operate => powers.operate,
        }
    }

    /// The least role that has it.
    pub(crate) fn role(self) -> Role {
        let needs = match self {
            Self::AnyRightSomewhere => Self::AnyRight,
            needs => needs,
        };
        let met = |role: &Role| needs.met_by(&role.powers());
        Role::ALL.into_iter().find(met).unwrap_or(Role::Operator)
    }

    /// As the documents say it.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Signature => "no token, but a signature".into(),
            Self::Token => "any token or session".into(),
            Self::Sight => "any token or role of the community".into(),
            Self::AnyRight => "any right of a moderator".into(),
            Self::AnyRightSomewhere => "any right of a moderator, in some community".into(),
            Self::Right(right) => format!("the scope `{right}`"),
            Self::Own => "the scope `own`".into(),
            Self::Operate => {
                "the scope `operate`, in a token of no community, or an operator's session".into()
            }
        }
    }
}

// === impl Powers ===

impl Powers {
    const NONE: Self = Self {
        rights: Rights::NONE,
        own: false,
        operate: false,
        position: 0,
    };

    pub(crate) const ALL: Self = Self {
        rights: Rights::ALL,
        own: true,
        operate: true,
        position: u32::MAX,
    };

    pub(crate) fn of(words: &BTreeSet<String>, position: u32, everywhere: bool) -> Self {
        let scopes: Vec<Scope> = words.iter().filter_map(|word| Scope::find(word)).collect();
        if everywhere && scopes.contains(&Scope::Operate) {
            return Self::ALL;
        }
        let rights = scopes.iter().filter_map(|scope| match scope {
            Scope::Right(right) => Some(Rights::of(&[*right])),
            Scope::Own | Scope::Operate => None,
        });
        Self {
            rights: rights.fold(Rights::NONE, |all, one| all | one),
            own: scopes.contains(&Scope::Own),
            operate: false,
            position,
        }
    }

    async fn of_person(who: &UserRef, facts: &dyn Facts, guild: &Guild) -> Result<Self, Problem> {
        let place = GuildRef {
            platform: guild.platform,
            id: guild.native_id.clone(),
        };
        let by = Actor::Person(who.clone());
        let ranks = facts.ranks(&place, &by, who).await;
        if ranks.doer == Rank::Unknown {
            return Err(Problem::of(Code::RankUnknown));
        }
        let doer = Doer {
            by,
            rank: ranks.doer,
            grant: ranks.doer_grant,
        };
        let rights = doer.rights();
        if rights.is_empty() {
            return Err(Problem::new(
                Code::Forbidden,
                "Only those who keep order here may ask for that.",
            ));
        }
        Ok(Self {
            rights,
            own: ranks.doer == Rank::Owner,
            position: ranks.doer_grant.map_or(0, |grant| grant.position),
            ..Self::NONE
        })
    }

    pub(crate) fn has(&self, scope: Scope) -> bool {
        match scope {
            Scope::Right(right) => self.rights.has(right),
            Scope::Own => self.own,
            Scope::Operate => self.operate,
        }
    }

    pub(crate) fn need(&self, needs: Needs) -> Result<(), Problem> {
        if needs.met_by(self) {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            format!("This takes {}.", needs.words()),
        ))
    }

    /// As the desk knows it.
    pub(crate) fn grant(&self) -> Grant {
        Grant {
            position: self.position,
            rights: self.rights,
        }
    }

    pub(crate) fn words(&self) -> Vec<&'static str> {
        let held = Scope::all().filter(|scope| self.has(*scope));
        held.map(Scope::as_str).collect()
    }
}

// === impl Caller ===

impl Caller {
    /// Whom a bearer token stands for, if anybody.
    pub(crate) async fn of(
        store: &Store,
        admin: Option<&Secret>,
        sent: &str,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Self>, StoreError> {
        // Hashes are compared, so that how long it takes says nothing of the token.
        let hash = |text: &str| Sha256::digest(text.as_bytes());
        if admin.is_some_and(|admin| hash(admin.expose()) == hash(sent)) {
            return Ok(Some(Self::Bootstrap));
        }
        let bearer = Bearer::sent(sent);
        let found = in_read!(store, |conn| { conn.token_by_secret(&bearer, now).await })?;
        let Some(token) = found else { return Ok(None) };
        if token.use_is_news(now) {
            in_tx!(store, |tx| { tx.use_token(token.id, now).await })?;
        }
        Ok(Some(Self::Token(token)))
    }

    /// By which limits and keys know it.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Bootstrap => BOOTSTRAP.to_owned(),
            Self::Token(token) => format!("token:{}", token.id),
            Self::Person(who) => format!("person:{}:{}", who.platform, who.id),
            Self::SignedIn(person) => format!("account:{}", person.account.id),
            Self::Hook(hook) => format!("hook:{}", hook.id),
        }
    }

    /// By which people know it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Bootstrap => BOOTSTRAP,
            Self::Token(token) => &token.name,
            Self::Person(who) => who.id.as_str(),
            Self::SignedIn(person) => &person.account.login,
            Self::Hook(hook) => &hook.name,
        }
    }

    /// By which records of a platform know it. Somebody who is signed in is the one that they are there, if they are one.
    pub(crate) fn actor(&self, platform: Option<Platform>) -> Actor {
        match self {
            Self::Bootstrap | Self::Token(_) | Self::Hook(_) => {
                Actor::Token(CompactString::from(self.name()))
            }
            Self::Person(who) => Actor::Person(who.clone()),
            Self::SignedIn(person) => person.actor(platform),
        }
    }

    /// By what it came that they ask for.
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Bootstrap | Self::Token(_) | Self::SignedIn(_) | Self::Hook(_) => Origin::Api,
            Self::Person(_) => Origin::Command,
        }
    }

    /// By which the log of access knows it. Through a bot nobody does what stands there.
    pub(crate) fn in_log(&self) -> (ActorKind, String) {
        match self {
            Self::Bootstrap | Self::Token(_) | Self::Hook(_) => (ActorKind::Token, self.name().to_owned()),
            Self::Person(who) => (ActorKind::Person, who.platform.to_string()),
            Self::SignedIn(person) => (ActorKind::Person, person.account.id.to_string()),
        }
    }

    /// The communities that it speaks for where no guild is spoken of: with a token those that it is for, signed in those
    /// that one owns.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Bootstrap => Reach::All,
            Self::Token(token) => token
                .community_id
                .map_or(Reach::All, |community| Reach::These(vec![community])),
            Self::Person(_) | Self::Hook(_) => Reach::These(Vec::new()),
            Self::SignedIn(person) => person.reach(),
        }
    }

    pub(crate) fn token(&self) -> Option<&ApiToken> {
        match self {
            Self::Token(token) => Some(token),
            Self::Bootstrap | Self::Person(_) | Self::SignedIn(_) | Self::Hook(_) => None,
        }
    }

    pub(crate) fn person(&self) -> Option<&Person> {
        match self {
            Self::SignedIn(person) => Some(person),
            Self::Bootstrap | Self::Token(_) | Self::Person(_) | Self::Hook(_) => None,
        }
    }

    /// Whether it may know that a guild is there. What somebody may know who speaks there is seen by their powers.
    pub(crate) fn sees(&self, guild: &Guild) -> bool {
        match self {
            Self::Bootstrap | Self::Token(_) => self.reach().has(guild.community_id),
            Self::Person(who) => who.platform == guild.platform,
            Self::SignedIn(person) => person.sees(guild),
            Self::Hook(hook) => hook.guild_id == guild.id,
        }
    }

    /// What it may where no guild is spoken of.
    pub(crate) fn powers(&self) -> Powers {
        match self {
            Self::Bootstrap => Powers::ALL,
            Self::Token(token) => Powers::of(&token.scopes.0, 0, token.community_id.is_none()),
            Self::Person(_) | Self::Hook(_) => Powers::NONE,
            Self::SignedIn(person) => person.powers(),
        }
    }

    /// What it may give to others in a community, or in all.
    pub(crate) fn powers_for(&self, community: Option<CommunityId>) -> Powers {
        match (self, community) {
            (Self::SignedIn(person), Some(community)) => person.powers_for(community),
            _ => self.powers(),
        }
    }

    /// What it may in a guild: by its scopes, and by the roles that it was given there; of a person, by how they stand on
    /// the platform as well.
    pub(crate) async fn powers_in(
        &self,
        store: &Store,
        facts: &dyn Facts,
        guild: &Guild,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Powers, Problem> {
        let token = match self {
            Self::Bootstrap => return Ok(Powers::ALL),
            Self::Person(who) => return Powers::of_person(who, facts, guild).await,
            Self::SignedIn(person) => return Ok(person.powers_in(guild)),
            Self::Hook(_) => return Ok(Powers::NONE),
            Self::Token(token) => token,
        };
        let held = in_read!(store, |conn| {
            conn.token_permissions(guild.id, token.id, now).await
        })?;
        let position = u32::try_from(held.position).unwrap_or(u32::MAX);
        // A role of one community cannot make somebody the operator of all.
        let mut words = held.words;
        if !token.scopes.0.contains(Scope::Operate.as_str()) {
            words.remove(Scope::Operate.as_str());
        }
        Ok(Powers::of(&words, position, token.community_id.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(of: &[&str]) -> BTreeSet<String> {
        of.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn roles_grow_and_are_told_by_their_scopes() {
        for pair in Role::ALL.windows(2) {
            let (lower, higher) = (pair[0].powers(), pair[1].powers());
            assert!(Scope::all().all(|scope| !lower.has(scope) || higher.has(scope)));
            assert!(pair[0].scopes().count() < pair[1].scopes().count(), "{pair:?}");
        }
        for scope in Scope::all() {
            assert_eq!(Scope::find(scope.as_str()), Some(scope));
        }
    }

    #[test]
    fn a_token_of_one_community_never_operates() {
        let one = Powers::of(&words(&["operate", "ban"]), 0, false);
        assert!(!one.operate && !one.own && one.rights.has(Right::Ban));
        assert_eq!(Powers::of(&words(&["operate"]), 0, true), Powers::ALL);
        // A word that nobody knows gives nothing.
        assert!(Powers::of(&words(&["everything"]), 3, true).rights.is_empty());
    }

    #[test]
    fn each_need_names_the_least_role() {
        assert_eq!(Needs::Sight.role(), Role::Viewer);
        assert_eq!(Needs::AnyRightSomewhere.role(), Role::Moderator);
        assert_eq!(Needs::Right(Right::Ban).role(), Role::Moderator);
        assert_eq!(Needs::Right(Right::Configure).role(), Role::Admin);
        assert_eq!(Needs::Own.role(), Role::Owner);
        assert_eq!(Needs::Operate.role(), Role::Operator);
        assert!(Powers::ALL.need(Needs::Operate).is_ok());
        assert!(Role::Owner.powers().need(Needs::Operate).is_err());
    }
}
