//! From Telegram to the bus. An update is confirmed once all that it says lies in the bus; what is read again after a crash
//! has the ids that it had before.

mod memory;
mod people;
mod poll;
mod recall;
mod webhook;

pub(crate) use memory::Memory;
pub(crate) use poll::poll;
pub(crate) use webhook::Webhook;

use crate::administrators::Administrators;
use crate::client::Client;
use crate::commands::Commands;
use crate::reading::{Read, Record, Told, read};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use lockdown_bus::{Backoff, Bus, EventError, PublishError};
use lockdown_events::{Envelope, EventId, Source, Traceparent};
use lockdown_runtime::health::Component;
use lockdown_runtime::probe::innermost;
use lockdown_runtime::{Clock, chain, telemetry};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use teloxide::{ApiError, RequestError};

/// What we want to be told of. Members and reactions come only when they are named.
const ALLOWED: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "chat_join_request",
    "chat_member",
    "message_reaction",
    "my_chat_member",
];

/// Between the tries of what Telegram or the bus did not take.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    cap: Duration::from_secs(30),
};

/// Publishes what updates say.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) client: Client,
    pub(crate) commands: Arc<Commands>,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) administrators: Arc<Administrators>,
    pub(crate) memory: Arc<Memory>,
}

// === impl Intake ===

impl Intake {
    /// Takes updates in, in their order. An error says that some of them are not known to be in the bus: they are to be
    /// taken again, all of them.
    async fn take(&self, updates: Vec<Value>) -> Result<(), EventError> {
        let (mut envelopes, mut events) = (Vec::new(), Vec::new());
        for update in updates {
            let id = update["update_id"].as_i64().unwrap_or_default();
            for told in self.read(update, id) {
                match self.envelope(id, &told) {
                    Ok(envelope) => {
                        events.push((told.event, envelope.timestamp));
                        envelopes.push(envelope);
                    }
                    Err(error) => {
                        count("unwritable", told.purpose);
                        tracing::error!(
                            update = id,
                            "Could not put an update on the wire: {}",
                            chain(&error)
                        );
                    }
                }
            }
        }
        // Whoever hears of what follows a change in the bus must not be judged by what was before it.
        for (event, _) in &events {
            self.administrators.note(event);
        }
        let publishing = envelopes
            .iter()
            .map(|envelope| self.bus.publish_as_it_is(envelope, true));
        for (result, envelope) in join_all(publishing).await.into_iter().zip(&envelopes) {
            match result {
                Ok(_) => {}
                // It would be refused again: it is said, and holds up nobody.
                Err(EventError::Publish(PublishError::Refused(error))) => {
                    count("refused", envelope.event_type());
                    tracing::error!(event = %envelope.event_id, "The bus refused an event: {}", chain(&*error));
                }
                Err(error) => return Err(error),
            }
        }
        for (event, at) in &events {
            self.memory.note(event, *at, &self.client);
        }
        Ok(())
    }

    /// Says what is wrong and waits as long as it takes: for ever, where no waiting mends it.
    async fn rest(&self, component: &Component, error: &RequestError, failures: u32) {
        match error {
            RequestError::Api(ApiError::InvalidToken) => {
                component.down("Telegram refuses the token: see the component `telegram`".to_owned());
                std::future::pending::<()>().await;
            }
            RequestError::Api(ApiError::TerminatedByOtherGetUpdates) => component.degraded(
                "another process reads this bot's updates: stop it, or give each its own bot".to_owned(),
            ),
            RequestError::RetryAfter(seconds) => {
                self.clock.sleep(seconds.duration()).await;
                return;
            }
            error => component.down(format!(
                "Telegram gives no updates: {}; it is tried again until it works",
                innermost(error)
            )),
        }
        self.clock.sleep(BACKOFF.pause(failures)).await;
    }

    fn read(&self, update: Value, id: i64) -> Vec<Told> {
        let own = self.client.own();
        let Some(record) = Record::of(update) else {
            count("unplaced", "no object");
            return Vec::new();
        };
        match read(record, own, &format!("telegram:{own}:{id}")) {
            Read::Told(told) => told,
            Read::Private(private) => {
                let event = self.event_id(private.at, id, "alone");
                tokio::spawn(Arc::clone(&self.commands).alone(*private, event));
                Vec::new()
            }
            Read::Other(kind) => {
                tracing::debug!(kind, "An update of no concern");
                Vec::new()
            }
            Read::Unplaced(kind) => {
                count("unplaced", &kind);
                tracing::error!(update = id, kind, "An update does not say where it belongs");
                Vec::new()
            }
        }
    }

    /// It must not depend on when we read the update.
    fn event_id(&self, at: Option<DateTime<Utc>>, update: i64, purpose: &str) -> EventId {
        let (own, update) = (self.client.own().to_string(), update.to_string());
        let what = ["telegram", &own, &update, purpose];
        EventId::observed(at.unwrap_or(DateTime::UNIX_EPOCH), &what)
    }

    fn envelope(&self, update: i64, told: &Told) -> Result<Envelope, lockdown_events::EncodeError> {
        let id = self.event_id(told.at, update, told.purpose);
        let at = told.at.unwrap_or_else(|| self.clock.now());
        let mut envelope = Envelope::new(id, at, Source::TelegramBot, None, &told.event)?;
        envelope.traceparent = telemetry::traceparent().and_then(|text| Traceparent::new(&text));
        Ok(envelope)
    }
}

fn count(what: &'static str, of: &str) {
    metrics::counter!("lockdown_telegram_updates_lost_total", "why" => what, "of" => of.to_owned())
        .increment(1);
}
