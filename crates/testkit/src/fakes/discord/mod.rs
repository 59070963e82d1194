//! Discord on loopback: guilds, people, messages, permissions, limits, a gateway with sessions, and faults on demand.
//!
//! What a test does is in `people.rs` (seed a guild, say something, ban by hand), what it sees in `look.rs` (state, and
//! every request), what goes wrong in `control.rs`. The API is in `rest/`, the gateway in `gateway/`. Everything happens
//! under one lock and by the clock that the test gives.
//!
//! To add a call: a line in `rest/mod.rs` and a function beside its noun. To add an event: its audience in
//! `gateway/mod.rs`, and `emit` where the thing happens.

mod automod;
mod control;
mod faults;
mod gateway;
mod http;
mod interactions;
mod limits;
mod look;
mod oauth;
mod people;
pub mod permissions;
mod rest;
mod world;

pub use faults::Fault;
pub use gateway::{GUILD_MEMBERS, MESSAGE_CONTENT};
pub use world::Recorded;

use anyhow::Result;
use lockdown_runtime::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;
use world::World;

/// A Discord that knows some bots, until it is dropped.
pub struct FakeDiscord {
    url: String,
    world: Shared,
    serving: [AbortHandle; 3],
}

type Shared = Arc<Mutex<World>>;

// === impl FakeDiscord ===

impl FakeDiscord {
    pub async fn start() -> Result<Self> {
        Self::start_at(Clock::system()).await
    }

    /// Goes by this clock: ids, limits, time-outs, the lives of tokens and sessions.
    pub async fn start_at(clock: Clock) -> Result<Self> {
        let world: Shared = Arc::new(Mutex::new(World::new(clock)));
        let (rest, http) = http::serve(Arc::clone(&world)).await?;
        let (first, gateway) = gateway::serve(Arc::clone(&world)).await?;
        let (again, resumes) = gateway::serve(Arc::clone(&world)).await?;
        {
            let mut world = lock(&world);
            world.gateway_url = format!("ws://{first}");
            world.resume_url = format!("ws://{again}");
        }
        Ok(Self {
            url: format!("http://{rest}"),
            world,
            serving: [http, gateway, resumes],
        })
    }

    /// The address for `DISCORD_API_URL`.
    pub fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        for serving in &self.serving {
            serving.abort();
        }
        // What still listens to a connection lets go of it.
        lock(&self.world).gateway.tell_all(&gateway::Out::Drop);
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
