//! The outbox and the inbox.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::{Envelope, Event, EventId, ModerationEvent};
use lockdown_store::guilds::{GuildKey, Parties};
use lockdown_store::outbox::{Publish, Relay, Unpublished, lane};
use lockdown_store::{StoreError, in_read, in_tx};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Keeps what is published, and refuses what it is told to.
#[derive(Clone, Default)]
struct Sink {
    /// The guild by whose name an event goes, and its number.
    published: Arc<Mutex<Vec<(EventId, u64)>>>,
    unheard: Arc<Mutex<BTreeSet<EventId>>>,
    refused: Arc<Mutex<BTreeSet<EventId>>>,
}

// === impl Sink ===

impl Publish for Sink {
    async fn publish(&self, envelope: &Envelope) -> Result<(), Unpublished> {
        // Others come in between here.
        tokio::task::yield_now().await;
        if self.unheard.lock().unwrap().contains(&envelope.event_id) {
            return Err(Unpublished::Away("the bus is away".into()));
        }
        if self.refused.lock().unwrap().contains(&envelope.event_id) {
            return Err(Unpublished::Refused("too large\0".into()));
        }
        let Event::Moderation(ModerationEvent::AuditLogged(body)) = envelope.event().unwrap() else {
            panic!("another event than was put in")
        };
        self.published
            .lock()
            .unwrap()
            .push((envelope.event_id, body.sequence));
        Ok(())
    }
}

fn relay(fixture: &Fixture, sink: &Sink) -> Relay<Sink> {
    let name = fixture.ids.next().to_string();
    Relay::new(fixture.store.clone(), sink.clone(), fixture.clock.clone(), name)
}

async fn waiting(fixture: &Fixture) -> u64 {
    in_read!(fixture.store, |conn| { conn.outbox_waiting().await }).unwrap()
}

pub(crate) async fn an_event_is_there_with_its_case_or_not_at_all(fixture: Fixture) {
    fixture.record_many(2).await;
    let mut tx = fixture.store.begin().await.unwrap();
    fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    tx.rollback().await;
    assert_eq!((fixture.count("cases").await, waiting(&fixture).await), (2, 2));

    let unknown = GuildKey(fixture.ids.next());
    let event = fixture.event(&fixture.case(1));
    let outcome = in_tx!(fixture.store, |tx| {
        tx.publish(unknown, &event, fixture.now()).await
    });
    assert!(outcome.is_err(), "an event of no guild was taken");
    assert_eq!(waiting(&fixture).await, 2);
}

pub(crate) async fn events_go_out_in_order_by_many_relays(mut fixture: Fixture) {
    let mut guilds = vec![fixture.guild];
    for guild in 0..5 {
        guilds.push(fixture.add_guild(&format!("20{guild}")).await.id);
    }
    let sink = Sink::default();
    let mut written = BTreeMap::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let mut relays = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let relay = relay(&fixture, &sink);
        let stop = stop.clone();
        relays.spawn(async move { stop.run_until_cancelled(relay.run()).await });
    }
    for _ in 0..20 {
        for guild in &guilds {
            fixture.guild = *guild;
            let case = fixture.case(0);
            let event = in_tx!(fixture.store, |tx| {
                let mut case = case.clone();
                let next = tx.next_case(case.guild_id, Parties::default()).await?;
                case.number = next.unwrap().number;
                let event = fixture.event(&case);
                tx.publish(case.guild_id, &event, fixture.now()).await?;
                Ok::<_, StoreError>(event)
            });
            written.insert(event.unwrap().event_id, *guild);
        }
    }
    while waiting(&fixture).await > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    while relays.join_next().await.is_some() {}
    let published = sink.published.lock().unwrap().clone();
    assert_eq!(
        published.len(),
        120,
        "each is published, and none twice while nobody dies"
    );
    for guild in guilds {
        let order: Vec<u64> = published
            .iter()
            .filter(|(id, _)| written[id] == guild)
            .map(|(_, number)| *number)
            .collect();
        assert_eq!(order, (1..=20).collect::<Vec<_>>());
    }
}

