//! One bus with its processes and, where it has one, its Redis: started, broken, healed, wound up.

use super::account::{Account, GROUPS, Id};
use super::process::{Nursery, Part};
use super::verdict::{Crash, Verdict, Whom};
use anyhow::{Context as _, Result, bail, ensure};
use lockdown_runtime::Clock;
use lockdown_testkit::server::interrupt::Interrupt;
use lockdown_testkit::server::process::Process;
use lockdown_testkit::server::redis::{Fsync, RedisOptions, RedisServer};
use lockdown_testkit::server::scratch::Scratch;
use rustix::process::Signal;
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Nothing takes so long unless it will never come.
const LIMIT: Duration = Duration::from_secs(90);
/// What is still missing after so long without any progress is not on its way.
const QUIET: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const CONSUMERS: [Part; 3] = [
    Part::Consume("one", "a"),
    Part::Consume("one", "b"),
    Part::Consume("two", "c"),
];

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) engine: Engine,
    pub(super) fsync: Sync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Engine {
    Redis,
    Embedded,
}

/// When what was confirmed is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Sync {
    /// Before it is confirmed
    Always,
    /// Soon after; the embedded log's is at its next checkpoint
    Everysec,
}

/// What can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Redis,
    /// One process, by its place.
    Process(usize),
    AllProcesses,
}

pub(super) struct World {
    pub(super) kind: Kind,
    interrupt: Interrupt,
    nursery: Nursery,
    redis: Option<RedisServer>,
    /// What each process does; the embedded bus is one process that does everything.
    roles: Vec<Vec<Part>>,
    running: Vec<Option<(Process, u32)>>,
    pub(super) account: Account,
    pub(super) crashes: Vec<Crash>,
    pub(super) kills: u64,
    pub(super) rounds: u64,
    pub(super) slowest: Duration,
    /// Given up: nobody waits for them any more.
    missing: HashSet<Id>,
    _folder: Scratch,
}

// === impl Kind ===

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match (self.engine, self.fsync) {
            (Engine::Redis, Sync::Always) => "redis/always",
            (Engine::Redis, Sync::Everysec) => "redis/everysec",
            (Engine::Embedded, Sync::Always) => "embedded/always",
            (Engine::Embedded, Sync::Everysec) => "embedded/everysec",
        }
    }
}

// === impl World ===

impl World {
    /// `redis` is the server's binary, `base` where data may lie.
    pub(super) fn new(
        kind: Kind,
        program: &Path,
        redis: Option<&Path>,
        base: &Path,
        trouble: bool,
        interrupt: &Interrupt,
    ) -> Result<World> {
        let folder = Scratch::create(base)?;
        let notes = folder.path().join("notes");
        std::fs::create_dir(&notes).context("could not make a folder for the notes")?;
        let redis = match (kind.engine, redis) {
            (Engine::Embedded, _) => None,
            (Engine::Redis, None) => bail!("no Redis to kill"),
            (Engine::Redis, Some(binary)) => {
                let fsync = match kind.fsync {
                    Sync::Always => Fsync::Always,
                    Sync::Everysec => Fsync::EverySecond,
                };
                Some(RedisServer::start(
                    binary,
                    RedisOptions::append_only(fsync),
                    base,
                    interrupt,
                )?)
            }
        };
        let engine = match &redis {
            Some(server) => json!({"redis": server.url()}),
            None => json!({"embedded": {
                "path": folder.path().join("events.db"),
                "full": kind.fsync == Sync::Always,
            }}),
        };
        let everything = || std::iter::once(Part::Publish).chain(CONSUMERS);
        let roles: Vec<Vec<Part>> = match kind.engine {
            Engine::Redis => everything().map(|part| vec![part]).collect(),
            Engine::Embedded => vec![everything().collect()],
        };
        Ok(World {
            kind,
            interrupt: interrupt.clone(),
            account: Account::new(&notes),
            nursery: Nursery {
                program: PathBuf::from(program),
                engine,
                notes,
                trouble,
                started: 0,
            },
            redis,
            running: roles.iter().map(|_| None).collect(),
            roles,
            crashes: Vec::new(),
            kills: 0,
            rounds: 0,
            slowest: Duration::ZERO,
            missing: HashSet::new(),
            _folder: folder,
        })
    }

