//! The fake Discord keeps Discord's rules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use chrono::TimeDelta;
use futures_util::{SinkExt as _, StreamExt as _};
use lockdown_runtime::{Clock, MockClock};
use lockdown_testkit::fakes::FakeDiscord;
use lockdown_testkit::fakes::discord::permissions::{ADMINISTRATOR, MANAGE_MESSAGES};
use lockdown_testkit::fakes::discord::{Fault, MESSAGE_CONTENT};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const TOKEN: &str = "the-token";

struct Town {
    discord: FakeDiscord,
    clock: MockClock,
    bot: u64,
    owner: u64,
    ana: u64,
    guild: u64,
    channel: u64,
    client: reqwest::Client,
}

/// An answer: status, headers, body.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

// === impl Town ===

impl Town {
    async fn new() -> Self {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let discord = FakeDiscord::start_at(clock).await.unwrap();
        discord.limit_globally(10_000);
        let bot = discord.add_bot(TOKEN, "lockdown");
        let (owner, ana) = (discord.person("Owner"), discord.person("Ana"));
        let guild = discord.guild("Town", owner);
        let channel = discord.channel(guild, "general");
        discord.invite(guild, bot);
        discord.join(guild, ana);
        Self {
            discord,
            clock: mock,
            bot,
            owner,
            ana,
            guild,
            channel,
            client: reqwest::Client::new(),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{}/api/v10/{path}", self.discord.url());
        let request = self
            .client
            .request(method, url)
            .header("authorization", format!("Bot {TOKEN}"))
            .json(&body);
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.json().await.unwrap_or(Value::Null),
        }
    }

    /// The status and Discord's own number for what is wrong.
    async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, u64) {
        let answer = self.ask(method, path, body).await;
        (answer.status, answer.body["code"].as_u64().unwrap_or(0))
    }
}

// === impl Answer ===

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[tokio::test]
async fn ranks_and_permissions_decide() {
    let town = Town::new().await;
    let (discord, guild) = (&town.discord, town.guild);
    let (ban, member) = (
        |id: u64| format!("guilds/{guild}/bans/{id}"),
        |id: u64| format!("guilds/{guild}/members/{id}"),
    );
    let chief = discord.person("Chief");
    discord.join(guild, chief);
    let high = discord.role(guild, "chief", 50, 0);
    discord.give(guild, chief, high);
    // As high as the bot is too high.
    for above in [chief, town.owner] {
        assert_eq!(
            town.refused(Method::PUT, &ban(above), json!({})).await,
            (403, 50_013)
        );
    }
    let later = json!({ "communication_disabled_until": "2026-11-21T09:06:00Z" });
    let admin = discord.role(guild, "admin", 3, ADMINISTRATOR);
    discord.give(guild, town.ana, admin);
    assert_eq!(
        town.refused(Method::PATCH, &member(town.ana), later.clone())
            .await,
        (403, 50_013)
    );
    discord.permit(guild, admin, 0);
    assert_eq!(
        town.refused(Method::PATCH, &member(town.ana), later).await,
        (200, 0)
    );
    assert!(discord.muted_until(guild, town.ana).is_some());
    let far = town
        .ask(
            Method::PATCH,
            &member(town.ana),
            json!({ "communication_disabled_until": "2026-12-20T09:06:00Z" }),
        )
        .await;
    assert_eq!((far.status, &far.body["code"]), (400, &json!(50_035)));
    assert!(far.body["errors"]["communication_disabled_until"]["_errors"][0]["code"].is_string());
    let week = json!({ "delete_message_seconds": 604_801 });
    assert_eq!(
        town.refused(Method::PUT, &ban(town.ana), week).await,
        (400, 50_035)
    );
    assert_eq!(
        town.refused(Method::PUT, &ban(4_711_000), json!({})).await,
        (404, 10_013)
    );
    assert_eq!(
        town.refused(Method::DELETE, &ban(town.ana), json!({})).await,
        (404, 10_026)
    );
    assert_eq!(
        town.refused(Method::DELETE, &member(4_711_000), json!({})).await,
        (404, 10_013)
    );
    assert_eq!(
        town.refused(Method::GET, "guilds/4711000", json!({})).await,
        (404, 10_004)
    );
    let elsewhere = discord.guild("Elsewhere", town.owner);
    assert_eq!(
        town.refused(Method::GET, &format!("guilds/{elsewhere}"), json!({}))
            .await,
        (403, 50_001)
    );
    assert_eq!(discord.invalid_requests(), 4);
}

