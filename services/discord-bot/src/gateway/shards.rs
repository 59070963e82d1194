//! Which connections this process keeps: all of them on one thread of their own, so that no other work keeps a heartbeat or
//! an event waiting.

use super::standing::Standing;
use super::turns::Turns;
use super::{ALWAYS, Dispatch, Gateway, Main, PRIVILEGED, Run, missing_intents};
use crate::intake::Guilds;
use crate::rest::{Ask, Rest};
use anyhow::Context as _;
use lockdown_bus::Bus;
use lockdown_runtime::config::Shards as Part;
use lockdown_runtime::health::Component;
use lockdown_runtime::{Clock, Secret, Shutdown};
use serenity::http::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// The pause before Discord is asked once more how many connections it wants.
const AGAIN: Duration = Duration::from_secs(5);

/// Every connection of this process.
pub(crate) struct Shards {
    pub(crate) rest: Arc<Rest>,
    pub(crate) token: Secret,
    pub(crate) guilds: Arc<Guilds>,
    pub(crate) component: Component,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) bus: Bus,
    /// As configured; else Discord is asked, and all of them are ours.
    pub(crate) chosen: Option<Part>,
    pub(crate) events: mpsc::Sender<Dispatch>,
}

// === impl Shards ===

impl Shards {
    /// Keeps connected until the process stops, or until Discord says that it is useless to try.
    pub(crate) async fn keep(self) -> anyhow::Result<()> {
        let stopping = self.shutdown.soft_token();
        let Some(part) = stopping.run_until_cancelled(self.part()).await else {
            return Ok(());
        };
        self.guilds.are_of(part);
        self.rest.share(part);
        let Some((intents, missing)) = stopping.run_until_cancelled(self.intents()).await else {
            return Ok(());
        };
        let main = Main::here();
        let turns = Turns::new(self.bus, self.guilds.own(), main.clone());
        let standing = Arc::new(Standing::new(self.component, part));
        let gateways: Vec<Gateway> = (part.first..=part.last)
            .map(|shard| Gateway {
                rest: Arc::clone(&self.rest),
                token: self.token.clone(),
                events: self.events.clone(),
                standing: Arc::clone(&standing),
                clock: self.clock.clone(),
                shutdown: self.shutdown.clone(),
                shard: (shard, part.of),
                turns: turns.clone(),
                main: main.clone(),
            })
            .collect();
        drop(self.events);
        let (done, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("could not start the gateway's runtime")?;
        let keeping = move || {
            runtime.block_on(async move {
                let mut all = JoinSet::new();
                for gateway in gateways {
                    let missing = missing.clone();
                    all.spawn(gateway.keep(Run::new(intents, missing)));
                }
                let mut ended = Ok(());
                while let Some(one) = all.join_next().await {
                    ended = ended.and(one.context("the gateway's task broke down"));
                }
                let _ = done.send(ended);
            });
        };
        std::thread::Builder::new()
            .name("discord-gateway".to_owned())
            .spawn(keeping)
            .context("could not start the gateway's thread")?;
        ended.await.context("the gateway's thread broke down")?
    }

    /// Which shards are ours, asked for as often as it takes.
    async fn part(&self) -> Part {
        if let Some(part) = self.chosen {
            return part;
        }
        loop {
            match self.rest.call(Ask::get(Route::GatewayBot, 0)).await {
                Ok(answer) => {
                    let wanted = answer["shards"].as_u64().and_then(|of| u32::try_from(of).ok());
                    return Part::whole(wanted.unwrap_or(1));
                }
                Err(error) => {
                    self.component.down(format!("{error}"));
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// What to ask for: what the application may have, so that the gateway need not refuse it.
    async fn intents(&self) -> (u64, Vec<&'static str>) {
        // Where Discord does not say it, the gateway does.
        let missing = missing_intents(&self.rest).await.unwrap_or_else(|error| {
            tracing::warn!("Could not learn which intents the application has: {error}");
            Vec::new()
        });
        let all = PRIVILEGED.iter().fold(ALWAYS, |all, (intent, ..)| all | intent);
        let intents = missing.iter().fold(all, |all, (intent, _)| all & !intent);
        (intents, missing.into_iter().map(|(_, name)| name).collect())
    }
}
