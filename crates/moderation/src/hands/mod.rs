//! What carries decisions out: every bot has a pair over its [`Platform`].
//!
//! A recorded decision comes from the bus. The backend is asked whether it is still the last word about the person, since
//! an event can come late, twice, or from somebody who only has the key of the bus: what no case tells of is not done.
//! Then the person is told, the platform is asked, and what came of it is published as `moderation:log`. What passes is
//! tried again for most of a day; what the platform refuses is a failed case with its reason.
//!
//! - `carry.rs`: one decision on a platform. To add an action: its arm there.
//! - `together.rs`: bans that one call carries out.
//! - `notice.rs`: what the person reads; `notices.rs`: how they are told where that may come after the act.
//! - `settings.rs`: what a guild chose, as bots know it.
//! - `route.rs`: what the backend answers to those who ask by a route of the API.
//! - `shown.rs`: what the platform shows of bans and mutes, asked by whoever compares it with the records.
//! - `saying.rs`: what workers have to say, to one moderator or in the log channel.
//! - `closing.rs`: communities that are closed for as long as the mode `lockdown` is in force.
//! - `ranks.rs`: how people stand, asked by whoever decides and answered by the bot that can look.

mod carry;
mod closing;
mod notice;
mod notices;
mod ranks;
mod route;
mod rules;
mod saying;
mod settings;
mod shown;
mod together;

pub use closing::{Closing, follow_modes};
pub(crate) use notice::cut;
pub use ranks::AskedRanks;
pub use route::{Judged, JudgedBy, RouteAnswer};
pub use rules::{PausedRule, RulesTold};
pub use saying::{LogChannel, Said, Saying, answer_sayings};
pub use settings::{RaisedTold, SettingsBook, SettingsTold};
pub use shown::{Shown, ask_shown};

use crate::platform::Platform;
use crate::who::CaseNumber;
use anyhow::Context as _;
use carry::{Carried, Order};
use futures_util::future::{Either, select};
use lockdown_bus::{
    Answering, AskError, Backoff, Bus, ConsumerOptions, Did, GroupName, Handler, HandlerError, OnceError,
    Received, Start,
};
use lockdown_events::{
    Action, CaseId, CaseRequest, DirectMessage, Envelope, Event, ModerationAction, ModerationEvent,
    ModerationLog, Origin, Outcome, UserId,
};
use lockdown_runtime::{Clock, Context, chain};
use serde::Deserialize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use together::Together;

/// An outage of the platform is waited for. So many at a time as one call can ban.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 512,
    concurrency: 200,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(120),
    backoff: Backoff {
        first: Duration::from_millis(500),
        cap: Duration::from_secs(60),
    },
    attempts: 1_500,
    poison: 5,
};
/// How long the backend may take to say what became of a case.
const PATIENCE: Duration = Duration::from_secs(5);
/// For so long a removal waits for the message to whoever is removed.
const TELLING: Duration = Duration::from_secs(3);

const DECISIONS: [&str; 8] = [
    "ban:created",
    "ban:removed",
    "kick:executed",
    "mute:applied",
    "mute:removed",
    "warning:added",
    "warning:removed",
    "note:added",
];

struct Hands {
    platform: Arc<dyn Platform>,
    together: Arc<Together>,
    bus: Bus,
    clock: Clock,
}

/// As much of the answer to `request:case` as is needed here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    id: CaseId,
    user_id: UserId,
    action: Action,
    last_word: bool,
}

