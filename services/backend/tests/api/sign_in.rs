//! Signing in and out with a browser, and what a session may.

use crate::browser::Browser;
use crate::house::{HERE, House, say};
use chrono::TimeDelta;
use lockdown_events::{Platform, UserId};
use lockdown_store::access_log::AccessEntry;
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::roles::Subject;
use lockdown_store::{Bearer, in_read, in_tx};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const BAN: &str = "/guilds/discord/100/bans";

async fn acts(house: &House) -> Vec<String> {
    let page: Vec<AccessEntry> =
        in_read!(house.store, |conn| { conn.access_page(None, None, 100).await }).unwrap();
    page.into_iter().rev().map(|entry| entry.act).collect()
}

/// Somebody whom a platform knows.
pub(crate) async fn see(house: &House, platform: Platform, id: &str) -> IdentityId {
    let seen = Seen {
        platform,
        native_id: UserId::new(id).unwrap(),
        username: Some("ana".into()),
        display_name: None,
        is_bot: false,
        at: house.ctx.clock.now(),
    };
    let new = (PersonId(house.ctx.ids.next()), IdentityId(house.ctx.ids.next()));
    in_tx!(house.store, |tx| { tx.see(&seen, new).await }).unwrap().id
}

pub(crate) async fn a_link_signs_in_once(house: House) {
    let ana = house.account("ana").await;
    let code = house.link(ana).await;
    let mut browser = Browser::new(&house);
    let path = format!("/sign-in/link?code={code}");
    // To look at it does not use it up.
    for _ in 0..2 {
        let page = browser.get(&path).await;
        assert!(
            page.status == 200 && page.text.contains("Sign in as ana"),
            "{}",
            page.text
        );
    }
    // Another site cannot sign anybody in.
    for headers in [
        [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
        [("x-none", ""), ("origin", "https://evil.example")],
        [("x-none", ""), ("origin", "null")],
    ] {
        let said = browser
            .post_with("/sign-in/link", &[("code", &code)], &headers)
            .await;
        assert_eq!((said.status, browser.session()), (403, None), "{headers:?}");
    }
    let said = browser.post("/sign-in/link", &[("code", &code)]).await;
    assert_eq!(
        (said.status, &said.headers["location"]),
        (303, &"/".parse().unwrap())
    );
    let cookie = said
        .headers
        .get_all("set-cookie")
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap();
    for part in [
        "lockdown=",
        "; Path=/;",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=1209600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(browser.session().is_some());
    let mut second = Browser::new(&house);
    let again = second.post("/sign-in/link", &[("code", &code)]).await;
    assert_eq!((again.status, second.session()), (403, None));
    assert_eq!(second.get(&path).await.status, 403);

    let me = browser.api(Method::GET, "/me").await;
    assert_eq!(
        (
            &me.is(200)["name"],
            &me.body["tokenId"],
            &me.body["scopes"],
            &me.body["guilds"]
        ),
        (&json!("ana"), &Value::Null, &json!([]), &json!([]))
    );
    let page = browser.get("/sign-in").await;
    assert!(page.text.contains("You are ana") && page.text.contains("Sign out"));

    // Disabled, the session opens nothing, and the way in is closed.
    let code = house.link(ana).await;
    in_tx!(house.store, |tx| {
        tx.disable_account(ana, house.ctx.clock.now()).await
    })
    .unwrap();
    browser
        .api(Method::GET, "/me")
        .await
        .is_problem(401, "unauthorized");
    let said = second.post("/sign-in/link", &[("code", &code)]).await;
    assert_eq!((said.status, second.session()), (403, None));
    assert_eq!(acts(&house).await, ["session:begin"]);
}

pub(crate) async fn a_session_changes_nothing_without_its_token(house: House) {
    let mut browser = Browser::signed_in(&house, "moderator").await;
    let body = json!({ "userId": "666", "reason": "spam" });
    let csrf = browser.csrf().await;
    let other = Browser::signed_in(&house, "moderator").await.csrf().await;
    assert_ne!(csrf, other);
    for wrong in [None, Some(""), Some("0"), Some(other.as_str())] {
        let request = browser.request(Method::POST, BAN).json(&body);
        let request = wrong
            .iter()
            .fold(request, |request, sent| request.header("X-CSRF-Token", *sent));
        say(request).await.is_problem(403, "csrf");
    }
    // Also where there is nothing at the path, so that it says nothing.
    say(browser.request(Method::DELETE, "/guilds/discord/1/bans/1"))
        .await
        .is_problem(403, "csrf");
    let request = browser.request(Method::POST, BAN).json(&body);
    let made = say(request.header("X-CSRF-Token", &csrf)).await;
    // She has no account on Discord: records name her by the one that she has here.
    let login = made.is(201)["actor"].as_str().unwrap();
    assert!(login.starts_with("token:account:"), "{login}");
    // A token beside the cookie counts alone.
    let request = browser.request(Method::GET, "/me").bearer_auth("ldk_wrong");
    say(request).await.is_problem(401, "unauthorized");
    let request = browser
        .request(Method::GET, "/me")
        .bearer_auth(house.secret("viewer"));
    assert_eq!(say(request).await.is(200)["name"], "viewer");

    // Signing out takes the token of the page as well.
    let said = browser.post("/sign-out", &[("csrf", "wrong")]).await;
    assert_eq!(said.status, 403);
    browser.api(Method::GET, "/me").await.is(200);
    let said = browser.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!((said.status, browser.session()), (303, None));
    browser
        .api(Method::GET, "/me")
        .await
        .is_problem(401, "unauthorized");
}

pub(crate) async fn sessions_are_listed_ended_and_end(house: House) {
    let mut first = Browser::signed_in(&house, "viewer").await;
    let account = house.account_of(&first).await;
    let (mut second, mut third) = (Browser::new(&house), Browser::new(&house));
    for browser in [&mut second, &mut third] {
        browser.sign_in(&house.link(account).await).await;
    }
    let stolen = first.cookie();
    let list = first.api(Method::GET, "/sessions").await;
    let all = list.is(200)["sessions"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all.iter().filter(|one| one["current"] == true).count(), 1);
    assert!(
        all.iter()
            .all(|one| one["address"] == "127.0.0.1" && one["userAgent"] == "a browser")
    );
    let id = |list: &Value, current| {
        let one = list["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["current"] == current);
        one.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let own = id(&second.api(Method::GET, "/sessions").await.body, true);
    first
        .change(Method::DELETE, &format!("/sessions/{own}"))
        .await
        .is(204);
    second
        .api(Method::GET, "/me")
        .await
        .is_problem(401, "unauthorized");
    first
        .change(Method::DELETE, &format!("/sessions/{own}"))
        .await
        .is_problem(404, "not_found");
    // Nobody ends another one's.
    let mut other = Browser::signed_in(&house, "owner").await;
    let current = id(&first.api(Method::GET, "/sessions").await.body, true);
    other
        .change(Method::DELETE, &format!("/sessions/{current}"))
        .await
        .is_problem(404, "not_found");
    first.change(Method::DELETE, "/sessions").await.is(204);
    third
        .api(Method::GET, "/me")
        .await
        .is_problem(401, "unauthorized");
    first.api(Method::GET, "/me").await.is(200);

    // A session that rests ends; one that is used ends in the end.
    let now = house.ctx.clock.now();
    let secret = Bearer::sent(&stolen);
    let session = in_read!(house.store, |conn| { conn.session_by_secret(&secret, now).await });
    let session = session.unwrap().unwrap();
    assert_eq!(session.expires_at, session.created_at + TimeDelta::hours(24));
    let used = now + TimeDelta::hours(3);
    in_tx!(house.store, |tx| { tx.see_session(session.id, used, now).await }).unwrap();
    first
        .api(Method::GET, "/me")
        .await
        .is_problem(401, "unauthorized");
}

pub(crate) async fn a_person_may_what_their_roles_say_and_no_more(house: House) {
    let ana = see(&house, Platform::Discord, "11").await;
    let mut browser = Browser::signed_in(&house, "nobody").await;
    let account = house.account_of(&browser).await;
    in_tx!(house.store, |tx| {
        tx.link_identity(account, ana, house.ctx.clock.now()).await
    })
    .unwrap();
    let guild = HERE;
    browser
        .api(Method::GET, guild)
        .await
        .is_problem(404, "unknown_guild");
    assert_eq!(
        browser.api(Method::GET, "/guilds").await.is(200)["guilds"],
        json!([])
    );
    // In one guild alone, to warn; their platform lets them do everything, which counts for nothing here.
    let role = house.role("crew", &["warn"]).await;
    house.bind(role, Subject::Identity(ana), Some(house.guild)).await;
    browser.api(Method::GET, guild).await.is(200);
    let body = json!({ "userId": "666", "reason": "spam" });
    browser
        .change_with(Method::POST, BAN, &body)
        .await
        .is_problem(403, "forbidden");
    let warnings = format!("{guild}/warnings");
    let warned = browser.change_with(Method::POST, &warnings, &body).await;
    assert_eq!(warned.is(201)["moderatorId"], "11");
    let banned = house.ban("667").await;
    // The route takes any right; the case at hand takes that of a ban.
    let reason = json!({ "reason": "other" });
    let path = format!("{guild}/cases/{banned}");
    browser
        .change_with(Method::PATCH, &path, &reason)
        .await
        .is_problem(403, "denied");
    let me = browser.api(Method::GET, "/me").await;
    assert_eq!(
        me.is(200)["guilds"],
        json!([{ "platform": "discord", "guildId": "100", "scopes": ["warn"] }])
    );
    assert_eq!(me.body["identities"][0]["userId"], "11");
    browser
        .api(Method::GET, "/guilds/discord/200")
        .await
        .is_problem(404, "unknown_guild");
    browser
        .api(Method::GET, "/tokens")
        .await
        .is_problem(403, "forbidden");
}

pub(crate) async fn an_owner_gives_tokens_of_their_own_communities(house: House) {
    let mut owner = Browser::signed_in(&house, "owner").await;
    let made = owner
        .change_with(
            Method::POST,
            "/tokens",
            &json!({ "name": "mine", "role": "admin" }),
        )
        .await;
    assert_eq!(made.is(201)["community"], "town");
    for (body, status, code) in [
        (json!({ "name": "a", "role": "operator" }), 403, "forbidden"),
        (json!({ "name": "a", "community": "elsewhere" }), 422, "invalid"),
        (json!({ "name": "account:ana" }), 422, "invalid"),
    ] {
        owner
            .change_with(Method::POST, "/tokens", &body)
            .await
            .is_problem(status, code);
    }
    let listed = owner.api(Method::GET, "/tokens").await;
    assert!(!listed.text.contains("stranger") && listed.text.contains("mine"));
    let id = made.body["id"].as_str().unwrap();
    let secret = made.body["token"].as_str().unwrap();
    owner
        .change(Method::DELETE, &format!("/tokens/{id}"))
        .await
        .is(204);
    // What opens nothing any more is written down once; what never opened anything is not.
    for wrong in [secret, secret, "ldk_unknown"] {
        house.get(wrong, "/me").await.is_problem(401, "unauthorized");
    }
    let log = owner.api(Method::GET, "/access-log").await;
    let entries = log.is(200)["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (&entry["act"], &entry["actor"]))
        .collect();
    let login = owner.api(Method::GET, "/me").await.body["name"].clone();
    assert_eq!(
        told,
        [
            (&json!("token:refuse"), &json!("mine")),
            (&json!("token:revoke"), &login),
            (&json!("token:make"), &login)
        ]
    );
    assert!(!log.text.contains(secret));
    let all = house.get("operator", "/access-log").await;
    assert!(all.text.contains("session:begin") && !log.text.contains("session:begin"));
    assert_eq!(
        house.get("operator", "/access-log/verify").await.is(200)["holds"],
        true
    );
    assert_eq!(
        house.get("stranger", "/access-log").await.is(200)["entries"],
        json!([])
    );
}

pub(crate) async fn who_guesses_waits(house: House) {
    let mut browser = Browser::new(&house);
    let mut last = 0;
    for _ in 0..70 {
        last = browser.post("/sign-in/link", &[("code", "guess")]).await.status;
        if last == 429 {
            break;
        }
        assert_eq!(last, 403);
    }
    assert_eq!(last, 429);
    let ana = house.account("ana").await;
    let code = house.link(ana).await;
    let said = browser.post("/sign-in/link", &[("code", &code)]).await;
    assert!(
        said.status == 429 && said.headers.contains_key("retry-after"),
        "{}",
        said.text
    );
}

pub(crate) async fn a_session_listens_while_it_lasts(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let mut browser = Browser::signed_in(&house, "moderator").await;
    let csrf = browser.csrf().await;
    let live = browser.request(Method::GET, "/events/live?type=ban:*");
    let mut heard = live.send().await.unwrap();
    assert_eq!(heard.status(), 200);
    // In another community, and here.
    let body = json!({ "userId": "665", "reason": "elsewhere" });
    house
        .post("stranger", "/guilds/discord/200/bans", &body)
        .await
        .is(201);
    house.ban("666").await;
    let mut text = String::new();
    let listening = async {
        while !text.contains("ban:created") {
            let piece = heard.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
    assert!(!text.contains("elsewhere"), "{text}");
    // A page of another site opens no socket with the cookie.
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let socket = browser.request(Method::GET, "/events/live");
        let socket = socket
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket");
        let socket = socket.header("Sec-WebSocket-Version", "13");
        let socket = socket.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        say(socket.header(foreign.0, foreign.1))
            .await
            .is_problem(403, "csrf");
    }
    // Another browser of the same person goes on when this one is signed out.
    let mut other = Browser::new(&house);
    let account = house.account_of(&browser).await;
    other.sign_in(&house.link(account).await).await;
    let mut others = other
        .request(Method::GET, "/events/live?type=ban:*")
        .send()
        .await
        .unwrap();
    assert_eq!(browser.post("/sign-out", &[("csrf", &csrf)]).await.status, 303);
    let ending = async { while let Ok(Some(_)) = heard.chunk().await {} };
    tokio::time::timeout(PATIENCE, ending)
        .await
        .expect("the stream ends with its session");
    house.ban("667").await;
    let mut text = String::new();
    let listening = async {
        while !text.contains("667") {
            let piece = others.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
}
