//! Escalation, and the same for many.

use crate::fixture::{MALLORY, Town, allowed, refused, user};
use chrono::TimeDelta;
use lockdown_events::{Action, Origin};
use lockdown_moderation::desk::{Acted, Escalated, Ranks, Refused};
use lockdown_moderation::{Actor, CaseNumber, Ladder, Span, Step, Why};
use lockdown_store::sanctions::SanctionKind;

fn ladder() -> Ladder {
    let step = |points, action, lasts| Step {
        points,
        within: None,
        action,
        lasts,
        needs_approval: false,
    };
    Ladder::new(
        Some(Span::days(30)),
        vec![
            step(2, Action::Mute, Some(Span::days(1))),
            Step {
                needs_approval: true,
                ..step(4, Action::Ban, None)
            },
        ],
    )
    .unwrap()
}

impl Town {
    async fn climb(&self) -> Option<Escalated> {
        self.desk
            .escalate(&self.guild, &user(MALLORY), &ladder(), &Ranks::UNKNOWN, None)
            .await
            .unwrap()
    }
}

pub(crate) async fn a_step_is_climbed_once(town: Town) {
    assert_eq!(town.climb().await, None, "nobody knows them yet");
    town.act(Action::Warn).await;
    assert_eq!(town.climb().await, None);
    town.act(Action::Warn).await;
    let Some(Escalated {
        due,
        acted: Some(Acted::Recorded(case)),
    }) = town.climb().await
    else {
        panic!("no step was done")
    };
    assert_eq!(due.key.to_string(), "ladder:2:2");
    assert_eq!(
        (case.action, case.origin, &case.by),
        (Action::Mute, Origin::Automod, &Actor::Rule("ladder".into()))
    );
    assert_eq!(town.read(3).await.parent, Some(CaseNumber(2)));
    assert_eq!(town.in_force(SanctionKind::Mute).await, Some(3));
    town.act(Action::Unmute).await;
    let again = town.climb().await.unwrap().acted;
    assert!(matches!(again, Some(Acted::Again(_))), "{again:?}");
    assert_eq!(town.in_force(SanctionKind::Mute).await, None);
    let mut heavy = town.ask(Action::Warn);
    heavy.points = 2;
    town.record(&heavy).await;
    let proposed = town.climb().await.unwrap();
    assert_eq!(
        (proposed.due.points, proposed.acted),
        (4, None),
        "a moderator has to agree"
    );
    // Decayed, they count no more.
    town.pass(TimeDelta::days(31));
    assert_eq!(town.climb().await, None);
    town.check().await;
}

pub(crate) async fn a_step_that_many_reach_at_once_is_one_case(town: Town) {
    town.act(Action::Warn).await;
    town.act(Action::Warn).await;
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..8 {
        let desk = if turn % 2 == 0 {
            town.desk.clone()
        } else {
            town.other_desk().await
        };
        let guild = town.guild.clone();
        tasks.spawn(async move {
            desk.escalate(&guild, &user(MALLORY), &ladder(), &Ranks::UNKNOWN, None)
                .await
                .unwrap()
        });
    }
    let all = tasks.join_all().await;
    let new = all
        .iter()
        .flatten()
        .filter(|done| matches!(done.acted, Some(Acted::Recorded(_))));
    assert_eq!(new.count(), 1);
    assert_eq!(town.states().await, ["applied", "applied", "requested"]);
    town.check().await;
}

pub(crate) async fn many_people_each_have_their_result(town: Town) {
    let mut ask = town.ask(Action::Ban);
    ask.key = Some("raid".into());
    let mut people: Vec<_> = (1_001..=1_005_u64).map(|id| user(&id.to_string())).collect();
    // Oneself among them.
    people.insert(2, user(crate::fixture::ANA));
    let many = town.desk.act_on_many(&ask, &people, &allowed()).await;
    assert!(many.left.is_empty());
    let asked: Vec<_> = many.results.iter().map(|(who, _)| who.clone()).collect();
    assert_eq!(asked, people);
    for (who, result) in many.results {
        if who == people[2] {
            match refused(result) {
                Refused::Denied(denied) => assert_eq!(denied.why, Why::Oneself),
                other => panic!("{other}"),
            }
        } else {
            assert!(matches!(result, Ok(Acted::Recorded(case)) if case.subject == who));
        }
    }
    let again = town.desk.act_on_many(&ask, &people, &allowed()).await;
    let new = again
        .results
        .iter()
        .filter(|(_, result)| matches!(result, Ok(Acted::Recorded(_))));
    assert_eq!(new.count(), 0);
    assert_eq!(town.states().await.len(), 5);
    town.check().await;
}
