//! Words to moderators.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::{NotificationId, NotificationLevel};
use lockdown_store::guilds::GuildKey;
use lockdown_store::notifications::{Mailbox, Notification, ReaderId};
use lockdown_store::people::IdentityId;
use lockdown_store::{in_read, in_tx};

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