/// Carries out what is decided about people on this platform, and answers how they stand there, until the process stops.
pub async fn start(ctx: &Context, bus: &Bus, platform: Arc<dyn Platform>) -> anyhow::Result<()> {
    let name = platform.limits().platform;
    let group = GroupName::new(&format!("hands.{name}")).context("the group has no name")?;
    let ranks = ranks::answer(bus, Arc::clone(&platform)).await?;
    let shown = shown::answer(bus, Arc::clone(&platform), ctx.clock.clone()).await?;
    let hands = Arc::new(Hands {
        together: Together::new(Arc::clone(&platform)),
        platform,
        bus: bus.clone(),
        clock: ctx.clock.clone(),
    });
    if !hands.platform.limits().removed_are_out_of_reach {
        let telling = Arc::clone(&hands).tell_all(ctx.shutdown.clone());
        ctx.tasks.spawn("notices", telling);
    }
    let handler = Handler::new("carry_out", DECISIONS, move |received| {
        let hands = Arc::clone(&hands);
        async move { hands.take(&received).await }
    });
    bus.consume(group, &Start::Oldest, vec![handler.by_person()], OPTIONS)
        .await
        .context("could not consume what is decided")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("ranks", async move {
        stopping.soft().await;
        Answering::stop(ranks).await;
        Answering::stop(shown).await;
        Ok(())
    });
    Ok(())
}

// === impl Hands ===

impl Hands {
    async fn take(&self, received: &Received) -> Result<(), HandlerError> {
        let Event::Moderation(event) = &received.event else {
            return Ok(());
        };
        let Some(order) = Order::of(event) else {
            return Ok(());
        };
        let decision = order.decision;
        if decision.platform != self.platform.limits().platform {
            return Ok(());
        }
        // What was seen there is done, and what concerns our records alone needs no platform.
        if decision.origin == Some(Origin::Native) || !order.has_effect() {
            return Ok(());
        }
        if !self.is_last_word(&order).await? {
            let carried = Carried::superseded();
            return self.say(received, &order, carried).await;
        }
        if self.is_banned_anew(received, &order).await? {
            return self.say(received, &order, Carried::superseded()).await;
        }
        let limits = self.platform.limits();
        let first = limits.removed_are_out_of_reach && order.removes();
        let mut notified = None;
        if first {
            notified = self.notify_in_time(&received.envelope, &order).await;
        }
        let done = order
            .carry_out(&*self.platform, &self.together, self.clock.now(), received.again)
            .await;
        let carried = match done {
            Ok(()) => {
                if limits.removed_are_out_of_reach {
                    if !first {
                        notified = self.notify(&received.envelope, &order).await?;
                    }
                } else if order.is_told() && decision.notify == Some(false) {
                    notified = Some(DirectMessage::Skipped);
                } else if order.is_told() {
                    self.tell_later(received).await?;
                }
                Carried::applied(notified)
            }
            Err(error) if error.is_permanent() => Carried::failed(&error, notified),
            Err(error) => return Err(HandlerError::Again(chain(&error))),
        };
        self.say(received, &order, carried).await
    }

    /// Whether a timer would end what somebody else has decided since and nobody has told us of; then it is told now.
    async fn is_banned_anew(&self, received: &Received, order: &Order<'_>) -> Result<bool, HandlerError> {
        let decision = order.decision;
        if (order.action, decision.origin) != (Action::Unban, Some(Origin::Expiry)) {
            return Ok(false);
        }
        let (guild, user) = (&decision.guild_id, &decision.user_id);
        let theirs = match self.platform.ban_of_others(guild, user).await {
            Ok(theirs) => theirs,
            // Who may not look goes by the records.
            Err(error) if error.is_permanent() => None,
            Err(error) => return Err(HandlerError::Again(chain(&error))),
        };
        let Some(theirs) = theirs else {
            return Ok(false);
        };
        // It is told as what stands now and not as that entry of a log: read late, the entry may be history already.
        let theirs = ModerationAction {
            native_id: None,
            ..theirs
        };
        let event = Event::Moderation(ModerationEvent::Action(theirs));
        let said = self
            .bus
            .publish_after(&received.envelope, "hands/banned_anew", &event)
            .await;
        said.map_err(|error| HandlerError::Again(chain(&error)))?;
        Ok(true)
    }