pub(crate) async fn an_event_that_fails_holds_back_its_guild_alone(mut fixture: Fixture) {
    fixture.record_many(3).await;
    let first = fixture.guild;
    // One in the same lane and one in another.
    let mut others = Vec::new();
    for name in 200.. {
        let guild = fixture.add_guild(&name.to_string()).await.id;
        let (same, other): (Vec<GuildKey>, Vec<_>) =
            others.iter().partition(|known| lane(**known) == lane(first));
        let wanted = if lane(guild) == lane(first) {
            same.is_empty()
        } else {
            other.is_empty()
        };
        if wanted {
            others.push(guild);
        }
        if others.len() == 2 {
            break;
        }
    }
    for guild in &others {
        fixture.guild = *guild;
        fixture.record_many(2).await;
    }
    let page = in_read!(fixture.store, |conn| { conn.outbox_page(lane(first), 10).await }).unwrap();
    let second = page
        .iter()
        .filter(|pending| pending.guild_id == first)
        .nth(1)
        .unwrap()
        .event_id;
    let sink = Sink::default();
    sink.unheard.lock().unwrap().insert(second);
    let relay = relay(&fixture, &sink);
    assert_eq!(
        relay.drain().await.unwrap(),
        5,
        "one of the first, two of each other"
    );
    assert_eq!(relay.drain().await.unwrap(), 0, "the lane rests");

    // However often it fails, an event that may get through is not parked.
    for _ in 0..20 {
        fixture.time.advance(TimeDelta::seconds(1));
        assert_eq!(relay.drain().await.unwrap(), 0);
    }
    sink.unheard.lock().unwrap().clear();
    fixture.time.advance(TimeDelta::seconds(1));
    assert_eq!(relay.drain().await.unwrap(), 2);
    let published = sink.published.lock().unwrap();
    let last: Vec<u64> = published[5..].iter().map(|(_, number)| *number).collect();
    assert_eq!(last, [2, 3]);
}

pub(crate) async fn an_event_that_is_refused_for_good_is_parked(fixture: Fixture) {
    fixture.record_many(3).await;
    let page = in_read!(fixture.store, |conn| {
        conn.outbox_page(lane(fixture.guild), 10).await
    })
    .unwrap();
    let second = page[1].event_id;
    let sink = Sink::default();
    sink.refused.lock().unwrap().insert(second);
    let relay = relay(&fixture, &sink);
    let mut published = Vec::new();
    for _ in 0..10 {
        published.push(relay.drain().await.unwrap());
        fixture.time.advance(TimeDelta::seconds(1));
    }
    assert_eq!(
        published,
        [1, 0, 0, 0, 1, 0, 0, 0, 0, 0],
        "it holds its guild up for five tries, and not for ever"
    );
    let parked = async || {
        in_read!(fixture.store, |conn| {
            assert_eq!(
                conn.outbox_parked().await?,
                conn.parked_events(None, 10).await?.len() as u64
            );
            conn.parked_events(None, 10).await
        })
        .unwrap()
    };
    let only = &parked().await[0];
    assert_eq!(
        (only.event_id, &only.payload, only.last_error.as_deref()),
        (second, &page[1].payload, Some("too large"))
    );
    assert_eq!(waiting(&fixture).await, 0);
    fixture.time.advance(TimeDelta::days(400));
    let forgotten = in_tx!(fixture.store, |tx| {
        tx.forget_published(fixture.now(), 10).await
    });
    assert_eq!(
        (forgotten.unwrap(), parked().await.len()),
        (2, 1),
        "it is not lost"
    );

    let put_back = async || in_tx!(fixture.store, |tx| { tx.put_back_event(only.id).await }).unwrap();
    assert!(put_back().await);
    assert!(!put_back().await);
    assert_eq!((waiting(&fixture).await, parked().await.len()), (1, 0));
    sink.refused.lock().unwrap().clear();
    assert_eq!(relay.drain().await.unwrap(), 1);
    let order: Vec<u64> = sink
        .published
        .lock()
        .unwrap()
        .iter()
        .map(|(_, number)| *number)
        .collect();
    assert_eq!(order, [1, 3, 2]);
}

