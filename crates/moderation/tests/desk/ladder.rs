//! Escalation, and the same for many.

use crate::fixture::{MALLORY, Town, allowed, refused, user};
use chrono::TimeDelta;
use lockdown_events::{Action, Origin};
use lockdown_moderation::desk::{Acted, Escalated, Ranks, Refused};
use lockdown_moderation::{Actor, CaseNumber, Ladder, Span, Step, Term, Why};
use lockdown_store::dbx::Json;
use lockdown_store::in_tx;
use lockdown_store::sanctions::SanctionKind;
use serde_json::{Value, json};

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

    async fn set_ladder(&self, ladder: Value) {
        let set = in_tx!(self.store, |tx| {
            let mut settings = tx.guild_settings(self.key).await?.unwrap();
            settings.settings = Json(json!({ "ladder": ladder.clone() }));
            tx.set_guild_settings(&settings).await
        });
        set.unwrap().unwrap();
    }

    async fn follow_up(&self, acted: &Acted) -> Option<Escalated> {
        self.desk.follow_up(acted, &Ranks::UNKNOWN, None).await.unwrap()
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
    for _ in 0..2 {
        let proposed = town.climb().await.unwrap();
        assert_eq!(
            (proposed.due.points, proposed.acted),
            (4, None),
            "a moderator has to agree"
        );
        assert_eq!(town.notified().await, ["The ladder asks for: ban"], "once");
    }
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

/// As a consumer does with every delivery: a third that arrives many times at once, of which some die on the way.
pub(crate) async fn three_warnings_are_one_mute(town: Town) {
    town.set_ladder(json!({ "decay": "30d", "steps": [{ "points": 3, "action": "mute", "lasts": "1h" }] }))
        .await;
    for _ in 0..2 {
        let acted = town.try_act(&town.ask(Action::Warn)).await.unwrap();
        assert_eq!(town.follow_up(&acted).await, None);
    }
    let mut third = town.ask(Action::Warn);
    third.key = Some("event:3".into());
    // Dies after the warning, before the step.
    town.record(&third).await;
    assert_eq!(town.in_force(SanctionKind::Mute).await, None);
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..8 {
        let desk = if turn % 2 == 0 {
            town.desk.clone()
        } else {
            town.other_desk().await
        };
        let third = third.clone();
        tasks.spawn(async move {
            let acted = desk.act(&third, &allowed()).await.unwrap();
            assert!(matches!(acted, Acted::Again(_)), "{acted:?}");
            desk.follow_up(&acted, &Ranks::UNKNOWN, None).await.unwrap()
        });
    }
    let all = tasks.join_all().await;
    let new = all
        .iter()
        .flatten()
        .filter(|done| matches!(done.acted, Some(Acted::Recorded(_))));
    assert_eq!(new.count(), 1);
    assert_eq!(
        town.states().await,
        ["applied", "applied", "applied", "requested"]
    );
    assert_eq!(town.in_force(SanctionKind::Mute).await, Some(4));
    let mute = town.read(4).await;
    assert_eq!(mute.parent, Some(CaseNumber(3)));
    assert_eq!(mute.case.ends, Term::Until(mute.case.at + TimeDelta::hours(1)));
    // What is no warning is followed by nothing.
    let kick = town.try_act(&town.ask(Action::Kick)).await.unwrap();
    assert_eq!(town.follow_up(&kick).await, None);
    town.check().await;
}

pub(crate) async fn a_warning_that_comes_late_climbs_nothing_anew(town: Town) {
    town.act(Action::Warn).await;
    let late = town.ask(Action::Warn);
    town.act(Action::Warn).await;
    let first = town.climb().await.unwrap();
    assert_eq!(first.due.key.to_string(), "ladder:2:2");
    town.act(Action::Unmute).await;
    town.record(&late).await;
    let again = town.climb().await.unwrap();
    assert_eq!((again.due.key, again.due.points), (first.due.key, 3));
    assert!(matches!(again.acted, Some(Acted::Again(_))), "{again:?}");
    assert_eq!(town.in_force(SanctionKind::Mute).await, None);
    town.check().await;
}

pub(crate) async fn settings_without_a_good_ladder_make_nothing_follow(town: Town) {
    let mut heavy = town.ask(Action::Warn);
    heavy.points = 9;
    let acted = town.try_act(&heavy).await.unwrap();
    assert_eq!(town.follow_up(&acted).await, None, "none is set");
    town.set_ladder(json!({ "steps": [{ "points": 3, "action": "unban" }] }))
        .await;
    let before = town.rows().await;
    let followed = town.desk.follow_up(&acted, &Ranks::UNKNOWN, None).await;
    let why = refused(followed);
    assert_eq!(why.code(), "bad_ladder");
    assert!(why.to_string().contains("a ladder only punishes"), "{why}");
    assert_eq!(town.rows().await, before);
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
