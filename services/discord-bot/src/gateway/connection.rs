//! One connection: heartbeats, the session's beginning or its continuation, events, and why it ended.

use super::frame::{Dispatch, Frame, Hello, Ready};
use super::{Gateway, Run, Session, identify, resume};
use futures_util::{SinkExt as _, StreamExt as _};
use lockdown_runtime::probe::innermost;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// For a connection to stand, and for the gateway's first word on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a connection ended.
pub(super) enum End {
    /// The session can go on.
    Lost(String),
    /// It cannot: a new one begins.
    Forgotten(String),
    /// The application may not have the privileged intents that it asked for.
    WithoutPrivileged,
    /// No other try can succeed.
    Useless(String),
    Stopped,
}

pub(super) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    interval: Duration,
    /// The next heartbeat.
    due: Instant,
    /// The last one was answered.
    answered: bool,
}

// === impl Connection ===

impl Connection {
    /// Connects, and hears how often to give a sign.
    pub(super) async fn open(url: &str) -> Result<Self, String> {
        let url = format!("{}/?v=10&encoding=json", url.trim_end_matches('/'));
        let opening = async {
            let (mut socket, _) = connect_async(url.as_str())
                .await
                .map_err(|error| innermost(&error))?;
            while let Some(message) = socket.next().await {
                let Message::Text(text) = message.map_err(|error| innermost(&error))? else {
                    continue;
                };
                let hello = serde_json::from_str::<Frame<'_>>(&text)
                    .ok()
                    .filter(|frame| frame.op == 10);
                let hello = hello.and_then(|frame| serde_json::from_str::<Hello>(frame.d?.get()).ok());
                let Some(hello) = hello else {
                    return Err("the gateway did not say hello".to_owned());
                };
                return Ok((socket, Duration::from_millis(hello.heartbeat_interval.max(100))));
            }
            Err("the gateway closed before it said hello".to_owned())
        };
        let (socket, interval) = timeout(PATIENCE, opening)
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {PATIENCE:?}")))?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            let _ = stream.set_nodelay(true);
        }
        // All who connect at once shall not give their signs at once.
        let due = Instant::now() + interval.mul_f64(fastrand::f64());
        Ok(Self {
            socket,
            interval,
            due,
            answered: true,
        })
    }

    /// Until it ends, for whatever reason.
    pub(super) async fn run(&mut self, gateway: &Gateway, run: &mut Run) -> End {
        let first = match &run.session {
            Some(session) => resume(&gateway.token, session),
            None => identify(&gateway.token, run.intents, gateway.shard),
        };
        if let Err(error) = self.socket.send(Message::Text(first.to_string())).await {
            return End::Lost(innermost(&error));
        }
        let stopping = gateway.shutdown.soft_token();
        // An event that found no room; nothing is read meanwhile, but heartbeats go on.
        let mut waiting: Option<Dispatch> = None;
        loop {
            tokio::select! {
                () = stopping.cancelled() => {
                    // For good: Discord need not keep the session.
                    self.close(CloseCode::Normal).await;
                    return End::Stopped;
                }
                () = sleep_until(self.due) => {
                    if !self.answered {
                        // Any code but 1000 and 1001 leaves the session alive.
                        self.close(CloseCode::Library(4_000)).await;
                        return End::Lost("the gateway answers no heartbeat".to_owned());
                    }
                    self.answered = false;
                    self.due = Instant::now() + self.interval;
                    if let Err(error) = self.beat(run).await {
                        return End::Lost(error);
                    }
                }
                room = gateway.events.reserve(), if waiting.is_some() => {
                    let (Ok(room), Some(event)) = (room, waiting.take()) else {
                        return End::Stopped;
                    };
                    room.send(event);
                }
                message = self.socket.next(), if waiting.is_none() => {
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Close(frame))) => return ended(frame.as_ref(), run),
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => return End::Lost(innermost(&error)),
                        None => return End::Lost("the connection is gone".to_owned()),
                    };
                    match self.hear(&text, gateway, run).await {
                        Ok(None) => {}
                        Ok(Some(event)) => match gateway.events.try_send(event) {
                            Ok(()) => {}
                            Err(tokio::sync::mpsc::error::TrySendError::Full(event)) => waiting = Some(event),
                            Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => return End::Stopped,
                        },
                        Err(end) => {
                            if matches!(end, End::Lost(_) | End::Forgotten(_)) {
                                self.close(CloseCode::Library(4_000)).await;
                            }
                            return end;
                        }
                    }
                }
            }
        }
    }

    async fn hear(&mut self, text: &str, gateway: &Gateway, run: &mut Run) -> Result<Option<Dispatch>, End> {
        let frame: Frame<'_> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                metrics::counter!("lockdown_discord_frames_undecodable_total").increment(1);
                tracing::warn!("The gateway said something that is no frame: {error}");
                return Ok(None);
            }
        };
        match frame.op {
            0 => return Ok(self.dispatch(&frame, gateway, run)),
            1 => self.beat(run).await.map_err(End::Lost)?,
            7 => return Err(End::Lost("the gateway asks to connect again".to_owned())),
            9 => {
                // Discord asks for a pause of some seconds, which the next identify keeps anyhow.
                let resumable = frame.d.is_some_and(|d| d.get() == "true");
                let why = "the gateway does not know the session".to_owned();
                return Err(if resumable {
                    End::Lost(why)
                } else {
                    End::Forgotten(why)
                });
            }
            11 => self.answered = true,
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&self, frame: &Frame<'_>, gateway: &Gateway, run: &mut Run) -> Option<Dispatch> {
        let name = frame.t.as_deref()?;
        let (seq, data) = (frame.s.unwrap_or(0), frame.d.map(ToOwned::to_owned));
        let data = data.unwrap_or_else(|| RawValue::NULL.to_owned());
        match name {
            "READY" => {
                let ready: Ready = match serde_json::from_str(data.get()) {
                    Ok(ready) => ready,
                    Err(error) => {
                        tracing::warn!("The gateway's READY names no session: {error}");
                        return None;
                    }
                };
                run.session = Some(Session {
                    id: ready.session_id.into(),
                    began: gateway.clock.now().timestamp_millis(),
                    seq,
                    url: ready.resume_gateway_url.unwrap_or_default(),
                });
                run.failures = 0;
                gateway.say_well(&run.missing);
                tracing::info!("A session with Discord's gateway stands");
            }
            "RESUMED" => {
                run.failures = 0;
                gateway.say_well(&run.missing);
                tracing::info!("The session with Discord's gateway goes on");
            }
            _ => {}
        }
        let session = run.session.as_mut()?;
        // A resume may repeat what was heard already.
        if seq <= session.seq && name != "READY" {
            return None;
        }
        session.seq = seq;
        Some(Dispatch {
            session: session.id.clone(),
            began: session.began,
            seq,
            name: name.to_owned(),
            data,
        })
    }

    async fn beat(&mut self, run: &Run) -> Result<(), String> {
        let seq = run.session.as_ref().map(|session| session.seq);
        let beat = serde_json::json!({ "op": 1, "d": seq });
        self.socket
            .send(Message::Text(beat.to_string()))
            .await
            .map_err(|error| innermost(&error))
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        // A gateway that no longer listens is not waited for.
        let _ = timeout(Duration::from_secs(1), self.socket.close(Some(frame))).await;
    }
}

/// What the gateway's own close means.
fn ended(frame: Option<&CloseFrame<'_>>, run: &Run) -> End {
    let Some(code) = frame.map(|frame| u16::from(frame.code)) else {
        return End::Lost("the gateway closed without a reason".to_owned());
    };
    match code {
        4004 => End::Useless(
            "the gateway refuses the token: set DISCORD_TOKEN to the one on the Bot page of the developer portal".to_owned(),
        ),
        4010 | 4011 => End::Useless(format!("the gateway wants other shards (code {code}): set DISCORD_SHARDS to as many as the bot's guilds need, or leave it out, and start again")),
        4012 | 4013 => End::Useless(format!("the gateway does not speak our language any more (code {code}): a newer LOCKDOWN may")),
        4014 if run.intents != super::ALWAYS => End::WithoutPrivileged,
        4014 => End::Useless("the gateway refuses the intents that every bot has".to_owned()),
        4007 | 4009 => End::Forgotten(format!("the gateway closed with {code}")),
        _ => End::Lost(format!("the gateway closed with {code}")),
    }
}
