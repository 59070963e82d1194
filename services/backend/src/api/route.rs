//! A route: its path, what it needs, what it takes and gives, and the function that answers. The router, the check of
//! rights, the OpenAPI document and the test of every route with every role all read this one value.

use super::Api;
use super::access::{Caller, Needs, Powers};
use super::input::{Shape, Take, ends};
use super::knowing::Knowing;
use crate::problem::{Code, Problem};
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use lockdown_events::{CorrelationId, UserId};
use lockdown_moderation::{Actor, CaseNumber, GuildRef, Term, Zone, zone};
use lockdown_store::guilds::Guild;
use lockdown_store::in_read;
use metrics::{Counter, Histogram};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const JSON: &str = "application/json";
/// Before the paths of the routes that concern one guild.
pub(crate) const GUILD: &str = "/guilds/{platform}/{guildId}";

type Answering = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;
type Handler = Arc<dyn Fn(Asked, Raw) -> Answering + Send + Sync>;

/// One method of one path.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Below `/api/v1`.
    pub(crate) path: String,
    /// Its name in clients that are generated.
    pub(crate) id: &'static str,
    pub(crate) needs: Needs,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    /// Codes of its own, beside those that follow from what it takes and needs.
    pub(crate) codes: Vec<Code>,
    pub(crate) takes: fn(&mut SchemaGenerator) -> Shape,
    pub(crate) gives: fn(&mut SchemaGenerator) -> Vec<Given>,
    /// A body that it takes.
    pub(crate) sample: Option<Value>,
    /// A body that it gives.
    pub(crate) answer: Option<Value>,
    /// Whether an answer is true for as long as nothing is written: see [`super::kept`].
    pub(crate) is_kept: bool,
    pub(crate) handler: Handler,
    pub(crate) figures: Arc<Figures>,
}

/// How often a route was answered, and how fast: handles, because to look them up anew costs as much as a short answer.
#[derive(Default)]
pub(crate) struct Figures {
    taken: OnceLock<Histogram>,
    fine: OnceLock<Counter>,
}

/// A body as it came.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) wire: Wire,
}

/// The connection of a request, for an answer that goes on.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Present where a WebSocket is asked for.
    pub(crate) upgrade: Option<WebSocketUpgrade>,
    /// Where it comes from.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) cut: Cut,
}

/// Ends a connection whose client does not take what it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(pub(crate) CancellationToken);

/// What a handler is given beside its input: who asks, for what, and the surroundings.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) caller: Caller,
    /// Where the route is of a guild, there.
    pub(crate) powers: Powers,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) chain: CorrelationId,
    /// The key of the caller, in the caller's own space of keys.
    pub(crate) key: Option<String>,
}

/// A call, and the guild that it is about.
pub(crate) struct InGuild {
    pub(crate) call: Call,
    pub(crate) guild: Guild,
}

/// A call, for a route of a guild or another one.
pub(crate) struct Asked {
    pub(crate) call: Call,
    pub(crate) guild: Option<Guild>,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `None` has no body.
    pub(crate) body: Option<String>,
    /// The whole answer, where it is not there yet when it begins. Locked by nobody: answers go between threads.
    pub(crate) stream: Option<Mutex<Response>>,
    /// The content type of the body.
    pub(crate) media: &'static str,
    pub(crate) etag: Option<String>,
    /// What is kept for a repetition, where that must not be all.
    pub(crate) kept: Option<String>,
}

/// A status that a route gives, and its body.
pub(crate) struct Given {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) schema: Option<Schema>,
    pub(crate) media: &'static str,
    /// Whether it comes with an `ETag`.
    pub(crate) has_etag: bool,
}

/// What a handler may return.
pub(crate) trait Give {
    fn give(self) -> Answer;
    fn describe(generator: &mut SchemaGenerator) -> Vec<Given>;
}

/// 200 with a body.
pub(crate) struct Found<T>(pub(crate) T);

/// 201 where something is new, 200 where it was there already.
pub(crate) enum Made<T> {
    New(T),
    Known(T),
}

/// 204: it is done, and there is nothing to say.
pub(crate) struct Done;

/// What goes on for as long as somebody listens.
pub(crate) struct Streamed(pub(crate) Response);

// === impl Route ===

