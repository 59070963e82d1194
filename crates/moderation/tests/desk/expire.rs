//! What is due.

use crate::fixture::Town;
use chrono::TimeDelta;
use lockdown_events::{Action, Origin, Outcome};
use lockdown_moderation::desk::{Answered, Ranks};
use lockdown_moderation::{Actor, CaseNumber, Rank, Right, Rights};
use lockdown_store::in_read;
use lockdown_store::sanctions::SanctionKind;
use std::collections::BTreeSet;

pub(crate) async fn a_timed_ban_ends_on_time_by_a_case_of_its_own(town: Town) {
    let ban = town.ban_for(TimeDelta::hours(1)).await;
    town.applied(&ban).await;
    town.pass(TimeDelta::minutes(59));
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at(),
        0
    );
    let due = in_read!(town.store, |conn| { conn.next_due_sanction().await });
    town.time.set(due.unwrap().unwrap());
    let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
    assert_eq!(expired.looked_at(), 1);
    let case = &expired.ended[0];
    assert_eq!(
        (case.action, case.origin, &case.by),
        (Action::Unban, Origin::Expiry, &Actor::System)
    );
    assert_eq!(case.lifts, Some(CaseNumber(1)));
    assert_eq!(town.states().await, ["lifted", "requested"]);
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at(),
        0
    );
    let explained = town
        .desk
        .explain(&town.guild, CaseNumber(1))
        .await
        .unwrap()
        .unwrap();
    assert!(
        explained.to_string().contains("Its time was up at"),
        "{explained}"
    );
    town.check().await;
}

pub(crate) async fn an_expiry_ends_its_own_case_only(town: Town) {
    town.ban_for(TimeDelta::hours(1)).await;
    town.ban_for(TimeDelta::hours(5)).await;
    town.pass(TimeDelta::hours(2));
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at(),
        0
    );
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(2));
    // A timer of an older release rings for a case that is over.
    let before = town.rows().await;
    let mut ask = town.ask(Action::Unban);
    (ask.by, ask.origin, ask.case) = (Actor::System, Origin::Expiry, Some(CaseNumber(1)));
    let acted = town.try_act(&ask).await.unwrap();
    assert_eq!(acted.case(), None);
    assert_eq!(town.rows().await, before);
    town.check().await;
}

pub(crate) async fn a_ban_that_its_end_finds_in_its_place_stands(town: Town) {
    let ban = town.ban_for(TimeDelta::hours(1)).await;
    town.applied(&ban).await;
    town.pass(TimeDelta::hours(2));
    let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
    assert_eq!(expired.ended.len(), 1);
    // What was done by hand before the timer's word and is read after it is history.
    let mut late = town.ask(Action::Ban);
    (late.origin, late.at) = (Origin::Native, town.now() - TimeDelta::minutes(30));
    town.record(&late).await;
    assert_eq!(town.in_force(SanctionKind::Ban).await, None);
    // Whoever would carry the end out finds that ban, and tells of what stands in the place of an answer.
    town.pass(TimeDelta::seconds(1));
    let mut theirs = town.ask(Action::Ban);
    theirs.origin = Origin::Native;
    town.record(&theirs).await;
    assert_eq!(
        town.states().await,
        ["lifted", "superseded", "superseded", "applied"]
    );
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(4));
    let answered = town.answer(CaseNumber(2), Outcome::Superseded).await.unwrap();
    assert_eq!(answered, Answered::Superseded);
    town.pass(TimeDelta::days(40));
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at(),
        0
    );
    town.check().await;
}

