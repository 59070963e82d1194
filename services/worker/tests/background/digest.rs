//! What went on is told once a day, however often somebody dies over it.

use crate::house::{House, until};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::GuildId;
use lockdown_moderation::desk::{Desk, Seen, SettingsAsk};
use lockdown_moderation::{Actor, Settings};
use lockdown_runtime::MockClock;
use lockdown_store::activity::GuildHour;
use lockdown_store::{StoreError, in_tx};
use serde_json::json;
use std::time::Duration;

/// How long a worker's lease lasts, and more.
const AFTER: TimeDelta = TimeDelta::seconds(60);

pub(crate) async fn a_day_is_told_once(house: House, time: MockClock) {
    let (asks, _bot) = house.bot().await;
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    let settings =
        Settings::read(&json!({ "timezone": "Europe/Berlin", "digest": { "at": "09:00" } })).unwrap();
    let ask = SettingsAsk {
        by: Actor::System,
        guild: house.guild_ref(),
        seen: Seen::Whatever,
        chain: None,
    };
    desk.change_settings(&ask, &settings).await.unwrap();
    let hour = |at: &str, messages| GuildHour {
        guild_id: house.guild.id,
        hour: at.parse().unwrap(),
        messages,
        joins: 0,
        leaves: 0,
        actions: 0,
        flagged: 0,
    };
    let hours = [hour("2026-11-19T23:00:00Z", 40), hour("2026-11-20T22:00:00Z", 2)];
    in_tx!(house.store, |tx| {
        tx.add_guild_activity(&hours).await?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let step = || time.advance(TimeDelta::milliseconds(100));
    // The bot is away when it is asked first; whoever leads dies over it, and somebody else asks again.
    let first = house.worker().await;
    lockdown_worker::lead(&first.0, house.store.clone(), &first.1);
    let nine: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
    until("the bot is asked", async || {
        step();
        !asks.lock().unwrap().is_empty()
    })
    .await;
    assert!(house.ctx.clock.now() >= nine);
    first.0.shutdown.request("test");
    first.0.tasks.all_ended().await;
    let second = house.worker().await;
    lockdown_worker::lead(&second.0, house.store.clone(), &second.1);
    time.advance(AFTER);
    until("it is told", async || {
        step();
        asks.lock().unwrap().len() == 2
    })
    .await;
    let said = asks.lock().unwrap().clone();
    assert_eq!(said[0], said[1], "the same is asked for, under the same id");
    assert_eq!(said[1]["guildId"], json!(GuildId::new("100").unwrap()));
    let text = said[1]["text"].as_str().unwrap();
    assert!(text.starts_with("Square: Friday, 20 November 2026"), "{text}");
    assert!(text.contains("Messages: 42 (0)"), "{text}");
    assert!(said[1]["picture"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    // Not again that day, and on the next one once.
    time.advance(TimeDelta::hours(24));
    until("the next day is told", async || {
        step();
        asks.lock().unwrap().len() == 3
    })
    .await;
    let text = asks.lock().unwrap()[2]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Square: Saturday, 21 November 2026"), "{text}");
    second.0.shutdown.request("test");
    for (ctx, bus) in [first, second] {
        bus.close(Duration::from_secs(5)).await;
        ctx.tasks.all_ended().await;
    }
    house.stop().await;
}
