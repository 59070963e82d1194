//! What happens when the database goes away, and when it comes back.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

use lockdown_events::{GuildId, Platform};
use lockdown_store::guilds::{Community, CommunityId};
use lockdown_store::{PostgresOptions, Store, StoreError, in_read, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use uuid::Uuid;

fn community(number: u128) -> Community {
    let at = "2026-11-20T09:06:00Z".parse().unwrap();
    Community {
        id: CommunityId(Uuid::from_u128(number)),
        slug: format!("town-{number}"),
        name: "Town".into(),
        settings: lockdown_store::dbx::Json(json!({})),
        created_at: at,
        updated_at: at,
        deleted_at: None,
    }
}

async fn add(store: &Store, number: u128) -> Result<(), StoreError> {
    let new = community(number);
    in_tx!(store, |tx| { tx.insert_community(&new).await })
}

async fn is_there(store: &Store, number: u128) -> Result<bool, StoreError> {
    let id = community(number).id;
    in_read!(store, |conn| {
        Ok::<_, StoreError>(conn.community(id).await?.is_some())
    })
}

/// Ends every connection of the store's, as a fail-over does.
async fn cut(url: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'lockdown'",
    )
    .execute(&mut conn)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_cut_connection_is_not_noticed() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
        .await
        .unwrap();
    for round in 0..5 {
        add(&store, round).await.unwrap();
        cut(&database.url()).await;
        assert!(is_there(&store, round).await.unwrap());
        cut(&database.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_connection_cut_inside_of_a_transaction_is_unavailable_and_tried_again() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.insert_community(&community(1)).await.unwrap();
    cut(&database.url()).await;
    let lost = tx.community(community(1).id).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    tx.rollback().await;
    assert!(!is_there(&store, 1).await.unwrap());

    let mut tries = 0;
    in_tx!(store, |tx| {
        tx.insert_community(&community(2)).await?;
        tries += 1;
        if tries == 1 {
            cut(&database.url()).await;
        }
        tx.community(community(2).id).await
    })
    .unwrap();
    assert_eq!(tries, 2);
    assert!(is_there(&store, 2).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_commit_whose_answer_is_lost_is_said_to_be_unknown() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.insert_community(&community(1)).await.unwrap();
    cut(&database.url()).await;
    let outcome = tx.commit().await;
    assert!(
        matches!(outcome, Err(StoreError::CommitUnknown(_))),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_server_that_is_away_is_unavailable_and_never_empty() {
    let mut server = servers::postgres_private();
    let options = PostgresOptions {
        acquire: Duration::from_millis(300),
        ..PostgresOptions::default()
    };
    let (store, migrated) = Store::open_postgres(&server.url(), &options).await.unwrap();
    assert!(migrated.made > 0);
    add(&store, 1).await.unwrap();
    server.kill9().unwrap();
    let read = is_there(&store, 1).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = add(&store, 2).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert!(store.ping().await.unwrap_err().is_unavailable());
    server.restart().unwrap();
    while store.ping().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(
        is_there(&store, 1).await.unwrap(),
        "what was acknowledged is there"
    );
    add(&store, 2).await.unwrap();
    let unknown = in_read!(store, |conn| {
        conn.guild(Platform::Discord, &GuildId::new("1").unwrap()).await
    });
    assert_eq!(unknown.unwrap(), None, "now it is known that there is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_statement_that_waits_too_long_is_given_up() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
        .await
        .unwrap();
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    let mut held = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE communities")
        .execute(&mut *held)
        .await
        .unwrap();
    // No more than five seconds, which is the store's own limit; without it this would hang.
    let outcome = add(&store, 1).await;
    assert!(matches!(outcome, Err(StoreError::Contended(_))), "{outcome:?}");
    held.rollback().await.unwrap();
    add(&store, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockdown.db");
    let (store, _) = Store::open_sqlite(&file).await.unwrap();
    add(&store, 1).await.unwrap();
    store.close().await;
    assert!(is_there(&store, 1).await.unwrap_err().is_unavailable());
    assert!(store.begin().await.is_err());
    let (again, migrated) = Store::open_sqlite(&file).await.unwrap();
    assert_eq!(migrated.made, 0);
    assert!(is_there(&again, 1).await.unwrap());
}

/// What was told "done" is in the file when another process opens it, without a word of goodbye from this one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockdown.db");
    let (store, _) = Store::open_sqlite(&file).await.unwrap();
    let adds = (0..50).map(|number| add(&store, number));
    for added in futures_util::future::join_all(adds).await {
        added.unwrap();
    }
    let (other, _) = Store::open_sqlite(&file).await.unwrap();
    for number in 0..50 {
        assert!(is_there(&other, number).await.unwrap(), "{number}");
    }
}

/// Another process writes to the same file: both get their turn.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockdown.db");
    let (one, _) = Store::open_sqlite(&file).await.unwrap();
    let (two, _) = Store::open_sqlite(&file).await.unwrap();
    for number in 0..20 {
        let (first, second) = tokio::join!(add(&one, number), add(&two, 100 + number));
        first.unwrap();
        second.unwrap();
    }
    assert!(is_there(&one, 119).await.unwrap() && is_there(&two, 19).await.unwrap());
}

/// A transaction that was begun and given up holds nobody back.
#[tokio::test(flavor = "multi_thread")]
async fn a_given_up_transaction_lets_go_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockdown.db");
    let (one, _) = Store::open_sqlite(&file).await.unwrap();
    let (two, _) = Store::open_sqlite(&file).await.unwrap();
    let mut tx = one.begin().await.unwrap();
    tx.insert_community(&community(1)).await.unwrap();
    drop(tx);
    add(&two, 2).await.unwrap();
    assert!(!is_there(&two, 1).await.unwrap());
}
