//! Telegram's Bot API, with people, chats and a clock that the test owns.
//!
//! A test (or a benchmark, or the demo) makes accounts and chats, lets people do things ([`FakeTelegram::join`],
//! [`FakeTelegram::say`], …) and looks at what stands there afterwards. Bots call it over HTTP as they call the real one:
//! method names in any letter case, long polls and webhooks, rights, the 48 hours of a deletion, the rules of
//! `until_date`, 429 with `retry_after`, and what goes wrong on demand.
//!
//! - `world` holds the state and decides what bots hear of a change; `chat` and `member` are its nouns.
//! - `script` is what a test lets happen; `methods` is what bots may ask for; `faults` is what goes wrong.
//! - `updates` is what waits for a bot; `serve` is the wire.

mod chat;
mod faults;
mod member;
mod methods;
mod params;
mod refusal;
mod script;
mod serve;
mod updates;
mod world;

pub use faults::{Fault, Limit, Scope};
pub use member::{Permissions, Status};
pub use world::{ANONYMOUS_ADMIN, CHANNEL_BOT, Request, TELEGRAM};

use super::Server;
use anyhow::Result;
use lockdown_runtime::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use world::World;

/// A Telegram of the test's own.
pub struct FakeTelegram {
    server: Server,
    state: Shared,
}

type Shared = Arc<Mutex<World>>;

// === impl FakeTelegram ===

impl FakeTelegram {
    /// One that keeps the machine's time.
    pub async fn start() -> Result<Self> {
        Self::start_at(Clock::system()).await
    }

    /// One that keeps this clock's time: a mocked one moves when the test says so. Only a long poll waits by the
    /// machine's clock.
    pub async fn start_at(clock: Clock) -> Result<Self> {
        let state: Shared = Arc::new(Mutex::new(World::new(clock)));
        Ok(Self {
            server: Server::start(serve::router(Arc::clone(&state))).await?,
            state,
        })
    }

    /// The address for `TELEGRAM_API_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, World> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
