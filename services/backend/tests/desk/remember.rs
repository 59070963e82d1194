//! What the bots see is remembered, once.

use crate::house::House;
use lockdown_bus::{Glob, Key, Query};
use lockdown_events::{
    Author, Envelope, Event, EventId, GuildChange, GuildEvent, GuildId, GuildUpdate, Message, MessageEvent,
    Names, Platform, Source, UserEvent, UserId, UserJoined, UserLeft,
};
use lockdown_store::activity::GuildHour;
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::members::{Member, MemberStatus};
use lockdown_store::{StoreError, in_read, in_tx};
use std::time::Duration;

crate::house::sizes!(
    what_is_seen_is_remembered_once,
    a_group_that_moves_keeps_what_is_its_own,
    a_burst_is_counted_to_the_last,
    a_guild_that_another_founds_at_the_same_time_is_one,
);

impl House {
    fn seen(&self, event: &Event) -> Envelope {
        let (id, now) = (EventId(self.ctx.ids.next()), self.ctx.clock.now());
        Envelope::new(id, now, Source::TelegramBot, None, event).unwrap()
    }

    async fn known(&self, id: &str) -> Option<Guild> {
        let id = GuildId::new(id).unwrap();
        in_read!(self.store, |conn| { conn.guild(Platform::Telegram, &id).await }).unwrap()
    }

    async fn hour(&self, id: &str) -> Option<GuildHour> {
        let guild = self.known(id).await?.id;
        let now = self.ctx.clock.now();
        let span = chrono::TimeDelta::hours(2);
        let hours = in_read!(self.store, |conn| {
            conn.guild_activity(guild, now - span, now + span).await
        });
        hours.unwrap().pop()
    }

    async fn member(&self, guild: &str, person: &str) -> Option<Member> {
        let guild = self.known(guild).await?.id;
        let person = UserId::new(person).unwrap();
        in_read!(self.store, |conn| {
            let Some(identity) = conn.identity(Platform::Telegram, &person).await? else {
                return Ok(None);
            };
            conn.member(guild, identity.id).await
        })
        .unwrap()
    }
}

async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(crate::house::PATIENCE, looking).await;
    found.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

fn update(guild: &str, what: &str, after: &str) -> Event {
    Event::Guild(GuildEvent::Update(GuildUpdate {
        platform: Platform::Telegram,
        guild_id: GuildId::new(guild).unwrap(),
        changes: vec![GuildChange {
            what: what.into(),
            id: None,
            before: None,
            after: Some(after.into()),
        }],
        migrated_to: None,
    }))
}

fn joined(guild: &str, person: &str, name: &str) -> Event {
    Event::User(UserEvent::Joined(UserJoined {
        platform: Platform::Telegram,
        guild_id: GuildId::new(guild).unwrap(),
        user_id: UserId::new(person).unwrap(),
        names: Names {
            username: Some(name.into()),
            ..Names::default()
        },
        bot: false,
        account_created_at: None,
        inviter_id: Some(UserId::new("1").unwrap()),
        invite_code: Some("abc".into()),
        rejoined: false,
        avatar: None,
    }))
}

fn message(guild: &str, person: &str, number: usize) -> Event {
    let message = serde_json::json!({
        "platform": "telegram", "guildId": guild, "messageId": number.to_string(), "channelId": guild,
        "authorId": person, "author": Author::default(), "content": "hello",
    });
    let message: Message = serde_json::from_value(message).unwrap();
    Event::Message(MessageEvent::Created(Box::new(message)))
}

async fn what_is_seen_is_remembered_once(house: House) {
    lockdown_backend::remember(&house.ctx, house.store.clone(), &house.bus)
        .await
        .unwrap();
    let events = [
        update("-100", "name", "Harbour"),
        joined("-100", "7", "mallory"),
        message("-100", "7", 1),
        message("-100", "8", 2),
        Event::User(UserEvent::Left(UserLeft {
            platform: Platform::Telegram,
            guild_id: GuildId::new("-100").unwrap(),
            user_id: UserId::new("8").unwrap(),
            names: Names::default(),
        })),
    ];
    let envelopes: Vec<Envelope> = events.iter().map(|event| house.seen(event)).collect();
    for _ in 0..3 {
        for envelope in &envelopes {
            house.publish(envelope).await;
        }
    }
    house.publish(&house.seen(&message("-100", "9", 3))).await;
    let hour = until("the last message is counted", async || {
        let counted = |hour: &GuildHour| (hour.messages, hour.joins, hour.leaves) == (3, 1, 1);
        house.hour("-100").await.filter(counted)
    })
    .await;
    assert_eq!(hour.flagged, 0);
    assert_eq!(house.known("-100").await.unwrap().title, "Harbour");
    let member = house.member("-100", "7").await.unwrap();
    assert_eq!(member.username.as_deref(), Some("mallory"));
    assert_eq!(
        (member.status, member.invite_code.as_deref()),
        (MemberStatus::Member, Some("abc"))
    );
    let gone = house.member("-100", "8").await.unwrap();
    assert_eq!(gone.status, MemberStatus::Left);
    // The bot is removed, and comes back.
    house.publish(&house.seen(&update("-100", "bot", "left"))).await;
    until("it is gone", async || {
        house.known("-100").await.filter(|guild| guild.left_at.is_some())
    })
    .await;
    house.publish(&house.seen(&update("-100", "name", "Haven"))).await;
    let back = until("it is back", async || {
        house.known("-100").await.filter(|guild| guild.left_at.is_none())
    })
    .await;
    assert_eq!(back.title, "Haven");
    house.stop().await;
}

