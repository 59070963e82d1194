//! Decisions: what bots, rules and programs wish for over the bus becomes cases, and what platforms answer is kept.
//!
//! An event can come twice: its id is the key of its case, in the same transaction, and an answer that is known changes
//! nothing. After a warning, the step of the guild's ladder follows, under a key of its own. What is refused has no one to
//! tell: it is logged and counted, and not tried again, since it would be refused again. While the store is away, events
//! wait.

use crate::federated::{self, Failed};
use anyhow::Context as _;
use lockdown_bus::{
    Answering, Asked, Backoff, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start,
};
use lockdown_events::{
    CaseRequest, CorrelationId, Event, ModerationAction, ModerationEvent, RequestError, Source,
};
use lockdown_moderation::desk::{Acted, Answered, Ask, CaseView, Desk, DeskError, Facts, Refused};
use lockdown_moderation::{Case, CaseNumber, GuildRef};
use lockdown_runtime::{Context, chain};
use lockdown_store::Store;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// The group by which every backend shares these events.
const GROUP: &str = "desk";

/// An outage of the store is waited for: tries go on for most of a day before an event is among the dead letters.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 512,
    concurrency: 64,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(60),
    backoff: Backoff {
        first: Duration::from_millis(200),
        cap: Duration::from_secs(60),
    },
    attempts: 1_000,
    poison: 5,
};

/// The answer to `request:moderation`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Whether it is a new case, or one that made it so before.
    new: bool,
    #[serde(flatten)]
    case: CaseView,
    /// What the guild's ladder made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<CaseView>,
}

/// The answer to `request:case`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(flatten)]
    case: CaseView,
    /// Why it is as it is, in whole sentences.
    explanation: String,
    history: Vec<Line>,
    /// Whether no newer decision of its kind stands about the person: what is not the last word is not carried out.
    last_word: bool,
    /// The cases that it ended.
    ended_case_numbers: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at: chrono::DateTime<chrono::Utc>,
    by: String,
    kind: &'static str,
    body: serde_json::Value,
}

/// Decides what comes over the bus until the process stops.
pub(crate) async fn start(
    ctx: &Context,
    store: Store,
    bus: &Bus,
    facts: Arc<dyn Facts>,
) -> anyhow::Result<()> {
    let desk = Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone());
    let group = GroupName::new(GROUP).context("the group has no name")?;
    let (acts, answers, deeds) = (desk.clone(), desk.clone(), desk.clone());
    let (asked, kept) = (Arc::clone(&facts), store.clone());
    let handlers = vec![
        Handler::new("act", ["moderation:action"], move |received| {
            let (desk, store, facts) = (acts.clone(), kept.clone(), Arc::clone(&asked));
            async move { act(&desk, &store, &*facts, &received).await }
        })
        .by_person(),
        Handler::new("outcome", ["moderation:log"], move |received| {
            let desk = answers.clone();
            async move { outcome(&desk, &received).await }
        })
        .by_person(),
        Handler::new("deed", ["moderation:deed"], move |received| {
            let desk = deeds.clone();
            async move { deed(&desk, &received).await }
        })
        .by_person(),
    ];
    let questions = [
        answer_moderation(desk.clone(), store, facts, ctx, bus).await?,
        answer_case(desk, bus).await?,
    ];
    bus.consume(group, &Start::Oldest, handlers, OPTIONS)
        .await
        .context("could not consume what is wished for")?;
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("desk", async move {
        stopping.soft().await;
        for question in questions {
            question.stop().await;
        }
        Ok(())
    });
    Ok(())
}

