//! Communities, guilds, people and their accounts.

use crate::fixture::Fixture;
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_store::guilds::GuildKey;
use lockdown_store::{in_read, in_tx};
use serde_json::json;

pub(crate) async fn an_account_that_is_seen_by_many_is_one(fixture: Fixture) {
    let seen = futures_util::future::join_all((0..12).map(|_| fixture.see("77", Some("Eve")))).await;
    assert!(seen.iter().all(|identity| identity == &seen[0]), "{seen:?}");
    let read = in_read!(fixture.store, |conn| {
        conn.identity(Platform::Discord, &UserId::new("77").unwrap())
            .await
    });
    assert_eq!(read.unwrap(), Some(seen[0].clone()));
    let unknown = in_read!(fixture.store, |conn| {
        conn.identity(Platform::Telegram, &UserId::new("77").unwrap())
            .await
    });
    assert_eq!(unknown.unwrap(), None);
}

pub(crate) async fn what_is_not_said_leaves_what_was_known(fixture: Fixture) {
    let first = fixture.see("77", Some("Eve")).await;
    fixture.time.advance(chrono::TimeDelta::hours(1));
    let again = fixture.see("77", None).await;
    assert_eq!(again.username.as_deref(), Some("Eve"));
    assert_eq!(
        (again.first_seen, again.last_seen),
        (first.first_seen, fixture.now())
    );
    // An older sighting that comes late changes no time.
    fixture.time.advance(chrono::TimeDelta::hours(-1));
    assert_eq!(fixture.see("77", Some("Eva")).await.last_seen, again.last_seen);
}

pub(crate) async fn a_guild_that_returns_keeps_its_numbers(fixture: Fixture) {
    fixture.record_many(3).await;
    let again = fixture.add_guild("100").await;
    assert_eq!(again.id, fixture.guild);
    assert_eq!(fixture.record(fixture.case(0)).await.number, 4);
    let read = in_read!(fixture.store, |conn| {
        conn.guild(Platform::Discord, &GuildId::new("100").unwrap()).await
    });
    assert_eq!(read.unwrap(), Some(again));
    let none = in_read!(fixture.store, |conn| {
        conn.guild_by_key(GuildKey(fixture.ids.next())).await
    });
    assert_eq!(none.unwrap(), None);
    assert_eq!(
        in_read!(fixture.store, |conn| { conn.guilds().await })
            .unwrap()
            .len(),
        1
    );
}

pub(crate) async fn settings_are_not_overwritten_unseen(fixture: Fixture) {
    let read = fixture.community.clone();
    let later = fixture.now() + chrono::TimeDelta::seconds(1);
    let set = async |settings| {
        in_tx!(fixture.store, |tx| {
            tx.set_settings(&read, json!(settings), later).await
        })
        .unwrap()
    };
    assert!(set("first").await);
    assert!(!set("second").await, "it was changed since it was read");
    let kept = in_read!(fixture.store, |conn| { conn.community(read.id).await })
        .unwrap()
        .unwrap();
    assert_eq!((kept.settings.0, kept.updated_at), (json!("first"), later));
}
