//! Transactions and values.

use crate::fixture::Fixture;
use chrono::{DateTime, Utc};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::Parties;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;
use std::time::Duration;

const TABLES: [&str; 6] = [
    "cases",
    "case_events",
    "audit_log",
    "audit_pii",
    "outbox",
    "sanctions",
];

async fn is_empty(fixture: &Fixture) {
    for table in TABLES {
        assert_eq!(fixture.count(table).await, 0, "rows are left in {table}");
    }
    let report = in_read!(fixture.store, |conn| { conn.verify_audit(fixture.guild).await })
        .unwrap()
        .unwrap();
    assert!(report.holds() && report.entries == 0, "{report:?}");
}

pub(crate) async fn what_was_rolled_back_leaves_no_trace(fixture: Fixture) {
    let mut tx = fixture.store.begin().await.unwrap();
    let case = fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    tx.insert_sanction(&fixture.sanction(&case, None)).await.unwrap();
    tx.rollback().await;
    is_empty(&fixture).await;
    assert_eq!(fixture.record(fixture.case(0)).await.number, 1);
}

pub(crate) async fn what_was_dropped_leaves_no_trace(fixture: Fixture) {
    let mut tx = fixture.store.begin().await.unwrap();
    fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    drop(tx);
    is_empty(&fixture).await;
    assert_eq!(fixture.record(fixture.case(0)).await.number, 1);
}

pub(crate) async fn an_error_in_the_block_rolls_back_and_is_handed_on(fixture: Fixture) {
    let first = fixture.record(fixture.case(0)).await;
    let outcome: Result<(), StoreError> = in_tx!(fixture.store, |tx| {
        let mut again = fixture.write_case(tx, fixture.case(0)).await?;
        again.id = first.id;
        tx.insert_case(&again).await
    });
    assert!(
        matches!(outcome, Err(StoreError::Duplicate { .. })),
        "{outcome:?}"
    );
    assert_eq!(fixture.count("cases").await, 1);
    assert_eq!(fixture.count("outbox").await, 1);
    assert_eq!(fixture.record(fixture.case(0)).await.number, 2);
}

pub(crate) async fn a_transaction_sees_itself_and_readers_do_not(fixture: Fixture) {
    let mut tx = fixture.store.begin().await.unwrap();
    let case = fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
    assert_eq!(tx.case(case.id).await.unwrap(), Some(case.clone()));
    let seen = in_read!(fixture.store, |conn| { conn.case(case.id).await }).unwrap();
    assert_eq!(seen, None);
    tx.commit().await.unwrap();
    let seen = in_read!(fixture.store, |conn| { conn.case(case.id).await }).unwrap();
    assert_eq!(seen, Some(case));
}

pub(crate) async fn values_come_back_as_they_were(fixture: Fixture) {
    let mut case = fixture.case(0);
    case.reason = Some("naïve 'quotes' \"and\" \u{1F600} % _ \\ \n тест".into());
    case.rule = Some(String::new());
    case.created_at = "1969-12-31T23:59:59.999999Z".parse().unwrap();
    case.updated_at = case.created_at;
    case.expires_at = Some("9999-12-31T23:59:59.999999Z".parse().unwrap());
    case.evidence = Json(serde_json::from_value(json!([{ "channelId": "5", "messageId": "6" }])).unwrap());
    let case = fixture.record(case).await;
    let read = in_read!(fixture.store, |conn| { conn.case(case.id).await }).unwrap();
    assert_eq!(read, Some(case.clone()));

    // Finer than either engine keeps: it is cut, not rounded.
    let fine: DateTime<Utc> = "2026-11-20T09:06:00.123456789Z".parse().unwrap();
    let mut odd = fixture.case(0);
    (odd.created_at, odd.reason) = (fine, Some("a\0b".into()));
    let odd = fixture.record(odd).await;
    let read = in_read!(fixture.store, |conn| { conn.case(odd.id).await })
        .unwrap()
        .unwrap();
    assert_eq!(
        read.created_at,
        "2026-11-20T09:06:00.123456Z".parse::<DateTime<Utc>>().unwrap()
    );
    assert_eq!(read.reason.as_deref(), Some("ab"));
    let report = in_read!(fixture.store, |conn| { conn.verify_audit(fixture.guild).await })
        .unwrap()
        .unwrap();
    assert!(report.holds(), "{report:?}");
}

pub(crate) async fn a_transaction_can_be_spawned(fixture: Fixture) {
    let (store, case, guild) = (fixture.store.clone(), fixture.case(0), fixture.guild);
    let number = tokio::spawn(async move {
        in_tx!(store, |tx| {
            let mut case = case.clone();
            let next = tx.next_case(guild, Parties::default()).await?;
            case.number = next.unwrap().number;
            tx.insert_case(&case).await?;
            Ok::<_, StoreError>(case.number)
        })
    });
    assert_eq!(number.await.unwrap().unwrap(), 1);
}

/// Cut off at any point, also in the middle of a statement, a writer leaves nothing, and nobody waits for ever.
pub(crate) async fn writers_that_are_cancelled_leave_no_trace(fixture: Fixture) {
    let mut whole = 0;
    for round in 0..60u64 {
        let write = async {
            let mut tx = fixture.store.begin().await.unwrap();
            fixture.write_case(&mut tx, fixture.case(0)).await.unwrap();
            tx.rollback().await;
        };
        drop(tokio::time::timeout(Duration::from_micros(round * 100), write).await);
        if round % 10 == 0 {
            fixture.record(fixture.case(0)).await;
            whole += 1;
        }
    }
    assert_eq!(fixture.count("cases").await, whole);
    assert_eq!(fixture.count("outbox").await, whole);
    assert_eq!(fixture.count("audit_log").await, whole);
    let case = fixture.record(fixture.case(0)).await;
    assert_eq!(i64::try_from(case.number).unwrap(), whole + 1);
}