#[tokio::test]
async fn messages_are_deleted_by_discords_rules() {
    let town = Town::new().await;
    let (discord, channel) = (&town.discord, town.channel);
    let many = format!("channels/{channel}/messages/bulk-delete");
    let ids = |ids: &[u64]| json!({ "messages": ids.iter().map(u64::to_string).collect::<Vec<_>>() });
    let said: Vec<u64> = (0..3)
        .map(|n| discord.say(town.ana, channel, &n.to_string()))
        .collect();
    let old = discord.said(town.ana, channel, "old", TimeDelta::days(15));
    assert_eq!(
        town.refused(Method::POST, &many, ids(&said[..1])).await,
        (400, 50_016)
    );
    assert_eq!(
        town.refused(Method::POST, &many, ids(&[said[0], old])).await,
        (400, 50_034)
    );
    assert_eq!(
        town.refused(Method::POST, &many, ids(&[said[0], said[0]])).await,
        (400, 50_035)
    );
    assert_eq!(discord.messages(channel).len(), 4);
    // One that is not there counts and is ignored.
    assert_eq!(
        town.refused(Method::POST, &many, ids(&[said[0], said[1], said[2] + 1]))
            .await,
        (204, 0)
    );
    let one = |id: u64| format!("channels/{channel}/messages/{id}");
    assert_eq!(town.refused(Method::DELETE, &one(old), json!({})).await, (204, 0));
    assert_eq!(
        town.refused(Method::DELETE, &one(old), json!({})).await,
        (404, 10_008)
    );
    let deny =
        json!({ "id": town.bot.to_string(), "type": 1, "allow": "0", "deny": MANAGE_MESSAGES.to_string() });
    discord.overwrite(channel, vec![deny]);
    assert_eq!(
        town.refused(Method::DELETE, &one(said[2]), json!({})).await,
        (403, 50_013)
    );
    // A thread has the permissions of the channel above it.
    let thread = discord.thread(town.guild, channel, "thread");
    let there = discord.say(town.ana, thread, "x");
    let path = format!("channels/{thread}/messages/{there}");
    assert_eq!(
        town.refused(Method::DELETE, &path, json!({})).await,
        (403, 50_013)
    );
}

#[tokio::test]
async fn limits_say_how_long_to_wait() {
    let town = Town::new().await;
    town.discord
        .limit("GET guilds/{}/bans", 2, Duration::from_secs(10));
    let path = format!("guilds/{}/bans", town.guild);
    let first = town.ask(Method::GET, &path, json!({})).await;
    assert_eq!(
        (
            first.header("x-ratelimit-limit"),
            first.header("x-ratelimit-remaining")
        ),
        ("2", "1")
    );
    assert_eq!(first.header("x-ratelimit-reset-after"), "10.000");
    town.ask(Method::GET, &path, json!({})).await;
    let third = town.ask(Method::GET, &path, json!({})).await;
    assert_eq!(
        (
            third.status,
            third.header("retry-after"),
            third.header("x-ratelimit-scope")
        ),
        (429, "10", "user")
    );
    assert_eq!(third.body["global"], false);
    town.clock.advance(TimeDelta::seconds(10));
    assert_eq!(town.ask(Method::GET, &path, json!({})).await.status, 200);

    town.discord
        .fail("GET", "bans", 1, Fault::LimitedGlobally(Duration::from_secs(3)));
    let paused = town.ask(Method::GET, &path, json!({})).await;
    assert_eq!(
        (paused.status, paused.header("x-ratelimit-global")),
        (429, "true")
    );
    assert_eq!(town.ask(Method::GET, "users/@me", json!({})).await.status, 429);
    assert_eq!(town.discord.requests_during_pause(), 1);
    town.clock.advance(TimeDelta::seconds(3));
    assert_eq!(town.ask(Method::GET, "users/@me", json!({})).await.status, 200);
    // One that is nobody's fault does not count among the invalid ones.
    town.clock.advance(TimeDelta::seconds(10));
    let before = town.discord.invalid_requests();
    town.discord
        .fail("GET", "bans", 1, Fault::LimitedShared(Duration::from_secs(3)));
    let shared = town.ask(Method::GET, &path, json!({})).await;
    assert_eq!(
        (shared.status, shared.header("x-ratelimit-scope")),
        (429, "shared")
    );
    assert_eq!(town.discord.invalid_requests(), before);
}

#[tokio::test]
async fn interactions_live_as_long_as_discord_lets_them() {
    let town = Town::new().await;
    let use_command = || {
        town.discord
            .command(town.bot, town.ana, town.channel, "ban", &json!([]))
    };
    let callback = |token: &str| {
        format!(
            "interactions/{}/{token}/callback",
            token.rsplit('-').next().unwrap()
        )
    };
    let deferred = json!({ "type": 5, "data": { "flags": 64 } });
    let token = use_command();
    assert_eq!(
        town.refused(Method::POST, &callback(&token), deferred.clone())
            .await,
        (204, 0)
    );
    assert_eq!(
        town.refused(Method::POST, &callback(&token), deferred.clone())
            .await,
        (400, 40_060)
    );
    let original = format!("webhooks/{}/{token}/messages/@original", town.bot);
    town.clock.advance(TimeDelta::minutes(14));
    assert_eq!(
        town.refused(Method::PATCH, &original, json!({ "content": "done" }))
            .await,
        (200, 0)
    );
    assert_eq!(town.discord.replies(&token)[0]["content"], "done");
    town.clock.advance(TimeDelta::minutes(2));
    assert_eq!(
        town.refused(Method::PATCH, &original, json!({ "content": "late" }))
            .await,
        (401, 50_027)
    );
    let token = use_command();
    town.clock.advance(TimeDelta::seconds(4));
    assert_eq!(
        town.refused(Method::POST, &callback(&token), deferred).await,
        (404, 10_062)
    );
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn next(socket: &mut Socket) -> Value {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Close(frame) => json!({ "closed": frame.map(|frame| u16::from(frame.code)) }),
        other => panic!("{other:?}"),
    }
}

