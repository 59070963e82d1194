//! Keeping a component's health true by asking, from time to time, something outside.

use crate::clock::Clock;
use crate::health::Component;
use crate::lifecycle::Shutdown;
use std::future::Future;
use std::time::Duration;

/// How often something that is well is looked at again.
const CALM: Duration = Duration::from_secs(60);
/// The first and the longest pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Well,
    /// It does not answer, and may again. The text says what is wrong.
    Away(String),
    /// It answers that it wants nothing of us, and only a person can change that: it is not asked again, since
    /// asking counts against us. The text says what is wrong and what to do.
    Refused(String),
}

/// Something outside that can be asked how it is.
pub trait Probe: Send + 'static {
    fn look(&self) -> impl Future<Output = Seen> + Send;
}

/// Looks until we stop.
pub async fn watch(
    probe: impl Probe,
    component: Component,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = tokio::select! {
            seen = probe.look() => seen,
            () = shutdown.soft() => return Ok(()),
        };
        let wait = match seen {
            Seen::Well => {
                component.up();
                pause = FIRST_PAUSE;
                CALM
            }
            Seen::Away(what) => {
                component.down(what);
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
            Seen::Refused(what) => {
                component.down(what);
                shutdown.soft().await;
                return Ok(());
            }
        };
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = shutdown.soft() => return Ok(()),
        }
    }
}

/// The innermost reason of an error. The outer ones of an HTTP client only repeat that a request failed, and name its
/// address, which may hold a token.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, Status};
    use crate::telemetry::Metrics;
    use chrono::TimeDelta;
    use std::sync::{Arc, Mutex};

    /// Answers what the test wrote down, and keeps the last answer.
    #[derive(Clone)]
    struct Scripted {
        answers: Arc<Mutex<Vec<Seen>>>,
        asked: Arc<tokio::sync::Semaphore>,
    }

    impl Probe for Scripted {
        async fn look(&self) -> Seen {
            self.asked.add_permits(1);
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 {
                answers.remove(0)
            } else {
                answers[0].clone()
            }
        }
    }

    #[tokio::test]
    async fn pauses_grow_and_a_refusal_ends_the_asking() {
        let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let health = Health::new("test", "1.2.3", clock.clone(), Metrics::local());
        let shutdown = Shutdown::new();
        let away = || Seen::Away("gone".to_owned());
        let probe = Scripted {
            answers: Arc::new(Mutex::new(vec![
                away(),
                away(),
                Seen::Well,
                Seen::Refused("no".to_owned()),
            ])),
            asked: Arc::new(tokio::sync::Semaphore::new(0)),
        };
        let asked = Arc::clone(&probe.asked);
        let mut reports = health.watch();
        let component = health.component("outside", true);
        let watching = tokio::spawn(watch(probe, component, clock, shutdown.clone()));

        let status = |health: &Health| health.report().components[0].status;
        asked.acquire().await.unwrap().forget();
        for (wait, expected) in [(1, Status::Down), (2, Status::Up), (60, Status::Down)] {
            while mock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            mock.advance(TimeDelta::seconds(wait) - TimeDelta::milliseconds(1));
            tokio::task::yield_now().await;
            assert_eq!(asked.available_permits(), 0, "asked before {wait} s were over");
            mock.advance(TimeDelta::milliseconds(1));
            asked.acquire().await.unwrap().forget();
            reports
                .wait_for(|report| report.components[0].status == expected)
                .await
                .unwrap();
            assert_eq!(status(&health), expected);
        }
        // Refused: nobody sleeps any more, the watch only waits for the stop.
        assert_eq!(mock.sleepers(), 0);
        shutdown.request("test");
        watching.await.unwrap().unwrap();
        assert_eq!(asked.available_permits(), 0);
    }
}
