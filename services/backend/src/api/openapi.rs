//! The OpenAPI document, made from the table of routes: their types give the schemas, their codes the problems.

use super::access::Needs;
use super::once::HEADER;
use super::route::{Given, JSON, Route};
use super::{PREFIX, routes};
use crate::problem::Code;
use axum::http::Method;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What any request may be answered.
const ALWAYS: &[Code] = &[
    Code::BadQuery,
    Code::Unauthorized,
    Code::Limited,
    Code::Internal,
    Code::Overloaded,
    Code::Starting,
    Code::Unavailable,
    Code::Timeout,
];

/// Of the API as it is.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    // Many routes refuse alike: each way to refuse is written once.
    let mut failures = BTreeMap::new();
    for route in routes() {
        let operation = operation(&route, &mut generator, &mut failures);
        paths
            .entry(format!("{PREFIX}{}", route.path))
            .or_default()
            .insert(route.method.as_str().to_ascii_lowercase(), operation);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LOCKDOWN",
            "version": "1",
            "description": "Moderation of communities on Discord and Telegram. Ids of people, guilds, channels and messages \
                are strings. Errors are `application/problem+json` with a stable `code`. A POST with an `Idempotency-Key` can \
                be repeated: it has its effect once, and gets the same answer for a day. What happens is told by events: see \
                `/asyncapi.json`.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [], "csrf": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": failures,
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "A token of `lockdown token create` or `POST /api/v1/tokens`, or LOCKDOWN_ADMIN_TOKEN.",
                },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-lockdown",
                    "description": "Of a browser that signed in at `/sign-in`; named `lockdown` where the public address is \
                        not https.",
                },
                "csrf": {
                    "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
                    "description": "`csrfToken` of `GET /api/v1/me`: beside the cookie, for every method but GET.",
                },
            },
        },
    })
}

/// Every code with which a route may answer.
pub(super) fn codes(route: &Route, has_body: bool) -> BTreeSet<Code> {
    let mut codes: BTreeSet<Code> = ALWAYS.iter().chain(&route.codes).copied().collect();
    if !matches!(route.needs, Needs::Signature | Needs::Token | Needs::Sight) {
        codes.insert(Code::Forbidden);
    }
    if route.is_of_guild() {
        codes.insert(Code::UnknownGuild);
    }
    if route.needs == Needs::AnyRightSomewhere {
        // Which may be named in the query.
        codes.extend([Code::UnknownGuild, Code::Malformed]);
    }
    if route.path.contains('{') {
        codes.insert(Code::NotFound);
    }
    if has_body {
        codes.extend([Code::MediaType, Code::Invalid]);
    }
    if route.method != Method::GET {
        codes.insert(Code::Csrf);
    }
    if !matches!(route.method, Method::GET | Method::DELETE) {
        codes.extend([Code::Malformed, Code::TooLarge, Code::TooSlow]);
    }
    if route.is_post() {
        codes.extend([Code::BadKey, Code::KeyReused, Code::InFlight]);
    }
    codes
}

fn operation(
    route: &Route,
    generator: &mut SchemaGenerator,
    failures: &mut BTreeMap<String, Value>,
) -> Value {
    let shape = (route.takes)(generator);
    let mut responses = Map::new();
    for given in (route.gives)(generator) {
        responses.insert(given.status.to_string(), success(&given, route));
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(route, shape.body.is_some()) {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let name = words.join(".");
        responses.insert(
            status.to_string(),
            json!({ "$ref": format!("#/components/responses/{name}") }),
        );
        failures.entry(name).or_insert_with(|| failure(&codes));
    }
    let needs = route.needs.words();
    let role = match route.needs {
        Needs::Signature => None,
        needs => Some(needs.role().as_str()),
    };
    let gap = if route.about.is_empty() { "" } else { " " };
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "description": format!("{}{gap}Needs {needs}.", route.about),
        "tags": [tag(route)],
        "x-needs": needs,
        "x-role": role,
        "parameters": parameters(route, shape.query, shape.headers),
        "responses": responses,
    });
    if role.is_none() {
        operation["security"] = json!([]);
    } else if route.method == Method::GET {
        operation["security"] = json!([{ "token": [] }, { "session": [] }]);
    }
    if let Some(body) = shape.body {
        let mut media = json!({ "schema": body });
        if let Some(sample) = &route.sample {
            media["example"] = sample.clone();
        }
        operation["requestBody"] = json!({ "required": true, "content": { (shape.media): media } });
    }
    operation
}

/// What the path speaks of.
pub(super) fn tag(route: &Route) -> &str {
    let of_guild = route.path.strip_prefix(super::route::GUILD);
    let path = of_guild.unwrap_or(&route.path).trim_start_matches('/');
    match path.split('/').next() {
        None | Some("") => "guilds",
        Some("stats") => "guilds",
        Some("bans" | "kicks" | "mutes" | "warnings" | "notes") => "sanctions",
        Some(first) => first,
    }
}

fn success(given: &Given, route: &Route) -> Value {
    let mut response = json!({ "description": given.about });
    if let Some(schema) = &given.schema {
        let mut media = json!({ "schema": schema });
        let answer = route.answer.as_ref();
        if let Some(answer) = answer.filter(|answer| answer.is_string() == (given.media != JSON)) {
            media["example"] = answer.clone();
        }
        response["content"] = json!({ (given.media): media });
    }
    if given.has_etag {
        response["headers"] = json!({ "ETag": {
            "description": "Of this version, for `If-Match`.", "schema": { "type": "string" },
        } });
    }
    response
}

