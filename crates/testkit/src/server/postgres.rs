//! One Postgres of our own: a cluster that is made, used and thrown away.

use super::interrupt::Interrupt;
use super::process::{Farewell, Process, User, clean_command};
use super::{log_tail, new_log, port, port_was_taken, scratch, wire};
use anyhow::{Context as _, bail};
use rustix::process::Signal;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const START: Duration = Duration::from_secs(120);
/// SIGINT is Postgres's fast shutdown, SIGQUIT the immediate one.
const FAREWELL: Farewell = Farewell {
    signal: Signal::INT,
    grace: Duration::from_secs(5),
    orphaned: Signal::QUIT,
};

/// Nothing here outlives the machine, so nothing is forced to the disk. What is committed still survives a
/// `kill -9` of the server: the system has it.
const SETTINGS: [&str; 11] = [
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=400",
    "shared_buffers=64MB",
    "jit=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
];

#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Further settings of `postgresql.conf`, as name and value.
    pub settings: Vec<(String, String)>,
}

/// A running Postgres, or one that was killed and may be started again. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    options: PostgresOptions,
    user: Option<User>,
    password: String,
    port: u16,
    process: Option<Process>,
    directory: scratch::Scratch,
}

// === impl PostgresServer ===

impl PostgresServer {
    /// Makes a cluster in a directory under `base` with the `initdb` and `postgres` of `binaries`, and starts it on a
    /// free port.
    pub fn start(
        binaries: &Path,
        options: PostgresOptions,
        base: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<PostgresServer> {
        PostgresServer::start_on(port::free, binaries, options, base, interrupt)
    }

    /// As [`PostgresServer::start`], on the first of these ports that nobody has taken meanwhile.
    pub fn start_on(
        mut ports: impl FnMut() -> anyhow::Result<u16>,
        binaries: &Path,
        options: PostgresOptions,
        base: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<PostgresServer> {
        let directory = scratch::Scratch::create(base)?;
        // Other people on this machine can reach the port; its superuser could run programs as us.
        let random = || RandomState::new().hash_one(std::process::id());
        let password = format!("{:016x}{:016x}", random(), random());
        let mut server = PostgresServer {
            binaries: binaries.to_owned(),
            options,
            user: User::instead_of_root(),
            password,
            port: 0,
            process: None,
            directory,
        };
        server.make_cluster(interrupt)?;
        for _ in 0..port::ATTEMPTS {
            server.port = ports()?;
            if server.launch(interrupt)? {
                return Ok(server);
            }
        }
        bail!(
            "Postgres found {} ports taken, one after the other",
            port::ATTEMPTS
        )
    }

    /// Of a superuser, in the database `postgres`.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
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

    pub(crate) fn died(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.exited().ok()??;
        Some(format!(
            "Postgres ended by itself ({status}); {}",
            log_tail(&self.log())
        ))
    }

    /// `kill -9` of the postmaster; its children see that and end.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("Postgres does not run")?;
        process.kill()?;
        Ok(())
    }

    /// Stops it in good order. Its data stays for [`PostgresServer::restart`].
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
        interrupt.wait_for("getting the port back", START, || {
            Ok(self.launch(&interrupt)?.then_some(()))
        })
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn command(&self, program: &str, log: &Path) -> anyhow::Result<Command> {
        let mut command = clean_command(&self.binaries.join(program), self.directory.path());
        User::run(self.user.as_ref(), &mut command);
        let log = new_log(log)?;
        command
            .stdout(log.try_clone().context("could not share the log")?)
            .stderr(log);
        Ok(command)
    }

    fn make_cluster(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        let data = self.data();
        std::fs::create_dir(&data).with_context(|| format!("could not create {}", data.display()))?;
        let secret = self.directory.path().join("password");
        write_private(&secret, &self.password)?;
        if let Some(user) = &self.user {
            for path in [&data, &secret] {
                std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                    .with_context(|| format!("could not give {} to {}", path.display(), user.name))?;
            }
        }
        let log = self.directory.path().join("initdb.log");
        let mut command = self.command("initdb", &log)?;
        command.arg("--pgdata").arg(&data).arg("--pwfile").arg(&secret);
        // Compared to a password sent in clear over loopback, SCRAM costs every connection some milliseconds.
        command.args([
            "--username=postgres",
            "--auth=password",
            "--locale=C",
            "--encoding=UTF8",
            "--no-sync",
        ]);
        let mut initdb = Process::start("initdb", command, FAREWELL)?;
        let status = interrupt.wait_for("initdb", START, || initdb.exited())?;
        if !status.success() {
            bail!(
                "{} failed ({status}); {}",
                self.binaries.join("initdb").display(),
                log_tail(&log)
            );
        }
        Ok(())
    }

    /// `false` when the port was taken.
    fn launch(&mut self, interrupt: &Interrupt) -> anyhow::Result<bool> {
        let mut command = self.command("postgres", &self.log())?;
        command
            .arg("-D")
            .arg(self.data())
            .arg("-p")
            .arg(self.port.to_string());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for (name, value) in &self.options.settings {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let mut process = Process::start("Postgres", command, FAREWELL)?;

        let lock = self.data().join("postmaster.pid");
        let id = process.id().to_string();
        let started = interrupt.wait_for("the start of Postgres", START, || {
            if let Some(status) = process.exited()? {
                // After a `kill -9` the children of the old server take a moment to end.
                if port_was_taken(&self.log()) || old_server_is_ending(&self.log()) {
                    return Ok(Some(false));
                }
                bail!(
                    "Postgres ended at its start ({status}); {}",
                    log_tail(&self.log())
                );
            }
            // The file tells whether the one who answers is ours, and not one that got the port first.
            let lines = std::fs::read_to_string(&lock).unwrap_or_default();
            let ours = lines.lines().next() == Some(id.as_str())
                && lines.lines().nth(7).map(str::trim) == Some("ready");
            Ok((ours && wire::postgres_takes_sessions(self.port).unwrap_or(false)).then_some(true))
        })?;
        if started {
            self.process = Some(process);
        }
        Ok(started)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.process = None;
    }
}

fn old_server_is_ending(log: &Path) -> bool {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.contains("is still in use") || text.contains("lock file \"postmaster.pid\" already exists")
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("could not write {}", path.display()))
}
