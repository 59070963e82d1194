//! What happens on Discord, made into events and published in its order.
//!
//! One task takes what the gateway says, keeps what it knows of the guilds, and publishes. Many events are on their way to
//! the bus at once; each counts as seen when the bus has it, and only then moves the place from which a gap is read again.
//! Whatever is published a second time, after a resume, a repair or a restart, has the id that it had the first time.

mod automod;
mod changes;
mod events;
mod guilds;
mod ids;
mod native;
mod places;
mod recent;
mod repair;

pub(crate) use automod::Flagged;
#[cfg(test)]
pub(crate) use guilds::Role;
pub(crate) use guilds::{Channel, Guild, Guilds, role_ids};
pub(crate) use native::ban_by_hand;
pub(crate) use places::Places;
pub(crate) use recent::{Attached, Recent, Said};

use crate::automod::AutoMod;
use crate::commands::Request;
use crate::effects::Discord;
use crate::gateway::Dispatch;
use crate::read;
use crate::rest::Rest;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use lockdown_bus::{Bus, EventError, PublishError};
use lockdown_events::{ChannelId, Envelope, Event, EventId, GuildId, MessageFlagged, Source};
use lockdown_runtime::{Clock, Tasks, chain};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

/// Events on their way to the bus at once; beyond that the gateway waits.
const IN_FLIGHT: usize = 2_048;
/// How long an event waits before it is offered again to a bus that is away.
const AGAIN: Duration = Duration::from_secs(1);

/// What an event's arrival on the bus means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Message { guild: u64, channel: u64, message: u64 },
    Audit { guild: u64, entry: u64 },
    Nothing,
}

/// What follows from one thing that the gateway said.
enum Work {
    Publish(Box<Envelope>, Seen),
    /// Nothing to say about it, in its place among the others.
    Pass(Seen),
    /// An edit without the whole message: it has to be read first.
    Reread(Box<Reread>),
    /// Stopped by AutoMod: what its rule was made of is still to be found out.
    Flagged {
        id: EventId,
        at: DateTime<Utc>,
        guild: u64,
        rule: u64,
        event: Box<MessageFlagged>,
    },
    /// Done by somebody else than us, and to be completed first.
    Observe {
        action: Box<native::ByHand>,
        guild: u64,
        entry: u64,
    },
}

/// An edit as it came, for when the message cannot be read.
struct Reread {
    guild: u64,
    channel: u64,
    message: u64,
    name: String,
    body: Value,
}

/// The way in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) bus: Bus,
    pub(crate) rest: Arc<Rest>,
    pub(crate) discord: Discord,
    pub(crate) guilds: Arc<Guilds>,
    pub(crate) places: Arc<Places>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) flagged: Arc<Flagged>,
    pub(crate) automod: AutoMod,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) stopping: CancellationToken,
    /// Commands, buttons and menus go elsewhere.
    pub(crate) requests: mpsc::Sender<Request>,
}

// === impl Intake ===

impl Intake {
    /// Takes what comes until nothing comes any more, and sees it published.
    pub(crate) async fn run(self, mut heard: mpsc::Receiver<Dispatch>) -> anyhow::Result<()> {
        let mut publishing: FuturesOrdered<BoxFuture<'static, Option<Seen>>> = FuturesOrdered::new();
        let mut open = true;
        while open || !publishing.is_empty() {
            tokio::select! {
                next = heard.recv(), if open && publishing.len() < IN_FLIGHT => match next {
                    Some(dispatch) => {
                        for work in self.take(&dispatch) {
                            let intake = self.clone();
                            // Begun in their order: a task's budget, used up, would let later ones go ahead.
                            let work = unconstrained(async move { intake.carry_out(work).await });
                            publishing.push_back(Box::pin(work));
                        }
                    }
                    None => open = false,
                },
                Some(done) = publishing.next() => {
                    if let Some(seen) = done {
                        self.places.seen(seen);
                    }
                }
            }
        }
        self.places.keep().await;
        Ok(())
    }

    async fn carry_out(&self, work: Work) -> Option<Seen> {
        match work {
            Work::Publish(envelope, seen) => self.publish(&envelope).await.then_some(seen),
            Work::Pass(seen) => Some(seen),
            Work::Reread(edit) => {
                let edited = self.reread(&edit).await?;
                let envelope = self.edited(&edit.name, edited)?;
                self.publish(&envelope).await.then_some(Seen::Nothing)
            }
            Work::Flagged {
                id,
                at,
                guild,
                rule,
                event,
            } => {
                let event = self.attribute(guild, rule, *event).await;
                let envelope = self.wrap(id, at, event)?;
                self.publish(&envelope).await.then_some(Seen::Nothing)
            }
            Work::Observe { action, guild, entry } => {
                let seen = Seen::Audit { guild, entry };
                match self
                    .complete(*action)
                    .await
                    .and_then(|action| self.observed(entry, action))
                {
                    Some(envelope) => self.publish(&envelope).await.then_some(seen),
                    None => Some(seen),
                }
            }
        }
    }

    /// Publishes as often as it takes; `false` when the bus will never have it.
    async fn publish(&self, envelope: &Envelope) -> bool {
        loop {
            match self.bus.publish_as_it_is(envelope, true).await {
                Ok(_) => return true,
                Err(EventError::Publish(PublishError::Closed)) => return false,
                Err(error @ EventError::Publish(PublishError::Away { .. })) => {
                    tracing::warn!("An event waits for the bus: {}", chain(&error));
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => {
                    metrics::counter!("lockdown_discord_events_lost_total").increment(1);
                    let kind = envelope.event_type();
                    tracing::error!(kind, "The bus refuses an event: {}", chain(&error));
                    return false;
                }
            }
        }
    }

    /// Wraps an event under an id that it would have again.
    fn wrap(&self, id: EventId, at: DateTime<Utc>, event: impl Into<Event>) -> Option<Box<Envelope>> {
        match Envelope::new(id, at, Source::DiscordBot, None, &event.into()) {
            Ok(envelope) => Some(Box::new(envelope)),
            Err(error) => {
                metrics::counter!("lockdown_discord_events_lost_total").increment(1);
                tracing::error!("An event cannot be put on the wire: {}", chain(&error));
                None
            }
        }
    }
}

fn guild_id(id: u64) -> GuildId {
    GuildId::new(&id.to_string()).expect("a number is an id")
}

fn channel_id(id: u64) -> ChannelId {
    ChannelId::new(&id.to_string()).expect("a number is an id")
}

/// The guild that an event names.
fn guild_of(body: &Value) -> Option<u64> {
    read::id(&body["guild_id"])
}
