//! What rules want of channels and roles: slowmode, roles given and taken, a lockdown.
//!
//! Each is done as a moderator's command does it, and told as a `moderation:deed`; what Discord refuses is told as one that
//! failed, with the reason. A role for a time lies on a board of the bus until that is over: the next process takes it
//! back. To carry out one more word of the rule language: its arm in [`Orders::one`].

use super::channels::SLOWEST;
use super::locks::{LockError, Locks};
use super::{Discord, discord_id};
use crate::rest::RestError;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Posted, Received, Start};
use lockdown_events::{
    ChannelId, Event, GuildId, ModerationDeed, ModerationEvent, Platform, RoleId, UserId, Verdict,
    VerdictAct, VerdictMode,
};
use lockdown_moderation::Span;
use lockdown_moderation::hands::follow_modes;
use lockdown_runtime::{Context, chain};
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "discord.orders";
const SWEEP: Duration = Duration::from_secs(2);
/// What could not be taken back is tried again after so long.
const AGAIN: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 100;

/// Carries out what rules want beside deletions and cases. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Orders {
    bus: Bus,
    pub(super) discord: Discord,
    pub(super) locks: Locks,
    board: Arc<str>,
}

/// Why something was not done.
pub(super) enum Trouble {
    /// Another try may succeed.
    Again(String),
    /// In words for a moderator.
    Refused(String),
}

/// One thing to do.
struct Order<'a> {
    verdict: &'a Verdict,
    act: &'a VerdictAct,
    guild: u64,
    /// For Discord's own audit log.
    audit: String,
    received: &'a Received,
}

/// A role that somebody has, or lacks, for a time.
struct Lent {
    guild: u64,
    user: u64,
    role: u64,
    /// What is done when the time is up.
    give: bool,
}

// === impl Orders ===

impl Orders {
    /// Carries out what comes, and takes back what is over, until the process stops.
    pub(crate) async fn start(ctx: &Context, bus: Bus, discord: Discord, locks: Locks) -> anyhow::Result<()> {
        let orders = Self {
            board: format!("discord/roles/{}", discord.guilds.own()).into(),
            bus: bus.clone(),
            discord,
            locks,
        };
        let handling = orders.clone();
        let handler = Handler::new("order", ["moderation:automod"], move |received: Arc<Received>| {
            let orders = handling.clone();
            async move { orders.handle(&received).await }
        });
        let options = ConsumerOptions {
            attempts: 1_000,
            ..ConsumerOptions::default()
        };
        bus.consume(GroupName::new(GROUP)?, &Start::Oldest, vec![handler], options)
            .await?;
        follow_modes(&bus, Platform::Discord, Arc::new(orders.clone())).await?;
        let stopping = ctx.shutdown.soft_token();
        ctx.tasks.spawn("lent-roles", async move {
            stopping.run_until_cancelled(orders.keep_sweeping()).await;
            Ok(())
        });
        Ok(())
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        let Event::Moderation(ModerationEvent::Automod(verdict)) = &received.event else {
            return Ok(());
        };
        if verdict.platform != Platform::Discord || verdict.mode != VerdictMode::Live {
            return Ok(());
        }
        let Ok(guild) = discord_id(verdict.guild_id.as_str()) else {
            return Ok(());
        };
        let rules: Vec<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
        for (number, act) in verdict.actions.iter().enumerate() {
            let order = Order {
                verdict,
                act,
                guild,
                audit: format!("rules: {}", rules.join(", ")).chars().take(400).collect(),
                received,
            };
            let deed = match self.one(&order).await {
                Ok(None) => continue,
                Ok(Some(deed)) => deed,
                Err(Trouble::Again(why)) => return Err(HandlerError::Again(why)),
                Err(Trouble::Refused(why)) => {
                    tracing::warn!(guild, "What a rule asks for is not done: {why}");
                    order.failed(&why)
                }
            };
            let told = Event::Moderation(ModerationEvent::Deed(deed));
            let purpose = format!("order/{number}");
            let said = self.bus.publish_after(&received.envelope, &purpose, &told).await;
            said.map_err(|error| HandlerError::Again(chain(&error)))?;
        }
        Ok(())
    }

