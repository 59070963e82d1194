//! One worker of all: what only one does at a time is done by whoever holds a lease in the store.
//!
//! A leader that dies leaves it to others when the lease ends; one that stops leaves it at once. Whoever cannot keep it in
//! time, since the store is away or the machine stood still, drops what it does before anybody else begins. Nothing here
//! would do harm if two did it at once: the lease saves work, and the store's own rows hold the promises.
//!
//! To add a duty: a module with an `async fn` that never ends, and its line in [`crate::lead`].

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::{Store, StoreError, in_tx};
use std::time::Duration;

/// The lease's name.
const LEASE: &str = "worker";
const LASTS: TimeDelta = TimeDelta::seconds(15);
const EVERY: Duration = Duration::from_secs(5);

struct Candidate {
    store: Store,
    clock: Clock,
    /// Of this start of this process.
    name: String,
}

/// Holds the lease.
struct Term {
    fence: u64,
    until: DateTime<Utc>,
}

/// Does the duties whenever this process leads, until it stops.
pub(crate) fn start<F>(ctx: &Context, store: Store, duties: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let candidate = Candidate {
        store,
        clock: ctx.clock.clone(),
        name: ctx.ids.next().to_string(),
    };
    let stopping = ctx.shutdown.soft_token();
    ctx.tasks.spawn("leader", async move {
        loop {
            let Some(mut term) = stopping.run_until_cancelled(candidate.elected()).await else {
                return Ok(());
            };
            metrics::gauge!("lockdown_worker_leads").set(1.0);
            tracing::info!(
                fence = term.fence,
                "This worker leads: it does what one does for all"
            );
            tokio::select! {
                () = candidate.keep(&mut term) => {
                    tracing::warn!("This worker leads no more: it could not keep the lease");
                }
                () = duties() => {}
                () = stopping.cancelled() => {
                    candidate.leave(&term).await;
                    metrics::gauge!("lockdown_worker_leads").set(0.0);
                    return Ok(());
                }
            }
            metrics::gauge!("lockdown_worker_leads").set(0.0);
        }
    });
}

// === impl Candidate ===

impl Candidate {
    async fn take(&self) -> Result<Option<Term>, StoreError> {
        let now = self.clock.now();
        let until = now + LASTS;
        let fence = in_tx!(self.store, |tx| {
            tx.take_lease(LEASE, &self.name, now, until).await
        })?;
        Ok(fence.map(|fence| Term { fence, until }))
    }

    /// Waits until it leads.
    async fn elected(&self) -> Term {
        loop {
            match self.take().await {
                Ok(Some(term)) => return term,
                Ok(None) => {}
                Err(error) => tracing::warn!("Could not ask who leads, and asks again: {}", chain(&error)),
            }
            self.clock.sleep(EVERY).await;
        }
    }

    /// Returns when the lease is lost, or may be.
    async fn keep(&self, term: &mut Term) {
        loop {
            self.clock.sleep(EVERY).await;
            match self.take().await {
                Ok(Some(kept)) => *term = kept,
                Ok(None) => return,
                // Others take it when its time is over, so nothing is done from a moment before on.
                Err(_) if self.clock.now() + TimeDelta::seconds(5) >= term.until => return,
                Err(error) => tracing::warn!("Could not keep the lead, and tries again: {}", chain(&error)),
            }
        }
    }

    async fn leave(&self, term: &Term) {
        let now = self.clock.now();
        let left = in_tx!(self.store, |tx| {
            tx.release_lease(LEASE, term.fence, now).await
        });
        if let Err(error) = left {
            tracing::debug!("The lease ends by itself: {}", chain(&error));
        }
    }
}
