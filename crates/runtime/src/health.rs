//! Which parts of the process work, for people, for load balancers and for the dashboard.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::telemetry::Metrics;

/// The parts of a process and how they are. Cheap to clone; clones share one registry.
#[derive(Clone)]
pub struct Health {
    shared: Arc<Shared>,
    /// Goes before the names of components, where several services share a process.
    prefix: Option<Arc<str>>,
}

/// One part, in the hands of the code that knows how it is.
#[derive(Clone)]
pub struct Component {
    shared: Arc<Shared>,
    name: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Starting,
    Up,
    /// Works, but not as it should: slower, or without some of what it does.
    Degraded,
    Down,
}

/// What `/health/ready` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `up` only when every component is; a component that is not required makes it `degraded` at worst.
    pub status: Status,
    pub service: String,
    pub version: String,
    /// Every required component is up or degraded.
    pub ready: bool,
    pub components: Vec<ComponentReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentReport {
    pub name: String,
    pub status: Status,
    /// What is wrong and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub since: DateTime<Utc>,
    /// Whether the process is ready without it.
    pub required: bool,
}

struct Shared {
    clock: Clock,
    metrics: Metrics,
    /// The report as it was after the last change.
    report: watch::Sender<Report>,
    /// Held from a change to its log line, so that both come in one order.
    order: Mutex<()>,
}

// === impl Health ===

impl Health {
    pub fn new(service: &str, version: &str, clock: Clock, metrics: Metrics) -> Self {
        let mut report = Report {
            status: Status::Up,
            service: service.into(),
            version: version.into(),
            ready: true,
            components: Vec::new(),
        };
        report.sum_up();
        let shared = Shared {
            clock,
            metrics,
            report: watch::Sender::new(report),
            order: Mutex::new(()),
        };
        Self {
            shared: Arc::new(shared),
            prefix: None,
        }
    }

    /// The same registry, with `service/` before the names of the components that are added through it.
    #[must_use]
    pub fn scoped(&self, service: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            prefix: Some(service.into()),
        }
    }

    /// A part of the process, `Starting` until it says otherwise. A `required` one keeps the process unready until then.
    /// The same name gives the same component.
    pub fn component(&self, name: &str, required: bool) -> Component {
        let name: Arc<str> = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}").into(),
            None => name.into(),
        };
        let component = Component {
            shared: Arc::clone(&self.shared),
            name: Arc::clone(&name),
        };
        let _order = self.shared.order();
        let since = self.shared.clock.now();
        let is_new = self.shared.report.send_if_modified(|report| {
            if report.components.iter().any(|known| *known.name == *name) {
                return false;
            }
            let status = Status::Starting;
            report.components.push(ComponentReport {
                name: name.to_string(),
                status,
                detail: None,
                since,
                required,
            });
            report.components.sort_by(|a, b| a.name.cmp(&b.name));
            report.sum_up();
            true
        });
        if is_new {
            self.shared.gauge(&name, Status::Starting);
        }
        component
    }

    pub fn report(&self) -> Report {
        self.shared.report.borrow().clone()
    }

    /// Whether every required component is up or degraded.
    pub fn ready(&self) -> bool {
        self.shared.report.borrow().ready
    }

    /// Follows the report: `changed().await`, or `wait_for(|report| report.ready).await`.
    pub fn watch(&self) -> watch::Receiver<Report> {
        self.shared.report.subscribe()
    }
}

// === impl Component ===

impl Component {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn up(&self) {
        self.set(Status::Up, None);
    }

    /// Works, with a fault: say what is wrong and what to do.
    pub fn degraded(&self, detail: impl Into<String>) {
        self.set(Status::Degraded, Some(detail.into()));
    }

    /// Does not work: say what is wrong and what to do.
    pub fn down(&self, detail: impl Into<String>) {
        self.set(Status::Down, Some(detail.into()));
    }

    /// Not ready yet, for instance while it reconnects.
    pub fn starting(&self, detail: impl Into<String>) {
        self.set(Status::Starting, Some(detail.into()));
    }

    /// `since` moves and a line is logged only when the status changes: whoever retries may say the same again and again.
    fn set(&self, status: Status, detail: Option<String>) {
        let Self { shared, name } = self;
        let _order = shared.order();
        let now = shared.clock.now();
        let mut before = None;
        shared.report.send_if_modified(|report| {
            let component = report
                .components
                .iter_mut()
                .find(|component| *component.name == **name);
            let component = component.expect("a handle exists only for a component that was added");
            if component.status == status && component.detail == detail {
                return false;
            }
            if component.status != status {
                before = Some(component.status);
                component.status = status;
                component.since = now;
            }
            component.detail.clone_from(&detail);
            report.sum_up();
            true
        });
        let Some(before) = before else { return };
        shared.gauge(name, status);
        let detail = detail.unwrap_or_default();
        match status {
            Status::Up => tracing::info!(component = %name, "{name} is up (was {before})"),
            Status::Starting => {
                tracing::info!(component = %name, detail, "{name} is starting (was {before}): {detail}");
            }
            Status::Degraded | Status::Down => {
                tracing::warn!(component = %name, detail, "{name} is {status} (was {before}): {detail}");
            }
        }
    }
}

