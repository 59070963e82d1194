//! `lockdown audit`.

use crate::installation::Installation;
use serde_json::{Value, json};

/// The faults of the guild of this number, as places and words.
fn faults(report: &Value, guild: &str) -> Vec<(u64, String)> {
    let guilds = report["guilds"].as_array().unwrap();
    let one = guilds.iter().find(|one| one["guild"] == guild).unwrap();
    let faults = one["faults"].as_array().unwrap().iter();
    faults
        .map(|at| {
            (
                at["seq"].as_u64().unwrap(),
                at["fault"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

pub(crate) async fn a_chain_that_holds_is_said_to(here: Installation) {
    let none = here.lockdown(&["audit", "verify"]);
    let nothing = "the log of access: the chain of 0 entries holds\n0 chains were verified.\n";
    assert_eq!((none.code, none.said.as_str()), (0, nothing));
    for (native_id, count) in [("100", 5), ("200", 0)] {
        let guild = here.guild(native_id).await;
        here.acts(guild.id, count, None).await;
    }
    let said = here.lockdown(&["audit", "verify"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.said
            .contains("discord/100: the chain of 5 entries holds; its head is ")
            && said.said.ends_with("2 chains were verified.\n"),
        "{said:?}"
    );
    let said = here.lockdown(&["audit", "verify", "--guild", "discord/100", "--json"]);
    let report = said.json();
    assert_eq!((said.code, &report["holds"]), (0, &json!(true)));
    assert_eq!(report["guilds"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["guilds"][0]["entries"], &report["guilds"][0]["seq"]),
        (&json!(5), &json!(5))
    );
}

pub(crate) async fn what_was_done_behind_the_store_is_located(here: Installation) {
    let sound = here.guild("100").await;
    here.acts(sound.id, 3, None).await;
    for (native_id, statement, expected) in [
        (
            "1",
            "UPDATE audit_log SET act = 'case:void' WHERE seq = 4",
            vec![(4, "altered")],
        ),
        (
            "2",
            "UPDATE audit_log SET body = '{}' WHERE seq = 1",
            vec![(1, "altered")],
        ),
        (
            "3",
            "DELETE FROM audit_log WHERE seq BETWEEN 3 AND 5",
            vec![(3, "missing")],
        ),
        (
            "4",
            "UPDATE audit_log SET seq = 900 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 3; \
             UPDATE audit_log SET seq = 3 WHERE seq = 900",
            vec![
                (2, "unlinked"),
                (2, "altered"),
                (3, "unlinked"),
                (3, "altered"),
                (4, "unlinked"),
            ],
        ),
        (
            "5",
            "UPDATE audit_pii SET pii = '{\"reason\":\"other\"}' WHERE seq = 6",
            vec![(6, "personal_altered")],
        ),
        (
            "6",
            "DELETE FROM audit_pii WHERE seq = 6",
            vec![(6, "personal_missing")],
        ),
        ("7", "DELETE FROM audit_log WHERE seq = 7", vec![(7, "missing")]),
        (
            "8",
            "UPDATE guilds SET audit_seq = 5 WHERE native_id = '8'",
            vec![(5, "head"), (6, "beyond")],
        ),
    ] {
        let guild = here.guild(native_id).await;
        here.acts(guild.id, 7, None).await;
        // Of this guild alone: the statements name no other table's rows than its own.
        let id = format!("(SELECT id FROM guilds WHERE native_id = '{native_id}')");
        let statement: Vec<String> = statement
            .split("; ")
            .map(|one| {
                if one.contains("UPDATE guilds") {
                    one.to_owned()
                } else {
                    format!("{one} AND guild_id = {id}")
                }
            })
            .collect();
        here.tamper(&statement.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        let said = here.lockdown(&["audit", "verify", "--json"]);
        assert_eq!(said.code, 1, "{statement:?}: {said:?}");
        let report = said.json();
        assert_eq!(report["holds"], false);
        let found = faults(&report, &format!("discord/{native_id}"));
        let expected: Vec<(u64, String)> = expected
            .iter()
            .map(|(seq, word)| (*seq, (*word).to_owned()))
            .collect();
        // What personal part a moved entry has is that of its place; that it was moved is what counts.
        let found: Vec<_> = found
            .into_iter()
            .filter(|(_, word)| expected.iter().any(|(_, known)| known == word))
            .collect();
        assert_eq!(found, expected, "{statement:?}");
        assert_eq!(faults(&report, "discord/100"), [], "the others hold");
    }
    let said = here.lockdown(&["audit", "verify", "--guild", "discord/3"]);
    assert_eq!(said.code, 1);
    assert!(
        said.said
            .contains("discord/3: entry 3: what was here, up to entry 5, is missing"),
        "{said:?}"
    );
    assert!(said.complained.contains("1 audit chains do not hold"), "{said:?}");
}

/// Every hash computed anew by somebody who has all of the database: the store itself does it here.
pub(crate) async fn a_rewritten_chain_is_found_by_a_head_that_was_kept(here: Installation) {
    let guild = here.guild("100").await;
    let gone = here.guild("200").await;
    here.acts(guild.id, 5, None).await;
    here.acts(gone.id, 1, None).await;
    let (text, json) = (
        here.lockdown(&["audit", "head"]),
        here.lockdown(&["audit", "head", "--json"]),
    );
    assert_eq!((text.code, json.code), (0, 0), "{text:?} {json:?}");
    assert_eq!((text.said.lines().count(), json.said.lines().count()), (2, 2));
    let file = here.data.path().join("heads");
    std::fs::write(&file, format!("{}\n{}", text.said, json.said)).unwrap();
    let file = file.to_str().unwrap();
    here.acts(guild.id, 2, None).await;
    let verify = || here.lockdown(&["audit", "verify", "--json", "--heads", file]);
    let said = verify();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["guilds"][0]["heads"], 2);

    let wipe = "guild_id = (SELECT id FROM guilds WHERE native_id = '100')";
    let start = if here.store.is_postgres() {
        "decode(repeat('00', 32), 'hex')"
    } else {
        "zeroblob(32)"
    };
    here.tamper(&[
        &format!("DELETE FROM audit_pii WHERE {wipe}"),
        &format!("DELETE FROM audit_log WHERE {wipe}"),
        "DELETE FROM audit_anchors",
        &format!("UPDATE guilds SET audit_seq = 0, audit_head = {start} WHERE native_id = '100'"),
    ])
    .await;
    here.acts(guild.id, 4, None).await;
    assert_eq!(here.lockdown(&["audit", "verify"]).code, 0, "in itself it holds");
    let said = verify();
    assert_eq!(said.code, 1);
    let cut = (5, "anchor_missing".to_owned());
    assert_eq!(faults(&said.json(), "discord/100"), [cut.clone(), cut]);
    here.acts(guild.id, 4, None).await;
    let other = (5, "anchor".to_owned());
    assert_eq!(faults(&verify().json(), "discord/100"), [other.clone(), other]);

    here.tamper(&[
        "DELETE FROM audit_pii WHERE guild_id = (SELECT id FROM guilds WHERE native_id = '200')",
        "DELETE FROM audit_log WHERE guild_id = (SELECT id FROM guilds WHERE native_id = '200')",
        "DELETE FROM guilds WHERE native_id = '200'",
    ])
    .await;
    assert_eq!(verify().json()["lost"], json!(["discord/200", "discord/200"]));
}

pub(crate) async fn a_head_is_believed_only_when_it_was_signed_here(here: Installation) {
    let guild = here.guild("100").await;
    here.acts(guild.id, 2, None).await;
    let head = here.lockdown(&["audit", "head"]).said;
    let file = here.data.path().join("heads");
    let verify = |line: &str, more: &[&str]| {
        std::fs::write(&file, line).unwrap();
        let words = [&["audit", "verify", "--heads", file.to_str().unwrap()], more].concat();
        here.lockdown(&words)
    };
    assert_eq!(verify(&head, &[]).code, 0);
    let forged = verify(&head.replacen(" 2 ", " 1 ", 1), &[]);
    assert_eq!(forged.code, 1);
    assert!(
        forged.complained.contains("line 1") && forged.complained.contains("changed since it was signed"),
        "{forged:?}"
    );
    assert!(
        verify("nonsense", &[])
            .complained
            .contains("this is no signed head")
    );

    // The key was lost; what it signed is believed when its public half is named.
    let key = here.data.path().join("audit.key");
    let old = std::fs::read_to_string(&key).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions()) & 0o777,
        0o600
    );
    std::fs::remove_file(&key).unwrap();
    let unknown = verify(&head, &[]);
    assert!(
        unknown.code == 1 && unknown.complained.contains("--key"),
        "{unknown:?}"
    );
    assert!(!key.exists(), "to verify makes no key");
    let public = head.split_whitespace().nth(4).unwrap().to_owned();
    assert_eq!(verify(&head, &["--key", &public]).code, 0);
    assert_eq!(here.lockdown(&["audit", "head"]).code, 0);
    assert_ne!(std::fs::read_to_string(&key).unwrap(), old);
    let stranger = verify(&head, &[]);
    assert!(
        stranger.code == 1 && stranger.complained.contains("not this installation's"),
        "{stranger:?}"
    );
    std::fs::write(&key, "half").unwrap();
    let damaged = here.lockdown(&["audit", "head"]);
    assert!(
        damaged.code == 1 && damaged.complained.contains("holds no audit key"),
        "{damaged:?}"
    );
}

pub(crate) async fn what_is_asked_wrongly_is_refused(here: Installation) {
    for (words, code, word) in [
        (
            &["audit", "verify", "--guild", "100"][..],
            2,
            "expected a platform and an id",
        ),
        (
            &["audit", "verify", "--guild", "irc/100"],
            2,
            "expected a platform and an id",
        ),
        (&["audit", "verify", "--key", "ab"], 2, "--heads"),
        (&["audit"], 2, "Usage"),
        (
            &["audit", "verify", "--guild", "discord/7"],
            1,
            "no guild discord/7 is known here",
        ),
        (
            &["audit", "verify", "--heads", "absent"],
            1,
            "could not read absent",
        ),
    ] {
        let said = here.lockdown(words);
        assert_eq!(said.code, code, "{words:?}: {said:?}");
        assert!(said.complained.contains(word), "{words:?}: {said:?}");
    }
}
