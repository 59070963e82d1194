//! Rules over the past: what they would have done to what was said and done in a community, beside those that are in force.
//!
//! Events come from the history page by page and are judged on a thread of their own, so neither the memory nor the other
//! requests feel how many there are. What the installation keeps in memory for its workers, such as lists of links and of
//! accounts, is not known here: what rules ask of it stays unknown.

use super::access::Needs;
use super::input::{Shape, Take, bad_query, parse_query};
use super::route::{Call, Found, InGuild, Raw, Route};
use super::rules::{SAMPLE, Text, judged, refuse_faulty};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Cursor, Glob, Key, Query as Asked};
use lockdown_events::{Envelope, TraceId};
use lockdown_moderation::StoreArchive;
use lockdown_moderation::desk::GoodRules;
use lockdown_policy::detect::spam::Classifier;
use lockdown_policy::detect::taught::Taught;
use lockdown_policy::{Facts, Judged, Learned, Recorded, Replay, RuleSet};
use lockdown_store::guilds::GuildKey;
use lockdown_store::in_read;
use lockdown_store::reviews::{ReviewedTrace, Verdict};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use tokio::sync::mpsc;

/// When nobody says since when.
const USUAL: TimeDelta = TimeDelta::days(1);
const MOST: u64 = 100_000;
const USUAL_MOST: u64 = 20_000;
/// Events of one page, and those that wait to be judged.
const PAGE: usize = 500;
const WAITING: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// What happened at this time or later; the last day when it is absent.
    from: Option<DateTime<Utc>>,
    /// What happened before; until now when it is absent.
    to: Option<DateTime<Utc>>,
    /// How many events at most: 1 to 100000, 20000 when it is absent.
    #[schemars(range(min = 1, max = 100_000))]
    limit: Option<u64>,
}

/// Rules to be tried, and on what.
struct Tried {
    text: String,
    which: Which,
}

/// What they would have done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// `false`: there are more events than were asked for.
    whole: bool,
    #[serde(flatten)]
    report: Value,
}

pub(super) fn routes() -> Vec<Route> {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let rule = json!({
        "rule": "scam", "mode": "live", "hits": 3, "byDay": { "2026-11-20": 3 }, "people": 2,
        "mostHit": [["531122", 2]], "staffSpared": 0, "spared": 0, "withheld": 0, "acts": { "delete": 3, "ban": 3 },
        "againstLive": { "both": 2, "added": 1, "removed": 0 },
        "precision": { "upheld": 1, "dismissed": 0, "unlabelled_share": 0.67, "precision": 1.0 }, "samples": [],
    });
    vec![
        Route::of_guild(Method::POST, "/rules/replay", "replayRules", Needs::AnyRight, replay)
            .says(
                "Try rules on the past",
                "Judges what happened as these rules would have, in its own time, beside the rules in force: how often each \
                 hits, whom, what it would have done, what changes, and how often people found such hits right. Changes \
                 nothing. Messages are judged as far as the bus or the archive has them.",
            )
            .refuses(&[Code::BadRules])
            .sample(SAMPLE.into())
            .answer(json!({
                "whole": true, "ruleSet": hash, "comparedWith": hash, "events": 1200, "from": 1_763_629_560_123_i64,
                "to": 1_763_715_960_123_i64, "withoutText": 0, "hits": 3, "people": 2, "ladder": {}, "rules": [rule],
            })),
    ]
}

// === impl Tried ===

impl Take for Tried {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let which: Which = parse_query(&raw.query)?;
        if which.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            return Err(bad_query("limit", format!("1 to {MOST}.")));
        }
        let text = super::rules::text(raw)?;
        Ok(Self { text, which })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            query: Some(Which::json_schema(generator)),
            ..Text::describe(generator)
        }
    }
}

// === impl Told ===

impl JsonSchema for Told {
    fn schema_name() -> Cow<'static, str> {
        "RulesReplay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let count = json!({ "type": "integer", "minimum": 0 });
        let time = json!({ "type": ["integer", "null"], "description": "In milliseconds since 1970." });
        json_schema!({
            "type": "object",
            "required": ["whole", "ruleSet", "events", "withoutText", "hits", "people", "ladder", "rules"],
            "properties": {
                "whole": { "type": "boolean", "description": "`false`: there are more events than were asked for." },
                "ruleSet": { "type": "string", "description": "The version that verdicts would name." },
                "comparedWith": { "type": "string", "description": "That of the rules in force, where there are any." },
                "events": count,
                "from": time,
                "to": time,
                "withoutText": { "type": "integer", "minimum": 0, "description": "Messages whose text is not kept." },
                "hits": count,
                "people": count,
                "ladder": {
                    "type": "object", "additionalProperties": count,
                    "description": "How often each step was reached, by its strikes.",
                },
                "rules": {
                    "type": "array", "items": { "type": "object", "required": ["rule", "mode", "hits", "people", "acts"] },
                    "description": "In the order of the file: hits, by day too, people, those hit most, what it would have \
                                    done, what differs from the rule of its name in force, precision, samples explained.",
                },
            },
        })
    }
}

