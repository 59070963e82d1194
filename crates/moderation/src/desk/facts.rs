//! What the platform and our own roles know about those concerned.

use crate::authority::{Doer, Grant, Rank, Rights, Scene, Subject};
use crate::platform::Limits;
use crate::who::{Actor, GuildRef, UserRef};
use async_trait::async_trait;
use lockdown_events::Origin;

/// How those concerned stand. What could not be read is [`Rank::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// Of a person; without meaning for others.
    pub doer: Rank,
    /// The doer's role in LOCKDOWN.
    pub doer_grant: Option<Grant>,
    pub subject: Rank,
    pub subject_grant: Option<Grant>,
    /// The account through which it is done, where it is known.
    pub bot: Option<UserRef>,
    pub bot_rank: Rank,
}

/// Who reads how people stand, as late as possible. A value of [`Ranks`] is one.
#[async_trait]
pub trait Facts: Send + Sync {
    async fn ranks(&self, guild: &GuildRef, doer: &Actor, subject: &UserRef) -> Ranks;

    /// What the doer was given by us, where that is known without a look at the platform.
    fn grant(&self) -> Option<Grant> {
        None
    }
}

// === impl Ranks ===

impl Ranks {
    /// Nothing could be read.
    pub const UNKNOWN: Self = Self {
        doer: Rank::Unknown,
        doer_grant: None,
        subject: Rank::Unknown,
        subject_grant: None,
        bot: None,
        bot_rank: Rank::Unknown,
    };

    /// These as the one function that decides wants them.
    pub(super) fn scene(
        self,
        guild: &GuildRef,
        by: &Actor,
        subject: &UserRef,
        even_administrators: bool,
    ) -> Scene {
        Scene {
            doer: Doer {
                by: by.clone(),
                rank: self.doer,
                grant: self.doer_grant,
            },
            subject: Subject {
                who: subject.clone(),
                rank: self.subject,
                grant: self.subject_grant,
            },
            bot: self.bot,
            bot_rank: self.bot_rank,
            limits: Limits::of(guild.platform),
            even_administrators,
        }
    }

    /// Whether the subject keeps order there, by the platform or by us; `None` when that could not be read.
    pub fn subject_keeps_order(&self) -> Option<bool> {
        let ours = self.subject_grant.is_some_and(|grant| grant.position > 0);
        match self.subject {
            _ if ours => Some(true),
            Rank::Unknown => None,
            rank => Some(rank.is_staff()),
        }
    }
}

#[async_trait]
impl Facts for Ranks {
    async fn ranks(&self, _: &GuildRef, _: &Actor, _: &UserRef) -> Ranks {
        self.clone()
    }

    fn grant(&self) -> Option<Grant> {
        self.doer_grant
    }
}

/// Whoever does what concerns nobody in particular. Only people have a rank on the platform.
pub(super) async fn doer(facts: &dyn Facts, guild: &GuildRef, by: &Actor) -> Doer {
    let (rank, grant) = match by {
        Actor::Person(who) => {
            let ranks = facts.ranks(guild, by, who).await;
            (ranks.doer, ranks.doer_grant)
        }
        Actor::Rule(_) | Actor::Token(_) | Actor::System => (Rank::Unknown, facts.grant()),
    };
    Doer {
        by: by.clone(),
        rank,
        grant,
    }
}

/// What a rule of the community may do: whoever made it had the right to configure.
const OF_A_RULE: Grant = Grant {
    position: u32::MAX,
    rights: Rights::MODERATOR,
};

/// Everybody concerned, for the one function that decides. What was seen has been allowed by the platform, and a timer
/// only ends what is due: nobody's rank is asked for. A rule acts on what can be read: whether it may judge somebody was
/// looked at when it judged, and the platform has the last word.
pub(super) async fn scene(
    facts: &dyn Facts,
    guild: &GuildRef,
    by: &Actor,
    subject: &UserRef,
    origin: Option<Origin>,
    even_administrators: bool,
) -> Scene {
    let asks = origin != Some(Origin::Native) && *by != Actor::System;
    let mut ranks = if asks {
        facts.ranks(guild, by, subject).await
    } else {
        Ranks::UNKNOWN
    };
    if matches!(by, Actor::Rule(_)) {
        ranks.doer_grant.get_or_insert(OF_A_RULE);
        if ranks.subject == Rank::Unknown {
            ranks.subject = Rank::PLAIN;
        }
        if ranks.bot_rank == Rank::Unknown {
            ranks.bot_rank = Rank::Owner;
        }
    }
    ranks.scene(guild, by, subject, even_administrators)
}
