//! Hooks: by which others tell us something. What comes signed, in time and for the first time becomes an event.

use super::Api;
use super::access::{Caller, Needs};
use super::input::{Body, Nothing, Shape, Take, body_text};
use super::route::{Answer, Call, Done, Found, Give, Given, InGuild, JSON, Raw, Route};
use super::tokens::invalid;
use crate::problem::{Code, Problem};
use crate::webhooks::sign;
use axum::http::{HeaderMap, Method, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{DecodeError, Envelope, EventId, Source, TYPES, TypeInfo};
use lockdown_moderation::Right;
use lockdown_store::hooks::{Hook, HookId, Listening};
use lockdown_store::{StoreError, in_read, in_tx};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// By how much the clock of whoever signs may differ from ours, and for how long what was signed is good.
const WINDOW: TimeDelta = TimeDelta::minutes(5);
const LONGEST_NAME: usize = 64;
const LONGEST_TYPE: usize = 64;
const LONGEST_ID: usize = 256;
/// So many bytes of data fit into what the bus takes, with an envelope around them.
const LONGEST: usize = 60 * 1024;
/// Who says such an event may be anybody.
const ANYBODY: &str = "outside";
const WISH: &str = "moderation:action";

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewHook {
    /// In its address: letters, digits, `-` and `_`, at most 64.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// The type of its events: `moderation:action`, or one of your own such as `deploy:done`, which is none of ours.
    #[schemars(length(min = 1, max = 64))]
    event_type: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Hook")]
struct View {
    name: String,
    event_type: String,
    /// Where to send what it shall be told.
    path: String,
    created_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HookList")]
struct List {
    /// By their names.
    hooks: Vec<View>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedHook")]
struct Created {
    #[serde(flatten)]
    about: View,
    /// With which what is sent is signed, as Standard Webhooks has it; shown this once: `null` when the request is
    /// repeated with its key.
    secret: Option<String>,
}

/// What became of what came.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TakenByHook")]
struct Taken {
    event_id: String,
}

/// What came: its id, and its data.
struct Incoming {
    id: String,
    data: Map<String, Value>,
}

pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Right(Right::Configure);
    let hook = json!({ "name": "ci", "eventType": "deploy:done", "path": "/api/v1/hooks/ci",
        "createdAt": "2026-11-20T09:06:00Z" });
    vec![
        Route::of_guild(Method::GET, "/hooks", "listHooks", needs, list)
            .says("List hooks", "By which others tell of this guild.")
            .answer(json!({ "hooks": [hook] })),
        Route::of_guild(Method::POST, "/hooks", "createHook", needs, create)
            .says(
                "Make a hook",
                "What is sent to it, signed with its secret, becomes an event of its type in this guild, from `webhook:` and \
                 its name. The secret is shown once.",
            )
            .refuses(&[Code::Conflict])
            .sample(json!({ "name": "ci", "eventType": "deploy:done" })),
        Route::of_guild(Method::DELETE, "/hooks/{name}", "deleteHook", needs, delete)
            .says("Delete a hook", "From now on nothing is taken by it."),
        Route::new(
            Method::POST,
            "/hooks/{name}",
            "tellHook",
            Needs::Signature,
            take,
        )
        .says(
            "Tell something by a hook",
            "The body is the event's data; `platform` and `guildId` are the hook's own. It comes with `webhook-id`, \
             `webhook-timestamp` and `webhook-signature`, as Standard Webhooks has them: signed within the last five minutes, \
             and not taken before.",
        )
        .refuses(&[Code::Replayed])
        .sample(json!({ "commit": "1f3a" }))
        .answer(json!({ "eventId": "0199c2d4-0000-8000-8000-000000000001" })),
    ]
}

/// Whose signature it is. Who is unknown is told the same as who signed wrongly.
pub(super) async fn admit(
    api: &Api,
    name: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Caller>, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(name), Some(id), Some(at), Some(signatures)) =
        (name, text(sign::ID), text(sign::TIMESTAMP), text(sign::SIGNATURE))
    else {
        return Ok(None);
    };
    let signed_at = at.parse().ok().and_then(|at| DateTime::from_timestamp(at, 0));
    let found = in_read!(api.store, |conn| { conn.hook_by_name(name).await })?;
    let (Some(Listening { hook, secret }), Some(signed_at)) = (found, signed_at) else {
        return Ok(None);
    };
    let in_time = (api.ctx.clock.now() - signed_at).abs() <= WINDOW;
    if id.len() > LONGEST_ID || !in_time || !sign::is_signed(&secret, id, at, body, signatures) {
        return Ok(None);
    }
    Ok(Some(Caller::Hook(hook)))
}

// === impl View ===

impl From<Hook> for View {
    fn from(hook: Hook) -> Self {
        Self {
            path: format!("{}/hooks/{}", super::PREFIX, hook.name),
            name: hook.name,
            event_type: hook.topic,
            created_at: hook.created_at,
        }
    }
}

// === impl Created ===

impl Give for Created {
    fn give(mut self) -> Answer {
        let answer = Answer::of(StatusCode::CREATED, &self);
        self.secret = None;
        let kept = Answer::of(StatusCode::CREATED, &self).body;
        Answer { kept, ..answer }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::json::<Self>(201, "A new one.", generator)]
    }
}

// === impl Taken ===

impl Give for Taken {
    fn give(self) -> Answer {
        Answer::of(StatusCode::ACCEPTED, &self)
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::json::<Self>(
            202,
            "It is kept, and will be published.",
            generator,
        )]
    }
}

