//! Undo, and what is said of decisions afterwards.

use crate::fixture::{ANA, BOB, MALLORY, Town, allowed, demoted, moderator, refused, user};
use chrono::TimeDelta;
use lockdown_events::{Action, Origin};
use lockdown_moderation::desk::{Acted, Ask, Ranks, Refused, ReviewAsk, UndoAsk};
use lockdown_moderation::{Actor, Case, CaseNumber, Left, Right, Scope, Why};
use lockdown_store::reviews::Verdict;
use lockdown_store::sanctions::SanctionKind;

impl Town {
    async fn by_rule(&self, action: Action, person: &str) -> Case {
        let ask = Ask {
            by: Actor::Rule("flood".into()),
            origin: Origin::Automod,
            subject: user(person),
            ..self.ask(action)
        };
        match self.desk.act(&ask, &Ranks::UNKNOWN).await.unwrap() {
            Acted::Recorded(case) => case,
            other => panic!("{other:?}"),
        }
    }

    fn undo(&self, scope: Scope) -> UndoAsk {
        self.pass(TimeDelta::seconds(1));
        UndoAsk {
            by: Actor::Person(user(BOB)),
            origin: Origin::Command,
            guild: self.guild.clone(),
            scope,
            reason: Some("a bad rule".into()),
            key: Some("undo-1".into()),
            chain: None,
        }
    }
}

pub(crate) async fn a_raid_of_a_rule_is_undone(town: Town) {
    let before = town.by_rule(Action::Warn, MALLORY).await;
    town.pass(TimeDelta::hours(1));
    let since = town.now();
    for person in ["1001", "1002", "1003"] {
        town.by_rule(Action::Ban, person).await;
    }
    town.by_rule(Action::Warn, MALLORY).await;
    let ask = town.undo(Scope::Doings {
        by: Actor::Rule("flood".into()),
        since,
    });
    let rows = town.rows().await;
    match refused(town.desk.preview_undo(&ask, &demoted()).await) {
        Refused::Denied(denied) => assert_eq!(denied.why, Why::Lacks(Right::Undo)),
        other => panic!("{other}"),
    }
    let plan = town.desk.preview_undo(&ask, &allowed()).await.unwrap();
    assert_eq!(plan.to_string(), "3 × unban, 1 × unwarn");
    assert_eq!(town.rows().await, rows, "a preview writes nothing");
    let undone = town.desk.undo(&ask, &allowed()).await.unwrap();
    assert_eq!(undone.results.len(), 4);
    for (reversal, result) in &undone.results {
        match result {
            Ok(Acted::Recorded(case)) => assert_eq!(case.lifts, Some(reversal.undoes)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(town.read(before.number.0).await.case.state.name(), "applied");
    let states = town.states().await;
    assert_eq!(states[1..5], ["lifted"; 4]);
    let again = town.desk.preview_undo(&ask, &allowed()).await.unwrap();
    assert!(again.reversals.is_empty(), "{again}");
    town.check().await;
}

pub(crate) async fn an_undo_leaves_what_others_decided(town: Town) {
    let short = town.ban_for(TimeDelta::days(1)).await;
    town.by_rule(Action::Ban, MALLORY).await;
    // Without the rule's ban, the moderator's shorter one would stand: it stands again.
    let ask = town.undo(Scope::Case(CaseNumber(2)));
    let undone = town.desk.undo(&ask, &allowed()).await.unwrap();
    assert_eq!(undone.plan.to_string(), "1 × ban again");
    let record = town.read(3).await;
    assert_eq!(
        (record.case.ends, record.parent),
        (short.ends, Some(CaseNumber(2)))
    );
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(3));
    // Now a newer decision stands over the rule's.
    let ask = UndoAsk {
        key: None,
        ..town.undo(Scope::Case(CaseNumber(2)))
    };
    let undone = town.desk.undo(&ask, &allowed()).await.unwrap();
    assert!(undone.results.is_empty());
    assert_eq!(
        undone.plan.left,
        [(CaseNumber(2), Left::Superseded { by: CaseNumber(3) })]
    );
    let unknown = town.undo(Scope::Case(CaseNumber(99)));
    assert_eq!(
        refused(town.desk.undo(&unknown, &allowed()).await).code(),
        "unknown_case"
    );
    let nobody = town.undo(Scope::Doings {
        by: moderator("404"),
        since: town.now(),
    });
    assert_eq!(
        refused(town.desk.undo(&nobody, &allowed()).await).code(),
        "unknown_person"
    );
    town.check().await;
}

pub(crate) async fn rules_are_measured_by_what_people_said(town: Town) {
    let since = town.now();
    for person in ["1001", "1002", "1003"] {
        town.by_rule(Action::Mute, person).await;
    }
    let say = |case, verdict| ReviewAsk {
        by: moderator(ANA),
        guild: town.guild.clone(),
        case: CaseNumber(case),
        verdict,
        why: None,
        chain: None,
    };
    assert!(
        town.desk
            .review(&say(1, Verdict::Upheld), &allowed())
            .await
            .unwrap()
    );
    assert!(
        !town
            .desk
            .review(&say(1, Verdict::Upheld), &allowed())
            .await
            .unwrap()
    );
    assert!(
        town.desk
            .review(&say(2, Verdict::Mistaken), &allowed())
            .await
            .unwrap()
    );
    let low = refused(town.desk.review(&say(3, Verdict::Upheld), &demoted()).await);
    assert_eq!(low.code(), "denied");
    // Lifted by a person, it is overturned by that.
    let mut lift = town.ask(Action::Unmute);
    lift.subject = user("1003");
    town.record(&lift).await;
    let counts = town.desk.rule_reviews(&town.guild, since).await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.rule.as_str(), count.verdict, count.count))
        .collect();
    assert_eq!(
        counts,
        [
            ("flood", Verdict::Mistaken, 1),
            ("flood", Verdict::Overturned, 1),
            ("flood", Verdict::Upheld, 1)
        ]
    );
    let history = town.read(3).await.history;
    assert_eq!(history.last().unwrap().kind.as_str(), "reviewed");
    town.check().await;
}
