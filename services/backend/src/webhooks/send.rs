//! Sends what is due, and keeps what came of it.

use super::address::{self, Guarded};
use super::sign;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Bus;
use lockdown_events::{NotificationId, NotificationKind, NotificationLevel};
use lockdown_moderation::GuildRef;
use lockdown_moderation::notices::{self, Notice, To};
use lockdown_runtime::health::Component;
use lockdown_runtime::{Context, Secret, chain};
use lockdown_store::webhooks::{Delivery, Outcome, Settled, Signing, Webhook, WebhookId};
use lockdown_store::{Store, StoreError, Tx, in_read, in_tx};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Sent at once, by this process.
const AT_ONCE: usize = 64;
/// Of these, to one webhook: one that hangs does not hold up all others.
const TO_ONE: usize = 8;
/// For a receiver to take an event, as Standard Webhooks proposes.
const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than anything takes: whoever held it is gone then.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// When what came from elsewhere is looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Of an answer, so much is read.
const ANSWER: usize = 4 * 1024;
const NAME: &str = concat!("LOCKDOWN/", env!("CARGO_PKG_VERSION"));

pub(super) struct Sender {
    ctx: Context,
    store: Store,
    bus: Bus,
    client: Client,
    private: bool,
    /// Names this sender among the others, for this start of it.
    name: String,
    component: Component,
    news: Arc<Notify>,
    /// How much is on its way to each.
    running: Arc<Mutex<BTreeMap<WebhookId, usize>>>,
}

/// What came of a try, with its own text.
enum Tried {
    Taken(u64, String),
    Failed(Option<u64>, String),
    Gone(String),
}

/// Counts as on its way until it is dropped.
struct OnItsWay {
    running: Arc<Mutex<BTreeMap<WebhookId, usize>>>,
    to: WebhookId,
}

// === impl Sender ===

impl Sender {
    pub(super) fn new(ctx: &Context, store: Store, bus: Bus, news: Arc<Notify>) -> anyhow::Result<Self> {
        let private = ctx.config.http.webhooks_private;
        let client = Client::builder()
            .user_agent(NAME)
            .redirect(Policy::none())
            // A proxy of the environment would look the name up by itself.
            .no_proxy()
            .dns_resolver(Arc::new(Guarded { private }))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .pool_max_idle_per_host(2)
            .build()?;
        Ok(Self {
            component: ctx.health.component("webhooks", false),
            name: ctx.ids.next().to_string(),
            ctx: ctx.clone(),
            store,
            bus,
            client,
            private,
            news,
            running: Arc::default(),
        })
    }

    /// Sends until the process stops; what is on its way then is brought to its end, as far as there is time.
    pub(super) async fn run(self) {
        let sender = Arc::new(self);
        let mut sending = JoinSet::new();
        loop {
            let room = (AT_ONCE - sending.len()).min(TO_ONE);
            let claimed = if room == 0 {
                Ok(Vec::new())
            } else {
                sender.claim(room).await
            };
            let more = match claimed {
                Ok(claimed) => {
                    sender.component.up();
                    let more = claimed.len() == room;
                    for delivery in claimed {
                        let sender = Arc::clone(&sender);
                        let on_its_way = OnItsWay::new(&sender.running, delivery.webhook_id);
                        sending.spawn(async move {
                            sender.deliver(delivery).await;
                            drop(on_its_way);
                        });
                    }
                    more && room > 0
                }
                Err(error) => {
                    let fault = format!("could not look at what is due: {}", chain(&error));
                    sender.component.degraded(fault);
                    false
                }
            };
            if more && sending.len() < AT_ONCE {
                continue;
            }
            tokio::select! {
                Some(_) = sending.join_next() => {}
                () = sender.news.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
                () = sender.ctx.shutdown.soft() => break,
            }
            while sending.try_join_next().is_some() {}
        }
        tokio::select! {
            () = async { while sending.join_next().await.is_some() {} } => {}
            () = sender.ctx.shutdown.hard() => {}
        }
    }