// === impl Incoming ===

struct Data;

impl JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "HookData".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "The event's data, as its type has it." })
    }
}

impl Take for Incoming {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let Nothing = Nothing::take(raw)?;
        let text = body_text(&raw.headers, &raw.body, JSON)?;
        if text.len() > LONGEST {
            let detail = format!("What a hook is told has at most {LONGEST} bytes.");
            return Err(Problem::new(Code::TooLarge, detail));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Problem::new(Code::Malformed, format!("The body is no JSON: {error}.")))?;
        let Value::Object(data) = value else {
            return Err(invalid("", "The body is no object.".into()));
        };
        let id = raw.headers.get(sign::ID).and_then(|id| id.to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        Ok(Self { id, data })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            body: Some(generator.subschema_for::<Data>()),
            headers: &[
                (
                    sign::ID,
                    "One of its own for each message, the same when it is sent again.",
                ),
                (sign::TIMESTAMP, "When it was signed, in seconds since 1970."),
                (
                    sign::SIGNATURE,
                    "`v1,` and the HMAC-SHA256 of id, timestamp and body with dots between, in base64; several with blanks \
                     between.",
                ),
            ],
            ..Shape::default()
        }
    }
}

async fn list(asked: InGuild, _: Nothing) -> Result<Found<List>, Problem> {
    let guild = asked.guild.id;
    let hooks = in_read!(asked.call.api.store, |conn| { conn.hooks(guild).await })?;
    Ok(Found(List {
        hooks: hooks.into_iter().map(View::from).collect(),
    }))
}

async fn create(asked: InGuild, Body(new): Body<NewHook>) -> Result<Created, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if new.name.is_empty() || new.name.len() > LONGEST_NAME || !new.name.chars().all(plain) {
        let message = format!("A name has 1 to {LONGEST_NAME} letters, digits, `-` and `_`.");
        return Err(invalid("name", message));
    }
    if !may_be_told(&new.event_type) {
        let message = format!(
            "A hook tells of `{WISH}`, or of a type of your own: small letters, digits, `_` and `-` around one `:`, at most \
             {LONGEST_TYPE}, and of none of our families."
        );
        return Err(invalid("eventType", message));
    }
    let hook = Hook {
        id: HookId(asked.call.api.ctx.ids.next()),
        name: new.name,
        guild_id: asked.guild.id,
        topic: new.event_type,
        created_at: asked.call.now(),
    };
    let secret = sign::new_secret();
    if !in_tx!(asked.call.api.store, |tx| {
        tx.insert_hook(&hook, &secret).await
    })? {
        let detail = "There is a hook of this name: choose another.";
        return Err(Problem::new(Code::Conflict, detail).at("name", detail));
    }
    tracing::info!(hook = hook.name, "A hook was made");
    Ok(Created {
        about: hook.into(),
        secret: Some(secret.expose().to_owned()),
    })
}

