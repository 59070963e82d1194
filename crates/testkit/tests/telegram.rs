//! The fake Telegram keeps the real one's rules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use chrono::TimeDelta;
use lockdown_runtime::{Clock, MockClock};
use lockdown_testkit::fakes::FakeTelegram;
use lockdown_testkit::fakes::telegram::{Fault, Limit, Permissions, Status};
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

/// A bot that is an administrator of a supergroup with one member.
struct Town {
    telegram: FakeTelegram,
    clock: MockClock,
    bot: i64,
    chat: i64,
    owner: i64,
    mallory: i64,
    client: reqwest::Client,
}

// === impl Town ===

impl Town {
    async fn build() -> Self {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let telegram = FakeTelegram::start_at(clock).await.unwrap();
        let bot = telegram.add_bot(TOKEN, "lockdown");
        let owner = telegram.add_person("Olga", Some("olga"));
        let chat = telegram.add_supergroup("Town", owner);
        let mallory = telegram.add_person("Mallory", None);
        telegram.set_status(
            chat,
            owner,
            bot,
            Status::administrator(Permissions::administrator()),
        );
        telegram.add_member(chat, owner, mallory);
        Self {
            telegram,
            clock: mock,
            bot,
            chat,
            owner,
            mallory,
            client: reqwest::Client::new(),
        }
    }

