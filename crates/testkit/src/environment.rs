//! The environment variables of a test run, and the one place where they are read.

use std::env::VarError;

/// The variables by their names. The first three groups may be set by a person; `cargo xtask test` sets the last two
/// for the tests.
pub mod names {
    /// A directory holding `initdb` and `postgres`.
    pub const PG_BIN: &str = "LOCKDOWN_PG_BIN";
    /// A `redis-server` or `valkey-server` file.
    pub const REDIS_BIN: &str = "LOCKDOWN_REDIS_BIN";

    /// A Postgres to use: its user may create databases.
    pub const TEST_PG_URL: &str = "LOCKDOWN_TEST_PG_URL";
    /// A Redis to use: its contents are the tests' to change.
    pub const TEST_REDIS_URL: &str = "LOCKDOWN_TEST_REDIS_URL";

    /// `1` when the tests that need servers were left out.
    pub const EMBEDDED_ONLY: &str = "LOCKDOWN_TEST_EMBEDDED_ONLY";

    /// The directory of `initdb` and `postgres`, for tests that start a Postgres of their own.
    pub const TEST_PG_BIN: &str = "LOCKDOWN_TEST_PG_BIN";
    /// The `redis-server` file, for tests that start a Redis of their own.
    pub const TEST_REDIS_BIN: &str = "LOCKDOWN_TEST_REDIS_BIN";
    /// A directory that lives as long as the test run; the tests' own servers keep their data under it.
    pub const TEST_DIR: &str = "LOCKDOWN_TEST_DIR";
}

/// The variable's value; one that is empty or not UTF-8 counts as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own variables are no configuration of LOCKDOWN"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Some(value),
        Ok(_) | Err(VarError::NotPresent | VarError::NotUnicode(_)) => None,
    }
}
