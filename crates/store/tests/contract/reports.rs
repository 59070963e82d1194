//! Reports and appeals.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::{CaseId, ChannelId, MessageId};
use lockdown_store::appeals::{
    Appeal, AppealId, AppealQuery, AppealState, Appealed, AuthorKind, Decision, NewAppeal,
};
use lockdown_store::people::IdentityId;
use lockdown_store::reports::{
    Filed, NewReport, Report, ReportId, ReportQuery, ReportState, ReporterRecord, Verdict,
};
use lockdown_store::{StoreError, in_read, in_tx};

const LEASE: TimeDelta = TimeDelta::minutes(5);

fn new(fixture: &Fixture, reporter: IdentityId, message: Option<&str>) -> NewReport {
    let message = message.map(|message| (ChannelId::new("7").unwrap(), MessageId::new(message).unwrap()));
    NewReport {
        id: ReportId(fixture.ids.next()),
        guild_id: fixture.guild,
        reporter_id: reporter,
        subject_id: fixture.mallory,
        message,
        category: "spam".into(),
        body: "again and again\0".into(),
        created_at: fixture.now(),
    }
}

async fn file(fixture: &Fixture, reporter: IdentityId, message: Option<&str>) -> Filed {
    let new = new(fixture, reporter, message);
    in_tx!(fixture.store, |tx| { tx.file_report(&new).await }).unwrap()
}

async fn add(fixture: &Fixture, reporter: IdentityId, message: Option<&str>) -> Report {
    match file(fixture, reporter, message).await {
        Filed::New(report) => report,
        Filed::Again(report) => panic!("there is one already: {report:?}"),
    }
}

async fn report(fixture: &Fixture, id: ReportId) -> Report {
    in_read!(fixture.store, |conn| { conn.report(id).await })
        .unwrap()
        .unwrap()
}

async fn claim(fixture: &Fixture, id: ReportId, by: &str) -> bool {
    let now = fixture.now();
    in_tx!(fixture.store, |tx| {
        tx.claim_report(id, by, now, now + LEASE).await
    })
    .unwrap()
}

async fn resolve(fixture: &Fixture, id: ReportId, verdict: Verdict, by: &str) -> bool {
    in_tx!(fixture.store, |tx| {
        tx.resolve_report(id, verdict, by, fixture.now(), Some("thank you"))
            .await
    })
    .unwrap()
}

pub(crate) async fn the_same_said_twice_is_one_report(fixture: Fixture) {
    let fixture = &fixture;
    let many = (0..8).map(|_| file(fixture, fixture.alice, Some("55")));
    let filed = futures_util::future::join_all(many).await;
    let made: Vec<_> = filed
        .iter()
        .filter_map(|filed| match filed {
            Filed::New(report) => Some(report),
            Filed::Again(_) => None,
        })
        .collect();
    assert_eq!((made.len(), fixture.count("reports").await), (1, 1));
    let kept = report(fixture, made[0].id).await;
    assert_eq!(
        (kept.number, kept.times, kept.body.as_str()),
        (1, 8, "again and again")
    );
    // Another message, another reporter, and the person as such are something else.
    let other = fixture.see("3", None).await.id;
    for (reporter, message, number) in [
        (fixture.alice, Some("56"), 2),
        (other, Some("55"), 3),
        (fixture.alice, None, 4),
    ] {
        assert_eq!(add(fixture, reporter, message).await.number, number);
    }
    let person = file(fixture, fixture.alice, None).await;
    assert!(
        matches!(&person, Filed::Again(report) if (report.number, report.times) == (4, 2)),
        "{person:?}"
    );
    // A message that was decided is not opened by the same word again; a person may be reported anew.
    for number in [1, 4] {
        let open = in_read!(fixture.store, |conn| {
            conn.report_by_number(fixture.guild, number).await
        });
        assert!(resolve(fixture, open.unwrap().unwrap().id, Verdict::Dismissed, "a").await);
    }
    let again = file(fixture, fixture.alice, Some("55")).await;
    assert!(
        matches!(&again, Filed::Again(report) if report.state == ReportState::Dismissed),
        "{again:?}"
    );
    assert_eq!(add(fixture, fixture.alice, None).await.number, 5);
    let unknown = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.report(ReportId(fixture.ids.next())).await?,
            conn.report_by_number(fixture.guild, 99).await?,
            conn.report_by_number(fixture.guild, u64::MAX).await?,
        ))
    });
    assert_eq!(unknown.unwrap(), (None, None, None));
}

