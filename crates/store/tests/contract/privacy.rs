//! What is kept about people: that it is all known, that it goes, that it is handed over, and that the rest stays.

use crate::fixture::Fixture;
use crate::somebody::{MARK, NATIVE, add_note, end_sanctions, fill};
use lockdown_events::{Envelope, Platform, UserId};
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::outbox::{Publish, Relay, Unpublished};
use lockdown_store::people::PersonId;
use lockdown_store::privacy::{Counts, Eraser, Export, Record, TABLES, erases, exports};
use lockdown_store::{StoreError, in_read, in_tx};
use std::collections::BTreeSet;

struct Sink;

impl Publish for Sink {
    async fn publish(&self, _: &Envelope) -> Result<(), Unpublished> {
        Ok(())
    }
}

/// Publishes what waits.
pub(crate) async fn drain(fixture: &Fixture) -> u64 {
    let name = fixture.ids.next().to_string();
    let relay = Relay::new(fixture.store.clone(), Sink, fixture.clock.clone(), name);
    relay.drain().await.unwrap()
}

fn eraser(fixture: &Fixture) -> Eraser {
    Eraser::new(fixture.store.clone(), fixture.clock.clone(), fixture.ids.clone())
}

/// The columns of the schema that can hold a text.
async fn columns_of_text(fixture: &Fixture) -> BTreeSet<(String, String)> {
    let query = if fixture.store.is_postgres() {
        "SELECT table_name || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' \
             AND data_type NOT IN ('uuid', 'bytea', 'bigint', 'boolean', 'timestamp with time zone')"
    } else {
        "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> '_sqlx_migrations' \
             AND c.type NOT IN ('INTEGER', 'BLOB')"
    };
    let columns = fixture.texts(query).await;
    columns
        .iter()
        .map(|column| column.split_once('.').unwrap())
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect()
}

/// Where one of the words stands, anywhere in the database.
async fn places_of(fixture: &Fixture, words: &[&str]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for (table, column) in columns_of_text(fixture).await {
        let texts = fixture
            .texts(&format!(
                "SELECT CAST({column} AS TEXT) FROM {table} WHERE {column} IS NOT NULL"
            ))
            .await;
        if texts
            .iter()
            .any(|text| words.iter().any(|word| text.contains(word)))
        {
            places.insert(format!("{table}.{column}"));
        }
    }
    places
}

pub(crate) async fn verify(fixture: &Fixture) -> u64 {
    let report = in_read!(fixture.store, |conn| { conn.verify_audit(fixture.guild).await })
        .unwrap()
        .unwrap();
    assert!(report.holds(), "{report:?}");
    report.entries
}

pub(crate) async fn read_all(fixture: &Fixture, person: PersonId) -> Vec<Record> {
    let mut export = Export::of(fixture.store.clone(), person).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = export.next().await.unwrap() {
        records.push(record);
    }
    records
}

pub(crate) async fn every_column_of_text_is_accounted_for(fixture: Fixture) {
    let mut listed = BTreeSet::new();
    for table in TABLES {
        let kept = table.kept.iter().map(|(column, _)| column);
        let all = table
            .free
            .iter()
            .chain(table.personal)
            .chain(table.repeated)
            .chain(kept);
        for column in all {
            let is_new = listed.insert((table.name.to_owned(), (*column).to_owned()));
            assert!(is_new, "{}.{column} is listed twice", table.name);
        }
        for column in table.personal.iter().chain(table.repeated) {
            assert!(
                erases(table.name, column),
                "{}.{column} is not erased",
                table.name
            );
        }
        for column in table.personal {
            assert!(
                exports(table.name, column),
                "{}.{column} is not handed over",
                table.name
            );
        }
    }
    let schema = columns_of_text(&fixture).await;
    let forgotten: Vec<_> = schema.difference(&listed).collect();
    assert!(
        forgotten.is_empty(),
        "not in crates/store/src/privacy/columns.rs: {forgotten:?}"
    );
    let gone: Vec<_> = listed.difference(&schema).collect();
    assert!(gone.is_empty(), "listed, and not in the schema: {gone:?}");
}

