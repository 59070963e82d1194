//! From the outbox to the bus.

use lockdown_bus::{Bus, EventError, PublishError};
use lockdown_events::Envelope;
use lockdown_runtime::health::Component;
use lockdown_runtime::{Context, chain};
use lockdown_store::outbox::{Publish, Relay, Unpublished};
use lockdown_store::{Store, StoreError, in_read};
use std::time::Duration;

/// How often what waits and what is parked is counted.
const EVERY: Duration = Duration::from_secs(2);

/// The bus, as the outbox knows it.
struct ToBus(Bus);

// === impl ToBus ===

impl Publish for ToBus {
    async fn publish(&self, envelope: &Envelope) -> Result<(), Unpublished> {
        // A relay that died may have published it before.
        match self.0.publish_as_it_is(envelope, true).await {
            Ok(_) => Ok(()),
            // What cannot be encoded now cannot be later.
            Err(error @ (EventError::Encode(_) | EventError::Publish(PublishError::Refused(_)))) => {
                Err(Unpublished::Refused(chain(&error)))
            }
            Err(error) => Err(Unpublished::Away(chain(&error))),
        }
    }
}

/// Publishes what is decided, until the process stops. Others may do the same at the same time.
pub(crate) fn start(ctx: &Context, store: Store, bus: Bus) {
    let name = ctx.ids.next().to_string();
    let relay = Relay::new(store.clone(), ToBus(bus), ctx.clock.clone(), name);
    let component = ctx.health.component("outbox", false);
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("relay", async move {
        tokio::select! {
            () = relay.run() => {}
            () = watch(&store, &component) => {}
            () = stopping.soft() => {}
        }
        Ok(())
    });
}

/// Tells how much waits, and of what nobody will hear unless somebody looks after it.
async fn watch(store: &Store, component: &Component) {
    loop {
        let counts = in_read!(store, |conn| {
            Ok::<_, StoreError>((conn.outbox_waiting().await?, conn.outbox_parked().await?))
        });
        match counts {
            Ok((waiting, parked)) => {
                metrics::gauge!("lockdown_store_outbox_waiting").set(waiting as f64);
                metrics::gauge!("lockdown_store_outbox_parked").set(parked as f64);
                match parked {
                    0 => component.up(),
                    parked => component.degraded(format!(
                        "parked, since the bus refuses them for good: {parked} in the table `outbox`; `last_error` says why, \
                         and `parked_at` set to NULL lets one try again"
                    )),
                }
            }
            // The component `store` says so.
            Err(error) => component.starting(format!("the outbox cannot be read: {}", chain(&error))),
        }
        tokio::time::sleep(EVERY).await;
    }
}
