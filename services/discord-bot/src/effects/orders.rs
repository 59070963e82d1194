//! What rules want of channels and roles: slowmode, roles given and taken, a lockdown.
//!
//! Each is done as a moderator's command does it, and told as a `moderation:deed`; what Discord refuses is told as one that
//! failed, with the reason. To carry out one more word of the rule language: its arm in [`Orders::one`].

use super::channels::SLOWEST;
use super::lent::{AGAIN, Lent, LentRoles};
use super::locks::{LockError, Locks};
use super::{Discord, discord_id};
use crate::rest::RestError;
use lockdown_bus::{Bus, ConsumerOptions, EngineError, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{
    ChannelId, Event, ModerationDeed, ModerationEvent, Platform, RoleId, Verdict, VerdictAct, VerdictMode,
};
use lockdown_moderation::Span;
use lockdown_moderation::hands::follow_modes;
use lockdown_runtime::{Context, chain};
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "discord.orders";

/// Carries out what rules want beside deletions and cases. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Orders {
    bus: Bus,
    pub(super) discord: Discord,
    pub(super) locks: Locks,
    lent: LentRoles,
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

// === impl Orders ===

impl Orders {
    /// Carries out what comes, and takes back what is over, until the process stops.
    pub(crate) async fn start(ctx: &Context, bus: Bus, discord: Discord, locks: Locks) -> anyhow::Result<()> {
        let orders = Self {
            lent: LentRoles::new(bus.clone(), discord.clone()),
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
        orders.lent.keep_sweeping(ctx);
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
            let later = lasts.saturating_add(AGAIN);
            self.lent.lend(&lent, &order.audit, later).await?;
        }
        let set = self
            .discord
            .set_role(order.guild, (user, *role), give, &order.audit)
            .await;
        if let Err(error) = set {
            let trouble = Trouble::from(error);
            if matches!(trouble, Trouble::Refused(_)) && lasts.is_some() {
                self.lent.forget(&lent).await;
            }
            return Err(trouble);
        }
        if let Some(lasts) = lasts {
            self.lent.lend(&lent, &order.audit, lasts).await?;
        }
        Ok(Some(ModerationDeed {
            user_id: Some(order.verdict.user_id.clone()),
            role_id: RoleId::new(&role.to_string()).ok(),
            ..order.deed(if give { "role_give" } else { "role_take" })
        }))
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

// === impl Trouble ===

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Again(chain(&error))
    }
}

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
