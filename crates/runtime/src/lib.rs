//! What every LOCKDOWN process needs around its work: configuration, telemetry, time, ids, health, start and stop.
//!
//! It knows nothing of communities, platforms, buses or databases, and names no web framework: a service built on it is a
//! library with `async fn run(ctx: Context) -> anyhow::Result<()>`, and its `main` is one call of [`lifecycle::main`].
//! Nothing here is global but what the operating system makes global, so a test can own each part: the variables
//! ([`Config::from_map`]), the clock ([`Clock::mock`]), the ids ([`Ids::seeded`]), the metrics ([`Metrics::local`]).
//!
//! - To add a variable: the three places that [`config`] names.
//! - To add a component to the health report: `let bus = ctx.health.component("bus", true)`, then `bus.up()` and
//!   `bus.down("what is wrong, what to do")` where the code knows.
//! - To add a background task: `ctx.tasks.spawn("name", future)`; it listens to `ctx.shutdown.soft()`.

pub mod clock;
pub mod config;
pub mod context;
pub mod health;
pub mod ids;
pub mod lifecycle;
pub mod ops;
pub mod probe;
pub mod secret;
pub mod telemetry;

pub use clock::{Clock, MockClock};
pub use config::Config;
pub use context::Context;
pub use health::Health;
pub use ids::Ids;
pub use lifecycle::{Shutdown, Tasks};
pub use secret::{Secret, SecretUrl};
pub use telemetry::{Metrics, Scrubber, chain};

/// Of every process that is built on this crate. A process here makes and drops small things on all of its threads, which
/// with the system's own allocator took a quarter of the processor time of an event on the bus.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
