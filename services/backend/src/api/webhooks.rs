//! Webhooks: where events are sent to, what came of it, and once more.

use super::access::Needs;
use super::events::types;
use super::input::{Body, Nothing, PageQuery, Query, cut};
use super::route::{Answer, Call, Done, Found, Give, Given, Route};
use super::tokens::{community, invalid, slug};
use crate::problem::{Code, Problem};
use crate::webhooks::address;
use crate::webhooks::{changed, sign};
use axum::http::{Method, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_moderation::Right;
use lockdown_runtime::Secret;
use lockdown_store::dbx::Json;
use lockdown_store::webhooks::{Delivery, DeliveryId, DeliveryState, Webhook, WebhookId, WebhookState};
use lockdown_store::{Reader, StoreError, in_read, in_tx};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Of one community, or of none: each event is sent to each.
const MOST: u64 = 50;
/// How long the old secret still signs, beside the new one.
const CHANGE_OVER: TimeDelta = TimeDelta::hours(24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "WebhookState")]
enum State {
    Active,
    /// By somebody, or because it took nothing for long: what waits goes on when it is active again.
    Disabled,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewWebhook {
    /// Where events are sent by POST: http or https, to an address of the public net.
    #[schemars(length(max = 2000))]
    url: String,
    /// Names or patterns of types, such as `ban:created` or `moderation:*`: 1 to 20.
    #[schemars(length(min = 1, max = 20))]
    topics: Vec<String>,
    /// The address of the community of whose events it hears; your own token's without. Only operators make webhooks of
    /// every community.
    community: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    state: State,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Webhook")]
struct View {
    id: String,
    url: String,
    topics: Vec<String>,
    /// The address of its community; `null`: of every one.
    community: Option<String>,
    state: State,
    /// Failed tries since the last that was taken.
    failures: u64,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_why: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookPage")]
struct Page {
    /// Oldest first. A page can have fewer than there are, and go on.
    webhooks: Vec<View>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A webhook with what signs it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookWithSecret")]
struct WithSecret {
    #[serde(flatten)]
    about: View,
    /// By which the receiver knows what is ours, as Standard Webhooks has it; shown this once: `null` when the request is
    /// repeated with its key.
    secret: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookDelivery")]
struct DeliveryView {
    id: String,
    event_id: String,
    event_type: String,
    /// `pending`, `delivered` or `failed`: given up.
    state: &'static str,
    attempts: u64,
    /// When it is tried next. `null`: never, or when the webhook is active again.
    next_attempt_at: Option<DateTime<Utc>>,
    /// What the receiver answered last, and how that began; without a status, why there was no answer.
    status: Option<u64>,
    answer: Option<String>,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    /// What is sent.
    event: Value,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookDeliveryPage")]
struct DeliveryPage {
    /// Newest first.
    deliveries: Vec<DeliveryView>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let one = json!({ "id": "0199c2d4-0000-7000-8000-000000000001", "url": "https://example.org/hook",
        "topics": ["ban:*"], "community": "town", "state": "active", "failures": 0, "failingSince": null,
        "createdAt": "2026-11-20T09:06:00Z", "disabledAt": null, "disabledWhy": null });
    let delivery = json!({ "id": "0199c2d4-0000-7000-8000-000000000002",
        "eventId": "0199c2d4-0000-7000-8000-000000000003", "eventType": "ban:created", "state": "pending",
        "attempts": 1, "nextAttemptAt": "2026-11-20T09:06:05Z", "status": 500, "answer": "we rest",
        "createdAt": "2026-11-20T09:06:00Z", "endedAt": null, "event": {} });
    let needs = Needs::Right(Right::Configure);
    vec![
        Route::new(Method::GET, "/webhooks", "listWebhooks", needs, list).says("List webhooks", "Those of your community; all of them for operators.")
        .answer(json!({ "webhooks": [one] })),
        Route::new(Method::POST, "/webhooks", "createWebhook", needs, create).says(
            "Send events somewhere",
            "From now on, each event that it wants is sent there by POST, with `webhook-id` (the event's id), \
             `webhook-timestamp` and `webhook-signature`, as Standard Webhooks has them. What is not taken with a 2xx within 15 \
             seconds is tried again for three days; redirections are not followed. A webhook that takes nothing for five days, \
             or answers 410, is disabled, and moderators are notified.",
        )
        .refuses(&[Code::Conflict])
        .sample(json!({ "url": "https://example.org/hook", "topics": ["ban:*"], "community": "town" })),
        Route::new(Method::GET, "/webhooks/{id}", "getWebhook", needs, show).says("Show a webhook", "")
        .answer(one.clone()),
        Route::new(Method::PATCH, "/webhooks/{id}", "changeWebhook", needs, change).says("Disable or enable a webhook", "What waits for a disabled one is sent when it is enabled.")
        .sample(json!({ "state": "active" }))
        .answer(one),
        Route::new(Method::DELETE, "/webhooks/{id}", "deleteWebhook", needs, delete).says("Delete a webhook", "With what waits for it, and the log of what was sent."),
        Route::new(Method::POST, "/webhooks/{id}/secret", "rotateWebhookSecret", needs, rotate).says("Change a webhook's secret", "For a day both sign, so that the receiver can change over."),
        Route::new(Method::GET, "/webhooks/{id}/deliveries", "listDeliveries", needs, deliveries).says("List what was sent", "Newest first, with what came of it; kept for a while.")
        .answer(json!({ "deliveries": [delivery] })),
        Route::new(Method::POST, "/webhooks/{id}/deliveries/{deliveryId}/redeliver", "redeliver", needs, redeliver).says("Send an event once more", "One that was delivered or given up, under its own id. What is on its way is left as it is."),
    ]
}

// === impl View ===

impl View {
    fn of(webhook: Webhook, community: Option<String>) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url,
            topics: webhook.topics.0,
            community,
            state: match webhook.state {
                WebhookState::Active => State::Active,
                WebhookState::Disabled => State::Disabled,
            },
            failures: webhook.failures,
            failing_since: webhook.failing_since,
            created_at: webhook.created_at,
            disabled_at: webhook.disabled_at,
            disabled_why: webhook.disabled_why,
        }
    }

    async fn read(conn: &mut Reader, webhook: Webhook) -> Result<Self, StoreError> {
        let community = slug(conn, &mut BTreeMap::new(), webhook.community_id).await?;
        Ok(Self::of(webhook, community))
    }
}

// === impl DeliveryView ===

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event_id.to_string(),
            event_type: delivery.topic,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery
                .next_attempt_at
                .filter(|_| delivery.state == DeliveryState::Pending),
            status: delivery.status_code,
            answer: delivery.excerpt,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
            event: serde_json::from_str(&delivery.payload).unwrap_or(Value::String(delivery.payload)),
        }
    }
}

// === impl WithSecret ===

impl Give for WithSecret {
    fn give(mut self) -> Answer {
        let answer = Answer::of(StatusCode::CREATED, &self);
        self.secret = None;
        let kept = Answer::of(StatusCode::CREATED, &self).body;
        Answer { kept, ..answer }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::json::<Self>(201, "With a new secret.", generator)]
    }
}