    /// Takes some of what is due.
    async fn claim(&self, room: usize) -> Result<Vec<Delivery>, StoreError> {
        let now = self.ctx.clock.now();
        let due = in_read!(self.store, |conn| { conn.next_due_delivery().await })?;
        // Most of the time nothing is: that costs no transaction.
        if due.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let full: Vec<WebhookId> = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let full = running.iter().filter(|(_, count)| **count >= TO_ONE);
            full.map(|(id, _)| *id).collect()
        };
        let claimed = in_tx!(self.store, |tx| {
            let room = u64::try_from(room).unwrap_or(u64::MAX);
            tx.claim_deliveries(now, &self.name, now + LEASE, &full, room)
                .await
        })?;
        Ok(claimed)
    }

    async fn deliver(&self, delivery: Delivery) {
        let now = self.ctx.clock.now();
        let signing = in_read!(self.store, |conn| {
            conn.webhook_signing(delivery.webhook_id, now).await
        });
        let tried = match signing {
            // Deleted, with all that waited for it.
            Ok(None) => return,
            Ok(Some(signing)) => self.send(&delivery, &signing, now).await,
            Err(error) => {
                // Its lease ends, and then it is tried again.
                tracing::warn!("Could not learn where a delivery goes: {}", chain(&error));
                return;
            }
        };
        let (outcome, label) = match &tried {
            Tried::Taken(status, answer) => (
                Outcome::Taken {
                    status: *status,
                    answer,
                },
                "taken",
            ),
            Tried::Failed(status, answer) => (
                Outcome::Failed {
                    status: *status,
                    answer,
                },
                "failed",
            ),
            Tried::Gone(answer) => (Outcome::Gone { answer }, "gone"),
        };
        metrics::counter!("lockdown_webhooks_sent_total", "outcome" => label).increment(1);
        let at = self.ctx.clock.now();
        let id = NotificationId(self.ctx.ids.next());
        let settled = in_tx!(self.store, |tx| {
            let settled = tx.settle_delivery(&delivery, outcome, at).await?;
            let told = match settled {
                Settled::Disabled => keep(tx, delivery.webhook_id, id, at).await?,
                _ => None,
            };
            Ok::<_, StoreError>((settled, told))
        });
        match settled {
            Ok((settled, told)) => {
                if settled == Settled::Disabled {
                    tracing::warn!(webhook = %delivery.webhook_id, "A webhook was disabled: it took nothing for long");
                }
                if let Some((notice, to)) = told {
                    notices::say(&self.bus, notice, &to).await;
                }
            }
            Err(error) => tracing::warn!("Could not keep what became of a delivery: {}", chain(&error)),
        }
    }

    async fn send(&self, delivery: &Delivery, signing: &Signing, now: DateTime<Utc>) -> Tried {
        let url = match address::target(&signing.url, self.private) {
            Ok(url) => url,
            Err(error) => return Tried::Failed(None, format!("nothing was sent: {error}")),
        };
        let (id, at) = (delivery.event_id.to_string(), now.timestamp());
        let secrets: Vec<&Secret> = [&signing.secret].into_iter().chain(&signing.old_secret).collect();
        let Some(signature) = sign::sign(secrets, &id, at, &delivery.payload) else {
            return Tried::Failed(
                None,
                "nothing was sent: the secret is no secret of ours".to_owned(),
            );
        };
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(sign::ID, id)
            .header(sign::TIMESTAMP, at.to_string())
            .header(sign::SIGNATURE, signature)
            .body(delivery.payload.clone());
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let text = excerpt(response).await;
                let code = u64::from(status.as_u16());
                match status {
                    StatusCode::GONE => Tried::Gone(text),
                    status if status.is_success() => Tried::Taken(code, text),
                    // Where it leads may be anywhere, so it is not followed.
                    _ => Tried::Failed(Some(code), text),
                }
            }
            // What it was sent to is kept, and is nothing for a log.
            Err(error) => Tried::Failed(None, chain(&error.without_url())),
        }
    }
}

/// How an answer begins.
async fn excerpt(mut response: Response) -> String {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        read.extend_from_slice(&chunk);
        if read.len() >= ANSWER {
            read.truncate(ANSWER);
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Keeps that a webhook was disabled, for those who moderate where it belongs.
async fn keep(
    tx: &mut Tx,
    webhook: WebhookId,
    id: NotificationId,
    at: DateTime<Utc>,
) -> Result<Option<(Notice, To)>, StoreError> {
    let Some(webhook) = tx.webhook(webhook).await? else {
        return Ok(None);
    };
    let to = match webhook.community_id {
        None => To::All,
        Some(community) => {
            // One of its guilds stands for the community: whoever moderates several is told once.
            let guilds = tx.guilds().await?;
            let Some(guild) = guilds.into_iter().find(|guild| guild.community_id == community) else {
                return Ok(None);
            };
            To::Guild(GuildRef {
                platform: guild.platform,
                id: guild.native_id,
            })
        }
    };
    let notice = notice(&webhook, id, at);
    notices::keep(tx, &notice, &to).await?;
    Ok(Some((notice, to)))
}

fn notice(webhook: &Webhook, id: NotificationId, at: DateTime<Utc>) -> Notice {
    // The path may be as secret as a password.
    let host = url::Url::parse(&webhook.url).ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned));
    Notice {
        id,
        level: NotificationLevel::Warning,
        kind: NotificationKind::Failure,
        title: format!("The webhook to {} was disabled", host.unwrap_or_default()),
        body: format!(
            "Nothing more is sent there: {}. What waits is kept and sent when it is enabled again.",
            webhook
                .disabled_why
                .as_deref()
                .unwrap_or("it took nothing for long")
        ),
        link: Some(format!("/webhooks/{}", webhook.id)),
        at,
    }
}

// === impl OnItsWay ===

impl OnItsWay {
    fn new(running: &Arc<Mutex<BTreeMap<WebhookId, usize>>>, to: WebhookId) -> Self {
        let mut counts = running.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(to).or_default() += 1;
        drop(counts);
        Self {
            running: Arc::clone(running),
            to,
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut counts = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.to) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.to);
            }
        }
    }
}
