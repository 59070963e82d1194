//! Webhooks and what is sent to them.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::EventId;
use lockdown_runtime::Secret;
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{CommunityId, GuildKey};
use lockdown_store::webhooks::{
    Delivery, DeliveryId, DeliveryState, NewDelivery, Outcome, RETRIES, Settled, Signing, Webhook, WebhookId,
    WebhookState,
};
use lockdown_store::{StoreError, Tx, in_read, in_tx};
use std::collections::BTreeSet;

const LEASE: TimeDelta = TimeDelta::seconds(30);
const FAILED: Outcome<'_> = Outcome::Failed {
    status: Some(500),
    answer: "oh no",
};
const TAKEN: Outcome<'_> = Outcome::Taken {
    status: 204,
    answer: "",
};

async fn add(fixture: &Fixture, community: Option<CommunityId>) -> Webhook {
    let webhook = Webhook {
        id: WebhookId(fixture.ids.next()),
        community_id: community,
        url: "https://example.org/hook?key=1".into(),
        topics: Json(vec!["moderation:*".into()]),
        state: WebhookState::Active,
        failures: 0,
        failing_since: None,
        created_at: fixture.now(),
        disabled_at: None,
        disabled_why: None,
    };
    let secret = Secret::new("whsec_first");
    in_tx!(fixture.store, |tx| { tx.insert_webhook(&webhook, &secret).await }).unwrap();
    webhook
}

async fn webhook(fixture: &Fixture, id: WebhookId) -> Webhook {
    in_read!(fixture.store, |conn| { conn.webhook(id).await })
        .unwrap()
        .unwrap()
}

fn delivery(fixture: &Fixture, id: DeliveryId, to: WebhookId, event: EventId) -> NewDelivery<'static> {
    NewDelivery {
        id,
        webhook_id: to,
        event_id: event,
        topic: "ban:created",
        payload: "{ \"z\": 1, \"a\": 2 }",
        at: fixture.now(),
    }
}

async fn send(fixture: &Fixture, to: WebhookId, event: EventId) -> bool {
    let new = delivery(fixture, DeliveryId(fixture.ids.next()), to, event);
    in_tx!(fixture.store, |tx| { tx.insert_delivery(new).await }).unwrap()
}

async fn send_new(fixture: &Fixture, to: WebhookId) {
    assert!(send(fixture, to, EventId(fixture.ids.next())).await);
}

async fn claim(fixture: &Fixture, by: &str, limit: u64) -> Vec<Delivery> {
    let now = fixture.now();
    in_tx!(fixture.store, |tx| {
        tx.claim_deliveries(now, by, now + LEASE, &[], limit).await
    })
    .unwrap()
}

async fn settle(fixture: &Fixture, delivery: &Delivery, outcome: Outcome<'_>) -> Settled {
    in_tx!(fixture.store, |tx| {
        tx.settle_delivery(delivery, outcome, fixture.now()).await
    })
    .unwrap()
}

async fn listed(fixture: &Fixture, of: WebhookId) -> Vec<Delivery> {
    in_read!(fixture.store, |conn| { conn.deliveries(of, None, 100).await }).unwrap()
}

pub(crate) async fn an_event_goes_to_those_it_concerns_once(fixture: Fixture) {
    let (elsewhere, their_guild) = fixture.add_community("elsewhere").await;
    let mine = add(&fixture, Some(fixture.community.id)).await;
    let whole = add(&fixture, None).await;
    let theirs = add(&fixture, Some(elsewhere.id)).await;
    let off = add(&fixture, Some(fixture.community.id)).await;
    in_tx!(fixture.store, |tx| {
        tx.disable_webhook(off.id, fixture.now(), "asked for").await
    })
    .unwrap();
    let of = async |guild| {
        let all = in_read!(fixture.store, |conn| { conn.webhooks_of(guild).await });
        all.unwrap().iter().map(|webhook| webhook.id).collect::<Vec<_>>()
    };
    assert_eq!(of(fixture.guild).await, [mine.id, whole.id]);
    assert_eq!(of(their_guild.id).await, [whole.id, theirs.id]);
    assert_eq!(of(GuildKey(fixture.ids.next())).await, [whole.id]);
    let page = async |community, after| {
        let page = in_read!(fixture.store, |conn| { conn.webhooks(community, after, 2).await });
        page.unwrap().iter().map(|webhook| webhook.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None).await, [mine.id, whole.id]);
    assert_eq!(page(None, Some(whole.id)).await, [theirs.id, off.id]);
    assert_eq!(page(Some(elsewhere.id), None).await, [theirs.id]);

    let event = EventId(fixture.ids.next());
    let many = (0..8).map(|_| send(&fixture, mine.id, event));
    let sent = futures_util::future::join_all(many).await;
    assert_eq!(sent.into_iter().filter(|sent| *sent).count(), 1);
    assert!(send(&fixture, whole.id, event).await);
    assert_eq!(
        listed(&fixture, mine.id).await[0].payload,
        "{ \"z\": 1, \"a\": 2 }"
    );
}

