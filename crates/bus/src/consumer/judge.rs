//! What there is to do with an event that came. Read and decoded where it is fetched: the runner, which has all of them in
//! hand, only ever looks at what came of it.

use super::{Handler, Received};
use crate::engine::{DeadReason, Delivery};
use crate::place::Key;
use lockdown_events::{DecodeError, Envelope};
use lockdown_runtime::chain;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct Judge {
    pub(super) handlers: Arc<[Handler]>,
    /// Handed out so often without an answer, an event is taken for one that kills its process.
    pub(super) poison: u64,
}

pub(super) struct Arrived {
    pub(super) delivery: Delivery,
    pub(super) judged: Result<Work, Unfit>,
}

pub(super) struct Work {
    pub(super) received: Arc<Received>,
    /// Events of one key wait for each other.
    pub(super) key: Key,
    /// Handlers that are through with it: another try is only for the others.
    pub(super) done: BTreeSet<usize>,
}

/// Why no handler is given an event.
pub(super) enum Unfit {
    /// None of them wants it.
    Unwanted,
    Dead(DeadReason, String),
}

// === impl Judge ===

impl Judge {
    pub(super) fn judge(&self, delivery: Delivery) -> Arrived {
        let judged = self.work(&delivery);
        Arrived { delivery, judged }
    }

    fn work(&self, delivery: &Delivery) -> Result<Work, Unfit> {
        let failed = delivery.retry.as_ref().map_or(0, |retry| retry.attempts);
        let received = match self.receive(delivery, failed + 1) {
            Ok(Some(received)) => received,
            Ok(None) => return Err(Unfit::Unwanted),
            // Also a version from the future of what is wanted here: a newer process can be given it again.
            Err(error) => return Err(Unfit::Dead(DeadReason::Undecodable, chain(&error))),
        };
        let unanswered = delivery.deliveries.saturating_sub(u64::from(failed));
        if unanswered >= self.poison {
            let error = format!("handed out {unanswered} times without an answer");
            return Err(Unfit::Dead(DeadReason::Poison, error));
        }
        let mut wanting = self
            .handlers
            .iter()
            .filter(|handler| handler.wants(received.event.event_type()));
        let key = if wanting.all(|handler| handler.side_by_side) {
            Key::alone(delivery.entry, delivery.inbox)
        } else {
            Key::community(received.event.platform(), received.event.guild_id())
        };
        Ok(Work {
            received: Arc::new(received),
            key,
            done: BTreeSet::new(),
        })
    }

    /// What the handlers are given; nothing where none of them wants it.
    fn receive(&self, delivery: &Delivery, attempt: u32) -> Result<Option<Received>, DecodeError> {
        let envelope = Envelope::decode(&delivery.envelope)?;
        let wanted = |handler: &Handler| handler.wants(envelope.event_type());
        if !self.handlers.iter().any(wanted) {
            return Ok(None);
        }
        let event = envelope.event()?;
        Ok(Some(Received {
            envelope,
            event,
            position: delivery.entry,
            attempt,
        }))
    }
}