pub(crate) async fn many_takers_end_each_once(town: Town) {
    for person in 1_001..=1_020_u64 {
        let mut ask = town.ask(Action::Mute);
        ask.subject = crate::fixture::user(&person.to_string());
        ask.ends = town.until(TimeDelta::minutes(10));
        town.record(&ask).await;
    }
    town.pass(TimeDelta::hours(1));
    let mut tasks = tokio::task::JoinSet::new();
    for taker in 0..4 {
        let desk = town.other_desk().await;
        tasks.spawn(async move {
            let mut ended = Vec::new();
            loop {
                let expired = desk
                    .expire(&format!("taker {taker}"), 3, &Ranks::UNKNOWN)
                    .await
                    .unwrap();
                assert!(expired.put_off.is_empty(), "{expired:?}");
                if expired.looked_at() == 0 {
                    return ended;
                }
                ended.extend(expired.ended.into_iter().map(|case| case.lifts.unwrap()));
            }
        });
    }
    let ended: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(ended.len(), 20);
    assert_eq!(ended.into_iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(town.states().await.len(), 40);
    town.check().await;
}

pub(crate) async fn an_expiry_that_fails_is_tried_again_later_and_later(town: Town) {
    let ban = town.ban_for(TimeDelta::hours(1)).await;
    town.applied(&ban).await;
    town.pass(TimeDelta::hours(2));
    let mut last = TimeDelta::zero();
    for _ in 0..3 {
        let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
        assert_eq!(expired.ended.len(), 1);
        town.answer(expired.ended[0].number, Outcome::Failed)
            .await
            .unwrap();
        assert_eq!(town.in_force(SanctionKind::Ban).await, Some(1));
        assert_eq!(
            town.desk
                .expire("here", 10, &Ranks::UNKNOWN)
                .await
                .unwrap()
                .looked_at(),
            0
        );
        let due = in_read!(town.store, |conn| { conn.next_due_sanction().await });
        let pause = due.unwrap().unwrap() - town.now();
        assert!(pause > last, "{pause} after {last}");
        last = pause;
        town.pass(pause);
    }
    assert_eq!(town.states().await, ["applied", "failed", "failed", "failed"]);
    // Whoever moderates is told once.
    assert_eq!(
        town.notified().await,
        ["The end of case 1 could not be carried out"]
    );
    town.check().await;
}

pub(crate) async fn an_end_that_the_bot_may_not_carry_out_rests_until_it_may(town: Town) {
    let ban = town.ban_for(TimeDelta::hours(1)).await;
    town.applied(&ban).await;
    town.pass(TimeDelta::hours(2));
    let stands = |rights| Ranks {
        bot_rank: Rank::Member {
            position: 5,
            administrator: false,
            rights,
        },
        ..Ranks::UNKNOWN
    };
    let (without, with) = (stands(Rights::NONE), stands(Rights::of(&[Right::Ban])));
    let expired = town.desk.expire("here", 10, &without).await.unwrap();
    assert_eq!(expired.ended.len(), 1, "the platform is asked once");
    town.answer(CaseNumber(2), Outcome::Failed).await.unwrap();
    let next = async || {
        let due = in_read!(town.store, |conn| { conn.next_due_sanction().await });
        due.unwrap().unwrap() - town.now()
    };
    for _ in 0..30 {
        town.pass(next().await);
        let expired = town.desk.expire("here", 10, &without).await.unwrap();
        assert_eq!((expired.blocked, expired.looked_at()), (1, 1), "{expired:?}");
        assert!(next().await <= TimeDelta::minutes(5));
    }
    assert_eq!(
        town.states().await,
        ["applied", "failed"],
        "no case for every try"
    );
    assert_eq!(
        town.notified().await,
        ["The end of case 1 could not be carried out"]
    );
    // What cannot be read keeps nothing from being tried.
    town.pass(next().await);
    let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
    assert_eq!(expired.ended.len(), 1);
    town.answer(CaseNumber(3), Outcome::Failed).await.unwrap();
    town.pass(next().await);
    let expired = town.desk.expire("here", 10, &with).await.unwrap();
    assert_eq!(expired.ended.len(), 1);
    town.answer(CaseNumber(4), Outcome::Applied).await.unwrap();
    assert_eq!(town.states().await, ["lifted", "failed", "failed", "applied"]);
    assert_eq!(town.in_force(SanctionKind::Ban).await, None);
    town.check().await;
}

pub(crate) async fn a_long_mute_is_renewed_before_its_piece_ends(town: Town) {
    let mut ask = town.ask(Action::Mute);
    ask.ends = town.until(TimeDelta::days(60));
    town.record(&ask).await;
    let mut told = 1;
    town.pass(TimeDelta::days(25));
    for _ in 0..2 {
        let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
        assert_eq!((expired.renewed, expired.looked_at()), (1, 1));
        told += 1;
        let decisions = town.decisions().await;
        assert_eq!(decisions.len(), told);
        assert_eq!(decisions[told - 1].1.case_number, 1);
        assert_eq!(decisions[told - 1].1.notify, Some(false), "nobody is told twice");
        assert_eq!(
            town.desk
                .expire("here", 10, &Ranks::UNKNOWN)
                .await
                .unwrap()
                .looked_at(),
            0
        );
        town.pass(TimeDelta::days(24));
    }
    assert_eq!(town.states().await, ["requested"]);
    town.check().await;
}