    /// What there is to kill.
    pub(super) fn victims(&self) -> Vec<Victim> {
        let processes = (0..self.roles.len()).map(Victim::Process);
        match self.kind.engine {
            Engine::Embedded => processes.collect(),
            // As often as all the others together.
            Engine::Redis => processes
                .chain([Victim::AllProcesses])
                .chain([Victim::Redis; 5])
                .collect(),
        }
    }

    /// Starts what does not run, and waits until both groups handle what is published from now on.
    pub(super) fn start(&mut self) -> Result<()> {
        for at in 0..self.roles.len() {
            if self.running[at].is_none() {
                self.start_process(at)?;
            }
        }
        let now = now();
        self.wait_for("the first events", |world| {
            world.account.youngest.iter().all(|youngest| *youngest > now)
        })
    }

    fn start_process(&mut self, at: usize) -> Result<()> {
        self.running[at] = Some(self.nursery.start(&self.roles[at])?);
        Ok(())
    }

    /// Kills with SIGKILL, leaves it dead for a while, and starts it again.
    pub(super) fn kill(&mut self, victim: Victim, dead_for: Duration) -> Result<()> {
        let from = now();
        self.kills += 1;
        match victim {
            Victim::Redis => {
                let server = self.redis.as_mut().context("there is no Redis")?;
                server.kill9()?;
                self.pause(dead_for)?;
                let server = self.redis.as_mut().context("there is no Redis")?;
                server.restart()?;
                self.note(Whom::Engine, from);
            }
            Victim::Process(at) => {
                self.kill_process(at, from)?;
                self.pause(dead_for)?;
                self.start_process(at)?;
            }
            Victim::AllProcesses => {
                for at in 0..self.roles.len() {
                    self.kill_process(at, from)?;
                }
                self.pause(dead_for)?;
                for at in 0..self.roles.len() {
                    self.start_process(at)?;
                }
            }
        }
        Ok(())
    }

    fn kill_process(&mut self, at: usize, from: i64) -> Result<()> {
        self.check_processes()?;
        let (mut process, run) = self.running[at].take().context("it does not run")?;
        process.kill()?;
        self.note_process(at, run, from);
        Ok(())
    }

    /// Stops a process in its tracks for a while.
    pub(super) fn freeze(&mut self, at: usize, pause: Duration) -> Result<()> {
        let from = now();
        let (process, run) = self.running[at].as_ref().context("it does not run")?;
        let run = *run;
        process.signal(Signal::STOP);
        let paused = self.pause(pause);
        if let Some((process, _)) = &self.running[at] {
            process.signal(Signal::CONT);
        }
        self.note_process(at, run, from);
        paused
    }

