//! Communities: which there are, and what goes on in one.

use super::access::Needs;
use super::input::{Nothing, Query, bad_query};
use super::route::{Call, Found, InGuild, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{GuildId, Platform};
use lockdown_store::activity::GuildHour;
use lockdown_store::counts::{HourCount, Measure};
use lockdown_store::guilds::Guild;
use lockdown_store::in_read;
use lockdown_store::{StoreError, audit, reviews};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// How far back activity is shown at once, and when nobody says.
const LONGEST: TimeDelta = TimeDelta::days(92);
const USUAL: TimeDelta = TimeDelta::days(7);

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Guild")]
struct GuildBody {
    platform: Platform,
    guild_id: GuildId,
    title: String,
    /// The address of the community that it is part of.
    community: Option<String>,
    joined_at: DateTime<Utc>,
    /// Since when no bot of ours is in it.
    left_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Guilds")]
struct GuildsBody {
    guilds: Vec<GuildBody>,
}

/// The hours that are counted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Time {
    /// From this time on; a week ago when it is absent, at most 92 days before `to`.
    from: Option<DateTime<Utc>>,
    /// Before this time; now when it is absent.
    to: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GuildStats")]
struct Stats {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Reports that nobody has decided.
    reports_waiting: u64,
    /// How long the chain of the audit is.
    audit_entries: u64,
    /// Hours in which something went on; the others are left out.
    hours: Vec<Hour>,
    /// Days on which somebody wrote.
    days: Vec<Day>,
    /// Rules that matched something, or of whose cases somebody said something.
    rules: Vec<RuleStats>,
}

#[derive(Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActivityHour")]
struct Hour {
    /// Its first moment.
    hour: DateTime<Utc>,
    messages: u64,
    joins: u64,
    leaves: u64,
    actions: u64,
    flagged: u64,
    /// Decisions by their action, as far as the archive has come: it is seconds behind.
    cases: BTreeMap<String, u64>,
    /// Decisions that took back another one; what ended when its time was over is none.
    reversals: u64,
    /// What the platform refused.
    failed: u64,
    /// What the platform carried out, and how long that took on average since it was decided.
    applied: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_after_ms: Option<u64>,
    /// Verdicts of rules in force, and of those on trial.
    verdicts: u64,
    shadow_verdicts: u64,
}

/// How a rule did.
#[derive(Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleStats")]
struct RuleStats {
    rule: String,
    /// What it matched, in force and on trial.
    hits: u64,
    shadow_hits: u64,
    /// What people said since `from` of the cases that it made.
    upheld: u64,
    overturned: u64,
    mistaken: u64,
    /// Which part of what people looked at was right; absent where nobody looked at any.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActivityDay")]
struct Day {
    /// Its first moment, in UTC.
    day: DateTime<Utc>,
    /// How many people wrote.
    people: u64,
    messages: u64,
}

pub(super) fn routes() -> Vec<Route> {
    let one = json!({ "platform": "discord", "guildId": "81384788765712384", "title": "Square", "community": "town",
        "joinedAt": "2026-11-20T09:06:00Z", "leftAt": null });
    vec![
        Route::new(Method::GET, "/guilds", "listGuilds", Needs::Token, list)
            .says(
                "List communities",
                "Those that the token may know of, by platform and id.",
            )
            .answer(json!({ "guilds": [one] })),
        Route::of_guild(Method::GET, "", "getGuild", Needs::Sight, show)
            .says("Show a community", "")
            .answer(one),
        Route::of_guild(Method::GET, "/stats", "getGuildStats", Needs::Sight, stats).says(
            "Count what goes on",
            "Messages, joins, leaves, decisions and verdicts by hour, people who wrote by day, how the rules did, and what \
             waits.",
        ),
    ]
}

// === impl GuildBody ===

impl GuildBody {
    fn of(guild: Guild, community: Option<String>) -> Self {
        Self {
            platform: guild.platform,
            guild_id: guild.native_id,
            title: guild.title,
            community,
            joined_at: guild.joined_at,
            left_at: guild.left_at,
        }
    }
}

async fn list(call: Call, _: Nothing) -> Result<Found<GuildsBody>, Problem> {
    let guilds = in_read!(call.api.store, |conn| {
        let mut seen = Vec::new();
        let mut slug = None;
        for guild in conn.guilds().await? {
            if !call.caller.sees(&guild) {
                continue;
            }
            let known = slug.as_ref().filter(|(id, _)| *id == guild.community_id);
            let name = match known {
                Some((_, name)) => Clone::clone(name),
                None => conn
                    .community(guild.community_id)
                    .await?
                    .map(|community| community.slug),
            };
            slug = Some((guild.community_id, name.clone()));
            seen.push(GuildBody::of(guild, name));
        }
        Ok::<_, StoreError>(seen)
    })?;
    Ok(Found(GuildsBody { guilds }))
}

async fn show(asked: InGuild, _: Nothing) -> Result<Found<GuildBody>, Problem> {
    let id = asked.guild.community_id;
    let community = in_read!(asked.call.api.store, |conn| { conn.community(id).await })?;
    let slug = community.map(|community| community.slug);
    Ok(Found(GuildBody::of(asked.guild, slug)))
}

async fn stats(asked: InGuild, Query(time): Query<Time>) -> Result<Found<Stats>, Problem> {
    let to = time.to.unwrap_or_else(|| asked.call.now());
    let from = match time.from {
        Some(from) => from,
        None => to
            .checked_sub_signed(USUAL)
            .ok_or_else(|| bad_query("to", "There is nothing so early.".into()))?,
    };
    if from >= to {
        return Err(bad_query("from", "`from` is before `to`.".into()));
    }
    if to - from > LONGEST {
        let message = format!("At most {} days are counted at once.", LONGEST.num_days());
        return Err(bad_query("from", message));
    }
    let guild = &asked.guild;
    let stats = in_read!(asked.call.api.store, |conn| {
        let hours = conn.guild_activity(guild.id, from, to).await?;
        let counts = conn
            .guild_counts(guild.platform, &guild.native_id, from, to)
            .await?;
        let reviews = conn.rule_reviews(guild.id, from).await?;
        let days = conn.active_people(guild.id, from, to).await?;
        let queue = conn.report_queue(guild.id).await?;
        let head: Option<audit::Head> = conn.audit_head(guild.id).await?;
        Ok::<_, StoreError>(Stats {
            from,
            to,
            reports_waiting: queue.waiting,
            audit_entries: head.map_or(0, |head| head.audit_seq),
            rules: by_rules(&counts, reviews),
            hours: by_hours(hours, counts),
            days: days
                .into_iter()
                .map(|day| Day {
                    day: day.day,
                    people: day.people,
                    messages: day.messages,
                })
                .collect(),
        })
    })?;
    Ok(Found(stats))
}

fn by_hours(activity: Vec<GuildHour>, counts: Vec<HourCount>) -> Vec<Hour> {
    let mut hours: BTreeMap<DateTime<Utc>, Hour> = BTreeMap::new();
    for seen in activity {
        let hour = hours.entry(seen.hour).or_default();
        hour.messages = seen.messages;
        hour.joins = seen.joins;
        hour.leaves = seen.leaves;
        hour.actions = seen.actions;
        hour.flagged = seen.flagged;
    }
    for counted in counts {
        let hour = hours.entry(counted.hour).or_default();
        let count = counted.count;
        match (counted.measure, counted.word.as_str()) {
            (Measure::Case, _) => {
                hour.cases.insert(counted.word, count);
            }
            (Measure::Reversal, _) => hour.reversals += count,
            (Measure::Outcome, "applied") => {
                hour.applied = count;
                hour.applied_after_ms = counted.millis.checked_div(count);
            }
            (Measure::Outcome, "failed") => hour.failed = count,
            (Measure::Verdict, "live") => hour.verdicts = count,
            (Measure::Verdict, _) => hour.shadow_verdicts += count,
            // These are told otherwise: superseded is not failed, and who came and went is counted as it is seen.
            (Measure::Outcome | Measure::Joined | Measure::Left | Measure::Hit | Measure::ShadowHit, _) => {}
        }
    }
    let dated = hours.into_iter().map(|(at, hour)| Hour { hour: at, ..hour });
    dated.collect()
}

fn by_rules(counts: &[HourCount], reviews: Vec<reviews::Count>) -> Vec<RuleStats> {
    let mut rules: BTreeMap<String, RuleStats> = BTreeMap::new();
    for counted in counts {
        let rule = |rules: &mut BTreeMap<String, RuleStats>, add: fn(&mut RuleStats, u64)| {
            add(rules.entry(counted.word.clone()).or_default(), counted.count);
        };
        match counted.measure {
            Measure::Hit => rule(&mut rules, |rule, count| rule.hits += count),
            Measure::ShadowHit => rule(&mut rules, |rule, count| rule.shadow_hits += count),
            _ => {}
        }
    }
    for said in reviews {
        let rule = rules.entry(said.rule).or_default();
        match said.verdict {
            reviews::Verdict::Upheld => rule.upheld = said.count,
            reviews::Verdict::Overturned => rule.overturned = said.count,
            reviews::Verdict::Mistaken => rule.mistaken = said.count,
        }
    }
    let named = rules.into_iter().map(|(name, rule)| {
        let looked_at = rule.upheld + rule.overturned + rule.mistaken;
        RuleStats {
            rule: name,
            precision: (looked_at > 0).then(|| share(rule.upheld, looked_at)),
            ..rule
        }
    });
    named.collect()
}

#[expect(clippy::cast_precision_loss, reason = "nobody looks at so many cases")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
