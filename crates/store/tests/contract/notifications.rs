//! Words to moderators.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::{NotificationId, NotificationKind, NotificationLevel};
use lockdown_store::guilds::GuildKey;
use lockdown_store::notifications::{Mailbox, Notification, ReaderId};
use lockdown_store::people::IdentityId;
use lockdown_store::tellings::{BatchId, TellingId};
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;

async fn tell(
    fixture: &Fixture,
    title: &str,
    to: Option<IdentityId>,
    of: Option<GuildKey>,
) -> NotificationId {
    let notification = Notification {
        id: NotificationId(fixture.ids.next()),
        recipient_id: to,
        guild_id: of,
        level: NotificationLevel::Urgent,
        kind: NotificationKind::Alert,
        title: title.into(),
        body: "a\0b".into(),
        link: Some("/guilds/discord/100".into()),
        at: fixture.now(),
    };
    let insert = async || {
        in_tx!(fixture.store, |tx| {
            tx.insert_notification(&notification).await
        })
        .unwrap()
    };
    assert_eq!(
        (insert().await, insert().await),
        (true, false),
        "told twice, it is there once"
    );
    notification.id
}

fn mailbox(fixture: &Fixture, identity: IdentityId, guilds: &[GuildKey]) -> Mailbox {
    Mailbox {
        reader: ReaderId(identity.0),
        // Of somebody who has accounts on two platforms.
        identities: vec![IdentityId(fixture.ids.next()), identity],
        guilds: guilds.to_vec(),
    }
}

async fn titles(fixture: &Fixture, mailbox: &Mailbox) -> Vec<String> {
    let (mut before, mut titles) = (None, Vec::new());
    loop {
        let page = in_read!(fixture.store, |conn| {
            conn.notifications(mailbox, false, before, 2).await
        })
        .unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break titles };
        before = Some(last.id);
        titles.extend(page.into_iter().map(|one| one.title));
    }
}

async fn unread(fixture: &Fixture, mailbox: &Mailbox) -> u64 {
    in_read!(fixture.store, |conn| { conn.unread_notifications(mailbox).await }).unwrap()
}

pub(crate) async fn a_mailbox_has_what_is_for_it(fixture: Fixture) {
    let (here, there) = (fixture.guild, fixture.add_guild("200").await.id);
    tell(&fixture, "all", None, None).await;
    tell(&fixture, "here", None, Some(here)).await;
    tell(&fixture, "there", None, Some(there)).await;
    tell(&fixture, "alice", Some(fixture.alice), Some(there)).await;
    tell(&fixture, "mallory", Some(fixture.mallory), None).await;
    let alice = mailbox(&fixture, fixture.alice, &[here]);
    assert_eq!(titles(&fixture, &alice).await, ["alice", "here", "all"]);
    let both = mailbox(&fixture, fixture.mallory, &[here, there]);
    assert_eq!(titles(&fixture, &both).await, ["mallory", "there", "here", "all"]);
    let nobody = Mailbox {
        reader: ReaderId(fixture.ids.next()),
        identities: vec![],
        guilds: vec![],
    };
    assert_eq!(titles(&fixture, &nobody).await, ["all"]);
    let page = in_read!(fixture.store, |conn| {
        conn.notifications(&nobody, false, None, 9).await
    })
    .unwrap();
    assert_eq!(
        (page[0].body.as_str(), page[0].level),
        ("ab", NotificationLevel::Urgent)
    );
    assert_eq!((page[0].at, page[0].read_at), (fixture.now(), None));
}

