//! Federations: guilds of different owners that go by the same bans.
//!
//! A federation belongs to a person and to those whom they made its admins, and to nobody's guild: what somebody may is asked in
//! `lead.rs`. Guilds join by their owner's hand. A ban is recorded once and reaches each guild as a wish of its own
//! (`crate::federated`); what follows there is a case like any other.
//!
//! - `bans.rs`: who is banned. `people.rs`: admins. `places.rs`: guilds and subscriptions.

mod bans;
mod lead;
mod people;
mod places;

use super::access::Needs;
use super::input::{Body, Nothing, Query, cut};
use super::route::{Call, Done, Found, Made, Route};
use crate::problem::{Code, Fault, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lead::{Asker, Level};
use lockdown_bus::Bus;
use lockdown_events::{CacheInvalidation, GuildId, Platform, UserId};
use lockdown_moderation::UserRef;
use lockdown_moderation::federation::REMEMBERED;
use lockdown_runtime::chain;
use lockdown_store::federations::{Federation, FederationCounts, FederationId};
use lockdown_store::people::Identity;
use lockdown_store::{Conn, StoreError, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

const LONGEST_NAME: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewFederation")]
struct New {
    /// Of which platform's accounts and guilds it is; Telegram's without.
    platform: Option<Platform>,
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// Who shall own it, by their number on the platform. Only operators make one for somebody else.
    #[schemars(with = "Option<String>")]
    owner_id: Option<UserId>,
}

/// What is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "FederationChange")]
struct Change {
    #[schemars(length(min = 1, max = 64))]
    name: Option<String>,
    /// Whether nobody is banned without a reason.
    reasons_required: Option<bool>,
    /// Whether the owner is told of each ban.
    owner_told: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    /// Only the one that this guild is in, on Telegram where no platform is named.
    #[schemars(with = "Option<String>")]
    guild_id: Option<GuildId>,
    platform: Option<Platform>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Federation")]
struct Shown {
    id: String,
    platform: Platform,
    name: String,
    owner: Member,
    /// Whether whoever asks owns it.
    own: bool,
    reasons_required: bool,
    owner_told: bool,
    created_at: DateTime<Utc>,
    admins: u64,
    guilds: u64,
    bans: u64,
    /// How many federations it goes by beside itself.
    subscriptions: u64,
    /// How many go by it.
    subscribers: u64,
}

/// Somebody, as they are known.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationMember")]
struct Member {
    #[schemars(with = "String")]
    user_id: UserId,
    username: Option<String>,
    display_name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationPage")]
struct Page {
    federations: Vec<Shown>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

fn example() -> Value {
    json!({ "id": "0199c2d4-0000-7000-8000-000000000007", "platform": "telegram", "name": "Towns", "own": true,
        "owner": { "userId": "5311", "username": "olga", "displayName": "Olga" }, "reasonsRequired": false,
        "ownerTold": true, "createdAt": "2026-11-20T09:06:00Z", "admins": 1, "guilds": 2, "bans": 17,
        "subscriptions": 0, "subscribers": 1 })
}

pub(super) fn routes() -> Vec<Route> {
    let one = "/federations/{federationId}";
    let own = vec![
        Route::new(Method::GET, "/federations", "listFederations", Needs::Token, list)
            .says(
                "List federations",
                "Those that you own or administer; all of them for operators.",
            )
            .answer(json!({ "federations": [example()] })),
        Route::new(
            Method::POST,
            "/federations",
            "createFederation",
            Needs::Token,
            create,
        )
        .says(
            "Make a federation",
            "Yours: nobody owns two. Others join it by its id.",
        )
        .refuses(&[Code::NotLead, Code::OwnsOne, Code::NoAccount, Code::BadId])
        .sample(json!({ "name": "Towns" }))
        .answer(example()),
        Route::new(Method::GET, one, "getFederation", Needs::Token, show)
            .says("Show a federation", "To whoever knows its id.")
            .refuses(&[Code::UnknownFederation])
            .answer(example()),
        Route::new(Method::PATCH, one, "changeFederation", Needs::Token, change)
            .says(
                "Rename a federation, or choose how it bans",
                "Its owner alone; what is left out stays as it is.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead])
            .sample(json!({ "reasonsRequired": true }))
            .answer(example()),
        Route::new(Method::DELETE, one, "deleteFederation", Needs::Token, delete)
            .says(
                "Delete a federation",
                "Its owner alone, with its list of bans. What it banned in guilds stays banned there.",
            )
            .refuses(&[Code::UnknownFederation, Code::NotLead]),
    ];
    [own, people::routes(), places::routes(), bans::routes()].concat()
}

async fn list(call: Call, Query(wanted): Query<Wanted>) -> Result<Found<Page>, Problem> {
    let limit = super::input::bounded(wanted.limit)?;
    let after = super::input::cursor::<Uuid>(wanted.cursor.as_deref())?.map(FederationId);
    let asker = Asker::of(&call).await?;
    let (shown, next_cursor) = in_read!(call.api.store, |conn| {
        let accounts: Vec<_> = asker.accounts.iter().map(|(_, account)| *account).collect();
        let mut found = if asker.operates && wanted.guild_id.is_none() {
            conn.federations(after, limit + 1).await?
        } else {
            let mut led = conn.federations_led_by(&accounts).await?;
            led.retain(|federation| after.is_none_or(|after| federation.id > after));
            led
        };
        if let Some(guild) = &wanted.guild_id {
            let platform = wanted.platform.unwrap_or(Platform::Telegram);
            let its = match conn.guild(platform, guild).await? {
                Some(guild) => conn.federation_of_guild(guild.id).await?,
                None => None,
            };
            let leads = |its: &Federation| asker.operates || found.iter().any(|led| led.id == its.id);
            found = its.into_iter().filter(leads).collect();
        }
        let next_cursor = cut(&mut found, limit).map(|last| last.id.to_string());
        let mut shown = Vec::with_capacity(found.len());
        for federation in found {
            shown.push(Shown::of(conn, &asker, federation).await?);
        }
        Ok::<_, StoreError>((shown, next_cursor))
    })?;
    Ok(Found(Page {
        federations: shown,
        next_cursor,
    }))
}

async fn create(call: Call, Body(new): Body<New>) -> Result<Made<Shown>, Problem> {
    let name = name(&new.name)?;
    let platform = new.platform.unwrap_or(Platform::Telegram);
    let asker = Asker::of(&call).await?;
    let own = asker.account(platform);
    let owner = match &new.owner_id {
        None => own.ok_or_else(|| Problem::of(Code::NoAccount))?,
        Some(owner) => {
            let owner = call.api.desk.identity(&person(platform, owner)?).await?;
            if Some(owner) != own && !asker.operates {
                let detail = "Only operators make a federation for somebody else.";
                return Err(Problem::new(Code::NotLead, detail));
            }
            owner
        }
    };
    let federation = Federation {
        id: FederationId(call.api.ctx.ids.next()),
        platform,
        name,
        owner_id: owner,
        reasons_required: false,
        owner_told: true,
        version: 0,
        created_at: call.now(),
    };
    let made = in_tx!(call.api.store, |tx| {
        if !tx.insert_federation(&federation).await? {
            return Ok(None);
        }
        let shown = Shown::of(tx, &asker, federation.clone()).await?;
        let body = json!({ "owner": owner.to_string() });
        asker
            .write_down(tx, &call, "federation:make", federation.id, &body)
            .await?;
        Ok::<_, StoreError>(Some(shown))
    })?;
    made.map(Made::New).ok_or_else(|| Problem::of(Code::OwnsOne))
}

async fn show(call: Call, _: Nothing) -> Result<Found<Shown>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let shown = in_read!(call.api.store, |conn| {
        match asker.lead(conn, id, Level::Anybody).await? {
            Ok(led) => Shown::of(conn, &asker, led.federation).await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    })?;
    shown.map(Found)
}

async fn change(call: Call, Body(change): Body<Change>) -> Result<Found<Shown>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let renamed = change.name.as_deref().map(name).transpose()?;
    let changed = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Owner).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let before = led.federation.clone();
        let after = Federation {
            name: renamed.clone().unwrap_or_else(|| before.name.clone()),
            reasons_required: change.reasons_required.unwrap_or(before.reasons_required),
            owner_told: change.owner_told.unwrap_or(before.owner_told),
            ..before
        };
        tx.save_federation(&after).await?;
        let shown = Shown::of(tx, &asker, after.clone()).await?;
        let body = json!({
            "renamed": after.name != led.federation.name, "reasonsRequired": after.reasons_required,
            "ownerTold": after.owner_told,
        });
        led.write_down(tx, &call, "federation:change", &body).await?;
        Ok::<_, StoreError>(Ok(shown))
    })?;
    changed.map(Found)
}

async fn delete(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let deleted = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Owner).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        // Each guild's own audit says why it is in none any more.
        let mut after = None;
        loop {
            let guilds = tx.federation_guilds(id, after, super::input::MOST).await?;
            for guild in &guilds {
                places::write_down(tx, &call, guild, led.by(), "federation:leave", id).await?;
            }
            after = guilds.last().map(|guild| guild.id);
            if after.is_none() {
                break;
            }
        }
        tx.delete_federation(id).await?;
        led.write_down(tx, &call, "federation:delete", &json!({})).await?;
        Ok::<_, StoreError>(Ok(Done))
    })?;
    let done = deleted?;
    changed(&call.api.bus).await;
    Ok(done)
}

