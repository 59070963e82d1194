//! What the tests stand on: real Redis and Postgres servers, and platforms that keep state.
//!
//! - [`provision`] obtains the servers for a whole test run. `cargo xtask test` is its only caller.
//! - [`servers`] is what a test calls: it reads from the environment what `cargo xtask test` put there, and a test
//!   that needs a server fails without it. Nothing is ever skipped in silence.
//! - [`server`] starts and stops one server; both of the above use it.
//! - [`programs`] finds and runs programs of this workspace.
//! - `database`, behind a feature of that name, gives each test a Postgres database from a template.
//! - `fakes`, behind a feature of that name, are the platforms' side of the wire.
//!
//! **The naming rule.** A test that needs Redis or Postgres has `fleet` in its path inside its test binary: in a
//! module (`mod fleet { … }`) or in its own name (`fleet_survives_a_kill`). `cargo xtask test --embedded-only` leaves
//! out exactly the tests whose path contains `fleet`, and lists them.

#[cfg(feature = "database")]
pub mod database;
mod environment;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod programs;
pub mod provision;
pub mod server;
pub mod servers;

pub use environment::names;