    /// Ends every connection to Redis.
    pub(super) fn cut(&mut self) -> Result<()> {
        let from = now();
        let server = self.redis.as_ref().context("there is no Redis")?;
        for kind in ["normal", "pubsub"] {
            server.command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])?;
        }
        self.note(Whom::Engine, from);
        Ok(())
    }

    fn note(&mut self, whom: Whom, from: i64) {
        let until = now();
        self.crashes.push(Crash { whom, from, until });
    }

    fn note_process(&mut self, at: usize, run: u32, from: i64) {
        for part in self.roles[at].clone() {
            let whom = match part {
                Part::Publish => Whom::Publisher,
                Part::Consume(..) => Whom::Consumer(format!("{}.{run}", part.name())),
                Part::Look => continue,
            };
            self.note(whom, from);
        }
    }

    /// Waits until everything that was acknowledged by now is handled, and something younger too.
    pub(super) fn recover(&mut self, since: Instant) -> Result<Duration> {
        self.account.read()?;
        let before: Vec<(usize, Id)> = (0..GROUPS.len())
            .flat_map(|group| self.account.open[group].iter().map(move |id| (group, *id)))
            .filter(|(_, id)| !self.missing.contains(id))
            .collect();
        let (now, waited) = (now(), Instant::now());
        self.wait_for("anything after a kill", |world| {
            world.account.youngest.iter().all(|youngest| *youngest > now)
        })?;
        // What is lost never comes; how long it is waited for says nothing.
        let mut last = Instant::now();
        while waited.elapsed() < QUIET {
            let open = |(group, id): &(usize, Id)| self.account.open[*group].contains(id);
            if !before.iter().any(open) {
                last = Instant::now();
                break;
            }
            self.pause(LOOK_AGAIN)?;
            self.account.read()?;
        }
        let took = last - since;
        self.slowest = self.slowest.max(took);
        Ok(took)
    }

    /// Ends publishing, waits until everything is handled, and ends the processes in order. Returns how many events
    /// are missing that were not before.
    pub(super) fn wind_up(&mut self) -> Result<usize> {
        self.check_processes()?;
        // The publisher; or the one process, whose consumers come back without it.
        self.stop_process(0)?;
        if self.kind.engine == Engine::Embedded {
            self.running[0] = Some(self.nursery.start(&CONSUMERS)?);
        }
        let (mut handled, mut since) = (0, Instant::now());
        loop {
            self.account.read()?;
            let open = self.account.open.iter().flatten();
            let missing = open.filter(|id| !self.missing.contains(*id)).count();
            if missing == 0 {
                break;
            }
            if self.account.handled > handled {
                handled = self.account.handled;
                since = Instant::now();
            }
            if since.elapsed() > QUIET {
                break;
            }
            self.check_processes()?;
            self.pause(LOOK_AGAIN)?;
        }
        for at in 0..self.roles.len() {
            self.stop_process(at)?;
        }
        self.account.read()?;
        let open: HashSet<Id> = self.account.open.iter().flatten().copied().collect();
        let new = open.difference(&self.missing).count();
        self.missing.extend(&open);
        self.rounds += 1;
        Ok(new)
    }

    fn stop_process(&mut self, at: usize) -> Result<()> {
        if let Some((_, run)) = self.running[at] {
            self.wait_for("the start of a process", |world| {
                world.account.ready.contains(&run)
            })?;
        }
        if let Some((mut process, run)) = self.running[at].take() {
            let status = process.stop()?;
            ensure!(
                status.success(),
                "a process ended with {status}:\n  {}",
                self.nursery.last_words(run)
            );
        }
        Ok(())
    }

    /// Looks into the engine when all is over, and judges.
    pub(super) fn judge(&mut self) -> Result<Verdict> {
        let (process, run) = self.nursery.start(&[Part::Look])?;
        let mut process = process;
        let status = process.wait(&self.interrupt)?;
        ensure!(
            status.success(),
            "the last look ended with {status}:\n  {}",
            self.nursery.last_words(run)
        );
        self.account.read()?;
        ensure!(self.account.looked, "the last look said nothing");
        let stalls = std::mem::take(&mut self.account.stalls);
        self.crashes
            .extend(stalls.into_iter().map(|(name, from, until)| Crash {
                whom: Whom::Consumer(name),
                from,
                until,
            }));
        let waits = std::mem::take(&mut self.account.waits);
        self.crashes.extend(waits.into_iter().map(|(from, until)| Crash {
            whom: Whom::Stall,
            from,
            until,
        }));
        Ok(Verdict {
            kills: self.kills,
            rounds: self.rounds,
            slowest_recovery_s: self.slowest.as_secs_f64(),
            ..Verdict::of(&self.account, &self.crashes)
        })
    }

    /// Nothing may end by itself.
    pub(super) fn check_processes(&mut self) -> Result<()> {
        for (process, run) in self.running.iter_mut().flatten() {
            if let Some(status) = process.exited()? {
                bail!(
                    "a process ended by itself with {status}:\n  {}",
                    self.nursery.last_words(*run)
                );
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, what: &str, holds: impl Fn(&World) -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.account.read()?;
            if holds(self) {
                return Ok(());
            }
            self.check_processes()?;
            ensure!(begun.elapsed() < LIMIT, "waited {LIMIT:?} in vain for {what}");
            self.pause(LOOK_AGAIN)?;
        }
    }

    pub(super) fn pause(&self, pause: Duration) -> Result<()> {
        self.interrupt.check()?;
        std::thread::sleep(pause);
        Ok(self.interrupt.check()?)
    }
}

fn now() -> i64 {
    Clock::system().now().timestamp_micros()
}
