//! LOCKDOWN in a process of its own, with servers of its own, all of which can be killed.

use lockdown_testkit::servers::{self, Fsync, PostgresServer, RedisOptions, RedisServer};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const TOKEN: &str = "the-token-of-the-configuration";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Victim {
    Lockdown,
    Redis,
    Postgres,
}

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    postgres: PostgresServer,
    process: Process,
    pub(crate) data: tempfile::TempDir,
    client: reqwest::Client,
}

struct Process {
    child: Child,
    url: String,
}

// === impl World ===

impl World {
    pub(crate) async fn make() -> Self {
        let redis = servers::redis_private_with(RedisOptions::append_only(Fsync::Always));
        let postgres = servers::postgres_private();
        let data = tempfile::tempdir().unwrap();
        let process = Process::start(&redis, &postgres, &data).await;
        Self {
            redis,
            postgres,
            process,
            data,
            client: reqwest::Client::new(),
        }
    }

    /// Kills it, and starts it again.
    pub(crate) async fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Lockdown => {
                self.process.child.kill().unwrap();
                self.process.child.wait().unwrap();
                self.process = Process::start(&self.redis, &self.postgres, &self.data).await;
            }
            Victim::Redis => tokio::task::block_in_place(|| {
                self.redis.kill9().unwrap();
                self.redis.restart().unwrap();
            }),
            Victim::Postgres => tokio::task::block_in_place(|| {
                self.postgres.kill9().unwrap();
                self.postgres.restart().unwrap();
            }),
        }
    }

    fn url(&self, guild: &str, rest: &str) -> String {
        format!("{}/api/v1/guilds/telegram/{guild}/{rest}", self.process.url)
    }

    /// Puts rules in force; `false` when the guild is not known yet.
    pub(crate) async fn put_rules(&self, guild: &str, text: &str) -> bool {
        let put = self.client.put(self.url(guild, "rules")).bearer_auth(TOKEN);
        let put = put
            .header("Content-Type", "application/yaml")
            .body(text.to_owned());
        let answer = put.send().await.unwrap();
        let status = answer.status();
        assert!(
            status.is_success() || status.as_u16() == 404,
            "{status}: {}",
            answer.text().await.unwrap()
        );
        status.is_success()
    }

    /// Every case of a guild.
    pub(crate) async fn cases(&self, guild: &str) -> Vec<Value> {
        let (mut cases, mut cursor) = (Vec::new(), String::new());
        loop {
            let url = self.url(guild, &format!("cases?limit=200{cursor}"));
            let answer = self.client.get(url).bearer_auth(TOKEN).send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.status());
            let page: Value = answer.json().await.unwrap();
            cases.extend(page["cases"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return cases,
            }
        }
    }

    /// Whether the operator's command finds every audit entry in its place.
    pub(crate) fn audit_is_whole(&self) -> bool {
        let mut verify = command(&self.redis, &self.postgres, &self.data);
        let output = verify.args(["audit", "verify"]).output().unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success()
    }

    pub(crate) async fn stop(mut self) {
        self.process.child.kill().unwrap();
        self.process.child.wait().unwrap();
    }
}

// === impl Process ===

impl Process {
    async fn start(redis: &RedisServer, postgres: &PostgresServer, data: &tempfile::TempDir) -> Self {
        let mut command = command(redis, postgres, data);
        command.stdout(Stdio::piped());
        let starting = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            let mut said = BufReader::new(child.stdout.take().unwrap());
            said.read_line(&mut line).unwrap();
            // What it says later has somewhere to go.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            let url = line
                .trim()
                .rsplit(' ')
                .next()
                .unwrap()
                .trim_end_matches('/')
                .to_owned();
            assert!(url.starts_with("http://127.0.0.1:"), "it printed {line:?}");
            Self { child, url }
        });
        starting.await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(redis: &RedisServer, postgres: &PostgresServer, data: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown"));
    // Nothing of the machine that runs the tests reaches the process, its `.env` neither.
    command
        .env_clear()
        .env("REDIS_URL", redis.url())
        .env("DATABASE_URL", postgres.url())
        .env("LOCKDOWN_DATA_DIR", data.path())
        .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
        .env("LOCKDOWN_ADMIN_TOKEN", TOKEN)
        .env("LOCKDOWN_API_RATE", "1000000")
        .env("RUST_LOG", "error")
        .current_dir(data.path());
    command
}