pub(crate) async fn nothing_is_left_of_an_erased_person(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    drain(&fixture).await;
    let words = [MARK, NATIVE];
    let before = places_of(&fixture, &words).await;
    for table in TABLES {
        for column in table.personal.iter().chain(table.repeated) {
            let place = format!("{}.{column}", table.name);
            assert!(
                before.contains(&place),
                "{place} holds nothing of the person: `fill` is to give it something"
            );
        }
    }
    end_sanctions(&fixture, &case).await;
    let eraser = eraser(&fixture);
    let entries = verify(&fixture).await;

    let foreseen = eraser.preview(somebody.person_id).await.unwrap();
    let erased = eraser.erase(somebody.person_id).await.unwrap();
    assert!(erased.finished, "{erased:?}");
    assert_eq!(erased.counts, foreseen);
    assert_eq!(
        foreseen,
        Counts::from([
            ("appeal_messages", 1),
            ("appeals", 1),
            ("audit_pii", 1),
            ("case_events", 1),
            ("case_message_edits", 1),
            ("case_messages", 1),
            ("cases", 2),
            ("dead_letters", 1),
            ("event_archive", 1),
            ("federation_admins", 1),
            ("federation_bans", 1),
            ("identities", 1),
            ("labels", 1),
            ("memberships", 1),
            ("message_edits", 1),
            ("message_evidence", 1),
            ("messages", 1),
            ("notes", 1),
            ("notification_tellings", 1),
            ("notification_wishes", 1),
            ("notifications", 1),
            ("outbox", 1),
            ("reports", 1),
            ("sanctions", 1),
            ("user_activity", 1),
        ])
    );
    assert_eq!(places_of(&fixture, &words).await, BTreeSet::new());

    // The case is there with its number and kind, the chain holds, and tells that it was done.
    let kept = in_read!(fixture.store, |conn| {
        conn.case_by_number(fixture.guild, case.number).await
    })
    .unwrap()
    .unwrap();
    assert_eq!((kept.id, kept.kind, kept.reason), (case.id, case.kind, None));
    assert_eq!(verify(&fixture).await, entries + 2);
    let page = in_read!(fixture.store, |conn| {
        conn.audit_page(fixture.guild, None, 2).await
    })
    .unwrap();
    let acts: Vec<_> = page
        .iter()
        .map(|entry| (entry.act.as_str(), entry.subject.as_str()))
        .collect();
    let subject = format!("identity:{}", somebody.id);
    assert_eq!(
        acts,
        [
            ("person:erased", subject.as_str()),
            ("person:erase", subject.as_str())
        ]
    );
    assert_eq!(
        in_read!(fixture.store, |conn| { conn.outbox_waiting().await }).unwrap(),
        2,
        "both are told"
    );

    let again = eraser.erase(somebody.person_id).await.unwrap();
    assert!(
        again.finished && again.counts.values().all(|count| *count == 0),
        "{again:?}"
    );
    assert_eq!(verify(&fixture).await, entries + 2);
    let back = fixture.see(NATIVE, Some("Returned")).await;
    assert_ne!(back.id, somebody.id, "whoever returns is somebody new");
}

pub(crate) async fn others_keep_what_is_theirs(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    end_sanctions(&fixture, &case).await;
    let other = fixture.add_guild("900").await.id;
    add_note(&fixture, other, fixture.mallory, "Mallory was warned").await;
    fixture.record_many(3).await;
    drain(&fixture).await;
    let before = (
        places_of(&fixture, &["Mallory", "spam"]).await,
        fixture.count("outbox").await,
    );
    assert!(eraser(&fixture).erase(somebody.person_id).await.unwrap().finished);
    let after = places_of(&fixture, &["Mallory", "spam"]).await;
    assert_eq!(after, before.0);
    // One event went, two that tell of the erasure came.
    assert_eq!(fixture.count("outbox").await, before.1 - 1 + 2);
    assert_eq!(fixture.count("notes").await, 1);
}

pub(crate) async fn every_account_of_a_person_goes(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    end_sanctions(&fixture, &case).await;
    drain(&fixture).await;
    let twin = fixture.see("4400", Some(MARK)).await;
    let merge = if fixture.store.is_postgres() {
        format!(
            "UPDATE people SET merged_into = '{}' WHERE id = '{}'",
            somebody.person_id, twin.person_id
        )
    } else {
        let hex = |id: PersonId| id.to_string().replace('-', "");
        format!(
            "UPDATE people SET merged_into = X'{}' WHERE id = X'{}'",
            hex(somebody.person_id),
            hex(twin.person_id)
        )
    };
    fixture.behind_its_back(&merge).await;
    let person = in_read!(fixture.store, |conn| { conn.person_of(twin.id).await }).unwrap();
    assert_eq!(person, Some(somebody.person_id));
    assert_eq!(
        read_all(&fixture, somebody.person_id)
            .await
            .iter()
            .filter(|record| record.kind == "account")
            .count(),
        2
    );
    assert!(eraser(&fixture).erase(somebody.person_id).await.unwrap().finished);
    assert_eq!(
        places_of(&fixture, &[MARK, NATIVE, "4400"]).await,
        BTreeSet::new()
    );
}

