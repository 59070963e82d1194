//! Words to moderators: listed, read, and heard.

use crate::house::{ADMIN, HERE, House, say};
use crate::live::{Client, events_of, socket_of};
use lockdown_events::{Platform, UserId};
use lockdown_store::accounts::{Account, AccountId};
use lockdown_store::dbx::Json;
use lockdown_store::in_tx;
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, StoreError};
use reqwest::Method;
use serde_json::{Value, json};

const LIVE: &str = "/notifications/live";

/// A moderator with an account of Discord's, and their token.
async fn ana(house: &House) -> String {
    let (ids, now) = (&house.ctx.ids, house.ctx.clock.now());
    let account = Account {
        id: AccountId(ids.next()),
        login: "ana".into(),
        created_at: now,
        disabled_at: None,
        operator_since: None,
    };
    let seen = Seen {
        platform: Platform::Discord,
        native_id: UserId::new("77").unwrap(),
        username: Some("ana".into()),
        display_name: None,
        is_bot: false,
        at: now,
    };
    let secret = Bearer::for_token();
    let token = ApiToken {
        id: TokenId(ids.next()),
        community_id: Some(house.town.id),
        name: "ana".into(),
        prefix: secret.prefix(),
        scopes: Json(["ban".to_owned()].into()),
        created_by: Some(account.id),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    in_tx!(house.store, |tx| {
        tx.insert_account(&account, None).await?;
        let new = (PersonId(ids.next()), IdentityId(ids.next()));
        let identity = tx.see(&seen, new).await?;
        tx.link_identity(account.id, identity.id, now).await?;
        tx.insert_token(&token, &secret).await?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    secret.expose().to_owned()
}

async fn tell(house: &House, body: Value) -> String {
    let said = house.post("operator", "/notifications", &body).await;
    said.is(201)["id"].as_str().unwrap().to_owned()
}

fn titles(page: &Value) -> Vec<&str> {
    let all = page["notifications"].as_array().unwrap().iter();
    all.map(|one| one["title"].as_str().unwrap()).collect()
}

async fn hears(client: &mut Client, title: &str) -> String {
    let told = client.event().await;
    assert_eq!(told.body["data"]["title"], title, "{told:?}");
    told.place
}

pub(crate) async fn everybody_has_their_own_notifications(house: House) {
    let ana = ana(&house).await;
    let all = json!({ "level": "info", "title": "all", "body": "We restart.", "link": "/status" });
    let here = json!({ "level": "warning", "title": "here", "platform": "discord", "guildId": "100" });
    let hers = json!({ "level": "urgent", "title": "hers", "platform": "discord", "userId": "77" });
    let there = json!({ "level": "info", "title": "there", "platform": "discord", "guildId": "200" });
    let mut ids = Vec::new();
    for body in [&all, &here, &hers, &there] {
        ids.push(tell(&house, body.clone()).await);
    }
    for (token, seen) in [
        (ana.as_str(), &["hers", "here", "all"][..]),
        ("moderator", &["here", "all"]),
        ("stranger", &["there", "all"]),
        ("operator", &["there", "here", "all"]),
        (ADMIN, &["there", "here", "all"]),
    ] {
        let page = house.get(token, "/notifications").await;
        assert_eq!(titles(page.is(200)), seen, "{token}");
        assert_eq!(page.body["unread"], seen.len());
    }
    let page = house.get(&ana, "/notifications?limit=1").await;
    let one = &page.is(200)["notifications"][0];
    assert_eq!(
        (&one["personal"], &one["level"]),
        (&json!(true), &json!("urgent"))
    );
    let next = page.body["nextCursor"].as_str().unwrap();
    let page = house.get(&ana, &format!("/notifications?cursor={next}")).await;
    assert_eq!(titles(page.is(200)), ["here", "all"]);
    let (here, all) = (&page.body["notifications"][0], &page.body["notifications"][1]);
    assert_eq!(
        (&here["platform"], &here["guildId"]),
        (&json!("discord"), &json!("100"))
    );
    assert_eq!(
        (&all["body"], &all["link"]),
        (&json!("We restart."), &json!("/status"))
    );

    // Read by one, and by nobody else.
    let read = async |token: &str, id: &str| {
        house
            .post(token, &format!("/notifications/{id}/read"), &Value::Null)
            .await
            .status
    };
    assert_eq!(read(&ana, &ids[1]).await, 204);
    assert_eq!(read(&ana, &ids[1]).await, 204);
    assert_eq!(read(&ana, &ids[3]).await, 404);
    assert_eq!(read("moderator", &ids[2]).await, 404);
    let unread = house.get(&ana, "/notifications?unread=true").await;
    assert_eq!(titles(unread.is(200)), ["hers", "all"]);
    assert_eq!(unread.body["unread"], 2);
    let up_to = json!({ "last": ids[0] });
    let marked = house.post(&ana, "/notifications/read", &up_to).await;
    assert_eq!(marked.is(200)["read"], 1);
    let page = house.get(&ana, "/notifications").await;
    let read: Vec<bool> = page.body["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| !one["readAt"].is_null())
        .collect();
    assert_eq!(read, [false, true, true]);
    assert_eq!(house.get("moderator", "/notifications").await.body["unread"], 2);
}

pub(crate) async fn notifications_are_heard_by_whom_they_are_for(house: House) {
    let ana = ana(&house).await;
    let mut clients = [
        events_of(&house, &ana, LIVE, None).await,
        socket_of(&house, &ana, LIVE).await,
    ];
    let mut other = events_of(&house, "moderator", LIVE, None).await;
    tell(
        &house,
        json!({ "level": "info", "title": "there", "platform": "discord", "guildId": "200" }),
    )
    .await;
    tell(
        &house,
        json!({ "level": "info", "title": "hers", "platform": "discord", "userId": "77" }),
    )
    .await;
    tell(&house, json!({ "level": "info", "title": "all" })).await;
    for client in &mut clients {
        hears(client, "hers").await;
    }
    let place = hears(&mut clients[0], "all").await;
    hears(&mut clients[1], "all").await;
    hears(&mut other, "all").await;
    drop(clients);
    // What was said meanwhile is told first, and once.
    tell(
        &house,
        json!({ "level": "info", "title": "meanwhile", "platform": "discord", "userId": "77" }),
    )
    .await;
    tell(
        &house,
        json!({ "level": "info", "title": "too", "platform": "discord", "guildId": "100" }),
    )
    .await;
    let query = format!("{LIVE}?cursor={place}");
    let mut clients = [
        events_of(&house, &ana, LIVE, Some(&place)).await,
        socket_of(&house, &ana, &query).await,
    ];
    tell(&house, json!({ "level": "info", "title": "after" })).await;
    for client in &mut clients {
        for title in ["meanwhile", "too", "after"] {
            hears(client, title).await;
        }
    }
}

pub(crate) async fn a_notification_says_something_to_somebody(house: House) {
    let refused = async |body: Value, path: &str| {
        let said = house.post("operator", "/notifications", &body).await;
        said.is_problem(422, "invalid");
        assert_eq!(said.path(), path, "{body}");
    };
    refused(json!({ "level": "info", "title": " " }), "title").await;
    refused(json!({ "level": "info", "title": "x".repeat(201) }), "title").await;
    refused(json!({ "level": "loud", "title": "a" }), "level").await;
    refused(
        json!({ "level": "info", "title": "a", "link": "https://x" }),
        "link",
    )
    .await;
    refused(
        json!({ "level": "info", "title": "a", "userId": "77" }),
        "platform",
    )
    .await;
    let both =
        json!({ "level": "info", "title": "a", "platform": "discord", "userId": "77", "guildId": "100" });
    refused(both, "userId").await;
    let nobody = json!({ "level": "info", "title": "a", "platform": "discord", "userId": "12345" });
    let said = house.post("operator", "/notifications", &nobody).await;
    said.is_problem(422, "unknown_person");
    let nowhere = json!({ "level": "info", "title": "a", "platform": "discord", "guildId": "12345" });
    let said = house.post("operator", "/notifications", &nowhere).await;
    said.is_problem(404, "unknown_guild");
}

pub(crate) async fn somebody_chooses_what_they_are_told(house: House) {
    let ana = ana(&house).await;
    let path = format!("{HERE}/me/notifications");
    let put = async |token: &str, body: &Value| say(house.ask(token, Method::PUT, &path).json(body)).await;
    assert_eq!(house.get(&ana, &path).await.is(200)["direct"], json!([]));
    let chosen = json!({ "direct": ["alert"], "hidden": ["message"], "quiet": { "from": "22:00", "to": "07:00" },
        "digest": "18:00", "timezone": "Europe/Berlin", "urgentAtOnce": true });
    assert_eq!(put(&ana, &chosen).await.is(200), &chosen);
    assert_eq!(house.get(&ana, &path).await.is(200), &chosen);
    for (body, code, at) in [
        (json!({ "timezone": "Mars" }), "bad_settings", "timezone"),
        (
            json!({ "quiet": { "from": "07:00", "to": "07:00" } }),
            "bad_settings",
            "quiet.to",
        ),
        (json!({ "digest": "late" }), "invalid", "digest"),
        (json!({ "direct": ["gossip"] }), "invalid", "direct[0]"),
    ] {
        let said = put(&ana, &body).await;
        said.is_problem(422, code);
        assert_eq!(said.path(), at, "{body}");
    }
    // A token that is nobody's is told nothing.
    put("moderator", &chosen).await.is_problem(422, "no_account");
    // What she does not want to see neither shows nor is heard; others see it.
    let mut client = events_of(&house, &ana, LIVE, None).await;
    let here = json!({ "level": "info", "title": "here", "platform": "discord", "guildId": "100" });
    tell(&house, here).await;
    tell(&house, json!({ "level": "info", "title": "all" })).await;
    hears(&mut client, "all").await;
    let page = house.get(&ana, "/notifications").await;
    assert_eq!(titles(page.is(200)), ["all"]);
    assert_eq!(page.body["unread"], 1);
    let page = house.get("moderator", "/notifications").await;
    assert_eq!(titles(page.is(200)), ["all", "here"]);
}
