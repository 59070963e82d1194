//! Rules: what a community's say, whether others would do, what they said before, and back to that.

use super::access::Needs;
use super::input::{Body, PageQuery, Query, Shape, Take, body_text, cut, parse_query};
use super::route::{Answer, Found, Give, Given, InGuild, Raw, Route};
use super::version::{CONDITIONS, etag, seen};
use crate::problem::{Code, Fault, Problem};
use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use lockdown_moderation::Right;
use lockdown_moderation::desk::{GoodRules, Ruled, RulesAsk, Seen};
use lockdown_policy::{Diagnostic, Severity};
use lockdown_runtime::ids::hex;
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

const YAML: &str = "application/yaml";
const LONGEST_NOTE: usize = 500;
pub(super) const SAMPLE: &str = "version: 1
rules:
  - id: scam
    policy: scam
    events: [message, edit]
    when: [text.has_any(scam)]
    then: [delete, ban]
    limit: {actions: 50, per: 10m, then: pause}
lists:
  scam: {words: [free nitro]}
";

/// Rules as text, for a check.
pub(super) struct Text(String);

/// Rules as text, to be put in force.
struct New {
    text: String,
    note: Option<String>,
    seen: Seen,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// Why, in at most 500 characters: for the list of versions.
    #[schemars(length(max = 500))]
    note: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// An older one; the newest when it is absent.
    #[schemars(range(min = 1))]
    version: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RulesRollback")]
struct Rollback {
    /// Whose text shall be in force again.
    #[schemars(range(min = 1))]
    version: u64,
    /// Why, in at most 500 characters.
    #[schemars(length(max = 500))]
    note: Option<String>,
}

/// 200: the text as it was written.
struct Yaml {
    version: u64,
    text: String,
}

/// 200: in force.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RulesInForce")]
pub(super) struct InForce {
    version: u64,
    /// Whether this made it so; `false`: it was so already.
    changed: bool,
    /// The version that verdicts name.
    rule_set_hash: String,
    /// The ids of the rules.
    rules: Vec<String>,
    warnings: Vec<Finding>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RulesCheck")]
struct Checked {
    /// Whether they could be put in force.
    good: bool,
    /// Absent where they are not good.
    rule_set_hash: Option<String>,
    /// The ids of the rules.
    rules: Vec<String>,
    /// Faults and warnings, in the order of the text.
    findings: Vec<Finding>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RulesFinding")]
struct Finding {
    #[schemars(extend("enum" = ["error", "warning"]))]
    severity: &'static str,
    /// The kind of fault.
    code: &'static str,
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    length: u32,
    message: String,
    /// What was probably meant.
    hint: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RulesVersions")]
struct Page {
    /// Newest first.
    versions: Vec<Version>,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RulesVersion")]
struct Version {
    version: u64,
    at: DateTime<Utc>,
    /// A person's id on their platform, `token:<name>` or `system`.
    by: String,
    note: Option<String>,
    /// The version whose text came back with this one.
    restores: Option<u64>,
    /// Of the text.
    sha256: String,
}

pub(super) fn routes() -> Vec<Route> {
    let configure = Needs::Right(Right::Configure);
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let in_force =
        json!({ "version": 4, "changed": true, "ruleSetHash": hash, "rules": ["scam"], "warnings": [] });
    let checked = json!({ "good": true, "ruleSetHash": hash, "rules": ["scam"], "findings": [] });
    let version = json!({ "version": 4, "at": "2026-11-20T09:06:00Z", "by": "token:ci", "note": "scam again",
        "restores": null, "sha256": hash });
    vec![
        Route::of_guild(Method::GET, "/rules", "getRules", Needs::AnyRight, show)
            .says("Show the rules", "As they were written, the newest or an older version.")
            .refuses(&[Code::NoRules])
            .answer(SAMPLE.into()),
        Route::of_guild(Method::PUT, "/rules", "putRules", configure, put)
            .says(
                "Put rules in force",
                "Checked first, and refused with every fault; the same text again makes no new version. Without `If-Match` \
                 they replace whatever is there. Workers judge by them as soon as they hear of it.",
            )
            .refuses(&[Code::BadRules, Code::Stale])
            .sample(SAMPLE.into())
            .answer(in_force.clone()),
        Route::of_guild(Method::POST, "/rules/check", "checkRules", Needs::AnyRight, check)
            .says("Check rules", "Changes nothing.")
            .sample(SAMPLE.into())
            .answer(checked),
        Route::of_guild(Method::GET, "/rules/versions", "listRuleVersions", Needs::AnyRight, versions)
            .says("List the versions of the rules", "Newest first, a page at a time, without their texts.")
            .answer(json!({ "versions": [version] })),
        Route::of_guild(Method::POST, "/rules/rollback", "rollBackRules", configure, roll_back)
            .says(
                "Go back to an older version of the rules",
                "Its text becomes the newest version. It is checked again: what an older release took may be refused.",
            )
            .refuses(&[Code::BadRules, Code::NoRules, Code::Stale])
            .sample(json!({ "version": 3, "note": "4 hits everybody" }))
            .answer(in_force),
    ]
}

// === impl Text ===

impl Take for Text {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        parse_query::<Nothing>(&raw.query)?;
        text(raw).map(Self)
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            body: Some(generator.subschema_for::<String>()),
            media: YAML,
            ..Shape::default()
        }
    }
}

// === impl New ===

impl Take for New {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let why: WhyQuery = parse_query(&raw.query)?;
        Ok(Self {
            text: text(raw)?,
            note: noted(why.note, Code::BadQuery)?,
            seen: seen(&raw.headers),
        })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            query: Some(WhyQuery::json_schema(generator)),
            headers: CONDITIONS,
            ..Text::describe(generator)
        }
    }
}

pub(super) fn text(raw: &Raw) -> Result<String, Problem> {
    let text = body_text(&raw.headers, &raw.body, YAML)?;
    if text.contains('\0') {
        return Err(Problem::new(Code::Malformed, "A text has no NUL in it."));
    }
    Ok(text.to_owned())
}

pub(super) fn noted(note: Option<String>, code: Code) -> Result<Option<String>, Problem> {
    match note {
        Some(note) if note.chars().count() > LONGEST_NOTE || note.contains('\0') => {
            let message = format!("A note has at most {LONGEST_NOTE} characters, and no NUL.");
            Err(Problem::faults(code, vec![Fault::new("note", message)]))
        }
        note => Ok(note),
    }
}

// === impl Yaml ===

impl Give for Yaml {
    fn give(self) -> Answer {
        Answer {
            body: Some(self.text),
            media: YAML,
            etag: Some(etag(self.version)),
            ..Answer::empty(StatusCode::OK)
        }
    }