    /// Carries one out; `None` when it is nothing of ours, or so already.
    async fn one(&self, order: &Order<'_>) -> Result<Option<ModerationDeed>, Trouble> {
        match order.act.act.as_str() {
            "slowmode" => self.slow_down(order).await,
            "give" => self.set_role(order, true).await,
            "take" => self.set_role(order, false).await,
            "raise" if order.words().0 == "lockdown" => self.close(order).await,
            _ => Ok(None),
        }
    }

    async fn slow_down(&self, order: &Order<'_>) -> Result<Option<ModerationDeed>, Trouble> {
        let channel = order.verdict.channel_id.as_ref();
        let Some(channel) = channel.and_then(|channel| discord_id(channel.as_str()).ok()) else {
            return Err(Trouble::Refused("there is no channel to slow down".to_owned()));
        };
        let span: Result<Span, _> = order.act.argument.as_deref().unwrap_or_default().parse();
        let span = span.map_err(|error| Trouble::Refused(chain(&error)))?;
        let seconds = span.as_seconds().min(SLOWEST);
        let now = self.discord.raw_channel(channel).await?;
        let before = now["rate_limit_per_user"].as_u64().unwrap_or(0);
        // A rule never loosens what stands. What was done by a process that died is told all the same.
        if before >= seconds && !order.received.again {
            return Ok(None);
        }
        if before < seconds {
            self.discord.slow_down(channel, seconds, &order.audit).await?;
        }
        Ok(Some(ModerationDeed {
            channel_id: order.verdict.channel_id.clone(),
            before: Some(before.to_string()),
            after: Some(seconds.max(before).to_string()),
            ..order.deed("slowmode")
        }))
    }

    async fn set_role(&self, order: &Order<'_>, give: bool) -> Result<Option<ModerationDeed>, Trouble> {
        let (name, lasts) = order.words();
        let user = discord_id(order.verdict.user_id.as_str())
            .map_err(|_| Trouble::Refused("the person is nobody of Discord's".to_owned()))?;
        let known = self.discord.guilds.get(order.guild).unwrap_or_default();
        let found = known.roles.iter().find(|(id, role)| {
            id.to_string() == name || role.name.trim_start_matches('@').to_lowercase() == name.to_lowercase()
        });
        let Some((role, wanted)) = found.filter(|(id, _)| **id != order.guild) else {
            return Err(Trouble::Refused(format!("there is no role `{name}` here")));
        };
        if known.position(&known.own_roles) <= wanted.position {
            return Err(Trouble::Refused(format!(
                "the role `{name}` stands above the bot's: move the bot's role up"
            )));
        }
        let lent = Lent {
            guild: order.guild,
            user,
            role: *role,
            give: !give,
        };
        // First, so that a process which dies now leaves nobody with it for ever; not due before it is done.
        if let Some(lasts) = lasts {
            self.lend(&lent, order, lasts.saturating_add(AGAIN)).await?;
        }
        let set = self
            .discord
            .set_role(order.guild, (user, *role), give, &order.audit)
            .await;
        if let Err(error) = set {
            let trouble = Trouble::from(error);
            if matches!(trouble, Trouble::Refused(_)) && lasts.is_some() {
                self.forget(&lent.item()).await;
            }
            return Err(trouble);
        }
        if let Some(lasts) = lasts {
            self.lend(&lent, order, lasts).await?;
        }
        Ok(Some(ModerationDeed {
            user_id: Some(order.verdict.user_id.clone()),
            role_id: RoleId::new(&role.to_string()).ok(),
            ..order.deed(if give { "role_give" } else { "role_take" })
        }))
    }

