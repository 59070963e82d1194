//! Obtaining real servers for a test run, on a machine that may have none.
//!
//! [`choice`] decides by the facts of [`machine`]; [`obtain`] carries it out and says on stderr what it does and why.
//! To add a package manager: a variant of [`choice::Manager`], a line in `manager` there, an arm in `install`.

pub mod choice;
mod docker;
mod install;
pub mod machine;
mod unpack;

use crate::environment::names;
use crate::server::interrupt::Interrupt;
use crate::server::postgres::{PostgresOptions, PostgresServer};
use crate::server::process::User;
use crate::server::redis::{RedisOptions, RedisServer};
use crate::server::{scratch, wire};
use anyhow::{Context as _, bail};
use choice::{Binaries, Choice, Finding, Manager, Packages, Server};
use docker::Container;
use machine::Machine;
use std::ffi::OsString;

/// The servers of one test run. Dropping them stops what we started and removes what it wrote.
#[derive(Debug)]
pub struct TestServers {
    redis: Redis,
    postgres: Postgres,
    redis_binary: Option<Binaries>,
    postgres_binaries: Option<Binaries>,
    /// Holds the directories of the servers and of those that tests start. Dropped last.
    scratch: scratch::Scratch,
}

#[derive(Debug)]
enum Redis {
    Elsewhere(String),
    Ours(RedisServer),
    Container(Container),
}

#[derive(Debug)]
enum Postgres {
    Elsewhere(String),
    Ours(PostgresServer),
    Container(Container),
}

/// Finds, installs and starts what the tests need.
pub fn obtain(machine: &dyn Machine, interrupt: &Interrupt) -> anyhow::Result<TestServers> {
    let base = scratch::base(User::instead_of_root().is_some())?;
    for left_behind in scratch::sweep(&base) {
        eprintln!("removed {}, left by a run that was killed", left_behind.display());
    }
    let (redis, postgres) = decide(machine, interrupt)?;
    let scratch = scratch::Scratch::create(&base)?;
    let redis_binary = binaries_beside(machine, Server::Redis, &redis)?;
    let postgres_binaries = binaries_beside(machine, Server::Postgres, &postgres)?;
    interrupt.check()?;
    let redis = start_redis(redis, scratch.path(), interrupt)?;
    let postgres = start_postgres(postgres, scratch.path(), interrupt)?;
    Ok(TestServers {
        redis,
        postgres,
        redis_binary,
        postgres_binaries,
        scratch,
    })
}

// === impl TestServers ===

impl TestServers {
    /// What the tests find in their environment.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let redis = match &self.redis {
            Redis::Elsewhere(url) => url.clone(),
            Redis::Ours(server) => server.url(),
            Redis::Container(container) => container.url.clone(),
        };
        let postgres = match &self.postgres {
            Postgres::Elsewhere(url) => url.clone(),
            Postgres::Ours(server) => server.url(),
            Postgres::Container(container) => container.url.clone(),
        };
        let mut variables = vec![
            (names::TEST_REDIS_URL, redis.into()),
            (names::TEST_PG_URL, postgres.into()),
            (names::TEST_DIR, self.scratch.path().into()),
        ];
        if let Some(binary) = &self.redis_binary {
            variables.push((names::TEST_REDIS_BIN, binary.path.clone().into()));
        }
        if let Some(binaries) = &self.postgres_binaries {
            variables.push((names::TEST_PG_BIN, binaries.path.clone().into()));
        }
        variables
    }

    /// What befell the shared servers while the tests ran: a test that fails because its server is gone does not
    /// know why.
    pub fn deaths(&mut self) -> Vec<String> {
        let redis = match &mut self.redis {
            Redis::Ours(server) => server.died(),
            Redis::Elsewhere(_) | Redis::Container(_) => None,
        };
        let postgres = match &mut self.postgres {
            Postgres::Ours(server) => server.died(),
            Postgres::Elsewhere(_) | Postgres::Container(_) => None,
        };
        redis.into_iter().chain(postgres).collect()
    }
}