pub(crate) async fn reading_counts_once_for_each_reader(fixture: Fixture) {
    let first = tell(&fixture, "first", None, None).await;
    let second = tell(&fixture, "second", None, Some(fixture.guild)).await;
    let private = tell(&fixture, "private", Some(fixture.mallory), None).await;
    let third = tell(&fixture, "third", None, None).await;
    let (alice, mallory) = (
        mailbox(&fixture, fixture.alice, &[fixture.guild]),
        mailbox(&fixture, fixture.mallory, &[]),
    );
    assert_eq!(
        (unread(&fixture, &alice).await, unread(&fixture, &mallory).await),
        (3, 3)
    );
    let read = async |id| {
        in_tx!(fixture.store, |tx| {
            tx.read_notification(alice.reader, id, fixture.now()).await
        })
        .unwrap()
    };
    let at_once = join_all((0..6).map(|_| read(first))).await;
    assert_eq!(at_once.into_iter().filter(|news| *news).count(), 1);
    assert!(!read(NotificationId(fixture.ids.next())).await, "there is none");
    assert_eq!(
        (unread(&fixture, &alice).await, unread(&fixture, &mallory).await),
        (2, 3)
    );
    fixture.time.advance(TimeDelta::seconds(1));
    let read_up_to = async |last| {
        in_tx!(fixture.store, |tx| {
            tx.read_notifications_up_to(&alice, last, fixture.now()).await
        })
        .unwrap()
    };
    assert_eq!(
        (read_up_to(private).await, read_up_to(private).await),
        (1, 0),
        "not what is another's"
    );
    assert_eq!(unread(&fixture, &alice).await, 1, "what came since is not read");
    let page = in_read!(fixture.store, |conn| {
        conn.notifications(&alice, true, None, 9).await
    });
    let left: Vec<_> = page.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(left, [third]);
    assert_eq!(read_up_to(third).await, 1);
    let page = in_read!(fixture.store, |conn| {
        conn.notifications(&alice, false, None, 9).await
    })
    .unwrap();
    let read: Vec<_> = page.iter().map(|one| (one.id, one.read_at.unwrap())).collect();
    let (now, before) = (fixture.now(), fixture.now() - TimeDelta::seconds(1));
    assert_eq!(read, [(third, now), (second, now), (first, before)]);
    assert_eq!(unread(&fixture, &mallory).await, 3);
}

pub(crate) async fn old_notifications_go_with_their_reads(fixture: Fixture) {
    let alice = mailbox(&fixture, fixture.alice, &[]);
    for _ in 0..3 {
        tell(&fixture, "old", None, None).await;
    }
    fixture.time.advance(TimeDelta::days(1));
    let last = tell(&fixture, "new", None, None).await;
    in_tx!(fixture.store, |tx| {
        tx.read_notifications_up_to(&alice, last, fixture.now()).await
    })
    .unwrap();
    assert_eq!(fixture.count("notification_reads").await, 4);
    let forget = async || {
        in_tx!(fixture.store, |tx| {
            tx.forget_notifications(fixture.now(), 2).await
        })
        .unwrap()
    };
    assert_eq!((forget().await, forget().await, forget().await), (2, 1, 0));
    assert_eq!(titles(&fixture, &alice).await, ["new"]);
    assert_eq!(fixture.count("notification_reads").await, 1);
}

pub(crate) async fn what_nobody_wants_to_see_does_not_show(fixture: Fixture) {
    let there = fixture.add_guild("200").await.id;
    let choose = async |wishes: serde_json::Value| {
        in_tx!(fixture.store, |tx| {
            tx.save_notification_wishes(fixture.guild, fixture.alice, wishes.clone(), fixture.now())
                .await
        })
        .unwrap();
    };
    tell(&fixture, "here", None, Some(fixture.guild)).await;
    tell(&fixture, "there", None, Some(there)).await;
    let alice = mailbox(&fixture, fixture.alice, &[fixture.guild, there]);
    let mallory = mailbox(&fixture, fixture.mallory, &[fixture.guild, there]);
    for (wishes, seen) in [
        (json!({ "hidden": ["alert", "review"] }), vec!["there"]),
        (json!({ "hidden": ["review"] }), vec!["there", "here"]),
        (json!({}), vec!["there", "here"]),
    ] {
        choose(wishes.clone()).await;
        assert_eq!(titles(&fixture, &alice).await, seen, "{wishes}");
        assert_eq!(unread(&fixture, &alice).await, seen.len() as u64, "{wishes}");
        assert_eq!(unread(&fixture, &mallory).await, 2, "{wishes}");
    }
    let kept = in_read!(fixture.store, |conn| {
        let one = conn.notification_wishes(fixture.guild, fixture.alice).await?;
        let other = conn.notification_wishes(there, fixture.alice).await?;
        Ok::<_, StoreError>((one, other, conn.notification_wishers(fixture.guild).await?.len()))
    });
    assert_eq!(kept.unwrap(), (Some(json!({})), None, 1));
}

