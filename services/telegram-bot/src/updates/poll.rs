//! Long polling.

use super::{ALLOWED, BACKOFF, Intake};
use crate::client::{POLL, RawUpdates};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Shutdown, chain};
use teloxide::RequestError;
use teloxide::prelude::Requester;

/// As many as Telegram gives at once.
const LIMIT: u8 = 100;
/// Reads updates until the process stops.
pub(crate) async fn poll(intake: Intake, component: Component, shutdown: Shutdown) -> anyhow::Result<()> {
    let reading = async {
        intake.recall().await;
        read(&intake, &component).await;
    };
    tokio::select! {
        () = reading => {}
        () = shutdown.soft() => {}
    }
    Ok(())
}

async fn read(intake: &Intake, component: &Component) {
    let (mut offset, mut failures) = (None, 0);
    // A webhook that was set before would get all of it.
    let mut webhook = true;
    loop {
        if webhook {
            match intake.client.bot().delete_webhook().await {
                Ok(_) => webhook = false,
                Err(error) => {
                    failures += 1;
                    intake.rest(component, &error, failures).await;
                    continue;
                }
            }
        }
        let asked = RawUpdates {
            offset,
            limit: LIMIT,
            timeout: POLL.as_secs(),
            allowed_updates: ALLOWED,
        };
        let updates = match intake.client.updates(asked).await {
            Ok(updates) => updates,
            Err(error) => {
                failures += 1;
                webhook = matches!(&error, RequestError::Api(known) if known.to_string().contains("webhook is active"));
                intake.rest(component, &error, failures).await;
                continue;
            }
        };
        component.up();
        let last = updates
            .iter()
            .filter_map(|update| update["update_id"].as_i64())
            .max();
        match intake.take(updates).await {
            Ok(()) => {
                failures = 0;
                offset = last.map(|last| last + 1).or(offset);
            }
            // Not confirmed, Telegram gives them again.
            Err(error) => {
                failures += 1;
                component.degraded(format!(
                    "updates wait, since the bus does not take them: {}",
                    chain(&error)
                ));
                intake.clock.sleep(BACKOFF.pause(failures)).await;
            }
        }
    }
}
