//! Routes of the API for those who have no token: what moderators ask through bots, over the bus.
//!
//! A bot knows who speaks to it, and says so; what that person may is decided by the same powers, desk and handlers as for
//! everybody. Only routes of a guild can be asked for, and those that go by who somebody is and not by where they ask.

use super::access::Caller;
use super::route::{Answer, JSON, Raw, Route};
use super::{Api, gate, routes};
use crate::problem::{Code, Problem};
use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use lockdown_bus::{Answering, Asked, Bus};
use lockdown_events::{
    CorrelationId, GuildId, MemberRequest, Platform, RequestError, RouteRequest, RulesRequest,
    SettingsRequest,
};
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::{RaisedTold, RouteAnswer, SettingsTold};
use lockdown_moderation::{GuildRef, UserRef};
use lockdown_runtime::Context;
use lockdown_store::Store;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What a text is sent as: the routes that take text take this.
const YAML: &str = "application/yaml";

type Table = HashMap<&'static str, Arc<Route>>;

/// Answers over the bus until it is stopped.
pub(crate) async fn answer(
    ctx: &Context,
    store: Store,
    bus: &Bus,
    facts: Arc<dyn Facts>,
) -> anyhow::Result<[Answering; 4]> {
    let api = Api::new(ctx, store, bus.clone(), facts)?;
    let table: Table = routes()
        .into_iter()
        .filter(|route| route.is_of_guild() || route.is_of_person())
        .map(|route| (route.id, Arc::new(route)))
        .collect();
    let table = Arc::new(table);
    let member = answer_member(&api, &table, bus).await?;
    let asked = Arc::clone(&api);
    let by_route = bus
        .requests()
        .answer("route", move |question: Asked<RouteRequest>| {
            let (api, table) = (Arc::clone(&asked), Arc::clone(&table));
            async move {
                let answered = ask(&api, &table, question.data, question.correlation_id).await;
                answered.map(told).map_err(|problem| refused(&problem))
            }
        });
    let by_route = by_route.await.context("could not listen to questions of bots")?;
    let of_rules = Arc::clone(&api);
    let settings = bus
        .requests()
        .answer("settings", move |question: Asked<SettingsRequest>| {
            let api = Arc::clone(&api);
            async move {
                let of = GuildRef {
                    platform: question.data.platform,
                    id: question.data.guild_id,
                };
                let found = api.desk.settings(&of).await;
                let (settings, version) = found.map_err(|error| refused(&Problem::from(error)))?;
                let raised = api.desk.mode(&of).await;
                let raised = raised.map_err(|error| refused(&Problem::from(error)))?;
                let mode = raised.map(|raised| RaisedTold {
                    mode: raised.mode.as_str().to_owned(),
                    by: raised.by.to_string(),
                    moderator_id: raised.by.person().map(|who| who.id.clone()),
                    ends_at: raised.ends_at,
                });
                Ok(SettingsTold {
                    version,
                    settings,
                    mode,
                })
            }
        });
    let settings = settings
        .await
        .context("could not listen to questions about settings")?;
    let rules = bus
        .requests()
        .answer("rules", move |question: Asked<RulesRequest>| {
            let api = Arc::clone(&of_rules);
            async move {
                let of = GuildRef {
                    platform: question.data.platform,
                    id: question.data.guild_id,
                };
                let found = api.desk.rules_in_force(&of).await;
                found.map_err(|error| refused(&Problem::from(error)))
            }
        });
    let rules = rules.await.context("could not listen to questions about rules")?;
    Ok([by_route, settings, rules, member])
}

/// `request:member`: as `getMember` answers.
async fn answer_member(api: &Arc<Api>, table: &Arc<Table>, bus: &Bus) -> anyhow::Result<Answering> {
    let (api, table) = (Arc::clone(api), Arc::clone(table));
    let answering = bus
        .requests()
        .answer("member", move |question: Asked<MemberRequest>| {
            let (api, table) = (Arc::clone(&api), Arc::clone(&table));
            async move {
                let (of, chain) = (question.data, question.correlation_id);
                let params = of_guild(
                    of.platform,
                    &of.guild_id,
                    [("userId".to_owned(), of.user_id.to_string())],
                );
                let answered = match table.get("getMember") {
                    // Whoever is on the bus is one of us, as for `request:case`.
                    Some(route) => {
                        gate::ask(
                            &api,
                            route,
                            Caller::Bootstrap,
                            params,
                            Raw::default(),
                            None,
                            chain,
                        )
                        .await
                    }
                    None => Err(Problem::of(Code::Internal)),
                };
                answered
                    .map(|answer| told(answer).body)
                    .map_err(|problem| refused(&problem))
            }
        });
    answering
        .await
        .context("could not listen to questions about people")
}

fn of_guild(
    platform: Platform,
    guild: &GuildId,
    rest: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let mut params = vec![
        ("platform".to_owned(), platform.as_str().to_owned()),
        ("guildId".to_owned(), guild.as_str().to_owned()),
    ];
    params.extend(rest);
    params
}

async fn ask(
    api: &Arc<Api>,
    table: &Table,
    question: RouteRequest,
    chain: CorrelationId,
) -> Result<Answer, Problem> {
    let route = table.get(question.route.as_str()).ok_or_else(|| {
        let message = format!(
            "No route for those who speak through bots has the id `{}`.",
            question.route
        );
        Problem::new(Code::NotFound, message)
    })?;
    let caller = Caller::Person(UserRef::new(question.platform, question.moderator_id));
    let params = if route.is_of_guild() {
        of_guild(question.platform, &question.guild_id, question.params)
    } else {
        question.params.into_iter().collect()
    };
    let mut headers = HeaderMap::new();
    if let Some(version) = question.if_match {
        let value = HeaderValue::from_str(&version);
        let value = value.map_err(|_| Problem::new(Code::Malformed, "`ifMatch` is no version."))?;
        headers.insert(header::IF_MATCH, value);
    }
    let body = match question.body {
        None => Bytes::new(),
        Some(Value::String(text)) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(YAML));
            text.into()
        }
        Some(body) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
            body.to_string().into()
        }
    };
    let raw = Raw {
        query: form_urlencoded::Serializer::new(String::new())
            .extend_pairs(question.query)
            .finish(),
        headers,
        body,
        ..Raw::default()
    };
    gate::ask(api, route, caller, params, raw, question.key, chain).await
}

fn told(answer: Answer) -> RouteAnswer {
    let body = answer.body.map(|body| {
        if answer.media == JSON {
            serde_json::from_str(&body).unwrap_or(Value::String(body))
        } else {
            Value::String(body)
        }
    });
    RouteAnswer {
        status: answer.status.as_u16(),
        body,
        etag: answer.etag,
    }
}

fn refused(problem: &Problem) -> RequestError {
    RequestError {
        code: problem.code.as_str().to_owned(),
        message: problem.words(),
    }
}
