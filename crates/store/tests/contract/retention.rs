//! How long things are kept.

use crate::fixture::Fixture;
use crate::privacy::{drain, verify};
use crate::somebody::{add_note, end_sanctions, fill};
use chrono::TimeDelta;
use lockdown_events::EventId;
use lockdown_store::archive::{Entry, EntryPlace};
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::guilds::GuildKey;
use lockdown_store::privacy::{Keep, RetentionKind, RetentionOptions, Sweeper};
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;

async fn sweep(fixture: &Fixture) -> Vec<(&'static str, u64)> {
    let options = RetentionOptions::default();
    let sweeper = Sweeper::new(fixture.store.clone(), fixture.clock.clone(), options);
    let counts = sweeper.sweep().await.unwrap();
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

async fn add_personal(fixture: &Fixture, guild: GuildKey, count: u64) {
    in_tx!(fixture.store, |tx| {
        for _ in 0..count {
            let entry = NewEntry {
                guild,
                at: fixture.now(),
                actor_kind: ActorKind::System,
                actor: "system",
                act: "test",
                subject: "guild",
                body: &json!({}),
                personal: Some(Personal {
                    of: Some(fixture.mallory),
                    text: &json!({ "name": "Mallory" }),
                }),
            };
            tx.append_audit(&entry).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

pub(crate) async fn what_is_older_than_it_is_kept_goes(fixture: Fixture) {
    let (_, case) = fill(&fixture).await;
    drain(&fixture).await;
    end_sanctions(&fixture, &case).await;
    let note = add_note(&fixture, fixture.guild, fixture.mallory, "gone").await;
    in_tx!(fixture.store, |tx| { tx.delete_note(note, fixture.now()).await }).unwrap();
    let event = EventId(fixture.ids.next());
    in_tx!(fixture.store, |tx| {
        tx.process_once("worker", event, fixture.now()).await
    })
    .unwrap();
    // More than two batches.
    add_personal(&fixture, fixture.guild, 1_100).await;
    // Its time is that of its making.
    assert_eq!(sweep(&fixture).await, [("messages", 1)]);
    for (days, expected) in [
        (7, vec![]),
        (1, vec![("published_events", 2)]),
        (23, vec![("deleted_notes", 1)]),
        (32, vec![("processed_events", 1)]),
        (28, vec![("notifications", 1), ("sanction_errors", 1)]),
        (639, vec![]),
    ] {
        fixture.time.advance(TimeDelta::days(days));
        assert_eq!(sweep(&fixture).await, expected, "after {days} days more");
    }
    add_personal(&fixture, fixture.guild, 1).await;
    fixture.time.advance(TimeDelta::days(1));
    assert_eq!(sweep(&fixture).await, [("audit_personal", 1_101)]);
    assert_eq!(sweep(&fixture).await, []);
    assert_eq!(verify(&fixture).await, 1_102);
    assert_eq!(fixture.count("notes").await, 1, "what nobody deleted stays");
    let kept = in_read!(fixture.store, |conn| {
        conn.audit_personal(fixture.guild, 1_102).await
    });
    assert!(kept.unwrap().is_some(), "the newest stays");
    // From where the last sweep ended, and no further than to what stays.
    add_personal(&fixture, fixture.guild, 600).await;
    fixture.time.advance(TimeDelta::days(731));
    add_personal(&fixture, fixture.guild, 1).await;
    assert_eq!(sweep(&fixture).await, [("audit_personal", 601)]);
    assert_eq!(sweep(&fixture).await, []);
    fixture.time.advance(TimeDelta::days(731));
    assert_eq!(sweep(&fixture).await, [("audit_personal", 1)]);
}

pub(crate) async fn a_guild_chooses_how_long(fixture: Fixture) {
    let other = fixture.add_guild("900").await.id;
    let delete = async |guild| {
        let note = add_note(&fixture, guild, fixture.mallory, "gone").await;
        in_tx!(fixture.store, |tx| { tx.delete_note(note, fixture.now()).await }).unwrap();
    };
    delete(fixture.guild).await;
    delete(other).await;
    let choose = async |guild, keep| {
        in_tx!(fixture.store, |tx| {
            tx.set_retention(guild, RetentionKind::DeletedNotes, keep, fixture.now())
                .await
        })
        .unwrap();
    };
    let in_force = async |guild| {
        let kept = in_read!(fixture.store, |conn| { conn.retention(guild).await }).unwrap();
        assert_eq!(kept.len(), RetentionKind::ALL.len());
        let notes = kept
            .iter()
            .find(|kept| kept.kind == RetentionKind::DeletedNotes)
            .unwrap();
        (notes.keep, notes.is_chosen)
    };
    choose(fixture.guild, Some(Keep::Days(2))).await;
    choose(fixture.guild, Some(Keep::Days(1))).await;
    choose(other, Some(Keep::Forever)).await;
    assert_eq!(in_force(fixture.guild).await, (Keep::Days(1), true));
    assert_eq!(in_force(other).await, (Keep::Forever, true));
    fixture.time.advance(TimeDelta::days(2));
    assert_eq!(sweep(&fixture).await, [("deleted_notes", 1)]);
    fixture.time.advance(TimeDelta::days(4_000));
    assert_eq!(sweep(&fixture).await, []);
    choose(other, None).await;
    assert_eq!(in_force(other).await, (Keep::Days(30), false));
    assert_eq!(sweep(&fixture).await, [("deleted_notes", 1)]);
}

pub(crate) async fn the_archive_is_kept_by_the_classes_of_its_streams(fixture: Fixture) {
    let mut entries = Vec::new();
    for stream in ["mod.0", "mod.3", "sys.1"] {
        for major in 1..=400 {
            entries.push(Entry {
                stream: stream.into(),
                place: EntryPlace { major, minor: 0 },
                at: fixture.now(),
                topic: "any:thing".into(),
                envelope: "unreadable".into(),
            });
        }
    }
    in_tx!(fixture.store, |tx| { tx.archive_entries(&entries).await }).unwrap();
    for (days, expected) in [
        (89, vec![]),
        (2, vec![("archived_people", 400)]),
        (273, vec![]),
        (2, vec![("archived_decisions", 800)]),
    ] {
        fixture.time.advance(TimeDelta::days(days));
        assert_eq!(sweep(&fixture).await, expected, "after {days} days more");
    }
}
