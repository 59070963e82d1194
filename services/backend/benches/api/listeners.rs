//! Clients that listen, and how long an event is on its way to all of them.

use crate::bans::ban;
use crate::quantile;
use crate::serve::{Served, TOKEN};
use anyhow::{Context as _, bail, ensure};
use reqwest::Client;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CLIENTS: usize = 2_000;
/// Between two events, so that they do not overlap.
const PAUSE: Duration = Duration::from_millis(100);
/// For all to hear one event.
const PATIENCE: Duration = Duration::from_secs(20);
const EVENT: &[u8] = b"\"eventType\":\"ban:created\"";
const USER: &[u8] = b"\"userId\":\"";
const GREETING: &[u8] = b"live:heartbeat";

pub(crate) struct Heard {
    pub(crate) clients: f64,
    /// The median over the events, of the time until the last client has one.
    pub(crate) median_ms: f64,
    pub(crate) kib_per_client: f64,
}

pub(crate) async fn hear(served: &Served, events: usize) -> anyhow::Result<Heard> {
    let client = Client::new();
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    // What was done before is still on its way, and would be told to all of them; and what the first of all costs is not
    // counted.
    let first = clients.spawn(listen(open(served.addr).await?, heard.clone()));
    let user = ban(&client, served.addr).await?;
    let caught_up = async {
        while hearing.recv().await.context("the first client ended")?.0 != user {}
        anyhow::Ok(())
    };
    let caught_up = tokio::time::timeout(PATIENCE, caught_up).await;
    caught_up.context("what was done before was not told")??;
    first.abort();
    let _ended = clients.join_next().await;
    let before = served.memory()?;
    for first in (0..CLIENTS).step_by(50) {
        let mut opening = JoinSet::new();
        for _ in first..first + 50 {
            opening.spawn(open(served.addr));
        }
        while let Some(opened) = opening.join_next().await {
            let stream = opened.context("a client broke")??;
            clients.spawn(listen(stream, heard.clone()));
        }
    }
    let mut slowest = Vec::new();
    for _ in 0..events {
        let begun = Instant::now();
        let user = ban(&client, served.addr).await?;
        let all = async {
            let (mut last, mut count) = (begun, 0);
            while count < CLIENTS {
                let (of, at) = hearing.recv().await.context("a client ended")?;
                // What was done before may still be on its way.
                if of == user {
                    (last, count) = (at, count + 1);
                }
            }
            anyhow::Ok(last)
        };
        let last = tokio::time::timeout(PATIENCE, all).await;
        let last = last.context("not all clients heard an event")??;
        slowest.push((last - begun).as_secs_f64() * 1_000.0);
        tokio::time::sleep(PAUSE).await;
    }
    let after = served.memory()?;
    ensure!(clients.try_join_next().is_none(), "a client ended");
    Ok(Heard {
        clients: CLIENTS as f64,
        median_ms: quantile(&mut slowest, 0.5),
        kib_per_client: (after - before) / CLIENTS as f64,
    })
}

async fn open(addr: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await;
    let mut stream = stream.context("could not connect: `ulimit -n 8192` allows for as many connections")?;
    let head = format!(
        "GET /api/v1/events/live?type=ban:created HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.context("could not ask")?;
    let mut read = Vec::new();
    while !contains(&read, GREETING) {
        let more = stream.read_buf(&mut read).await.context("could not read")?;
        if more == 0 || (read.len() > 12 && !read.starts_with(b"HTTP/1.1 200")) {
            bail!("a client was answered: {}", String::from_utf8_lossy(&read));
        }
    }
    Ok(stream)
}

/// Tells when it hears of a ban, and of whose.
async fn listen(mut stream: TcpStream, heard: mpsc::UnboundedSender<(u64, Instant)>) {
    let mut kept = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut kept).await {
        while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = kept.drain(..=end).collect();
            let user = find(&line, USER).filter(|_| contains(&line, EVENT));
            let digits = user.map(|at| {
                line[at + USER.len()..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
            });
            let text: Option<String> = digits.map(|digits| digits.copied().map(char::from).collect());
            if let Some(user) = text.and_then(|text| text.parse().ok()) {
                // Whoever counts may have ended.
                let _ = heard.send((user, Instant::now()));
            }
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    find(text, part).is_some()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
