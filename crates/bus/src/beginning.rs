//! What is asked of the engine by those who begin: they would not begin later, so an engine that is away is waited for.

use crate::backoff::Backoff;
use crate::engine::{Engine, EngineError};
use std::time::Duration;

/// The pauses between the tries.
const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(100),
    cap: Duration::from_secs(2),
};

/// Asks until the engine answers. `what` says what could not be done, for the log.
pub(crate) async fn patiently<T, Fut>(
    engine: &dyn Engine,
    what: &str,
    ask: impl Fn() -> Fut,
) -> Result<T, EngineError>
where
    Fut: Future<Output = Result<T, EngineError>>,
{
    let mut failures = 0;
    loop {
        match ask().await {
            Err(error @ EngineError::Away(_)) => {
                failures += 1;
                let pause = PAUSES.pause(failures);
                tracing::warn!(failures, "Could not {what}, next try in {pause:?}: {error}");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = engine.back() => {}
                }
            }
            outcome => return outcome,
        }
    }
}
