//! Deliveries on their way to a caller who may be gone by then.

use super::error::LogError;
use super::log::Log;
use super::writer::{Call, Op, Queued, Work};
use crate::engine::{Delivery, EngineError, Group, Settlement};
use crate::place::ConsumerName;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

pub(super) type Answer<T> = oneshot::Sender<Result<T, EngineError>>;
pub(super) type Answered<T> = oneshot::Receiver<Result<T, EngineError>>;

/// A read that waits for something to come.
pub(super) struct Waiter {
    pub(super) group: Group,
    pub(super) consumer: ConsumerName,
    pub(super) max: usize,
    /// Whether it waits at all, or takes nothing for an answer.
    pub(super) patient: bool,
    pub(super) returns: mpsc::WeakSender<Queued>,
    pub(super) answer: Answer<Handed>,
}

/// Deliveries that nobody has taken yet. When they are dropped they are given back, since a consumer that never saw
/// them would hold them until it was taken for dead.
pub(super) struct Handed {
    group: Group,
    consumer: ConsumerName,
    returns: mpsc::WeakSender<Queued>,
    deliveries: Vec<Delivery>,
}

/// A takeover. What it took becomes [`Handed`] only when it is committed: before, there is nothing to give back.
pub(super) struct TakeOver {
    group: Group,
    consumer: ConsumerName,
    idle: Duration,
    max: usize,
    returns: mpsc::WeakSender<Queued>,
    taken: Vec<Delivery>,
    answer: Answer<Handed>,
}

// === impl Waiter ===

impl Waiter {
    /// Nobody waits for the answer any more.
    pub(super) fn gone(&self) -> bool {
        self.answer.is_closed()
    }
}

// === impl TakeOver ===

impl TakeOver {
    pub(super) fn op(
        group: Group,
        consumer: ConsumerName,
        idle: Duration,
        max: usize,
        returns: mpsc::WeakSender<Queued>,
    ) -> (Op, Answered<Handed>) {
        let (answer, answered) = oneshot::channel();
        let call = Self {
            group,
            consumer,
            idle,
            max,
            returns,
            taken: Vec::new(),
            answer,
        };
        (Op::Work(Box::new(call)), answered)
    }
}

impl Work for TakeOver {
    fn run(&mut self, log: &mut Log) -> Result<(), LogError> {
        self.taken = log.take_over(&self.group, &self.consumer, self.idle, self.max)?;
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<&[u64], &LogError>) {
        let handed = match outcome {
            Ok(_) => Ok(Handed::new(self.group, self.consumer, self.returns, self.taken)),
            Err(error) => Err(error.clone().into()),
        };
        let _ = self.answer.send(handed);
    }
}

// === impl Handed ===

impl Handed {
    pub(super) fn new(
        group: Group,
        consumer: ConsumerName,
        returns: mpsc::WeakSender<Queued>,
        deliveries: Vec<Delivery>,
    ) -> Self {
        Self {
            group,
            consumer,
            returns,
            deliveries,
        }
    }

    pub(super) fn take(mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if self.deliveries.is_empty() {
            return;
        }
        let released: Vec<_> = std::mem::take(&mut self.deliveries)
            .into_iter()
            .map(|delivery| (delivery, Settlement::Release))
            .collect();
        let (group, consumer) = (self.group.clone(), self.consumer.clone());
        let (op, _) = Call::op(move |log| log.settle(&group, &consumer, &released));
        // Where the queue is full or closed they are taken over later, or free when the log is opened again.
        if let Some(queue) = self.returns.upgrade() {
            let _ = queue.try_send(Queued { op, room: None });
        }
    }
}

impl Op {
    /// What it holds of the queue's bytes.
    pub(super) fn weight(batch: &[crate::engine::Append]) -> usize {
        batch
            .iter()
            .map(|append| append.envelope.len() + append.channel.len() + 256)
            .sum()
    }
}