async fn act(desk: &Desk, store: &Store, facts: &dyn Facts, received: &Received) -> Result<(), HandlerError> {
    let Event::Moderation(ModerationEvent::Action(action)) = &received.event else {
        return Ok(());
    };
    let envelope = &received.envelope;
    let ask = Ask::of(
        action.clone(),
        Some(envelope.event_id),
        &envelope.source,
        envelope.timestamp,
    );
    let chain = Some(envelope.correlation_id.clone());
    let acted = match ask {
        Ok(ask) => {
            let chain = chain.clone();
            federated::act(desk, store, &Ask { chain, ..ask }, facts).await
        }
        Err(refused) => Err(DeskError::from(refused).into()),
    };
    let followed = match acted {
        Ok(acted) => {
            count(&acted);
            follow_up(desk, &acted, facts, chain.as_ref()).await
        }
        Err(Failed::Desk(error)) => return settle(&error, "a wish", action.action.as_str()),
        Err(Failed::NotWanted) => {
            metrics::counter!("lockdown_federations_not_wanted_total").increment(1);
            return Ok(());
        }
        Err(Failed::Unknown) => {
            return Err(HandlerError::Again(
                "nobody says how the person stands there".to_owned(),
            ));
        }
    };
    match followed {
        Ok(_) => Ok(()),
        // When it comes again, its warning is found, and the step is tried again.
        Err(error) => settle(&error, "a step of the ladder", action.action.as_str()),
    }
}

/// Does what follows from a warning, and answers the case when it is a new one.
pub(crate) async fn follow_up(
    desk: &Desk,
    acted: &Acted,
    facts: &dyn Facts,
    chain: Option<&CorrelationId>,
) -> Result<Option<Case>, DeskError> {
    let Some(escalated) = desk.follow_up(acted, facts, chain).await? else {
        return Ok(None);
    };
    match escalated.acted {
        Some(acted @ Acted::Recorded(_)) => {
            count(&acted);
            Ok(acted.case().cloned())
        }
        Some(_) => Ok(None),
        None => {
            let (key, step) = (escalated.due.key, escalated.due.step);
            tracing::info!(%key, action = step.action.as_str(), "A step of the ladder waits for a moderator to agree");
            Ok(None)
        }
    }
}

async fn outcome(desk: &Desk, received: &Received) -> Result<(), HandlerError> {
    let Event::Moderation(ModerationEvent::Log(log)) = &received.event else {
        return Ok(());
    };
    let chain = Some(&received.envelope.correlation_id);
    match desk.outcome(log, chain).await {
        Ok(Answered::Failed { case, stand_again }) => {
            let (guild, number) = (&case.guild, case.number);
            tracing::warn!(%guild, case = number.0, again = stand_again.len(), "The platform did not do {number}");
            Ok(())
        }
        Ok(Answered::Applied(_) | Answered::Told(_) | Answered::Again | Answered::Superseded) => Ok(()),
        Err(error) => settle(&error, "an answer", log.outcome.as_str()),
    }
}

async fn deed(desk: &Desk, received: &Received) -> Result<(), HandlerError> {
    let Event::Moderation(ModerationEvent::Deed(deed)) = &received.event else {
        return Ok(());
    };
    let envelope = &received.envelope;
    match desk
        .deed(deed, envelope.event_id, Some(&envelope.correlation_id))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) => settle(&error, "a deed", "deed"),
    }
}

/// What becomes of an event that could not be handled.
fn settle(error: &DeskError, what: &'static str, of: &'static str) -> Result<(), HandlerError> {
    match error {
        DeskError::Refused(refused) => {
            refuse(refused, what, of);
            Ok(())
        }
        DeskError::Store(_) if error.is_passing() => Err(HandlerError::Again(chain(error))),
        DeskError::Store(_) | DeskError::Records(_) => Err(HandlerError::Never(chain(error))),
    }
}

fn refuse(refused: &Refused, what: &'static str, of: &'static str) {
    metrics::counter!("lockdown_desk_refused_total", "code" => refused.code()).increment(1);
    tracing::info!(code = refused.code(), of, "Refused {what}");
}

pub(crate) fn count(acted: &Acted) {
    if let Acted::Recorded(case) = acted {
        let (action, origin) = (case.action.as_str(), case.origin.as_str());
        metrics::counter!("lockdown_desk_cases_total", "action" => action, "origin" => origin).increment(1);
    }
}

