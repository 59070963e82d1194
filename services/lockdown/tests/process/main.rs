//! The `lockdown` binary as its owner meets it: a process, signals, a port, and what it prints.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod demo;
mod rules;
mod sign_in;
mod token;

use lockdown_testkit::database::{self, Database};
use lockdown_testkit::fakes::FakeDiscord;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const DISCORD: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";

fn lockdown(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown"));
    // Nothing of the machine that runs the tests reaches the process, its `.env` neither.
    command
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    lockdown(variables).args(arguments).output().unwrap()
}

/// A running `lockdown`; it is killed if a test forgets it.
struct Running {
    /// Where it keeps its data, unless the test said where.
    _data: tempfile::TempDir,
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    fn start(variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = lockdown(&[]);
        command
            .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
            .env("LOCKDOWN_DATA_DIR", data.path())
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let chosen = variables.iter().find(|(name, _)| *name == "LOCKDOWN_HTTP_ADDR");
        let url = if let Some((_, address)) = chosen {
            format!("http://{address}")
        } else {
            let mut first = String::new();
            stdout.read_line(&mut first).unwrap();
            let url = first
                .trim()
                .rsplit(' ')
                .next()
                .unwrap()
                .trim_end_matches('/')
                .to_owned();
            assert!(url.starts_with("http://127.0.0.1:"), "it printed {first:?}");
            url
        };
        Self {
            _data: data,
            child,
            stdout,
            url,
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends the signal and gives the exit code, what was printed and what was logged.
    fn stop(mut self, signal: Signal) -> (Option<i32>, String, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let (mut printed, mut logged) = (String::new(), String::new());
        self.stdout.read_to_string(&mut printed).unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut logged)
            .unwrap();
        (self.child.wait().unwrap().code(), printed, logged)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
    }
}

#[tokio::test]
async fn it_starts_with_nothing_set_answers_and_stops() {
    let running = Running::start(&[]);
    let (status, body) = running.get("/health/ready").await;
    let report: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &report["ready"], &report["service"]),
        (200, &Value::from(true), &Value::from("lockdown"))
    );

    assert_eq!(running.get("/health/live").await.0, 200);
    let (_, metrics) = running.get("/metrics").await;
    assert!(
        metrics.contains("lockdown_component_up{component=\"backend/http\"} 1"),
        "{metrics}"
    );
    let (_, page) = running.get("/").await;
    assert!(page.contains(">LOCKDOWN is up</h1>"), "{page}");
    let events: Value = serde_json::from_str(&running.get("/asyncapi.json").await.1).unwrap();
    assert_eq!(events["channels"]["ban.created"]["address"], "ban:created");
    let (status, problem) = running.get("/no/such/page").await;
    assert_eq!((status, problem.contains("\"not_found\"")), (404, true));

    let (code, printed, logged) = running.stop(Signal::INT);
    assert_eq!(code, Some(0), "{logged}");
    assert!(
        printed.contains("No bot runs yet: set DISCORD_TOKEN or TELEGRAM_TOKEN"),
        "{printed}"
    );
    assert!(logged.contains("Stopped lockdown"), "{logged}");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_told_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    let running = Running::start(&variables);
    // The log is opened after the port, so that whoever looks sees what the rest waits for.
    while running.get("/health/ready").await.0 != 200 {}
    let mut second = lockdown(&variables);
    let second = second.env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0").output().unwrap();
    let logged = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{logged}");
    assert!(
        logged.contains("one process at a time; stop that one"),
        "{logged}"
    );
    let (code, _, logged) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{logged}");
    // What the first had is free.
    let third = Running::start(&variables);
    while third.get("/health/ready").await.0 != 200 {}
    assert_eq!(third.stop(Signal::TERM).0, Some(0));
}

mod fleet {
    use super::*;
    use lockdown_bus::redis::{RedisEngine, RedisOptions};
    use lockdown_bus::{AskError, Bus, BusOptions};
    use lockdown_events::{PresenceKind, RequestError, Source};
    use lockdown_runtime::{Clock, Ids, SecretUrl};
    use lockdown_testkit::servers::{Fsync, RedisOptions as Server, redis_private_with};
    use serde_json::json;
    use std::sync::Arc;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(30);

