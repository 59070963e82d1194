//! Cases, their numbers and their pages.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::Action;
use lockdown_store::cases::{CaseEventKind, CaseQuery, CaseState};
use lockdown_store::guilds::Parties;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;
use std::sync::Arc;

const WRITERS: u64 = 20;
const EACH: u64 = 10;

/// Some of the transactions are rolled back: their numbers go to others.
pub(crate) async fn numbers_count_up_under_many_writers(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let fixture = Arc::clone(&fixture);
        writers.spawn(async move {
            let mut numbers = Vec::new();
            for turn in 0..EACH {
                if (writer + turn) % 4 == 0 {
                    let mut tx = fixture.store.begin().await.unwrap();
                    fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
                    tx.rollback().await;
                }
                numbers.push(fixture.record(fixture.case(0)).await.number);
            }
            numbers
        });
    }
    let mut all = Vec::new();
    while let Some(numbers) = writers.join_next().await {
        let numbers = numbers.unwrap();
        assert!(
            numbers.is_sorted_by(|a, b| a < b),
            "one writer's numbers go up: {numbers:?}"
        );
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=WRITERS * EACH).collect::<Vec<_>>());
}

pub(crate) async fn a_number_that_was_rolled_back_is_used_next(fixture: Fixture) {
    for _ in 0..3 {
        let mut tx = fixture.store.begin().await.unwrap();
        let next = tx.next_case(fixture.guild, Parties::default()).await.unwrap();
        assert_eq!(next.unwrap().number, 1);
        tx.rollback().await;
    }
    assert_eq!(fixture.record(fixture.case(0)).await.number, 1);
}

pub(crate) async fn guilds_count_for_themselves(mut fixture: Fixture) {
    fixture.record_many(2).await;
    fixture.guild = fixture.add_guild("200").await.id;
    assert_eq!(fixture.record(fixture.case(0)).await.number, 1);
    let unknown = lockdown_store::guilds::GuildKey(fixture.ids.next());
    let next = in_tx!(fixture.store, |tx| {
        tx.next_case(unknown, Parties::default()).await
    });
    assert_eq!(next.unwrap(), None);
}

pub(crate) async fn pages_have_no_gaps_and_no_doubles(fixture: Fixture) {
    fixture.record_many(23).await;
    let mut query = CaseQuery::default();
    let mut numbers = Vec::new();
    loop {
        let page = in_read!(fixture.store, |conn| {
            conn.cases(fixture.guild, &query, 5).await
        })
        .unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.number);
        numbers.extend(page.iter().map(|case| case.number));
        // What is added meanwhile is on no later page.
        fixture.record(fixture.case(0)).await;
    }
    assert_eq!(numbers, (1..=23).rev().collect::<Vec<_>>());
}

pub(crate) async fn a_page_can_be_narrowed(fixture: Fixture) {
    let begun = fixture.now();
    let mut warning = fixture.case(0);
    (warning.kind, warning.state) = (Action::Warn, CaseState::Applied);
    fixture.record(warning).await;
    fixture.time.advance(TimeDelta::hours(1));
    let mut other = fixture.case(0);
    (other.subject_id, other.moderator_id) = (fixture.alice, None);
    fixture.record(other).await;
    fixture.record(fixture.case(0)).await;

    let all = CaseQuery::default;
    for (query, expected) in [
        (all(), vec![3, 2, 1]),
        (
            CaseQuery {
                kind: Some(Action::Warn),
                ..all()
            },
            vec![1],
        ),
        (
            CaseQuery {
                state: Some(CaseState::Requested),
                ..all()
            },
            vec![3, 2],
        ),
        (
            CaseQuery {
                subject: Some(fixture.alice),
                ..all()
            },
            vec![2],
        ),
        (
            CaseQuery {
                moderator: Some(fixture.alice),
                ..all()
            },
            vec![3, 1],
        ),
        (
            CaseQuery {
                from: Some(begun + TimeDelta::minutes(1)),
                ..all()
            },
            vec![3, 2],
        ),
        (
            CaseQuery {
                to: Some(begun + TimeDelta::minutes(1)),
                ..all()
            },
            vec![1],
        ),
        (
            CaseQuery {
                to: Some(begun),
                ..all()
            },
            vec![],
        ),
        (
            CaseQuery {
                kind: Some(Action::Ban),
                before: Some(3),
                ..all()
            },
            vec![2],
        ),
    ] {
        let page = in_read!(fixture.store, |conn| {
            conn.cases(fixture.guild, &query, 50).await
        })
        .unwrap();
        let numbers: Vec<u64> = page.iter().map(|case| case.number).collect();
        assert_eq!(numbers, expected, "{query:?}");
    }
}

