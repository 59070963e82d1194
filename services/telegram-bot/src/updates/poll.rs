//! Long polling.

use super::{ALLOWED, Intake};
use crate::client::{POLL, RawUpdates};
use lockdown_bus::Backoff;
use lockdown_runtime::health::Component;
use lockdown_runtime::{Shutdown, chain};
use std::time::Duration;
use teloxide::prelude::Requester;
use teloxide::{ApiError, RequestError};

/// As many as Telegram gives at once.
const LIMIT: u8 = 100;
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    cap: Duration::from_secs(30),
};

/// Reads updates until the process stops.
pub(crate) async fn poll(intake: Intake, component: Component, shutdown: Shutdown) -> anyhow::Result<()> {
    let reading = read(&intake, &component);
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
                    rest(intake, component, &error, failures).await;
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
                rest(intake, component, &error, failures).await;
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

/// Says what is wrong and waits as long as it takes: for ever, where no waiting mends it.
async fn rest(intake: &Intake, component: &Component, error: &RequestError, failures: u32) {
    match error {
        RequestError::Api(ApiError::InvalidToken) => {
            component.down("Telegram refuses the token: see the component `telegram`".to_owned());
            std::future::pending::<()>().await;
        }
        RequestError::Api(ApiError::TerminatedByOtherGetUpdates) => component.degraded(
            "another process reads this bot's updates: stop it, or give each its own bot".to_owned(),
        ),
        RequestError::RetryAfter(seconds) => {
            intake.clock.sleep(seconds.duration()).await;
            return;
        }
        error => component.down(format!(
            "Telegram gives no updates: {}; it is tried again until it works",
            lockdown_runtime::probe::innermost(error)
        )),
    }
    intake.clock.sleep(BACKOFF.pause(failures)).await;
}