async fn delete(asked: InGuild, _: Nothing) -> Result<Done, Problem> {
    let name: String = asked.call.param("name")?;
    let guild = asked.guild.id;
    let deleted = in_tx!(asked.call.api.store, |tx| { tx.delete_hook(guild, &name).await })?;
    let unknown = || Problem::new(Code::NotFound, "There is no such hook.");
    deleted.then_some(Done).ok_or_else(unknown)
}

/// A type that anybody may say, or one of which we know nothing.
fn may_be_told(event_type: &str) -> bool {
    if let Some(known) = TypeInfo::find(event_type) {
        return known.publishers.contains(&ANYBODY);
    }
    let plain = |part: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        !part.is_empty() && part.chars().all(allowed)
    };
    let family = |name: &str| name.split_once(':').map(|(family, _)| family.to_owned());
    // What is said live only has no place among events either.
    let ours = |name: &str| {
        TYPES
            .iter()
            .any(|known| family(known.name).as_deref() == Some(name))
            || [
                "live",
                "notifications",
                "presence",
                "cache",
                "request",
                "response",
            ]
            .contains(&name)
    };
    event_type.len() <= LONGEST_TYPE
        && event_type
            .split_once(':')
            .is_some_and(|(family, rest)| plain(family) && plain(rest) && !ours(family))
}

async fn take(call: Call, mut incoming: Incoming) -> Result<Taken, Problem> {
    let Caller::Hook(hook) = &call.caller else {
        return Err(Problem::of(Code::Unauthorized));
    };
    let gone = || Problem::of(Code::Unauthorized);
    let guild = in_read!(call.api.store, |conn| { conn.guild_by_key(hook.guild_id).await })?;
    let guild = guild.ok_or_else(gone)?;
    let own = [
        ("platform", json!(guild.platform)),
        ("guildId", json!(guild.native_id)),
    ];
    for (name, value) in own {
        if incoming.data.get(name).is_some_and(|said| *said != value) {
            return Err(invalid(name, "The hook is of another guild.".into()));
        }
        incoming.data.insert(name.to_owned(), value);
    }
    if hook.topic == WISH {
        // Whoever tells it, it is neither the platform nor one of our rules.
        incoming.data.insert("origin".to_owned(), json!("outside"));
    }
    let event_id = EventId(hook.id.0).follow_up(&incoming.id);
    let envelope = json!({
        "eventId": event_id, "eventType": hook.topic, "timestamp": call.now(), "correlationId": call.chain,
        "source": Source::Webhook(hook.name.as_str().into()).to_string(), "version": 1, "data": incoming.data,
    });
    let refused = |error: DecodeError| {
        let message = lockdown_runtime::chain(&error);
        invalid("", format!("It is no {}: {message}.", hook.topic))
    };
    let envelope = Envelope::decode(&envelope.to_string()).map_err(refused)?;
    match envelope.event() {
        Ok(_) | Err(DecodeError::UnknownType { .. }) => {}
        Err(error) => return Err(refused(error)),
    }
    let (consumer, now) = (format!("hook:{}", hook.id), call.now());
    let new = in_tx!(call.api.store, |tx| {
        let new = tx.process_once(&consumer, event_id, now).await?;
        if new {
            tx.publish(guild.id, &envelope, now).await?;
        }
        Ok::<_, StoreError>(new)
    })?;
    if !new {
        return Err(Problem::of(Code::Replayed));
    }
    Ok(Taken {
        event_id: event_id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anybody_may_say_is_told() {
        for told in ["moderation:action", "deploy:done", "a-1:b_2"] {
            assert!(may_be_told(told), "{told}");
        }
        let long = format!("a:{}", "b".repeat(LONGEST_TYPE));
        for not in [
            "ban:created",
            "ban:foo",
            "message:created",
            "audit:logged",
            "notifications:1",
            "presence",
            "deploy",
            ":a",
            "a:",
            "a:b:c",
            "A:b",
            "a b:c",
            &long,
        ] {
            assert!(!may_be_told(not), "{not}");
        }
    }
}
