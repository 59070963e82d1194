//! What a chat platform can do for us. The bots implement it; nothing here knows how.

mod error;
mod limits;

pub use error::{Fault, Missing, PlatformError};
pub use limits::{DeleteWindowError, Limits, Stretch, Timer};

use crate::authority::Rank;
use crate::duration::{Span, Term};
use crate::who::CaseNumber;
use async_trait::async_trait;
use lockdown_events::{Action, ChannelId, GuildId, MessageId, ModerationAction, RoleId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What the platform shows about a person in a community.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    /// As others see it.
    pub name: String,
    pub bot: bool,
    pub rank: Rank,
    /// Their roles there, to which roles of ours may be bound. None where the platform has no roles.
    pub roles: Vec<RoleId>,
    /// Until when the platform keeps them silent.
    pub muted: Option<Term>,
}

/// All who keep order in a community: whoever is neither named nor has one of the roles does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keepers {
    pub people: Vec<UserId>,
    pub roles: Vec<RoleId>,
}

/// What came of a bulk deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    pub deleted: usize,
    /// Too old for the platform: they stay.
    pub too_old: Vec<MessageId>,
}

/// What came of a ban of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MassBan {
    /// In the order asked.
    pub results: Vec<(UserId, Result<(), PlatformError>)>,
    /// Who was not tried because the platform wants us to wait; in the order asked.
    pub left: Vec<UserId>,
    /// Why they were not tried.
    pub stopped_by: Option<PlatformError>,
}

/// A chat platform, seen from one bot's account. Every act may be asked for twice and has one effect.
///
/// `audit` is the line for the platform's own audit log, already cut to its limit.
#[async_trait]
pub trait Platform: Send + Sync {
    /// What it can do, and how much of it.
    fn limits(&self) -> &'static Limits;

    /// Bans, and removes the messages of the last `delete` where the platform lets us choose.
    async fn ban(
        &self,
        guild: &GuildId,
        user: &UserId,
        until: Term,
        delete: Option<Span>,
        audit: &str,
    ) -> Result<(), PlatformError>;

    /// Ends a ban. [`Missing::Ban`] when there is none.
    async fn unban(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError>;

    /// Removes a person, who may return at once.
    async fn kick(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError>;

    /// Keeps a person silent until then, as far as the platform's timer reaches ([`Timer::stretch`]).
    async fn mute(
        &self,
        guild: &GuildId,
        user: &UserId,
        until: Term,
        audit: &str,
    ) -> Result<(), PlatformError>;

    /// Lets a person speak again.
    async fn unmute(&self, guild: &GuildId, user: &UserId, audit: &str) -> Result<(), PlatformError>;

    /// Deletes any number of messages of one channel; those that are gone count as deleted.
    async fn delete(
        &self,
        guild: &GuildId,
        channel: &ChannelId,
        messages: &[MessageId],
        audit: &str,
    ) -> Result<Deleted, PlatformError>;

    /// Says something to one person alone. [`PlatformError::Closed`] when they take no messages.
    async fn message(&self, user: &UserId, text: &str) -> Result<(), PlatformError>;

    /// The person as a member with their rank, read afresh; `None` when they are not in the community.
    async fn member(&self, guild: &GuildId, user: &UserId) -> Result<Option<Member>, PlatformError>;

    /// All who keep order there; `None` where that is told of one person at a time.
    async fn keepers(&self, _guild: &GuildId) -> Result<Option<Keepers>, PlatformError> {
        Ok(None)
    }

    /// Whether the platform holds a ban against them.
    async fn is_banned(&self, guild: &GuildId, user: &UserId) -> Result<bool, PlatformError>;

    /// The ban that somebody else has put in the place of ours meanwhile, where one stands: it is not a timer's to end. A
    /// platform that does not tell who banned knows of none.
    async fn ban_of_others(
        &self,
        _guild: &GuildId,
        _user: &UserId,
    ) -> Result<Option<ModerationAction>, PlatformError> {
        Ok(None)
    }

    /// To whom of them we did this already, as the platform's own log says by the cases that we named there. A platform
    /// without such a log knows of nobody.
    async fn has_done(
        &self,
        _guild: &GuildId,
        _action: Action,
        _to: &[(UserId, CaseNumber)],
    ) -> Result<HashSet<UserId>, PlatformError> {
        Ok(HashSet::new())
    }

    /// What the community is called, for those who are told what happened there; `None` when it cannot be read now.
    async fn title(&self, guild: &GuildId) -> Option<String>;

    /// The bot's own account.
    fn own_id(&self) -> &UserId;

    /// The bot's own rank and rights.
    async fn own_rank(&self, guild: &GuildId) -> Result<Rank, PlatformError>;

    /// Bans many, each with its own result. Stops where the platform wants us to wait, and says who is left. A platform
    /// that bans many in one call does better.
    async fn ban_many(
        &self,
        guild: &GuildId,
        users: &[UserId],
        delete: Option<Span>,
        audit: &str,
    ) -> MassBan {
        let mut results = Vec::with_capacity(users.len());
        for (at, user) in users.iter().enumerate() {
            match self.ban(guild, user, Term::Forever, delete, audit).await {
                Err(error) if error.stops_all() => {
                    return MassBan {
                        results,
                        left: users[at..].to_vec(),
                        stopped_by: Some(error),
                    };
                }
                result => results.push((user.clone(), result)),
            }
        }
        MassBan {
            results,
            left: Vec::new(),
            stopped_by: None,
        }
    }
}
