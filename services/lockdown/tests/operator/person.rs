//! `lockdown person` and `lockdown retention`.

use crate::installation::Installation;
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::people::Identity;
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::{Value, json};
use std::process::Stdio;

const ACCOUNT: &str = "discord/5311098765";

/// Somebody about whom there is a note and some entries.
async fn somebody(here: &Installation, entries: u64) -> Identity {
    let guild = here.guild("100").await;
    let somebody = here.see("5311098765", "Zanzibar").await;
    here.acts(guild.id, entries, Some(somebody.id)).await;
    let now = here.clock.now();
    let note = Note {
        id: NoteId(here.ids.next()),
        guild_id: guild.id,
        subject_id: somebody.id,
        author_id: None,
        body: "known elsewhere".into(),
        pinned: false,
        created_at: now,
        updated_at: now,
    };
    in_tx!(here.store, |tx| { tx.insert_note(&note).await }).unwrap();
    somebody
}

/// A stream of JSON documents, however they are set.
fn documents(said: &str) -> Vec<Value> {
    let stream = serde_json::Deserializer::from_str(said).into_iter();
    stream.collect::<Result<_, _>>().unwrap()
}

pub(crate) async fn a_person_is_handed_what_is_kept(here: Installation) {
    somebody(&here, 2).await;
    let lines = here.lockdown(&["person", "export", ACCOUNT, "--json"]);
    assert_eq!(lines.code, 0, "{lines:?}");
    let documents_of_lines: Vec<Value> = lines
        .said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = documents_of_lines
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["account", "note", "audit", "audit", "end"]);
    assert_eq!(documents_of_lines[0]["data"]["username"], "Zanzibar");
    assert_eq!(documents_of_lines[2]["data"]["pii"], json!({ "reason": "spam" }));
    assert_eq!(
        documents_of_lines[4]["data"],
        json!({ "account": 1, "note": 1, "audit": 2 })
    );
    let readable = here.lockdown(&["person", "export", ACCOUNT]);
    assert!(readable.said.lines().count() > 20, "{readable:?}");
    assert_eq!(documents(&readable.said), documents_of_lines);

    let unknown = here.lockdown(&["person", "export", "telegram/5311098765"]);
    assert_eq!((unknown.code, unknown.said.as_str()), (1, ""));
    assert!(
        unknown
            .complained
            .contains("no account telegram/5311098765 is known here")
    );
}

pub(crate) async fn a_person_is_erased_when_it_is_meant(here: Installation) {
    somebody(&here, 3).await;
    for words in [
        &["person", "erase", ACCOUNT][..],
        &["person", "erase", ACCOUNT, "--yes", "--dry-run"],
        &["person", "erase", "5311098765", "--yes"],
    ] {
        let refused = here.lockdown(words);
        assert_eq!((refused.code, refused.said.as_str()), (2, ""), "{refused:?}");
    }
    let foreseen = here
        .lockdown(&["person", "erase", ACCOUNT, "--dry-run", "--json"])
        .json();
    assert_eq!(foreseen["dryRun"], true);
    assert_eq!(
        (&foreseen["rows"]["audit_pii"], &foreseen["rows"]["notes"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        here.lockdown(&["person", "export", ACCOUNT, "--json"])
            .said
            .lines()
            .count(),
        6,
        "to count changes nothing"
    );
    let erased = here
        .lockdown(&["person", "erase", ACCOUNT, "--yes", "--json"])
        .json();
    assert_eq!(erased["finished"], true);
    assert_eq!(erased["rows"], foreseen["rows"]);
    assert_eq!(here.lockdown(&["person", "export", ACCOUNT]).code, 1);
    let again = here.lockdown(&["person", "erase", ACCOUNT, "--yes"]);
    assert_eq!(again.code, 0);
    assert!(again.said.contains("there is nothing to erase"), "{again:?}");
    let report = here.lockdown(&["audit", "verify", "--json"]);
    assert_eq!(
        (report.code, &report.json()["guilds"][0]["entries"]),
        (0, &json!(5))
    );
}

pub(crate) async fn an_erasure_that_was_killed_is_finished_by_the_next(here: Installation) {
    let somebody = somebody(&here, 4_000).await;
    let guild = in_read!(here.store, |conn| { conn.guilds().await }).unwrap()[0].id;
    let personal = async |seq| {
        in_read!(here.store, |conn| { conn.audit_personal(guild, seq).await })
            .unwrap()
            .is_some()
    };
    let mut command = here.command(&["person", "erase", ACCOUNT, "--yes"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // As soon as the first of many batches is done.
    while personal(1).await && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    let erased = here.lockdown(&["person", "erase", ACCOUNT, "--yes", "--json"]);
    let report = erased.json();
    assert!(
        report["finished"] == true || report["known"] == false,
        "{erased:?}: it had been faster than the kill, or is finished now"
    );
    for seq in [1, 2_000, 4_000] {
        assert!(!personal(seq).await, "{seq}");
    }
    let kept = in_read!(here.store, |conn| { conn.identity_by_id(somebody.id).await })
        .unwrap()
        .unwrap();
    assert_eq!(
        (kept.username, kept.native_id.as_str()),
        (None, somebody.id.to_string().as_str())
    );
    assert_eq!(here.lockdown(&["audit", "verify"]).code, 0);
}

pub(crate) async fn a_guild_chooses_how_long_things_are_kept(here: Installation) {
    let somebody = somebody(&here, 1).await;
    let guild = in_read!(here.store, |conn| { conn.guilds().await }).unwrap()[0].id;
    in_tx!(here.store, |tx| {
        let note = tx.notes_about(guild, somebody.id).await?.remove(0);
        // A moment ago: what is kept for no day goes at once.
        tx.delete_note(note.id, here.clock.now()).await?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let said = here.lockdown(&["retention", "list"]).said;
    assert!(
        said.contains("discord/100  deleted_notes  30 days (default)"),
        "{said}"
    );
    assert_eq!(
        here.lockdown(&["retention", "sweep", "--json"]).json()["deleted_notes"],
        0
    );
    for (days, expected) in [("forever", "for ever"), ("1", "1 day"), ("0", "0 days")] {
        let set = here.lockdown(&["retention", "set", "discord/100", "deleted_notes", days]);
        assert_eq!(
            (set.code, set.said),
            (0, format!("discord/100 keeps deleted_notes {expected}.\n"))
        );
    }
    let list = here.lockdown(&["retention", "list", "--json"]).json();
    let chosen: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["chosen"] == true)
        .collect();
    assert_eq!(
        chosen,
        [&json!({ "guild": "discord/100", "kind": "deleted_notes", "days": 0, "chosen": true })]
    );
    assert_eq!(
        here.lockdown(&["retention", "sweep", "--json"]).json()["deleted_notes"],
        1
    );
    assert_eq!(
        here.lockdown(&["retention", "set", "discord/100", "deleted_notes", "default"])
            .code,
        0
    );
    let report = here.lockdown(&["audit", "verify", "--json"]).json();
    assert_eq!(report["guilds"][0]["entries"], 5, "every choice is written down");
    for (words, code) in [
        (&["retention", "set", "discord/100", "everything", "3"][..], 2),
        (&["retention", "set", "discord/100", "deleted_notes", "soon"], 2),
        (&["retention", "set", "discord/7", "deleted_notes", "3"], 1),
    ] {
        assert_eq!(here.lockdown(words).code, code, "{words:?}");
    }
}