/// The webhook of the path, if the caller may know of it.
async fn find(call: &Call) -> Result<Webhook, Problem> {
    let unknown = || Problem::new(Code::NotFound, "There is no such webhook.");
    let id = WebhookId(call.param("id")?);
    let found = in_read!(call.api.store, |conn| { conn.webhook(id).await })?;
    found
        .filter(|webhook| is_visible(call, webhook))
        .ok_or_else(unknown)
}

/// Those of the communities that the caller speaks for; of every community, for operators.
fn is_visible(call: &Call, webhook: &Webhook) -> bool {
    match webhook.community_id {
        Some(community) => call.caller.reach().has(community),
        None => call.powers.operate,
    }
}

async fn viewed(call: &Call, webhook: Webhook) -> Result<View, Problem> {
    let view = in_read!(call.api.store, |conn| { View::read(conn, webhook.clone()).await })?;
    Ok(view)
}

async fn list(call: Call, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, after) = (page.limit()?, page.cursor::<Uuid>()?.map(WebhookId));
    let reach = call.caller.reach();
    let only = match reach.these() {
        Some([one]) => Some(*one),
        _ => None,
    };
    let (webhooks, next_cursor) = in_read!(call.api.store, |conn| {
        let mut rows = conn.webhooks(only, after, limit + 1).await?;
        let next = cut(&mut rows, limit).map(|row| row.id.to_string());
        let (mut slugs, mut webhooks) = (BTreeMap::new(), Vec::with_capacity(rows.len()));
        for row in rows {
            if !is_visible(&call, &row) {
                continue;
            }
            let community = slug(conn, &mut slugs, row.community_id).await?;
            webhooks.push(View::of(row, community));
        }
        Ok::<_, StoreError>((webhooks, next))
    })?;
    Ok(Found(Page {
        webhooks,
        next_cursor,
    }))
}

