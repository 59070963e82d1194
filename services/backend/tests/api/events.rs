//! What happened, listed.

use crate::house::{HERE, House};
use chrono::DateTime;
use lockdown_bus::{Class, archive_news, archive_then_trim};
use lockdown_events::{CorrelationId, Event, GuildConfig, GuildEvent, GuildId, Platform};
use lockdown_moderation::StoreArchive;
use serde_json::{Value, json};

fn types(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap().iter();
    events.map(|event| event["eventType"].as_str().unwrap()).collect()
}

pub(crate) async fn events_are_listed_and_go_on_where_they_ended(house: House) {
    let events = format!("{HERE}/events");
    let empty = house.get("moderator", &events).await;
    assert_eq!(empty.is(200)["events"], json!([]));
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    for user in ["601", "602", "603"] {
        house.ban(user).await;
    }
    let told = house.told("ban:created", 3).await;
    house.told("audit:logged", 3).await;
    // Of another community in the same installation.
    let elsewhere = GuildConfig {
        platform: Platform::Discord,
        guild_id: GuildId::new("200").unwrap(),
        version: 1,
        rule_set_hash: None,
        changed: vec![],
    };
    house
        .bus
        .publish(&Event::Guild(GuildEvent::Config(elsewhere)))
        .await
        .unwrap();
    house.told("guild:config", 1).await;

    let all = house.get("moderator", &events).await;
    let mut seen = types(all.is(200));
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "audit:logged",
            "audit:logged",
            "audit:logged",
            "ban:created",
            "ban:created",
            "ban:created"
        ]
    );
    let bans = house
        .get("moderator", &format!("{events}?type=ban:*,kick:*"))
        .await;
    assert_eq!(types(bans.is(200)), ["ban:created"; 3]);
    let first = &bans.body["events"][0];
    assert!(first["streamId"].as_str().unwrap().contains('/'), "{first}");
    for member in [
        "eventId",
        "timestamp",
        "source",
        "correlationId",
        "version",
        "data",
    ] {
        assert_eq!(first[member], told[0][member], "{member}");
    }
    assert!(CorrelationId::new(first["correlationId"].as_str().unwrap()).is_ok());

    // One at a time, to the end.
    let mut users = Vec::new();
    let mut path = format!("{events}?type=ban:created&limit=1");
    let end = loop {
        let page = house.get("moderator", &path).await;
        let found = page.is(200)["events"].as_array().unwrap();
        assert!(found.len() <= 1);
        users.extend(
            found
                .iter()
                .map(|event| event["data"]["userId"].as_str().unwrap().to_owned()),
        );
        match page.body["nextCursor"].as_str() {
            Some(next) => path = format!("{events}?type=ban:created&limit=1&cursor={next}"),
            None => break page.body["endCursor"].as_str().unwrap().to_owned(),
        }
    };
    assert_eq!(users, ["601", "602", "603"]);
    house.ban("604").await;
    house.told("ban:created", 4).await;
    let since = house
        .get("moderator", &format!("{events}?type=ban:created&cursor={end}"))
        .await;
    assert_eq!(since.is(200)["events"].as_array().unwrap().len(), 1);
    assert_eq!(since.body["events"][0]["data"]["userId"], "604");

    for (filter, count) in [
        (
            "from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z&type=ban:created",
            4,
        ),
        ("from=2999-01-01T00:00:00Z", 0),
        ("to=2020-01-01T00:00:00Z", 0),
        ("type=message:*", 0),
        ("type=nothing:known", 0),
    ] {
        let page = house.get("moderator", &format!("{events}?{filter}")).await;
        assert_eq!(
            page.is(200)["events"].as_array().unwrap().len(),
            count,
            "{filter}"
        );
    }
    let long = "x".repeat(65);
    let many = vec!["a"; 21].join(",");
    for (filter, path) in [
        ("type=", "type"),
        ("type=a,,b", "type"),
        (&format!("type={long}"), "type"),
        (&format!("type={many}"), "type"),
        ("cursor=h9", "cursor"),
        ("from=yesterday", "from"),
        ("limit=201", "limit"),
    ] {
        let said = house.get("moderator", &format!("{events}?{filter}")).await;
        said.is_problem(400, "bad_query");
        assert_eq!(said.path(), path, "{filter}");
    }
    house
        .get("moderator", "/guilds/discord/200/events")
        .await
        .is_problem(404, "unknown_guild");
}

/// Every page of a question.
async fn pages(house: &House, question: &str) -> (Vec<Value>, String) {
    let (mut events, mut path) = (Vec::new(), question.to_owned());
    loop {
        let page = house.get("moderator", &path).await;
        events.extend(page.is(200)["events"].as_array().unwrap().iter().cloned());
        match page.body["nextCursor"].as_str() {
            Some(next) => path = format!("{question}&cursor={next}"),
            None => return (events, page.body["endCursor"].as_str().unwrap().to_owned()),
        }
    }
}

pub(crate) async fn events_go_on_in_the_archive_where_the_streams_were_trimmed(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    for user in ["601", "602", "603"] {
        house.ban(user).await;
    }
    house.told("audit:logged", 3).await;
    let bans = format!("{HERE}/events?type=ban:created&limit=1");
    let (before, end) = pages(&house, &bans).await;
    assert_eq!(before.len(), 3);
    let (engine, archive) = (house.bus.engine(), StoreArchive::new(house.store.clone()));
    for stream in Class::Moderation.streams() {
        // Before the end, so that the rest comes from the stream.
        let trimmed = archive_then_trim(&**engine, &archive, stream, DateTime::UNIX_EPOCH, 1).await;
        trimmed.unwrap();
    }
    assert_eq!(pages(&house, &bans).await.0, before);
    for stream in Class::Moderation.streams() {
        archive_news(&**engine, &archive, stream).await.unwrap();
        archive_then_trim(&**engine, &archive, stream, DateTime::UNIX_EPOCH, 0)
            .await
            .unwrap();
        assert_eq!(engine.length(stream).await.unwrap(), 0);
    }
    assert_eq!(pages(&house, &bans).await.0, before);
    // A page of another day, which nothing in the streams is of.
    let second = before[1]["timestamp"].as_str().unwrap();
    assert!(
        pages(&house, &format!("{bans}&to=2020-01-01T00:00:00Z"))
            .await
            .0
            .is_empty()
    );
    assert!(
        pages(&house, &format!("{bans}&from=2999-01-01T00:00:00Z"))
            .await
            .0
            .is_empty()
    );
    let since = pages(&house, &format!("{bans}&from=2020-01-01T00:00:00Z"))
        .await
        .0;
    assert_eq!(since, before);
    let later = pages(&house, &format!("{bans}&from={second}")).await.0;
    assert!(later.len() <= 3 && later.last() == before.last(), "{later:?}");
    // Where an earlier look ended, before anything was trimmed, it goes on.
    house.ban("604").await;
    house.told("ban:created", 1).await;
    let news = house.get("moderator", &format!("{bans}&cursor={end}")).await;
    assert_eq!(news.is(200)["events"][0]["data"]["userId"], "604");
    assert_eq!(pages(&house, &bans).await.0.len(), 4);
}
