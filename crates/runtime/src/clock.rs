//! The time, which a test can own.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::oneshot;

/// A sleep looks at the wall clock at least this often, so that a clock that was set is noticed.
const RECHECK: Duration = Duration::from_secs(60);

/// Tells the time and waits for it. Cheap to clone; every clone of a mock tells the same time.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    Wall(fn() -> DateTime<Utc>),
    Mock(Arc<Mutex<Mock>>),
}

/// Moves the time of the [`Clock`] it came with.
#[derive(Clone)]
pub struct MockClock(Arc<Mutex<Mock>>);

struct Mock {
    now: DateTime<Utc>,
    registered: u64,
    /// By time, then by order of arrival.
    sleepers: BTreeMap<(DateTime<Utc>, u64), oneshot::Sender<()>>,
}

/// Takes a sleeper off the list when its future is dropped.
struct Registration {
    mock: Arc<Mutex<Mock>>,
    key: (DateTime<Utc>, u64),
}

// === impl Clock ===

impl Clock {
    pub fn system() -> Self {
        Self(Kind::Wall(wall_time))
    }

    /// A clock that stands still until the [`MockClock`] moves it.
    pub fn mock(start: DateTime<Utc>) -> (Self, MockClock) {
        let mock = Mock {
            now: micros(start),
            registered: 0,
            sleepers: BTreeMap::new(),
        };
        let mock = Arc::new(Mutex::new(mock));
        (Self(Kind::Mock(Arc::clone(&mock))), MockClock(mock))
    }

    /// The time, in whole microseconds: what Postgres keeps, so that a time read back equals the one written.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Kind::Wall(now) => micros(now()),
            Kind::Mock(mock) => lock(mock).now,
        }
    }

    /// Waits until the clock shows `deadline` or later, also when the wall clock is set meanwhile.
    pub fn sleep_until(&self, deadline: DateTime<Utc>) -> impl Future<Output = ()> + Send + 'static + use<> {
        let clock = self.clone();
        async move {
            match clock.0 {
                Kind::Wall(now) => loop {
                    let Ok(left) = (deadline - now()).to_std() else {
                        return;
                    };
                    if left.is_zero() {
                        return;
                    }
                    tokio::time::sleep(left.min(RECHECK)).await;
                },
                Kind::Mock(mock) => Self::sleep_mocked(mock, deadline).await,
            }
        }
    }

    /// Waits for this long, counted from the call. A wall clock that is set changes nothing.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        let clock = self.clone();
        let deadline = TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.now().checked_add_signed(delta));
        let started = matches!(self.0, Kind::Wall(_)).then(std::time::Instant::now);
        async move {
            match (clock.0, started, deadline) {
                (Kind::Mock(mock), _, Some(deadline)) => Self::sleep_mocked(mock, deadline).await,
                // Longer than calendars reach.
                (Kind::Mock(_), _, None) => std::future::pending().await,
                (Kind::Wall(_), started, _) => {
                    let passed = started.map_or(Duration::ZERO, |started| started.elapsed());
                    tokio::time::sleep(duration.saturating_sub(passed)).await;
                }
            }
        }
    }

    /// The check and the registration happen under one lock: no advance can fall between them.
    async fn sleep_mocked(mock: Arc<Mutex<Mock>>, deadline: DateTime<Utc>) {
        let (woken, _registration) = {
            let mut state = lock(&mock);
            if state.now >= deadline {
                return;
            }
            let (wake, woken) = oneshot::channel();
            state.registered += 1;
            let key = (deadline, state.registered);
            state.sleepers.insert(key, wake);
            drop(state);
            (woken, Registration { mock, key })
        };
        // The sender lives in the list until it is used, and the list lives as long as we hold the mock.
        let _ = woken.await;
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Wall(_) => "wall",
            Kind::Mock(_) => "mock",
        };
        write!(f, "Clock({kind}, {})", self.now())
    }
}

// === impl MockClock ===

impl MockClock {
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.0).now
    }

    /// Moves the time and wakes every sleeper that is due, the earliest first. Backwards is allowed and wakes nobody.
    pub fn advance(&self, by: TimeDelta) {
        let mut state = lock(&self.0);
        let to = state.now + by;
        state.set(to);
    }

    /// Jumps to a time, and wakes as [`MockClock::advance`] does.
    pub fn set(&self, to: DateTime<Utc>) {
        lock(&self.0).set(to);
    }

    /// How many wait for this clock.
    pub fn sleepers(&self) -> usize {
        lock(&self.0).sleepers.len()
    }

    /// When the next sleeper is due.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        lock(&self.0).sleepers.first_key_value().map(|((due, _), _)| *due)
    }
}

