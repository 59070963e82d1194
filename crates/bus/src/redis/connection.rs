//! The command connection: one for the process, and back by itself whenever it is lost.
//!
//! The crate's own manager gives up after a few tries and notices a dead peer only by traffic, so a task of ours
//! watches: it asks for a sign of life, reconnects for ever with a growing, random pause, and says what state it is in.

use super::error;
use super::recent::Recent;
use super::wire::Wire;
use crate::engine::EngineError;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, RedisError, Script};
use lockdown_runtime::SecretUrl;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often an idle connection is asked whether it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);
/// A call waits this long for a connection that has just been lost: most are back at once.
const PATIENCE: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The crate's default of 50 commands under way makes callers wait for each other.
const UNDER_WAY: usize = 1024;

/// The state of the command connection, for the health report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Up,
    /// Being tried again. The reason names no password.
    Down {
        reason: String,
    },
    Closed,
}

/// Makes connections of each kind.
#[derive(Clone)]
pub(super) struct Dialer {
    commands: Client,
    live: Client,
    pub(super) timeout: Duration,
}

/// The connection as it is now.
#[derive(Clone)]
enum State {
    Up { connection: Wire, generation: u64 },
    Down { reason: String },
}

pub(super) struct Link {
    dialer: Dialer,
    scripts: Arc<[Script]>,
    recent: Recent,
    state: watch::Sender<State>,
    shown: watch::Sender<Connection>,
    /// The last generation of the connection that a caller found broken.
    broken: watch::Sender<u64>,
    closing: CancellationToken,
}

// === impl Dialer ===