async fn create(call: Call, Body(new): Body<NewWebhook>) -> Result<WithSecret, Problem> {
    let private = call.api.ctx.config.http.webhooks_private;
    let url = address::target(&new.url, private).map_err(|bad| invalid("url", bad.to_string()))?;
    let bad_topics = |_| {
        invalid(
            "topics",
            "1 to 20 names or patterns of 1 to 64 characters, without commas.".into(),
        )
    };
    if new.topics.is_empty() || new.topics.iter().any(|topic| topic.contains(',')) {
        return Err(bad_topics(()));
    }
    types(Some(&new.topics.join(","))).map_err(|_| bad_topics(()))?;
    let community = community(&call, new.community.as_deref()).await?;
    let webhook = Webhook {
        id: WebhookId(call.api.ctx.ids.next()),
        community_id: community.as_ref().map(|(id, _)| *id),
        url: url.to_string(),
        topics: Json(new.topics),
        state: WebhookState::Active,
        failures: 0,
        failing_since: None,
        created_at: call.now(),
        disabled_at: None,
        disabled_why: None,
    };
    let secret = sign::new_secret();
    let made = in_tx!(call.api.store, |tx| {
        let others = tx
            .webhooks(webhook.community_id, None, u64::from(u32::MAX))
            .await?;
        let own = others
            .iter()
            .filter(|one| one.community_id == webhook.community_id);
        if own.count() as u64 >= MOST {
            return Ok(false);
        }
        tx.insert_webhook(&webhook, &secret).await?;
        Ok::<_, StoreError>(true)
    })?;
    if !made {
        let detail = "There are 50 webhooks already: delete one first.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    changed(&call.api.bus).await;
    tracing::info!(webhook = %webhook.id, "A webhook was made");
    Ok(WithSecret {
        about: View::of(webhook, community.map(|(_, slug)| slug)),
        secret: Some(secret.expose().to_owned()),
    })
}

async fn show(call: Call, _: Nothing) -> Result<Found<View>, Problem> {
    let webhook = find(&call).await?;
    viewed(&call, webhook).await.map(Found)
}

async fn change(call: Call, Body(change): Body<Change>) -> Result<Found<View>, Problem> {
    let (id, now) = (find(&call).await?.id, call.now());
    let why = format!("by {}", call.caller.name());
    let webhook = in_tx!(call.api.store, |tx| {
        match change.state {
            State::Active => tx.enable_webhook(id, now).await?,
            State::Disabled => tx.disable_webhook(id, now, &why).await?,
        };
        tx.webhook(id).await
    })?;
    changed(&call.api.bus).await;
    let webhook = webhook.ok_or_else(|| Problem::of(Code::NotFound))?;
    viewed(&call, webhook).await.map(Found)
}

async fn delete(call: Call, _: Nothing) -> Result<Done, Problem> {
    let id = find(&call).await?.id;
    in_tx!(call.api.store, |tx| { tx.delete_webhook(id).await })?;
    changed(&call.api.bus).await;
    tracing::info!(webhook = %id, "A webhook was deleted");
    Ok(Done)
}

async fn rotate(call: Call, _: Nothing) -> Result<WithSecret, Problem> {
    let webhook = find(&call).await?;
    let (secret, until): (Secret, _) = (sign::new_secret(), call.now() + CHANGE_OVER);
    in_tx!(call.api.store, |tx| {
        tx.rotate_webhook_secret(webhook.id, &secret, until).await
    })?;
    Ok(WithSecret {
        about: viewed(&call, webhook).await?,
        secret: Some(secret.expose().to_owned()),
    })
}

async fn deliveries(call: Call, Query(page): Query<PageQuery>) -> Result<Found<DeliveryPage>, Problem> {
    let (limit, before) = (page.limit()?, page.cursor::<Uuid>()?.map(DeliveryId));
    let id = find(&call).await?.id;
    let mut rows = in_read!(call.api.store, |conn| {
        conn.deliveries(id, before, limit + 1).await
    })?;
    Ok(Found(DeliveryPage {
        next_cursor: cut(&mut rows, limit).map(|row| row.id.to_string()),
        deliveries: rows.into_iter().map(DeliveryView::from).collect(),
    }))
}

async fn redeliver(call: Call, _: Nothing) -> Result<Done, Problem> {
    let unknown = || Problem::new(Code::NotFound, "There is no such delivery.");
    let (webhook, id) = (find(&call).await?.id, DeliveryId(call.param("deliveryId")?));
    let now = call.now();
    let found = in_tx!(call.api.store, |tx| {
        let found = tx.delivery(webhook, id).await?.is_some();
        if found {
            // One that is on its way comes there without us.
            tx.send_again(id, now).await?;
        }
        Ok::<_, StoreError>(found)
    })?;
    found.then_some(Done).ok_or_else(unknown)
}