// === impl Mock ===

impl Mock {
    fn set(&mut self, to: DateTime<Utc>) {
        self.now = micros(to);
        while let Some(entry) = self
            .sleepers
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            // Nobody receives where the sleeper was dropped a moment ago.
            let _ = entry.remove().send(());
        }
    }
}

// === impl Registration ===

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.mock).sleepers.remove(&self.key);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
fn wall_time() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// A panic elsewhere leaves the list whole: every change to it is one call.
fn lock(mock: &Mutex<Mock>) -> MutexGuard<'_, Mock> {
    mock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-20T09:06:00Z".parse().unwrap()
    }

    #[test]
    fn the_time_is_whole_microseconds() {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00.123456789Z".parse().unwrap());
        assert_eq!(clock.now().timestamp_subsec_nanos(), 123_456_000);
        mock.advance(TimeDelta::nanoseconds(1999));
        assert_eq!(clock.now().timestamp_subsec_nanos(), 123_457_000);
        assert_eq!(Clock::system().now().timestamp_subsec_nanos() % 1000, 0);
    }

    /// Lets every task run until all of them wait.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn advancing_wakes_those_that_are_due_in_order() {
        let (clock, mock) = Clock::mock(start());
        let woken = Arc::new(Mutex::new(Vec::new()));
        for seconds in [30, 10, 20, 10, 60] {
            let (clock, woken) = (clock.clone(), Arc::clone(&woken));
            tokio::spawn(async move {
                clock.sleep_until(start() + TimeDelta::seconds(seconds)).await;
                woken.lock().unwrap().push(seconds);
            });
        }
        settle().await;
        assert_eq!(
            (mock.sleepers(), mock.next_due()),
            (5, Some(start() + TimeDelta::seconds(10)))
        );
        mock.advance(TimeDelta::milliseconds(9_999));
        settle().await;
        assert!(woken.lock().unwrap().is_empty());
        mock.advance(TimeDelta::milliseconds(20_001));
        settle().await;
        assert_eq!(*woken.lock().unwrap(), [10, 10, 20, 30]);
        assert_eq!(mock.sleepers(), 1);
    }

    #[tokio::test]
    async fn a_step_back_wakes_nobody() {
        let (clock, mock) = Clock::mock(start());
        let task = tokio::spawn(clock.sleep(Duration::from_secs(60)));
        settle().await;
        mock.set(start() - TimeDelta::days(1));
        mock.advance(TimeDelta::hours(23));
        settle().await;
        assert!(!task.is_finished());
        mock.set(start() + TimeDelta::seconds(60));
        task.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_past_does_not_wait_and_what_is_dropped_is_forgotten() {
        let (clock, mock) = Clock::mock(start());
        clock.sleep_until(start()).await;
        clock.sleep(Duration::ZERO).await;
        // Counted from the call, not from the first poll.
        let sleep = clock.sleep(Duration::from_secs(5));
        mock.advance(TimeDelta::seconds(5));
        sleep.await;
        let task = tokio::spawn(clock.sleep(Duration::from_secs(5)));
        settle().await;
        assert_eq!(mock.sleepers(), 1);
        task.abort();
        let _ = task.await;
        assert_eq!(mock.sleepers(), 0);
    }

    #[test]
    fn no_advance_is_missed_by_a_sleeper_on_another_thread() {
        for _ in 0..200 {
            let (clock, mock) = Clock::mock(start());
            let deadline = start() + TimeDelta::seconds(1);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let sleeper = std::thread::spawn(move || runtime.block_on(clock.sleep_until(deadline)));
            mock.advance(TimeDelta::seconds(1));
            sleeper.join().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_forward_is_noticed_within_a_minute() {
        static SECONDS: AtomicI64 = AtomicI64::new(0);
        let clock = Clock(Kind::Wall(|| {
            DateTime::from_timestamp(SECONDS.load(Ordering::SeqCst), 0).unwrap()
        }));
        let began = tokio::time::Instant::now();
        let task = tokio::spawn(clock.sleep_until(DateTime::from_timestamp(86_400, 0).unwrap()));
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert!(
            !task.is_finished(),
            "the wall clock stands still, so the time has not come"
        );
        SECONDS.store(90_000, Ordering::SeqCst);
        task.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 120);
    }

    #[tokio::test]
    async fn the_system_clock_sleeps_until_its_time() {
        let clock = Clock::system();
        let deadline = clock.now() + TimeDelta::milliseconds(30);
        clock.sleep_until(deadline).await;
        assert!(clock.now() >= deadline);
    }
}
