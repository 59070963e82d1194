//! A transaction that is tried again when others were in its way.

use crate::error::Retry;
use std::time::{Duration, Instant};

/// Enough to get through a connection that was cut or a crowd at one row; a server that is away for longer is said to be.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Counts the tries of one transaction.
#[derive(Debug)]
pub struct Attempts {
    begun: Instant,
    pause: Duration,
}

// === impl Attempts ===

impl Default for Attempts {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            pause: FIRST_PAUSE,
        }
    }
}

impl Attempts {
    /// What came of a try, unless it is worth another one; then this has waited for the right moment.
    pub async fn settle<T, E: Retry>(&mut self, outcome: Result<T, E>) -> Option<Result<T, E>> {
        match &outcome {
            Err(error) if error.is_transient() && self.begun.elapsed() < PATIENCE => {
                metrics::counter!("lockdown_store_retries_total").increment(1);
                tokio::time::sleep(self.pause.mul_f64(0.5 + fastrand::f64())).await;
                self.pause = LONGEST_PAUSE.min(self.pause * 2);
                None
            }
            _ => Some(outcome),
        }
    }
}

/// Runs the block in a transaction: commits when it is `Ok`, rolls back and hands on the error when it is not. It is run
/// again when the database was contended or away, so it moves nothing out of its surroundings.
///
/// ```ignore
/// let case = in_tx!(store, |tx| {
///     let identity = tx.see(&seen, new).await?;
///     tx.link_identity(account, identity.id, now).await?;
///     Ok::<_, StoreError>(identity)
/// })?;
/// ```
///
/// A macro, since a closure that takes `&mut Tx` gives no future that can be spawned.
#[macro_export]
macro_rules! in_tx {
    ($store:expr, |$tx:ident| $body:block) => {{
        let mut attempts = $crate::dbx::Attempts::default();
        loop {
            let outcome = match $store.begin().await {
                Err(error) => Err(::core::convert::From::from(error)),
                Ok(mut transaction) => {
                    let done = {
                        let $tx = &mut transaction;
                        async { $body }.await
                    };
                    match done {
                        Ok(value) => match transaction.commit().await {
                            Ok(()) => Ok(value),
                            Err(error) => Err(::core::convert::From::from(error)),
                        },
                        Err(error) => {
                            transaction.rollback().await;
                            Err(error)
                        }
                    }
                }
            };
            if let Some(outcome) = attempts.settle(outcome).await {
                break outcome;
            }
        }
    }};
}

/// As [`in_tx!`], on a connection that only reads.
#[macro_export]
macro_rules! in_read {
    ($store:expr, |$conn:ident| $body:block) => {{
        let mut attempts = $crate::dbx::Attempts::default();
        loop {
            let outcome = match $store.read().await {
                Err(error) => Err(::core::convert::From::from(error)),
                Ok(mut reader) => {
                    let $conn = &mut reader;
                    async { $body }.await
                }
            };
            if let Some(outcome) = attempts.settle(outcome).await {
                break outcome;
            }
        }
    }};
}