fn failure(codes: &[Code]) -> Value {
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let about: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.meaning()))
        .collect();
    let examples: Map<String, Value> = codes
        .iter()
        .map(|code| {
            let status = code.status();
            let example = json!({ "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(),
                "code": code.as_str(), "detail": code.meaning(), "requestId": "0199c2d4-0000-7000-8000-000000000001" });
            (code.as_str().to_owned(), json!({ "value": example }))
        })
        .collect();
    let schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "type": "object", "properties": { "code": { "enum": words } } },
    ] });
    json!({
        "description": about.join(" "),
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    })
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "Why something was not done (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes, "description": "Stable, for programs." },
            "detail": { "type": "string", "description": "For people: what is wrong, and what to do." },
            "requestId": { "type": "string", "description": "By which the log knows the request." },
            "allowed": {
                "type": "array", "items": { "type": "string" },
                "description": "What the same caller may do to the same person.",
            },
            "errors": {
                "type": "array",
                "description": "Every fault that was found.",
                "items": {
                    "type": "object",
                    "required": ["path", "message"],
                    "properties": {
                        "path": { "type": "string", "description": "`reason`, `evidence[0].messageId`; empty: the whole." },
                        "message": { "type": "string" },
                        "severity": { "type": "string", "enum": ["error", "warning"] },
                        "code": { "type": "string", "description": "In rules: the kind of fault." },
                        "file": { "type": "string" },
                        "line": { "type": "integer", "description": "From 1." },
                        "column": { "type": "integer", "description": "From 1, in characters." },
                        "length": { "type": "integer" },
                        "hint": { "type": "string", "description": "What was probably meant." },
                    },
                },
            },
        },
    })
}

fn parameters(route: &Route, query: Option<Schema>, headers: &[(&str, &str)]) -> Vec<Value> {
    let mut all = Vec::new();
    for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')) {
        let name = name.trim_end_matches('}');
        let (schema, about) = parameter(name);
        all.push(
            json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": about }),
        );
    }
    let query = query.map(Value::from).unwrap_or_default();
    let required: Vec<&str> = query["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        let mut schema = schema.clone();
        let about = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        let mut one = json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()),
            "schema": present(schema) });
        if let Some(about) = about {
            one["description"] = about;
        }
        all.push(one);
    }
    all.extend(headers.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "required": false, "description": about,
            "schema": { "type": "string" } })
    }));
    if route.is_post() {
        all.push(json!({ "name": HEADER, "in": "header", "required": false,
            "description": "One of your own for each thing that shall be done once.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" } }));
    }
    all
}

/// A parameter is absent, and never `null`.
fn present(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("default");
    }
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            schema["type"] = kind.clone();
        }
    }
    let any = schema.get("anyOf").and_then(Value::as_array);
    let there: Option<Vec<&Value>> = any.map(|any| any.iter().filter(|one| one["type"] != "null").collect());
    match there.as_deref() {
        Some([one]) => Value::clone(one),
        _ => schema,
    }
}

fn parameter(name: &str) -> (Value, &'static str) {
    match name {
        "platform" => (json!({ "type": "string", "enum": ["discord", "telegram"] }), ""),
        "guildId" => (text_id(), "The platform's own id of the guild or chat."),
        "userId" => (text_id(), "The platform's own id of the person."),
        "caseNumber" => (
            json!({ "type": "integer", "minimum": 1 }),
            "What people call the case.",
        ),
        "ruleId" => (text_id(), "As the rules call it."),
        "role" => (
            json!({ "type": "string", "enum": ["viewer", "moderator", "admin", "owner"] }),
            "",
        ),
        "mode" => (json!({ "type": "string", "enum": ["raid", "lockdown"] }), ""),
        _ => (text_id(), ""),
    }
}

fn text_id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_.:~-]+$" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference leads somewhere, every operation has its own name, and every POST takes a key.
    #[test]
    fn the_document_holds_together() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        let (mut names, mut operations) = (BTreeSet::new(), 0);
        for methods in document["paths"].as_object().unwrap().values() {
            for (method, operation) in methods.as_object().unwrap() {
                operations += 1;
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name.clone()), "{name} is there twice");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
                let keys = operation["parameters"].as_array().unwrap().iter();
                let takes_key = keys.filter(|one| one["name"] == HEADER).count() == 1;
                assert_eq!(takes_key, method == "post", "{name}");
            }
        }
        assert_eq!(operations, routes().len());
    }

    #[test]
    fn what_may_be_absent_is_never_null() {
        assert_eq!(
            present(json!({ "type": ["string", "null"], "maxLength": 2 })),
            json!({ "type": "string", "maxLength": 2 })
        );
        let reference = json!({ "$ref": "#/components/schemas/Action" });
        assert_eq!(
            present(json!({ "anyOf": [reference, { "type": "null" }] })),
            reference
        );
        assert_eq!(present(json!({ "enum": ["a"] })), json!({ "enum": ["a"] }));
    }
}
