//! Tasks that are known by name, and whose end is noticed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{Instrument, info_span};

use super::shutdown::Shutdown;

/// Starts tasks. One that fails, panics or ends too early stops the whole process. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
    /// Goes before the names of tasks, where several services share a process.
    service: Option<Arc<str>>,
}

/// How long tasks have to end once a stop was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the request until the hard stop.
    pub soft: Duration,
    /// From the hard stop until what still runs is aborted.
    pub hard: Duration,
}

/// How it all ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every task ended as it should.
    Clean,
    /// A task failed, panicked or ended too early.
    Failed,
    /// Tasks were still running at the end, and were aborted.
    Aborted,
}

struct Shared {
    runtime: Handle,
    shutdown: Shutdown,
    state: Mutex<State>,
    /// Running tasks, for those who wait for all to end.
    running: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    started: u64,
    running: BTreeMap<u64, Running>,
    /// What the first failure said.
    failure: Option<String>,
}

struct Running {
    name: Arc<str>,
    /// Missing for the moment between the entry and the start.
    abort: Option<AbortHandle>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// Until a stop is asked for; an earlier end is a failure.
    UntilStopped,
    Finite,
}

/// Takes the entry away however the task ends: it is dropped with the task.
struct Entry {
    shared: Arc<Shared>,
    id: u64,
}

thread_local! {
    /// Whether this thread is inside of a supervised task, whose panic the supervisor logs.
    static SUPERVISED: Cell<bool> = const { Cell::new(false) };
    /// Message and place of the panic that just unwound such a task.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

// === impl Tasks ===

impl Tasks {
    pub fn new(runtime: Handle, shutdown: Shutdown) -> Self {
        route_panics();
        let state = Mutex::default();
        let shared = Shared {
            runtime,
            shutdown,
            state,
            running: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
            service: None,
        }
    }

    /// The same supervisor, with `service/` before the names of the tasks that are started through it.
    #[must_use]
    pub fn scoped(&self, service: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            service: Some(service.into()),
        }
    }

    /// Starts a task that lasts until a stop is asked for. Its failure, its panic and an earlier end stop the process.
    pub fn spawn<F>(&self, name: &str, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.start(name, Lasts::UntilStopped, future);
    }

    /// Starts a task that may end whenever it is done. Its failure and its panic stop the process.
    pub fn spawn_finite<F>(&self, name: &str, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.start(name, Lasts::Finite, future);
    }

    fn start<F>(&self, name: &str, lasts: Lasts, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let span = match &self.service {
            Some(service) => info_span!(parent: None, "task", %service, task = name),
            None => info_span!(parent: None, "task", task = name),
        };
        let name: Arc<str> = match &self.service {
            Some(service) => format!("{service}/{name}").into(),
            None => name.into(),
        };
        let shared = Arc::clone(&self.shared);
        let id = {
            let mut state = shared.state();
            state.started += 1;
            let id = state.started;
            state.running.insert(
                id,
                Running {
                    name: Arc::clone(&name),
                    abort: None,
                },
            );
            shared.running.send_replace(state.running.len());
            id
        };
        let entry = Entry {
            shared: Arc::clone(&shared),
            id,
        };
        // The lock is not held here: a runtime that is going down drops the future, and with it the entry, at once.
        let task = async move {
            let result = caught(future.instrument(span)).await;
            entry.shared.ended(&name, lasts, result);
            drop(entry);
        };
        let abort = shared.runtime.spawn(task).abort_handle();
        if let Some(running) = shared.state().running.get_mut(&id) {
            running.abort = Some(abort);
        }
    }

    /// Names of the tasks that run now, in the order of their start.
    pub fn running(&self) -> Vec<String> {
        self.shared.names()
    }

    /// What the first task that failed said, for a test that has no log.
    pub fn failure(&self) -> Option<String> {
        self.shared.state().failure.clone()
    }

    /// Waits until no task runs.
    pub async fn all_ended(&self) {
        let mut running = self.shared.running.subscribe();
        // The sender is in `shared`, which outlives this.
        let _ = running.wait_for(|running| *running == 0).await;
    }

    /// Waits until all tasks have ended, of their own or after a stop was asked for; then those that do not end in time
    /// are aborted, and named in the log.
    pub async fn supervise(&self, deadlines: Deadlines) -> Outcome {
        let shutdown = &self.shared.shutdown;
        let stopped = async {
            shutdown.soft().await;
            if tokio::time::timeout(deadlines.soft, self.all_ended())
                .await
                .is_ok()
            {
                return;
            }
            let names = self.shared.names().join(", ");
            tracing::warn!(
                tasks = names,
                "Still running after {:?}, dropped now: {names}",
                deadlines.soft
            );
            shutdown.force();
            let _ = tokio::time::timeout(deadlines.hard, self.all_ended()).await;
        };
        tokio::select! {
            () = self.all_ended() => {}
            () = stopped => {}
        }
        self.shared.finish()
    }
}

// === impl Deadlines ===

