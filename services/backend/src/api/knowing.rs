//! The facts of a decision, with what we know of the doer ourselves.

use lockdown_moderation::desk::{Facts, Ranks};
use lockdown_moderation::{Actor, Grant, GuildRef, Rank, Rights, UserRef};

/// The facts, with what we know of the doer ourselves.
pub(crate) struct Knowing<'a> {
    pub(crate) facts: &'a dyn Facts,
    /// Of whom the facts know nothing.
    pub(crate) grant: Option<Grant>,
    /// Whether they may here what we gave them, and not what their platform lets them do there.
    pub(crate) is_signed_in: bool,
}

/// Where somebody stands on their platform, without what they may do there.
fn standing_alone(rank: Rank) -> Rank {
    match rank {
        Rank::Owner => Rank::Member {
            position: u32::MAX,
            administrator: false,
            rights: Rights::NONE,
        },
        Rank::Member { position, .. } => Rank::Member {
            position,
            administrator: false,
            rights: Rights::NONE,
        },
        Rank::Unknown | Rank::Absent => rank,
    }
}

// === impl Knowing ===

#[async_trait::async_trait]
impl Facts for Knowing<'_> {
    async fn ranks(&self, guild: &GuildRef, doer: &Actor, subject: &UserRef) -> Ranks {
        let mut ranks = self.facts.ranks(guild, doer, subject).await;
        if self.is_signed_in {
            ranks.doer = standing_alone(ranks.doer);
        }
        Ranks {
            doer_grant: self.grant.or(ranks.doer_grant),
            ..ranks
        }
    }

    fn grant(&self) -> Option<Grant> {
        self.grant.or_else(|| self.facts.grant())
    }
}
