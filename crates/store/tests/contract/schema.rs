//! Whether the statements, the words and the migrations fit the schema.

use crate::fixture::Fixture;
use lockdown_events::{Action, NotificationKind, NotificationLevel, Origin, Platform};
use lockdown_store::appeals::{AppealState, AuthorKind};
use lockdown_store::audit::ActorKind;
use lockdown_store::cases::{CaseEventKind, CaseState, Lift};
use lockdown_store::channels::ChannelKind;
use lockdown_store::counts::Measure;
use lockdown_store::dead_letters::{DeadLetterState, DeadReason};
use lockdown_store::members::MemberStatus;
use lockdown_store::migrations::{CHANGES, Change};
use lockdown_store::modes::Mode;
use lockdown_store::policies::{PolicyMode, PolicyState};
use lockdown_store::privacy::RetentionKind;
use lockdown_store::reports::ReportState;
use lockdown_store::reviews::Verdict;
use lockdown_store::roles::SubjectKind;
use lockdown_store::sanctions::{SanctionKind, SanctionState};
use lockdown_store::settings::BotState;
use lockdown_store::webhooks::{DeliveryState, WebhookState};
use lockdown_store::{PostgresOptions, Store, in_tx, texts};
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::{Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection};
use std::collections::BTreeSet;

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

/// Each word of the code is taken by the column's `CHECK`, or by the function in it, and these know no other.
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
                words(ChannelKind::ALL, ChannelKind::as_str),
                words(RetentionKind::ALL, RetentionKind::as_str),
                words(NotificationKind::ALL, NotificationKind::as_str),
            ],
        ),
        (
            "state",
            vec![
                words(CaseState::ALL, CaseState::as_str),
                words(SanctionState::ALL, SanctionState::as_str),
                words(PolicyState::ALL, PolicyState::as_str),
                words(DeadLetterState::ALL, DeadLetterState::as_str),
                words(ReportState::ALL, ReportState::as_str),
                words(AppealState::ALL, AppealState::as_str),
                words(WebhookState::ALL, WebhookState::as_str),
                words(DeliveryState::ALL, DeliveryState::as_str),
            ],
        ),
        ("origin", vec![words(Origin::ALL, Origin::as_str)]),
        ("lift", vec![words(Lift::ALL, Lift::as_str)]),
        ("verdict", vec![words(Verdict::ALL, Verdict::as_str)]),
        ("actor_kind", vec![words(ActorKind::ALL, ActorKind::as_str)]),
        ("bot_state", vec![words(BotState::ALL, BotState::as_str)]),
        (
            "level",
            vec![words(NotificationLevel::ALL, NotificationLevel::as_str)],
        ),
        (
            "mode",
            vec![
                words(PolicyMode::ALL, PolicyMode::as_str),
                words(Mode::ALL, Mode::as_str),
            ],
        ),
        ("measure", vec![words(Measure::ALL, Measure::as_str)]),
        ("reason", vec![words(DeadReason::ALL, DeadReason::as_str)]),
        ("status", vec![words(MemberStatus::ALL, MemberStatus::as_str)]),
        ("author_kind", vec![words(AuthorKind::ALL, AuthorKind::as_str)]),
        ("subject_kind", vec![words(SubjectKind::ALL, SubjectKind::as_str)]),
    ];
    let engines: [fn(&Change) -> &'static str; 2] = [|change| change.postgres, |change| change.sqlite];
    for text in engines {
        let mut found = BTreeSet::new();
        for line in CHANGES.iter().flat_map(|change| text(change).lines()) {
            if let Some((before, list)) = line.split_once(" IN ('") {
                let (_, column) = before
                    .rsplit_once([' ', '('])
                    .expect("a column is held to its words");
                let list = list.trim_end_matches([')', ',', ';']);
                found.insert((column, format!("'{list}")));
            }
        }
        let known = lists.iter().flat_map(|(column, lists)| {
            let of_column = lists.iter().map(|list| (*column, list.clone()));
            of_column.collect::<Vec<_>>()
        });
        assert_eq!(found, known.collect());
    }
}

/// Whatever the code has a mistake in.
pub(crate) async fn rows_that_are_not_sound_are_refused(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await;
    in_tx!(fixture.store, |tx| {
        tx.insert_sanction(&fixture.sanction(&case, None)).await
    })
    .unwrap();
    let entry = |seq: u64, actor_kind: &str| {
        format!(
            "INSERT INTO audit_log (guild_id, seq, at, actor_kind, actor, act, subject, body, commitment, prev_hash, hash) \
                SELECT guild_id, {seq}, at, '{actor_kind}', actor, act, subject, body, commitment, prev_hash, hash \
                FROM audit_log WHERE seq = 1"
        )
    };
    let set = |table: &str, change: &str| format!("UPDATE {table} SET {change}");
    for (sound, unsound) in [
        (set("cases", "number = 7"), set("cases", "number = 0")),
        (set("cases", "kind = 'note'"), set("cases", "kind = 'bann'")),
        (set("cases", "state = 'voided'"), set("cases", "state = 'live'")),
        (
            set("cases", "origin = 'outside'"),
            set("cases", "origin = 'inside'"),
        ),
        (set("cases", "lift = 'expired'"), set("cases", "lift = 'voided'")),
        (set("cases", "lift = NULL"), set("cases", "lift = ''")),
        (
            set("case_events", "kind = 'noted'"),
            set("case_events", "kind = 'note'"),
        ),
        (
            set("sanctions", "kind = 'mute'"),
            set("sanctions", "kind = 'kick'"),
        ),
        (
            set("sanctions", "state = 'lifted'"),
            set("sanctions", "state = 'voided'"),
        ),
        (entry(2, "system"), entry(0, "system")),
        (entry(3, "person"), entry(4, "human")),
        (set("audit_pii", "pii = 'text'"), set("audit_pii", "pii = NULL")),
        (
            set("audit_pii", "subject_id = NULL"),
            set("audit_pii", "erased_at = (SELECT created_at FROM cases)"),
        ),
    ] {
        assert_eq!(fixture.try_behind_its_back(&sound).await.unwrap(), 1, "{sound}");
        let refused = fixture.try_behind_its_back(&unsound).await.unwrap_err();
        let kind = refused.as_database_error().map(DatabaseError::kind);
        assert!(
            matches!(kind, Some(ErrorKind::CheckViolation)),
            "{unsound}: {refused}"
        );
    }
}

pub(crate) async fn migrations_ran_already(fixture: Fixture) {
    let again = match fixture.url() {
        Some(url) => Store::open_postgres(&url, &PostgresOptions::default()).await,
        None => Store::open_sqlite(&fixture.file()).await,
    };
    let (store, migrated) = again.unwrap();
    assert_eq!(migrated.made, 0);
    let newest = CHANGES.last().unwrap();
    assert_eq!(migrated.version, newest.version);
    store.ping().await.unwrap();
    store.close().await;
}
