//! Signing in and out with a browser, and what a session may.

use crate::browser::Browser;
use crate::house::{HERE, House, say};
use chrono::TimeDelta;
use lockdown_events::{Platform, UserId};
use lockdown_runtime::ids::hex;
use lockdown_store::access_log::AccessEntry;
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::roles::Subject;
use lockdown_store::{Bearer, in_read, in_tx};
use lockdown_testkit::fakes::discord::FakeDiscord;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const BAN: &str = "/guilds/discord/100/bans";
const BOT: &str = "123456:telegram-text";

async fn acts(house: &House) -> Vec<String> {
    let page: Vec<AccessEntry> =
        in_read!(house.store, |conn| { conn.access_page(None, None, 100).await }).unwrap();
    page.into_iter().rev().map(|entry| entry.act).collect()
}

/// Somebody whom a platform knows.
async fn see(house: &House, platform: Platform, id: &str) -> IdentityId {
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

pub(crate) async fn discord_says_who_somebody_is(mut house: House) {
    let fake = FakeDiscord::start().await.unwrap();
    let back = "https://mod.example.org/sign-in/discord/back";
    let application = fake.add_application("hunter2", back).to_string();
    let api = fake.url();
    house
        .again(&[
            ("DISCORD_API_URL", Some(&api)),
            ("DISCORD_CLIENT_ID", Some(&application)),
            ("DISCORD_CLIENT_SECRET", Some("hunter2")),
            ("LOCKDOWN_PUBLIC_URL", Some("https://mod.example.org")),
        ])
        .await;
    let (ana, eve) = (fake.person("ana"), fake.person("eve"));
    let mut browser = Browser::new(&house);
    assert!(
        browser
            .get("/sign-in")
            .await
            .text
            .contains("Continue with Discord")
    );
    assert_eq!(browser.get("/sign-in/telegram").await.status, 404);

    // To Discord and back, as a browser goes.
    let away = async |browser: &mut Browser| {
        let sent = browser.get("/sign-in/discord").await;
        assert_eq!(sent.status, 303);
        let address = sent.headers["location"].to_str().unwrap().to_owned();
        let answer = browser.elsewhere(&address).await;
        let address = answer.headers["location"].to_str().unwrap().to_owned();
        address
            .strip_prefix("https://mod.example.org")
            .unwrap()
            .to_owned()
    };
    fake.at_browser(None);
    let declined = away(&mut browser).await;
    assert!(declined.contains("access_denied"));
    assert_eq!(browser.get(&declined).await.status, 403);

    // Who has no role here is nobody here, known or not.
    for _ in 0..2 {
        fake.at_browser(Some(eve));
        let come = away(&mut browser).await;
        let said = browser.get(&come).await;
        assert!(
            said.status == 403 && said.text.contains("You have no role here"),
            "{}",
            said.text
        );
        see(&house, Platform::Discord, &eve.to_string()).await;
    }
    assert_eq!(browser.session(), None);

    let identity = see(&house, Platform::Discord, &ana.to_string()).await;
    let role = house.role("crew", &["warn"]).await;
    house.bind(role, Subject::Identity(identity), None).await;
    fake.at_browser(Some(ana));
    let come = away(&mut browser).await;
    // Another browser did not begin this, and one that began it does not take another state.
    let mut other = Browser::new(&house);
    assert_eq!(other.get(&come).await.status, 403);
    let _ = other.get("/sign-in/discord").await;
    assert_eq!(
        other.get(&come).await.status,
        403,
        "a code for somebody else's browser"
    );
    let state = come.split("state=").nth(1).unwrap().to_owned();
    assert_eq!(
        browser
            .get(&format!("/sign-in/discord/back?code=guess&state={state}"))
            .await
            .status,
        403
    );
    let said = browser.get(&come).await;
    assert_eq!(said.status, 303, "{}", said.text);
    let cookie = said
        .headers
        .get_all("set-cookie")
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap();
    assert!(
        cookie.starts_with("__Host-lockdown=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    let me = browser.api(Method::GET, "/me").await;
    assert_eq!(me.is(200)["name"], format!("discord:{ana}"));
    assert_eq!(me.body["guilds"][0]["scopes"], json!(["warn"]));
    // The same code again is nothing, and the next time it is the same account.
    assert_eq!(browser.get(&come).await.status, 403);
    let come = away(&mut browser).await;
    assert_eq!(browser.get(&come).await.status, 303);
    assert_eq!(
        browser.api(Method::GET, "/me").await.body["accountId"],
        me.body["accountId"]
    );

    // Discord's trouble is told as that.
    let come = away(&mut browser).await;
    fake.outage(Some(503));
    assert_eq!(browser.get(&come).await.status, 502);
}

/// As Telegram signs what it says about somebody.
fn signed(fields: &[(&str, String)], token: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    fields.sort();
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &Sha256::digest(token));
    fields.push((
        "hash".to_owned(),
        hex(hmac::sign(&key, lines.join("\n").as_bytes()).as_ref()),
    ));
    fields
}

pub(crate) async fn telegram_says_who_somebody_is(mut house: House) {
    house
        .again(&[("TELEGRAM_TOKEN", Some(BOT)), ("TELEGRAM_SIGN_IN", Some("on"))])
        .await;
    let identity = see(&house, Platform::Telegram, "42").await;
    let role = house.role("crew", &["warn"]).await;
    house.bind(role, Subject::Identity(identity), None).await;
    let mut browser = Browser::new(&house);
    assert!(
        browser
            .get("/sign-in")
            .await
            .text
            .contains("Continue with Telegram")
    );
    let away = async |browser: &mut Browser| {
        let sent = browser.get("/sign-in/telegram").await;
        let address: url::Url = sent.headers["location"].to_str().unwrap().parse().unwrap();
        assert_eq!(address.host_str(), Some("oauth.telegram.org"));
        let query: std::collections::HashMap<_, _> = address.query_pairs().into_owned().collect();
        assert_eq!(query["bot_id"], "123456");
        assert!(
            !address.as_str().contains("telegram-text"),
            "the token stays here"
        );
        let back: url::Url = query["return_to"].parse().unwrap();
        assert_eq!(back.path(), "/sign-in/telegram/back");
        back.query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned()
    };
    let date = |ago: i64| (house.ctx.clock.now().timestamp() - ago).to_string();
    let form = |state: &str, fields: Vec<(String, String)>| {
        let state = ("state".to_owned(), state.to_owned());
        fields.into_iter().chain([state]).collect::<Vec<_>>()
    };
    let ana = |ago| {
        signed(
            &[
                ("id", "42".into()),
                ("username", "ana".into()),
                ("auth_date", date(ago)),
            ],
            BOT,
        )
    };
    let send = async |browser: &mut Browser, fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        browser.post("/sign-in/telegram/back", &fields).await.status
    };
    let state = away(&mut browser).await;
    let page = browser
        .get(&format!("/sign-in/telegram/back?state={state}"))
        .await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(page.text.contains("src=\"/sign-in.js\""));
    assert_eq!(browser.get("/sign-in.js").await.status, 200);
    let good = ana(1);
    let mut forged = good.clone();
    forged[1].1 = "43".into();
    let nobody = signed(&[("id", "43".into()), ("auth_date", date(1))], BOT);
    let foreign = signed(&[("id", "42".into()), ("auth_date", date(1))], "1:another-bot");
    for (state, fields, why) in [
        (&*state, forged, "forged"),
        (&state, ana(400), "too old"),
        (&state, foreign, "another bot's"),
        (&state, nobody, "no role"),
        ("0", good.clone(), "another browser's"),
    ] {
        assert_eq!(send(&mut browser, &form(state, fields)).await, 403, "{why}");
        assert_eq!(browser.session(), None, "{why}");
    }
    assert_eq!(send(&mut browser, &form(&state, good.clone())).await, 303);
    let me = browser.api(Method::GET, "/me").await;
    assert_eq!(me.is(200)["name"], "telegram:42");
    // The same proof opens nothing again, also not for a browser that began.
    let mut thief = Browser::new(&house);
    let state = away(&mut thief).await;
    assert_eq!(send(&mut thief, &form(&state, good)).await, 403);
    assert_eq!(
        send(&mut thief, &form(&state, ana(2))).await,
        303,
        "another one does"
    );
}