pub(crate) async fn reports_count_up_without_gaps_by_many(fixture: Fixture) {
    let stores = futures_util::future::join_all((0..3).map(|_| fixture.another_process())).await;
    let fixture = &fixture;
    let many = (0..15).map(|number| {
        let store = stores[number % 3].clone();
        async move {
            // Two each say the same.
            let new = new(fixture, fixture.alice, Some(&(number / 2).to_string()));
            in_tx!(store, |tx| { tx.file_report(&new).await }).unwrap()
        }
    });
    futures_util::future::join_all(many).await;
    let mut tx = fixture.store.begin().await.unwrap();
    tx.file_report(&new(fixture, fixture.alice, Some("900")))
        .await
        .unwrap();
    tx.rollback().await;
    assert_eq!(add(fixture, fixture.alice, Some("901")).await.number, 9);
    let all = in_read!(fixture.store, |conn| {
        conn.waiting_reports(fixture.guild, None, 100).await
    });
    let numbers: Vec<u64> = all.unwrap().iter().map(|report| report.number).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    let nowhere = NewReport {
        guild_id: lockdown_store::guilds::GuildKey(fixture.ids.next()),
        ..new(fixture, fixture.alice, None)
    };
    let refused = in_tx!(fixture.store, |tx| { tx.file_report(&nowhere).await });
    assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
}

pub(crate) async fn a_report_is_one_moderators_at_a_time(fixture: Fixture) {
    let id = add(&fixture, fixture.alice, Some("1")).await.id;
    let fixture = &fixture;
    let many = (0..8).map(|number| async move { claim(fixture, id, &format!("moderator {number}")).await });
    let claimed = futures_util::future::join_all(many).await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1);
    let kept = report(fixture, id).await;
    let holder = kept.holder(fixture.now()).unwrap().to_owned();
    assert!(!resolve(fixture, id, Verdict::Dismissed, "another").await);
    fixture.time.advance(LEASE - TimeDelta::seconds(1));
    assert!(claim(fixture, id, &holder).await, "theirs for longer");
    fixture.time.advance(TimeDelta::minutes(1));
    assert!(!claim(fixture, id, "another").await);
    fixture.time.advance(LEASE);
    assert_eq!(report(fixture, id).await.holder(fixture.now()), None);
    assert!(claim(fixture, id, "another").await, "the first went away");
    let release = async |by: &str| in_tx!(fixture.store, |tx| { tx.release_report(id, by).await }).unwrap();
    assert!(!release(&holder).await);
    assert!(!resolve(fixture, id, Verdict::Dismissed, &holder).await);
    assert!(release("another").await);
    assert_eq!(report(fixture, id).await.state, ReportState::Open);
    assert!(resolve(fixture, id, Verdict::Dismissed, &holder).await);
    assert!(!resolve(fixture, id, Verdict::Actioned(None), "another").await);
    assert!(!claim(fixture, id, "another").await);
    let kept = report(fixture, id).await;
    assert_eq!(
        (kept.state, kept.resolved_by, kept.resolution.as_deref()),
        (ReportState::Dismissed, Some(holder), Some("thank you"))
    );
}

pub(crate) async fn a_decision_ends_every_report_of_the_message(fixture: Fixture) {
    let bob = fixture.see("3", None).await.id;
    let case = fixture.record(fixture.case(0)).await;
    let first = add(&fixture, fixture.alice, Some("1")).await;
    let second = add(&fixture, bob, Some("1")).await;
    let other = add(&fixture, bob, Some("2")).await;
    let person = add(&fixture, bob, None).await;
    claim(&fixture, second.id, "who was slower").await;
    let decided = resolve(&fixture, first.id, Verdict::Actioned(Some(case.id)), "a").await;
    assert!(decided);
    let same = report(&fixture, second.id).await;
    assert_eq!(
        (same.state, same.duplicate_of, same.case_id, same.claimed_by),
        (ReportState::Duplicate, Some(first.id), Some(case.id), None)
    );
    for open in [other.id, person.id] {
        assert_eq!(report(&fixture, open).await.state, ReportState::Open);
    }
    resolve(&fixture, person.id, Verdict::Dismissed, "a").await;
    assert_eq!(report(&fixture, other.id).await.state, ReportState::Open);
    let record = async |who| {
        in_read!(fixture.store, |conn| {
            conn.reporter_record(fixture.guild, who).await
        })
        .unwrap()
    };
    let told = |actioned, dismissed| ReporterRecord { actioned, dismissed };
    assert_eq!(record(fixture.alice).await, told(1, 0));
    assert_eq!(record(bob).await, told(1, 1));
    assert_eq!(record(fixture.mallory).await, told(0, 0));
    let about = in_read!(fixture.store, |conn| {
        let (channel, message) = first_message();
        conn.reports_about(fixture.guild, &channel, &message).await
    });
    let about: Vec<_> = about.unwrap().iter().map(|report| report.id).collect();
    assert_eq!(about, [first.id, second.id]);
}

