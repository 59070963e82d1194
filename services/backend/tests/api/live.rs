//! What happens, heard while it happens.

use crate::house::{HERE, House};
use futures_util::StreamExt as _;
use lockdown_events::Envelope;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(60);
const LIVE: &str = "/events/live";

/// One client, by either way.
pub(crate) enum Client {
    Events(Response, String),
    Socket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>, Option<CloseCode>),
}

/// What is said, and from where to go on after it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) place: String,
    pub(crate) body: Value,
}

async fn events(house: &House, token: &str, query: &str, after: Option<&str>) -> Client {
    events_of(house, token, &format!("{LIVE}{query}"), after).await
}

async fn socket(house: &House, token: &str, query: &str) -> Client {
    socket_of(house, token, &format!("{LIVE}{query}")).await
}

/// Listens by server-sent events, after a place.
pub(crate) async fn events_of(house: &House, token: &str, path: &str, after: Option<&str>) -> Client {
    let mut request = house.ask(token, Method::GET, path);
    if let Some(after) = after {
        request = request.header("Last-Event-ID", after);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut client = Client::Events(response, String::new());
    assert_eq!(client.next().await.unwrap().body["eventType"], "live:heartbeat");
    client
}

/// Listens over a WebSocket.
pub(crate) async fn socket_of(house: &House, token: &str, path: &str) -> Client {
    let url = format!("ws://{}/api/v1{path}", house.addr);
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {}", house.secret(token));
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let mut client = Client::Socket(Box::new(socket), None);
    assert_eq!(client.next().await.unwrap().body["eventType"], "live:heartbeat");
    client
}

// === impl Client ===

impl Client {
    /// What is said next; `None` at the end.
    async fn next(&mut self) -> Option<Told> {
        let told = tokio::time::timeout(PATIENCE, self.told()).await;
        told.expect("nothing is said")
    }

    async fn told(&mut self) -> Option<Told> {
        match self {
            Self::Events(response, text) => loop {
                if let Some((block, rest)) = text.split_once("\n\n") {
                    let told = told(block);
                    *text = rest.to_owned();
                    return Some(told);
                }
                let chunk = response.chunk().await.unwrap()?;
                text.push_str(std::str::from_utf8(&chunk).unwrap());
            },
            Self::Socket(socket, code) => loop {
                match socket.next().await? {
                    Ok(Message::Text(text)) => {
                        let mut body: Value = serde_json::from_str(&text).unwrap();
                        let place = body.as_object_mut().unwrap().remove("cursor").unwrap();
                        let place = place.as_str().unwrap().to_owned();
                        return Some(Told { place, body });
                    }
                    Ok(Message::Close(frame)) => *code = frame.map(|frame| frame.code),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            },
        }
    }

    /// The next that is no word of the stream's own.
    pub(crate) async fn event(&mut self) -> Told {
        loop {
            let told = self.next().await.expect("the stream ended");
            assert_ne!(told.kind(), "live:missed", "who keeps up misses nothing");
            if !told.kind().starts_with("live:") {
                return told;
            }
        }
    }

    /// That it ends, and why.
    async fn ends(&mut self) -> String {
        loop {
            let told = self.next().await.expect("it says why it ends");
            if told.kind() == "live:end" {
                assert!(self.next().await.is_none(), "it says something after its end");
                return told.body["data"]["reason"].as_str().unwrap().to_owned();
            }
        }
    }
}

// === impl Told ===

impl Told {
    fn kind(&self) -> &str {
        self.body["eventType"].as_str().unwrap()
    }

    fn user(&self) -> &str {
        self.body["data"]["userId"].as_str().unwrap()
    }
}

fn told(block: &str) -> Told {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    Told {
        place: field("id: ").expect("every event has an id").to_owned(),
        body: serde_json::from_str(field("data: ").unwrap()).unwrap(),
    }
}

async fn say(house: &House, guild: &str, number: usize, content: &str) {
    let id = house.ctx.ids.next();
    let envelope = json!({ "eventId": id, "eventType": "message:created", "timestamp": house.ctx.clock.now(),
        "source": "discord-bot", "correlationId": id.to_string(), "version": 1, "data": { "platform": "discord",
        "guildId": guild, "channelId": "7", "messageId": number.to_string(), "authorId": "9", "content": content } });
    let envelope = Envelope::decode(&envelope.to_string()).unwrap();
    house.bus.publish_as_it_is(&envelope, false).await.unwrap();
}

pub(crate) async fn events_are_heard_as_they_happen(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let bans = "?platform=discord&guildId=100&type=ban:*,kick:*";
    let mut clients = [
        events(&house, "moderator", bans, None).await,
        socket(&house, "moderator", bans).await,
        events(&house, "moderator", "?type=ban:created", None).await,
        socket(&house, crate::house::ADMIN, "?type=ban:created").await,
    ];
    let (mut stranger, mut operator) = (
        events(&house, "stranger", "", None).await,
        socket(&house, "operator", "?type=message:*").await,
    );
    for user in ["601", "602"] {
        house.ban(user).await;
    }
    let kept = house.told("ban:created", 2).await;
    for client in &mut clients {
        for (user, kept) in ["601", "602"].iter().zip(&kept) {
            let told = client.event().await;
            assert_eq!((told.kind(), told.user()), ("ban:created", *user));
            for member in ["eventId", "timestamp", "source", "correlationId", "data"] {
                assert_eq!(told.body[member], kept[member], "{member}");
            }
            assert!(told.body["streamId"].as_str().unwrap().starts_with("mod."));
        }
    }
    // Of their own community, the only event is this one.
    say(&house, "100", 1, "here").await;
    say(&house, "200", 2, "there").await;
    let told = stranger.event().await;
    assert_eq!(told.body["data"]["content"], "there");
    for content in ["here", "there"] {
        assert_eq!(operator.event().await.body["data"]["content"], content);
    }
}

pub(crate) async fn what_an_outsider_publishes_is_heard_in_one_line(house: House) {
    let mut client = events(&house, "moderator", "?type=ban:*", None).await;
    let text = "{\n \"eventType\":\"ban:created\",\r\n \"timestamp\":\"2026-11-20T09:06:00Z\",\"source\":\"old\",\n \
        \"data\":{\n\"guildId\":\"100\",\"reason\":\"a\\nb\"}}";
    let envelope = Envelope::decode(text).unwrap();
    house.bus.publish_as_it_is(&envelope, false).await.unwrap();
    let told = client.event().await;
    assert_eq!(told.body["data"], json!({ "guildId": "100", "reason": "a\nb" }));
}

pub(crate) async fn who_was_away_goes_on_where_they_were(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let query = "?type=ban:created";
    let begin = house.get("moderator", &format!("{HERE}/events")).await;
    let begin = begin.is(200)["endCursor"].as_str().unwrap().to_owned();
    let mut client = events(&house, "moderator", query, None).await;
    house.ban("601").await;
    let first = client.event().await;
    drop(client);
    for user in ["602", "603"] {
        house.ban(user).await;
    }
    house.told("ban:created", 3).await;
    // By the header, by the address, and from a list on; more follows live.
    let mut clients = [
        (
            events(&house, "moderator", query, Some(&first.place)).await,
            vec!["602", "603"],
        ),
        (
            events(
                &house,
                "moderator",
                &format!("{query}&cursor=h1"),
                Some(&first.place),
            )
            .await,
            vec!["602", "603"],
        ),
        (
            socket(&house, "moderator", &format!("{query}&cursor={}", first.place)).await,
            vec!["602", "603"],
        ),
        (
            socket(
                &house,
                "moderator",
                &format!("{query}&platform=discord&guildId=100&cursor={begin}"),
            )
            .await,
            vec!["601", "602", "603"],
        ),
    ];
    for (client, users) in &mut clients {
        for user in users {
            assert_eq!(client.event().await.user(), *user);
        }
    }
    house.ban("604").await;
    for (client, _) in &mut clients {
        assert_eq!(client.event().await.user(), "604");
    }
}

pub(crate) async fn only_who_may_listens(house: House) {
    let refused = async |token: &str, query: &str, status, code| {
        let said = house.get(token, &format!("{LIVE}{query}")).await;
        said.is_problem(status, code);
        said.path().to_owned()
    };
    refused("viewer", "", 403, "forbidden").await;
    refused("viewer", "?platform=discord&guildId=100", 403, "forbidden").await;
    for guild in ["100", "12345"] {
        let query = format!("?platform=discord&guildId={guild}");
        refused("stranger", &query, 404, "unknown_guild").await;
    }
    for (query, path) in [
        ("?guildId=100", "guildId"),
        ("?platform=discord", "guildId"),
        ("?cursor=h9", "cursor"),
        ("?type=", "type"),
        ("?colour=red", "colour"),
    ] {
        assert_eq!(refused("moderator", query, 400, "bad_query").await, path);
    }
    let said = house.ask("moderator", Method::GET, LIVE);
    let said = crate::house::say(said.header("Upgrade", "websocket")).await;
    said.is_problem(400, "malformed");
}

pub(crate) async fn who_may_no_more_hears_the_end(mut house: House) {
    let id = house.give("leaving", Some(house.town.id), &["ban"]).await;
    let mut clients = [
        events(&house, "leaving", "", None).await,
        socket(&house, "leaving", "").await,
    ];
    let mut other = events(&house, "moderator", "", None).await;
    house.delete("owner", &format!("/tokens/{id}")).await.is(204);
    for client in &mut clients {
        assert_eq!(client.ends().await, "rights");
    }
    let [_, Client::Socket(_, code)] = clients else {
        panic!("the second is a socket")
    };
    assert_eq!(code, Some(CloseCode::Policy));
    say(&house, "100", 1, "still here").await;
    assert_eq!(other.event().await.kind(), "message:created");
}

pub(crate) async fn who_says_too_much_is_let_go(house: House) {
    let Client::Socket(mut socket, _) = socket(&house, "moderator", "").await else {
        panic!("it is a socket")
    };
    use futures_util::SinkExt as _;
    // What comes back tells that it was not taken; an error, that nothing is any more.
    let flood = async {
        while socket.feed(Message::Text("hello".into())).await.is_ok() {
            if socket.flush().await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
            if let Ok(Some(Ok(Message::Close(frame)))) =
                tokio::time::timeout(Duration::from_millis(1), socket.next()).await
            {
                return frame.map(|frame| frame.code);
            }
        }
        None
    };
    let code = tokio::time::timeout(PATIENCE, flood)
        .await
        .expect("it is heard on");
    assert_eq!(code, Some(CloseCode::Policy));
}

pub(crate) async fn no_more_listen_than_may(mut house: House) {
    house.again(&[("LOCKDOWN_LIVE_CLIENTS", Some("2"))]).await;
    let first = events(&house, "moderator", "", None).await;
    let _second = socket(&house, "moderator", "").await;
    let said = house.get("moderator", LIVE).await;
    said.is_problem(503, "overloaded");
    assert_eq!(said.headers["retry-after"], "5");
    drop(first);
    // As soon as it was seen that it has gone.
    let again = async {
        loop {
            let said = house.ask("moderator", Method::GET, LIVE).send().await.unwrap();
            if said.status() == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

pub(crate) async fn one_token_leaves_places_to_others(mut house: House) {
    house.again(&[("LOCKDOWN_LIVE_CLIENTS_EACH", Some("2"))]).await;
    let first = events(&house, "moderator", "", None).await;
    let _second = socket(&house, "moderator", "").await;
    for path in [LIVE, "/notifications/live"] {
        let said = house.get("moderator", path).await;
        let detail = said.is_problem(429, "too_many_streams")["detail"].clone();
        assert!(
            detail.as_str().unwrap().contains("LOCKDOWN_LIVE_CLIENTS_EACH"),
            "{detail}"
        );
        assert_eq!(said.headers["retry-after"], "5");
    }
    // All of these come from one address.
    let said = house.get("admin", LIVE).await;
    said.is_problem(429, "too_many_streams");
    drop(first);
    let again = async {
        while house
            .ask("admin", Method::GET, LIVE)
            .send()
            .await
            .unwrap()
            .status()
            != 200
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

pub(crate) async fn a_stop_ends_every_stream(house: House) {
    let mut clients = [
        events(&house, "moderator", "", None).await,
        socket(&house, "operator", "").await,
    ];
    house.ctx.shutdown.request("a stop");
    for client in &mut clients {
        assert_eq!(client.ends().await, "stopping");
    }
    let [_, Client::Socket(_, code)] = clients else {
        panic!("the second is a socket")
    };
    assert_eq!(code, Some(CloseCode::Away));
    let gone = async {
        while house
            .ctx
            .tasks
            .running()
            .iter()
            .any(|task| task == "live" || task == "http")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("a task hangs");
}

/// More than any buffer between us and a client holds, in events.
const MUCH: usize = 1_500;
/// Less than any of them holds.
const AT_ONCE: usize = 50;

/// A client that takes nothing, until it is asked to.
async fn lazy(house: &House) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(house.addr).await.unwrap();
    let head = format!(
        "GET /api/v1{LIVE}?type=message:* HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        house.secret("moderator")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"H");
    stream
}

/// What a client of the plain wire is told, in pieces of chunks.
struct Plain(TcpStream, Vec<u8>);

impl Plain {
    async fn told(&mut self) -> Option<Told> {
        let mut lines = VecDeque::new();
        loop {
            while let Some(at) = self.1.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.1.drain(..=at).collect();
                let line = String::from_utf8(line).unwrap();
                if line.starts_with("id: ") || line.starts_with("data: ") {
                    lines.push_back(line);
                }
                if lines.len() == 2 {
                    return Some(told(&lines.make_contiguous().concat()));
                }
            }
            let read = tokio::time::timeout(PATIENCE, self.0.read_buf(&mut self.1)).await;
            if !matches!(read.expect("nothing comes"), Ok(1..)) {
                return None;
            }
        }
    }
}

pub(crate) async fn who_does_not_keep_up_is_told_and_dropped(mut house: House) {
    house.again(&[("LOCKDOWN_LIVE_CLIENTS", Some("3"))]).await;
    let stopped = lazy(&house).await;
    let content = "x".repeat(16 * 1024);
    let late = lazy(&house).await;
    let mut quick = events(&house, "moderator", "?type=message:*", None).await;
    for first in (0..MUCH).step_by(AT_ONCE) {
        let numbers = futures_util::stream::iter(first..first + AT_ONCE);
        let say = |number| say(&house, "100", number, &content);
        numbers.for_each_concurrent(AT_ONCE, say).await;
        for _ in 0..AT_ONCE {
            quick.event().await;
        }
    }
    // Whoever begins to read again hears what fell out, where it fell out.
    let mut late = Plain(late, Vec::new());
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < MUCH {
        let told = late.told().await.expect("the stream ended");
        match told.kind() {
            "message:created" => heard += 1,
            "live:missed" => {
                missed += usize::try_from(told.body["data"]["count"].as_u64().unwrap()).unwrap();
            }
            "live:heartbeat" => {}
            // It took us too long to begin.
            "live:end" => break,
            kind => panic!("{kind}: {heard} heard, {missed} missed"),
        }
    }
    assert!(missed > 0, "there is room for everything: {heard}");
    // Whoever does not is dropped, and leaves its place to others.
    let place = async {
        loop {
            let said = house.ask("moderator", Method::GET, LIVE).send().await.unwrap();
            match said.status().as_u16() {
                200 => break said,
                status => assert_eq!(status, 503),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let _place = tokio::time::timeout(PATIENCE, place)
        .await
        .expect("it is never dropped");
    let mut stopped = Plain(stopped, Vec::new());
    let mut heard = 0;
    while let Some(told) = stopped.told().await {
        heard += usize::from(told.kind() == "message:created");
    }
    assert!(heard < MUCH);
}