// === impl Shown ===

impl Shown {
    async fn of(conn: &mut Conn, asker: &Asker, federation: Federation) -> Result<Self, StoreError> {
        let FederationCounts {
            admins,
            guilds,
            bans,
            subscriptions,
            subscribers,
        } = conn.federation_counts(federation.id).await?;
        let owner = conn.identity_by_id(federation.owner_id).await?;
        let owner = owner.ok_or(StoreError::Missing {
            statement: "federations.owner_id",
        })?;
        Ok(Self {
            own: asker.is(owner.id),
            owner: owner.into(),
            id: federation.id.to_string(),
            platform: federation.platform,
            name: federation.name,
            reasons_required: federation.reasons_required,
            owner_told: federation.owner_told,
            created_at: federation.created_at,
            admins,
            guilds,
            bans,
            subscriptions,
            subscribers,
        })
    }
}

// === impl Member ===

impl From<Identity> for Member {
    fn from(of: Identity) -> Self {
        Self {
            user_id: of.native_id,
            username: of.username,
            display_name: of.display_name,
        }
    }
}

/// Has whoever looks at each message read anew.
async fn changed(bus: &Bus) {
    let what = CacheInvalidation {
        keys: vec![REMEMBERED.to_owned()],
        ..CacheInvalidation::default()
    };
    // Whoever does not hear it looks again before long.
    if let Err(error) = bus.invalidate(what).await {
        tracing::warn!("Could not tell that a federation was changed: {}", chain(&error));
    }
}

