//! Discord's gateway: what happens there, in its order, as raw JSON.
//!
//! A connection of our own rather than the library's, for what that one cannot do: it hands on only what it can decode,
//! throws sessions away that could go on, and connects again to the wrong address. This one decodes nothing but the
//! frame around an event; what cannot be decoded at all is for `read` to make something of.
//!
//! A session outlives its connection: whatever ends the connection, the next one goes on where it was, unless Discord
//! says that it knows the session no more. What was missed then is read again over HTTP (`intake::repair`).

mod connection;
mod frame;
mod shards;
mod standing;
mod turns;

pub(crate) use frame::Dispatch;
pub(crate) use shards::Shards;

use crate::rest::{Ask, Rest, RestError};
use connection::{Connection, End};
use lockdown_runtime::{Clock, Secret, Shutdown};
use serde_json::Value;
use serenity::http::Route;
use standing::{Standing, Stands};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use turns::Turns;

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const GUILDS: u64 = 1;
const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_MODERATION: u64 = 1 << 2;
const GUILD_MESSAGES: u64 = 1 << 9;
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
const MESSAGE_CONTENT: u64 = 1 << 15;
const AUTO_MODERATION_CONFIGURATION: u64 = 1 << 20;
const AUTO_MODERATION_EXECUTION: u64 = 1 << 21;
const ALWAYS: u64 = GUILDS
    | GUILD_MODERATION
    | GUILD_MESSAGES
    | GUILD_MESSAGE_REACTIONS
    | AUTO_MODERATION_CONFIGURATION
    | AUTO_MODERATION_EXECUTION;
/// Those that the owner of the application has to switch on: the intent, its flags on the application, its name there.
const PRIVILEGED: [(u64, u64, &str); 2] = [
    (GUILD_MEMBERS, 1 << 14 | 1 << 15, "Server Members Intent"),
    (MESSAGE_CONTENT, 1 << 18 | 1 << 19, "Message Content Intent"),
];

/// What is needed to go on with a session.
#[derive(Debug, Clone)]
struct Session {
    id: Arc<str>,
    /// When it began, in milliseconds of 1970.
    began: i64,
    seq: u64,
    url: String,
}

/// One shard's way to the gateway.
struct Gateway {
    rest: Arc<Rest>,
    token: Secret,
    events: mpsc::Sender<Dispatch>,
    standing: Arc<Standing>,
    clock: Clock,
    shutdown: Shutdown,
    /// Which of how many.
    shard: (u32, u32),
    turns: Turns,
    main: Main,
}

/// The runtime of all other work: connections to Discord's HTTP side and to the bus live there.
#[derive(Clone)]
struct Main(Handle);

/// What is known while it runs.
struct Run {
    session: Option<Session>,
    /// Connections in a row that came to nothing.
    failures: u32,
    intents: u64,
    missing: Vec<&'static str>,
}

// === impl Main ===

impl Main {
    fn here() -> Self {
        Self(Handle::current())
    }

    /// `None` when the process ends.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.0.spawn(work).await.ok()
    }
}

// === impl Run ===

