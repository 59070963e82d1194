//! Points and notes.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::points::{PointEntry, PointEntryId};
use lockdown_store::{StoreError, in_read, in_tx};

pub(crate) async fn points_count_until_they_expire(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await;
    let (begun, week) = (fixture.now(), TimeDelta::weeks(1));
    let balance = async |at| {
        in_read!(fixture.store, |conn| {
            conn.points(fixture.guild, fixture.mallory, at).await
        })
        .unwrap()
    };
    assert_eq!(balance(begun).await, 0);
    for (delta, lasts) in [(3, Some(week)), (5, None), (-1, None)] {
        let entry = PointEntry {
            id: PointEntryId(fixture.ids.next()),
            guild_id: fixture.guild,
            subject_id: fixture.mallory,
            case_id: case.id,
            delta,
            expires_at: lasts.map(|lasts| begun + lasts),
            created_at: begun,
        };
        in_tx!(fixture.store, |tx| { tx.add_points(&entry).await }).unwrap();
    }
    assert_eq!(balance(begun).await, 7);
    assert_eq!(balance(begun + week - TimeDelta::microseconds(1)).await, 7);
    assert_eq!(balance(begun + week).await, 4);
    let entries = in_read!(fixture.store, |conn| {
        conn.point_entries(fixture.guild, fixture.mallory).await
    });
    assert_eq!(
        entries
            .unwrap()
            .iter()
            .map(|entry| entry.delta)
            .collect::<Vec<_>>(),
        [3, 5, -1]
    );
}

pub(crate) async fn notes_are_kept_edited_and_removed(fixture: Fixture) {
    let note = |body: &str| Note {
        id: NoteId(fixture.ids.next()),
        guild_id: fixture.guild,
        subject_id: fixture.mallory,
        author_id: Some(fixture.alice),
        body: body.into(),
        pinned: false,
        created_at: fixture.now(),
        updated_at: fixture.now(),
    };
    let first = note("first");
    fixture.time.advance(TimeDelta::seconds(1));
    let second = note("second");
    let outcome = in_tx!(fixture.store, |tx| {
        tx.insert_note(&first).await?;
        tx.insert_note(&second).await?;
        tx.edit_note(first.id, "edited", true, fixture.now()).await
    });
    assert!(outcome.unwrap());
    let about = async || {
        let notes = in_read!(fixture.store, |conn| {
            conn.notes_about(fixture.guild, fixture.mallory).await
        });
        notes
            .unwrap()
            .into_iter()
            .map(|note| note.body)
            .collect::<Vec<_>>()
    };
    assert_eq!(about().await, ["edited", "second"]);
    let gone = in_tx!(fixture.store, |tx| {
        let first_time = tx.delete_note(first.id, fixture.now()).await?;
        let again = tx.delete_note(first.id, fixture.now()).await?;
        Ok::<_, StoreError>((
            first_time,
            again,
            tx.edit_note(first.id, "x", false, fixture.now()).await?,
        ))
    });
    assert_eq!(gone.unwrap(), (true, false, false));
    assert_eq!(about().await, ["second"]);
}
