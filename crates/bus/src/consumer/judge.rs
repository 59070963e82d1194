//! What is to be done with an event that was handed out: looked into where it is fetched, beside what runs.

use super::work::Wanted;
use super::{Handler, Order};
use crate::FastHash;
use crate::engine::{DeadReason, Delivery};
use crate::place::Named;
use lockdown_events::Envelope;
use lockdown_runtime::chain;
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// So much oftener than one that was begun each time an event is handed out before it is taken for poison all the same: it may
/// kill its process before anything of it can be begun.
const UNBEGUN: u64 = 20;

/// What keeps an order. Two that are the same by chance wait for each other, which does no harm.
pub(super) type Lane = u64;

pub(super) struct Judge {
    handlers: Arc<[Handler]>,
    /// Begun so often without an answer, an event is poison.
    poison: u64,
    /// Makes lanes.
    spread: FastHash,
}

pub(super) struct Work {
    pub(super) event_type: &'static str,
    pub(super) lane: Lane,
    /// Which try is next, from 1.
    pub(super) attempt: u32,
    /// The handlers that are not through with it.
    pub(super) wanted: Wanted,
}

/// Why there is nothing to do with an event.
pub(super) enum Verdict {
    /// No handler wants it.
    Unwanted,
    Dead(DeadReason, String),
}

// === impl Judge ===

impl Judge {
    pub(super) fn new(handlers: Arc<[Handler]>, poison: u64) -> Self {
        Self {
            handlers,
            poison,
            spread: FastHash::default(),
        }
    }

    /// It is only looked into here: whoever handles it decodes it, beside others.
    pub(super) fn judge(&self, delivery: &Delivery) -> Result<Work, Verdict> {
        let looked = Named::look(&delivery.envelope);
        let known = looked.and_then(|(name, named)| Some((self.wanted(name)?, named)));
        let ((event_type, wanted), named) = match known {
            Some(known) => known,
            None => self.look_closely(delivery)?,
        };
        let failed = delivery.retry.as_ref().map_or(0, |retry| retry.attempts);
        let unanswered = unanswered(delivery);
        if unanswered >= self.poison.saturating_mul(UNBEGUN) {
            let error = format!("handed out {unanswered} times without an answer");
            return Err(Verdict::Dead(DeadReason::Poison, error));
        }
        let orders = wanted.of(&self.handlers).map(|(_, handler)| handler.order);
        let lane = match (orders.min().unwrap_or(Order::Community), named.person()) {
            (Order::Person, Some(person)) => self.spread.hash_one((named.guild(), person)),
            (Order::Community | Order::Person, _) => self.spread.hash_one(named.guild()),
            (Order::None, _) => self.spread.hash_one((delivery.entry, delivery.inbox)),
        };
        Ok(Work {
            event_type,
            lane,
            attempt: failed + 1,
            wanted,
        })
    }

    /// The type by its own name, and who wants it; nothing where nobody does.
    fn wanted(&self, name: &str) -> Option<(&'static str, Wanted)> {
        let event_type = self.handlers.iter().find_map(|handler| handler.types.get(name))?;
        Some((event_type, Wanted::by(&self.handlers, event_type)))
    }

    /// Of what is older, foreign or faulty.
    fn look_closely(&self, delivery: &Delivery) -> Result<((&'static str, Wanted), Named), Verdict> {
        // Also a version from the future of what is wanted here: a newer process can be given it again.
        let undecodable = |error| Verdict::Dead(DeadReason::Undecodable, chain(&error));
        let envelope = Envelope::decode(&delivery.envelope).map_err(undecodable)?;
        let wanted = self.wanted(envelope.event_type()).ok_or(Verdict::Unwanted)?;
        let event = envelope.event().map_err(undecodable)?;
        let named = Named::of(&envelope).unwrap_or_else(|| Named::nobody(event.platform(), event.guild_id()));
        Ok((wanted, named))
    }
}

/// How often it was handed out without an answer, this time included.
pub(super) fn unanswered(delivery: &Delivery) -> u64 {
    let failed = delivery.retry.as_ref().map_or(0, |retry| retry.attempts);
    delivery.deliveries.saturating_sub(u64::from(failed))
}