impl Run {
    fn new(intents: u64, missing: Vec<&'static str>) -> Self {
        Self {
            session: None,
            failures: 0,
            intents,
            missing,
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// Keeps connected until the process stops, or until Discord says that it is useless to try.
    async fn keep(self, mut run: Run) {
        let stopping = self.shutdown.soft_token();
        loop {
            let Some(end) = self.connect_once(&mut run).await else {
                return;
            };
            match end {
                End::Stopped => return,
                End::Lost(why) => {
                    run.failures += 1;
                    tracing::info!("The gateway's connection ended: {why}");
                }
                End::Forgotten(why) => {
                    run.failures += 1;
                    run.session = None;
                    tracing::info!("The gateway's session ended: {why}");
                }
                End::WithoutPrivileged => {
                    run.session = None;
                    run.intents = ALWAYS;
                    run.missing = PRIVILEGED.iter().map(|(_, _, name)| *name).collect();
                }
                End::Useless(why) => {
                    tracing::error!("Discord's gateway refuses the bot: {why}");
                    self.say(Stands::Away(why));
                    self.shutdown.soft().await;
                    return;
                }
            }
            let pause = pause(run.failures);
            if run.failures > 1 {
                self.say(Stands::Away(format!(
                    "the gateway cannot be reached, next try in {} s",
                    pause.as_secs().max(1)
                )));
            }
            if stopping
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// One connection, from its beginning to its end; `None` when the process stops before there is one.
    async fn connect_once(&self, run: &mut Run) -> Option<End> {
        let stopping = self.shutdown.soft_token();
        let (url, turn) = match &run.session {
            Some(session) => (session.url.clone(), None),
            None => match stopping.run_until_cancelled(self.address()).await? {
                Ok((url, at_once)) => {
                    let turn = self.turns.wait(self.shard.0, at_once);
                    (url, Some(stopping.run_until_cancelled(turn).await?))
                }
                Err(why) => return Some(why),
            },
        };
        let opening = stopping.run_until_cancelled(Connection::open(&url)).await?;
        let mut connection = match opening {
            Ok(connection) => connection,
            Err(why) => return Some(End::Lost(why)),
        };
        if let Some(turn) = turn
            && !stopping.run_until_cancelled(self.turns.begin(&turn)).await?
        {
            return Some(End::Lost(
                "the connection took too long to begin a session".to_owned(),
            ));
        }
        Some(connection.run(self, run).await)
    }

    /// Where the gateway is, how many sessions may begin at once there, and whether it still takes us today.
    async fn address(&self) -> Result<(String, u64), End> {
        let rest = Arc::clone(&self.rest);
        let asking = async move { rest.call(Ask::get(Route::GatewayBot, 0)).await };
        let answer = self.main.run(asking).await.ok_or(End::Stopped)?;
        let answer = answer.map_err(|error| match error {
            RestError::Token => End::Useless("Discord refuses the token".to_owned()),
            other => End::Lost(other.to_string()),
        })?;
        let limit = &answer["session_start_limit"];
        if limit["remaining"].as_u64() == Some(0) {
            let after = limit["reset_after"].as_u64().unwrap_or(60_000);
            self.say(Stands::Away(format!(
                "the bot connected too often today: Discord takes it again in {} minutes",
                after / 60_000 + 1
            )));
            tokio::time::sleep(Duration::from_millis(after.min(600_000))).await;
            return Err(End::Lost("no more sessions today".to_owned()));
        }
        let url = answer["url"].as_str().map(str::to_owned);
        let url = url.ok_or_else(|| End::Lost("Discord does not say where its gateway is".to_owned()))?;
        Ok((url, limit["max_concurrency"].as_u64().unwrap_or(1)))
    }

    fn say(&self, stands: Stands) {
        self.standing.say(self.shard.0, stands);
    }

    /// Says how it is, now that a session stands.
    fn say_well(&self, missing: &[&str]) {
        self.say(if missing.is_empty() {
            Stands::Well
        } else {
            Stands::Without(format!(
                "without {}: what needs it is not seen. Switch it on on the Bot page of the developer portal and start again",
                missing.join(" and ")
            ))
        });
    }
}

/// The intents that the application's owner has not switched on, as far as Discord says it, and what they are called there.
pub(crate) async fn missing_intents(rest: &Rest) -> Result<Vec<(u64, &'static str)>, RestError> {
    let application = rest.call(Ask::get(Route::Oauth2ApplicationCurrent, 0)).await?;
    let flags = application["flags"].as_u64();
    let missing = PRIVILEGED
        .iter()
        .filter(|(_, flag, _)| flags.is_some_and(|flags| flags & flag == 0));
    Ok(missing.map(|(intent, _, name)| (*intent, *name)).collect())
}

/// Longer and longer, and never all at once.
fn pause(failures: u32) -> Duration {
    if failures <= 1 {
        return Duration::from_millis(fastrand::u64(0..250));
    }
    let whole = Duration::from_millis(500 << failures.min(7)).min(LONGEST_PAUSE);
    whole / 2 + Duration::from_millis(fastrand::u64(0..500))
}

fn identify(token: &Secret, intents: u64, shard: (u32, u32)) -> Value {
    serde_json::json!({ "op": 2, "d": {
        "token": token.expose(), "intents": intents, "compress": false, "large_threshold": 50, "shard": [shard.0, shard.1],
        "properties": { "os": std::env::consts::OS, "browser": "lockdown", "device": "lockdown" },
    }})
}

fn resume(token: &Secret, session: &Session) -> Value {
    serde_json::json!({ "op": 6, "d": { "token": token.expose(), "session_id": &*session.id, "seq": session.seq } })
}
