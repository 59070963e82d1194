//! Who is banned in a federation, and why.

use super::super::access::Needs;
use super::super::input::{Body, Nothing, PageQuery, Query, cut};
use super::super::route::{Call, Found, InGuild, Made, Route};
use super::lead::{Asker, Led, Level};
use super::{changed, federation_id, person};
use crate::federated::{self, Wanted};
use crate::problem::{Code, Fault, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{
    Action, EventId, GuildId, NotificationId, NotificationKind, NotificationLevel, Platform, UserId,
};
use lockdown_moderation::hands::Saying;
use lockdown_moderation::notices::{self, Notice, To};
use lockdown_moderation::{Reason, UserRef, federation};
use lockdown_runtime::chain;
use lockdown_store::federations::{Federation, FederationBan, FederationBanId, NamedBan, NewBan};
use lockdown_store::people::{Identity, IdentityId, PersonId, Seen};
use lockdown_store::{Conn, StoreError, Tx, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// As many as are taken over in one request.
const MOST_IMPORTED: usize = 500;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewFederationBan")]
struct New {
    /// Why, in at most 1,000 characters.
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Why {
    /// Why it ends, in at most 1,000 characters.
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationBan")]
struct Shown {
    #[schemars(with = "String")]
    user_id: UserId,
    username: Option<String>,
    display_name: Option<String>,
    reason: Option<String>,
    banned_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationBanSet")]
struct Set {
    #[serde(flatten)]
    ban: Shown,
    /// In how many guilds it is carried out.
    guilds: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationBanLifted")]
struct Lifted {
    /// In how many guilds a ban of the federation's stands and ends by it.
    guilds: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationBanPage")]
struct Page {
    /// The newest first.
    bans: Vec<Shown>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FederationBanImport")]
struct Import {
    /// At most 500 at once.
    #[schemars(length(min = 1, max = 500))]
    bans: Vec<Imported>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ImportedFederationBan")]
struct Imported {
    #[schemars(with = "String")]
    user_id: UserId,
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationBansImported")]
struct TakenOver {
    /// Who was not banned before.
    added: u64,
    /// Who was, and has this reason now.
    changed: u64,
    /// Who is not banned, by the place in the list.
    refused: Vec<NotTaken>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationBanRefused")]
struct NotTaken {
    place: u64,
    code: &'static str,
    detail: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FederationBansOf")]
struct OfSomebody {
    bans: Vec<Theirs>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FederationBanOf")]
struct Theirs {
    federation_id: String,
    federation: String,
    reason: Option<String>,
    banned_at: DateTime<Utc>,
}

pub(super) fn routes() -> Vec<Route> {
    let all = "/federations/{federationId}/bans";
    let one = "/federations/{federationId}/bans/{userId}";
    let ban = json!({ "userId": "5311", "username": "mallory", "displayName": "Mallory", "reason": "scam",
        "bannedAt": "2026-11-20T09:06:00Z" });
    let theirs = json!({ "bans": [{ "federationId": "0199c2d4-0000-7000-8000-000000000007", "federation": "Towns",
        "reason": "scam", "bannedAt": "2026-11-20T09:06:00Z" }] });
    let mut set = ban.clone();
    set["guilds"] = json!(2);
    vec![
        Route::new(Method::GET, all, "listFederationBans", Needs::Token, list)
            .says("List who is banned in a federation", "To its owner and its admins.")
            .refuses(&[Code::UnknownFederation, Code::NotLead])
            .answer(json!({ "bans": [ban] })),
        Route::new(Method::PUT, one, "banInFederation", Needs::Token, set_ban)
            .says(
                "Ban somebody in a federation",
                "In every guild that goes by it: a case in each, unless something there stands against it. Whoever is banned \
                 already is so for this reason from now on.",
            )
            .refuses(&[
                Code::UnknownFederation,
                Code::NotLead,
                Code::BadId,
                Code::BadReason,
                Code::ReasonRequired,
                Code::LeadsIt,
            ])
            .sample(json!({ "reason": "scam" }))
            .answer(set),
        Route::new(Method::DELETE, one, "unbanInFederation", Needs::Token, lift)
            .says(
                "End somebody's ban in a federation",
                "And the bans that came of it, in every guild that goes by it. What others decided about them stands.",
            )
            .refuses(&[
                Code::UnknownFederation,
                Code::NotLead,
                Code::BadId,
                Code::BadReason,
                Code::NotBanned,
            ])
            .answer(json!({ "guilds": 2 })),
        Route::new(
            Method::POST,
            "/federations/{federationId}/bans/import",
            "importFederationBans",
            Needs::Token,
            import,
        )
        .says(
            "Take over bans",
            "Of a list, up to 500 at once. Nobody is looked for in the guilds: who is on it is banned there when they come or \
             write.",
        )
        .refuses(&[Code::UnknownFederation, Code::NotLead])
        .sample(json!({ "bans": [{ "userId": "5311", "reason": "scam" }] }))
        .answer(json!({ "added": 1, "changed": 0, "refused": [] })),
        Route::new(
            Method::GET,
            "/me/federation-bans",
            "listOwnFederationBans",
            Needs::Token,
            own,
        )
        .says(
            "List the federations that have banned you",
            "By any of your accounts.",
        )
        .answer(theirs.clone()),
        Route::of_guild(
            Method::GET,
            "/members/{userId}/federation-bans",
            "listFederationBansOf",
            Needs::AnyRight,
            of_member,
        )
        .says("List the federations that have banned somebody", "Also those that this guild does not go by.")
        .refuses(&[Code::BadId])
        .answer(theirs),
    ]
}

async fn list(call: Call, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let (limit, before) = (page.limit()?, page.cursor::<Uuid>()?.map(FederationBanId));
    let found = in_read!(call.api.store, |conn| {
        if let Err(problem) = asker.lead(conn, id, Level::Admin).await? {
            return Ok(Err(problem));
        }
        let bans = conn.federation_bans(id, before, limit + 1).await?;
        let ids: BTreeSet<IdentityId> = bans.iter().map(|ban| ban.subject_id).collect();
        let people = conn.identities_by_id(ids).await?;
        Ok::<_, StoreError>(Ok((bans, people)))
    })?;
    let (mut bans, people) = found?;
    let mut people: BTreeMap<_, _> = people.into_iter().map(|who| (who.id, who)).collect();
    let next_cursor = cut(&mut bans, limit).map(|last| last.id.to_string());
    let bans = bans
        .into_iter()
        .filter_map(|ban| Some(Shown::of(people.remove(&ban.subject_id)?, ban)));
    Ok(Found(Page {
        bans: bans.collect(),
        next_cursor,
    }))
}

async fn set_ban(call: Call, Body(new): Body<New>) -> Result<Made<Set>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let why = why(new.reason.as_deref())?;
    let whom = subject(&call, &asker).await?;
    let now = call.now();
    let ban = FederationBanId(call.api.ctx.ids.next());
    let done = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Admin).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(version) = tx.next_federation_version(id).await? else {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        };
        if let Err(problem) = bannable(tx, &led, whom.id, why.is_some()).await? {
            return Ok(Err(problem));
        }
        let by = asker.in_rows(whom.platform);
        let new = NewBan {
            id: ban,
            federation: id,
            subject: whom.id,
            reason: why.as_deref(),
            by: &by,
            at: now,
        };
        let set = tx.set_federation_ban(&new, version).await?;
        let guilds = tx.federation_reach(id).await?;
        let wanted = Wanted {
            federation: id,
            platform: whom.platform,
            subject: &whom.native_id,
            action: Action::Ban,
            reason: None,
            chain: &call.chain,
            at: now,
        };
        federated::wish(tx, &call.api.ctx.ids, &guilds, &wanted).await?;
        let told = match led.federation.owner_told && !asker.is(led.federation.owner_id) {
            true => tell(tx, &call, &led.federation, &whom, &set.ban).await?,
            false => None,
        };
        let body = json!({
            "identity": whom.id.to_string(), "ban": set.ban.id.to_string(), "new": set.new, "guilds": guilds.len(),
        });
        led.write_down(tx, &call, "federation:ban", &body).await?;
        let count = u64::try_from(guilds.len()).unwrap_or(u64::MAX);
        Ok::<_, StoreError>(Ok((set, count, told)))
    })?;
    let (set, guilds, told) = done?;
    changed(&call.api.bus).await;
    if let Some((notice, owner)) = told {
        say(&call, notice, owner).await;
    }
    let body = Set {
        ban: Shown::of(whom, set.ban),
        guilds,
    };
    Ok(match set.new {
        true => Made::New(body),
        false => Made::Known(body),
    })
}

async fn lift(call: Call, Query(asked): Query<Why>) -> Result<Found<Lifted>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    let why = why(asked.reason.as_deref())?;
    let whom = subject(&call, &asker).await?;
    let now = call.now();
    let done = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Admin).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(version) = tx.next_federation_version(id).await? else {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        };
        if !tx.lift_federation_ban(id, whom.id, version, now).await? {
            return Ok(Err(Problem::of(Code::NotBanned)));
        }
        let stand = tx.live_bans_by(id, whom.id, &federation::rule(id)).await?;
        // Everywhere, since a ban may be on its way to a guild where none stands yet.
        let guilds = tx.federation_reach(id).await?;
        let wanted = Wanted {
            federation: id,
            platform: whom.platform,
            subject: &whom.native_id,
            action: Action::Unban,
            reason: why.as_deref(),
            chain: &call.chain,
            at: now,
        };
        federated::wish(tx, &call.api.ctx.ids, &guilds, &wanted).await?;
        let body = json!({ "identity": whom.id.to_string(), "guilds": stand });
        led.write_down(tx, &call, "federation:unban", &body).await?;
        Ok::<_, StoreError>(Ok(Lifted { guilds: stand }))
    })?;
    let lifted = done?;
    changed(&call.api.bus).await;
    Ok(Found(lifted))
}

async fn import(call: Call, Body(list): Body<Import>) -> Result<Found<TakenOver>, Problem> {
    let (id, asker) = (federation_id(&call)?, Asker::of(&call).await?);
    if !(1..=MOST_IMPORTED).contains(&list.bans.len()) {
        let fault = Fault::new("bans", format!("A list has 1 to {MOST_IMPORTED} bans."));
        return Err(Problem::faults(Code::Invalid, vec![fault]));
    }
    let done = in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Admin).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(version) = tx.next_federation_version(id).await? else {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        };
        let mut taken = TakenOver {
            added: 0,
            changed: 0,
            refused: Vec::new(),
        };
        for (place, ban) in list.bans.iter().enumerate() {
            match take_over(tx, &call, &led, ban, version).await? {
                Ok(true) => taken.added += 1,
                Ok(false) => taken.changed += 1,
                Err(problem) => taken.refused.push(NotTaken {
                    place: u64::try_from(place).unwrap_or(u64::MAX),
                    code: problem.code.as_str(),
                    detail: problem.words(),
                }),
            }
        }
        let body = json!({ "added": taken.added, "changed": taken.changed });
        led.write_down(tx, &call, "federation:import", &body).await?;
        Ok::<_, StoreError>(Ok(taken))
    })?;
    let taken = done?;
    changed(&call.api.bus).await;
    Ok(Found(taken))
}

/// One of a list; says whether they were not banned before.
async fn take_over(
    tx: &mut Tx,
    call: &Call,
    led: &Led,
    ban: &Imported,
    version: u64,
) -> Result<Result<bool, Problem>, StoreError> {
    let checked = person(led.federation.platform, &ban.user_id)
        .and_then(|whom| Ok((whom, why(ban.reason.as_deref())?)));
    let (whom, why) = match checked {
        Ok(checked) => checked,
        Err(problem) => return Ok(Err(problem)),
    };
    let whom = seen(tx, call, &whom).await?;
    if let Err(problem) = bannable(tx, led, whom.id, why.is_some()).await? {
        return Ok(Err(problem));
    }
    let by = led.by().in_rows(whom.platform);
    let new = NewBan {
        id: FederationBanId(call.api.ctx.ids.next()),
        federation: led.id(),
        subject: whom.id,
        reason: why.as_deref(),
        by: &by,
        at: call.now(),
    };
    Ok(Ok(tx.set_federation_ban(&new, version).await?.new))
}

async fn own(call: Call, _: Nothing) -> Result<Found<OfSomebody>, Problem> {
    let asker = Asker::of(&call).await?;
    let accounts: Vec<IdentityId> = asker.accounts.iter().map(|(_, account)| *account).collect();
    let found = in_read!(call.api.store, |conn| {
        conn.federation_bans_of(&accounts).await
    })?;
    Ok(Found(found.into()))
}

async fn of_member(asked: InGuild, _: Nothing) -> Result<Found<OfSomebody>, Problem> {
    let whom = person(asked.guild.platform, &asked.user()?)?;
    let found = in_read!(asked.call.api.store, |conn| {
        match conn.identity(whom.platform, &whom.id).await? {
            Some(identity) => conn.federation_bans_of(&[identity.id]).await,
            None => Ok(Vec::new()),
        }
    })?;
    Ok(Found(found.into()))
}

/// Whom the path speaks of, where whoever asks bans at all: nobody else has people written down.
async fn subject(call: &Call, asker: &Asker) -> Result<Identity, Problem> {
    let (id, user): (_, UserId) = (federation_id(call)?, call.param("userId")?);
    in_tx!(call.api.store, |tx| {
        let led = match asker.lead(tx, id, Level::Admin).await? {
            Ok(led) => led,
            Err(problem) => return Ok(Err(problem)),
        };
        match person(led.federation.platform, &user) {
            Ok(whom) => seen(tx, call, &whom).await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    })?
}

/// The row of somebody, who may never have been seen.
async fn seen(tx: &mut Tx, call: &Call, whom: &UserRef) -> Result<Identity, StoreError> {
    if let Some(known) = tx.identity(whom.platform, &whom.id).await? {
        return Ok(known);
    }
    let ids = &call.api.ctx.ids;
    let seen = Seen {
        platform: whom.platform,
        native_id: whom.id.clone(),
        username: None,
        display_name: None,
        is_bot: false,
        at: call.now(),
    };
    tx.see(&seen, (PersonId(ids.next()), IdentityId(ids.next())))
        .await
}

/// Whether somebody can be banned: nobody who leads it is, and not without a reason where one is wanted.
async fn bannable(
    conn: &mut Conn,
    led: &Led,
    whom: IdentityId,
    has_reason: bool,
) -> Result<Result<(), Problem>, StoreError> {
    if whom == led.federation.owner_id || conn.is_federation_admin(led.id(), whom).await? {
        return Ok(Err(Problem::of(Code::LeadsIt)));
    }
    if led.federation.reasons_required && !has_reason {
        return Ok(Err(Problem::new(
            Code::ReasonRequired,
            "This federation bans nobody without a reason: write one behind their name.",
        )));
    }
    Ok(Ok(()))
}

fn why(text: Option<&str>) -> Result<Option<String>, Problem> {
    let written = text.filter(|text| !text.trim().is_empty());
    let reason = written.map(|text| Reason::new(text, Reason::LONGEST)).transpose();
    let reason = reason.map_err(|error| {
        let message = error.to_string();
        Problem::new(Code::BadReason, message.clone()).at("reason", message)
    })?;
    Ok(reason.map(|reason| reason.as_str().to_owned()))
}

/// Keeps a word for the owner, with the ban.
async fn tell(
    tx: &mut Tx,
    call: &Call,
    of: &Federation,
    whom: &Identity,
    ban: &FederationBan,
) -> Result<Option<(Notice, UserRef)>, StoreError> {
    let Some(owner) = tx.identity_by_id(of.owner_id).await? else {
        return Ok(None);
    };
    let owner = UserRef::new(owner.platform, owner.native_id);
    let name = whom.display_name.as_deref().unwrap_or(whom.native_id.as_str());
    let notice = Notice {
        id: NotificationId(call.api.ctx.ids.next()),
        level: NotificationLevel::Info,
        kind: NotificationKind::Alert,
        title: format!(
            "{name} ({}) is banned in the federation {}",
            whom.native_id, of.name
        ),
        body: ban.reason.clone().unwrap_or_default(),
        link: None,
        at: call.now(),
    };
    notices::keep(tx, &notice, &To::One(owner.clone())).await?;
    Ok(Some((notice, owner)))
}

/// Says to the owner what is kept for them: on the dashboard, and by the bot of the platform where that reaches them.
async fn say(call: &Call, notice: Notice, owner: UserRef) {
    let text = match notice.body.as_str() {
        "" => notice.title.clone(),
        why => format!("{}: {why}", notice.title),
    };
    let platform: Platform = owner.platform;
    let saying = Saying {
        id: EventId(notice.id.0),
        guild: GuildId::new(owner.id.as_str()).expect("a number is an id"),
        to: Some(owner.id.clone()),
        text,
        picture: None,
    };
    notices::say(&call.api.bus, notice, &To::One(owner)).await;
    let bus = call.api.bus.clone();
    tokio::spawn(async move {
        if let Err(error) = saying.ask(&bus, platform).await {
            tracing::info!(
                "The owner of a federation is told on the dashboard alone: {}",
                chain(&error)
            );
        }
    });
}

// === impl Shown ===

impl Shown {
    fn of(whom: Identity, ban: FederationBan) -> Self {
        Self {
            user_id: whom.native_id,
            username: whom.username,
            display_name: whom.display_name,
            reason: ban.reason,
            banned_at: ban.banned_at,
        }
    }
}

// === impl OfSomebody ===

impl From<Vec<NamedBan>> for OfSomebody {
    fn from(found: Vec<NamedBan>) -> Self {
        let bans = found.into_iter().map(|named| Theirs {
            federation_id: named.ban.federation_id.to_string(),
            federation: named.federation_name,
            reason: named.ban.reason,
            banned_at: named.ban.banned_at,
        });
        Self { bans: bans.collect() }
    }
}
