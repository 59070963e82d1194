//! Signing in with Discord and Telegram.

use crate::browser::Browser;
use crate::house::House;
use crate::sign_in::see;
use lockdown_events::Platform;
use lockdown_runtime::ids::hex;
use lockdown_store::roles::Subject;
use lockdown_testkit::fakes::discord::FakeDiscord;
use reqwest::Method;
use ring::hmac;
use serde_json::json;
use sha2::{Digest as _, Sha256};

const BOT: &str = "123456:telegram-text";

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
    // One reading for all: a proof that is to be another one has another second.
    let now = house.ctx.clock.now().timestamp();
    let date = |ago: i64| (now - ago).to_string();
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