async fn connect(url: &str, first: &Value) -> Socket {
    let (mut socket, _) = connect_async(format!("{url}/?v=10&encoding=json")).await.unwrap();
    assert_eq!(next(&mut socket).await["op"], 10);
    socket.send(Message::Text(first.to_string())).await.unwrap();
    socket
}

fn identify(intents: u64) -> Value {
    json!({ "op": 2, "d": { "token": TOKEN, "intents": intents, "properties": {} } })
}

#[tokio::test]
async fn sessions_outlive_their_connections() {
    let town = Town::new().await;
    let url = town.ask(Method::GET, "gateway", json!({})).await.body["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let all = 1 | 1 << 1 | 1 << 2 | 1 << 9 | MESSAGE_CONTENT;
    let mut socket = connect(&url, &identify(all)).await;
    let ready = next(&mut socket).await;
    assert_eq!((&ready["t"], &ready["s"]), (&json!("READY"), &json!(1)));
    assert_eq!(
        ready["d"]["guilds"],
        json!([{ "id": town.guild.to_string(), "unavailable": true }])
    );
    let here = next(&mut socket).await;
    assert_eq!(
        (&here["t"], &here["d"]["id"]),
        (&json!("GUILD_CREATE"), &json!(town.guild.to_string()))
    );
    town.discord.say(town.ana, town.channel, "one");
    assert_eq!(next(&mut socket).await["d"]["content"], "one");
    town.discord.close_gateway(Some(4_000));
    assert_eq!(next(&mut socket).await, json!({ "closed": 4_000 }));
    drop(socket);
    while town.discord.connected() > 0 {
        tokio::task::yield_now().await;
    }
    town.discord.say(town.ana, town.channel, "two");

    let (id, again) = (
        &ready["d"]["session_id"],
        ready["d"]["resume_gateway_url"].as_str().unwrap(),
    );
    assert_ne!(again, url);
    let resume = |seq: u64| json!({ "op": 6, "d": { "token": TOKEN, "session_id": id, "seq": seq } });
    let mut socket = connect(again, &resume(3)).await;
    assert_eq!(next(&mut socket).await["d"]["content"], "two");
    assert_eq!(next(&mut socket).await["t"], "RESUMED");
    let mut ahead = connect(again, &resume(99)).await;
    assert_eq!(next(&mut ahead).await, json!({ "closed": 4_007 }));
    // Its end does not unhook the session that another connection has.
    drop(ahead);
    town.discord.say(town.ana, town.channel, "three");
    assert_eq!(next(&mut socket).await["d"]["content"], "three");
    // A client that says goodbye gives its session up.
    socket
        .close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 1_000.into(),
            reason: "".into(),
        }))
        .await
        .unwrap();
    while town.discord.connected() > 0 {
        tokio::task::yield_now().await;
    }
    let mut socket = connect(again, &resume(6)).await;
    let invalid = next(&mut socket).await;
    assert_eq!((&invalid["op"], &invalid["d"]), (&json!(9), &json!(false)));
}

#[tokio::test]
async fn intents_decide_what_is_seen() {
    let town = Town::new().await;
    let url = town.ask(Method::GET, "gateway", json!({})).await.body["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut socket = connect(&url, &identify(1 | 1 << 9)).await;
    next(&mut socket).await;
    let here = next(&mut socket).await;
    assert_eq!(here["d"]["members"].as_array().unwrap().len(), 1);
    town.discord.leave(town.guild, town.ana);
    town.discord.say(town.owner, town.channel, "secret");
    let said = next(&mut socket).await;
    assert_eq!(
        (&said["t"], &said["d"]["content"]),
        (&json!("MESSAGE_CREATE"), &json!(""))
    );
    let mine = json!({ "mentions": [{ "id": town.bot.to_string() }] });
    town.discord.say_with(town.owner, town.channel, "to you", &mine);
    assert_eq!(next(&mut socket).await["d"]["content"], "to you");

    town.discord.grant_intents(town.bot, 0);
    let mut socket = connect(&url, &identify(1 | MESSAGE_CONTENT)).await;
    assert_eq!(next(&mut socket).await, json!({ "closed": 4_014 }));
    let mut socket = connect(
        &url,
        &json!({ "op": 2, "d": { "token": "another", "intents": 1 } }),
    )
    .await;
    assert_eq!(next(&mut socket).await, json!({ "closed": 4_004 }));
}
