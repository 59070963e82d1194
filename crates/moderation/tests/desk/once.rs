//! The same twice, and many at once.

use crate::fixture::{ANA, BOB, Town, allowed, moderator, refused};
use chrono::TimeDelta;
use lockdown_events::Action;
use lockdown_moderation::desk::{Acted, DeskError, Refused};
use lockdown_moderation::{CaseNumber, Refusal};
use lockdown_store::sanctions::SanctionKind;

pub(crate) async fn the_same_key_is_one_case(town: Town) {
    let mut ask = town.ask(Action::Kick);
    ask.key = Some("event:1".into());
    let first = town.record(&ask).await;
    town.pass(TimeDelta::days(1));
    let before = town.rows().await;
    match town.try_act(&ask).await.unwrap() {
        Acted::Again(case) => assert_eq!(case, first),
        other => panic!("{other:?}"),
    }
    assert_eq!(town.rows().await, before);
    let mut other = town.ask(Action::Note);
    other.key = Some("event:1".into());
    assert_eq!(
        refused(town.try_act(&other).await),
        Refused::KeyReused(CaseNumber(1))
    );
}

pub(crate) async fn the_same_key_many_times_at_once_is_one_case(town: Town) {
    let mut ask = town.ask(Action::Kick);
    ask.key = Some("event:1".into());
    let mut desks = vec![town.desk.clone()];
    for _ in 0..3 {
        desks.push(town.other_desk().await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..16 {
        let (desk, ask) = (desks[turn % desks.len()].clone(), ask.clone());
        tasks.spawn(async move { desk.act(&ask, &allowed()).await.unwrap() });
    }
    let all = tasks.join_all().await;
    let new = all.iter().filter(|acted| matches!(acted, Acted::Recorded(_)));
    assert_eq!(new.count(), 1);
    assert!(
        all.iter()
            .all(|acted| acted.case().unwrap().number == CaseNumber(1))
    );
    assert_eq!(town.states().await.len(), 1);
    town.check().await;
}

pub(crate) async fn two_moderators_at_once_make_one_ban(town: Town) {
    let other = town.other_desk().await;
    for round in 1..=8 {
        let ask = town.ask(Action::Ban);
        let mut second = ask.clone();
        second.by = moderator(BOB);
        second.at += TimeDelta::milliseconds(1);
        town.pass(TimeDelta::seconds(1));
        let ranks = allowed();
        let (one, two) = tokio::join!(town.desk.act(&ask, &ranks), other.act(&second, &ranks));
        // Whoever comes first is the one; the other is told so, or (asked a moment earlier) that it is so.
        let outcomes = [one, two];
        let new = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(Acted::Recorded(_))));
        assert_eq!(new.count(), 1, "{outcomes:?}");
        let live = town.in_force(SanctionKind::Ban).await;
        assert_eq!(live, Some(2 * round - 1));
        let already = outcomes.iter().filter(
            |outcome| matches!(outcome, Ok(Acted::Already(Some(case))) if Some(case.number.0) == live),
        );
        assert_eq!(already.count(), 1, "{outcomes:?}");
        town.act(Action::Unban).await;
    }
    town.check().await;
}

pub(crate) async fn of_contradicting_wishes_at_once_one_stands(town: Town) {
    let other = town.other_desk().await;
    let ban = town.ask(Action::Ban);
    let mut longer = ban.clone();
    longer.by = moderator(ANA);
    longer.ends = town.until(TimeDelta::days(1));
    let ranks = allowed();
    let outcomes = tokio::join!(town.desk.act(&ban, &ranks), other.act(&longer, &ranks));
    let refusals = [outcomes.0, outcomes.1].into_iter().filter_map(Result::err);
    let refusals: Vec<_> = refusals.collect();
    assert_eq!(refusals.len(), 1);
    assert!(
        matches!(&refusals[0], DeskError::Refused(Refused::Decision(Refusal::Overtaken(by))) if by.case == CaseNumber(1)),
        "{refusals:?}"
    );
    assert_eq!(town.states().await, ["requested"]);
    town.check().await;
}