    async fn is_last_word(&self, order: &Order<'_>) -> Result<bool, HandlerError> {
        let decision = order.decision;
        let question = CaseRequest {
            platform: decision.platform,
            guild_id: decision.guild_id.clone(),
            case_number: decision.case_number,
        };
        let number = CaseNumber(decision.case_number);
        match self
            .bus
            .requests()
            .ask::<_, Told>("case", &question, PATIENCE)
            .await
        {
            Ok(told)
                if (told.id, told.action, &told.user_id)
                    != (decision.id, order.action, &decision.user_id) =>
            {
                Err(HandlerError::Never(format!(
                    "the record of {number} is not that of this decision, so it is not carried out"
                )))
            }
            Ok(told) => Ok(told.last_word),
            Err(AskError::Refused(refused)) if refused.code.starts_with("unknown_") => {
                Err(HandlerError::Never(format!(
                    "no record tells of {number}, so it is not carried out: {}",
                    refused.message
                )))
            }
            Err(error) => Err(HandlerError::Again(format!(
                "the backend does not say whether {number} still stands: {}",
                chain(&error)
            ))),
        }
    }

    /// Tells the person, once, whatever becomes of the event.
    async fn notify(
        &self,
        envelope: &Envelope,
        order: &Order<'_>,
    ) -> Result<Option<DirectMessage>, HandlerError> {
        if !order.is_told() {
            return Ok(None);
        }
        if order.decision.notify == Some(false) {
            return Ok(Some(DirectMessage::Skipped));
        }
        let told = self.bus.once().run("hands.notice", envelope.event_id, |_| async {
            let text = notice::text(order, &*self.platform, self.clock.now()).await;
            carry::tell(&*self.platform, &order.decision.user_id, &text).await
        });
        match told.await {
            Ok(Did::Now(sent)) => Ok(Some(sent)),
            // What came of it then is not known any more, and nothing is said that may not be true.
            Ok(Did::Before) => Ok(None),
            Err(OnceError::Effect(error)) => Err(HandlerError::Again(chain(&error))),
            Err(error @ (OnceError::Busy | OnceError::Engine(_))) => Err(HandlerError::Again(chain(&error))),
        }
    }

    /// As [`Hands::notify`], before the person is out of reach: what is decided does not wait for a message that does not
    /// come through.
    async fn notify_in_time(&self, envelope: &Envelope, order: &Order<'_>) -> Option<DirectMessage> {
        let (telling, late) = (
            pin!(self.notify(envelope, order)),
            pin!(self.clock.sleep(TELLING)),
        );
        let why = match select(telling, late).await {
            Either::Left((Ok(notified), _)) => return notified,
            Either::Left((Err(HandlerError::Again(why) | HandlerError::Never(why)), _)) => why,
            Either::Right(_) => format!("it takes longer than {TELLING:?}"),
        };
        tracing::info!("Somebody is not told before they are removed: {why}");
        Some(DirectMessage::Failed)
    }

    async fn say(
        &self,
        received: &Received,
        order: &Order<'_>,
        carried: Carried,
    ) -> Result<(), HandlerError> {
        let decision = order.decision;
        let (action, outcome) = (order.action.as_str(), carried.outcome.as_str());
        metrics::counter!("lockdown_hands_total", "action" => action, "outcome" => outcome).increment(1);
        if carried.outcome == Outcome::Failed {
            let (guild, case) = (&decision.guild_id, decision.case_number);
            let error = carried.error.as_deref().unwrap_or_default();
            tracing::warn!(%guild, case, action, "Could not carry out case {case}: {error}");
        }
        self.log(&received.envelope, "hands/log", order, carried).await
    }

    /// Publishes what came of a decision.
    async fn log(
        &self,
        envelope: &Envelope,
        purpose: &str,
        order: &Order<'_>,
        carried: Carried,
    ) -> Result<(), HandlerError> {
        let decision = order.decision;
        let log = ModerationLog {
            platform: decision.platform,
            guild_id: decision.guild_id.clone(),
            case_number: decision.case_number,
            outcome: carried.outcome,
            error: carried.error,
            notified: carried.notified,
        };
        let event = Event::Moderation(ModerationEvent::Log(log));
        let said = self.bus.publish_after(envelope, purpose, &event).await;
        said.map(drop).map_err(|error| HandlerError::Again(chain(&error)))
    }
}
