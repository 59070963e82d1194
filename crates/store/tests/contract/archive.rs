//! Events that the bus let go of.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::{EventId, GuildId, Platform, UserId};
use lockdown_store::archive::{ArchiveQuery, Entry, EntryPlace, EventsOf};
use lockdown_store::{in_read, in_tx};
use serde_json::{Value, json};

fn place(major: u64, minor: u64) -> EntryPlace {
    EntryPlace { major, minor }
}

fn envelope(fixture: &Fixture, id: EventId, topic: &str, data: &Value) -> String {
    json!({
        "eventId": id,
        "eventType": topic,
        "timestamp": fixture.now(),
        "source": "backend",
        "data": data,
    })
    .to_string()
}

fn entry(fixture: &Fixture, stream: &str, place: EntryPlace, topic: &str, data: &Value) -> Entry {
    Entry {
        stream: stream.into(),
        place,
        at: fixture.now() + TimeDelta::seconds(i64::try_from(place.major).unwrap()),
        topic: topic.into(),
        envelope: envelope(fixture, EventId(fixture.ids.next()), topic, data),
    }
}

async fn put(fixture: &Fixture, entries: &[Entry]) -> u64 {
    let added = in_tx!(fixture.store, |tx| { tx.archive_entries(entries).await });
    added.unwrap().len() as u64
}

async fn places(fixture: &Fixture, stream: &str, after: EntryPlace, limit: u64) -> Vec<EntryPlace> {
    let entries = in_read!(fixture.store, |conn| {
        conn.archived_entries(stream, after, limit).await
    });
    let entries = entries.unwrap().into_iter();
    entries.map(|entry| place(entry.major, entry.minor)).collect()
}

async fn last(fixture: &Fixture, stream: &str) -> EntryPlace {
    in_read!(fixture.store, |conn| { conn.archived_up_to(stream).await }).unwrap()
}

pub(crate) async fn entries_come_back_in_their_order(fixture: Fixture) {
    let data = json!({ "guildId": "8", "text": "naïve \\u0000 \u{0} 'q'" });
    let one = |major, minor| entry(&fixture, "mod.2", place(major, minor), "ban:created", &data);
    let odd = Entry {
        envelope: "no envelope, and\0a NUL".into(),
        ..one(9, 1)
    };
    let future = entry(&fixture, "mod.2", place(9, 2), "rain:started", &json!([1]));
    let entries = [
        one(1, 0),
        one(9, 0),
        odd,
        future,
        one(10, 0),
        one(1_763_629_560_123, 7),
    ];
    assert_eq!(last(&fixture, "mod.2").await, EntryPlace::ZERO);
    assert_eq!(put(&fixture, &entries).await, 6);
    let other = entry(&fixture, "sys.0", place(5, 0), "user:left", &data);
    assert_eq!(put(&fixture, &[other]).await, 1);
    let all: Vec<EntryPlace> = entries.iter().map(|entry| entry.place).collect();
    assert_eq!(places(&fixture, "mod.2", EntryPlace::ZERO, 99).await, all);
    assert_eq!(places(&fixture, "mod.2", place(9, 0), 2).await, all[2..4]);
    assert_eq!(places(&fixture, "mod.2", all[5], 2).await, []);
    assert_eq!(places(&fixture, "mod.2", place(u64::MAX, u64::MAX), 2).await, []);
    assert_eq!(places(&fixture, "mod.3", EntryPlace::ZERO, 2).await, []);
    assert_eq!(last(&fixture, "mod.2").await, all[5]);

    let kept = in_read!(fixture.store, |conn| {
        conn.archived_entries("mod.2", EntryPlace::ZERO, 99).await
    })
    .unwrap();
    assert_eq!(kept[0].envelope, entries[0].envelope);
    assert_eq!(
        (kept[0].at, kept[0].topic.as_str()),
        (entries[0].at, "ban:created")
    );
    assert_eq!(
        (kept[2].event_id, kept[2].envelope.as_str()),
        (None, "no envelope, anda NUL")
    );
    let id = kept[3].event_id.unwrap();
    let found = in_read!(fixture.store, |conn| { conn.archived_event(id).await }).unwrap();
    assert_eq!(found, Some(kept[3].clone()));
    let none = in_read!(fixture.store, |conn| {
        conn.archived_event(EventId(fixture.ids.next())).await
    });
    assert_eq!(none.unwrap(), None);
}

