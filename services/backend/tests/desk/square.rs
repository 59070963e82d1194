//! A platform in memory: one community, its people, and what was done to them. It can be away.

use async_trait::async_trait;
use lockdown_events::{ChannelId, GuildId, MessageId, Platform as Name, RoleId, UserId};
use lockdown_moderation::{
    Deleted, Fault, Limits, Member, Missing, Platform, PlatformError, Rank, Right, Rights, Span, Term,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct State {
    pub(crate) members: BTreeMap<UserId, (Rank, Vec<RoleId>)>,
    pub(crate) banned: BTreeMap<UserId, Term>,
    pub(crate) muted: BTreeMap<UserId, Term>,
    /// What was asked for, in its order, also what was not done.
    pub(crate) asked: Vec<String>,
    /// It does nothing that it is asked for.
    pub(crate) away: bool,
    /// It does not say how people stand.
    pub(crate) unreadable: bool,
    /// Who takes no messages.
    pub(crate) closed: Vec<UserId>,
}

pub(crate) struct Square {
    own: UserId,
    state: Mutex<State>,
}

pub(crate) fn rank(position: u32, rights: Rights) -> Rank {
    Rank::Member {
        position,
        administrator: false,
        rights,
    }
}

// === impl Square ===

impl Square {
    /// With a bot (99), two moderators (11 below 12), the owner (1) and people without a rank.
    pub(crate) fn new(people: &[&str]) -> Arc<Self> {
        let user = |id: &str| UserId::new(id).unwrap();
        let mut state = State::default();
        for id in people {
            state.members.insert(user(id), (Rank::PLAIN, Vec::new()));
        }
        state.members.insert(user("1"), (Rank::Owner, Vec::new()));
        for (id, position) in [("11", 5), ("12", 7), ("99", 6)] {
            let rank = rank(position, Rights::LEAD);
            state.members.insert(user(id), (rank, Vec::new()));
        }
        Arc::new(Self {
            own: user("99"),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asks for something that the bot needs a right for, about a person whom it must stand above.
    fn asked(
        &self,
        what: String,
        right: Right,
        about: Option<&UserId>,
    ) -> Result<MutexGuard<'_, State>, PlatformError> {
        let mut state = self.state();
        state.asked.push(what);
        if state.away {
            return Err(PlatformError::Unavailable(Fault("away".into())));
        }
        let of = |state: &State, id: &UserId| state.members.get(id).map_or(Rank::Absent, |(rank, _)| *rank);
        let own = of(&state, &self.own);
        if !own.rights().has(right) {
            return Err(PlatformError::Forbidden(right));
        }
        if about.is_some_and(|id| of(&state, id).position() >= own.position()) {
            return Err(PlatformError::Rank);
        }
        Ok(state)
    }
}

#[async_trait]
impl Platform for Square {
    fn limits(&self) -> &'static Limits {
        Limits::of(Name::Discord)
    }

    async fn ban(
        &self,
        _: &GuildId,
        user: &UserId,
        until: Term,
        delete: Option<Span>,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let delete = delete.map_or(0, Span::as_seconds);
        let mut state = self.asked(
            format!("ban {user} delete {delete}: {audit}"),
            Right::Ban,
            Some(user),
        )?;
        state.members.remove(user);
        state.banned.insert(user.clone(), until);
        Ok(())
    }

    async fn unban(&self, _: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let mut state = self.asked(format!("unban {user}: {audit}"), Right::Ban, None)?;
        let was = state.banned.remove(user);
        was.map(drop).ok_or(PlatformError::NotFound(Missing::Ban))
    }

    async fn kick(&self, _: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let mut state = self.asked(format!("kick {user}: {audit}"), Right::Kick, Some(user))?;
        let was = state.members.remove(user);
        was.map(drop).ok_or(PlatformError::NotFound(Missing::Member))
    }

    async fn mute(&self, _: &GuildId, user: &UserId, until: Term, audit: &str) -> Result<(), PlatformError> {
        let mut state = self.asked(format!("mute {user}: {audit}"), Right::Mute, Some(user))?;
        if !state.members.contains_key(user) {
            return Err(PlatformError::NotFound(Missing::Member));
        }
        state.muted.insert(user.clone(), until);
        Ok(())
    }

    async fn unmute(&self, _: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError> {
        let mut state = self.asked(format!("unmute {user}: {audit}"), Right::Mute, None)?;
        state.muted.remove(user);
        Ok(())
    }

    async fn delete(
        &self,
        _: &GuildId,
        _: &ChannelId,
        messages: &[MessageId],
        _: &str,
    ) -> Result<Deleted, PlatformError> {
        Ok(Deleted {
            deleted: messages.len(),
            too_old: Vec::new(),
        })
    }

    async fn message(&self, user: &UserId, text: &str) -> Result<(), PlatformError> {
        let mut state = self.state();
        if !state.members.contains_key(user) || state.closed.contains(user) {
            return Err(PlatformError::Closed("no mutual guild".into()));
        }
        state.asked.push(format!("message {user}: {text}"));
        Ok(())
    }

    async fn member(&self, _: &GuildId, user: &UserId) -> Result<Option<Member>, PlatformError> {
        let state = self.state();
        if state.unreadable {
            return Err(PlatformError::Unavailable(Fault("away".into())));
        }
        Ok(state.members.get(user).map(|(rank, roles)| Member {
            user: user.clone(),
            name: format!("person {user}"),
            bot: *user == self.own,
            rank: *rank,
            roles: roles.clone(),
            muted: state.muted.get(user).copied(),
        }))
    }

    async fn is_banned(&self, _: &GuildId, user: &UserId) -> Result<bool, PlatformError> {
        Ok(self.state().banned.contains_key(user))
    }

    async fn title(&self, _: &GuildId) -> Option<String> {
        Some("Square".to_owned())
    }

    fn own_id(&self) -> &UserId {
        &self.own
    }

    async fn own_rank(&self, guild: &GuildId) -> Result<Rank, PlatformError> {
        let own = self.member(guild, &self.own).await?;
        Ok(own.map_or(Rank::Absent, |own| own.rank))
    }
}