// === impl Report ===

impl Report {
    fn sum_up(&mut self) {
        let works = |status| matches!(status, Status::Up | Status::Degraded);
        let required = || self.components.iter().filter(|component| component.required);
        let any = |status| required().any(|component| component.status == status);
        self.status = if any(Status::Down) {
            Status::Down
        } else if any(Status::Starting) {
            Status::Starting
        } else if self
            .components
            .iter()
            .any(|c| matches!(c.status, Status::Degraded | Status::Down))
        {
            Status::Degraded
        } else {
            Status::Up
        };
        self.ready = required().all(|component| works(component.status));
    }
}

// === impl Status ===

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        })
    }
}

// === impl Shared ===

impl Shared {
    fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gauge(&self, name: &Arc<str>, status: Status) {
        let up = if matches!(status, Status::Up | Status::Degraded) {
            1.0
        } else {
            0.0
        };
        let name = name.to_string();
        self.metrics
            .record(|| metrics::gauge!("lockdown_component_up", "component" => name).set(up));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::MockClock;

    fn health() -> (Health, MockClock) {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        (Health::new("worker", "1.2.3", clock, Metrics::local()), mock)
    }

    #[test]
    fn ready_is_when_every_required_component_works() {
        let (health, _) = health();
        assert!(health.ready(), "nothing is required yet");
        let bus = health.component("bus", true);
        let store = health.component("store", true);
        let hooks = health.component("webhooks", false);
        assert!(!health.ready());
        bus.up();
        assert!(!health.ready());
        store.degraded("a replica is away; check its disk");
        hooks.down("no address answers; check the network");
        assert!(health.ready());
        assert_eq!(health.report().status, Status::Degraded);
        bus.down("Redis is away; check REDIS_URL");
        assert!(!health.ready());
        assert_eq!(health.report().status, Status::Down);
        bus.starting("reconnecting");
        assert!(!health.ready());
        assert_eq!(health.report().status, Status::Starting);
    }

    #[test]
    fn the_report_has_a_stable_form() {
        let (health, mock) = health();
        health.component("store", true).up();
        let discord = health.scoped("discord-bot").component("gateway", false);
        mock.advance(TimeDelta::seconds(1));
        discord.down("the token is refused; set DISCORD_TOKEN");
        mock.advance(TimeDelta::seconds(1));
        discord.down("the token is refused again; set DISCORD_TOKEN");
        assert_eq!(
            serde_json::to_value(health.report()).unwrap(),
            serde_json::json!({
                "status": "degraded", "service": "worker", "version": "1.2.3", "ready": true,
                "components": [
                    {"name": "discord-bot/gateway", "status": "down", "required": false,
                     "detail": "the token is refused again; set DISCORD_TOKEN", "since": "2026-11-20T09:06:01Z"},
                    {"name": "store", "status": "up", "since": "2026-11-20T09:06:00Z", "required": true},
                ],
            })
        );
    }

    #[test]
    fn one_name_is_one_component() {
        let (health, _) = health();
        health.component("bus", true).up();
        health.component("bus", true);
        let report = health.report();
        assert_eq!(
            (report.components.len(), report.status),
            (1, Status::Up),
            "asking again does not restart it"
        );
    }

    #[test]
    fn the_gauge_follows() {
        let (health, _) = health();
        let bus = health.component("bus", true);
        let gauge = |value: u8| format!("lockdown_component_up{{component=\"bus\"}} {value}");
        assert!(health.shared.metrics.render().contains(&gauge(0)));
        bus.degraded("slow");
        assert!(health.shared.metrics.render().contains(&gauge(1)));
        bus.down("gone");
        assert!(health.shared.metrics.render().contains(&gauge(0)));
    }

    #[tokio::test]
    async fn a_change_can_be_awaited() {
        let (health, _) = health();
        let bus = health.component("bus", true);
        let mut watch = health.watch();
        let waiting = tokio::spawn(async move {
            watch
                .wait_for(|report| report.ready)
                .await
                .map(|report| report.status)
        });
        tokio::task::yield_now().await;
        bus.up();
        assert_eq!(waiting.await.unwrap().unwrap(), Status::Up);
        let mut watch = health.watch();
        bus.up();
        assert!(!watch.has_changed().unwrap(), "the same again is no change");
        bus.down("gone");
        watch.changed().await.unwrap();
    }
}
