//! Members: who is in a community, and one person's record.

use super::access::Needs;
use super::cases::search;
use super::input::{Nothing, Query, bounded, cursor, cut};
use super::route::{Found, InGuild, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{RoleId, UserId};
use lockdown_moderation::desk::{CaseFilter, CaseView};
use lockdown_store::members::{self, MemberQuery};
use lockdown_store::people::{Identity, IdentityId};
use lockdown_store::{StoreError, in_read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Of one person, so many cases and days of activity are shown.
const CASES: u64 = 100;
const ACTIVITY: TimeDelta = TimeDelta::days(30);

/// How somebody stands to a community.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MemberStatus {
    Pending,
    Member,
    Left,
    Kicked,
    Banned,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Search {
    /// A part of any of their names, in any case of letters.
    #[schemars(length(max = 200))]
    q: Option<String>,
    status: Option<MemberStatus>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MemberPage")]
struct Page {
    /// Those first who became known last.
    members: Vec<Member>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Member {
    user_id: UserId,
    username: Option<String>,
    display_name: Option<String>,
    /// The name in this community alone.
    nick: Option<String>,
    is_bot: bool,
    /// `pending`, `member`, `left`, `kicked` or `banned`.
    status: &'static str,
    roles: Vec<RoleId>,
    joined_at: Option<DateTime<Utc>>,
    left_at: Option<DateTime<Utc>>,
    last_seen: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MemberRecord")]
struct Record {
    user_id: UserId,
    username: Option<String>,
    display_name: Option<String>,
    is_bot: bool,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// How they stand to this community; absent where they were never in it.
    member: Option<Member>,
    /// The newest hundred, newest first.
    cases: Vec<CaseView>,
    /// What they did on each of the last 30 days on which they did anything.
    activity: Vec<Day>,
    labels: Vec<Label>,
    notes: Vec<Note>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MemberDay")]
struct Day {
    day: DateTime<Utc>,
    messages: u64,
    edits: u64,
    deletes: u64,
    reactions: u64,
    links: u64,
    media: u64,
    joins: u64,
    flagged: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Label {
    name: String,
    reason: Option<String>,
    set_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Note {
    body: String,
    pinned: bool,
    created_at: DateTime<Utc>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of_guild(Method::GET, "/members", "listMembers", Needs::Sight, list).says(
            "Search members",
            "By a part of any of their names; also those who are gone.",
        ),
        Route::of_guild(Method::GET, "/members/{userId}", "getMember", Needs::Sight, show)
            .says(
                "Show somebody's record",
                "Cases, activity, names, labels and notes.",
            )
            .refuses(&[Code::NotFound]),
    ]
}

// === impl MemberStatus ===

impl From<MemberStatus> for members::MemberStatus {
    fn from(status: MemberStatus) -> Self {
        match status {
            MemberStatus::Pending => Self::Pending,
            MemberStatus::Member => Self::Member,
            MemberStatus::Left => Self::Left,
            MemberStatus::Kicked => Self::Kicked,
            MemberStatus::Banned => Self::Banned,
        }
    }
}

// === impl Member ===

impl From<members::Member> for Member {
    fn from(row: members::Member) -> Self {
        Self {
            user_id: row.native_id,
            username: row.username,
            display_name: row.display_name,
            nick: row.nick,
            is_bot: row.is_bot,
            status: row.status.as_str(),
            roles: row.roles.0,
            joined_at: row.joined_at,
            left_at: row.left_at,
            last_seen: row.last_seen,
        }
    }
}

async fn list(asked: InGuild, Query(wanted): Query<Search>) -> Result<Found<Page>, Problem> {
    let limit = bounded(wanted.limit)?;
    let query = MemberQuery {
        text: search(wanted.q)?,
        status: wanted.status.map(Into::into),
        before: cursor::<Uuid>(wanted.cursor.as_deref())?.map(IdentityId),
    };
    let (store, guild) = (&asked.call.api.store, asked.guild.id);
    let mut rows = in_read!(store, |conn| { conn.members(guild, &query, limit + 1).await })?;
    let last = cut(&mut rows, limit);
    Ok(Found(Page {
        next_cursor: last.map(|row| row.identity_id.to_string()),
        members: rows.into_iter().map(Member::from).collect(),
    }))
}

async fn show(asked: InGuild, _: Nothing) -> Result<Found<Record>, Problem> {
    let (api, guild, user) = (&asked.call.api, &asked.guild, asked.user()?);
    let now = asked.call.now();
    let found = in_read!(api.store, |conn| {
        let Some(identity) = conn.identity(guild.platform, &user).await? else {
            return Ok(None);
        };
        let member = conn.member(guild.id, identity.id).await?;
        let activity = conn
            .user_activity(guild.id, identity.id, now - ACTIVITY, now)
            .await?;
        let labels = conn.labels_in_force(guild.id, identity.id, now).await?;
        let notes = conn.notes_about(guild.id, identity.id).await?;
        Ok::<_, StoreError>(Some((identity, member, activity, labels, notes)))
    })?;
    let unknown = || Problem::new(Code::NotFound, "Nobody with this id was ever seen here.");
    let (identity, member, activity, labels, notes) = found.ok_or_else(unknown)?;
    let filter = CaseFilter {
        subject: Some(user),
        ..CaseFilter::default()
    };
    let cases = api.desk.cases(&asked.guild_ref(), &filter, CASES).await?;
    // Who is known from another community only is not known in this one.
    if member.is_none() && cases.is_empty() && notes.is_empty() {
        return Err(unknown());
    }
    let Identity {
        native_id,
        username,
        display_name,
        is_bot,
        first_seen,
        last_seen,
        ..
    } = identity;
    let days = activity.into_iter().map(|day| Day {
        day: day.day,
        messages: day.messages,
        edits: day.edits,
        deletes: day.deletes,
        reactions: day.reactions,
        links: day.links,
        media: day.media,
        joins: day.joins,
        flagged: day.flagged,
    });
    let labels = labels.into_iter().map(|label| Label {
        name: label.name,
        reason: label.reason,
        set_at: label.set_at,
        expires_at: label.expires_at,
    });
    let notes = notes.into_iter().map(|note| Note {
        body: note.body,
        pinned: note.pinned,
        created_at: note.created_at,
    });
    Ok(Found(Record {
        user_id: native_id,
        username,
        display_name,
        is_bot,
        first_seen,
        last_seen,
        member: member.map(Member::from),
        cases: cases.iter().map(CaseView::from).collect(),
        activity: days.collect(),
        labels: labels.collect(),
        notes: notes.collect(),
    }))
}
