//! The chain, and everything that can be done to it.

use crate::fixture::Fixture;
use lockdown_store::audit::{ActorKind, AuditReport, Fault, NewEntry};
use lockdown_store::{StoreError, in_read, in_tx};
use std::sync::Arc;

async fn verify(fixture: &Fixture) -> AuditReport {
    in_read!(fixture.store, |conn| { conn.verify_audit(fixture.guild).await })
        .unwrap()
        .unwrap()
}

fn faults(report: &AuditReport) -> Vec<(u64, Fault)> {
    report
        .faults
        .iter()
        .map(|fault| (fault.seq, fault.fault))
        .collect()
}

/// Lets the database be changed as its owner could.
async fn unlock(fixture: &Fixture) {
    let guards = ["audit_log_no_update", "audit_log_no_delete"];
    for guard in guards {
        let on = if fixture.store.is_postgres() {
            " ON audit_log"
        } else {
            ""
        };
        fixture
            .behind_its_back(&format!("DROP TRIGGER {guard}{on}"))
            .await;
    }
}

pub(crate) async fn a_chain_holds_under_many_writers(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let fixture = Arc::clone(&fixture);
        writers.spawn(async move { fixture.record_many(8).await });
    }
    // Verified while it grows, it holds at every moment.
    while writers.try_join_next().is_none() {
        let report = verify(&fixture).await;
        assert!(report.holds(), "{report:?}");
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let report = verify(&fixture).await;
    assert!(report.holds(), "{report:?}");
    assert_eq!(report.entries, 80);
    let page = in_read!(fixture.store, |conn| {
        conn.audit_page(fixture.guild, Some(4), 10).await
    })
    .unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 2, 1]);
    // Numbers of cases and of entries were given in one order.
    assert!(
        page.iter()
            .all(|entry| entry.subject == format!("case:{}", entry.seq))
    );
    assert_eq!(page[0].prev_hash, page[1].hash);
    assert_eq!(
        report.head,
        in_read!(fixture.store, |conn| {
            conn.audit_page(fixture.guild, None, 1).await
        })
        .unwrap()[0]
            .hash
    );
}

/// Acts without a case have nothing but the chain's own lock to order them.
pub(crate) async fn acts_of_many_at_once_are_in_order(fixture: Fixture) {
    let act = || async {
        let body = serde_json::json!({ "setting": "language" });
        let entry = NewEntry {
            guild: fixture.guild,
            at: fixture.now(),
            actor_kind: ActorKind::System,
            actor: "system",
            act: "settings:changed",
            subject: "guild",
            body: &body,
            personal: None,
        };
        in_tx!(fixture.store, |tx| { tx.append_audit(&entry).await })
            .unwrap()
            .seq
    };
    let mut places = futures_util::future::join_all((0..30).map(|_| act())).await;
    places.sort_unstable();
    assert_eq!(places, (1..=30).collect::<Vec<_>>());
    let report = verify(&fixture).await;
    assert!(report.holds() && report.entries == 30, "{report:?}");
}

/// Each act follows the one before in its own guild's chain, whether or not others came between them.
pub(crate) async fn one_transaction_acts_in_two_guilds(mut fixture: Fixture) {
    let (first, second) = (fixture.guild, fixture.add_guild("200").await.id);
    let now = fixture.now();
    let body = serde_json::json!({});
    let places = in_tx!(fixture.store, |tx| {
        let mut places = Vec::new();
        for guild in [first, second, first, first, second] {
            let entry = NewEntry {
                guild,
                at: now,
                actor_kind: ActorKind::System,
                actor: "system",
                act: "settings:changed",
                subject: "guild",
                body: &body,
                personal: None,
            };
            places.push(tx.append_audit(&entry).await?.seq);
        }
        let case = fixture.case(0);
        fixture.write_case(tx, case).await?;
        Ok::<_, StoreError>(places)
    });
    assert_eq!(places.unwrap(), [1, 1, 2, 3, 2]);
    for (guild, entries) in [(first, 4), (second, 2)] {
        fixture.guild = guild;
        let report = verify(&fixture).await;
        assert!(report.holds() && report.entries == entries, "{report:?}");
    }
}

