//! What the platform answers.

use crate::fault::{TURNS, meanwhile};
use crate::fixture::{Town, allowed, refused};
use chrono::TimeDelta;
use lockdown_events::{Action, Outcome};
use lockdown_moderation::desk::{Acted, Answered, Ranks, Refused};
use lockdown_moderation::{CaseNumber, CaseState};
use lockdown_store::cases::CaseEventKind;
use lockdown_store::sanctions::SanctionKind;

pub(crate) async fn a_case_is_applied_once(town: Town) {
    let case = town.act(Action::Ban).await;
    town.pass(TimeDelta::seconds(2));
    town.applied(&case).await;
    let before = town.rows().await;
    let again = town.answer(case.number, Outcome::Applied).await.unwrap();
    assert_eq!(again, Answered::Again);
    let overtaken = town.answer(case.number, Outcome::Superseded).await.unwrap();
    assert_eq!(overtaken, Answered::Superseded);
    assert_eq!(town.rows().await, before);
    let record = town.read(1).await;
    assert_eq!(record.case.state, CaseState::Applied { at: town.now() });
    let kinds: Vec<_> = record.history.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [CaseEventKind::Opened, CaseEventKind::Applied]);
}

pub(crate) async fn a_failed_unban_leaves_the_ban(town: Town) {
    let ban = town.act(Action::Ban).await;
    town.applied(&ban).await;
    let unban = town.act(Action::Unban).await;
    assert_eq!(town.in_force(SanctionKind::Ban).await, None);
    let answered = town.answer(unban.number, Outcome::Failed).await.unwrap();
    let Answered::Failed { case, stand_again } = answered else {
        panic!("{answered:?}")
    };
    assert_eq!(case.number, unban.number);
    assert_eq!(stand_again, [ban.number]);
    assert_eq!(town.states().await, ["applied", "failed"]);
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(1));
    let record = town.read(2).await;
    assert!(matches!(&record.case.state, CaseState::Failed { error, .. } if error == "missing permission"));
    assert_eq!(record.history.last().unwrap().kind, CaseEventKind::Failed);
    // Told twice, it failed once.
    let before = town.rows().await;
    assert_eq!(
        town.answer(unban.number, Outcome::Failed).await.unwrap(),
        Answered::Again
    );
    assert_eq!(town.rows().await, before);
    town.act(Action::Unban).await;
    town.check().await;
}

pub(crate) async fn a_failed_ban_gives_back_what_it_replaced(town: Town) {
    let short = town.ban_for(TimeDelta::days(1)).await;
    town.applied(&short).await;
    let long = town.ban_for(TimeDelta::days(9)).await;
    assert_eq!(town.states().await, ["superseded", "requested"]);
    town.answer(long.number, Outcome::Failed).await.unwrap();
    assert_eq!(town.states().await, ["applied", "failed"]);
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(1));
    // Its timer runs again.
    town.pass(TimeDelta::days(2));
    let expired = town.desk.expire("here", 10, &Ranks::UNKNOWN).await.unwrap();
    assert_eq!(expired.ended.len(), 1);
    assert_eq!(town.states().await, ["lifted", "failed", "requested"]);
    town.check().await;
}

pub(crate) async fn what_failed_cannot_be_applied(town: Town) {
    let kick = town.act(Action::Kick).await;
    town.answer(kick.number, Outcome::Failed).await.unwrap();
    let before = town.rows().await;
    let why = refused(town.answer(kick.number, Outcome::Applied).await);
    assert_eq!(why.to_string(), "a case that is failed cannot become applied");
    assert_eq!(why.code(), "wrong_state");
    let unknown = refused(town.answer(CaseNumber(9), Outcome::Applied).await);
    assert_eq!(unknown, Refused::UnknownCase(town.guild.clone(), CaseNumber(9)));
    assert_eq!(town.rows().await, before);
}

/// The platform answers while somebody lifts the ban: whoever is first, the ban is lifted, and it was applied.
pub(crate) async fn an_answer_and_a_newer_decision_at_once_both_count(town: Town) {
    let other = town.other_desk().await;
    for (round, turns) in (0..TURNS).step_by(3).enumerate() {
        let ban = town.act(Action::Ban).await;
        let unban = town.ask(Action::Unban);
        let log = town.log(ban.number, Outcome::Applied);
        let ranks = allowed();
        let (lifted, answered) =
            meanwhile(turns, town.desk.act(&unban, &ranks), other.outcome(&log, None)).await;
        assert!(matches!(lifted, Ok(Acted::Recorded(_))), "{lifted:?}");
        assert!(matches!(answered, Ok(Answered::Applied(_))), "{answered:?}");
        let state = town.read(ban.number.0).await.case.state;
        assert!(
            matches!(state, CaseState::Lifted { applied: Some(_), .. }),
            "round {round}: {state:?}"
        );
        assert_eq!(town.in_force(SanctionKind::Ban).await, None);
    }
    town.check().await;
}
