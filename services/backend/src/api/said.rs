//! What was said, found by its id, as far as the bus has it.

use super::route::InGuild;
use crate::problem::Problem;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Glob, Key, Query};
use lockdown_events::{Envelope, Event, EventId, Message, MessageEvent, MessageId};
use lockdown_policy::catalogue::Slot;
use lockdown_policy::{EventKind, Facts};
use std::collections::BTreeMap;

/// How long before and after a time that is told a message is looked for.
const AROUND: TimeDelta = TimeDelta::hours(1);
/// How far back without one.
const BACK: TimeDelta = TimeDelta::hours(48);
/// Where more was said than this many pages have, its text has to be sent.
const PAGES: usize = 60;
const PAGE: usize = 1_000;

/// A message after its last edit.
pub(super) struct Said {
    event: EventId,
    kind: EventKind,
    at: DateTime<Utc>,
    pub(super) message: Message,
}

// === impl Said ===

impl Said {
    /// All that it says, as rules read it; `None` where that is nothing.
    pub(super) fn text(&self) -> Option<String> {
        let facts = Facts::of_message(self.event, self.kind, self.at.timestamp_millis(), &self.message);
        let text = facts.text(Slot::Text).unwrap_or_default();
        (!text.trim().is_empty()).then(|| text.to_owned())
    }
}

/// Those of these messages that the bus has, looked for around a time or in the last two days.
pub(super) async fn said(
    asked: &InGuild,
    messages: &[MessageId],
    when: Option<DateTime<Utc>>,
) -> Result<BTreeMap<MessageId, Said>, Problem> {
    let mut found = BTreeMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    let now = asked.call.now();
    let (from, to) = match when {
        Some(at) => (at - AROUND, at + AROUND),
        None => (now - BACK, now + AROUND),
    };
    let query = Query {
        from: Some(from),
        to: Some(to),
        types: vec![Glob::new("message:created"), Glob::new("message:edited")],
        key: Some(Key::community(asked.guild.platform, &asked.guild.native_id)),
        classes: Vec::new(),
    };
    let history = asked.call.api.bus.history();
    let mut after = None;
    for _ in 0..PAGES {
        let page = history.page(&query, after.as_ref(), PAGE).await?;
        for stored in &page.entries {
            let Ok(envelope) = Envelope::decode(&stored.envelope) else {
                continue;
            };
            let (message, kind) = match envelope.event() {
                Ok(Event::Message(MessageEvent::Created(message))) => (message, EventKind::Message),
                Ok(Event::Message(MessageEvent::Edited(message))) => (message, EventKind::Edit),
                _ => continue,
            };
            if messages.contains(&message.message_id) {
                let said = Said {
                    event: envelope.event_id,
                    kind,
                    at: envelope.timestamp,
                    message: *message,
                };
                found.insert(said.message.message_id.clone(), said);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}