pub(crate) async fn archiving_twice_or_at_once_archives_once(fixture: Fixture) {
    let data = json!({ "guildId": "8" });
    let entries: Vec<Entry> = (1..=1200)
        .map(|major| entry(&fixture, "sys.1", place(major, 0), "user:left", &data))
        .collect();
    let added = join_all((0..4).map(|_| put(&fixture, &entries[..800]))).await;
    assert_eq!(added.iter().sum::<u64>(), 800, "{added:?}");
    // It went on where another one had stopped, and began before that.
    assert_eq!(put(&fixture, &entries[500..]).await, 400);
    assert_eq!(put(&fixture, &entries).await, 0);
    assert_eq!(put(&fixture, &[]).await, 0);
    let all: Vec<EntryPlace> = entries.iter().map(|entry| entry.place).collect();
    assert_eq!(places(&fixture, "sys.1", EntryPlace::ZERO, 5000).await, all);
    // The same event at another place.
    let doubled = Entry {
        place: place(1201, 0),
        ..entries[7].clone()
    };
    assert_eq!(put(&fixture, &[doubled]).await, 0);
    assert_eq!(last(&fixture, "sys.1").await, place(1201, 0));
    assert_eq!(fixture.count("event_archive").await, 1200);
}

pub(crate) async fn what_retention_took_does_not_come_back(fixture: Fixture) {
    let entries: Vec<Entry> = (1..=9)
        .map(|major| entry(&fixture, "mod.0", place(major, 0), "ban:created", &json!({})))
        .collect();
    put(&fixture, &entries).await;
    put(
        &fixture,
        &[entry(&fixture, "sys.0", place(1, 0), "user:left", &json!({}))],
    )
    .await;
    let streams = async || in_read!(fixture.store, |conn| { conn.archived_streams().await }).unwrap();
    assert_eq!(streams().await, ["mod.0", "sys.0"]);
    let forget = async |seconds, limit| {
        let before = fixture.now() + TimeDelta::seconds(seconds);
        in_tx!(fixture.store, |tx| {
            tx.forget_archived("mod.0", before, limit).await
        })
        .unwrap()
    };
    assert_eq!(forget(1, 9).await, 0);
    assert_eq!(
        (forget(4, 2).await, forget(4, 9).await, forget(4, 9).await),
        (2, 1, 0)
    );
    assert_eq!((forget(99, 9).await, forget(99, 9).await), (6, 0));
    assert_eq!(
        last(&fixture, "mod.0").await,
        place(9, 0),
        "although its row is gone"
    );
    assert_eq!(put(&fixture, &entries).await, 0);
    assert_eq!(
        fixture.count("event_archive").await,
        1,
        "that of the other stream"
    );
}

pub(crate) async fn history_is_found_by_guild_person_time_and_type(fixture: Fixture) {
    let mut entries = Vec::new();
    for major in 1..=12 {
        let guild = if major % 4 == 0 { "9" } else { "8" };
        let (topic, data) = match major % 3 {
            0 => ("user:left", json!({ "guildId": guild, "userId": "5" })),
            1 => (
                "message:created",
                json!({ "guildId": guild, "authorId": "5", "platform": "discord" }),
            ),
            _ => ("ban:created", json!({ "guildId": guild, "userId": "6" })),
        };
        let mut one = entry(&fixture, "any.0", place(major, 0), topic, &data);
        // Two of each moment.
        one.at = fixture.now() + TimeDelta::seconds(i64::try_from(major / 2).unwrap());
        entries.push(one);
    }
    let telegram = json!({ "platform": "telegram", "guildId": "8", "userId": "5" });
    entries.push(entry(&fixture, "any.0", place(13, 0), "user:left", &telegram));
    put(&fixture, &entries).await;
    let find = async |query: ArchiveQuery| {
        let (mut query, mut found) = (query, Vec::new());
        loop {
            let page = in_read!(fixture.store, |conn| { conn.archived_events(&query, 2).await }).unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break found };
            query.before = Some((last.at, last.seq));
            found.extend(page.into_iter().map(|entry| entry.major));
        }
    };
    let (town, five) = (GuildId::new("8").unwrap(), UserId::new("5").unwrap());
    let of = |of| ArchiveQuery {
        of,
        topics: None,
        from: None,
        to: None,
        before: None,
    };
    let here = of(EventsOf::Guild(Platform::Discord, town.clone()));
    assert_eq!(find(here.clone()).await, [11, 10, 9, 7, 6, 5, 3, 2, 1]);
    assert_eq!(
        find(of(EventsOf::Guild(Platform::Telegram, town.clone()))).await,
        [13]
    );
    let person = EventsOf::PersonIn(Platform::Discord, town, five.clone());
    assert_eq!(find(of(person)).await, [10, 9, 7, 6, 3, 1]);
    assert_eq!(
        find(of(EventsOf::Person(Platform::Discord, five))).await,
        [12, 10, 9, 7, 6, 4, 3, 1]
    );
    let types = ArchiveQuery {
        topics: Some(vec!["ban:created".into(), "user:left".into()]),
        from: Some(fixture.now() + TimeDelta::seconds(1)),
        to: Some(fixture.now() + TimeDelta::seconds(4)),
        ..here.clone()
    };
    assert_eq!(find(types).await, [6, 5, 3, 2]);
    let none = ArchiveQuery {
        topics: Some(vec![]),
        ..here
    };
    assert_eq!(find(none).await, [0; 0]);
}