pub(crate) async fn a_changed_field_is_found(fixture: Fixture) {
    fixture.record_many(12).await;
    unlock(&fixture).await;
    let (bytes, time) = if fixture.store.is_postgres() {
        (r"'\x01'::bytea", "at + interval '1 microsecond'")
    } else {
        ("X'01'", "at + 1")
    };
    for (seq, change, fault) in [
        (1, format!("at = {time}"), Fault::Altered),
        (2, "actor_kind = 'system'".into(), Fault::Altered),
        (3, "actor = 'somebody'".into(), Fault::Altered),
        (4, "act = 'case:void'".into(), Fault::Altered),
        (5, "subject = 'case:50'".into(), Fault::Altered),
        (6, "body = '{}'".into(), Fault::Altered),
        // A byte moved from one field to the next: the lengths are in the hash.
        (7, "act = 'case:openc', subject = 'ase:7'".into(), Fault::Altered),
    ] {
        fixture
            .behind_its_back(&format!("UPDATE audit_log SET {change} WHERE seq = {seq}"))
            .await;
        assert_eq!(
            faults(&verify(&fixture).await).last(),
            Some(&(seq, fault)),
            "{change}"
        );
    }
    assert_eq!(verify(&fixture).await.faults.len(), 7);
    for (seq, column, expected) in [
        (8, "commitment", vec![Fault::Altered, Fault::PersonalAltered]),
        (9, "prev_hash", vec![Fault::Unlinked, Fault::Altered]),
        (10, "hash", vec![Fault::Altered]),
    ] {
        fixture
            .behind_its_back(&format!(
                "UPDATE audit_log SET {column} = {bytes} WHERE seq = {seq}"
            ))
            .await;
        let found = faults(&verify(&fixture).await);
        let here: Vec<Fault> = found
            .iter()
            .filter(|(place, _)| *place == seq)
            .map(|(_, fault)| *fault)
            .collect();
        assert_eq!(here, expected, "{column}: {found:?}");
    }
    let found = faults(&verify(&fixture).await);
    assert_eq!(
        found.last(),
        Some(&(11, Fault::Unlinked)),
        "what follows a changed hash does not follow it"
    );
}

pub(crate) async fn a_removed_entry_is_found(fixture: Fixture) {
    fixture.record_many(5).await;
    unlock(&fixture).await;
    fixture
        .behind_its_back("DELETE FROM audit_pii WHERE seq = 3")
        .await;
    assert_eq!(faults(&verify(&fixture).await), [(3, Fault::PersonalMissing)]);
    fixture
        .behind_its_back("DELETE FROM audit_log WHERE seq = 3")
        .await;
    assert_eq!(
        faults(&verify(&fixture).await),
        [(3, Fault::Missing { through: 3 })]
    );
}

pub(crate) async fn swapped_entries_are_found(fixture: Fixture) {
    fixture.record_many(5).await;
    unlock(&fixture).await;
    if !fixture.store.is_postgres() {
        // Its foreign keys would have to be followed; without its personal rows there is none.
        fixture.behind_its_back("DELETE FROM audit_pii").await;
    }
    for (from, to) in [(2, 900), (3, 2), (900, 3)] {
        fixture
            .behind_its_back(&format!("UPDATE audit_log SET seq = {to} WHERE seq = {from}"))
            .await;
    }
    let found = faults(&verify(&fixture).await);
    for seq in [2, 3] {
        assert!(found.contains(&(seq, Fault::Altered)), "{found:?}");
        assert!(found.contains(&(seq, Fault::Unlinked)), "{found:?}");
    }
}

pub(crate) async fn a_chain_that_was_cut_short_is_found(fixture: Fixture) {
    fixture.record_many(5).await;
    unlock(&fixture).await;
    fixture
        .behind_its_back("DELETE FROM audit_pii WHERE seq = 5")
        .await;
    fixture
        .behind_its_back("DELETE FROM audit_log WHERE seq = 5")
        .await;
    assert_eq!(
        faults(&verify(&fixture).await),
        [(5, Fault::Missing { through: 5 })]
    );
    fixture.behind_its_back("UPDATE guilds SET audit_seq = 2").await;
    let found = faults(&verify(&fixture).await);
    assert_eq!(found, [(2, Fault::Head), (3, Fault::Beyond)]);
}

/// With its last entries and the guild's row as they would be had those never been written, a chain holds in itself.
pub(crate) async fn a_chain_that_was_cut_and_mended_is_found_by_its_head(fixture: Fixture) {
    fixture.record_many(5).await;
    let shown = verify(&fixture).await;
    unlock(&fixture).await;
    for statement in [
        "DELETE FROM audit_pii WHERE seq > 3",
        "DELETE FROM audit_log WHERE seq > 3",
        "UPDATE guilds SET audit_seq = 3, audit_head = (SELECT hash FROM audit_log WHERE seq = 3)",
    ] {
        fixture.behind_its_back(statement).await;
    }
    let compare = async |seq, hash: &[u8]| {
        in_read!(fixture.store, |conn| {
            conn.shown_fault(fixture.guild, seq, hash).await
        })
        .unwrap()
        .map(|found| found.fault)
    };
    let cut = verify(&fixture).await;
    assert!(cut.holds() && cut.entries == 3, "{cut:?}");
    assert_eq!(compare(cut.seq, &cut.head).await, None);
    assert_eq!(compare(shown.seq, &shown.head).await, Some(Fault::AnchorMissing));
    // Written anew up to where it was, it still is another one.
    fixture.time.advance(chrono::TimeDelta::seconds(1));
    fixture.record_many(2).await;
    assert!(verify(&fixture).await.holds());
    assert_eq!(compare(shown.seq, &shown.head).await, Some(Fault::Anchor));
}

