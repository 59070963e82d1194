//! Changes to a case.

use crate::fixture::{ANA, BOB, Town, allowed, demoted, moderator, refused};
use chrono::TimeDelta;
use lockdown_events::{Action, Outcome};
use lockdown_moderation::desk::{AmendAsk, CaseFilter, Ranks, Refused};
use lockdown_moderation::{CaseNumber, Change, EditError, Reason, Right, Term, Why};
use lockdown_store::cases::CaseEventKind;
use lockdown_store::in_read;
use serde_json::json;

fn reason(text: &str) -> Reason {
    Reason::new(text, Reason::LONGEST).unwrap()
}

impl Town {
    fn change(&self, by: &str, case: u64, change: Change) -> AmendAsk {
        self.pass(TimeDelta::seconds(1));
        AmendAsk {
            by: moderator(by),
            guild: self.guild.clone(),
            case: CaseNumber(case),
            change,
            chain: None,
        }
    }
}

pub(crate) async fn old_values_are_kept_with_who_and_when(town: Town) {
    town.act(Action::Ban).await;
    let ask = town.change(BOB, 1, Change::Reason(Some(reason("scam"))));
    let amended = town.desk.amend(&ask, &allowed()).await.unwrap();
    assert_eq!(amended.case.reason, Some(reason("scam")));
    let record = town.read(1).await;
    assert_eq!(record.case, amended.case);
    let line = record.history.last().unwrap();
    assert_eq!(
        (line.kind, &line.by, line.at),
        (CaseEventKind::Edited, &moderator(BOB), town.now())
    );
    assert_eq!(
        line.body,
        json!({ "what": "reason", "old": "spam", "new": "scam" })
    );
    // The same once more changes nothing.
    let before = town.rows().await;
    assert_eq!(town.desk.amend(&ask, &allowed()).await.unwrap().edit, None);
    assert_eq!(town.rows().await, before);
    match refused(town.desk.amend(&ask, &demoted()).await) {
        Refused::Denied(denied) => assert_eq!(denied.why, Why::Lacks(Right::EditOthers)),
        other => panic!("{other}"),
    }
    assert_eq!(town.rows().await, before);
    town.check().await;
}

pub(crate) async fn a_moved_end_moves_the_timer_and_is_told(town: Town) {
    town.ban_for(TimeDelta::hours(1)).await;
    let ends = Term::Until(town.now() + TimeDelta::hours(9));
    let ask = town.change(ANA, 1, Change::Ends(ends));
    town.desk.amend(&ask, &allowed()).await.unwrap();
    let (channel, told) = town.decisions().await.pop().unwrap();
    assert_eq!(
        (channel.as_str(), told.expires_at),
        ("ban:created", town.read(1).await.case.ends.at())
    );
    assert_eq!(told.notify, Some(false));
    town.pass(TimeDelta::hours(2));
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at(),
        0
    );
    town.pass(TimeDelta::hours(7));
    assert_eq!(
        town.desk
            .expire("here", 10, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .ended
            .len(),
        1
    );
    let late = town.change(ANA, 1, Change::Ends(Term::Forever));
    let why = refused(town.desk.amend(&late, &allowed()).await);
    assert_eq!(why, Refused::Edit(EditError::Over("lifted")));
    town.check().await;
}

pub(crate) async fn a_void_case_counts_no_more(town: Town) {
    town.act(Action::Warn).await;
    assert_eq!(town.points().await, 1);
    let ask = town.change(BOB, 1, Change::Void(reason("wrong person")));
    let amended = town.desk.amend(&ask, &allowed()).await.unwrap();
    assert_eq!(amended.case.state.name(), "voided");
    assert_eq!(town.points().await, 0);
    assert_eq!(town.read(1).await.case, amended.case);
    let again = refused(town.desk.amend(&ask, &allowed()).await);
    assert_eq!(again, Refused::Edit(EditError::Voided));
    let ban = town.act(Action::Ban).await;
    let ask = town.change(BOB, 2, Change::Void(reason("wrong person")));
    let why = refused(town.desk.amend(&ask, &allowed()).await);
    assert_eq!(why, Refused::Edit(EditError::Unanswered));
    town.answer(ban.number, Outcome::Applied).await.unwrap();
    let why = refused(town.desk.amend(&ask, &allowed()).await);
    assert_eq!(
        why.to_string(),
        "its ban still stands: lift it first, then void the case"
    );
    let entries = in_read!(town.store, |conn| { conn.audit_page(town.key, None, 9).await }).unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["case:open", "case:void", "case:open"]);
    town.check().await;
}

pub(crate) async fn a_hidden_case_stays_and_counts_and_lists_leave_it_out(town: Town) {
    town.act(Action::Warn).await;
    town.act(Action::Note).await;
    let listed = async |hidden: bool| {
        let filter = CaseFilter {
            hidden,
            ..CaseFilter::default()
        };
        let cases = town.desk.cases(&town.guild, &filter, 9).await.unwrap();
        cases.iter().map(|case| case.number.0).collect::<Vec<_>>()
    };
    let hide = async |by: &str, case: u64, hidden: bool| {
        let ask = town.change(by, case, Change::Hidden(hidden));
        town.desk.amend(&ask, &allowed()).await
    };
    let hidden = hide(BOB, 1, true).await.unwrap();
    assert!(hidden.case.hidden);
    assert_eq!((listed(false).await, listed(true).await), (vec![2], vec![2, 1]));
    let record = town.read(1).await;
    assert_eq!(record.case, hidden.case);
    assert_eq!(
        record.history.last().unwrap().body,
        json!({ "what": "hidden", "old": false, "new": true })
    );
    assert_eq!(town.points().await, 1, "it counts as before");
    assert_eq!(hide(BOB, 1, true).await.unwrap().edit, None);
    // Also what was a mistake can be put out of sight, and into it again.
    let void = town.change(BOB, 1, Change::Void(reason("wrong person")));
    town.desk.amend(&void, &allowed()).await.unwrap();
    assert!(hide(BOB, 1, false).await.unwrap().edit.is_some());
    assert_eq!(listed(false).await, [2, 1]);
    assert_eq!(town.read(1).await.case.state.name(), "voided");
    let ask = town.change(BOB, 1, Change::Hidden(true));
    match refused(town.desk.amend(&ask, &demoted()).await) {
        Refused::Denied(denied) => assert_eq!(denied.why, Why::Lacks(Right::EditOthers)),
        other => panic!("{other}"),
    }
    town.check().await;
}