    async fn lend(&self, lent: &Lent, order: &Order<'_>, lasts: Duration) -> Result<(), Trouble> {
        let (engine, item) = (self.bus.engine(), lent.item());
        let posted = engine.post(&self.board, &item, &order.audit, lasts).await;
        posted.map(drop).map_err(|error| Trouble::Again(chain(&error)))
    }

    async fn close(&self, order: &Order<'_>) -> Result<Option<ModerationDeed>, Trouble> {
        let lasts = order
            .words()
            .1
            .and_then(|lasts| chrono::TimeDelta::from_std(lasts).ok());
        let until = lasts.and_then(|lasts| order.received.envelope.timestamp.checked_add_signed(lasts));
        let is_told = order.received.again;
        let locked = self.close_all(order.guild, until, &order.audit, is_told).await?;
        Ok(locked.map(|locked| ModerationDeed {
            count: Some(locked),
            after: until.map(|at| at.to_rfc3339()),
            ..order.deed("lockdown_start")
        }))
    }

    /// Takes back what was lent for a time.
    async fn keep_sweeping(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            match self.bus.engine().take_due(&self.board, AT_ONCE).await {
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
            tracing::warn!("Something on the board of lent roles cannot be read");
            return;
        };
        // Taken off it would be forgotten if this process died now.
        let kept = self
            .bus
            .engine()
            .post(&self.board, &posted.item, &posted.text, AGAIN)
            .await;
        if let Err(error) = kept {
            tracing::warn!(
                "Could not put down a role that is still to be taken back: {}",
                chain(&error)
            );
        }
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
        self.forget(&posted.item).await;
    }

    async fn forget(&self, item: &str) {
        if let Err(error) = self.bus.engine().unpost(&self.board, item).await {
            tracing::debug!("Could not take a lent role off its board: {}", chain(&error));
        }
    }
}

// === impl Order ===

impl Order<'_> {
    /// The name in its argument, and how long: `newcomer 7d`.
    fn words(&self) -> (&str, Option<Duration>) {
        let argument = self.act.argument.as_deref().unwrap_or_default();
        let Some((name, length)) = argument.rsplit_once(' ') else {
            return (argument, None);
        };
        match length.parse::<Span>() {
            Ok(span) => (name, Some(Duration::from_secs(span.as_seconds()))),
            Err(_) => (argument, None),
        }
    }

    fn deed(&self, deed: &str) -> ModerationDeed {
        ModerationDeed {
            reason: Some(self.audit.clone()),
            ..ModerationDeed::new(Platform::Discord, self.verdict.guild_id.clone(), deed)
        }
    }

    fn failed(&self, why: &str) -> ModerationDeed {
        let about: &str = match self.act.act.as_str() {
            "give" => "role_give_failed",
            "take" => "role_take_failed",
            "raise" => "lockdown_start_failed",
            _ => "slowmode_failed",
        };
        let channel: Option<ChannelId> = self.verdict.channel_id.clone();
        ModerationDeed {
            user_id: Some(self.verdict.user_id.clone()),
            channel_id: channel.filter(|_| about == "slowmode_failed"),
            reason: Some(format!("{why} ({})", self.audit)),
            ..self.deed(about)
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

// === impl Trouble ===

impl From<RestError> for Trouble {
    fn from(error: RestError) -> Self {
        match error {
            RestError::Limited { .. } | RestError::Unavailable(_) | RestError::Token => {
                Self::Again(chain(&error))
            }
            RestError::Refused {
                code: 10_007 | 10_013,
                ..
            } => Self::Refused("they are not here any more".to_owned()),
            RestError::Refused {
                code: 50_001 | 50_013,
                ..
            } => Self::Refused("the bot lacks a permission for it: `lockdown doctor` says which".to_owned()),
            RestError::Refused { .. } | RestError::Wrong(_) => Self::Refused(chain(&error)),
        }
    }
}

impl From<LockError> for Trouble {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Rest(error) => error.into(),
            LockError::Board(_) => Self::Again(chain(&error)),
            LockError::Unreadable => Self::Refused(chain(&error)),
        }
    }
}