pub(crate) async fn what_is_due_to_one_is_told_as_one(fixture: Fixture) {
    let mut ids = Vec::new();
    for title in ["first", "second", "third"] {
        ids.push(tell(&fixture, title, None, Some(fixture.guild)).await);
    }
    let now = fixture.now();
    let later = now + TimeDelta::hours(1);
    let waiting =
        async || in_read!(fixture.store, |conn| { conn.notifications_to_hand_on(10).await }).unwrap();
    assert_eq!(waiting().await.len(), 3);
    for (id, at) in ids.iter().zip([now, now, later]) {
        for recipient in [Some(fixture.alice), None] {
            let telling = TellingId(fixture.ids.next());
            for again in [telling, telling] {
                in_tx!(fixture.store, |tx| {
                    tx.insert_telling(again, *id, fixture.guild, recipient, at).await
                })
                .unwrap();
            }
        }
        let hand_on =
            async || in_tx!(fixture.store, |tx| { tx.hand_on_notification(*id, now).await }).unwrap();
        assert_eq!((hand_on().await, hand_on().await), (true, false));
    }
    assert_eq!(waiting().await, []);
    let due = async |at| in_read!(fixture.store, |conn| { conn.due_tellings(at, 10).await }).unwrap();
    assert_eq!(due(now).await.len(), 4);
    let batch = BatchId(fixture.ids.next());
    let begin = async |batch, at| {
        in_tx!(fixture.store, |tx| {
            tx.begin_telling(batch, fixture.guild, Some(fixture.alice), at)
                .await
        })
        .unwrap()
    };
    assert_eq!(begin(batch, now).await, 2);
    // What is due later joins no batch that was begun.
    assert_eq!(begin(BatchId(fixture.ids.next()), now).await, 0);
    let of_batch = async || in_read!(fixture.store, |conn| { conn.telling_batch(batch).await }).unwrap();
    let titles: Vec<String> = of_batch().await.into_iter().map(|one| one.title).collect();
    assert_eq!(titles, ["first", "second"]);
    in_tx!(fixture.store, |tx| { tx.put_off_telling(batch, later).await }).unwrap();
    let left: Vec<_> = due(now)
        .await
        .into_iter()
        .map(|telling| telling.recipient_id)
        .collect();
    assert_eq!(left, [None, None]);
    let again = due(later).await;
    let tried = again.iter().filter(|telling| telling.batch_id == Some(batch));
    assert_eq!(tried.map(|telling| telling.attempts).collect::<Vec<_>>(), [1, 1]);
    let unbegun = again
        .iter()
        .find(|telling| telling.recipient_id.is_some() && telling.batch_id.is_none());
    let id = unbegun.unwrap().id;
    in_tx!(fixture.store, |tx| {
        tx.end_telling(batch).await?;
        tx.postpone_telling(id, later + TimeDelta::hours(1)).await
    })
    .unwrap();
    assert_eq!(of_batch().await, []);
    let left = due(later).await;
    assert!(
        left.iter().all(|telling| telling.recipient_id.is_none()),
        "{left:?}"
    );
}

pub(crate) async fn a_day_is_taken_until_it_is_told(fixture: Fixture) {
    let (guild, day) = (fixture.guild, fixture.now());
    let now = day + TimeDelta::hours(33);
    let again = now + TimeDelta::minutes(2);
    let take = async |now| {
        in_tx!(fixture.store, |tx| {
            tx.take_digest(guild, day, now, again.max(now + TimeDelta::minutes(2)))
                .await
        })
        .unwrap()
    };
    assert!(take(now).await);
    assert!(!take(now).await, "somebody is at it");
    assert!(take(again).await, "whoever was at it is dead");
    let end = async || in_tx!(fixture.store, |tx| { tx.end_digest(guild, day, now).await }).unwrap();
    assert_eq!((end().await, end().await), (true, false));
    assert!(!take(again + TimeDelta::days(1)).await, "it was told");
    let forget = async |before| in_tx!(fixture.store, |tx| { tx.forget_digests(before, 9).await }).unwrap();
    assert_eq!((forget(day).await, forget(now).await), (0, 1));
    let wanted = async || in_read!(fixture.store, |conn| { conn.guilds_with_digest().await }).unwrap();
    assert_eq!(wanted().await, []);
    in_tx!(fixture.store, |tx| {
        let mut settings = tx.guild_settings(guild).await?.unwrap();
        settings.settings.0 = json!({ "digest": { "at": "09:00" } });
        tx.set_guild_settings(&settings).await
    })
    .unwrap();
    let wanted: Vec<GuildKey> = wanted().await.iter().map(|guild| guild.id).collect();
    assert_eq!(wanted, [guild]);
}