/// Chooses for both servers, installing what is missing, until both can be started.
fn decide(machine: &dyn Machine, interrupt: &Interrupt) -> anyhow::Result<(Choice, Choice)> {
    let mut packages = Packages::Untried;
    loop {
        let redis = choice::choose(machine, Server::Redis, packages)?;
        let postgres = choice::choose(machine, Server::Postgres, packages)?;
        let found = [(Server::Redis, &redis), (Server::Postgres, &postgres)];
        for (server, finding) in found {
            tell(server, finding);
        }
        let missing: Vec<Server> = found
            .into_iter()
            .filter(|(_, f)| f.choice == Choice::Nothing)
            .map(|(server, _)| server)
            .collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(Server::to_string).collect();
            bail!(
                "no {} for the tests: {}",
                names.join(" and no "),
                choice::advice(machine, &missing)
            );
        }
        let installs: Vec<(Server, Manager)> = found
            .into_iter()
            .filter_map(|(server, finding)| match finding.choice {
                Choice::Install(manager) => Some((server, manager)),
                _ => None,
            })
            .collect();
        let Some((_, manager)) = installs.first() else {
            return Ok((redis.choice, postgres.choice));
        };
        let servers: Vec<Server> = installs.iter().map(|(server, _)| *server).collect();
        let outcome = install::install(machine, *manager, &servers, interrupt);
        interrupt.check()?;
        if let Err(error) = outcome {
            eprintln!("that did not work: {error:#}");
        }
        packages = Packages::Tried;
    }
}

fn tell(server: Server, finding: &Finding) {
    for passed_over in &finding.passed_over {
        eprintln!("{server:<9}not {passed_over}");
    }
    match &finding.choice {
        Choice::Url { variable, .. } => eprintln!("{server:<9}the one that {variable} names"),
        Choice::Binaries(binaries) => eprintln!("{server:<9}{binaries}"),
        Choice::Install(Manager::AptUnpacked) => {
            eprintln!("{server:<9}none here; apt is, without the right to install: unpacking its packages");
        }
        Choice::Install(_) => {
            eprintln!("{server:<9}none here; installing it with the system's package manager");
        }
        Choice::Docker => eprintln!("{server:<9}none here; a Docker engine answers: using a container"),
        Choice::Nothing => eprintln!("{server:<9}none here, and no way to obtain one"),
    }
}

/// The binaries for tests that start a server of their own, though the shared one is somebody else's.
fn binaries_beside(
    machine: &dyn Machine,
    server: Server,
    choice: &Choice,
) -> anyhow::Result<Option<Binaries>> {
    if let Choice::Binaries(binaries) = choice {
        return Ok(Some(binaries.clone()));
    }
    let binaries = choice::find_binaries(machine, server)?;
    match &binaries {
        Some(binaries) => eprintln!("{server:<9}{binaries}: for the tests that start their own"),
        None => eprintln!(
            "{server:<9}no binaries here: the tests that start and kill their own {server} will FAIL; install it or \
             set {}",
            server.bin_variable()
        ),
    }
    Ok(binaries)
}

fn start_redis(choice: Choice, base: &std::path::Path, interrupt: &Interrupt) -> anyhow::Result<Redis> {
    match choice {
        Choice::Url { url, variable } => {
            wire::check_redis(&url).with_context(|| unreachable_url(variable))?;
            Ok(Redis::Elsewhere(url))
        }
        Choice::Docker => Ok(Redis::Container(Container::start(Server::Redis, interrupt)?)),
        Choice::Binaries(Binaries { path, .. }) => {
            let server = RedisServer::start(&path, RedisOptions::default(), base, interrupt)?;
            eprintln!("{:<9}runs on 127.0.0.1:{}", Server::Redis, server.port());
            Ok(Redis::Ours(server))
        }
        Choice::Install(_) | Choice::Nothing => bail!("no Redis was found"),
    }
}

fn start_postgres(choice: Choice, base: &std::path::Path, interrupt: &Interrupt) -> anyhow::Result<Postgres> {
    match choice {
        Choice::Url { url, variable } => {
            wire::check_postgres(&url).with_context(|| unreachable_url(variable))?;
            Ok(Postgres::Elsewhere(url))
        }
        Choice::Docker => Ok(Postgres::Container(Container::start(
            Server::Postgres,
            interrupt,
        )?)),
        Choice::Binaries(Binaries { path, .. }) => {
            let server = PostgresServer::start(&path, PostgresOptions::default(), base, interrupt)?;
            let user = User::instead_of_root()
                .map(|user| format!(" as user {}", user.name))
                .unwrap_or_default();
            eprintln!("{:<9}runs on 127.0.0.1:{}{user}", Server::Postgres, server.port());
            Ok(Postgres::Ours(server))
        }
        Choice::Install(_) | Choice::Nothing => bail!("no Postgres was found"),
    }
}

/// The URL itself may hold a password, so its variable stands for it.
fn unreachable_url(variable: &str) -> String {
    format!("the server that {variable} names does not answer (start it, or unset the variable)")
}
