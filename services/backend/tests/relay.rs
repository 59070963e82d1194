//! From a transaction to whoever consumes.

use lockdown_bus::Heard;
use lockdown_events::{AuditLogged, Envelope, Event, EventId, GuildId, ModerationEvent, Platform, Source};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::outbox::lane;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_published_once_it_is_committed() {
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new(
        "backend",
        "1.2.3",
        config,
        clock.clone(),
        ids.clone(),
        Metrics::local(),
    );
    let store = lockdown_store::open(&ctx).await.unwrap();
    let bus = lockdown_bus::open(&ctx, Source::Backend).await.unwrap();
    assert!(ctx.health.ready(), "{:?}", ctx.health.report());
    let mut heard = bus
        .live()
        .subscribe(&["audit:logged"], &lockdown_bus::ListenOptions::default())
        .await
        .unwrap();
    let now = clock.now();
    let community = Community {
        id: CommunityId(ids.next()),
        slug: "town".into(),
        name: "Town".into(),
        settings: Json(json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(ids.next()),
        community_id: community.id,
        platform: Platform::Discord,
        native_id: GuildId::new("100").unwrap(),
        title: "Square".into(),
        joined_at: now,
        left_at: None,
    };
    let event = |sequence| {
        let body = AuditLogged {
            platform: Platform::Discord,
            guild_id: guild.native_id.clone(),
            sequence,
            actor: "system".into(),
            actor_id: None,
            act: "test".into(),
            subject: "case:1".into(),
            hash: String::new(),
        };
        let event = Event::Moderation(ModerationEvent::AuditLogged(body));
        Envelope::new(EventId(ids.next()), now, Source::Backend, None, &event).unwrap()
    };
    let events: Vec<Envelope> = (1..=3).map(event).collect();
    let refused = event(4);
    in_tx!(store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await?;
        tx.publish(guild.id, &refused, now).await
    })
    .unwrap();
    in_tx!(store, |tx| {
        // As if the bus had refused it.
        let page = tx.outbox_page(lane(guild.id), 1).await?;
        tx.park_event(page[0].id, "too large", now).await?;
        for event in &events {
            tx.publish(guild.id, event, now).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    lockdown_backend::relay(&ctx, store.clone(), bus.clone());
    for event in &events {
        let Some(Heard::Said(said)) = heard.next().await else {
            panic!("an event was missed")
        };
        assert_eq!(said.envelope().unwrap().event_id, event.event_id);
    }
    while in_read!(store, |conn| { conn.outbox_waiting().await }).unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    let mut reports = ctx.health.watch();
    let told = reports.wait_for(|report| {
        let outbox = report.components.iter().find(|part| part.name == "outbox");
        outbox
            .and_then(|part| part.detail.as_deref())
            .is_some_and(|detail| detail.contains("parked"))
    });
    tokio::time::timeout(LIMIT, told).await.unwrap().unwrap();
    assert!(ctx.health.ready(), "it goes on with a fault");
    let put_back = in_tx!(store, |tx| {
        let parked = tx.parked_events(None, 10).await?;
        tx.put_back_event(parked[0].id).await
    });
    assert!(put_back.unwrap());
    let Some(Heard::Said(said)) = heard.next().await else {
        panic!("the event that was put back was missed")
    };
    assert_eq!(said.envelope().unwrap().event_id, refused.event_id);
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
}
