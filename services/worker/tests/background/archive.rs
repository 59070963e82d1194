//! History.

use crate::house::{House, until};
use lockdown_bus::{Archive as _, Class, Key, Query, Stored, Stream};
use lockdown_events::{Author, Event, GuildConfig, GuildEvent, Message, MessageEvent, Platform};
use lockdown_moderation::StoreArchive;
use lockdown_runtime::Clock;
use lockdown_store::archive::{Entry, EntryPlace};
use lockdown_store::{in_read, in_tx};
use serde_json::json;

pub(crate) async fn say(house: &House, version: u64) {
    let config = GuildConfig {
        platform: Platform::Discord,
        guild_id: house.guild.native_id.clone(),
        version,
        rule_set_hash: None,
        changed: vec![],
    };
    let event = Event::Guild(GuildEvent::Config(config));
    house.bus.publish(&event).await.unwrap();
}

async fn all(house: &House, archive: &StoreArchive) -> Vec<Stored> {
    let history = house.bus.history();
    let page = history.page_of_all(archive, &Query::default(), None, 1_000).await;
    page.unwrap().entries
}

fn places(entries: &[Stored]) -> Vec<String> {
    entries.iter().map(|entry| entry.position.to_string()).collect()
}

/// Whether the archive has all of a class.
pub(crate) async fn has_all(house: &House, archive: &StoreArchive, class: Class) -> bool {
    for stream in class.streams() {
        let last = house.bus.engine().last(stream).await.unwrap();
        if archive.last(stream).await.unwrap() != last {
            return false;
        }
    }
    true
}

pub(crate) async fn history_outlives_the_streams(house: House) {
    let archive = StoreArchive::new(house.store.clone());
    for version in 0..600 {
        say(&house, version).await;
    }
    let message: Message = serde_json::from_value(json!({
        "platform": "discord", "guildId": house.guild.native_id, "messageId": "1", "channelId": "2", "authorId": "5",
        "author": Author::default(), "content": "what people write",
    }))
    .unwrap();
    let message = Event::Message(MessageEvent::Created(Box::new(message)));
    house.bus.publish(&message).await.unwrap();
    let before = all(&house, &archive).await;
    assert_eq!(before.len(), 601);

    // One of them leads.
    let (first, second) = (house.worker().await, house.worker().await);
    for (ctx, bus) in [&first, &second] {
        lockdown_worker::lead(ctx, house.store.clone(), bus);
    }
    until("all is archived", async || {
        has_all(&house, &archive, Class::System).await
    })
    .await;
    assert_eq!(places(&all(&house, &archive).await), places(&before));
    for stream in Class::System.streams() {
        let trimmed = house.bus.engine().trim(stream, house.ctx.clock.now(), 0).await;
        trimmed.unwrap();
        assert_eq!(house.bus.engine().length(stream).await.unwrap(), 0);
    }
    let after = all(&house, &archive).await;
    assert_eq!(places(&after), places(&before));
    let texts = |entries: &[Stored]| -> Vec<String> {
        entries.iter().map(|entry| entry.envelope.to_string()).collect()
    };
    assert_eq!(texts(&after), texts(&before));
    // The store has none of what people write.
    for stream in Class::Message.streams() {
        assert_eq!(archive.last(stream).await.unwrap(), lockdown_bus::EntryId::ZERO);
    }
    // And it goes on.
    say(&house, 600).await;
    assert_eq!(all(&house, &archive).await.len(), 602);
    until("what came since is archived", async || {
        has_all(&house, &archive, Class::System).await
    })
    .await;
    assert_eq!(all(&house, &archive).await.len(), 602);
    for (ctx, bus) in [first, second] {
        ctx.shutdown.request("test");
        ctx.tasks.all_ended().await;
        drop(bus);
    }
    house.stop().await;
}

/// The file of the bus is lost, the store is not: the new log counts from the first entry again.
#[tokio::test(flavor = "multi_thread")]
async fn embedded_a_log_that_was_begun_anew_is_archived_beside_the_lost_one() {
    let house = House::embedded(Clock::system()).await;
    let archive = StoreArchive::new(house.store.clone());
    let key = Key::community(Platform::Discord, &house.guild.native_id);
    let (stream, now) = (Stream::of_class(Class::System, &key), house.ctx.clock.now());
    let entry = |major| Entry {
        stream: stream.to_string(),
        place: EntryPlace { major, minor: 0 },
        at: now,
        topic: "user:left".into(),
        envelope: format!("of the lost log, {major}"),
    };
    let lost = [entry(1), entry(1_000_000)];
    let put = in_tx!(house.store, |tx| {
        tx.archive_entries(&lost).await.map(|added| added.len())
    });
    assert_eq!(put.unwrap(), 2);
    for version in 0..8 {
        say(&house, version).await;
    }
    let (ctx, bus) = house.worker().await;
    lockdown_worker::lead(&ctx, house.store.clone(), &bus);
    until("the new log is archived", async || {
        has_all(&house, &archive, Class::System).await
    })
    .await;
    assert_eq!(all(&house, &archive).await.len(), 8);
    let streams = in_read!(house.store, |conn| { conn.archived_streams().await }).unwrap();
    let aside: Vec<&String> = streams.iter().filter(|name| name.contains('@')).collect();
    assert_eq!(aside.len(), 1, "{streams:?}");
    let kept = in_read!(house.store, |conn| {
        conn.archived_entries(aside[0], EntryPlace::ZERO, 9).await
    });
    assert_eq!(kept.unwrap().len(), 2);
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    house.stop().await;
}