    impl Running {
        /// Waits until the readiness is this, and gives the report.
        async fn ready(&self, status: u16) -> Value {
            let looking = async {
                loop {
                    // It may not listen yet.
                    if let Ok(answer) = reqwest::get(format!("{}/health/ready", self.url)).await
                        && answer.status() == status
                    {
                        return answer.json().await.unwrap();
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(LIMIT, looking).await.unwrap()
        }
    }

    fn part<'a>(report: &'a Value, name: &str) -> &'a Value {
        let components = report["components"].as_array().unwrap();
        components
            .iter()
            .find(|component| component["name"] == name)
            .unwrap()
    }

    #[tokio::test]
    async fn it_waits_for_redis_answers_over_it_and_comes_back_with_it() {
        let mut server = redis_private_with(Server::append_only(Fsync::Always));
        let url = server.url();
        server.kill9().unwrap();
        // What it prints comes when it is up, so the test chooses where to look before.
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let running = Running::start(&[("REDIS_URL", &url), ("LOCKDOWN_HTTP_ADDR", &free)]);
        let waiting = async {
            loop {
                let report = running.ready(503).await;
                let bus = report["components"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|part| part["name"] == "bus");
                if let Some(detail) = bus.and_then(|bus| bus["detail"].as_str()) {
                    return detail.to_owned();
                }
            }
        };
        let detail = tokio::time::timeout(LIMIT, waiting).await.unwrap();
        assert!(
            detail.contains("is Redis running, and REDIS_URL right?"),
            "{detail}"
        );
        server.restart().unwrap();
        let report = running.ready(200).await;
        assert_eq!(part(&report, "start")["status"], "up", "{report}");

        // Another process asks how it is.
        let clock = Clock::system();
        let engine = RedisEngine::connect(
            &SecretUrl::new(url.parse().unwrap()),
            RedisOptions::default(),
            &clock,
        )
        .await
        .unwrap();
        let options = BusOptions::new(Source::Worker);
        let bus = Bus::start(Arc::new(engine), options, clock.clone(), Ids::system(clock))
            .await
            .unwrap();
        let all: Value = bus.requests().ask("health", &json!({}), LIMIT).await.unwrap();
        assert_eq!(all["service"], "lockdown");
        let asked = json!({ "component": "bus" });
        let one: Value = bus.requests().ask("health", &asked, LIMIT).await.unwrap();
        assert_eq!(part(&one, "bus")["status"], "up");
        let asked = json!({ "component": "no such" });
        let none = bus.requests().ask::<_, Value>("health", &asked, LIMIT).await;
        assert!(
            matches!(&none, Err(AskError::Refused(RequestError { code, .. })) if code == "not_found"),
            "{none:?}"
        );
        let there = bus.presence().list().await.unwrap();
        assert!(
            there.iter().any(|there| there.kind == PresenceKind::Service),
            "{there:?}"
        );

        server.kill9().unwrap();
        let report = running.ready(503).await;
        assert_eq!(part(&report, "bus")["status"], "down");
        assert!(
            !report.to_string().contains("://"),
            "an address may hold a password: {report}"
        );
        server.restart().unwrap();
        running.ready(200).await;

        let (code, _, logged) = running.stop(Signal::TERM);
        assert_eq!(code, Some(0), "{logged}");
        let gone = async {
            while bus
                .presence()
                .list()
                .await
                .unwrap()
                .iter()
                .any(|there| there.kind == PresenceKind::Service)
            {}
        };
        tokio::time::timeout(LIMIT, gone).await.unwrap();
    }
}

#[tokio::test]
async fn a_bot_whose_token_is_refused_is_told_of_and_the_token_is_not() {
    let discord = FakeDiscord::start().await.unwrap();
    let running = Running::start(&[("DISCORD_TOKEN", DISCORD), ("DISCORD_API_URL", &discord.url())]);
    // The bot's first look may still be under way.
    let page = loop {
        let (status, body) = running.get("/health/ready").await;
        if body.contains("refuses the token") {
            assert_eq!(status, 503);
            break running.get("/").await.1;
        }
    };
    assert!(
        page.contains("discord-bot/discord") && page.contains("✗ down"),
        "{page}"
    );
    let (code, printed, logged) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{logged}");
    assert!(logged.contains("Discord refuses the token"), "{logged}");
    assert!(
        ![page, printed, logged]
            .iter()
            .any(|text| text.contains("a-token-of-the-form"))
    );
}

#[test]
fn a_wrong_setting_stops_the_start_and_says_all() {
    let variables = [
        ("LOCKDOWN_HTTP_ADDR", "localhost"),
        ("TELEGRAM_TOKEN", "secret"),
        ("DATABASE_URL", "mysql://x"),
    ];
    for arguments in [&[][..], &["up"], &["config", "check"]] {
        let output = output(arguments, &variables);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for (variable, _) in variables {
            assert!(said.contains(variable), "{variable} is not named: {said}");
        }
        assert!(
            said.contains("found \"localhost\", expected an address and port"),
            "{said}"
        );
        assert!(!said.contains("secret\""), "{said}");
    }
}

#[test]
fn config_check_tells_what_is_in_force_and_hides_secrets() {
    let variables = [
        ("DISCORD_TOKEN", DISCORD),
        ("REDIS_URL", "redis://me:hush@localhost:6379"),
        ("LOCKDOWN_HTTP_ADR", "x"),
    ];
    let text = output(&["config", "check"], &variables);
    let (said, warned) = (
        String::from_utf8(text.stdout).unwrap(),
        String::from_utf8(text.stderr).unwrap(),
    );
    assert_eq!(text.status.code(), Some(0));
    assert!(
        said.contains("set (hidden)") && said.contains("environment") && said.contains("127.0.0.1:8080"),
        "{said}"
    );
    assert!(!said.contains(DISCORD) && !said.contains("hush"), "{said}");
    assert!(
        warned.contains("LOCKDOWN_HTTP_ADDR"),
        "no word on the typing error: {warned}"
    );

    let json = output(&["config", "check", "--json"], &variables);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let setting = |name: &str| {
        json["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == name)
            .unwrap()
    };
    assert_eq!(setting("DISCORD_TOKEN")["value"], "set (hidden)");
    assert_eq!(setting("LOCKDOWN_DATA_DIR")["origin"], "default");
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_names_every_command() {
    assert_eq!(output(&["frobnicate"], &[]).status.code(), Some(2));
    let help = String::from_utf8(output(&["--help"], &[]).stdout).unwrap();
    for command in ["up", "config", "migrate", "token", "completions"] {
        assert!(help.contains(command), "{help}");
    }
    let completions = String::from_utf8(output(&["completions", "bash"], &[]).stdout).unwrap();
    assert!(completions.contains("_lockdown()"));
}

#[test]
fn a_taken_port_is_named_with_the_setting_to_change() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = output(&[], &[("LOCKDOWN_HTTP_ADDR", &addr)]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&addr) && said.contains("LOCKDOWN_HTTP_ADDR"),
        "{said}"
    );
}

#[test]
fn the_schema_is_made_once() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap())];
    let first = output(&["migrate"], &variables);
    assert!(first.status.success(), "{first:?}");
    let said = String::from_utf8(first.stdout).unwrap();
    assert!(said.starts_with("Made "), "{said}");
    assert!(data.path().join("lockdown.db").exists());
    let again = output(&["migrate"], &variables);
    assert!(again.status.success(), "{again:?}");
    let said = String::from_utf8(again.stdout).unwrap();
    assert!(said.starts_with("The schema is up to date: version "), "{said}");
}

#[tokio::test]
async fn fleet_a_start_has_nothing_to_say_of_what_is_there_already() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let url = database.url();
    for arguments in [&["migrate"][..], &["token", "list"]] {
        let output = output(arguments, &[("DATABASE_URL", &url)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("already exists"), "{said}");
    }
}

#[test]
fn a_database_that_is_not_there_fails_a_command() {
    let variables = [("DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:9/absent")];
    for words in [
        &["migrate"][..],
        &["audit", "verify"],
        &["person", "export", "discord/1"],
        &["retention", "list"],
    ] {
        let refused = output(words, &variables);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            said.contains("could not connect to the Postgres that DATABASE_URL names"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
