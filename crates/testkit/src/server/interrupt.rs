//! The wish of a person to stop, carried to everything that waits.

use anyhow::Context as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often somebody asked us to stop (Ctrl-C, SIGTERM). Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU32>);

/// We were asked to stop. In an [`anyhow::Error`] it can be told apart from a failure by its type.
#[derive(Debug)]
pub struct Interrupted;

// === impl Interrupt ===

impl Interrupt {
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn times(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn check(&self) -> Result<(), Interrupted> {
        if self.times() == 0 {
            Ok(())
        } else {
            Err(Interrupted)
        }
    }

    /// Asks again and again until there is an answer. `what` says in the error what we were waiting for.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut answer: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            if let Some(answer) = answer()? {
                return Ok(answer);
            }
            self.check()?;
            if start.elapsed() > limit {
                return None.with_context(|| format!("{what} took longer than {} s", limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

// === impl Interrupted ===

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}
