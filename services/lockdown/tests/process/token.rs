//! `lockdown token`, as an operator and their scripts use it.

use super::{Running, output};
use lockdown_runtime::Clock;
use lockdown_store::tokens::ApiToken;
use lockdown_store::{Bearer, Store, in_read};
use lockdown_testkit::database::{self, Database};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// Runs a command that must succeed; gives what it printed, and what it said beside that.
fn done(arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = output(arguments, variables);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{arguments:?}: {said}");
    (String::from_utf8(stdout).unwrap(), said)
}

/// Runs a command that must fail in this way, and gives what it said.
fn refused(code: i32, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = output(arguments, variables);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
    assert!(stdout.is_empty(), "{arguments:?}");
    said
}

async fn opens(store: &Store, secret: &str) -> Option<ApiToken> {
    let now = Clock::system().now();
    in_read!(store, |conn| {
        conn.token_by_secret(&Bearer::sent(secret), now).await
    })
    .unwrap()
}

/// Makes, lists and revokes over whatever store the variables name.
async fn a_life(variables: &[(&str, &str)], open: impl AsyncFn() -> Store) {
    let (empty, hint) = done(&["token", "list"], variables);
    assert!(
        empty.is_empty() && hint.contains("lockdown token create NAME"),
        "{hint}"
    );
    let (printed, said) = done(
        &[
            "token",
            "create",
            "ci",
            "--scope",
            "ban,warn",
            "--expires",
            "2099-01-01",
        ],
        variables,
    );
    let secret = printed.trim_end();
    assert!(secret.starts_with("ldk_") && secret.len() == 68, "{printed:?}");
    assert!(said.contains("this once") && !said.contains(secret), "{said}");
    let store = open().await;
    let token = opens(&store, secret).await.unwrap();
    assert_eq!(
        token.scopes.0.iter().map(String::as_str).collect::<Vec<_>>(),
        ["ban", "warn"]
    );
    assert_eq!(token.expires_at, "2099-01-01T00:00:00Z".parse().ok());

    let (whole, _) = done(
        &["token", "create", "desk", "--scope", "all", "--json"],
        variables,
    );
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let other = whole["token"].as_str().unwrap();
    assert_eq!(
        opens(&store, other).await.unwrap().id.to_string(),
        whole["id"].as_str().unwrap()
    );
    assert_eq!(
        (whole["scopes"].as_array().unwrap().len(), &whole["expiresAt"]),
        (12, &Value::Null)
    );

    let (listed, _) = done(&["token", "list"], variables);
    assert!(
        listed.contains("ban, warn") && listed.contains("do everything"),
        "{listed}"
    );
    let (json, _) = done(&["token", "list", "--json"], variables);
    assert!(!listed.contains(secret) && !json.contains(secret) && !json.contains(other));
    let states = |json: &str| {
        let json: Value = serde_json::from_str(json).unwrap();
        let tokens = json["tokens"].as_array().unwrap().clone();
        tokens
            .iter()
            .map(|token| format!("{} {}", token["name"], token["state"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&json), ["\"ci\" \"live\"", "\"desk\" \"live\""]);

    let said = refused(1, &["token", "create", "ci"], variables);
    assert!(said.contains("choose another name"), "{said}");
    let (revoked, _) = done(&["token", "revoke", &token.prefix, "--json"], variables);
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!(
        (&revoked["name"], &revoked["state"]),
        (&Value::from("ci"), &Value::from("revoked"))
    );
    assert_eq!(opens(&store, secret).await, None);
    assert!(refused(1, &["token", "revoke", "ci"], variables).contains("revoked before"));
    assert!(refused(1, &["token", "revoke", "no such"], variables).contains("lockdown token list"));
    assert!(refused(1, &["token", "create", "ci"], variables).contains("choose another name"));
    let (said, _) = done(&["token", "revoke", whole["id"].as_str().unwrap()], variables);
    assert!(said.contains("`desk` opens nothing any more"), "{said}");
    let (json, _) = done(&["token", "list", "--json"], variables);
    assert_eq!(states(&json), ["\"ci\" \"revoked\"", "\"desk\" \"revoked\""]);
    store.close().await;
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    let file = data.path().join("lockdown.db");
    a_life(&variables, async || Store::open_sqlite(&file).await.unwrap().0).await;
}

#[tokio::test]
async fn fleet_a_token_is_made_listed_and_revoked() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let url = database.url();
    a_life(&[("DATABASE_URL", &url)], async || {
        Store::open_postgres(&url, &lockdown_store::PostgresOptions::default())
            .await
            .unwrap()
            .0
    })
    .await;
}

#[tokio::test]
async fn a_token_is_made_while_lockdown_runs() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    let running = Running::start(&variables);
    while running.get("/health/ready").await.0 != 200 {}
    let (printed, _) = done(&["token", "create", "ci"], &variables);
    let secret = printed.trim_end().to_owned();
    assert_eq!(running.get("/health/ready").await.0, 200);
    let (code, _, logged) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{logged}");
    assert!(!logged.contains(&secret));
    let digits = &secret["ldk_".len()..];
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(!holds(&path, digits), "{} has the secret", path.display());
    }
    // So would it be found: how it begins is kept.
    assert!(holds(&data.path().join("lockdown.db"), &secret[..12]));
}

fn holds(file: &Path, text: &str) -> bool {
    if file.is_dir() {
        let mut inside = std::fs::read_dir(file).unwrap();
        return inside.any(|entry| holds(&entry.unwrap().path(), text));
    }
    let bytes = std::fs::read(file).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_makes_no_token_is_said() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    for (wrong, word) in [
        (&["token", "create"][..], "<NAME>"),
        (&["token", "create", ""], "1 to 64 characters"),
        (&["token", "create", "ci", "--scope", "bann"], "edit_others"),
        (&["token", "create", "ci", "--expires", "soon"], "soon"),
        (&["token", "revoke"], "<TOKEN>"),
        (&["token"], "create"),
    ] {
        let said = refused(2, wrong, &variables);
        assert!(said.contains(word), "{wrong:?}: {said}");
    }
    assert!(!data.path().join("lockdown.db").exists(), "nothing was begun");
    let said = refused(
        1,
        &["token", "create", "ci", "--community", "nowhere"],
        &variables,
    );
    assert!(said.contains("no community called `nowhere`"), "{said}");
}