impl Dialer {
    pub(super) fn new(url: &SecretUrl, timeout: Duration) -> Result<Self, RedisError> {
        let info = url.expose().into_connection_info()?;
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_tcp_settings(tcp);
        let client = |protocol| {
            let settings = info.redis_settings().clone().set_protocol(protocol);
            Client::open(info.clone().set_redis_settings(settings))
        };
        Ok(Self {
            commands: client(ProtocolVersion::RESP2)?,
            live: client(ProtocolVersion::RESP3)?,
            timeout,
        })
    }

    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_pipeline_buffer_size(UNDER_WAY)
    }

    pub(super) async fn commands(&self) -> Result<Wire, RedisError> {
        Wire::dial(&self.commands, self.config(), self.timeout).await
    }

    /// For calls that block in the server: whoever makes them watches the time.
    pub(super) async fn blocking(&self) -> Result<Wire, RedisError> {
        let config = self.config().set_response_timeout(None);
        Wire::dial(&self.commands, config, self.timeout).await
    }

    /// Hands what is published to `hear`, from the task that reads the socket: it is always read.
    pub(super) async fn live(
        &self,
        hear: impl Fn(::redis::PushInfo) -> Result<(), std::convert::Infallible> + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = self.config().set_push_sender(hear);
        self.live
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

// === impl Link ===

impl Link {
    pub(super) async fn connect(
        dialer: Dialer,
        scripts: Arc<[Script]>,
        recent: Recent,
        closing: CancellationToken,
    ) -> Result<Arc<Self>, RedisError> {
        let mut connection = open(&dialer, &scripts).await?;
        recent.meet(&mut connection).await?;
        let up = State::Up {
            connection,
            generation: 1,
        };
        let link = Arc::new(Self {
            dialer,
            scripts,
            recent,
            state: watch::Sender::new(up),
            shown: watch::Sender::new(Connection::Up),
            broken: watch::Sender::new(0),
            closing,
        });
        tokio::spawn(supervise(Arc::clone(&link)));
        Ok(link)
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(super) fn recent(&self) -> &Recent {
        &self.recent
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    pub(super) fn state(&self) -> watch::Receiver<Connection> {
        self.shown.subscribe()
    }

    /// A connection that was good when last heard of, with its generation for [`Link::broke`].
    pub(super) async fn get(&self) -> Result<(Wire, u64), EngineError> {
        if self.closing.is_cancelled() {
            return Err(EngineError::Closed);
        }
        let usable = |state: &State| match state {
            State::Up {
                connection,
                generation,
            } if *generation > *self.broken.borrow() => Ok((connection.clone(), *generation)),
            State::Up { .. } => Err("the connection to Redis was lost".to_owned()),
            State::Down { reason } => Err(reason.clone()),
        };
        let now = usable(&self.state.borrow());
        if let Ok(found) = now {
            return Ok(found);
        }
        let mut changes = self.state.subscribe();
        let wait = changes.wait_for(|state| usable(state).is_ok());
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Err(EngineError::Closed),
            waited = tokio::time::timeout(PATIENCE, wait) => {
                drop(waited);
                usable(&self.state.borrow()).map_err(error::away)
            }
        }
    }

    pub(super) fn broke(&self, generation: u64) {
        self.broken.send_if_modified(|known| {
            let news = generation > *known;
            *known = generation.max(*known);
            news
        });
    }

    fn set(&self, state: State) {
        let shown = match &state {
            State::Up { .. } => Connection::Up,
            State::Down { reason } => Connection::Down {
                reason: reason.clone(),
            },
        };
        self.state.send_replace(state);
        self.shown.send_if_modified(|known| {
            let news = *known != shown;
            *known = shown;
            news
        });
    }
}

/// A connection with our scripts loaded, so that the first call of each does not have to be repeated.
async fn open(dialer: &Dialer, scripts: &[Script]) -> Result<Wire, RedisError> {
    let mut connection = dialer.commands().await?;
    for script in scripts {
        script.load_async(&mut connection).await?;
    }
    Ok(connection)
}

/// Another connection, to a server that holds what it confirmed to us.
async fn reopen(link: &Link, generation: u64) -> Result<Wire, String> {
    let mut connection = open(&link.dialer, &link.scripts)
        .await
        .map_err(|failed| failed.to_string())?;
    let whole = link.recent.restore(&mut connection, &link.scripts, generation);
    whole.await.map_err(|failed| error::cause(&failed))?;
    Ok(connection)
}

async fn supervise(link: Arc<Link>) {
    let mut generation = 1;
    loop {
        let reason = tokio::select! {
            () = link.closing.cancelled() => break,
            reason = until_broken(&link, generation) => reason,
        };
        tracing::warn!(reason, "Lost the connection to Redis: {reason}");
        link.set(State::Down { reason });
        generation += 1;
        let mut pause = Pause::default();
        loop {
            let opened = tokio::select! {
                () = link.closing.cancelled() => break,
                opened = reopen(&link, generation) => opened,
            };
            match opened {
                Ok(connection) => {
                    tracing::info!("Connected to Redis again");
                    link.set(State::Up {
                        connection,
                        generation,
                    });
                    break;
                }
                Err(reason) => link.set(State::Down { reason }),
            }
            tokio::select! {
                () = link.closing.cancelled() => break,
                () = tokio::time::sleep(pause.next()) => {}
            }
        }
    }
    let reason = "closed".to_owned();
    link.state.send_replace(State::Down { reason });
    link.shown.send_replace(Connection::Closed);
}

/// Returns when the connection of this generation is of no more use, with the reason.
async fn until_broken(link: &Link, generation: u64) -> String {
    let mut broken = link.broken.subscribe();
    loop {
        tokio::select! {
            told = broken.wait_for(|last| *last >= generation) => {
                drop(told);
                return "the connection to Redis broke".to_owned();
            }
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        let State::Up { mut connection, .. } = link.state.borrow().clone() else {
            return "the connection to Redis is gone".to_owned();
        };
        match ::redis::cmd("PING").exec_async(&mut connection).await {
            Ok(()) => link.recent.lives(),
            Err(failed) if error::ends_the_connection(&failed) => return failed.to_string(),
            Err(_) => {}
        }
    }
}

/// How long to wait before trying again: longer each time, and random throughout, so that the processes of a fleet
/// do not all come back to a restarted server in the same moment.
#[derive(Debug, Default)]
pub(super) struct Pause {
    tries: u32,
}

impl Pause {
    pub(super) fn next(&mut self) -> Duration {
        let longest = FIRST_PAUSE
            .saturating_mul(1 << self.tries.min(10))
            .min(LONGEST_PAUSE);
        self.tries += 1;
        // std's hasher is seeded at random for each map: randomness enough, without a dependency.
        let random = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        let range = u64::try_from((longest - FIRST_PAUSE).as_millis()).expect("seconds") + 1;
        FIRST_PAUSE + Duration::from_millis(random % range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut pause = Pause::default();
        for tries in 0..100_u32 {
            let bound = FIRST_PAUSE.saturating_mul(1 << tries.min(7)).min(LONGEST_PAUSE);
            let next = pause.next();
            assert!(next >= FIRST_PAUSE && next <= bound, "try {tries}: {next:?}");
        }
    }
}