/// Answers `request:moderation` with the case, or with why there is none and what would be allowed.
async fn answer_moderation(
    desk: Desk,
    store: Store,
    facts: Arc<dyn Facts>,
    ctx: &Context,
    bus: &Bus,
) -> anyhow::Result<Answering> {
    let clock = ctx.clock.clone();
    let answering = bus
        .requests()
        .answer("moderation", move |asked: Asked<ModerationAction>| {
            let (desk, store) = (desk.clone(), store.clone());
            let (facts, now) = (Arc::clone(&facts), clock.now());
            async move {
                let asker = Source::Outside("request".into());
                let ask = Ask::of(asked.data, None, &asker, now).map_err(|refused| told(&refused.into()))?;
                let of = Some(asked.correlation_id);
                let chained = Ask {
                    chain: of.clone(),
                    ..ask
                };
                let acted = federated::act(&desk, &store, &chained, &*facts).await;
                let acted = acted.map_err(|failed| match failed {
                    Failed::Desk(error) => told(&error),
                    Failed::NotWanted => RequestError {
                        code: "not_wanted".to_owned(),
                        message: "no federation wants that there".to_owned(),
                    },
                    Failed::Unknown => RequestError {
                        code: "rank_unknown".to_owned(),
                        message: "the platform did not say how somebody stands: try again in a moment"
                            .to_owned(),
                    },
                })?;
                count(&acted);
                let followed = follow_up(&desk, &acted, &*facts, of.as_ref()).await;
                // The warning stands, and asked again it would be a second one. The next one finds the step as well.
                let step = followed.unwrap_or_else(|error| {
                    match &error {
                        DeskError::Refused(refused) => refuse(refused, "a step of the ladder", "request"),
                        other => tracing::error!("Could not do the step after a warning: {}", chain(other)),
                    }
                    None
                });
                let case = acted.case().map(CaseView::from).ok_or_else(|| RequestError {
                    code: "already".to_owned(),
                    message: "it is so already, and no case of ours made it so".to_owned(),
                })?;
                let new = matches!(acted, Acted::Recorded(_));
                let step = step.as_ref().map(CaseView::from);
                Ok(Answer { new, case, step })
            }
        });
    answering.await.context("could not listen to wishes")
}

/// Answers `request:case` with the case, its history and why it is as it is.
async fn answer_case(desk: Desk, bus: &Bus) -> anyhow::Result<Answering> {
    let answering = bus.requests().answer("case", move |asked: Asked<CaseRequest>| {
        let desk = desk.clone();
        async move {
            let guild = GuildRef {
                platform: asked.data.platform,
                id: asked.data.guild_id,
            };
            let number = CaseNumber(asked.data.case_number);
            let found = desk
                .last_word(&guild, number)
                .await
                .map_err(|error| told(&error))?;
            let (found, last_word) =
                found.ok_or_else(|| told(&Refused::UnknownCase(guild.clone(), number).into()))?;
            let lines = found.record.history.iter().map(|line| Line {
                at: line.at,
                by: line.by.to_string(),
                kind: line.kind.as_str(),
                body: line.body.clone(),
            });
            Ok(Told {
                case: CaseView::from(&found.record.case),
                explanation: found.to_string(),
                history: lines.collect(),
                last_word,
                ended_case_numbers: found.record.ended.iter().map(|number| number.0).collect(),
            })
        }
    });
    answering
        .await
        .context("could not listen to questions about cases")
}

/// What whoever asked is told. What a driver says stays here.
fn told(error: &DeskError) -> RequestError {
    let message = match error {
        DeskError::Refused(refused) => {
            refuse(refused, "a request", "request");
            refused.to_string()
        }
        DeskError::Store(_) | DeskError::Records(_) => {
            tracing::error!("Could not answer a request: {}", chain(error));
            if error.is_passing() {
                "the store cannot be reached: ask again in a moment".to_owned()
            } else {
                "it could not be done: the log of the backend says why".to_owned()
            }
        }
    };
    RequestError {
        code: error.code().to_owned(),
        message,
    }
}