    fn describe(_: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given {
            // Who reads YAML finds what the text says, and no text.
            schema: Some(json_schema!({ "description": "Rules, as `docs/RULES.md` has them." })),
            media: YAML,
            has_etag: true,
            ..Given::empty(200, "As it was written.")
        }]
    }
}

// === impl InForce ===

impl Give for InForce {
    fn give(self) -> Answer {
        Answer {
            etag: Some(etag(self.version)),
            ..Answer::of(StatusCode::OK, &self)
        }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        let given = Given::json::<Self>(200, "In force.", generator);
        vec![Given {
            has_etag: true,
            ..given
        }]
    }
}

// === impl Finding ===

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Self {
        Self {
            severity: match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: found.code.as_str(),
            file: found.file.clone(),
            line: found.line,
            column: found.column,
            length: found.length,
            message: found.message.clone(),
            hint: found.hint.clone(),
        }
    }
}

async fn show(asked: InGuild, Query(which): Query<Which>) -> Result<Yaml, Problem> {
    let found = asked
        .call
        .api
        .desk
        .rules(&asked.guild_ref(), which.version)
        .await?;
    let found = found.ok_or_else(|| Problem::of(Code::NoRules))?;
    Ok(Yaml {
        version: found.version,
        text: found.text,
    })
}

