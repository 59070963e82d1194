//! Settings and channels.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::ChannelId;
use lockdown_store::channels::{ChannelKind, SeenChannel};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::GuildKey;
use lockdown_store::settings::{BotState, GuildSettings};
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;

async fn read(fixture: &Fixture) -> GuildSettings {
    in_read!(fixture.store, |conn| { conn.guild_settings(fixture.guild).await })
        .unwrap()
        .unwrap()
}

pub(crate) async fn a_new_guild_has_safe_settings(fixture: Fixture) {
    let expected = GuildSettings {
        id: fixture.guild,
        locale: "en".into(),
        timezone: "UTC".into(),
        settings: Json(json!({})),
        message_days: 0,
        config_version: 0,
        bot_state: BotState::Unknown,
        capabilities: Json(vec![]),
    };
    assert_eq!(read(&fixture).await, expected);
    let unknown = GuildKey(fixture.ids.next());
    let (none, next) = in_tx!(fixture.store, |tx| {
        Ok::<_, StoreError>((
            tx.guild_settings(unknown).await?,
            tx.next_config_version(unknown).await?,
        ))
    })
    .unwrap();
    assert_eq!((none, next), (None, None));
}

pub(crate) async fn guild_settings_are_not_overwritten_unseen(fixture: Fixture) {
    let seen = read(&fixture).await;
    let set = async |locale: &str| {
        let changed = GuildSettings {
            locale: locale.into(),
            settings: Json(json!({ "log_channel": "5" })),
            message_days: 7,
            ..seen.clone()
        };
        in_tx!(fixture.store, |tx| { tx.set_guild_settings(&changed).await }).unwrap()
    };
    let outcomes = join_all(["de", "fr", "pt-BR"].map(set)).await;
    let done: Vec<u64> = outcomes.iter().flatten().copied().collect();
    assert_eq!(done, [1], "{outcomes:?}");
    let next = in_tx!(fixture.store, |tx| {
        tx.next_config_version(fixture.guild).await
    });
    assert_eq!(next.unwrap(), Some(2));
    let now = read(&fixture).await;
    assert_eq!((now.config_version, now.message_days), (2, 7));
    assert_eq!(now.settings.0, json!({ "log_channel": "5" }));

    // A change of the rules counts too.
    let stale = in_tx!(fixture.store, |tx| {
        tx.set_guild_settings(&GuildSettings {
            config_version: 1,
            ..now.clone()
        })
        .await
    });
    assert_eq!(stale.unwrap(), None);
}

pub(crate) async fn the_bots_state_is_new_once(fixture: Fixture) {
    let set = async |state, capabilities: &[&str]| {
        let words = || capabilities.iter().map(|word| (*word).to_owned()).collect();
        in_tx!(fixture.store, |tx| {
            tx.set_bot_state(fixture.guild, state, words()).await
        })
        .unwrap()
    };
    assert!(set(BotState::Ready, &["mute", "ban"]).await);
    assert!(!set(BotState::Ready, &["ban", "mute", "ban"]).await);
    assert!(set(BotState::Ready, &["ban"]).await);
    assert!(set(BotState::Limited, &["ban"]).await);
    let now = read(&fixture).await;
    assert_eq!(
        (now.bot_state, now.capabilities.0),
        (BotState::Limited, vec!["ban".to_owned()])
    );
    assert_eq!(now.config_version, 0, "it is not the moderators' doing");
}

pub(crate) async fn a_setting_is_written_by_who_has_seen_it(fixture: Fixture) {
    let set = async |key: &str, seen, value| {
        in_tx!(fixture.store, |tx| {
            tx.set_setting("install", key, seen, json!(value), fixture.now())
                .await
        })
        .unwrap()
    };
    let first = join_all((0..6).map(|writer| set("a", 0, writer))).await;
    assert_eq!(first.iter().filter(|done| **done).count(), 1);
    assert!(!set("b", 1, 9).await, "there is none that could have been seen");
    fixture.time.advance(TimeDelta::seconds(1));
    assert!(set("a", 1, 7).await);
    assert!(!set("a", 1, 8).await);
    let (setting, all, other) = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.setting("install", "a").await?.unwrap(),
            conn.settings_of("install").await?,
            conn.setting("account:1", "a").await?,
        ))
    })
    .unwrap();
    assert_eq!((setting.value.0.clone(), setting.version), (json!(7), 2));
    assert_eq!((setting.updated_at, other), (fixture.now(), None));
    assert_eq!(all, [setting]);
    let remove = async |seen| {
        in_tx!(fixture.store, |tx| {
            tx.remove_setting("install", "a", seen).await
        })
        .unwrap()
    };
    assert_eq!(
        (remove(1).await, remove(2).await, remove(2).await),
        (false, true, false)
    );
}

fn channel(id: &str, title: &str) -> SeenChannel {
    SeenChannel {
        native_id: ChannelId::new(id).unwrap(),
        kind: ChannelKind::Text,
        title: title.into(),
        parent_native_id: None,
    }
}

pub(crate) async fn channels_follow_the_platform(fixture: Fixture) {
    let titles = async || {
        let channels = in_read!(fixture.store, |conn| { conn.channels(fixture.guild).await });
        channels
            .unwrap()
            .into_iter()
            .map(|channel| channel.title)
            .collect::<Vec<_>>()
    };
    let thread = SeenChannel {
        kind: ChannelKind::Thread,
        parent_native_id: Some(ChannelId::new("1").unwrap()),
        ..channel("2", "\0hello")
    };
    let seen = [
        channel("1", "old"),
        channel("1", "general"),
        thread,
        channel("3", "Ünïcode 'q'"),
    ];
    in_tx!(fixture.store, |tx| {
        tx.save_channels(fixture.guild, &seen).await
    })
    .unwrap();
    assert_eq!(titles().await, ["general", "hello", "Ünïcode 'q'"]);
    let known = ChannelId::new("1").unwrap();
    let set = async |id: &ChannelId| {
        in_tx!(fixture.store, |tx| {
            tx.set_channel_settings(fixture.guild, id, json!({ "slow": 5 }))
                .await
        })
        .unwrap()
    };
    assert!(set(&known).await);
    assert!(!set(&ChannelId::new("9").unwrap()).await);

    let archive = async || {
        in_tx!(fixture.store, |tx| {
            tx.archive_channel(fixture.guild, &known, fixture.now()).await
        })
        .unwrap()
    };
    assert_eq!((archive().await, archive().await), (true, false));
    assert_eq!(titles().await, ["hello", "Ünïcode 'q'"]);
    let all = [channel("1", "general"), channel("4", "new")];
    in_tx!(fixture.store, |tx| {
        tx.replace_channels(fixture.guild, &all, fixture.now()).await
    })
    .unwrap();
    assert_eq!(titles().await, ["general", "new"]);
    let (back, gone) = in_read!(fixture.store, |conn| {
        let gone = ChannelId::new("2").unwrap();
        Ok::<_, StoreError>((
            conn.channel(fixture.guild, &known).await?.unwrap(),
            conn.channel(fixture.guild, &gone).await?.unwrap(),
        ))
    })
    .unwrap();
    assert_eq!((back.archived_at, back.settings.0), (None, json!({ "slow": 5 })));
    assert_eq!(gone.archived_at, Some(fixture.now()));
    assert_eq!(
        (gone.kind, gone.parent_native_id),
        (ChannelKind::Thread, Some(known))
    );
    in_tx!(fixture.store, |tx| {
        tx.replace_channels(fixture.guild, &[], fixture.now()).await
    })
    .unwrap();
    assert_eq!(titles().await, [""; 0]);
}
