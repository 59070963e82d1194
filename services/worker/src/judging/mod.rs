//! Judging: what is said and who comes is held against the rules of the community.
//!
//! What one person does is judged in its order. What its rules do not ask is not looked up, and whether the person
//! keeps order there is asked only about those whom a rule would hit. A verdict is an event with its explanation: the bot
//! of the platform deletes and holds by it, and what concerns a person becomes a wish to the desk, which has the last word
//! on it. An event that comes twice is judged the same, counted once, and told once.
//!
//! Whatever workers must know of each other is not in their memory: what rules count lies on the bus, which rules are
//! paused in the store. So it is the same which of them judges, and one that dies forgets nothing.
//!
//! - `rules.rs`: which rules judge where, kept until they change.
//! - `counting.rs`: what rules count, and what detectors remember.
//! - `lists.rs`: the installation's own lists, such as the domains of scams.
//! - `federations.rs`: who is banned in a federation that the community goes by, whatever its rules say.
//! - `burst.rs`: what belongs together, of what one person does.
//! - `person.rs`: what is known of whoever is judged.
//! - `act.rs`: what follows from a verdict. To carry out another word of the rule language: its arm there.

mod act;
mod burst;
mod counting;
mod federations;
mod lists;
mod person;
mod rules;

use act::{Follow, Passed};
use anyhow::Context as _;
use burst::Bursts;
use counting::Counting;
use federations::Federations;
use lockdown_bus::{Backoff, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{GuildId, Platform, TraceId};
use lockdown_moderation::desk::{Desk, DeskError, PauseAsk};
use lockdown_moderation::{GuildRef, record};
use lockdown_policy::catalogue::Slot;
use lockdown_policy::counter::Asked;
use lockdown_policy::detect::spam::Classifier;
use lockdown_policy::{Facts, Judge, Learned, Outcome, RuleSet, Verdict};
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::{Store, StoreError};
use person::People;
use rules::{Rules, Set};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The group by which every worker shares these events.
const GROUP: &str = "rules";

/// A message that nobody judged is worth less from minute to minute, but an outage of the store is waited for all the same:
/// what was said meanwhile still stands there.
const OPTIONS: ConsumerOptions = ConsumerOptions {
    in_hand: 1_024,
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
    store: Store,
    rules: Rules,
    people: People,
    counting: Counting,
    learned: Mutex<Learned>,
    bursts: Bursts,
    federations: Federations,
    desk: Desk,
    clock: Clock,
    follow: Follow,
}

/// Judges until the process stops.
pub(crate) async fn start(ctx: &Context, store: Store, bus: &Bus) -> anyhow::Result<()> {
    let group = GroupName::new(GROUP).context("the group has no name")?;
    let judging = Arc::new(Judging {
        store: store.clone(),
        rules: Rules::new(store.clone(), ctx.clock.clone()),
        people: People::new(store.clone(), bus.clone(), ctx.clock.clone()),
        counting: Counting::new(bus.clone()),
        learned: Learned::new(Classifier::base()).into(),
        desk: Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone()),
        bursts: Bursts::new(bus.clone()),
        federations: Federations::new(store.clone(), bus.clone(), ctx.clock.clone()),
        clock: ctx.clock.clone(),
        follow: Follow::new(store, bus.clone(), ctx.clock.clone(), ctx.ids.clone()),
    });
    lists::keep(ctx, Arc::clone(&judging)).await?;
    rules::listen(ctx, bus, Arc::clone(&judging)).await?;
    person::listen(ctx, bus, Arc::clone(&judging)).await?;
    federations::keep(ctx, bus, Arc::clone(&judging)).await?;
    let handler = Handler::new("judge", Facts::TYPES, move |received| {
        let judging = Arc::clone(&judging);
        async move { judging.take(&received).await }
    });
    bus.consume(group, &Start::Oldest, vec![handler.by_person()], OPTIONS)
        .await
        .context("could not consume what is to be judged")
}

// === impl Judging ===

impl Judging {
    async fn take(&self, received: &Received) -> Result<(), HandlerError> {
        let event = &received.event;
        self.federations.look(received).await?;
        let rules = self
            .rules
            .of(event.platform(), event.guild_id())
            .await
            .map_err(|error| told(&error))?;
        if rules.is_empty() {
            return Ok(());
        }
        let Some(mut facts) = Facts::of_event(&received.envelope, event) else {
            return Ok(());
        };
        metrics::counter!("lockdown_rules_judged_total").increment(1);
        let sets: Vec<&Set> = rules.for_channel(facts.channel.as_deref()).collect();
        let asking: Vec<&RuleSet> = sets.iter().map(|set| &*set.rules).collect();
        facts.set_word(Slot::GuildMode, rules.mode());
        self.learned().add(&mut facts, &asking, rules.taught());
        let remembered = self.counting.remember(&mut facts, &asking).await;
        remembered.map_err(|error| HandlerError::Again(chain(&error)))?;
        for set in sets {
            self.judge(received, facts.clone(), set).await?;
        }
        Ok(())
    }

