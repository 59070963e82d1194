//! Whether the bus answers, for the health report.

use crate::engine::{Engine, EngineError};
use lockdown_runtime::chain;
use lockdown_runtime::health::Component;
use std::sync::Arc;
use std::time::Duration;

/// How often the engine is asked, and how long it may take: together less than five seconds.
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the component as the engine is, until the engine is closed or this is dropped.
pub async fn watch(engine: Arc<dyn Engine>, component: Component) {
    loop {
        match tokio::time::timeout(PATIENCE, engine.ping()).await {
            Ok(Ok(_)) => component.up(),
            Ok(Err(EngineError::Closed)) => {
                component.down("the bus is closed");
                return;
            }
            Ok(Err(error)) => component.down(format!("{}; check the server and REDIS_URL", chain(&error))),
            Err(_) => component.down(format!(
                "the bus has not answered for {PATIENCE:?}; check the server and its network"
            )),
        }
        tokio::time::sleep(EVERY).await;
    }
}
