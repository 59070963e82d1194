//! One Redis (or Valkey) of our own.

use super::interrupt::Interrupt;
use super::process::{Farewell, Process, clean_command};
use super::{log_tail, new_log, port, port_was_taken, scratch, wire};
use anyhow::{Context as _, bail};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A starting Redis may have a long append-only file to read.
const START: Duration = Duration::from_secs(60);
const FAREWELL: Farewell = Farewell {
    signal: Signal::TERM,
    grace: Duration::from_secs(5),
    orphaned: Signal::KILL,
};

/// What of its data Redis keeps on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the fastest, and what most tests want.
    #[default]
    None,
    /// Every change, written to a log that a restart reads.
    AppendOnly(Fsync),
}

/// When the log is forced to the disk. A `kill -9` loses what the process has not written, never what is not forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    Always,
    EverySecond,
    Never,
}

#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    pub durability: Durability,
    /// In bytes. Writes are refused beyond it, unless `settings` name another `maxmemory-policy`.
    pub max_memory: Option<u64>,
    /// Further lines of `redis.conf`, as name and value.
    pub settings: Vec<(String, String)>,
}

/// A running Redis, or one that was killed and may be started again. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct RedisServer {
    binary: PathBuf,
    options: RedisOptions,
    port: u16,
    process: Option<Process>,
    directory: scratch::Scratch,
}

// === impl RedisOptions ===

impl RedisOptions {
    pub fn append_only(fsync: Fsync) -> RedisOptions {
        RedisOptions {
            durability: Durability::AppendOnly(fsync),
            ..RedisOptions::default()
        }
    }

    fn config(&self, port: u16, directory: &Path) -> String {
        let directory = directory.display();
        let mut config = format!(
            "bind 127.0.0.1\nport {port}\nunixsocket \"{directory}/{}\"\nunixsocketperm 700\ndir \"{directory}\"\n\
             daemonize no\nlogfile \"\"\nsave \"\"\n",
            scratch::REDIS_SOCKET
        );
        let fsync = match self.durability {
            Durability::None => None,
            Durability::AppendOnly(Fsync::Always) => Some("always"),
            Durability::AppendOnly(Fsync::EverySecond) => Some("everysec"),
            Durability::AppendOnly(Fsync::Never) => Some("no"),
        };
        match fsync {
            None => config.push_str("appendonly no\n"),
            Some(fsync) => config.push_str(&format!("appendonly yes\nappendfsync {fsync}\n")),
        }
        if let Some(bytes) = self.max_memory {
            config.push_str(&format!("maxmemory {bytes}\n"));
        }
        for (name, value) in &self.settings {
            config.push_str(&format!("{name} {value}\n"));
        }
        config
    }
}

// === impl RedisServer ===

impl RedisServer {
    /// Starts `binary` on a free port, with its data in a directory under `base`.
    pub fn start(
        binary: &Path,
        options: RedisOptions,
        base: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<RedisServer> {
        RedisServer::start_on(port::free, binary, options, base, interrupt)
    }

    /// As [`RedisServer::start`], on the first of these ports that nobody has taken meanwhile.
    pub fn start_on(
        mut ports: impl FnMut() -> anyhow::Result<u16>,
        binary: &Path,
        options: RedisOptions,
        base: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<RedisServer> {
        let directory = scratch::Scratch::create(base)?;
        let mut server = RedisServer {
            binary: binary.to_owned(),
            options,
            port: 0,
            process: None,
            directory,
        };
        for _ in 0..port::ATTEMPTS {
            server.port = ports()?;
            if server.launch(interrupt)? {
                return Ok(server);
            }
        }
        bail!("Redis found {} ports taken, one after the other", port::ATTEMPTS)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Where it keeps its data, until this is dropped.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// One command over a connection of its own.
    pub fn command(&self, command: &[&str]) -> anyhow::Result<String> {
        wire::redis(self.port, command)
    }

    /// Whether it still runs, though nobody stopped it.
    pub(crate) fn died(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.exited().ok()??;
        Some(format!(
            "Redis ended by itself ({status}); {}",
            log_tail(&self.log())
        ))
    }

    /// `kill -9`, as a crash of the machine's making.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("Redis does not run")?;
        process.kill()?;
        Ok(())
    }

    /// Stops it in good order. Its data stays for [`RedisServer::restart`].
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.stop()?;
        }
        Ok(())
    }

    /// Starts it again on the same port and data, after stopping it if it runs.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        let interrupt = Interrupt::default();
        // The port is kept for clients that know it. If a passing connection has it, it is soon free again.
        interrupt.wait_for("getting the port back", START, || {
            Ok(self.launch(&interrupt)?.then_some(()))
        })
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// `false` when the port was taken.
    fn launch(&mut self, interrupt: &Interrupt) -> anyhow::Result<bool> {
        let directory = self.directory.path();
        let config = directory.join("redis.conf");
        std::fs::write(&config, self.options.config(self.port, directory))
            .with_context(|| format!("could not write {}", config.display()))?;
        let log = new_log(&self.log())?;
        let mut command = clean_command(&self.binary, directory);
        command
            .arg(&config)
            .stdout(log.try_clone().context("could not share the log")?)
            .stderr(log);
        let mut process = Process::start("Redis", command, FAREWELL)?;

        let id = process.id();
        let port = self.port;
        let started = interrupt.wait_for("the start of Redis", START, || {
            if let Some(status) = process.exited()? {
                if port_was_taken(&self.log()) {
                    return Ok(Some(false));
                }
                bail!("Redis ended at its start ({status}); {}", log_tail(&self.log()));
            }
            Ok(wire::redis_is_ready(port, id).then_some(true))
        })?;
        if started {
            self.process = Some(process);
        }
        Ok(started)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Before the directory goes; the order of fields would do the same, less visibly.
        self.process = None;
    }
}
