//! Communities: which there are, and what goes on in one.

use super::access::Needs;
use super::input::{Nothing, Query, bad_query};
use super::route::{Call, Found, InGuild, Route};
use crate::problem::Problem;
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{GuildId, Platform};
use lockdown_store::guilds::Guild;
use lockdown_store::in_read;
use lockdown_store::{StoreError, audit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

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
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActivityHour")]
struct Hour {
    /// Its first moment.
    hour: DateTime<Utc>,
    messages: u64,
    joins: u64,
    leaves: u64,
    actions: u64,
    flagged: u64,
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
            "Messages, joins, leaves and actions by hour, people who wrote by day, and what waits.",
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
    let guild = asked.guild.id;
    let stats = in_read!(asked.call.api.store, |conn| {
        let hours = conn.guild_activity(guild, from, to).await?;
        let days = conn.active_people(guild, from, to).await?;
        let queue = conn.report_queue(guild).await?;
        let head: Option<audit::Head> = conn.audit_head(guild).await?;
        Ok::<_, StoreError>(Stats {
            from,
            to,
            reports_waiting: queue.waiting,
            audit_entries: head.map_or(0, |head| head.audit_seq),
            hours: hours
                .into_iter()
                .map(|hour| Hour {
                    hour: hour.hour,
                    messages: hour.messages,
                    joins: hour.joins,
                    leaves: hour.leaves,
                    actions: hour.actions,
                    flagged: hour.flagged,
                })
                .collect(),
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