fn federation_id(call: &Call) -> Result<FederationId, Problem> {
    let id: Result<Uuid, _> = call.param("federationId");
    id.map(FederationId)
        .map_err(|_| Problem::of(Code::UnknownFederation))
}

/// A name that somebody can read.
fn name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(
        "name",
        format!("A name has 1 to {LONGEST_NAME} letters, on one line."),
    );
    Err(Problem::faults(Code::Invalid, vec![fault]))
}

/// Somebody on a platform: both number people.
fn person(platform: Platform, id: &UserId) -> Result<UserRef, Problem> {
    let is_number = id.as_str().bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<i64> = id.as_str().parse().ok();
    if is_number && number.is_some_and(|number| number > 0) {
        return Ok(UserRef::new(platform, id.clone()));
    }
    let detail = format!("`{id}` is nobody's number there.");
    Err(Problem::new(Code::BadId, detail.clone()).at("userId", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read() {
        assert_eq!(name("  Towns and more ").unwrap(), "Towns and more");
        for bad in ["", "  ", "a\nb", &"x".repeat(LONGEST_NAME + 1)] {
            assert_eq!(name(bad).unwrap_err().code, Code::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn people_are_numbers() {
        let of = |id: &str| person(Platform::Telegram, &UserId::new(id).unwrap()).is_ok();
        assert!(of("5311"));
        for bad in ["-100", "0", "x", "+5", "99999999999999999999"] {
            assert!(!of(bad), "{bad}");
        }
    }
}
