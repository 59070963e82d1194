//! What the rules in force say to one message, and why: also why not, of one that was not caught.
//!
//! It is judged alone: what rules count is counted with it only, and what the installation keeps in memory for its workers,
//! such as lists of links and of accounts, is not known here.

use super::access::Needs;
use super::input::Body;
use super::replay::{in_force, taught};
use super::route::{Found, InGuild, Route};
use super::said;
use crate::problem::{Code, Problem};
use axum::http::Method;
use lockdown_events::{EventId, Message, MessageId};
use lockdown_moderation::{Actor, UserRef, record};
use lockdown_policy::catalogue::Slot;
use lockdown_policy::counter::InMemory;
use lockdown_policy::detect::spam::Classifier;
use lockdown_policy::{EventKind, Facts, Judge, Learned};
use lockdown_store::in_read;
use lockdown_store::modes::Mode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Whoever is absent from a message that somebody makes up.
const NOBODY: &str = "0";

/// A message, as `message:created` has it, or the id of one.
#[derive(Deserialize)]
#[serde(transparent)]
struct Asked(Map<String, Value>);

/// What the rules say to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// Whether a rule that acts hits.
    caught: bool,
    /// Whether its author keeps order there; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    staff: Option<bool>,
    #[serde(flatten)]
    explanation: Value,
}

pub(super) fn routes() -> Vec<Route> {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let rule = json!({
        "rule": "scam", "line": 3, "mode": "live", "hit": false, "because": "`text.has_any(scam)` does not hold",
        "conditions": [{ "condition": "text.has_any(scam)", "line": 6, "truth": "false", "seen": [] }], "exemptions": [],
    });
    vec![
        Route::of_guild(Method::POST, "/rules/judge", "judgeMessage", Needs::AnyRight, judge)
            .says(
                "Ask what the rules say to a message",
                "Which of the rules in force hit it, what they would do, and of each that does not, why not. It is judged \
                 alone: what was said before is not counted with it. Changes nothing.",
            )
            .refuses(&[Code::NoRules, Code::UnknownMessage])
            .sample(json!({ "content": "nitro for free", "authorId": "531122" }))
            .answer(json!({
                "caught": false, "staff": false, "ruleSet": hash, "eventId": "0190d3c6-7a5b-7c3d-8e4f-1a2b3c4d5e6f",
                "event": "message", "rules": [rule], "acts": [],
            })),
    ]
}

// === impl Asked ===

impl Asked {
    async fn read(self, asked: &InGuild) -> Result<Message, Problem> {
        let wrong =
            |error: serde_json::Error| Problem::new(Code::Invalid, format!("This is no message: {error}."));
        let mut said = self.0;
        let when = said
            .remove("saidAt")
            .map(serde_json::from_value)
            .transpose()
            .map_err(wrong)?;
        if let (Some(id), 1) = (said.get("messageId"), said.len()) {
            let id: MessageId = serde_json::from_value(id.clone()).map_err(wrong)?;
            let found = said::said(asked, std::slice::from_ref(&id), when)
                .await?
                .remove(&id);
            return Ok(found.ok_or_else(|| Problem::of(Code::UnknownMessage))?.message);
        }
        said.insert("platform".to_owned(), json!(asked.guild.platform));
        said.insert("guildId".to_owned(), json!(asked.guild.native_id));
        for name in ["messageId", "channelId", "authorId"] {
            said.entry(name).or_insert(json!(NOBODY));
        }
        serde_json::from_value(Value::Object(said)).map_err(wrong)
    }
}

impl JsonSchema for Asked {
    fn schema_name() -> Cow<'static, str> {
        "MessageToJudge".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Message::json_schema(generator);
        schema.remove("required");
        let words = "As `message:created` has it. What is absent is not known; the community is that of the path. With \
                     nothing but `messageId` it is a message that the bus still has, and `saidAt` helps to find it.";
        schema.insert("description".to_owned(), json!(words));
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            let when = json!({
                "type": ["string", "null"], "format": "date-time",
                "description": "About when a message that is named by its id was said; in the last two days when it is absent.",
            });
            properties.insert("saidAt".to_owned(), when);
        }
        schema
    }
}

// === impl Told ===

impl JsonSchema for Told {
    fn schema_name() -> Cow<'static, str> {
        "RulesJudgement".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string" });
        json_schema!({
            "type": "object",
            "required": ["caught", "ruleSet", "eventId", "event", "rules", "acts"],
            "properties": {
                "caught": { "type": "boolean", "description": "Whether a rule that acts hits." },
                "staff": {
                    "type": "boolean",
                    "description": "Whether its author keeps order there; absent where that is not known.",
                },
                "ruleSet": text,
                "eventId": text,
                "event": text,
                "rules": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["rule", "line", "mode", "hit", "because", "conditions", "exemptions"],
                    },
                    "description": "Those that judge such events, in the order of the file: whether each hits, why or why \
                                    not, and of each condition whether it was so and what was seen.",
                },
                "acts": {
                    "type": "array", "items": { "type": "object" },
                    "description": "What would be done, and who asks for it.",
                },
                "ladder": { "type": "object" },
            },
        })
    }
}

async fn judge(asked: InGuild, Body(body): Body<Asked>) -> Result<Found<Told>, Problem> {
    let message = body.read(&asked).await?;
    let rules = in_force(&asked)
        .await?
        .ok_or_else(|| Problem::of(Code::NoRules))?;
    let (api, guild, now) = (&asked.call.api, asked.guild_ref(), asked.call.now());
    let event = EventId(api.ctx.ids.next());
    let mut facts = Facts::of_message(event, EventKind::Message, now.timestamp_millis(), &message);
    let staff = if message.author_id.as_str() == NOBODY {
        None
    } else {
        let author = UserRef::new(guild.platform, message.author_id.clone());
        let ranks = api.facts.ranks(&guild, &Actor::System, &author).await;
        ranks.subject_keeps_order()
    };
    if let Some(staff) = staff {
        facts.set_flag(Slot::AuthorStaff, staff);
    }
    if let Some(known) = record(&api.store, &guild, &facts, rules.rules(), now).await? {
        facts.add_record(&known);
    }
    let key = asked.guild.id;
    let mode = in_read!(api.store, |conn| { conn.guild_mode(key).await })?;
    facts.set_word(
        Slot::GuildMode,
        mode.map_or("normal", |raised| Mode::as_str(raised.mode)),
    );
    let taught = taught(&asked.call, key).await?;
    let paused = api.desk.paused_rules(&guild).await?;
    let judging = tokio::task::spawn_blocking(move || {
        let rules = rules.rules();
        Learned::new(Classifier::base()).add(&mut facts, &[rules], taught.as_ref());
        for lately in facts.lately(&[rules]) {
            let alone = [(facts.at, lately.text.clone())];
            facts.add_lately(&lately, &alone);
        }
        let mut judge = Judge::new(InMemory::new());
        for pause in &paused {
            judge.pause(&facts.guild, &pause.rule);
        }
        let (verdict, explanation) = judge.explain(rules, &facts);
        // As of a report: maps with odd keys are what cannot be written.
        let explanation = serde_json::to_value(explanation).expect("an explanation is plain data");
        (verdict.acts(), explanation)
    });
    let (caught, explanation) = judging.await.map_err(|error| {
        tracing::error!("The judging of a message broke: {error}");
        Problem::of(Code::Internal)
    })?;
    Ok(Found(Told {
        caught,
        staff,
        explanation,
    }))
}