pub(crate) async fn a_secret_is_changed_over(fixture: Fixture) {
    let made = add(&fixture, None).await;
    let signing = async || {
        let found = in_read!(fixture.store, |conn| {
            conn.webhook_signing(made.id, fixture.now()).await
        });
        found.unwrap().unwrap()
    };
    let with = |secret: &str, old: Option<&str>| Signing {
        url: made.url.clone(),
        secret: Secret::new(secret),
        old_secret: old.map(Secret::new),
    };
    assert_eq!(signing().await, with("whsec_first", None));
    let until = fixture.now() + TimeDelta::days(1);
    let rotated = in_tx!(fixture.store, |tx| {
        tx.rotate_webhook_secret(made.id, &Secret::new("whsec_second"), until)
            .await
    });
    assert!(rotated.unwrap());
    assert_eq!(signing().await, with("whsec_second", Some("whsec_first")));
    fixture.time.set(until);
    assert_eq!(signing().await, with("whsec_second", None));
    let shown = format!("{:?} {:?}", signing().await, webhook(&fixture, made.id).await);
    assert!(!shown.contains("whsec_"), "{shown}");
    let unknown = in_read!(fixture.store, |conn| {
        let unknown = WebhookId(fixture.ids.next());
        Ok::<_, StoreError>((
            conn.webhook(unknown).await?,
            conn.webhook_signing(unknown, fixture.now()).await?,
        ))
    });
    assert_eq!(unknown.unwrap(), (None, None));
}

pub(crate) async fn what_is_due_is_sent_by_one(fixture: Fixture) {
    let stores = futures_util::future::join_all((0..3).map(|_| fixture.another_process())).await;
    let (first, second) = (add(&fixture, None).await, add(&fixture, None).await);
    for _ in 0..10 {
        send_new(&fixture, first.id).await;
        send_new(&fixture, second.id).await;
    }
    let next = in_read!(fixture.store, |conn| { conn.next_due_delivery().await }).unwrap();
    assert_eq!(next, Some(fixture.now()));
    let fixture = &fixture;
    let workers = (0..6).map(|worker| {
        let store = stores[worker % 3].clone();
        async move {
            let (now, by) = (fixture.now(), format!("worker {worker}"));
            let mut taken = Vec::new();
            loop {
                let some = in_tx!(store, |tx| {
                    tx.claim_deliveries(now, &by, now + LEASE, &[], 3).await
                });
                let some = some.unwrap();
                if some.is_empty() {
                    return taken;
                }
                taken.extend(some.into_iter().map(|delivery| delivery.id));
            }
        }
    });
    let taken: Vec<_> = futures_util::future::join_all(workers).await.concat();
    assert_eq!(taken.len(), 20, "none is taken twice");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 20);
    fixture.time.advance(LEASE);
    let again = claim(fixture, "after a crash", 100).await;
    assert_eq!(again.len(), 20);
    assert!(again.iter().all(|delivery| delivery.attempts == 2));
}

pub(crate) async fn one_that_is_full_holds_up_no_other(fixture: Fixture) {
    let (full, other) = (add(&fixture, None).await.id, add(&fixture, None).await.id);
    for to in [full, full, full, other] {
        send_new(&fixture, to).await;
    }
    let now = fixture.now();
    let taken = in_tx!(fixture.store, |tx| {
        tx.claim_deliveries(now, "worker", now + LEASE, &[full], 2).await
    });
    let taken = taken.unwrap();
    assert_eq!((taken.len(), taken[0].webhook_id), (1, other));
    assert_eq!(claim(&fixture, "worker", 10).await.len(), 3);
    let find =
        async |webhook, id| in_read!(fixture.store, |conn| { conn.delivery(webhook, id).await }).unwrap();
    assert_eq!(find(other, taken[0].id).await.unwrap(), taken[0]);
    assert!(find(full, taken[0].id).await.is_none(), "it is another's");
}

