//! Judging: what is said and who comes is held against the rules of the community.
//!
//! A community's events are judged in their order. What its rules do not ask is not looked up, and whether the person
//! keeps order there is asked only about those whom a rule would hit. A verdict is an event with its explanation: the bot
//! of the platform deletes and holds by it, and what concerns a person becomes a wish to the desk, which has the last word
//! on it. An event that comes twice is judged the same, counted once, and told once.
//!
//! - `rules.rs`: which rules judge where, kept until they change.
//! - `person.rs`: what is known of whoever is judged.
//! - `act.rs`: what follows from a verdict. To carry out another word of the rule language: its arm there.

mod act;
mod person;
mod rules;

use act::Follow;
use anyhow::Context as _;
use lockdown_bus::{Backoff, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{Event, MessageEvent, TraceId, UserEvent};
use lockdown_policy::catalogue::Slot;
use lockdown_policy::counter::InMemory;
use lockdown_policy::{EventKind, Facts, Judge, RuleSet, Verdict};
use lockdown_runtime::{Context, chain};
use lockdown_store::{Store, StoreError};
use person::People;
use rules::{Rules, Set};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The group by which every worker shares these events.
const GROUP: &str = "rules";

const TYPES: [&str; 4] = ["message:created", "message:edited", "user:joined", "user:updated"];

/// A message that nobody judged is worth less from minute to minute, but an outage of the store is waited for all the same:
/// what was said meanwhile still stands there.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 4_096,
    concurrency: 128,
    visibility: Duration::from_secs(10),
    patience: Duration::from_secs(30),
    backoff: Backoff {
        first: Duration::from_millis(100),
        cap: Duration::from_secs(30),
    },
    attempts: 200,
    poison: 5,
};

struct Judging {
    rules: Rules,
    people: People,
    judge: Mutex<Judge<InMemory>>,
    follow: Follow,
}

/// Judges until the process stops.
pub(crate) async fn start(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    let group = GroupName::new(GROUP).context("the group has no name")?;
    let judging = Arc::new(Judging {
        rules: Rules::new(store.clone(), ctx.clock.clone()),
        people: People::new(store.clone(), bus.clone(), ctx.clock.clone()),
        judge: Judge::new(InMemory::new()).into(),
        follow: Follow::new(store, bus.clone(), ctx.clock.clone(), ctx.ids.clone()),
    });
    rules::listen(ctx, bus, Arc::clone(&judging)).await?;
    let handler = Handler::new("judge", TYPES, move |received| {
        let judging = Arc::clone(&judging);
        async move { judging.take(&received).await }
    });
    bus.consume(group, &Start::Oldest, vec![handler], OPTIONS)
        .await
        .context("could not consume what is to be judged")
}

// === impl Judging ===

impl Judging {
    async fn take(&self, received: &Received) -> Result<(), HandlerError> {
        let event = &received.event;
        let rules = self
            .rules
            .of(event.platform(), event.guild_id())
            .await
            .map_err(|error| told(&error))?;
        if rules.is_empty() {
            return Ok(());
        }
        let Some(facts) = facts(received) else {
            return Ok(());
        };
        metrics::counter!("lockdown_rules_judged_total").increment(1);
        for set in rules.for_channel(facts.channel.as_deref()) {
            self.judge(received, facts.clone(), set).await?;
        }
        Ok(())
    }

    async fn judge(&self, received: &Received, mut facts: Facts, set: &Set) -> Result<(), HandlerError> {
        let of = (facts.platform, received.event.guild_id());
        if person::is_asked_by(&set.rules) {
            let record = self.people.record(of, &facts, &set.rules).await;
            facts.add_record(&record.map_err(|error| told(&error))?);
        }
        let mut verdict = self.verdict(&set.rules, &facts);
        if verdict.is_empty() {
            return Ok(());
        }
        // Exemptions ask for it as well as rules do.
        if !facts.is_known(Slot::AuthorStaff) {
            if let Some(staff) = self.people.keeps_order(of, &facts.author).await {
                facts.set_flag(Slot::AuthorStaff, staff);
            }
            verdict = self.verdict(&set.rules, &facts);
            if verdict.is_empty() {
                return Ok(());
            }
        }
        let (verdict, explanation) = self.judge_lock().explain(&set.rules, &facts);
        for rule in verdict.to_pause(&set.rules) {
            tracing::warn!(
                guild = facts.guild,
                rule,
                "The rule {rule} acted too often, and is paused"
            );
            metrics::counter!("lockdown_rules_paused_total").increment(1);
            self.judge_lock().pause(&facts.guild, rule);
        }
        // The same however often the event comes.
        let trace = TraceId(facts.event_id.follow_up(&format!("trace/{}", set.rules.hash())).0);
        self.follow
            .through(received, &facts, set, &verdict, &explanation, trace)
            .await
    }

    fn verdict(&self, rules: &RuleSet, facts: &Facts) -> Verdict {
        self.judge_lock().judge(rules, facts)
    }

    fn judge_lock(&self) -> MutexGuard<'_, Judge<InMemory>> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the event itself says; `None` for what rules do not judge.
fn facts(received: &Received) -> Option<Facts> {
    let envelope = &received.envelope;
    let (id, at) = (envelope.event_id, envelope.timestamp.timestamp_millis());
    match &received.event {
        Event::Message(MessageEvent::Created(message)) => {
            Some(Facts::of_message(id, EventKind::Message, at, message))
        }
        Event::Message(MessageEvent::Edited(message)) => {
            Some(Facts::of_message(id, EventKind::Edit, at, message))
        }
        Event::User(UserEvent::Joined(joined)) => Some(Facts::of_join(id, at, joined)),
        Event::User(UserEvent::Updated(updated)) => Facts::of_names(id, at, updated),
        _ => None,
    }
}

fn told(error: &StoreError) -> HandlerError {
    if error.is_passing() {
        HandlerError::Again(chain(error))
    } else {
        HandlerError::Never(chain(error))
    }
}
