//! When a session may begin: Discord takes few of a bot's identifies at a time, from all of its processes together.

use super::Main;
use lockdown_bus::{Bus, Standing};
use std::time::Duration;

/// Discord takes so many at a time once in five seconds.
const BETWEEN: Duration = Duration::from_millis(5_250);
/// How often it is looked whether the turn has come.
const LOOK: Duration = Duration::from_millis(200);

/// The queue of those who want to begin a session. Cheap to clone.
#[derive(Clone)]
pub(super) struct Turns {
    bus: Bus,
    own: u64,
    main: Main,
}

/// The right to begin a session now.
pub(super) struct Turn {
    name: String,
    value: String,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(bus: Bus, own: u64, main: Main) -> Self {
        Self { bus, own, main }
    }

    /// Waits for the turn of a shard.
    pub(super) async fn wait(&self, shard: u32, at_once: u64) -> Turn {
        let turn = Turn {
            name: format!(
                "discord/identify/{}/{}",
                self.own,
                u64::from(shard) % at_once.max(1)
            ),
            value: format!("{shard}/{:x}", fastrand::u64(..)),
        };
        while !self.mark(&turn, false).await {
            tokio::time::sleep(LOOK + LOOK.mul_f64(fastrand::f64())).await;
        }
        turn
    }

    /// Counts the time from now on, since the connection took a while; `false` where the turn is over.
    pub(super) async fn begin(&self, turn: &Turn) -> bool {
        self.mark(turn, true).await
    }

    async fn mark(&self, turn: &Turn, own: bool) -> bool {
        let (bus, name, value) = (self.bus.clone(), turn.name.clone(), turn.value.clone());
        let marking = async move {
            let standing = if own {
                Standing::AbsentOr(&value)
            } else {
                Standing::Absent
            };
            bus.engine().mark(&name, &value, BETWEEN, standing).await
        };
        match self.main.run(marking).await {
            Some(Ok(None)) => true,
            Some(Ok(Some(_))) => false,
            // Without the bus nobody knows of the others; one that comes too early is told to try again.
            Some(Err(error)) => {
                tracing::debug!("The turn to begin a session could not be looked up: {error}");
                tokio::time::sleep(BETWEEN).await;
                true
            }
            None => false,
        }
    }
}