fn first_message() -> (ChannelId, MessageId) {
    (ChannelId::new("7").unwrap(), MessageId::new("1").unwrap())
}

pub(crate) async fn the_queue_is_oldest_first_and_the_ledger_newest(fixture: Fixture) {
    let begun = fixture.now();
    for message in 1..=9 {
        add(&fixture, fixture.alice, Some(&message.to_string())).await;
        fixture.time.advance(TimeDelta::minutes(1));
    }
    let all = in_read!(fixture.store, |conn| {
        conn.waiting_reports(fixture.guild, None, 100).await
    })
    .unwrap();
    for decided in [0, 4] {
        resolve(&fixture, all[decided].id, Verdict::Dismissed, "a").await;
    }
    claim(&fixture, all[1].id, "b").await;
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = in_read!(fixture.store, |conn| {
            conn.waiting_reports(fixture.guild, after, 2).await
        })
        .unwrap();
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.number);
        numbers.extend(page.iter().map(|report| report.number));
    }
    assert_eq!(numbers, [2, 3, 4, 6, 7, 8, 9]);
    let queue = in_read!(fixture.store, |conn| { conn.report_queue(fixture.guild).await }).unwrap();
    assert_eq!(
        (queue.waiting, queue.oldest),
        (7, Some(begun + TimeDelta::minutes(1)))
    );
    let ledger = async |query: ReportQuery| {
        let page = in_read!(fixture.store, |conn| {
            conn.reports(fixture.guild, &query, 3).await
        });
        let page = page.unwrap();
        page.iter().map(|report| report.number).collect::<Vec<_>>()
    };
    assert_eq!(ledger(ReportQuery::default()).await, [9, 8, 7]);
    let narrowed = ReportQuery {
        state: Some(ReportState::Dismissed),
        subject: Some(fixture.mallory),
        reporter: Some(fixture.alice),
        category: Some("spam".into()),
        before: Some(9),
    };
    assert_eq!(ledger(narrowed.clone()).await, [5, 1]);
    let none = ReportQuery {
        category: Some("scam".into()),
        ..narrowed
    };
    assert!(ledger(none).await.is_empty());
    let empty = fixture.add_guild("200").await.id;
    let queue = in_read!(fixture.store, |conn| { conn.report_queue(empty).await }).unwrap();
    assert_eq!((queue.waiting, queue.oldest), (0, None));
}

async fn appeal(fixture: &Fixture, case: CaseId) -> Result<Appealed, StoreError> {
    let new = NewAppeal {
        id: AppealId(fixture.ids.next()),
        case_id: case,
        appellant_id: fixture.mallory,
        statement: "it was not me".into(),
        at: fixture.now(),
    };
    in_tx!(fixture.store, |tx| { tx.open_appeal(&new).await })
}

async fn opened(fixture: &Fixture, case: CaseId) -> Appeal {
    match appeal(fixture, case).await.unwrap() {
        Appealed::Opened(appeal) => appeal,
        other => panic!("{other:?}"),
    }
}

async fn decide(fixture: &Fixture, id: AppealId, state: AppealState, cooldown: Option<TimeDelta>) -> bool {
    let decision = Decision {
        state,
        by: "a moderator",
        at: fixture.now(),
        text: Some("no"),
        cooldown_until: cooldown.map(|cooldown| fixture.now() + cooldown),
    };
    in_tx!(fixture.store, |tx| { tx.decide_appeal(id, decision).await }).unwrap()
}