async fn put(asked: InGuild, new: New) -> Result<InForce, Problem> {
    let ask = RulesAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        seen: new.seen,
        note: new.note,
        chain: Some(asked.call.chain.clone()),
    };
    enforce(&asked, &ask, new.text, None).await
}

async fn check(asked: InGuild, Text(text): Text) -> Result<Found<Checked>, Problem> {
    Ok(Found(match judged(&asked, text).await? {
        Ok(rules) => Checked {
            good: true,
            rule_set_hash: Some(rules.rules().hash().to_owned()),
            rules: rules.rules().ids().map(str::to_owned).collect(),
            findings: rules.warnings().iter().map(Finding::from).collect(),
        },
        Err(found) => Checked {
            good: false,
            rule_set_hash: None,
            rules: Vec::new(),
            findings: found.iter().map(Finding::from).collect(),
        },
    }))
}

async fn versions(asked: InGuild, Query(page): Query<PageQuery>) -> Result<Found<Page>, Problem> {
    let (limit, before) = (page.limit()?, page.cursor::<u64>()?);
    let desk = &asked.call.api.desk;
    let mut changes = desk.rule_changes(&asked.guild_ref(), before, limit + 1).await?;
    let last = cut(&mut changes, limit);
    Ok(Found(Page {
        next_cursor: last.map(|change| change.version.to_string()),
        versions: changes
            .into_iter()
            .map(|change| Version {
                version: change.version,
                at: change.at,
                by: change.by.to_string(),
                note: change.note,
                restores: change.restores,
                sha256: hex(&change.sha256),
            })
            .collect(),
    }))
}

async fn roll_back(asked: InGuild, Body(wanted): Body<Rollback>) -> Result<InForce, Problem> {
    let note = noted(wanted.note, Code::Invalid)?;
    let guild = asked.guild_ref();
    let old = asked.call.api.desk.rules(&guild, Some(wanted.version)).await?;
    let old = old.ok_or_else(|| Problem::of(Code::NoRules))?;
    let ask = RulesAsk {
        by: asked.call.actor(),
        guild,
        seen: Seen::Some,
        note,
        chain: Some(asked.call.chain.clone()),
    };
    enforce(&asked, &ask, old.text, Some(old.version)).await
}

pub(super) async fn enforce(
    asked: &InGuild,
    ask: &RulesAsk,
    text: String,
    restores: Option<u64>,
) -> Result<InForce, Problem> {
    let good = judged(asked, text).await?.map_err(refuse_faulty)?;
    let desk = &asked.call.api.desk;
    let ruled = desk.change_rules(ask, &good, restores).await?;
    Ok(InForce {
        version: ruled.version(),
        changed: matches!(ruled, Ruled::Changed(_)),
        rule_set_hash: good.rules().hash().to_owned(),
        rules: good.rules().ids().map(str::to_owned).collect(),
        warnings: good.warnings().iter().map(Finding::from).collect(),
    })
}

pub(super) fn refuse_faulty(found: Vec<Diagnostic>) -> Problem {
    let faults = found.into_iter().map(Fault::from).collect();
    Problem::faults(Code::BadRules, faults)
}

/// Rules may take long to compile, and must not hold up other requests.
pub(super) async fn judged(
    asked: &InGuild,
    text: String,
) -> Result<Result<GoodRules, Vec<Diagnostic>>, Problem> {
    let platform = asked.guild.platform;
    let checking = tokio::task::spawn_blocking(move || GoodRules::check(&text, platform));
    checking.await.map_err(|error| {
        tracing::error!("The check of rules broke: {error}");
        Problem::of(Code::Internal)
    })
}