pub(crate) async fn a_failed_delivery_is_tried_on_schedule_and_given_up(fixture: Fixture) {
    let to = add(&fixture, None).await.id;
    send_new(&fixture, to).await;
    for pause in RETRIES {
        let taken = claim(&fixture, "worker", 10).await;
        let Settled::Again(next) = settle(&fixture, &taken[0], FAILED).await else {
            panic!("it is given up after {} tries", taken[0].attempts)
        };
        let waits = next - fixture.now();
        assert!(
            waits >= pause && waits <= pause + pause / 10,
            "{waits} for {pause}"
        );
        fixture.time.set(next - TimeDelta::microseconds(1));
        assert!(claim(&fixture, "early", 10).await.is_empty());
        fixture.time.set(next);
    }
    let taken = claim(&fixture, "worker", 10).await;
    let long = "ж\0".repeat(3000);
    let outcome = Outcome::Failed {
        status: None,
        answer: &long,
    };
    assert_eq!(settle(&fixture, &taken[0], outcome).await, Settled::GivenUp);
    fixture.time.advance(TimeDelta::days(9));
    assert!(claim(&fixture, "worker", 10).await.is_empty());
    let kept = &listed(&fixture, to).await[0];
    assert_eq!(
        (kept.state, kept.attempts, kept.status_code),
        (DeliveryState::Failed, 10, None)
    );
    assert_eq!(kept.excerpt.as_deref(), Some("ж".repeat(1000).as_str()));
    assert_eq!(webhook(&fixture, to).await.state, WebhookState::Active);
}

pub(crate) async fn a_success_ends_a_row_of_failures(fixture: Fixture) {
    let to = add(&fixture, None).await.id;
    send_new(&fixture, to).await;
    send_new(&fixture, to).await;
    let taken = claim(&fixture, "worker", 10).await;
    let begun = fixture.now();
    settle(&fixture, &taken[0], FAILED).await;
    let failing = webhook(&fixture, to).await;
    assert_eq!((failing.failures, failing.failing_since), (1, Some(begun)));
    // Long after, but it was taken in between.
    assert_eq!(settle(&fixture, &taken[1], TAKEN).await, Settled::Delivered);
    let sound = webhook(&fixture, to).await;
    assert_eq!((sound.failures, sound.failing_since), (0, None));
    fixture.time.advance(TimeDelta::days(6));
    let taken = claim(&fixture, "worker", 10).await;
    assert_eq!(taken.len(), 1);
    assert!(matches!(
        settle(&fixture, &taken[0], FAILED).await,
        Settled::Again(_)
    ));
    let failing = webhook(&fixture, to).await;
    assert_eq!(
        (failing.failures, failing.failing_since, failing.state),
        (1, Some(fixture.now()), WebhookState::Active)
    );
}

pub(crate) async fn what_fails_for_long_is_disabled_and_goes_on_later(fixture: Fixture) {
    let (to, gone) = (add(&fixture, None).await.id, add(&fixture, None).await.id);
    for _ in 0..3 {
        send_new(&fixture, to).await;
    }
    let taken = claim(&fixture, "worker", 1).await;
    settle(&fixture, &taken[0], FAILED).await;
    fixture.time.advance(TimeDelta::days(5));
    let taken = claim(&fixture, "worker", 2).await;
    assert_eq!(taken.len(), 2);
    assert_eq!(settle(&fixture, &taken[0], FAILED).await, Settled::Disabled);
    let off = webhook(&fixture, to).await;
    assert_eq!(
        (off.state, off.disabled_why.as_deref(), off.failures),
        (WebhookState::Disabled, Some("it took nothing for 5 days"), 2)
    );
    assert_eq!(
        settle(&fixture, &taken[1], FAILED).await,
        Settled::Held,
        "it was under way"
    );
    fixture.time.advance(TimeDelta::days(1));
    assert!(claim(&fixture, "worker", 10).await.is_empty());
    assert!(
        listed(&fixture, to)
            .await
            .iter()
            .all(|delivery| delivery.state == DeliveryState::Pending),
        "nothing is lost"
    );
    let enable = async || in_tx!(fixture.store, |tx| { tx.enable_webhook(to, fixture.now()).await }).unwrap();
    assert!(enable().await);
    assert!(!enable().await);
    let on = webhook(&fixture, to).await;
    assert_eq!(
        (on.state, on.failures, on.failing_since, on.disabled_why),
        (WebhookState::Active, 0, None, None)
    );
    for delivery in claim(&fixture, "worker", 10).await {
        assert_eq!(settle(&fixture, &delivery, TAKEN).await, Settled::Delivered);
    }
    assert_eq!(listed(&fixture, to).await.len(), 3);

    send_new(&fixture, gone).await;
    let taken = claim(&fixture, "worker", 10).await;
    let outcome = Outcome::Gone { answer: "bye" };
    assert_eq!(settle(&fixture, &taken[0], outcome).await, Settled::Disabled);
    let off = webhook(&fixture, gone).await;
    assert!(off.disabled_why.unwrap().contains("410"));
    assert_eq!(listed(&fixture, gone).await[0].status_code, Some(410));
}

