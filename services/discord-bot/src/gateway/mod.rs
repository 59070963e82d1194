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

pub(crate) use frame::Dispatch;

use crate::rest::{Ask, Rest, RestError};
use connection::{Connection, End};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Clock, Secret, Shutdown};
use serde_json::Value;
use serenity::http::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Discord takes one identify in five seconds.
const BETWEEN_IDENTIFIES: Duration = Duration::from_millis(5_250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const GUILDS: u64 = 1;
const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_MODERATION: u64 = 1 << 2;
const GUILD_MESSAGES: u64 = 1 << 9;
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
const MESSAGE_CONTENT: u64 = 1 << 15;
const AUTO_MODERATION_EXECUTION: u64 = 1 << 21;
const ALWAYS: u64 =
    GUILDS | GUILD_MODERATION | GUILD_MESSAGES | GUILD_MESSAGE_REACTIONS | AUTO_MODERATION_EXECUTION;
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
pub(crate) struct Gateway {
    pub(crate) rest: Arc<Rest>,
    pub(crate) token: Secret,
    pub(crate) events: mpsc::Sender<Dispatch>,
    pub(crate) component: Component,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

/// What is known while it runs.
struct Run {
    session: Option<Session>,
    identified: Option<Instant>,
    /// Connections in a row that came to nothing.
    failures: u32,
    intents: u64,
    missing: Vec<&'static str>,
}

// === impl Gateway ===

impl Gateway {
    /// Keeps connected until the process stops, or until Discord says that it is useless to try.
    pub(crate) async fn keep(self) -> anyhow::Result<()> {
        let mut run = Run {
            session: None,
            identified: None,
            failures: 0,
            intents: ALWAYS,
            missing: Vec::new(),
        };
        let stopping = self.shutdown.soft_token();
        if stopping
            .run_until_cancelled(self.learn_intents(&mut run))
            .await
            .is_none()
        {
            return Ok(());
        }
        loop {
            let Some(end) = self.connect_once(&mut run).await else {
                return Ok(());
            };
            match end {
                End::Stopped => return Ok(()),
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
                    self.component.down(why);
                    self.shutdown.soft().await;
                    return Ok(());
                }
            }
            let pause = pause(run.failures);
            if run.failures > 1 {
                self.component.down(format!(
                    "the gateway cannot be reached, next try in {} s",
                    pause.as_secs().max(1)
                ));
            }
            if stopping
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return Ok(());
            }
        }
    }

    /// One connection, from its beginning to its end; `None` when the process stops before there is one.
    async fn connect_once(&self, run: &mut Run) -> Option<End> {
        let stopping = self.shutdown.soft_token();
        if run.session.is_none()
            && let Some(last) = run.identified
        {
            stopping
                .run_until_cancelled(tokio::time::sleep_until(last + BETWEEN_IDENTIFIES))
                .await?;
        }
        let url = match &run.session {
            Some(session) => session.url.clone(),
            None => match stopping.run_until_cancelled(self.address()).await? {
                Ok(url) => url,
                Err(why) => return Some(why),
            },
        };
        let opening = stopping.run_until_cancelled(Connection::open(&url)).await?;
        let mut connection = match opening {
            Ok(connection) => connection,
            Err(why) => return Some(End::Lost(why)),
        };
        if run.session.is_none() {
            run.identified = Some(Instant::now());
        }
        Some(connection.run(self, run).await)
    }

    /// Where the gateway is, and whether it still takes us today.
    async fn address(&self) -> Result<String, End> {
        let answer = self
            .rest
            .call(Ask::get(Route::GatewayBot, 0))
            .await
            .map_err(|error| match error {
                RestError::Token => End::Useless("Discord refuses the token".to_owned()),
                other => End::Lost(other.to_string()),
            })?;
        let left = answer["session_start_limit"]["remaining"].as_u64();
        if left == Some(0) {
            let after = answer["session_start_limit"]["reset_after"]
                .as_u64()
                .unwrap_or(60_000);
            self.component.down(format!(
                "the bot connected too often today: Discord takes it again in {} minutes",
                after / 60_000 + 1
            ));
            tokio::time::sleep(Duration::from_millis(after.min(600_000))).await;
            return Err(End::Lost("no more sessions today".to_owned()));
        }
        let url = answer["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| End::Lost("Discord does not say where its gateway is".to_owned()))
    }

    /// Asks for what the application may have, so that the gateway need not refuse it.
    async fn learn_intents(&self, run: &mut Run) {
        // Where Discord does not say it, the gateway does.
        let missing = missing_intents(&self.rest).await.unwrap_or_else(|error| {
            tracing::warn!("Could not learn which intents the application has: {error}");
            Vec::new()
        });
        let all = PRIVILEGED.iter().fold(0, |all, (intent, ..)| all | intent);
        run.intents |= missing.iter().fold(all, |all, (intent, _)| all & !intent);
        run.missing.extend(missing.iter().map(|(_, name)| *name));
    }

    /// Says how it is, now that a session stands.
    fn say_well(&self, missing: &[&str]) {
        if missing.is_empty() {
            self.component.up();
        } else {
            self.component.degraded(format!(
                "without {}: what needs it is not seen. Switch it on on the Bot page of the developer portal and start again",
                missing.join(" and ")
            ));
        }
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

fn identify(token: &Secret, intents: u64) -> Value {
    serde_json::json!({ "op": 2, "d": {
        "token": token.expose(), "intents": intents, "compress": false, "large_threshold": 50, "shard": [0, 1],
        "properties": { "os": std::env::consts::OS, "browser": "lockdown", "device": "lockdown" },
    }})
}

fn resume(token: &Secret, session: &Session) -> Value {
    serde_json::json!({ "op": 6, "d": { "token": token.expose(), "session_id": &*session.id, "seq": session.seq } })
}