pub(crate) async fn what_cannot_be_read_is_parked_and_can_be_dropped(fixture: Fixture) {
    fixture.record_many(2).await;
    fixture
        .behind_its_back("UPDATE outbox SET payload = 'no envelope' WHERE id = (SELECT MIN(id) FROM outbox)")
        .await;
    let relay = relay(&fixture, &Sink::default());
    for _ in 0..5 {
        relay.drain().await.unwrap();
        fixture.time.advance(TimeDelta::seconds(1));
    }
    assert_eq!(waiting(&fixture).await, 0, "the other one went out");
    let parked = in_read!(fixture.store, |conn| { conn.parked_events(None, 10).await }).unwrap();
    assert_eq!(parked[0].payload, "no envelope");
    assert!(parked[0].last_error.is_some());
    let drop_it = async || in_tx!(fixture.store, |tx| { tx.drop_parked_event(parked[0].id).await }).unwrap();
    assert!(drop_it().await);
    assert!(!drop_it().await);
    let left = in_read!(fixture.store, |conn| { conn.outbox_parked().await });
    assert_eq!(left.unwrap(), 0);
}

pub(crate) async fn a_relay_that_dies_leaves_its_lane_to_others(fixture: Fixture) {
    fixture.record_many(2).await;
    let now = fixture.now();
    let taken = in_tx!(fixture.store, |tx| {
        tx.claim_lanes(now, "dead", now + TimeDelta::seconds(30)).await
    });
    assert_eq!(taken.unwrap(), [lane(fixture.guild)]);
    let sink = Sink::default();
    let relay = relay(&fixture, &sink);
    assert_eq!(relay.drain().await.unwrap(), 0);
    fixture.time.advance(TimeDelta::seconds(30));
    assert_eq!(relay.drain().await.unwrap(), 2);
    // The dead one's late word changes nothing.
    let kept = in_tx!(fixture.store, |tx| {
        tx.extend_lanes(
            &[lane(fixture.guild)],
            "dead",
            fixture.now() + TimeDelta::hours(1),
        )
        .await
    });
    assert!(kept.unwrap().is_empty());
}

pub(crate) async fn an_effect_is_had_once(fixture: Fixture) {
    let event = EventId(fixture.ids.next());
    let handle = async |fails: bool| {
        let mut tx = fixture.store.begin().await.unwrap();
        let first = tx
            .process_once("worker.cases", event, fixture.now())
            .await
            .unwrap();
        if first {
            fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
        }
        if fails {
            tx.rollback().await;
        } else {
            tx.commit().await.unwrap();
        }
        first
    };
    assert!(handle(true).await, "it failed, so its effect is yet to be had");
    let at_once = futures_util::future::join_all((0..8).map(|_| handle(false))).await;
    assert_eq!(at_once.into_iter().filter(|first| *first).count(), 1);
    assert_eq!(fixture.count("cases").await, 1);
    let known = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.is_processed("worker.cases", event).await?,
            conn.is_processed("worker.other", event).await?,
        ))
    });
    assert_eq!(known.unwrap(), (true, false));
}

pub(crate) async fn what_is_old_is_forgotten(fixture: Fixture) {
    fixture.record_many(3).await;
    let relay = relay(&fixture, &Sink::default());
    assert_eq!(relay.drain().await.unwrap(), 3);
    for _ in 0..3 {
        let event = EventId(fixture.ids.next());
        in_tx!(fixture.store, |tx| {
            tx.process_once("a", event, fixture.now()).await
        })
        .unwrap();
    }
    fixture.time.advance(TimeDelta::days(1));
    fixture.record_many(1).await;
    let forget = async || {
        in_tx!(fixture.store, |tx| {
            let before = fixture.now();
            let events = tx.forget_published(before, 2).await?;
            Ok::<_, StoreError>((events, tx.forget_processed(before, 2).await?))
        })
        .unwrap()
    };
    assert_eq!(
        (forget().await, forget().await, forget().await),
        ((2, 2), (1, 1), (0, 0))
    );
    assert_eq!(waiting(&fixture).await, 1, "what waits is never forgotten");
}