pub(crate) async fn a_live_ban_keeps_the_account_alone_until_it_ends(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    drain(&fixture).await;
    let eraser = eraser(&fixture);
    let erased = eraser.erase(somebody.person_id).await.unwrap();
    assert!(
        !erased.finished && erased.sanction_lives && !erased.event_waits,
        "{erased:?}"
    );
    let left = places_of(&fixture, &[MARK, NATIVE]).await;
    assert_eq!(
        left,
        BTreeSet::from([
            "cases.idempotency_key".to_owned(),
            "identities.native_id".to_owned()
        ])
    );
    // They come back and are known, without a name.
    let back = fixture.see(NATIVE, Some(MARK)).await;
    assert_eq!((back.id, back.username), (somebody.id, None));
    let live = in_read!(fixture.store, |conn| {
        conn.live_sanction(
            fixture.guild,
            back.id,
            lockdown_store::sanctions::SanctionKind::Ban,
        )
        .await
    });
    assert_eq!(live.unwrap().map(|sanction| sanction.case_id), Some(case.id));
    assert_eq!(eraser.resume().await.unwrap(), 1);

    end_sanctions(&fixture, &case).await;
    assert_eq!(eraser.resume().await.unwrap(), 0);
    assert_eq!(places_of(&fixture, &[MARK, NATIVE]).await, BTreeSet::new());
    assert_ne!(fixture.see(NATIVE, None).await.id, somebody.id);
    verify(&fixture).await;
}

pub(crate) async fn an_event_that_waits_goes_out_without_its_text(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    end_sanctions(&fixture, &case).await;
    let eraser = eraser(&fixture);
    let erased = eraser.erase(somebody.person_id).await.unwrap();
    assert!(!erased.finished && erased.event_waits, "{erased:?}");
    let lane = lockdown_store::outbox::lane(fixture.guild);
    let page = in_read!(fixture.store, |conn| { conn.outbox_page(lane, 99).await }).unwrap();
    let waiting = page.iter().find(|event| event.topic == "ban:created").unwrap();
    let envelope = Envelope::decode(&waiting.payload).unwrap();
    assert_eq!(envelope.event_id, waiting.event_id);
    envelope.event().unwrap();
    assert!(
        waiting.payload.contains(NATIVE) && !waiting.payload.contains(MARK),
        "{}",
        waiting.payload
    );
    assert_eq!(eraser.resume().await.unwrap(), 1);
    drain(&fixture).await;
    assert_eq!(eraser.resume().await.unwrap(), 0);
    assert_eq!(places_of(&fixture, &[MARK, NATIVE]).await, BTreeSet::new());
}

pub(crate) async fn an_erasure_that_was_killed_goes_on(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    end_sanctions(&fixture, &case).await;
    drain(&fixture).await;
    in_tx!(fixture.store, |tx| {
        for number in 0..1_300 {
            tx.insert_note(&Note {
                id: NoteId(fixture.ids.next()),
                guild_id: fixture.guild,
                subject_id: somebody.id,
                author_id: None,
                body: format!("{MARK} {number}"),
                pinned: false,
                created_at: fixture.now(),
                updated_at: fixture.now(),
            })
            .await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let before = fixture.count("notes").await;
    let killed = eraser(&fixture);
    let task = tokio::spawn(async move { killed.erase(somebody.person_id).await });
    while fixture.count("notes").await == before && !task.is_finished() {}
    task.abort();
    drop(task.await);
    assert_eq!(eraser(&fixture).resume().await.unwrap(), 0);
    assert_eq!(places_of(&fixture, &[MARK, NATIVE]).await, BTreeSet::new());
    assert_eq!(fixture.count("notes").await, 0);
    verify(&fixture).await;
}

pub(crate) async fn an_account_is_found_by_its_platform_too(fixture: Fixture) {
    // The same number on another platform is somebody else.
    let (somebody, case) = fill(&fixture).await;
    end_sanctions(&fixture, &case).await;
    drain(&fixture).await;
    fixture
        .behind_its_back("UPDATE guilds SET platform = 'telegram'")
        .await;
    let erased = eraser(&fixture).erase(somebody.person_id).await.unwrap();
    assert_eq!(erased.counts["outbox"], 0, "{erased:?}");
    let none = in_read!(fixture.store, |conn| {
        conn.identity(Platform::Discord, &UserId::new(NATIVE).unwrap())
            .await
    });
    assert_eq!(none.unwrap(), None);
}