impl Route {
    /// A route that concerns no guild in particular. `id` is unique.
    pub(crate) fn new<I, O, F, Fut>(
        method: Method,
        path: &str,
        id: &'static str,
        needs: Needs,
        handler: F,
    ) -> Self
    where
        I: Take + Send + 'static,
        O: Give + 'static,
        F: Fn(Call, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Problem>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |asked, raw| {
            let handler = handler.clone();
            Box::pin(async move { Ok(handler(asked.call, I::take(&raw)?).await?.give()) })
        });
        Self {
            method,
            path: path.to_owned(),
            id,
            needs,
            summary: "",
            about: "",
            codes: Vec::new(),
            takes: I::describe,
            gives: O::describe,
            sample: None,
            answer: None,
            is_kept: false,
            handler,
            figures: Arc::default(),
        }
    }

    /// A route whose answer goes on, over the connection of its request.
    pub(crate) fn streaming<I, F, Fut>(path: &str, id: &'static str, needs: Needs, handler: F) -> Self
    where
        I: Take + Send + 'static,
        F: Fn(Call, I, Wire) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Streamed, Problem>> + Send + 'static,
    {
        let of = Self::new(Method::GET, path, id, needs, nothing::<I, Streamed>);
        let handler: Handler = Arc::new(move |asked, raw| {
            let handler = handler.clone();
            Box::pin(async move {
                let input = I::take(&raw)?;
                Ok(handler(asked.call, input, raw.wire).await?.give())
            })
        });
        Self { handler, ..of }
    }

    /// A route of a guild: `path` stands below it.
    pub(crate) fn of_guild<I, O, F, Fut>(
        method: Method,
        path: &str,
        id: &'static str,
        needs: Needs,
        handler: F,
    ) -> Self
    where
        I: Take + Send + 'static,
        O: Give + 'static,
        F: Fn(InGuild, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Problem>> + Send + 'static,
    {
        let of = Self::new(method, &format!("{GUILD}{path}"), id, needs, nothing::<I, O>);
        let handler: Handler = Arc::new(move |asked, raw| {
            let handler = handler.clone();
            Box::pin(async move {
                let guild = asked.guild.ok_or_else(|| Problem::of(Code::UnknownGuild))?;
                let asked = InGuild {
                    call: asked.call,
                    guild,
                };
                Ok(handler(asked, I::take(&raw)?).await?.give())
            })
        });
        Self { handler, ..of }
    }

    /// For the documents: in a few words, and in whole sentences.
    pub(crate) fn says(mut self, summary: &'static str, about: &'static str) -> Self {
        (self.summary, self.about) = (summary, about);
        self
    }

    pub(crate) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }

    pub(crate) fn sample(mut self, body: Value) -> Self {
        self.sample = Some(body);
        self
    }

    pub(crate) fn answer(mut self, body: Value) -> Self {
        self.answer = Some(body);
        self
    }

    pub(crate) fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    pub(crate) fn is_of_guild(&self) -> bool {
        self.path.starts_with(GUILD)
    }

    /// Whether who somebody is says what they may there, whatever they are in a guild.
    pub(crate) fn is_of_person(&self) -> bool {
        self.path.starts_with("/federations") || self.path == "/me/federation-bans"
    }

    /// Whether it only looks.
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == Method::POST
    }
}

// === impl Figures ===

impl Figures {
    pub(crate) fn count(&self, route: &Route, status: u16, taken: Duration) {
        let counter = || {
            let status = status.to_string();
            metrics::counter!("lockdown_http_requests_total", "route" => route.id, "status" => status)
        };
        match status {
            200 => self.fine.get_or_init(counter).increment(1),
            _ => counter().increment(1),
        }
        let histogram = || metrics::histogram!("lockdown_http_seconds", "route" => route.id);
        self.taken.get_or_init(histogram).record(taken.as_secs_f64());
    }
}

/// Stands in for a handler until the one that is given more has been made.
async fn nothing<I, O>(_: Call, _: I) -> Result<O, Problem> {
    Err(Problem::of(Code::NotFound))
}

// === impl Call ===

impl Call {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.api.ctx.clock.now()
    }

    /// A part of the path. What cannot be one names nothing that is there.
    pub(crate) fn param<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let found = self.params.iter().find(|(known, _)| known == name);
        let parsed = found.and_then(|(_, text)| text.parse().ok());
        parsed.ok_or_else(|| Problem::of(Code::NotFound))
    }

    pub(crate) fn actor(&self) -> Actor {
        // Of the guild that the path speaks of, where it speaks of one.
        self.caller.actor(self.param("platform").ok())
    }
}

