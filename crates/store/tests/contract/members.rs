//! Who is in a guild.

use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use lockdown_events::RoleId;
use lockdown_store::members::{Member, MemberQuery, MemberStatus, News, Parting, Profile};
use lockdown_store::people::IdentityId;
use lockdown_store::{StoreError, in_read, in_tx};

const JOINED: News = News::Joined {
    invite_code: None,
    inviter: None,
};

async fn note(fixture: &Fixture, who: IdentityId, at: DateTime<Utc>, news: &News) -> Option<Member> {
    in_tx!(fixture.store, |tx| {
        tx.note_member(fixture.guild, who, at, news).await
    })
    .unwrap()
}

async fn read(fixture: &Fixture, who: IdentityId) -> Member {
    in_read!(fixture.store, |conn| { conn.member(fixture.guild, who).await })
        .unwrap()
        .unwrap()
}

pub(crate) async fn members_come_and_go(fixture: Fixture) {
    let (who, begun) = (fixture.mallory, fixture.now());
    let at = |minutes| begun + TimeDelta::minutes(minutes);
    assert_eq!(note(&fixture, who, at(0), &News::Gone(Parting::Left)).await, None);
    assert_eq!(
        note(&fixture, who, at(0), &News::Asks).await.unwrap().status,
        MemberStatus::Pending
    );
    let joined = News::Joined {
        invite_code: Some("abc".into()),
        inviter: Some(fixture.alice),
    };
    let member = note(&fixture, who, at(1), &joined).await.unwrap();
    assert_eq!(member, read(&fixture, who).await);
    assert_eq!(
        (member.status, member.joined_at),
        (MemberStatus::Member, Some(at(1)))
    );
    assert_eq!(
        (member.invite_code.as_deref(), member.inviter_id),
        (Some("abc"), Some(fixture.alice))
    );
    assert_eq!(member.native_id.as_str(), "2");

    // A ban, of which the platform tells as a leave too.
    note(&fixture, who, at(2), &News::Gone(Parting::Banned)).await;
    note(&fixture, who, at(3), &News::Gone(Parting::Left)).await;
    let gone = read(&fixture, who).await;
    assert_eq!((gone.status, gone.left_at), (MemberStatus::Banned, Some(at(2))));

    // What is told again, or late, brings nobody back.
    note(&fixture, who, at(1), &joined).await;
    assert_eq!(read(&fixture, who).await, gone);
    let back = note(&fixture, who, at(9), &JOINED).await.unwrap();
    assert_eq!((back.status, back.left_at), (MemberStatus::Member, None));
    assert_eq!((back.joined_at, &back.invite_code), (Some(at(9)), &None));
    let told = note(&fixture, who, at(9), &JOINED).await.unwrap();
    assert_eq!(told, back);
    let stranger = IdentityId(fixture.ids.next());
    assert_eq!(
        note(&fixture, stranger, at(9), &JOINED).await,
        None,
        "there is no such account"
    );
}

