//! Messages, at a rate and as many as there can be, and the verdicts on them.

use crate::town::{COMMUNITIES, says};
use crate::work::{Place, Worker};
use anyhow::{Context as _, bail, ensure};
use lockdown_bus::{Answering, Asked, Bus, Heard, ListenOptions, Subscription};
use lockdown_events::{Event, EventId, ModerationEvent, RanksRequest, Source};
use lockdown_runtime::Context;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// Of so many messages one is against the rules: when they come steadily, and when they wait.
const STEADY_HITS: usize = 20;
const BACKLOG_HITS: usize = 100;
/// Messages that are on their way to the bus at the same time.
const AT_ONCE: usize = 256;
/// For all verdicts of one measurement.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Load {
    ctx: Context,
    bus: Bus,
    heard: Mutex<Subscription>,
    /// Messages so far.
    said: AtomicUsize,
    _ranks: Answering,
}

// === impl Load ===

impl Load {
    /// The bot's side: it says what people say, and that nobody keeps order.
    pub(crate) async fn open(place: &Place) -> anyhow::Result<Self> {
        let bus = lockdown_bus::open(&place.ctx, Source::TelegramBot).await?;
        let heard = bus
            .live()
            .subscribe(&["moderation:automod"], &ListenOptions::default())
            .await
            .context("could not listen to verdicts")?;
        let answer = |asked: Asked<RanksRequest>| async move {
            let stand = |id| json!({ "userId": id, "standing": "member", "position": 0, "administrator": false, "rights": [] });
            let people: Vec<Value> = asked.data.user_ids.iter().map(stand).collect();
            let keepers = asked.data.keepers.then(|| json!({ "people": [], "roles": [] }));
            Ok(
                json!({ "bot": { "userId": "99", "standing": "owner" }, "people": people, "keepers": keepers }),
            )
        };
        let ranks = bus.requests().answer_looking("ranks:telegram", answer).await;
        Ok(Self {
            ctx: place.ctx.clone(),
            heard: Mutex::new(heard),
            said: AtomicUsize::new(0),
            _ranks: ranks.context("could not answer for the bot")?,
            bus,
        })
    }

    /// Something against the rules in every community, until all of it is judged.
    pub(crate) async fn everywhere(&self) -> anyhow::Result<()> {
        self.say(COMMUNITIES, 1).await?;
        self.verdicts(COMMUNITIES).await.map(drop)
    }

    /// How long verdicts took, in milliseconds, while so many messages came a second.
    pub(crate) async fn at_a_rate(&self, rate: u32, lasts: Duration) -> anyhow::Result<Vec<f64>> {
        let total = (f64::from(rate) * lasts.as_secs_f64()) as usize;
        let appended = Arc::new(Mutex::new(HashMap::new()));
        let saying = async {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut sending = JoinSet::new();
            for number in 0..total {
                ticks.tick().await;
                let hits = number % STEADY_HITS == 0;
                let at = self.said.fetch_add(1, Ordering::Relaxed);
                let envelope = says(&self.ctx, at, hits)?;
                let (bus, appended) = (self.bus.clone(), Arc::clone(&appended));
                sending.spawn(async move {
                    bus.publish_as_it_is(&envelope, false).await?;
                    if hits {
                        appended.lock().await.insert(envelope.event_id, Instant::now());
                    }
                    anyhow::Ok(())
                });
            }
            while let Some(sent) = sending.join_next().await {
                sent.context("a sender broke")??;
            }
            anyhow::Ok(())
        };
        let (said, judged) = tokio::join!(saying, self.verdicts(total.div_ceil(STEADY_HITS)));
        said?;
        let appended = appended.lock().await;
        judged?
            .into_iter()
            .map(|(event, at)| {
                let appended = appended.get(&event).context("a verdict on something else")?;
                // It may be heard of before the one who appended it is told.
                Ok(at.saturating_duration_since(*appended).as_secs_f64() * 1_000.0)
            })
            .collect()
    }

    /// How many messages a second these workers judge, when so many wait for them.
    pub(crate) async fn backlog(&self, workers: &[&Worker], messages: usize) -> anyhow::Result<f64> {
        for worker in workers {
            worker.stop(true)?;
        }
        self.say(messages, BACKLOG_HITS).await?;
        let begun = Instant::now();
        for worker in workers {
            worker.stop(false)?;
        }
        let judged = self.verdicts(messages.div_ceil(BACKLOG_HITS)).await?;
        let last = judged
            .iter()
            .map(|(_, at)| *at)
            .max()
            .context("nothing was judged")?;
        Ok(messages as f64 / (last - begun).as_secs_f64())
    }

    /// Says so much as fast as the bus takes it.
    async fn say(&self, messages: usize, hits: usize) -> anyhow::Result<()> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut sending = JoinSet::new();
        for number in 0..messages {
            let at = self.said.fetch_add(1, Ordering::Relaxed);
            let envelope = says(&self.ctx, at, number % hits == 0)?;
            let place = Arc::clone(&places).acquire_owned().await.context("a place")?;
            let bus = self.bus.clone();
            sending.spawn(async move {
                let said = bus.publish_as_it_is(&envelope, false).await;
                drop(place);
                said.map(drop)
            });
            while let Some(sent) = sending.try_join_next() {
                sent.context("a sender broke")?
                    .context("the bus did not take a message")?;
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent.context("a sender broke")?
                .context("the bus did not take a message")?;
        }
        Ok(())
    }

    /// The next so many verdicts, and when they were heard.
    async fn verdicts(&self, count: usize) -> anyhow::Result<Vec<(EventId, Instant)>> {
        let mut heard = self.heard.lock().await;
        let hearing = async {
            let mut verdicts = Vec::with_capacity(count);
            while verdicts.len() < count {
                match heard.next().await {
                    Some(Heard::Said(said)) => {
                        let at = Instant::now();
                        let event = said.envelope()?.event()?;
                        let Event::Moderation(ModerationEvent::Automod(verdict)) = event else {
                            bail!("something else was said: {event:?}")
                        };
                        verdicts.push((verdict.event_id, at));
                    }
                    Some(Heard::Missed { .. }) => bail!("a verdict was missed"),
                    None => bail!("nothing is said any more"),
                }
            }
            Ok(verdicts)
        };
        let verdicts = tokio::time::timeout(PATIENCE, hearing).await;
        let verdicts = verdicts.with_context(|| format!("{count} verdicts did not come"))??;
        ensure!(verdicts.len() == count, "too many verdicts");
        Ok(verdicts)
    }
}