// === impl InGuild ===

impl InGuild {
    pub(crate) fn guild_ref(&self) -> GuildRef {
        GuildRef {
            platform: self.guild.platform,
            id: self.guild.native_id.clone(),
        }
    }

    pub(crate) fn user(&self) -> Result<UserId, Problem> {
        self.call.param("userId")
    }

    pub(crate) fn case_number(&self) -> Result<CaseNumber, Problem> {
        let number = self.call.param("caseNumber");
        number.map(CaseNumber).map_err(|_| Problem::of(Code::UnknownCase))
    }

    pub(crate) fn unknown_case(number: CaseNumber) -> Problem {
        Problem::new(Code::UnknownCase, format!("There is no {number} here."))
    }

    /// When something ends; a date in somebody's words is by the clock of the community.
    pub(crate) async fn ends(
        &self,
        duration: Option<&str>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Term, Problem> {
        let guild = self.guild.id;
        let kept = match duration {
            Some(_) => in_read!(self.call.api.store, |conn| { conn.guild_settings(guild).await })?,
            None => None,
        };
        let zone = kept.and_then(|kept| zone(&kept.timezone)).unwrap_or(Zone::UTC);
        ends(duration, expires_at, self.call.now(), &zone)
    }

    /// The facts, with what the caller may here.
    pub(crate) fn facts(&self) -> Knowing<'_> {
        let grant = match self.call.caller {
            // How they stand is read afresh for each decision.
            Caller::Person(_) => None,
            Caller::Bootstrap | Caller::Token(_) | Caller::SignedIn(_) | Caller::Hook(_) => {
                Some(self.call.powers.grant())
            }
        };
        Knowing {
            facts: &*self.call.api.facts,
            grant,
            is_signed_in: self.call.caller.person().is_some(),
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn of<T: Serialize>(status: StatusCode, body: &T) -> Self {
        // Maps with odd keys are what cannot be written, and no answer has one.
        let text = serde_json::to_string(body).expect("an answer is plain data");
        Self {
            body: Some(text),
            ..Self::empty(status)
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            stream: None,
            media: JSON,
            etag: None,
            kept: None,
        }
    }
}

// === impl Given ===

impl Given {
    pub(crate) fn json<T: JsonSchema>(
        status: u16,
        about: &'static str,
        generator: &mut SchemaGenerator,
    ) -> Self {
        Self {
            schema: Some(generator.subschema_for::<T>()),
            ..Self::empty(status, about)
        }
    }

    pub(crate) fn empty(status: u16, about: &'static str) -> Self {
        Self {
            status,
            about,
            schema: None,
            media: JSON,
            has_etag: false,
        }
    }
}

// === impl Give ===

impl<T: Serialize + JsonSchema> Give for Found<T> {
    fn give(self) -> Answer {
        Answer::of(StatusCode::OK, &self.0)
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::json::<T>(200, "As asked.", generator)]
    }
}

impl<T: Serialize + JsonSchema> Give for Made<T> {
    fn give(self) -> Answer {
        match self {
            Self::New(body) => Answer::of(StatusCode::CREATED, &body),
            Self::Known(body) => Answer::of(StatusCode::OK, &body),
        }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        vec![
            Given::json::<T>(200, "It is so already, by this one.", generator),
            Given::json::<T>(201, "A new one.", generator),
        ]
    }
}

impl Give for Done {
    fn give(self) -> Answer {
        Answer::empty(StatusCode::NO_CONTENT)
    }

    fn describe(_: &mut SchemaGenerator) -> Vec<Given> {
        vec![Given::empty(204, "Done.")]
    }
}

impl Give for Streamed {
    fn give(self) -> Answer {
        Answer {
            stream: Some(Mutex::new(self.0)),
            ..Answer::empty(StatusCode::OK)
        }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        let events = Given::json::<String>(
            200,
            "Server-sent events, each with the `id` from which to go on after it; in its `data` one object of JSON.",
            generator,
        );
        vec![
            Given::empty(
                101,
                "A WebSocket, where one is asked for: each message is one such object, with that `id` as its member `cursor`.",
            ),
            Given {
                media: "text/event-stream",
                ..events
            },
        ]
    }
}
