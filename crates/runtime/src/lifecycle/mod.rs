//! From the first line of `main` to the exit code: configuration, telemetry, signals, tasks, deadlines.

mod alone;
mod shutdown;
mod signals;
mod tasks;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

pub use self::alone::{Http, alone};
pub use self::shutdown::Shutdown;
pub use self::tasks::{Deadlines, Outcome, Tasks};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Loaded, Warning};
use crate::context::Context;
use crate::ids::Ids;
use crate::telemetry::{self, Metrics, Telemetry};

/// A task failed, or did not stop.
const FAILED: u8 = 1;
/// The configuration is wrong: nothing was started.
const MISCONFIGURED: u8 = 2;
/// From the request to stop to the end of the process, the last spans included.
const WHOLE_STOP: Duration = Duration::from_millis(4_700);

/// A process to be: what it is called, and how it deviates from the usual.
pub struct Process {
    name: &'static str,
    version: &'static str,
    kind: Kind,
    loaded: Option<Loaded>,
    deadlines: Deadlines,
    required: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Command,
}

/// Runs a service: `fn main() -> ExitCode { lifecycle::main("worker", env!("CARGO_PKG_VERSION"), worker::run) }`.
///
/// See [`Process::service`]; this is the usual one.
pub fn main<F, Fut>(name: &'static str, version: &'static str, body: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    Process::service(name, version).run(body)
}

/// Prints every fault of a configuration on standard error, and gives exit code 2.
pub fn refuse(name: &str, error: &ConfigError) -> ExitCode {
    eprintln!("{name}: the configuration is wrong\n{error}");
    ExitCode::from(MISCONFIGURED)
}

// === impl Process ===

impl Process {
    /// A process that runs until it is told to stop. Its body may start tasks and return; when everything has ended and
    /// nobody asked for that, the process has failed.
    pub fn service(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            kind: Kind::Service,
            loaded: None,
            deadlines: Deadlines::default(),
            required: &[],
        }
    }

    /// A process that does one thing: when its body has ended, its tasks are told to stop, and all is well.
    pub fn command(name: &'static str, version: &'static str) -> Self {
        Self {
            kind: Kind::Command,
            ..Self::service(name, version)
        }
    }

    /// Takes this configuration, a [`Config`] or what [`Config::load`] gave, in the place of the environment's.
    #[must_use]
    pub fn config(mut self, loaded: impl Into<Loaded>) -> Self {
        self.loaded = Some(loaded.into());
        self
    }

    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Variables without which this process makes no sense.
    #[must_use]
    pub fn requires(mut self, variables: &'static [&'static str]) -> Self {
        self.required = variables;
        self
    }

    /// Runs the process to its end. Exit code 0: as it should; 1: a task failed or did not stop; 2: the configuration is
    /// wrong; 130: ended by a second signal.
    pub fn run<F, Fut>(self, body: F) -> ExitCode
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let Loaded { config, warnings } = match self.loaded.map_or_else(|| Config::load(self.required), Ok) {
            Ok(loaded) => loaded,
            Err(error) => return refuse(self.name, &error),
        };
        // Signals and deadlines get a thread and a runtime of their own: tasks that block every worker must not be able to
        // keep a process from being stopped.
        let runtimes = Builder::new_multi_thread()
            .enable_all()
            .thread_name(self.name)
            .build()
            .and_then(|services| Ok((services, Builder::new_current_thread().enable_all().build()?)));
        let (services, supervisor) = match runtimes {
            Ok(runtimes) => runtimes,
            Err(error) => {
                eprintln!("{}: could not start the runtime: {error}", self.name);
                return ExitCode::from(FAILED);
            }
        };
        let telemetry = {
            let _inside = services.enter();
            telemetry::init(&config, self.name, self.version)
        };
        let telemetry = match telemetry {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("{}: {}", self.name, telemetry::chain(&error));
                return ExitCode::from(FAILED);
            }
        };
        let mut ctx = {
            let _inside = services.enter();
            let clock = Clock::system();
            let ids = Ids::system(clock.clone());
            Context::new(self.name, self.version, config, clock, ids, Metrics::global())
        };
        ctx.scrubber = telemetry.scrubber().clone();
        ctx.metrics.build_info(self.name, self.version);
        ctx.metrics.spawn_upkeep(services.handle());
        let outcome = supervisor.block_on(async {
            // Before the body runs, so that no signal finds the process unprepared.
            let signals = match signals::listen(&ctx.shutdown) {
                Ok(signals) => signals,
                Err(error) => {
                    tracing::error!(%error, "Could not listen for signals: {error}");
                    return Outcome::Failed;
                }
            };
            let whole = async {
                let outcome = supervise(self.kind, self.deadlines, ctx, &warnings, body).await;
                flush(telemetry, outcome.1).await;
                outcome.0
            };
            tokio::select! {
                outcome = whole => outcome,
                never = signals => match never {},
            }
        });
        // What is no supervised task is dropped; a thread that blocks must not hold the process.
        services.shutdown_timeout(Duration::from_millis(100));
        match outcome {
            Outcome::Clean => ExitCode::SUCCESS,
            Outcome::Failed | Outcome::Aborted => ExitCode::from(FAILED),
        }
    }
}

/// Runs the body and its tasks to their end; also tells when the end began.
async fn supervise<F, Fut>(
    kind: Kind,
    deadlines: Deadlines,
    ctx: Context,
    warnings: &[Warning],
    body: F,
) -> (Outcome, Instant)
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    for warning in warnings {
        tracing::warn!(variable = warning.variable, "{warning}");
    }
    let (tasks, shutdown) = (ctx.tasks.clone(), ctx.shutdown.clone());
    let (name, version) = (ctx.name().to_owned(), ctx.version().to_owned());
    if kind == Kind::Service {
        tracing::info!(service = name, version, "Starting {name} {version}");
    }
    let ended = shutdown.clone();
    let refused = Arc::new(AtomicBool::new(false));
    let said = Arc::clone(&refused);
    tasks.spawn_finite(&name, async move {
        if kind == Kind::Service {
            let begun = body(ctx).await;
            if let (Err(error), true) = (&begun, ended.is_requested()) {
                // What was still beginning has nothing to begin with any more.
                tracing::info!("Stopped before all had begun: {}", telemetry::chain(&**error));
                return Ok(());
            }
            return begun;
        }
        let scrubber = ctx.scrubber.clone();
        if let Err(error) = body(ctx).await {
            // To the person who typed the command: no line of a log.
            eprintln!("error: {}", scrubber.scrub(&telemetry::chain(&*error)));
            said.store(true, Ordering::Relaxed);
        }
        ended.request_quietly("done");
        Ok(())
    });
    let mut outcome = tasks.supervise(deadlines).await;
    if refused.load(Ordering::Relaxed) && outcome == Outcome::Clean {
        outcome = Outcome::Failed;
    }
    if kind == Kind::Service {
        if outcome == Outcome::Clean && !shutdown.is_requested() {
            tracing::error!("{name} has nothing left to do although nobody asked it to stop");
            outcome = Outcome::Failed;
        }
        tracing::info!(service = name, "Stopped {name}");
    }
    (outcome, shutdown.requested_at().unwrap_or_else(Instant::now))
}

/// Sends the last spans, in the time that is left of the stop.
async fn flush(telemetry: Telemetry, since: Instant) {
    let left = WHOLE_STOP
        .saturating_sub(since.elapsed())
        .max(Duration::from_millis(200));
    // It blocks, and a second signal must still be heard. A panic in it loses spans, nothing else.
    let _ = tokio::task::spawn_blocking(move || telemetry.shutdown_within(left)).await;
}