pub(crate) async fn a_case_is_found_by_its_words_in_any_letters(fixture: Fixture) {
    for reason in [
        "СПАМ в чате",
        "100% sure",
        "100x sure",
        "a_b",
        "aXb",
        r"back\slash",
    ] {
        let mut case = fixture.case(0);
        case.reason = Some(reason.into());
        fixture.record(case).await;
    }
    for (text, expected) in [
        ("спам", vec![1]),
        ("СпАм В", vec![1]),
        ("100%", vec![2]),
        ("A_B", vec![4]),
        (r"k\s", vec![6]),
        ("SURE", vec![3, 2]),
        ("absent", vec![]),
        ("' OR 1=1 --", vec![]),
    ] {
        let query = CaseQuery {
            text: Some(text.into()),
            ..CaseQuery::default()
        };
        let page = in_read!(fixture.store, |conn| {
            conn.cases(fixture.guild, &query, 50).await
        })
        .unwrap();
        let numbers: Vec<u64> = page.iter().map(|case| case.number).collect();
        assert_eq!(numbers, expected, "{text}");
    }
}

pub(crate) async fn the_same_question_twice_is_one_case(fixture: Fixture) {
    let mut case = fixture.case(0);
    case.idempotency_key = Some("key-1".into());
    let first = fixture.record(case.clone()).await;
    case.id = fixture.case(0).id;
    let second = in_tx!(fixture.store, |tx| { fixture.write_case(tx, case.clone()).await });
    assert!(matches!(second, Err(StoreError::Duplicate { .. })), "{second:?}");
    let found = in_read!(fixture.store, |conn| {
        // Whoever it is about, and however others stand.
        conn.standing_cases(fixture.guild, fixture.alice, fixture.now(), Some("key-1"))
            .await
    });
    assert_eq!(found.unwrap(), [first]);
    // Without a key nothing is the same.
    fixture.record_many(2).await;
    assert_eq!(fixture.count("cases").await, 3);
}

pub(crate) async fn a_history_is_kept_in_order(fixture: Fixture) {
    let mut case = fixture.record(fixture.case(0)).await;
    let (store, now) = (&fixture.store, fixture.now());
    let adders = (0..8).map(|place| {
        let id = case.id;
        async move {
            in_tx!(store, |tx| {
                tx.lock_case(id).await?;
                tx.add_case_event(id, now, "system", CaseEventKind::Noted, json!({ "place": place }))
                    .await
            })
        }
    });
    for added in futures_util::future::join_all(adders).await {
        added.unwrap();
    }
    (case.state, case.reason) = (CaseState::Applied, Some("Other".into()));
    in_tx!(store, |tx| {
        tx.lock_case(case.id).await?;
        tx.save_case(&case).await?;
        let body = json!({ "reason": ["spam", "Other"] });
        tx.add_case_event(case.id, now, "system", CaseEventKind::Edited, body)
            .await
    })
    .unwrap();
    let (read, history) = in_read!(store, |conn| {
        Ok::<_, StoreError>((conn.case(case.id).await?, conn.case_history(case.id).await?))
    })
    .unwrap();
    assert_eq!(read, Some(case));
    assert_eq!(
        history.iter().map(|event| event.seq).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
    assert_eq!(history[0].kind, CaseEventKind::Opened);
    assert_eq!(history[9].body.0, json!({ "reason": ["spam", "Other"] }));
}
