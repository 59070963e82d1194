//! The status page: what a stranger sees of it, and what those who are signed in.

use crate::browser::Browser;
use crate::house::{HERE, House, Said};
use lockdown_bus::{ConsumerOptions, GroupName, Handler, Start};
use lockdown_events::PresenceKind;
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

async fn until(browser: &mut Browser, shows: &str) -> Said {
    let looking = async {
        loop {
            let page = browser.get("/").await;
            if page.text.contains(shows) {
                break page;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let page = tokio::time::timeout(PATIENCE, looking).await;
    page.unwrap_or_else(|_| panic!("the page never showed {shows}"))
}

pub(crate) async fn the_status_page_shows_what_one_may_see(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let group = GroupName::new("tellers").unwrap();
    let handler = Handler::new("tell", ["ban:created"], |_| async { Ok(()) });
    let options = ConsumerOptions::default();
    house
        .bus
        .consume(group, &Start::Oldest, vec![handler], options)
        .await
        .unwrap();
    let bot = house
        .bus
        .presence()
        .online(PresenceKind::Bot, "discord-bot:0", None)
        .await
        .unwrap();
    let moderator = house
        .bus
        .presence()
        .online(PresenceKind::Moderator, "77001", None)
        .await
        .unwrap();
    house.ctx.health.component("store", true).up();

    let (mut operator, mut member) = (
        Browser::signed_in(&house, "operator").await,
        Browser::signed_in(&house, "moderator").await,
    );
    // Until this process listens, an event is not shown: it is said again and again.
    let mut person = 1000;
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            person += 1;
            house.ban(&person.to_string()).await;
            let body = json!({ "userId": person.to_string(), "reason": "spam" });
            house
                .post("stranger", "/guilds/discord/200/bans", &body)
                .await
                .is(201);
            let page = operator.get("/").await;
            if page.text.contains("Square of town") && page.text.contains("Square of elsewhere") {
                break page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let page = seen.await.expect("the events were never shown");
    for part in [
        "ban:created",
        "Streams",
        "Consumers",
        "tellers",
        "discord-bot:0",
        "77001",
        "Version 1.2.3",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let page = until(&mut member, "Square of town").await;
    for part in ["ban:created", "discord-bot:0", "Waiting"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    for hidden in ["Square of elsewhere", "Streams", "Consumers", "tellers", "77001"] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    let mut stranger = Browser::new(&house);
    let page = stranger.get("/").await;
    assert!(
        page.text.contains("✓ up") && page.text.contains("href=\"/sign-in\""),
        "{}",
        page.text
    );
    for hidden in [
        "Square",
        "ban:created",
        "discord-bot:0",
        "1.2.3",
        "Bus",
        "Last events",
    ] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    for name in ["town", HERE] {
        assert!(!page.text.contains(name));
    }
    bot.leave().await.unwrap();
    moderator.leave().await.unwrap();
}
