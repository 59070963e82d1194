//! Sanctions end when their cases say so, however long nobody looked.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_moderation::desk::{Desk, Expired, Facts};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Clock, Context, chain};
use lockdown_store::{Store, in_read};
use std::sync::Arc;

/// How many are taken at once: so few that they are done well before their lease ends.
const AT_ONCE: u64 = 16;
/// What is decided elsewhere meanwhile may be due before all that we know of: nothing waits longer than this.
const EVERY: TimeDelta = TimeDelta::seconds(2);
/// By how much workers differ in that, so that they do not ask all at once.
const JITTER_MILLIS: i64 = 500;
/// What is due may just be in another's hands: it is not asked for again and again.
const LEAST: TimeDelta = TimeDelta::milliseconds(50);
/// How long the health shows what could not be ended. It is tried again before.
const SHOWN: TimeDelta = TimeDelta::seconds(90);

/// One worker's part.
struct Expiry {
    desk: Desk,
    /// Asked about what could not be ended before.
    ranks: Arc<dyn Facts>,
    store: Store,
    clock: Clock,
    /// Names this worker among the others, for this start of it.
    name: String,
    every: TimeDelta,
    component: Component,
    /// Until when the health shows what went wrong.
    shown_until: Option<DateTime<Utc>>,
}

/// Ends what is due now and whenever something is, until the process stops. Others may do the same at the same time.
pub(crate) fn start(ctx: &Context, store: Store, ranks: Arc<dyn Facts>) {
    let chance = ctx.ids.next().as_u64_pair().1.cast_signed();
    let jitter = TimeDelta::milliseconds(chance.rem_euclid(JITTER_MILLIS));
    let mut expiry = Expiry {
        desk: Desk::new(store.clone(), ctx.clock.clone(), ctx.ids.clone()),
        ranks,
        store,
        clock: ctx.clock.clone(),
        name: ctx.ids.next().to_string(),
        every: EVERY + jitter,
        component: ctx.health.component("expiry", false),
        shown_until: None,
    };
    let stopping = ctx.shutdown.soft_token();
    ctx.tasks.spawn("expiry", async move {
        // What a stop interrupts is rolled back, and due for others when its lease ends.
        stopping.run_until_cancelled(expiry.run()).await;
        Ok(())
    });
}

// === impl Expiry ===

impl Expiry {
    async fn run(&mut self) {
        loop {
            if !self.round().await {
                let wake = self.wake().await;
                self.clock.sleep_until(wake).await;
            }
        }
    }

    /// Ends some of what is due, and says whether there may be more.
    async fn round(&mut self) -> bool {
        match self.desk.expire(&self.name, AT_ONCE, &*self.ranks).await {
            Ok(expired) => {
                count(&expired);
                let first = expired.put_off.first();
                self.show(first.map(|error| {
                    format!(
                        "could not end {} sanctions that are due, and tries again: {}",
                        expired.put_off.len(),
                        chain(error)
                    )
                }));
                expired.looked_at() as u64 >= AT_ONCE
            }
            Err(error) => {
                metrics::counter!("lockdown_expiry_rounds_failed_total").increment(1);
                self.show(Some(format!("could not look at what is due: {}", chain(&error))));
                false
            }
        }
    }

    /// When to look again: when the next is due, and before long in any case.
    async fn wake(&self) -> DateTime<Utc> {
        let now = self.clock.now();
        let latest = now + self.every;
        match in_read!(self.store, |conn| { conn.next_due_sanction().await }) {
            Ok(Some(due)) => due.clamp(now + LEAST, latest),
            Ok(None) => latest,
            Err(error) => {
                tracing::debug!("Could not learn what is due next: {}", chain(&error));
                latest
            }
        }
    }

    /// Shows what went wrong, for longer than it rests before it is tried again.
    fn show(&mut self, fault: Option<String>) {
        let now = self.clock.now();
        match fault {
            Some(fault) => {
                tracing::warn!("The expiry {fault}");
                self.component.degraded(fault);
                self.shown_until = Some(now + SHOWN);
            }
            None if self.shown_until.is_none_or(|until| until <= now) => {
                self.component.up();
                self.shown_until = None;
            }
            None => {}
        }
    }
}

fn count(expired: &Expired) {
    metrics::counter!("lockdown_expiry_ended_total").increment(expired.ended.len() as u64);
    metrics::counter!("lockdown_expiry_renewed_total").increment(expired.renewed as u64);
    metrics::counter!("lockdown_expiry_blocked_total").increment(expired.blocked as u64);
    metrics::counter!("lockdown_expiry_put_off_total").increment(expired.put_off.len() as u64);
    for late in &expired.late {
        let seconds = late.to_std().unwrap_or_default().as_secs_f64();
        metrics::histogram!("lockdown_expiry_lateness_seconds").record(seconds);
    }
    if !expired.ended.is_empty() {
        let many = expired.ended.len();
        tracing::info!(many, "Ended {many} sanctions whose time was up");
    }
}
