//! Labels on people, by hand: rules ask for them by `author.labels`, and leave those alone whom `exempt: {labels: [...]}`
//! names.

use super::access::Needs;
use super::input::{Body, Nothing, PageQuery, Query, cut};
use super::roles::author;
use super::route::{Done, Found, InGuild, Route};
use crate::problem::{Code, Fault, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{EventId, UserId};
use lockdown_moderation::{Right, UserRef};
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::labels::{Label, LabelId};
use lockdown_store::people::IdentityId;
use lockdown_store::{StoreError, Tx, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const LONGEST_REASON: usize = 500;
/// As long as a name of the rule language.
const LONGEST_NAME: usize = 100;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewLabel")]
struct New {
    /// Why, in at most 500 characters.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// How long, as `7d`; until somebody takes it away without.
    duration: Option<String>,
    /// The end as a time, in place of `duration`.
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LabelBearers")]
struct Page {
    /// Those first who got it last.
    bearers: Vec<Bearer>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LabelBearer")]
struct Bearer {
    user_id: UserId,
    username: Option<String>,
    display_name: Option<String>,
    reason: Option<String>,
    set_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

pub(super) fn routes() -> Vec<Route> {
    let path = "/members/{userId}/labels/{name}";
    let needs = Needs::Right(Right::Mute);
    vec![
        Route::of_guild(Method::GET, "/labels/{name}", "listBearers", Needs::AnyRight, list)
            .says(
                "List who bears a label",
                "Whoever put it on them: a moderator or a rule.",
            )
            .answer(
                json!({ "bearers": [{ "userId": "5311", "username": "mallory", "displayName": "Mallory", "reason": null,
                "setAt": "2026-11-20T09:06:00Z", "expiresAt": null }] }),
            ),
        Route::of_guild(Method::PUT, path, "setLabel", needs, set)
            .says(
                "Put a label on somebody",
                "In this guild. Whoever bears it already does so from now on as this says. Labels mean what rules make of them: those \
                 that the Telegram bot's commands make leave alone whoever is `approved`.",
            )
            .refuses(&[Code::BadDuration])
            .sample(json!({ "reason": "a friend of the house" })),
        Route::of_guild(Method::DELETE, path, "removeLabel", needs, remove)
            .says("Take a label away", "What they bear in every guild of the community stays.")
            .refuses(&[Code::NotFound]),
    ]
}

async fn list(asked: InGuild, Query(wanted): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (name, limit) = (name(&asked)?, wanted.limit()?);
    let before = wanted.cursor::<Uuid>()?.map(LabelId);
    let (guild, now) = (asked.guild.id, asked.call.now());
    let (mut labels, people) = in_read!(asked.call.api.store, |conn| {
        let labels = conn.bearers(guild, &name, now, before, limit + 1).await?;
        let ids: BTreeSet<IdentityId> = labels.iter().map(|label| label.subject_id).collect();
        let people = conn.identities_by_id(ids).await?.into_iter();
        let people: BTreeMap<_, _> = people.map(|identity| (identity.id, identity)).collect();
        Ok::<_, StoreError>((labels, people))
    })?;
    let last = cut(&mut labels, limit).map(|label| label.id.to_string());
    let bearers = labels.into_iter().filter_map(|label| {
        let who = people.get(&label.subject_id)?;
        Some(Bearer {
            user_id: who.native_id.clone(),
            username: who.username.clone(),
            display_name: who.display_name.clone(),
            reason: label.reason,
            set_at: label.set_at,
            expires_at: label.expires_at,
        })
    });
    Ok(Found(Page {
        bearers: bearers.collect(),
        next_cursor: last,
    }))
}

async fn set(asked: InGuild, Body(new): Body<New>) -> Result<Done, Problem> {
    let name = name(&asked)?;
    if new
        .reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > LONGEST_REASON)
    {
        let fault = Fault::new(
            "reason",
            format!("A reason has at most {LONGEST_REASON} characters."),
        );
        return Err(Problem::faults(Code::Invalid, vec![fault]));
    }
    let ends = asked.ends(new.duration.as_deref(), new.expires_at).await?;
    let (guild, now) = (&asked.guild, asked.call.now());
    let who = UserRef::new(guild.platform, asked.user()?);
    let subject = asked.call.api.desk.identity(&who).await?;
    let by = author(&asked).await?;
    in_tx!(asked.call.api.store, |tx| {
        let label = Label {
            id: LabelId(asked.call.api.ctx.ids.next()),
            community_id: guild.community_id,
            guild_id: Some(guild.id),
            subject_id: subject,
            name: name.clone(),
            set_by: by.1.clone(),
            reason: new.reason.clone(),
            set_at: now,
            expires_at: ends.at(),
        };
        let label = tx.set_label(&label).await?;
        write_down(tx, &asked, &by, "label:set", &label, &who.id).await
    })?;
    Ok(Done)
}

async fn remove(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let (name, user) = (name(&asked)?, asked.user()?);
    let by = author(&asked).await?;
    let (guild, now) = (&asked.guild, asked.call.now());
    let removed = in_tx!(asked.call.api.store, |tx| {
        let Some(identity) = tx.identity(guild.platform, &user).await? else {
            return Ok(false);
        };
        let labels = tx.labels_in_force(guild.id, identity.id, now).await?;
        let here = |label: &&Label| label.name == name && label.guild_id == Some(guild.id);
        let Some(label) = labels.iter().find(here) else {
            return Ok(false);
        };
        tx.remove_label(label.id).await?;
        write_down(tx, &asked, &by, "label:remove", label, &user).await?;
        Ok::<_, StoreError>(true)
    })?;
    if removed {
        return Ok(Done);
    }
    let detail = format!("They do not bear the label `{name}` in this guild alone.");
    Err(Problem::new(Code::NotFound, detail))
}

/// What the rule language takes for a name.
fn name(asked: &InGuild) -> Result<String, Problem> {
    let name: String = asked.call.param("name")?;
    let sound = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if name.chars().all(sound) && (1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Ok(name);
    }
    let detail = "A label's name has letters, digits, `-`, `_` and `.`, at most 100 of them.";
    Err(Problem::new(Code::NotFound, detail))
}

async fn write_down(
    tx: &mut Tx,
    asked: &InGuild,
    by: &(ActorKind, String),
    act: &str,
    label: &Label,
    who: &UserId,
) -> Result<(), StoreError> {
    let entry = NewEntry {
        guild: asked.guild.id,
        at: asked.call.now(),
        actor_kind: by.0,
        actor: &by.1,
        act,
        subject: &format!("label:{}", label.name),
        body: &json!({ "identity": label.subject_id.to_string(), "until": label.expires_at }),
        personal: Some(Personal {
            of: Some(label.subject_id),
            text: &json!({ "userId": who, "reason": label.reason }),
        }),
    };
    let event = EventId(asked.call.api.ctx.ids.next());
    tx.record_act(&asked.guild, &entry, event).await.map(drop)
}