pub(crate) async fn one_appeal_is_open_at_a_time(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await;
    let fixture = &fixture;
    let many = (0..8).map(|_| appeal(fixture, case.id));
    let outcomes = futures_util::future::join_all(many).await;
    let made: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| match outcome.as_ref().unwrap() {
            Appealed::Opened(appeal) => Some(appeal.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(made.len(), 1);
    let open = &made[0];
    assert_eq!(
        (open.guild_id, open.state, open.appellant_id),
        (fixture.guild, AppealState::Open, fixture.mallory)
    );
    assert_eq!(
        appeal(fixture, case.id).await.unwrap(),
        Appealed::AlreadyOpen(open.id)
    );
    let unknown = appeal(fixture, CaseId(fixture.ids.next())).await;
    assert!(matches!(unknown, Err(StoreError::Missing { .. })), "{unknown:?}");
    let other = fixture.record(fixture.case(0)).await;
    opened(fixture, other.id).await;
}

pub(crate) async fn an_appeal_waits_for_its_cooldown(fixture: Fixture) {
    let week = TimeDelta::weeks(1);
    let case = fixture.record(fixture.case(0)).await;
    let first = opened(&fixture, case.id).await;
    assert!(decide(&fixture, first.id, AppealState::Denied, Some(week)).await);
    assert!(
        !decide(&fixture, first.id, AppealState::Granted, None).await,
        "what is decided stays"
    );
    let until = fixture.now() + week;
    assert_eq!(
        appeal(&fixture, case.id).await.unwrap(),
        Appealed::TooSoon { until }
    );
    fixture.time.set(until);
    let second = opened(&fixture, case.id).await;
    assert!(decide(&fixture, second.id, AppealState::Withdrawn, None).await);
    let third = opened(&fixture, case.id).await;
    assert_ne!(third.id, second.id);
    let kept = in_read!(fixture.store, |conn| { conn.appeal(first.id).await })
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            kept.state,
            kept.decision.as_deref(),
            kept.decided_by.as_deref(),
            kept.cooldown_until
        ),
        (AppealState::Denied, Some("no"), Some("a moderator"), Some(until))
    );
}

pub(crate) async fn an_appeal_is_talked_about_until_it_ends(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await;
    let open = opened(&fixture, case.id).await;
    let fixture = &fixture;
    let say = async |number: usize| {
        let author = if number.is_multiple_of(2) {
            (AuthorKind::Moderator, "a moderator")
        } else {
            (AuthorKind::Appellant, "mallory")
        };
        in_tx!(fixture.store, |tx| {
            tx.say_in_appeal(open.id, fixture.now(), author, &format!("word {number}"))
                .await
        })
        .unwrap()
    };
    let said = futures_util::future::join_all((0..10).map(say)).await;
    let mut numbers: Vec<u64> = said.into_iter().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    let page = async |after| {
        let page = in_read!(fixture.store, |conn| {
            conn.appeal_messages(open.id, after, 4).await
        });
        page.unwrap()
            .iter()
            .map(|message| message.seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, [1, 2, 3, 4]);
    assert_eq!(page(Some(8)).await, [9, 10]);
    assert!(decide(fixture, open.id, AppealState::Granted, None).await);
    assert_eq!(say(11).await, None);
    let unknown = in_tx!(fixture.store, |tx| {
        let id = AppealId(fixture.ids.next());
        tx.say_in_appeal(id, fixture.now(), (AuthorKind::System, "system"), "?")
            .await
    });
    assert_eq!(unknown.unwrap(), None);
}

pub(crate) async fn appeals_are_listed_page_by_page(fixture: Fixture) {
    let mut made = Vec::new();
    for number in 0..5 {
        let case = fixture.record(fixture.case(0)).await;
        fixture.time.advance(TimeDelta::seconds(1));
        let appeal = opened(&fixture, case.id).await;
        if number == 2 {
            decide(&fixture, appeal.id, AppealState::Denied, None).await;
        }
        made.push(appeal);
    }
    let page = async |query: AppealQuery| {
        let page = in_read!(fixture.store, |conn| {
            conn.appeals(fixture.guild, &query, 3).await
        });
        page.unwrap().iter().map(|appeal| appeal.id).collect::<Vec<_>>()
    };
    let first = page(AppealQuery::default()).await;
    assert_eq!(first, [made[4].id, made[3].id, made[2].id]);
    let rest = AppealQuery {
        before: first.last().copied(),
        ..AppealQuery::default()
    };
    assert_eq!(page(rest).await, [made[1].id, made[0].id]);
    let open = AppealQuery {
        state: Some(AppealState::Open),
        appellant: Some(fixture.mallory),
        ..AppealQuery::default()
    };
    assert_eq!(page(open).await, [made[4].id, made[3].id, made[1].id]);
    let of_case = AppealQuery {
        case: Some(made[1].case_id),
        ..AppealQuery::default()
    };
    assert_eq!(page(of_case).await, [made[1].id]);
    let of_nobody = AppealQuery {
        appellant: Some(fixture.alice),
        ..AppealQuery::default()
    };
    assert!(page(of_nobody).await.is_empty());
}