pub(crate) async fn who_lost_the_lease_settles_nothing(fixture: Fixture) {
    let to = add(&fixture, None).await.id;
    send_new(&fixture, to).await;
    let slow = claim(&fixture, "worker", 1).await;
    fixture.time.advance(LEASE);
    // The same process may take it again, and its first try come back after that.
    let again = claim(&fixture, "worker", 1).await;
    assert_eq!(settle(&fixture, &slow[0], TAKEN).await, Settled::Lost);
    assert_eq!(listed(&fixture, to).await[0].state, DeliveryState::Pending);
    assert_eq!(settle(&fixture, &again[0], TAKEN).await, Settled::Delivered);
    assert_eq!(settle(&fixture, &again[0], FAILED).await, Settled::Lost);
    assert_eq!(listed(&fixture, to).await[0].state, DeliveryState::Delivered);
}

pub(crate) async fn deliveries_are_listed_sent_again_and_forgotten(fixture: Fixture) {
    let (to, other) = (add(&fixture, None).await.id, add(&fixture, None).await.id);
    for _ in 0..5 {
        send_new(&fixture, to).await;
        fixture.time.advance(TimeDelta::seconds(1));
    }
    send_new(&fixture, other).await;
    let all: Vec<_> = listed(&fixture, to)
        .await
        .into_iter()
        .map(|delivery| delivery.id)
        .collect();
    assert!(all.is_sorted_by(|newer, older| newer > older));
    let page = in_read!(fixture.store, |conn| {
        conn.deliveries(to, Some(all[1]), 2).await
    })
    .unwrap();
    assert_eq!(
        page.iter().map(|delivery| delivery.id).collect::<Vec<_>>(),
        all[2..4]
    );
    let again = async |id| in_tx!(fixture.store, |tx| { tx.send_again(id, fixture.now()).await }).unwrap();
    assert!(!again(all[0]).await, "it is on its way");
    for delivery in claim(&fixture, "worker", 10).await {
        settle(&fixture, &delivery, TAKEN).await;
    }
    assert!(again(all[0]).await);
    let taken = claim(&fixture, "worker", 10).await;
    assert_eq!((taken[0].id, taken[0].attempts), (all[0], 1));
    settle(&fixture, &taken[0], TAKEN).await;
    in_tx!(fixture.store, |tx| {
        tx.disable_webhook(to, fixture.now(), "asked for").await
    })
    .unwrap();
    assert!(again(all[1]).await);
    assert!(
        claim(&fixture, "worker", 10).await.is_empty(),
        "it waits for its webhook"
    );
    let forget = async || {
        in_tx!(fixture.store, |tx| {
            tx.forget_deliveries(fixture.now(), 3).await
        })
        .unwrap()
    };
    assert_eq!(forget().await, 0);
    fixture.time.advance(TimeDelta::days(1));
    assert_eq!((forget().await, forget().await), (3, 2));
    let left = listed(&fixture, to).await;
    assert_eq!(
        left.iter().map(|delivery| delivery.id).collect::<Vec<_>>(),
        [all[1]],
        "what waits stays"
    );
}

pub(crate) async fn a_webhook_goes_with_what_waits_for_it(fixture: Fixture) {
    let (to, other) = (add(&fixture, None).await.id, add(&fixture, None).await.id);
    send_new(&fixture, to).await;
    send_new(&fixture, other).await;
    let delete = async || in_tx!(fixture.store, |tx| { tx.delete_webhook(to).await }).unwrap();
    assert!(delete().await);
    assert!(!delete().await);
    assert_eq!(
        (
            fixture.count("webhooks").await,
            fixture.count("webhook_deliveries").await
        ),
        (1, 1)
    );
    let event = EventId(fixture.ids.next());
    assert!(!send(&fixture, to, event).await, "it is not there any more");
}

/// Whichever of the two is first, neither fails, and what goes to others goes.
pub(crate) async fn a_webhook_is_deleted_while_an_event_is_put_down(fixture: Fixture) {
    let other = add(&fixture, None).await.id;
    for delete_first in [true, false] {
        let to = add(&fixture, None).await.id;
        let event = EventId(fixture.ids.next());
        let put_down = async |tx: &mut Tx| {
            for webhook_id in [to, other] {
                let id = DeliveryId(fixture.ids.next());
                tx.insert_delivery(delivery(&fixture, id, webhook_id, event))
                    .await?;
            }
            Ok::<_, StoreError>(())
        };
        let mut first = fixture.store.begin().await.unwrap();
        if delete_first {
            assert!(first.delete_webhook(to).await.unwrap());
        } else {
            put_down(&mut first).await.unwrap();
        }
        let second = async {
            if delete_first {
                in_tx!(fixture.store, |tx| { put_down(tx).await }).unwrap();
            } else {
                assert!(in_tx!(fixture.store, |tx| { tx.delete_webhook(to).await }).unwrap());
            }
        };
        let end = async {
            // The second has come as far as it comes.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            first.commit().await.unwrap();
        };
        tokio::join!(second, end);
        assert_eq!(listed(&fixture, to).await, []);
        let events = listed(&fixture, other).await;
        assert!(events.iter().any(|delivery| delivery.event_id == event));
    }
}