    async fn judge(&self, received: &Received, mut facts: Facts, set: &Set) -> Result<(), HandlerError> {
        let of = (facts.platform, received.event.guild_id());
        let guild = GuildRef {
            platform: facts.platform,
            id: of.1.clone(),
        };
        let known = record(&self.store, &guild, &facts, &set.rules, self.clock.now()).await;
        if let Some(known) = known.map_err(|error| told(&error))? {
            facts.add_record(&known);
        }
        let mut judge = Judge::new(Asked::default());
        for rule in set.paused(self.clock.now()) {
            judge.pause(&facts.guild, rule);
        }
        if self.verdict(&mut judge, &mut facts, of, set).await?.is_empty() {
            return Ok(());
        }
        let (mut verdict, explanation) = judge.explain(&set.rules, &facts);
        let bursts = burst::thin(&mut verdict, |rule| judge.burst(rule), &facts);
        for rule in verdict.to_pause(&set.rules) {
            self.pause(received, set, rule).await?;
        }
        // The same however often the event comes.
        let trace = TraceId::of(facts.event_id, set.rules.hash());
        let passed = Passed {
            verdict,
            bursts,
            explanation,
            trace,
        };
        let other_mode = self.follow.through(received, &facts, set, &passed).await?;
        if other_mode {
            self.rules.forget(of.0, of.1);
        }
        Ok(())
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges until nothing that is asked for is open.
    async fn verdict(
        &self,
        judge: &mut Judge<Asked>,
        facts: &mut Facts,
        of: (Platform, &GuildId),
        set: &Set,
    ) -> Result<Verdict, HandlerError> {
        let mut asked_staff = facts.is_known(Slot::AuthorStaff);
        loop {
            let verdict = judge.judge(&set.rules, facts);
            let missing = judge.counters().missing();
            // Exemptions ask for it as well as rules do; and what staff does is not held against a limit.
            if !asked_staff && !verdict.is_empty() {
                asked_staff = true;
                // Both are mostly wanted, and neither waits for the other.
                let (staff, found) = tokio::join!(
                    self.people.keeps_order(of, facts),
                    self.find_bursts(judge, facts, set, &verdict)
                );
                found?;
                if let Some(staff) = staff {
                    facts.set_flag(Slot::AuthorStaff, staff);
                }
                continue;
            }
            if self.find_bursts(judge, facts, set, &verdict).await? {
                continue;
            }
            if missing.is_empty() {
                return Ok(verdict);
            }
            let answers = self.counting.count(&missing).await;
            let answers = answers.map_err(|error| HandlerError::Again(chain(&error)))?;
            for (ask, answer) in missing.iter().zip(answers) {
                judge.counters().tell(ask, answer);
            }
        }
    }

    /// Finds out to which bursts an event belongs that rules act on; says whether anything was found out, since limits go by
    /// that.
    async fn find_bursts(
        &self,
        judge: &mut Judge<Asked>,
        facts: &Facts,
        set: &Set,
        verdict: &Verdict,
    ) -> Result<bool, HandlerError> {
        let mut found = false;
        for hit in &verdict.hits {
            if !matches!(hit.outcome, Outcome::Acts | Outcome::AtLimit(_)) || judge.burst(hit.rule).is_some()
            {
                continue;
            }
            let first = self.bursts.first(&set.name, &set.rules, hit.rule, facts).await;
            judge.belongs(
                hit.rule,
                first.map_err(|error| HandlerError::Again(chain(&error)))?,
            );
            found = true;
        }
        Ok(found)
    }

    /// Has a rule that acted too often do nothing for a while, in every worker.
    async fn pause(&self, received: &Received, set: &Set, rule: &str) -> Result<(), HandlerError> {
        let (platform, guild) = (received.event.platform(), received.event.guild_id());
        let ask = PauseAsk {
            guild: GuildRef {
                platform,
                id: guild.clone(),
            },
            policy: set.policy,
            version: set.version,
            rule: rule.to_owned(),
            chain: Some(received.envelope.correlation_id.clone()),
        };
        match self.desk.pause_rule(&ask).await {
            Ok(true) => {
                tracing::warn!(%guild, rule, "The rule {rule} acted too often, and is paused");
                metrics::counter!("lockdown_rules_paused_total").increment(1);
            }
            Ok(false) => {}
            Err(DeskError::Store(error)) => return Err(told(&error)),
            Err(error) => return Err(HandlerError::Never(chain(&error))),
        }
        self.rules.forget(platform, guild);
        Ok(())
    }
}

fn told(error: &StoreError) -> HandlerError {
    if error.is_passing() {
        HandlerError::Again(chain(error))
    } else {
        HandlerError::Never(chain(error))
    }
}