/// A field that holds what no release has ever written is a place that is found, not an error that hides the rest.
pub(crate) async fn a_field_that_cannot_be_read_is_found(fixture: Fixture) {
    fixture.record_many(3).await;
    unlock(&fixture).await;
    if fixture.store.is_postgres() {
        fixture
            .behind_its_back("ALTER TABLE audit_log DROP CONSTRAINT audit_log_sound")
            .await;
        fixture
            .behind_its_back("UPDATE audit_log SET actor_kind = 'nobody' WHERE seq = 2")
            .await;
    } else {
        fixture
            .behind_its_back(&format!("UPDATE audit_log SET at = {} WHERE seq = 2", i64::MAX))
            .await;
    }
    assert_eq!(faults(&verify(&fixture).await), [(2, Fault::Unreadable)]);
}

/// Beyond a page, and beyond what a report lists.
pub(crate) async fn a_long_chain_is_walked_in_pages(fixture: Fixture) {
    let body = serde_json::json!({});
    in_tx!(fixture.store, |tx| {
        for _ in 0..2_100 {
            let entry = NewEntry {
                guild: fixture.guild,
                at: fixture.now(),
                actor_kind: ActorKind::System,
                actor: "system",
                act: "test",
                subject: "guild",
                body: &body,
                personal: None,
            };
            tx.append_audit(&entry).await?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let mut walk = in_read!(fixture.store, |conn| { conn.begin_walk(fixture.guild).await })
        .unwrap()
        .unwrap();
    let mut places = Vec::new();
    while in_read!(fixture.store, |conn| { conn.walk_on(&mut walk).await }).unwrap() {
        places.push(walk.progress());
    }
    assert_eq!(places, [(1000, 2100), (2000, 2100)]);
    let report = walk.into_report();
    assert!(report.holds() && report.entries == 2100, "{report:?}");

    unlock(&fixture).await;
    fixture
        .behind_its_back("UPDATE audit_log SET act = 'other' WHERE seq > 1900")
        .await;
    let report = verify(&fixture).await;
    assert_eq!((report.faults.len(), report.left_off), (100, 100));
    assert_eq!(report.faults[0].seq, 1901);
    fixture
        .behind_its_back("DELETE FROM audit_log WHERE seq > 1500")
        .await;
    assert_eq!(
        faults(&verify(&fixture).await),
        [(1501, Fault::Missing { through: 2100 })]
    );
}

/// Whoever can change everything can compute every hash anew; what was shown outside stays.
pub(crate) async fn a_rewritten_chain_is_found_by_its_anchor(fixture: Fixture) {
    fixture.record_many(3).await;
    let shown = verify(&fixture).await;
    in_tx!(fixture.store, |tx| {
        tx.anchor_audit(fixture.guild, 3, &shown.head, "channel", fixture.now())
            .await
    })
    .unwrap();
    fixture.record_many(2).await;
    assert!(verify(&fixture).await.holds());
    let other = "SELECT hash FROM audit_log WHERE seq = 4";
    fixture
        .behind_its_back(&format!("UPDATE audit_anchors SET hash = ({other})"))
        .await;
    assert_eq!(faults(&verify(&fixture).await), [(3, Fault::Anchor)]);
}

pub(crate) async fn a_changed_personal_part_is_found(fixture: Fixture) {
    fixture.record_many(4).await;
    fixture
        .behind_its_back("UPDATE audit_pii SET pii = '{\"reason\":\"other\"}' WHERE seq = 2")
        .await;
    assert_eq!(faults(&verify(&fixture).await), [(2, Fault::PersonalAltered)]);
}

pub(crate) async fn an_erased_personal_part_still_verifies(fixture: Fixture) {
    fixture.record_many(4).await;
    let text = in_read!(fixture.store, |conn| {
        conn.audit_personal(fixture.guild, 2).await
    })
    .unwrap();
    assert_eq!(text.as_deref(), Some(r#"{"reason":"spam"}"#));
    let erased = in_tx!(fixture.store, |tx| {
        let first = tx.erase_audit_personal(fixture.mallory, fixture.now()).await?;
        Ok::<_, StoreError>((
            first,
            tx.erase_audit_personal(fixture.mallory, fixture.now()).await?,
        ))
    });
    assert_eq!(erased.unwrap(), (4, 0));
    let text = in_read!(fixture.store, |conn| {
        conn.audit_personal(fixture.guild, 2).await
    })
    .unwrap();
    assert_eq!(text, None);
    let report = verify(&fixture).await;
    assert!(report.holds() && report.entries == 4, "{report:?}");
    fixture.record_many(1).await;
    assert!(verify(&fixture).await.holds());
}

pub(crate) async fn entries_cannot_be_changed(fixture: Fixture) {
    fixture.record_many(1).await;
    for statement in ["UPDATE audit_log SET act = 'x'", "DELETE FROM audit_log"] {
        let refused = fixture.try_behind_its_back(statement).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{refused}");
    }
}