pub(crate) async fn looks_are_kept_and_searched(fixture: Fixture) {
    let (who, now) = (fixture.mallory, fixture.now());
    let roles = vec![RoleId::new("77").unwrap()];
    let first = Profile {
        nick: Some(Some("Большой\0 100%".into())),
        roles: Some(roles.clone()),
        avatar: None,
    };
    note(&fixture, who, now, &News::Profile(first)).await;
    let picture = Profile {
        avatar: Some("a1".into()),
        ..Profile::default()
    };
    let member = note(
        &fixture,
        who,
        now + TimeDelta::seconds(2),
        &News::Profile(picture),
    )
    .await
    .unwrap();
    assert_eq!(member.nick.as_deref(), Some("Большой 100%"));
    assert_eq!(
        (member.roles.0.clone(), member.avatar.as_deref()),
        (roles, Some("a1"))
    );
    assert_eq!(
        (member.status_at, member.joined_at),
        (None, None),
        "nobody told that they came"
    );
    let late = Profile {
        nick: Some(None),
        ..Profile::default()
    };
    note(
        &fixture,
        who,
        now + TimeDelta::seconds(1),
        &News::Profile(late.clone()),
    )
    .await;
    assert_eq!(read(&fixture, who).await, member, "it was older news");
    note(&fixture, fixture.alice, now, &JOINED).await;

    let find = async |text: &str| {
        let query = MemberQuery {
            text: Some(text.into()),
            ..MemberQuery::default()
        };
        let found = in_read!(fixture.store, |conn| {
            conn.members(fixture.guild, &query, 9).await
        });
        found
            .unwrap()
            .into_iter()
            .map(|member| member.identity_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(find("БОЛЬШ").await, [who]);
    assert_eq!(find("MALL").await, [who]);
    assert_eq!(find("0%").await, [who]);
    assert_eq!(find("l%e").await, [], "a sign that stands for itself");
    assert_eq!(find("l").await, [who, fixture.alice]);
    note(&fixture, who, now + TimeDelta::seconds(3), &News::Profile(late)).await;
    assert_eq!((find("БОЛЬШ").await, find("mallory").await), (vec![], vec![who]));
}

pub(crate) async fn a_raid_is_found_by_its_window(fixture: Fixture) {
    let begun = fixture.now();
    let mut who = Vec::new();
    for person in 0..6 {
        let id = fixture.see(&format!("5{person}"), None).await.id;
        note(
            &fixture,
            id,
            begun + TimeDelta::seconds(i64::from(person)),
            &JOINED,
        )
        .await;
        who.push(id);
    }
    note(
        &fixture,
        who[2],
        begun + TimeDelta::seconds(60),
        &News::Gone(Parting::Left),
    )
    .await;
    // Somebody who is only seen did not join.
    let seen = [(fixture.guild, fixture.alice, begun + TimeDelta::seconds(2))];
    in_tx!(fixture.store, |tx| { tx.members_seen(&seen).await }).unwrap();
    let window = async |from, to, limit| {
        let joined = in_read!(fixture.store, |conn| {
            let (from, to) = (begun + TimeDelta::seconds(from), begun + TimeDelta::seconds(to));
            conn.joined_between(fixture.guild, from, to, limit).await
        });
        joined
            .unwrap()
            .into_iter()
            .map(|member| member.identity_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        window(1, 4, 10).await,
        who[1..4],
        "from its begin, before its end"
    );
    assert_eq!(window(0, 99, 2).await, who[..2]);
    assert_eq!(window(6, 99, 10).await, []);
}

pub(crate) async fn sightings_are_noted_together(fixture: Fixture) {
    let begun = fixture.now();
    let (guild, other) = (fixture.guild, fixture.add_guild("200").await.id);
    note(&fixture, fixture.alice, begun, &JOINED).await;
    let later = begun + TimeDelta::hours(1);
    let batch = [
        (guild, fixture.alice, later),
        (guild, fixture.alice, begun),
        (guild, IdentityId(fixture.ids.next()), later),
        (other, fixture.mallory, begun),
        (guild, fixture.mallory, begun),
    ];
    let backwards: Vec<_> = batch.iter().rev().copied().collect();
    let batches = (0..8).map(async |round| {
        let batch = if round % 2 == 0 {
            &batch[..]
        } else {
            &backwards[..]
        };
        in_tx!(fixture.store, |tx| { tx.members_seen(batch).await }).unwrap();
    });
    join_all(batches).await;
    assert_eq!(
        fixture.count("memberships").await,
        3,
        "of an account that nobody knows nothing is noted"
    );
    let alice = read(&fixture, fixture.alice).await;
    assert_eq!((alice.last_seen, alice.joined_at), (later, Some(begun)));
    let late = [(guild, fixture.alice, begun)];
    in_tx!(fixture.store, |tx| { tx.members_seen(&late).await }).unwrap();
    in_tx!(fixture.store, |tx| { tx.members_seen(&[]).await }).unwrap();
    assert_eq!(read(&fixture, fixture.alice).await.last_seen, later);
    // A join that is told after they were seen is still one.
    let joined = note(&fixture, fixture.mallory, begun - TimeDelta::seconds(1), &JOINED)
        .await
        .unwrap();
    assert_eq!(joined.joined_at, Some(begun - TimeDelta::seconds(1)));
    let guilds = in_read!(fixture.store, |conn| {
        conn.memberships_of(fixture.mallory).await
    })
    .unwrap();
    let guilds: Vec<_> = guilds.into_iter().map(|member| member.guild_id).collect();
    assert_eq!(guilds, [guild, other]);
}

pub(crate) async fn members_are_listed_and_forgotten(fixture: Fixture) {
    let begun = fixture.now();
    let mut who = Vec::new();
    for person in 0..5 {
        let id = fixture.see(&format!("5{person}"), None).await.id;
        note(&fixture, id, begun, &JOINED).await;
        who.push(id);
    }
    for id in &who[..3] {
        note(
            &fixture,
            *id,
            begun + TimeDelta::days(1),
            &News::Gone(Parting::Left),
        )
        .await;
    }
    let query = |status, before| MemberQuery {
        status,
        before,
        ..MemberQuery::default()
    };
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = in_read!(fixture.store, |conn| {
            conn.members(fixture.guild, &query(None, before), 2).await
        });
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.identity_id);
        listed.extend(page.into_iter().map(|member| member.identity_id));
    }
    listed.reverse();
    assert_eq!(listed, who);
    let gone = in_read!(fixture.store, |conn| {
        conn.members(fixture.guild, &query(Some(MemberStatus::Left), None), 9)
            .await
    });
    assert_eq!(gone.unwrap().len(), 3);
    let forget = async |days| {
        let before = begun + TimeDelta::days(days);
        in_tx!(fixture.store, |tx| {
            let some = tx.forget_members(fixture.guild, before, 2).await?;
            Ok::<_, StoreError>((some, tx.forget_members(fixture.guild, before, 2).await?))
        })
        .unwrap()
    };
    assert_eq!((forget(1).await, forget(2).await), ((0, 0), (2, 1)));
    assert_eq!(
        fixture.count("memberships").await,
        2,
        "who is there is not forgotten"
    );
}