    async fn answer(&self, method: &str, params: Value) -> Value {
        let url = format!("{}/bot{TOKEN}/{method}", self.telegram.url());
        let answer = self.client.post(url).json(&params).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn ok(&self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["result"].clone()
    }

    async fn refused(&self, method: &str, params: Value) -> String {
        let answer = self.answer(method, params).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["description"].as_str().unwrap().to_owned()
    }

    async fn kinds(&self, params: Value) -> Vec<String> {
        let updates = self.ok("getUpdates", params).await;
        let kind = |update: &Value| {
            let mut names = update.as_object().unwrap().keys();
            names.find(|name| *name != "update_id").unwrap().clone()
        };
        updates.as_array().unwrap().iter().map(kind).collect()
    }
}

#[tokio::test]
async fn updates_come_until_they_are_confirmed_and_only_those_asked_for() {
    let town = Town::build().await;
    // Nobody asked for `chat_member` when Mallory came.
    assert_eq!(town.kinds(json!({})).await, ["my_chat_member"]);
    assert_eq!(
        town.kinds(json!({})).await,
        ["my_chat_member"],
        "nothing was confirmed"
    );
    let first = town.ok("GetUpdates", json!({})).await[0]["update_id"]
        .as_i64()
        .unwrap();
    let kinds = json!({ "offset": first + 1, "allowed_updates": ["message", "chat_member"] });
    assert_eq!(town.kinds(kinds).await, Vec::<String>::new());
    town.telegram.leave(town.chat, town.mallory);
    town.telegram.join(town.chat, town.mallory);
    town.telegram.say(town.chat, town.mallory, "hello");
    // What is queued stays when other kinds are asked for.
    let kinds = town.kinds(json!({ "allowed_updates": ["message"] })).await;
    assert_eq!(kinds, ["chat_member", "chat_member", "message", "message"]);
    town.telegram.leave(town.chat, town.mallory);
    assert_eq!(town.kinds(json!({ "offset": -1 })).await, ["message"]);
    assert_eq!(town.telegram.waiting(town.bot), 1);
}

#[tokio::test]
async fn a_poll_waits_for_what_comes_and_ends_the_one_before() {
    let town = Town::build().await;
    town.ok("getUpdates", json!({ "offset": i64::from(i32::MAX) }))
        .await;
    let (first, second, ()) = tokio::join!(
        town.answer("getUpdates", json!({ "timeout": 50 })),
        async {
            while town.telegram.calls("getUpdates").len() < 2 {
                tokio::task::yield_now().await;
            }
            town.answer("getUpdates", json!({ "timeout": 50 })).await
        },
        async {
            while town.telegram.calls("getUpdates").len() < 3 {
                tokio::task::yield_now().await;
            }
            town.telegram.say(town.chat, town.mallory, "hello");
        }
    );
    assert_eq!(first["error_code"], 409, "{first}");
    assert_eq!(second["result"][0]["message"]["text"], "hello");
}

#[tokio::test]
async fn bans_keep_the_rules_of_their_end() {
    let town = Town::build().await;
    let now = town.clock.now().timestamp();
    let (telegram, chat, mallory) = (&town.telegram, town.chat, town.mallory);
    telegram.say(chat, mallory, "spam");
    for (until, ends) in [(now + 20, false), (now + 60, true), (now + 400 * 86_400, false)] {
        let params = json!({ "chat_id": chat, "user_id": mallory, "until_date": until });
        town.ok("banChatMember", params).await;
        let timed = matches!(telegram.status(chat, mallory), Status::Banned { until: Some(_) });
        assert_eq!(timed, ends, "{until}");
    }
    assert!(
        telegram
            .messages(chat)
            .iter()
            .all(|id| telegram.message(chat, *id).unwrap()["text"] != "spam")
    );
    let unban = json!({ "chat_id": chat, "user_id": mallory, "only_if_banned": true });
    town.ok("unbanChatMember", unban.clone()).await;
    telegram.join(chat, mallory);
    town.ok("unbanChatMember", unban).await;
    assert!(telegram.status(chat, mallory).is_present());
    town.ok("unbanChatMember", json!({ "chat_id": chat, "user_id": mallory }))
        .await;
    assert_eq!(
        telegram.status(chat, mallory),
        Status::Left,
        "kicked, and free to return"
    );
    telegram.join(chat, mallory);
    let owner = json!({ "chat_id": chat, "user_id": town.owner });
    assert_eq!(
        town.refused("banChatMember", owner).await,
        "Bad Request: can't remove chat owner"
    );
    let timed = json!({ "chat_id": chat, "user_id": mallory, "until_date": now + 60 });
    town.ok("banChatMember", timed).await;
    town.clock.advance(TimeDelta::seconds(60));
    assert_eq!(telegram.status(chat, mallory), Status::Left);
}

#[tokio::test]
async fn a_restriction_takes_what_it_does_not_name() {
    let town = Town::build().await;
    let (telegram, chat, mallory) = (&town.telegram, town.chat, town.mallory);
    let silent = json!({ "chat_id": chat, "user_id": mallory, "permissions": {}, "use_independent_chat_permissions": true });
    town.ok("restrictChatMember", silent).await;
    assert!(!telegram.may(chat, mallory, "can_send_messages"));
    assert_eq!(telegram.say(chat, mallory, "but"), 0);
    telegram.set_defaults(chat, Permissions::of(&["can_send_messages", "can_send_photos"]));
    let permissions = town.ok("getChat", json!({ "chat_id": chat })).await["permissions"].clone();
    let restored = json!({
        "chat_id": chat, "user_id": mallory, "permissions": permissions, "use_independent_chat_permissions": true,
    });
    town.ok("restrictChatMember", restored).await;
    assert_eq!(telegram.status(chat, mallory), Status::Member);
    let unknown = json!({ "chat_id": chat, "user_id": mallory, "permissions": { "can_fly": true } });
    town.refused("restrictChatMember", unknown).await;
}

#[tokio::test]
async fn messages_can_be_deleted_for_two_days() {
    let town = Town::build().await;
    let (telegram, chat, mallory) = (&town.telegram, town.chat, town.mallory);
    let old = telegram.say(chat, mallory, "old");
    town.clock.advance(TimeDelta::hours(47));
    let new = telegram.say(chat, mallory, "new");
    town.clock.advance(TimeDelta::hours(2));
    let refused = town
        .refused("deleteMessage", json!({ "chat_id": chat, "message_id": old }))
        .await;
    assert_eq!(refused, "Bad Request: message can't be deleted");
    let many = json!({ "chat_id": chat, "message_ids": [old, new, 9_999] });
    town.ok("deleteMessages", many).await;
    assert!(telegram.message(chat, old).is_some() && telegram.message(chat, new).is_none());
    let too_many: Vec<i64> = (1..=101).collect();
    town.refused(
        "deleteMessages",
        json!({ "chat_id": chat, "message_ids": too_many }),
    )
    .await;
}

#[tokio::test]
async fn who_never_began_a_chat_is_not_written_to() {
    let town = Town::build().await;
    let hello = json!({ "chat_id": town.mallory, "text": "you were banned" });
    let refused = town.refused("sendMessage", hello.clone()).await;
    assert_eq!(refused, "Forbidden: bot can't initiate conversation with a user");
    town.telegram.start_bot(town.mallory, town.bot);
    town.ok("sendMessage", hello.clone()).await;
    assert_eq!(town.telegram.said(town.mallory, town.bot), ["you were banned"]);
    town.telegram.block_bot(town.mallory, town.bot);
    let refused = town.refused("sendMessage", hello).await;
    assert_eq!(refused, "Forbidden: bot was blocked by the user");
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait() {
    let town = Town::build().await;
    town.telegram.limit(Limit::sends());
    let hello = json!({ "chat_id": town.chat, "text": "hello" });
    for _ in 0..20 {
        town.ok("sendMessage", hello.clone()).await;
    }
    let limited = town.answer("sendMessage", hello.clone()).await;
    assert_eq!(limited["parameters"]["retry_after"], 60, "{limited}");
    town.answer("sendMessage", hello.clone()).await;
    assert_eq!(town.telegram.impatient(), 1);
    town.clock.advance(TimeDelta::seconds(60));
    town.ok("sendMessage", hello).await;
}

#[tokio::test]
async fn what_goes_wrong_is_planned() {
    let town = Town::build().await;
    let ban = json!({ "chat_id": town.chat, "user_id": town.mallory });
    town.telegram.fault("banChatMember", 1, Fault::Status(502));
    town.refused("banChatMember", ban.clone()).await;
    assert!(!town.telegram.status(town.chat, town.mallory).is_banned());
    town.telegram.fault("banChatMember", 1, Fault::Dropped);
    let url = format!("{}/bot{TOKEN}/banChatMember", town.telegram.url());
    let answer = town.client.post(url).json(&ban).send().await;
    let read = match answer {
        Ok(answer) => answer.text().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(read.is_err(), "the connection was to be dropped");
    assert!(
        town.telegram.status(town.chat, town.mallory).is_banned(),
        "it was done all the same"
    );
    let group = town.telegram.add_group("Village", town.owner);
    town.telegram.add_member(group, town.owner, town.bot);
    let moved = town.telegram.migrate(group);
    let answer = town
        .answer("sendMessage", json!({ "chat_id": group, "text": "x" }))
        .await;
    assert_eq!(answer["parameters"]["migrate_to_chat_id"], moved);
    assert_eq!(
        town.refused("sendMessage", json!({ "chat": 1 })).await,
        "Bad Request: parameter \"chat_id\" is required"
    );
}

#[tokio::test]
async fn a_webhook_is_called_with_its_secret_until_it_takes_the_update() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let town = Town::build().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let set = json!({ "url": url, "secret_token": "s3cret-Token", "drop_pending_updates": true });
    town.ok("setWebhook", set).await;
    assert!(
        town.refused("getUpdates", json!({}))
            .await
            .starts_with("Conflict: ")
    );
    town.telegram.say(town.chat, town.mallory, "hello");
    let mut taken = Vec::new();
    for status in ["500 Internal Server Error", "200 OK"] {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = String::new();
        while !read.contains("\"update_id\"") {
            let mut part = [0; 4096];
            let size = stream.read(&mut part).await.unwrap();
            read.push_str(std::str::from_utf8(&part[..size]).unwrap());
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        assert!(
            read.to_ascii_lowercase()
                .contains("x-telegram-bot-api-secret-token: s3cret-token"),
            "{read}"
        );
        taken.push(read.split("\r\n\r\n").nth(1).unwrap().to_owned());
    }
    assert_eq!(taken[0], taken[1], "it comes again until it is taken");
    tokio::time::timeout(Duration::from_secs(10), async {
        while town.telegram.waiting(town.bot) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}
