//! What a person is handed.

use crate::fixture::Fixture;
use crate::privacy::read_all;
use crate::somebody::{MARK, NATIVE, add_note, fill};
use lockdown_store::in_read;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) async fn a_person_is_handed_everything_that_is_theirs(fixture: Fixture) {
    let (somebody, case) = fill(&fixture).await;
    fixture.record_many(2).await;
    for number in 0..600 {
        // More than a page.
        add_note(&fixture, fixture.guild, somebody.id, &format!("note {number}")).await;
    }
    let records = read_all(&fixture, somebody.person_id).await;
    let count = |kind: &str| records.iter().filter(|record| record.kind == kind).count();
    let kinds: Vec<_> = [
        "account",
        "case",
        "case_event",
        "sanction",
        "points",
        "note",
        "audit",
        "act",
        "label",
        "federation_ban",
        "federation",
        "federation_admin",
        "membership",
        "activity",
        "message",
        "message_edit",
        "evidence",
        "notification_wishes",
        "notification",
        "report",
        "appeal",
        "appeal_message",
    ]
    .map(|kind| (kind, count(kind)))
    .into();
    assert_eq!(
        kinds,
        [
            ("account", 1),
            ("case", 1),
            ("case_event", 2),
            ("sanction", 1),
            ("points", 1),
            ("note", 601),
            ("audit", 1),
            ("act", 0),
            ("label", 1),
            ("federation_ban", 1),
            ("federation", 1),
            ("federation_admin", 1),
            ("membership", 1),
            ("activity", 1),
            ("message", 1),
            ("message_edit", 1),
            ("evidence", 1),
            ("notification_wishes", 1),
            ("notification", 1),
            ("report", 1),
            ("appeal", 1),
            ("appeal_message", 1),
        ]
    );
    let bodies: BTreeSet<_> = records
        .iter()
        .filter(|record| record.kind == "note")
        .map(|record| record.data["body"].to_string())
        .collect();
    assert_eq!(bodies.len(), 601, "no page twice");
    let one = |kind: &str| &records.iter().find(|record| record.kind == kind).unwrap().data;
    let told = one("case");
    assert_eq!(
        (&told["guild"], &told["number"], &told["reason"]),
        (
            &json!("discord/100"),
            &json!(case.number),
            &json!(format!("{MARK} said it"))
        )
    );
    assert_eq!(told["createdAt"], "2026-11-20T09:06:00.123456Z");
    assert_eq!(told["evidence"][0]["messageId"], format!("{MARK}-1"));
    assert_eq!(one("account")["nativeId"], NATIVE);
    assert_eq!(one("audit")["pii"]["reason"], format!("{MARK} said it"));
    // Who did it is somebody else, and theirs to be asked about.
    let all = format!("{records:?}");
    assert!(
        !all.contains(&fixture.alice.to_string()) && !all.contains("Alice"),
        "{all}"
    );
    // What Alice did is handed to her.
    let alice = in_read!(fixture.store, |conn| { conn.identity_by_id(fixture.alice).await })
        .unwrap()
        .unwrap();
    let acts = read_all(&fixture, alice.person_id).await;
    assert_eq!(
        acts.iter().filter(|record| record.kind == "act").count(),
        3,
        "{acts:?}"
    );
    assert!(!format!("{acts:?}").contains(MARK), "{acts:?}");
}
