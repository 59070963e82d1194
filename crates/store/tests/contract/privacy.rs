//! What is kept about people: that it is all known, that it goes, that it is handed over, and that the rest stays.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::{Envelope, MessageId, MessageRef, Platform, UserId};
use lockdown_store::cases::{Case, CaseEventKind};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::GuildKey;
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::outbox::{Publish, Relay};
use lockdown_store::people::{Identity, IdentityId, PersonId};
use lockdown_store::points::{PointEntry, PointEntryId};
use lockdown_store::privacy::{Counts, Eraser, Export, Record, TABLES, erases, exports};
use lockdown_store::sanctions::SanctionState;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Stands in every text that is written about the person, and in no other.
pub(crate) const MARK: &str = "zanzibar";
pub(crate) const NATIVE: &str = "5311098765";

struct Sink;

impl Publish for Sink {
    async fn publish(&self, _: &Envelope) -> Result<(), String> {
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

fn about(case: &Case) -> Envelope {
    let text = json!({
        "eventId": case.id, "eventType": "ban:created", "timestamp": case.created_at, "source": "backend",
        "correlationId": case.id, "version": 1,
        "data": {
            "platform": "discord", "guildId": "100", "id": case.id, "caseNumber": case.number, "userId": NATIVE,
            "moderatorId": "1", "reason": format!("{MARK} said it"), "expiresAt": null,
        },
    });
    Envelope::decode(&text.to_string()).unwrap()
}

pub(crate) async fn add_note(fixture: &Fixture, guild: GuildKey, subject: IdentityId, body: &str) -> NoteId {
    let note = Note {
        id: NoteId(fixture.ids.next()),
        guild_id: guild,
        subject_id: subject,
        author_id: Some(fixture.alice),
        body: body.into(),
        pinned: false,
        created_at: fixture.now(),
        updated_at: fixture.now(),
    };
    in_tx!(fixture.store, |tx| { tx.insert_note(&note).await }).unwrap();
    note.id
}

/// A case with everything that one can have, about this account.
async fn judge(fixture: &Fixture, subject: IdentityId) -> Case {
    let mut case = fixture.case(0);
    case.subject_id = subject;
    case.reason = Some(format!("{MARK} said it"));
    case.evidence = Json(vec![MessageRef {
        channel_id: None,
        message_id: MessageId::new(&format!("{MARK}-1")).unwrap(),
    }]);
    case.idempotency_key = Some(format!("{MARK}-{}", case.id));
    let case = fixture.record(case).await;
    let sanction = fixture.sanction(&case, Some(fixture.now() + TimeDelta::hours(1)));
    in_tx!(fixture.store, |tx| {
        tx.add_case_event(
            case.id,
            case.created_at,
            "system",
            CaseEventKind::Edited,
            json!({ "old": MARK }),
        )
        .await?;
        tx.insert_sanction(&sanction).await?;
        let by = tx
            .claim_due_sanctions(
                fixture.now() + TimeDelta::hours(2),
                "worker",
                fixture.now() + TimeDelta::hours(3),
                9,
            )
            .await?;
        for sanction in by {
            tx.postpone_sanction(
                sanction.id,
                "worker",
                fixture.now() + TimeDelta::hours(4),
                &format!("the platform refused to ban {MARK}"),
            )
            .await?;
        }
        tx.add_points(&PointEntry {
            id: PointEntryId(fixture.ids.next()),
            guild_id: case.guild_id,
            subject_id: subject,
            case_id: case.id,
            delta: 1,
            expires_at: None,
            created_at: fixture.now(),
        })
        .await?;
        tx.publish(case.guild_id, &about(&case), case.created_at).await
    })
    .unwrap();
    case
}

pub(crate) async fn end_sanctions(fixture: &Fixture, case: &Case) {
    in_tx!(fixture.store, |tx| {
        for sanction in tx.sanctions_of_case(case.id).await? {
            tx.end_sanction(sanction.id, SanctionState::Expired, fixture.now(), None)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

/// Somebody of whom every table knows something. A new table with something personal in it gets a row here.
pub(crate) async fn fill(fixture: &Fixture) -> (Identity, Case) {
    let somebody = fixture.see(NATIVE, Some(MARK)).await;
    fixture
        .behind_its_back(&format!(
            "UPDATE identities SET display_name = '{MARK}' WHERE native_id = '{NATIVE}'"
        ))
        .await;
    let case = judge(fixture, somebody.id).await;
    add_note(
        fixture,
        fixture.guild,
        somebody.id,
        &format!("{MARK} is known elsewhere"),
    )
    .await;
    fill_by_hand(fixture, somebody.id, &case).await;
    (somebody, case)
}

/// A row in each table where an account is written down by what it says and does.
async fn fill_by_hand(fixture: &Fixture, somebody: IdentityId, case: &Case) {
    let on_server = fixture.store.is_postgres();
    let id = |id: Uuid| match on_server {
        true => format!("'{id}'"),
        false => format!("X'{}'", id.simple()),
    };
    let now = match on_server {
        true => format!("'{}'", fixture.now().to_rfc3339()),
        false => fixture.now().timestamp_micros().to_string(),
    };
    let none = if on_server { r"'\x00'" } else { "X'00'" };
    let (guild, who, new) = (id(fixture.guild.0), id(somebody.0), || id(fixture.ids.next()));
    let appeal = new();
    let (community, list) = (id(fixture.community.id.0), format!("'[\"{MARK}\"]'"));
    for statement in [
        format!(
            "INSERT INTO labels (id, community_id, subject_id, name, set_by, reason, set_at) \
             VALUES ({}, {community}, {who}, '{MARK}', 'system', '{MARK}', {now})",
            new()
        ),
        format!(
            "INSERT INTO memberships (guild_id, identity_id, status, nick, names_folded, roles, avatar, invite_code, \
             last_seen) VALUES ({guild}, {who}, 'member', '{MARK}', '{MARK}', {list}, '{MARK}', '{MARK}', {now})"
        ),
        format!(
            "INSERT INTO user_activity (identity_id, guild_id, day, messages, edits, deletes, reactions, links, media, \
             commands, joins, voice_seconds, flagged) VALUES ({who}, {guild}, {now}, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
        ),
        format!(
            "INSERT INTO messages (guild_id, channel_native_id, native_id, identity_id, at, content, content_hash, \
             features, attachments, verdict, purge_after) \
             VALUES ({guild}, '7', '8', {who}, {now}, '{MARK}', {none}, {list}, {list}, {list}, {now})"
        ),
        format!(
            "INSERT INTO message_edits (guild_id, channel_native_id, native_id, at, identity_id, content, content_hash) \
             VALUES ({guild}, '7', '8', {now}, {who}, '{MARK}', {none})"
        ),
        format!(
            "INSERT INTO message_evidence (case_id, seq, channel_native_id, native_id, identity_id, said_at, content, \
             content_hash, attachments, earlier, captured_at) \
             VALUES ({}, 1, '7', '8', {who}, {now}, '{MARK}', {none}, {list}, {list}, {now})",
            id(case.id.0)
        ),
        format!(
            "INSERT INTO event_archive (stream, major, minor, platform, guild_native_id, user_native_id, topic, at, \
             envelope) VALUES ('m', 1, 1, 'discord', '100', '{NATIVE}', 'message:created', {now}, '{MARK}')"
        ),
        format!(
            "INSERT INTO dead_letters (id, consumer_group, consumer, position, platform, guild_native_id, \
             user_native_id, topic, reason, attempts, first_failure, last_failure, error, state) \
             VALUES ('1', 'g', 'c', 'p', 'discord', '100', '{NATIVE}', 'message:created', 'poison', 1, {now}, {now}, \
             '{MARK}', 'waiting')"
        ),
        format!(
            "INSERT INTO reports (id, guild_id, number, reporter_id, subject_id, category, body, state, created_at, \
             resolved_at, resolution) VALUES ({}, {guild}, 1, {who}, {who}, 'spam', '{MARK}', 'actioned', {now}, {now}, \
             '{MARK}')",
            new()
        ),
        format!(
            "INSERT INTO appeals (id, guild_id, case_id, appellant_id, state, statement, decision, decided_at, \
             created_at) VALUES ({appeal}, {guild}, {}, {who}, 'denied', '{MARK}', '{MARK}', {now}, {now})",
            id(case.id.0)
        ),
        format!(
            "INSERT INTO appeal_messages (appeal_id, seq, at, author_kind, author, body) \
             VALUES ({appeal}, 1, {now}, 'appellant', 'x', '{MARK}')"
        ),
        format!(
            "INSERT INTO notifications (id, recipient_id, level, title, body, link, at) \
             VALUES ({}, {who}, 'info', '{MARK}', '{MARK}', '{MARK}', {now})",
            new()
        ),
    ] {
        fixture.behind_its_back(&statement).await;
    }
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
            ("cases", 2),
            ("dead_letters", 1),
            ("event_archive", 1),
            ("identities", 1),
            ("labels", 1),
            ("memberships", 1),
            ("message_edits", 1),
            ("message_evidence", 1),
            ("messages", 1),
            ("notes", 1),
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