async fn replay(asked: InGuild, tried: Tried) -> Result<Found<Told>, Problem> {
    let rules = judged(&asked, tried.text).await?.map_err(refuse_faulty)?;
    let live = in_force(&asked).await?;
    let call = &asked.call;
    let _place = call.api.replays.try_acquire().map_err(|_| {
        Problem::new(
            Code::Overloaded,
            "Other rules are tried just now: come again in a moment.",
        )
    })?;
    let (to_judge, events) = mpsc::channel(WAITING);
    let taught = taught(call, asked.guild.id).await?;
    let judging = tokio::task::spawn_blocking(move || judge(&rules, live.as_ref(), taught.as_ref(), events));
    let whole = read(&asked, &tried.which, to_judge).await?;
    let report = judging.await.map_err(|error| {
        tracing::error!("The replay of rules broke: {error}");
        Problem::of(Code::Internal)
    })?;
    Ok(Found(Told { whole, report }))
}

/// What is in force, if it is good still.
pub(super) async fn in_force(asked: &InGuild) -> Result<Option<GoodRules>, Problem> {
    match asked.call.api.desk.rules(&asked.guild_ref(), None).await? {
        None => Ok(None),
        Some(found) => Ok(judged(asked, found.text).await?.ok()),
    }
}

pub(super) async fn taught(call: &Call, guild: GuildKey) -> Result<Option<Taught>, Problem> {
    let kept = in_read!(call.api.store, |conn| {
        match conn.spam_model_version(guild).await? {
            Some(version) => conn.spam_model(guild, version).await,
            None => Ok(None),
        }
    })?;
    Ok(kept.and_then(|bytes| Taught::from_bytes(&bytes).ok()))
}

/// Hands on what happened, in its order; says whether it is all.
async fn read(
    asked: &InGuild,
    which: &Which,
    to_judge: mpsc::Sender<(Envelope, Option<Judged>)>,
) -> Result<bool, Problem> {
    let api = &asked.call.api;
    let from = which
        .from
        .unwrap_or_else(|| which.to.unwrap_or_else(|| asked.call.now()) - USUAL);
    let query = Asked {
        from: Some(from),
        to: which.to,
        types: Facts::TYPES.map(Glob::new).to_vec(),
        key: Some(Key::community(asked.guild.platform, &asked.guild.native_id)),
        classes: Vec::new(),
    };
    let reviewed = in_read!(api.store, |conn| {
        conn.reviewed_traces(asked.guild.id, from).await
    })?;
    let said = Said::of(reviewed);
    let archive = StoreArchive::new(api.store.clone());
    let (mut left, mut after): (u64, Option<Cursor>) = (which.limit.unwrap_or(USUAL_MOST), None);
    loop {
        let most = PAGE.min(usize::try_from(left).unwrap_or(PAGE));
        let history = api.bus.history();
        let page = history
            .page_of_all(&archive, &query, after.as_ref(), most)
            .await?;
        for stored in &page.entries {
            let Ok(envelope) = Envelope::decode(&stored.envelope) else {
                continue;
            };
            let outcome = said.of_event(&envelope);
            if to_judge.send((envelope, outcome)).await.is_err() {
                // Whoever judges broke, and says so.
                return Ok(false);
            }
        }
        left -= (page.entries.len() as u64).min(left);
        match page.next {
            None => return Ok(true),
            Some(_) if left == 0 => return Ok(false),
            next => after = next,
        }
    }
}

/// What people said of verdicts, by the trace that names event and rules.
struct Said {
    hashes: Vec<String>,
    traces: HashMap<TraceId, Judged>,
}

// === impl Said ===

impl Said {
    fn of(reviewed: Vec<ReviewedTrace>) -> Self {
        let mut hashes: Vec<String> = reviewed.iter().map(|one| one.rule_set_hash.clone()).collect();
        hashes.sort();
        hashes.dedup();
        let judged = |verdict| match verdict {
            Verdict::Upheld => Judged::Upheld,
            Verdict::Overturned | Verdict::Mistaken => Judged::Dismissed,
        };
        let traces = reviewed
            .into_iter()
            .map(|one| (one.trace_id, judged(one.verdict)));
        Self {
            traces: traces.collect(),
            hashes,
        }
    }

    fn of_event(&self, envelope: &Envelope) -> Option<Judged> {
        let traces = self
            .hashes
            .iter()
            .map(|hash| TraceId::of(envelope.event_id, hash));
        traces
            .into_iter()
            .find_map(|trace| self.traces.get(&trace).copied())
    }
}

fn judge(
    rules: &GoodRules,
    live: Option<&GoodRules>,
    taught: Option<&Taught>,
    mut events: mpsc::Receiver<(Envelope, Option<Judged>)>,
) -> Value {
    let live = live.map(GoodRules::rules);
    let asking: Vec<&RuleSet> = std::iter::once(rules.rules()).chain(live).collect();
    let mut learned = Learned::new(Classifier::base());
    let mut replay = Replay::new(rules.rules(), live);
    while let Some((envelope, outcome)) = events.blocking_recv() {
        let Some(mut facts) = Facts::of_envelope(&envelope) else {
            continue;
        };
        learned.add(&mut facts, &asking, taught);
        replay.remember(&mut facts);
        replay.event(Recorded { facts, outcome });
    }
    // Maps with odd keys are what cannot be written, and a report has none.
    serde_json::to_value(replay.report()).expect("a report is plain data")
}