pub(crate) async fn what_was_said_in_one_guild_can_go(fixture: Fixture) {
    let mut entries = Vec::new();
    for major in 1..=6 {
        let guild = json!({ "guildId": if major % 2 == 0 { "9" } else { "8" }, "authorId": "5" });
        let topic = if major < 6 { "message:created" } else { "user:left" };
        entries.push(entry(&fixture, "msg.0", place(major, 0), topic, &guild));
    }
    put(&fixture, &entries).await;
    let forget = async |seconds, limit| {
        let (guild, before) = (
            GuildId::new("9").unwrap(),
            fixture.now() + TimeDelta::seconds(seconds),
        );
        in_tx!(fixture.store, |tx| {
            tx.forget_archived_of_guild(Platform::Discord, &guild, "message:created", before, limit)
                .await
        })
        .unwrap()
    };
    assert_eq!((forget(2, 9).await, forget(99, 1).await), (0, 1));
    assert_eq!((forget(99, 1).await, forget(99, 1).await), (1, 0));
    let left = places(&fixture, "msg.0", EntryPlace::ZERO, 9).await;
    assert_eq!(left, [1, 3, 5, 6].map(|major| place(major, 0)));
}

pub(crate) async fn a_guilds_part_of_a_stream_is_read_alone(fixture: Fixture) {
    let mut entries = Vec::new();
    for major in 1..=9 {
        let guild = if major % 3 == 0 { "9" } else { "8" };
        // Somebody else's publisher: the person cannot be read, the community can.
        let data =
            json!({ "guildId": guild, "userId": if major < 5 { json!("5") } else { json!({ "id": 5 }) } });
        entries.push(entry(&fixture, "sys.2", place(major, 0), "user:left", &data));
    }
    let telegram = json!({ "platform": "telegram", "guildId": "8" });
    entries.push(entry(&fixture, "sys.2", place(10, 0), "user:left", &telegram));
    entries.push(entry(
        &fixture,
        "mod.2",
        place(3, 0),
        "ban:created",
        &json!({ "guildId": "8" }),
    ));
    put(&fixture, &entries).await;
    let town = GuildId::new("8").unwrap();
    let read = async |after, limit| -> Vec<u64> {
        let found = in_read!(fixture.store, |conn| {
            conn.archived_entries_of("sys.2", Platform::Discord, &town, place(after, 0), limit)
                .await
        });
        found.unwrap().into_iter().map(|entry| entry.major).collect()
    };
    assert_eq!(read(0, 99).await, [1, 2, 4, 5, 7, 8]);
    assert_eq!(read(4, 2).await, [5, 7]);
    assert_eq!(read(8, 2).await, [0; 0]);
    let before = async |seconds| {
        let at = fixture.now() + TimeDelta::seconds(seconds);
        in_read!(fixture.store, |conn| {
            conn.archived_before("sys.2", Platform::Discord, &town, at).await
        })
        .unwrap()
    };
    assert_eq!(
        (
            before(1).await,
            before(4).await,
            before(6).await,
            before(99).await
        ),
        (EntryPlace::ZERO, place(2, 0), place(5, 0), place(8, 0))
    );
}
