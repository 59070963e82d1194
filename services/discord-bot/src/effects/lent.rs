//! Roles for a time: each lies on a board of the bus until the time is over, and whichever process looks then takes it back.

use super::Discord;
use super::orders::Trouble;
use lockdown_bus::{Bus, EngineError, Posted};
use lockdown_events::{GuildId, ModerationDeed, ModerationEvent, Platform, RoleId, UserId};
use lockdown_runtime::{Context, chain};
use std::sync::Arc;
use std::time::Duration;

const SWEEP: Duration = Duration::from_secs(2);
/// What could not be taken back is tried again after so long.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 100;
const MOST: usize = 100_000;

/// The roles that somebody has, or lacks, for a time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LentRoles {
    bus: Bus,
    discord: Discord,
    board: Arc<str>,
}

/// A role that somebody has, or lacks, for a time.
pub(crate) struct Lent {
    pub(crate) guild: u64,
    pub(crate) user: u64,
    pub(crate) role: u64,
    /// What is done when the time is up.
    pub(crate) give: bool,
}

// === impl LentRoles ===

impl LentRoles {
    pub(crate) fn new(bus: Bus, discord: Discord) -> Self {
        Self {
            board: format!("discord/roles/{}", discord.guilds.own()).into(),
            bus,
            discord,
        }
    }

    /// Has it taken back after so long; what was to be done before is not done any more. `audit` says who wanted it.
    pub(crate) async fn lend(&self, lent: &Lent, audit: &str, lasts: Duration) -> Result<(), EngineError> {
        let engine = self.bus.engine();
        engine
            .post(&self.board, &lent.item(), audit, lasts)
            .await
            .map(drop)
    }

    /// Nothing is taken back.
    pub(crate) async fn forget(&self, lent: &Lent) {
        self.unpost(&lent.item()).await;
    }

    /// Whether it waits to be taken back.
    pub(crate) async fn is_lent(&self, lent: &Lent) -> Result<bool, EngineError> {
        let (item, posted) = (lent.item(), self.bus.engine().posted(&self.board, MOST).await?);
        Ok(posted.iter().any(|posted| posted.item == item))
    }

    /// Takes back what is over until the process stops.
    pub(super) fn keep_sweeping(&self, ctx: &Context) {
        let (stopping, roles) = (ctx.shutdown.soft_token(), self.clone());
        ctx.tasks.spawn("lent-roles", async move {
            stopping.run_until_cancelled(roles.sweep()).await;
            Ok(())
        });
    }

    async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let engine = self.bus.engine();
            match engine.put_off_due(&self.board, AGAIN, AT_ONCE).await {
                Ok(due) => {
                    for posted in due {
                        self.take_back(&posted).await;
                    }
                }
                Err(error) => {
                    tracing::debug!("Could not look for roles whose time is over: {}", chain(&error));
                }
            }
        }
    }

    async fn take_back(&self, posted: &Posted) {
        let Some(lent) = Lent::of(&posted.item) else {
            tracing::warn!("Something on the board of lent roles cannot be read, and is dropped");
            self.unpost(&posted.item).await;
            return;
        };
        let Lent {
            guild,
            user,
            role,
            give,
        } = lent;
        let set = self
            .discord
            .set_role(guild, (user, role), give, &posted.text)
            .await;
        let why = match set.map_err(Trouble::from) {
            Ok(()) => None,
            Err(Trouble::Again(why)) => {
                tracing::info!(guild, "A role is taken back later: {why}");
                return;
            }
            Err(Trouble::Refused(why)) => Some(why),
        };
        let (Ok(guild), Ok(user)) = (GuildId::new(&guild.to_string()), UserId::new(&user.to_string())) else {
            return;
        };
        let done = if give { "role_give" } else { "role_take" };
        let word = why
            .as_ref()
            .map_or_else(|| done.to_owned(), |_| format!("{done}_failed"));
        let deed = ModerationDeed {
            user_id: Some(user),
            role_id: RoleId::new(&role.to_string()).ok(),
            reason: Some(why.unwrap_or_else(|| format!("its time is over ({})", posted.text))),
            ..ModerationDeed::new(Platform::Discord, guild, &word)
        };
        if let Err(error) = self.bus.publish(&ModerationEvent::Deed(deed).into()).await {
            tracing::warn!(
                "What a timer did is told again with its next try: {}",
                chain(&error)
            );
            return;
        }
        self.unpost(&posted.item).await;
    }

    async fn unpost(&self, item: &str) {
        if let Err(error) = self.bus.engine().unpost(&self.board, item).await {
            tracing::debug!("Could not take a lent role off its board: {}", chain(&error));
        }
    }
}

// === impl Lent ===

impl Lent {
    fn item(&self) -> String {
        let word = if self.give { "give" } else { "take" };
        format!("{}/{}/{}/{word}", self.guild, self.user, self.role)
    }

    fn of(item: &str) -> Option<Self> {
        let mut parts = item.split('/');
        let mut number = || parts.next()?.parse().ok();
        let (guild, user, role) = (number()?, number()?, number()?);
        let give = match parts.next()? {
            "give" => true,
            "take" => false,
            _ => return None,
        };
        Some(Self {
            guild,
            user,
            role,
            give,
        })
    }
}
