//! From the outbox to the bus.

use lockdown_bus::Bus;
use lockdown_events::Envelope;
use lockdown_runtime::{Context, chain};
use lockdown_store::Store;
use lockdown_store::outbox::{Publish, Relay};

/// The bus, as the outbox knows it.
struct ToBus(Bus);

// === impl ToBus ===

impl Publish for ToBus {
    async fn publish(&self, envelope: &Envelope) -> Result<(), String> {
        // A relay that died may have published it before.
        let published = self.0.publish_as_it_is(envelope, true).await;
        published.map(drop).map_err(|error| chain(&error))
    }
}

/// Publishes what is decided, until the process stops. Others may do the same at the same time.
pub(crate) fn start(ctx: &Context, store: Store, bus: Bus) {
    let name = ctx.ids.next().to_string();
    let relay = Relay::new(store, ToBus(bus), ctx.clock.clone(), name);
    let stopping = ctx.shutdown.clone();
    ctx.tasks.spawn("relay", async move {
        tokio::select! {
            () = relay.run() => {}
            () = stopping.soft() => {}
        }
        Ok(())
    });
}
