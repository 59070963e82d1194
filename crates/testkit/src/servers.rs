//! The servers as a test sees them.
//!
//! A test that calls these has `fleet` in its name (see the crate's page). Without the servers it fails and says how
//! to get them.

use crate::environment::{names, variable};
use crate::server::interrupt::Interrupt;
use crate::server::scratch;
use std::path::{Path, PathBuf};

pub use crate::server::postgres::{PostgresOptions, PostgresServer};
pub use crate::server::redis::{Durability, Fsync, RedisOptions, RedisServer};

/// The Redis that all tests share: what a test writes there needs a prefix of its own.
#[track_caller]
pub fn redis_url() -> String {
    required("the shared Redis", names::TEST_REDIS_URL)
}

/// The Postgres that all tests share, as a user who may create databases.
#[track_caller]
pub fn postgres_url() -> String {
    required("the shared Postgres", names::TEST_PG_URL)
}

/// A Redis of the test's own, to be filled, killed and restarted at will.
#[track_caller]
pub fn redis_private() -> RedisServer {
    redis_private_with(RedisOptions::default())
}

#[track_caller]
pub fn redis_private_with(options: RedisOptions) -> RedisServer {
    let binary = redis_binary();
    match RedisServer::start(&binary, options, &directory(), &Interrupt::default()) {
        Ok(server) => server,
        Err(error) => panic!("could not start a Redis from {}: {error:#}", binary.display()),
    }
}

/// A Postgres of the test's own. Making one takes half a second: most tests want a database of the shared one.
#[track_caller]
pub fn postgres_private() -> PostgresServer {
    postgres_private_with(PostgresOptions::default())
}

#[track_caller]
pub fn postgres_private_with(options: PostgresOptions) -> PostgresServer {
    let binaries = postgres_binaries();
    match PostgresServer::start(&binaries, options, &directory(), &Interrupt::default()) {
        Ok(server) => server,
        Err(error) => panic!(
            "could not start a Postgres from {}: {error:#}",
            binaries.display()
        ),
    }
}

/// The `redis-server` file.
#[track_caller]
pub fn redis_binary() -> PathBuf {
    PathBuf::from(required("a Redis server's binary", names::TEST_REDIS_BIN))
}

/// The folder of `initdb`, `postgres` and the programs that came with them.
#[track_caller]
pub fn postgres_binaries() -> PathBuf {
    PathBuf::from(required("a Postgres server's binaries", names::TEST_PG_BIN))
}

/// Whether this run leaves out the tests that need servers.
pub fn embedded_only() -> bool {
    variable(names::EMBEDDED_ONLY).is_some()
}

/// Where the tests' own servers keep their data.
#[track_caller]
pub fn directory() -> PathBuf {
    if let Some(directory) = variable(names::TEST_DIR)
        .map(PathBuf::from)
        .filter(|path| Path::is_dir(path))
    {
        return directory;
    }
    match scratch::base(crate::server::process::User::instead_of_root().is_some()) {
        Ok(base) => base,
        Err(error) => panic!("{error:#}"),
    }
}

#[track_caller]
fn required(what: &str, name: &str) -> String {
    match variable(name) {
        Some(value) => value,
        None if embedded_only() => panic!(
            "this test needs {what}, but `--embedded-only` could not leave it out: put `fleet` into its name or module"
        ),
        None => panic!("this test needs {what}, and {name} is not set: run `cargo xtask test`"),
    }
}