async fn a_group_that_moves_keeps_what_is_its_own(house: House) {
    lockdown_backend::remember(&house.ctx, house.store.clone(), &house.bus)
        .await
        .unwrap();
    house.publish(&house.seen(&update("-5", "name", "Small"))).await;
    house.publish(&house.seen(&message("-5", "7", 1))).await;
    let before = until("it is known", async || {
        house.hour("-5").await?;
        house.known("-5").await
    })
    .await;
    let moved = Event::Guild(GuildEvent::Update(GuildUpdate {
        platform: Platform::Telegram,
        guild_id: GuildId::new("-5").unwrap(),
        changes: vec![],
        migrated_to: Some(GuildId::new("-1005").unwrap()),
    }));
    house.publish(&house.seen(&moved)).await;
    let after = until("it has moved", async || house.known("-1005").await).await;
    assert_eq!((after.id, after.title.as_str()), (before.id, "Small"));
    assert_eq!(house.known("-5").await, None);
    assert_eq!(house.hour("-1005").await.unwrap().messages, 1);
    // Who asked there before goes by what it chose from now on.
    let query = Query {
        types: vec![Glob::new("guild:config")],
        key: Some(Key::community(Platform::Telegram, &after.native_id)),
        ..Query::default()
    };
    until("it is told", async || {
        let told = house.bus.history().page(&query, None, 10).await.unwrap();
        (told.entries.len() == 1).then_some(())
    })
    .await;
    // Something was said where it went before anybody told us that it had moved.
    house.publish(&house.seen(&update("-6", "name", "Smaller"))).await;
    let before = until("it is known", async || house.known("-6").await).await;
    house.publish(&house.seen(&message("-1006", "7", 2))).await;
    let early = until("it is known", async || house.known("-1006").await).await;
    assert_ne!(early.id, before.id);
    for _ in 0..2 {
        let moved = Event::Guild(GuildEvent::Update(GuildUpdate {
            platform: Platform::Telegram,
            guild_id: GuildId::new("-6").unwrap(),
            changes: vec![],
            migrated_to: Some(GuildId::new("-1006").unwrap()),
        }));
        house.publish(&house.seen(&moved)).await;
        until("it has moved", async || {
            house.known("-1006").await.filter(|guild| guild.id == before.id)
        })
        .await;
    }
    house.stop().await;
}

async fn a_burst_is_counted_to_the_last(house: House) {
    lockdown_backend::remember(&house.ctx, house.store.clone(), &house.bus)
        .await
        .unwrap();
    let publishing = (0..2_000).map(|number| {
        let guild = format!("-{}", 200 + number % 20);
        let envelope = house.seen(&message(&guild, &(number % 50).to_string(), number));
        let house = &house;
        async move { house.publish(&envelope).await }
    });
    futures_util::future::join_all(publishing).await;
    for guild in 200..220 {
        let guild = format!("-{guild}");
        until("all are counted", async || {
            house.hour(&guild).await.filter(|hour| hour.messages == 100)
        })
        .await;
    }
    house.stop().await;
}

async fn a_guild_that_another_founds_at_the_same_time_is_one(house: House) {
    lockdown_backend::remember(&house.ctx, house.store.clone(), &house.bus)
        .await
        .unwrap();
    let now = house.ctx.clock.now();
    let community = Community {
        id: CommunityId(house.ctx.ids.next()),
        slug: "telegram--300".into(),
        name: "Harbour".into(),
        settings: Json(serde_json::json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(house.ctx.ids.next()),
        community_id: community.id,
        platform: Platform::Telegram,
        native_id: GuildId::new("-300").unwrap(),
        title: "Harbour".into(),
        joined_at: now,
        left_at: None,
    };
    let said = house.seen(&message("-300", "7", 1));
    in_tx!(house.store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await?;
        house.publish(&said).await;
        // Long enough for the event to be met by a guild that is not committed yet.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    until("the message is counted", async || {
        house.hour("-300").await.filter(|hour| hour.messages == 1)
    })
    .await;
    assert_eq!(house.known("-300").await.unwrap().id, guild.id);
    house.stop().await;
}
