//! `lockdown sign-in`, as an operator uses it.

use super::output;
use chrono::TimeDelta;
use lockdown_runtime::Clock;
use lockdown_store::roles::Held;
use lockdown_store::{Bearer, PostgresOptions, Store, StoreError, in_read};
use lockdown_testkit::database::{self, Database};
use serde_json::Value;

fn run(code: i32, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let done = output(arguments, variables);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
    (String::from_utf8(done.stdout).unwrap(), said)
}

/// What an account has, by its name.
async fn has(store: &Store, login: &str) -> (bool, usize, Vec<Held>) {
    let found = in_read!(store, |conn| {
        let account = conn.account_by_login(login).await?.unwrap();
        let identities = conn.identities_of(account.id).await?;
        let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
        let held = conn.roles_of_account(account.id, &ids).await?;
        Ok::<_, StoreError>((account.operator_since.is_some(), ids.len(), held))
    });
    found.unwrap()
}

async fn a_life(variables: &[(&str, &str)], open: impl AsyncFn() -> Store) {
    let variables = &[
        variables,
        &[("LOCKDOWN_PUBLIC_URL", "https://mod.example.org/base")],
    ]
    .concat()[..];
    let (printed, said) = run(
        0,
        &["sign-in", "link", "--for", "ana", "--role", "operator"],
        variables,
    );
    let code = printed
        .trim_end()
        .strip_prefix("https://mod.example.org/base/sign-in/link?code=")
        .unwrap();
    assert!(said.contains("once") && !said.contains(code), "{said}");
    let store = open().await;
    let now = Clock::system().now();
    let secret = Bearer::sent(code);
    let link = in_read!(store, |conn| { conn.sign_in_link(&secret, now).await });
    let lasts = link.unwrap().unwrap().expires_at - now;
    assert!(
        lasts <= TimeDelta::minutes(15) && lasts > TimeDelta::minutes(13),
        "{lasts}"
    );
    assert_eq!(has(&store, "ana").await, (true, 0, vec![]));

    let (whole, _) = run(
        0,
        &[
            "sign-in",
            "link",
            "--for",
            "Bo",
            "--account",
            "discord/11",
            "--account",
            "telegram/12",
            "--json",
        ],
        variables,
    );
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert!(
        whole["link"]
            .as_str()
            .unwrap()
            .starts_with("https://mod.example.org/")
    );
    assert_eq!(has(&store, "bo").await, (false, 2, vec![]));
    for (arguments, word) in [
        (&["--for", "ana", "--account", "discord/11"][..], "somebody else"),
        (&["--for", "ana", "--role", "owner"], "--community"),
        (
            &["--for", "ana", "--role", "owner", "--community", "nowhere"],
            "no community",
        ),
        (
            &["--for", "ana", "--role", "operator", "--community", "town"],
            "no community",
        ),
    ] {
        let (printed, said) = run(1, &[&["sign-in", "link"], arguments].concat(), variables);
        assert!(printed.is_empty() && said.contains(word), "{said}");
    }
    run(2, &["sign-in", "link", "--for", "account:ana"], variables);
    run(
        2,
        &["sign-in", "link", "--for", "ana", "--role", "king"],
        variables,
    );
    assert_eq!(has(&store, "ana").await.1, 0, "what was refused had no effect");

    let (words, _) = run(0, &["sign-in", "disable", "ANA"], variables);
    assert!(words.contains("let in no more"), "{words}");
    let link = in_read!(store, |conn| { conn.sign_in_link(&secret, now).await });
    assert_eq!(link.unwrap(), None, "the link is taken back");
    let (_, said) = run(1, &["sign-in", "link", "--for", "ana"], variables);
    assert!(said.contains("lockdown sign-in enable ana"), "{said}");
    run(0, &["sign-in", "enable", "ana"], variables);
    run(0, &["sign-in", "link", "--for", "ana"], variables);
    run(1, &["sign-in", "disable", "nobody"], variables);

    // All of it is in the log of access, which is walked with the other chains.
    let acts = in_read!(store, |conn| { conn.access_page(None, None, 100).await }).unwrap();
    let acts: Vec<&str> = acts.iter().rev().map(|entry| entry.act.as_str()).collect();
    assert_eq!(
        acts,
        [
            "account:make",
            "role:give",
            "link:make",
            "account:make",
            "account:link",
            "account:link",
            "link:make",
            "account:disable",
            "account:enable",
            "link:make"
        ]
    );
    let (verified, _) = run(0, &["audit", "verify"], variables);
    assert!(
        verified.contains("the log of access: the chain of 10 entries holds"),
        "{verified}"
    );
    let (verified, _) = run(0, &["audit", "verify", "--json"], variables);
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["access"]["holds"], true);
    store.close().await;
}

#[tokio::test]
async fn people_are_let_in() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    let file = data.path().join("lockdown.db");
    a_life(&variables, async || Store::open_sqlite(&file).await.unwrap().0).await;
}

#[tokio::test]
async fn fleet_people_are_let_in() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let url = database.url();
    a_life(&[("DATABASE_URL", &url)], async || {
        Store::open_postgres(&url, &PostgresOptions::default())
            .await
            .unwrap()
            .0
    })
    .await;
}
