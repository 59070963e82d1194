//! Whether the statements, the words and the migrations fit the schema.

use crate::fixture::Fixture;
use lockdown_events::{Action, Origin, Platform};
use lockdown_store::audit::ActorKind;
use lockdown_store::cases::{CaseEventKind, CaseState};
use lockdown_store::sanctions::{SanctionKind, SanctionState};
use lockdown_store::{PostgresOptions, Store, texts};
use sqlx::{Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection};

pub(crate) async fn every_statement_can_be_prepared(fixture: Fixture) {
    let mut count = 0;
    match fixture.url() {
        Some(url) => {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            for sql in texts() {
                let prepared = conn.prepare(sql.postgres().into_sql_str()).await;
                assert!(prepared.is_ok(), "{}: {:?}", sql.name(), prepared.err());
                count += 1;
            }
        }
        None => {
            let file = format!("sqlite:{}", fixture.file().display());
            let mut conn = SqliteConnection::connect(&file).await.unwrap();
            for sql in texts() {
                let prepared = conn.prepare(sql.sqlite().into_sql_str()).await;
                assert!(prepared.is_ok(), "{}: {:?}", sql.name(), prepared.err());
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count} statements are all there are?");
}

/// Each word of the code is taken by the column's `CHECK`, and the `CHECK` knows no other.
pub(crate) async fn words_are_those_of_the_code(_: Fixture) {
    fn words<T: Copy>(all: &[T], text: fn(T) -> &'static str) -> String {
        all.iter()
            .map(|word| format!("'{}'", text(*word)))
            .collect::<Vec<_>>()
            .join(", ")
    }
    let lists = [
        ("platform", vec![words(Platform::ALL, Platform::as_str)]),
        (
            "kind",
            vec![
                words(Action::ALL, Action::as_str),
                words(CaseEventKind::ALL, CaseEventKind::as_str),
                words(SanctionKind::ALL, SanctionKind::as_str),
            ],
        ),
        (
            "state",
            vec![
                words(CaseState::ALL, CaseState::as_str),
                words(SanctionState::ALL, SanctionState::as_str),
            ],
        ),
        ("origin", vec![words(Origin::ALL, Origin::as_str)]),
        ("actor_kind", vec![words(ActorKind::ALL, ActorKind::as_str)]),
    ];
    let mut checked = 0;
    for change in lockdown_store::migrations::CHANGES {
        for text in [change.postgres, change.sqlite] {
            for line in text.lines() {
                let Some((column, rest)) = line.trim().split_once(" TEXT NOT NULL CHECK (") else {
                    continue;
                };
                let Some((_, list)) = rest.split_once(" IN (") else {
                    continue;
                };
                let list = list.trim_end_matches([')', ',']);
                let (_, known) = lists.iter().find(|(name, _)| *name == column).unwrap();
                assert!(
                    known.iter().any(|words| words == list),
                    "{}: {column}: {list}",
                    change.name
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 2 * 9, "every list is looked at, on both engines");
}

pub(crate) async fn migrations_ran_already(fixture: Fixture) {
    let again = match fixture.url() {
        Some(url) => Store::open_postgres(&url, &PostgresOptions::default()).await,
        None => Store::open_sqlite(&fixture.file()).await,
    };
    let (store, migrated) = again.unwrap();
    assert_eq!(migrated.made, 0);
    assert_eq!(
        migrated.version,
        i64::try_from(lockdown_store::migrations::CHANGES.len()).unwrap()
    );
    store.ping().await.unwrap();
    store.close().await;
}
