//! Moderators are told where they want to be told, and not at night.

use crate::house::{House, until};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    NotificationId, NotificationKind, NotificationLevel, Platform, RanksRequest, RequestError, UserId,
};
use lockdown_moderation::desk::Desk;
use lockdown_moderation::notices::{self, Kept, Notice, To, Wishes};
use lockdown_moderation::{GuildRef, UserRef};
use lockdown_runtime::MockClock;
use lockdown_store::in_read;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What the bot was asked to say, in its order.
pub(crate) type Asks = Arc<Mutex<Vec<Value>>>;

impl House {
    /// A bot: 11 and 13 keep order, and the first time that it is asked to say anything, it is away.
    pub(crate) async fn bot(&self) -> (Asks, [Answering; 2]) {
        let asks: Asks = Arc::default();
        let noted = Arc::clone(&asks);
        let says = self
            .bus
            .requests()
            .answer("say:discord", move |asked: Asked<Value>| {
                let noted = Arc::clone(&noted);
                async move {
                    let mut asks = noted.lock().unwrap();
                    asks.push(asked.data);
                    if asks.len() == 1 {
                        return Err(RequestError {
                            code: "unavailable".to_owned(),
                            message: "away".to_owned(),
                        });
                    }
                    Ok(json!({ "said": "done" }))
                }
            });
        let ranks = self
            .bus
            .requests()
            .answer("ranks:discord", |asked: Asked<RanksRequest>| async move {
                let stand = |id: &UserId| {
                    let rights: &[&str] = if ["11", "13"].contains(&id.as_str()) {
                        &["ban"]
                    } else {
                        &[]
                    };
                    json!({
                        "userId": id, "standing": "member", "position": 0, "administrator": false, "rights": rights,
                    })
                };
                let people: Vec<_> = asked.data.user_ids.iter().map(stand).collect();
                Ok(json!({ "bot": { "userId": "99", "standing": "owner" }, "people": people }))
            });
        (asks, [says.await.unwrap(), ranks.await.unwrap()])
    }

    pub(crate) fn guild_ref(&self) -> GuildRef {
        GuildRef {
            platform: Platform::Discord,
            id: self.guild.native_id.clone(),
        }
    }

    async fn alert(&self, title: &str) {
        let notice = Notice {
            id: NotificationId(self.ctx.ids.next()),
            level: NotificationLevel::Urgent,
            kind: NotificationKind::Alert,
            title: title.to_owned(),
            body: "Look.".to_owned(),
            link: None,
            at: self.ctx.clock.now(),
        };
        let kept = notices::tell(&self.store, &self.bus, notice, &To::Guild(self.guild_ref())).await;
        assert_eq!(kept.unwrap(), Kept::New);
    }

    async fn waiting(&self, at: DateTime<Utc>) -> usize {
        let due = in_read!(self.store, |conn| { conn.due_tellings(at, 100).await });
        due.unwrap().len()
    }
}

/// The texts that went to one person, or into the log channel.
fn told(asks: &Asks, to: Option<&str>) -> Vec<String> {
    let asks = asks.lock().unwrap();
    // The first was answered by nobody, and is asked again.
    let to = asks.iter().skip(1).filter(|ask| ask["userId"].as_str() == to);
    to.map(|ask| ask["text"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn moderators_are_told_as_they_chose(house: House, time: MockClock) {
    let (asks, _bot) = house.bot().await;
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    let night = json!({ "from": "22:00", "to": "07:00" });
    for (id, wishes) in [
        ("11", json!({ "direct": ["alert"], "quiet": night })),
        // Keeps no order any more, and asked for something else.
        ("12", json!({ "direct": ["alert"] })),
        ("13", json!({ "direct": ["review"] })),
    ] {
        let wishes: Wishes = serde_json::from_value(wishes).unwrap();
        let who = UserRef::new(Platform::Discord, UserId::new(id).unwrap());
        desk.set_wishes(&house.guild_ref(), &who, &wishes).await.unwrap();
    }
    let (ctx, bus) = house.worker().await;
    lockdown_worker::lead(&ctx, house.store.clone(), &bus);
    let step = || time.advance(TimeDelta::milliseconds(100));
    house.alert("one").await;
    until("both are told", async || {
        step();
        told(&asks, None).len() == 1 && told(&asks, Some("11")).len() == 1
    })
    .await;
    assert_eq!(told(&asks, None), ["Square: one\nLook."]);
    assert_eq!(told(&asks, Some("11")), ["Square: one\nLook."]);
    let first = asks.lock().unwrap()[0]["id"].clone();
    let same = asks
        .lock()
        .unwrap()
        .iter()
        .filter(|ask| ask["id"] == first)
        .count();
    assert_eq!(same, 2, "what may have been said is asked for by the same id");

    let morning: DateTime<Utc> = "2026-11-21T07:00:00Z".parse().unwrap();
    time.advance(TimeDelta::minutes(90));
    house.alert("two").await;
    house.alert("three").await;
    until("the channel knows, and 11 will", async || {
        step();
        let channel = told(&asks, None).concat();
        channel.contains("two") && channel.contains("three") && house.waiting(morning).await == 2
    })
    .await;
    assert!(house.ctx.clock.now() < morning);
    assert_eq!(told(&asks, Some("11")).len(), 1);
    time.advance(morning - house.ctx.clock.now());
    until("11 is told in the morning", async || {
        step();
        told(&asks, Some("11")).len() == 2
    })
    .await;
    assert_eq!(
        told(&asks, Some("11"))[1].lines().next(),
        Some("Square: 2 notifications")
    );
    until("nothing is left", async || {
        step();
        house.waiting(morning + TimeDelta::days(9)).await == 0
    })
    .await;
    for nobody in ["12", "13"] {
        assert!(told(&asks, Some(nobody)).is_empty(), "{nobody}");
    }
    ctx.shutdown.request("test");
    bus.close(std::time::Duration::from_secs(5)).await;
    ctx.tasks.all_ended().await;
    house.stop().await;
}
