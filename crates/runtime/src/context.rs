//! What every service receives.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::config::Config;
use crate::health::Health;
use crate::ids::Ids;
use crate::lifecycle::{Shutdown, Tasks};
use crate::telemetry::{Metrics, Scrubber};

/// The surroundings of a service: what it is told, and where it reports. Cheap to clone.
///
/// A service is a library with `async fn run(ctx: Context) -> anyhow::Result<()>`; the process that holds several of them
/// gives each its own with [`Context::service`].
#[derive(Clone)]
pub struct Context {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub ids: Ids,
    pub health: Health,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub shutdown: Shutdown,
    /// Secrets that were made after the start are hidden from the log here.
    pub scrubber: Scrubber,
    name: Arc<str>,
    version: Arc<str>,
}

// === impl Context ===

impl Context {
    /// A context without a process around it, inside of a tokio runtime: for tests, which own the clock.
    ///
    /// `ctx.tasks.supervise(..)` tells how its tasks ended.
    pub fn new(name: &str, version: &str, config: Config, clock: Clock, ids: Ids, metrics: Metrics) -> Self {
        let shutdown = Shutdown::new();
        let scrubber = Scrubber::new(config.secrets());
        Self {
            health: Health::new(name, version, clock.clone(), metrics.clone()),
            tasks: Tasks::new(Handle::current(), shutdown.clone()),
            config: Arc::new(config),
            clock,
            ids,
            metrics,
            shutdown,
            scrubber,
            name: name.into(),
            version: version.into(),
        }
    }

    /// The context of one service among several in this process: its tasks and components carry its name.
    #[must_use]
    pub fn service(&self, name: &str) -> Self {
        self.metrics.build_info(name, &self.version);
        Self {
            health: self.health.scoped(name),
            tasks: self.tasks.scoped(name),
            name: name.into(),
            ..self.clone()
        }
    }

    /// The service's name: `worker`, `backend`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> &str {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn services_in_one_process_share_all_but_their_names() {
        let (clock, _) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let ids = Ids::seeded(clock.clone(), 1);
        let config = Config::from_map::<&str, &str>([]).unwrap();
        let ctx = Context::new("lockdown", "1.2.3", config, clock, ids, Metrics::local());
        let (worker, backend) = (ctx.service("worker"), ctx.service("backend"));
        worker.health.component("bus", true).up();
        backend.health.component("bus", true);
        let names: Vec<_> = ctx
            .health
            .report()
            .components
            .iter()
            .map(|c| c.name.clone())
            .collect();
        assert_eq!(names, ["backend/bus", "worker/bus"]);
        worker.tasks.spawn_finite("once", async { Ok(()) });
        assert_eq!(backend.tasks.running(), ["worker/once"]);
        assert_eq!(
            (worker.name(), ctx.name(), worker.version()),
            ("worker", "lockdown", "1.2.3")
        );
        backend.shutdown.request("test");
        assert!(worker.shutdown.is_requested());
        assert!(
            ctx.metrics
                .render()
                .contains("lockdown_build_info{service=\"worker\",version=\"1.2.3\"} 1")
        );
    }
}
