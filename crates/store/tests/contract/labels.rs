//! Labels on people.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_store::guilds::GuildKey;
use lockdown_store::labels::{Label, LabelId};
use lockdown_store::people::IdentityId;
use lockdown_store::{StoreError, in_read, in_tx};

fn label(fixture: &Fixture, name: &str, guild: Option<GuildKey>, hours: Option<i64>) -> Label {
    Label {
        id: LabelId(fixture.ids.next()),
        community_id: fixture.community.id,
        guild_id: guild,
        subject_id: fixture.mallory,
        name: name.into(),
        set_by: "rule:cross-guild-spam".into(),
        reason: None,
        set_at: fixture.now(),
        expires_at: hours.map(|hours| fixture.now() + TimeDelta::hours(hours)),
    }
}

async fn set(fixture: &Fixture, label: &Label) -> Label {
    in_tx!(fixture.store, |tx| { tx.set_label(label).await }).unwrap()
}

async fn names(fixture: &Fixture, guild: GuildKey, subject: IdentityId) -> Vec<String> {
    let labels = in_read!(fixture.store, |conn| {
        conn.labels_in_force(guild, subject, fixture.now()).await
    });
    labels.unwrap().into_iter().map(|label| label.name).collect()
}

pub(crate) async fn a_label_counts_until_it_expires(fixture: Fixture) {
    let guild = fixture.guild;
    set(&fixture, &label(&fixture, "spammer", Some(guild), Some(1))).await;
    set(&fixture, &label(&fixture, "cleared", Some(guild), None)).await;
    fixture
        .time
        .advance(TimeDelta::hours(1) - TimeDelta::microseconds(1));
    assert_eq!(
        names(&fixture, guild, fixture.mallory).await,
        ["cleared", "spammer"]
    );
    assert_eq!(names(&fixture, guild, fixture.alice).await, [""; 0]);
    fixture.time.advance(TimeDelta::microseconds(1));
    assert_eq!(names(&fixture, guild, fixture.mallory).await, ["cleared"]);
    let expire = async || {
        let gone = in_tx!(fixture.store, |tx| { tx.expire_labels(fixture.now(), 10).await }).unwrap();
        gone.into_iter().map(|label| label.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (expire().await, expire().await),
        (vec!["spammer".to_owned()], vec![])
    );
    assert_eq!(fixture.count("labels").await, 1);
}

pub(crate) async fn a_label_is_borne_once_and_renewed(fixture: Fixture) {
    let guild = Some(fixture.guild);
    let at_once = join_all((0..8).map(async |hours| {
        let label = label(&fixture, "spammer", guild, Some(hours + 1));
        set(&fixture, &label).await
    }));
    let kept = at_once.await;
    assert!(kept.iter().all(|label| label.id == kept[0].id), "{kept:?}");
    assert_eq!(fixture.count("labels").await, 1);
    let renewed = Label {
        set_by: fixture.alice.to_string(),
        reason: Some("se\0en".into()),
        ..label(&fixture, "spammer", guild, None)
    };
    let now = set(&fixture, &renewed).await;
    assert_eq!((now.id, now.expires_at), (kept[0].id, None));
    assert_eq!(
        (now.set_by.as_str(), now.reason.as_deref()),
        (renewed.set_by.as_str(), Some("seen"))
    );
    let remove = async || in_tx!(fixture.store, |tx| { tx.remove_label(now.id).await }).unwrap();
    assert_eq!((remove().await, remove().await), (true, false));
}

pub(crate) async fn a_label_holds_where_it_was_put(fixture: Fixture) {
    let (here, there) = (fixture.guild, fixture.add_guild("200").await.id);
    set(&fixture, &label(&fixture, "local", Some(here), None)).await;
    set(&fixture, &label(&fixture, "spammer", Some(here), None)).await;
    set(&fixture, &label(&fixture, "spammer", None, None)).await;
    assert_eq!(
        names(&fixture, here, fixture.mallory).await,
        ["local", "spammer", "spammer"]
    );
    assert_eq!(names(&fixture, there, fixture.mallory).await, ["spammer"]);
    assert_eq!(
        names(&fixture, GuildKey(fixture.ids.next()), fixture.mallory).await,
        [""; 0]
    );

    // Another account of the same person bears them too.
    let other = fixture.see("3", Some("Mallory2")).await;
    assert_eq!(names(&fixture, there, other.id).await, [""; 0]);
    fixture
        .behind_its_back(&format!(
            "UPDATE identities SET person_id = (SELECT person_id FROM identities WHERE native_id = '2') \
             WHERE native_id = '{}'",
            other.native_id
        ))
        .await;
    assert_eq!(names(&fixture, there, other.id).await, ["spammer"]);
}

pub(crate) async fn bearers_are_listed_in_pages(fixture: Fixture) {
    let mut given = Vec::new();
    for person in 10..15 {
        let subject_id = fixture.see(&person.to_string(), None).await.id;
        let guild = (person != 12).then_some(fixture.guild);
        let hours = (person == 13).then_some(1);
        let one = Label {
            subject_id,
            ..label(&fixture, "spammer", guild, hours)
        };
        given.push(set(&fixture, &one).await.subject_id);
    }
    set(&fixture, &label(&fixture, "other", Some(fixture.guild), None)).await;
    fixture.time.advance(TimeDelta::hours(1));
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = in_read!(fixture.store, |conn| {
            conn.bearers(fixture.guild, "spammer", fixture.now(), before, 2)
                .await
        });
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        assert!(page.len() <= 2);
        listed.extend(page.into_iter().map(|label| label.subject_id));
    }
    let expected: Vec<IdentityId> = [4, 2, 1, 0].map(|index: usize| given[index]).into();
    assert_eq!(listed, expected, "the newest first, without the one that is over");
    let elsewhere = fixture.add_guild("200").await.id;
    let there = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>(
            conn.bearers(elsewhere, "spammer", fixture.now(), None, 9)
                .await?
                .len(),
        )
    });
    assert_eq!(there.unwrap(), 1);
}
