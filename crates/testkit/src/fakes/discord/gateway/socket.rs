//! One connection: what the client says, and what it is told.

use super::super::world::World;
use super::super::{Shared, lock};
use super::{Out, PRIVILEGED};
use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The longest that a client may send.
const FRAME: usize = 4_096;
/// So many sends in so long.
const SENDS: usize = 120;
const PER: std::time::Duration = std::time::Duration::from_secs(60);

pub(in super::super) async fn serve(world: Shared) -> Result<(SocketAddr, AbortHandle)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("could not listen on loopback")?;
    let addr = listener.local_addr().context("could not learn the port")?;
    let serving = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            if lock(&world).gateway.closed {
                continue;
            }
            let _ = stream.set_nodelay(true);
            connections.spawn(talk(world.clone(), stream));
            while connections.try_join_next().is_some() {}
        }
    });
    Ok((addr, serving.abort_handle()))
}

async fn talk(world: Shared, stream: TcpStream) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let (link, mut out) = mpsc::unbounded_channel();
    let number = {
        let mut world = lock(&world);
        world.gateway.connections += 1;
        let hello = json!({ "op": 10, "d": { "heartbeat_interval": world.gateway.heartbeat_ms }, "s": null, "t": null });
        let _ = link.send(Out::Frame(hello.to_string()));
        world.gateway.connections
    };
    let (mut write, mut read) = socket.split();
    let (mut since, mut sends) = (Instant::now(), 0);
    let mut fatal = false;
    loop {
        tokio::select! {
            biased;
            next = out.recv() => match next {
                Some(Out::Frame(text)) => {
                    if write.send(Message::Text(text)).await.is_err() {
                        break;
                    }
                }
                Some(Out::Close(code)) => {
                    let frame = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: "".into() });
                    let _ = write.send(Message::Close(frame)).await;
                    // Whether the client answers the close is its business.
                    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), async {
                        while let Some(Ok(_)) = read.next().await {}
                    })
                    .await;
                    break;
                }
                Some(Out::Drop) | None => break,
            },
            heard = read.next() => match heard {
                Some(Ok(Message::Text(text))) => {
                    if since.elapsed() > PER {
                        (since, sends) = (Instant::now(), 0);
                    }
                    sends += 1;
                    let answer = if sends > SENDS {
                        Some(Out::Close(Some(4008)))
                    } else if text.len() > FRAME {
                        Some(Out::Close(Some(4002)))
                    } else {
                        hear(&mut lock(&world), &text, number, &link)
                    };
                    if let Some(answer) = answer {
                        let _ = link.send(answer);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    fatal = frame.is_some_and(|frame| matches!(u16::from(frame.code), 1000 | 1001));
                    break;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    let mut world = lock(&world);
    let now = world.now();
    world.gateway.unhook(number, now, fatal);
}

/// What becomes of one frame of the client.
fn hear(world: &mut World, text: &str, number: u64, link: &UnboundedSender<Out>) -> Option<Out> {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        return Some(Out::Close(Some(4002)));
    };
    let (Some(op), body) = (frame["op"].as_u64(), frame["d"].clone()) else {
        return Some(Out::Close(Some(4002)));
    };
    world.gateway.heard.push((op, body.clone()));
    let bot = |world: &World| {
        let token = body["token"]
            .as_str()
            .map(|token| token.trim_start_matches("Bot ").to_owned());
        token.and_then(|token| world.bot_by_token(&token).map(|bot| (bot.id, bot.granted)))
    };
    let known = world
        .gateway
        .sessions
        .iter()
        .any(|session| session.link.as_ref().is_some_and(|(own, _)| *own == number));
    match op {
        1 if world.gateway.deaf => None,
        1 => Some(Out::Frame(
            json!({ "op": 11, "d": null, "s": null, "t": null }).to_string(),
        )),
        2 if known => Some(Out::Close(Some(4005))),
        2 => {
            let Some((bot, granted)) = bot(world) else {
                return Some(Out::Close(Some(4004)));
            };
            let intents = body["intents"].as_u64().unwrap_or(0);
            if intents & PRIVILEGED & !granted != 0 {
                return Some(Out::Close(Some(4014)));
            }
            if intents >> 32 != 0 {
                return Some(Out::Close(Some(4013)));
            }
            let shard = (
                body["shard"][0].as_u64().unwrap_or(0),
                body["shard"][1].as_u64().unwrap_or(1),
            );
            if shard.0 >= shard.1 {
                return Some(Out::Close(Some(4010)));
            }
            if shard.1 < world.gateway.required {
                return Some(Out::Close(Some(4011)));
            }
            let now = world.now();
            if !world.gateway.takes_turn(bot, shard.0, now) {
                return Some(super::invalid_session());
            }
            world.identify(bot, intents, shard, number, link.clone());
            None
        }
        6 => {
            let Some((bot, _)) = bot(world) else {
                return Some(Out::Close(Some(4004)));
            };
            let (id, seq) = (
                body["session_id"].as_str().unwrap_or_default(),
                body["seq"].as_u64().unwrap_or(0),
            );
            world.resume(bot, id, seq, number, link).err()
        }
        3 | 4 | 8 if !known => Some(Out::Close(Some(4003))),
        3 | 4 | 8 => None,
        _ => Some(Out::Close(Some(4001))),
    }
}
