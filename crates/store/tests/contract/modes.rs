//! What judging changes for a while: paused rules, and the modes of communities.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_store::modes::{GuildMode, Mode};
use lockdown_store::pauses::RulePause;
use lockdown_store::policies::{Policy, PolicyId, PolicyState};
use lockdown_store::{in_read, in_tx};

pub(crate) async fn a_rule_is_paused_once_until_it_is_over_or_changed(fixture: Fixture) {
    let now = fixture.now();
    let policy = Policy {
        id: PolicyId(fixture.ids.next()),
        community_id: fixture.community.id,
        name: "main".into(),
        head_version: 0,
        state: PolicyState::Active,
        created_at: now,
    };
    in_tx!(fixture.store, |tx| { tx.insert_policy(&policy).await }).unwrap();
    let pause = RulePause {
        guild_id: fixture.guild,
        policy_id: policy.id,
        rule: "slurs".into(),
        version: 1,
        paused_at: now,
        ends_at: now + TimeDelta::hours(1),
    };
    let put = async |pause: &RulePause| in_tx!(fixture.store, |tx| { tx.pause_rule(pause).await }).unwrap();
    let many = join_all((0..6).map(|_| put(&pause))).await;
    assert_eq!(many.iter().filter(|first| **first).count(), 1, "{many:?}");
    let paused = async |at| {
        let found = in_read!(fixture.store, |conn| {
            conn.paused_rules(fixture.guild, at).await
        });
        found.unwrap()
    };
    assert_eq!(paused(now).await, std::slice::from_ref(&pause));
    assert_eq!(paused(pause.ends_at).await, [], "it is over");
    // Of newer rules, and once it is over, it can be paused anew.
    let newer = RulePause {
        version: 2,
        ..pause.clone()
    };
    assert!(put(&newer).await);
    assert!(!put(&newer).await);
    let later = RulePause {
        paused_at: newer.ends_at,
        ends_at: newer.ends_at + TimeDelta::hours(1),
        ..newer.clone()
    };
    assert!(put(&later).await);
    let resume = async || {
        in_tx!(fixture.store, |tx| {
            tx.resume_rule(fixture.guild, policy.id, "slurs").await
        })
        .unwrap()
    };
    assert_eq!((resume().await, resume().await), (true, false));
    assert_eq!(paused(now).await, []);
}

pub(crate) async fn a_community_is_in_one_mode_that_ends(fixture: Fixture) {
    let now = fixture.now();
    let raid = GuildMode {
        guild_id: fixture.guild,
        mode: Mode::Raid,
        raised_by: "rule:joins".into(),
        raised_at: now,
        ends_at: Some(now + TimeDelta::minutes(15)),
    };
    let of = async || {
        let found = in_read!(fixture.store, |conn| { conn.guild_mode(fixture.guild).await });
        found.unwrap()
    };
    let over = async |at| in_read!(fixture.store, |conn| { conn.modes_over(at, 10).await }).unwrap();
    let next = async || in_read!(fixture.store, |conn| { conn.next_mode_end().await }).unwrap();
    assert_eq!((of().await, next().await), (None, None));
    in_tx!(fixture.store, |tx| { tx.save_guild_mode(&raid).await }).unwrap();
    assert_eq!((of().await, next().await), (Some(raid.clone()), raid.ends_at));
    assert_eq!(over(now).await, []);
    assert_eq!(
        over(now + TimeDelta::minutes(15)).await,
        std::slice::from_ref(&raid)
    );
    let closed = GuildMode {
        mode: Mode::Lockdown,
        ends_at: None,
        ..raid
    };
    in_tx!(fixture.store, |tx| { tx.save_guild_mode(&closed).await }).unwrap();
    assert_eq!((of().await, next().await), (Some(closed), None));
    assert_eq!(
        over(now + TimeDelta::days(400)).await,
        [],
        "somebody has to end it"
    );
    let end = async || in_tx!(fixture.store, |tx| { tx.end_guild_mode(fixture.guild).await }).unwrap();
    assert_eq!((end().await, end().await), (true, false));
    assert_eq!(of().await, None);
}