impl Default for Deadlines {
    /// Together below the five seconds in which a stop is promised.
    fn default() -> Self {
        Self {
            soft: Duration::from_secs(3),
            hard: Duration::from_secs(1),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// A panic elsewhere leaves the list whole: every change to it is one call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> Vec<String> {
        self.state()
            .running
            .values()
            .map(|running| running.name.to_string())
            .collect()
    }

    /// Judges the end of a task and logs what is wrong with it, once.
    fn ended(&self, name: &str, lasts: Lasts, result: Result<anyhow::Result<()>, String>) {
        let error = match result {
            Ok(Ok(())) if lasts == Lasts::Finite || self.shutdown.is_requested() => return,
            Ok(Ok(())) => "it ended although nobody asked it to stop".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic,
        };
        tracing::error!(task = name, error, "Task {name} failed: {error}");
        self.state()
            .failure
            .get_or_insert_with(|| format!("task {name} failed: {error}"));
        self.shutdown.request(format!("task {name} failed"));
    }

    fn finish(&self) -> Outcome {
        let mut state = self.state();
        let left: Vec<_> = state
            .running
            .values()
            .map(|running| running.name.to_string())
            .collect();
        let aborts: Vec<_> = state
            .running
            .values_mut()
            .filter_map(|running| running.abort.take())
            .collect();
        let has_failed = state.failure.is_some();
        drop(state);
        for abort in aborts {
            abort.abort();
        }
        if !left.is_empty() {
            let names = left.join(", ");
            tracing::error!(tasks = names, "Aborted, since they did not stop: {names}");
            return Outcome::Aborted;
        }
        if has_failed {
            Outcome::Failed
        } else {
            Outcome::Clean
        }
    }
}

// === impl Entry ===

impl Drop for Entry {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.running.remove(&self.id);
        self.shared.running.send_replace(state.running.len());
    }
}

/// Runs a future; a panic in it is an `Err` with its message and place.
async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        let before = SUPERVISED.replace(true);
        let polled = panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        SUPERVISED.set(before);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(payload) => {
                let noted = PANIC.take();
                let text = noted.unwrap_or_else(|| format!("panicked: {}", message(&*payload)));
                std::task::Poll::Ready(Err(text))
            }
        }
    })
    .await
}

/// Sends panics into the log, where secrets are taken out, rather than to standard error as they are. One in a supervised
/// task is left to the supervisor, which knows the task's name.
fn route_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let place = info
                .location()
                .map_or_else(String::new, |place| format!(" at {place}"));
            let text = format!("panicked{place}: {}", message(info.payload()));
            if SUPERVISED.get() {
                PANIC.set(Some(text));
            } else if tracing::dispatcher::has_been_set() {
                tracing::error!(
                    "Thread {} {text}",
                    std::thread::current().name().unwrap_or("without a name")
                );
            } else {
                default(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a value that is no text"
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use anyhow::{Context, anyhow};

    use super::*;

    fn tasks() -> (Tasks, Shutdown) {
        let shutdown = Shutdown::new();
        (Tasks::new(Handle::current(), shutdown.clone()), shutdown)
    }

    fn until_stopped(shutdown: &Shutdown) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let shutdown = shutdown.clone();
        async move {
            shutdown.soft().await;
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_stop_that_everybody_heeds_is_clean() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("one", until_stopped(&shutdown));
        tasks.scoped("worker").spawn("two", until_stopped(&shutdown));
        tasks.spawn_finite("three", async { Ok(()) });
        assert_eq!(tasks.running(), ["one", "worker/two", "three"]);
        shutdown.request("test");
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Clean);
        assert!(tasks.running().is_empty());
    }

    #[tokio::test]
    async fn all_finite_tasks_ending_is_clean() {
        let (tasks, shutdown) = tasks();
        tasks.spawn_finite("one", async { Ok(()) });
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Clean);
        assert!(!shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_failing_task_stops_the_others() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("other", until_stopped(&shutdown));
        tasks.spawn("dying", async {
            Err(anyhow!("no route")).context("could not reach the store")
        });
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Failed);
        assert_eq!(shutdown.reason(), Some("task dying failed"));
        let failure = tasks.failure().unwrap();
        assert_eq!(failure, "task dying failed: could not reach the store: no route");
    }

    #[tokio::test]
    async fn a_panic_stops_the_others() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("other", until_stopped(&shutdown));
        tasks.spawn_finite("dying", async { panic!("index out of range") });
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Failed);
        assert_eq!(shutdown.reason(), Some("task dying failed"));
    }

    #[tokio::test]
    async fn an_early_end_stops_the_others() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("other", until_stopped(&shutdown));
        tasks.spawn("leaving", async { Ok(()) });
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Failed);
    }

    #[tokio::test]
    async fn a_failure_during_the_stop_still_counts() {
        let (tasks, shutdown) = tasks();
        let heard = shutdown.clone();
        tasks.spawn("dying", async move {
            heard.soft().await;
            Err(anyhow!("could not save"))
        });
        shutdown.request("test");
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadlines_are_soft_then_hard_then_over() {
        let (tasks, shutdown) = tasks();
        let began = tokio::time::Instant::now();
        let heard = shutdown.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tasks.spawn("slow", async move {
            heard.hard().await;
            let _ = sender.send(began.elapsed());
            Ok(())
        });
        tasks.spawn("deaf", pending());
        shutdown.request("test");
        assert_eq!(tasks.supervise(Deadlines::default()).await, Outcome::Aborted);
        assert_eq!(receiver.await.unwrap().as_secs(), 3);
        assert_eq!(began.elapsed().as_secs(), 4);
        tasks.all_ended().await;
    }

    #[tokio::test]
    async fn a_panic_names_its_message_and_place() {
        let result = caught(async { panic!("at {}", 7) }).await;
        let Err(text) = result.map(|(): ()| ()) else {
            panic!("it panicked")
        };
        assert!(text.ends_with("at 7"), "{text}");
    }

    #[test]
    fn a_runtime_that_is_gone_leaves_no_task_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tasks = Tasks::new(runtime.handle().clone(), Shutdown::new());
        drop(runtime);
        tasks.spawn("late", async { Ok(()) });
        assert!(tasks.running().is_empty());
    }
}
