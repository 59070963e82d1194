//! The one thread that writes: it takes what has queued, makes one transaction of it, and answers when that is safe.
//!
//! Nothing waits for a timer. While one commit is under way the next one's operations queue, so commits are as large as
//! the load makes them.

use super::checkpoint::Checkpoints;
use super::claim::Claim;
use super::error::LogError;
use super::handed::{Answer, Answered, Handed, Waiter};
use super::hub::Hub;
use super::log::{Head, Log};
use crate::engine::{Append, Appended, Delivery, EngineError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Operations in one transaction, and their bytes: more would only make everybody wait longer.
const MOST_OPERATIONS: usize = 512;
const MOST_BYTES: usize = 8 << 20;

/// Something for the writer to do.
pub(super) enum Op {
    Work(Box<dyn Work>),
    Read(Waiter),
    /// There is something to see to that is not in the queue.
    Wake,
    Stop,
}

/// An operation, and the room it takes in the queue.
pub(super) struct Queued {
    pub(super) op: Op,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Part of a transaction. It may be run again after a rollback.
pub(super) trait Work: Send {
    fn run(&mut self, log: &mut Log) -> Result<(), LogError>;

    /// After the commit, with how many listeners each appended entry of the transaction reached.
    fn answer(self: Box<Self>, outcome: Result<&[u64], &LogError>);
}

/// Any operation on the log that has a result.
pub(super) struct Call<T, F> {
    run: F,
    value: Option<T>,
    answer: Answer<T>,
}

/// An append, whose result names the listeners it reached.
pub(super) struct AppendCall {
    batch: Vec<Append>,
    results: Vec<Result<Appended, EngineError>>,
    /// Where its entries begin among those of the transaction.
    said: usize,
    answer: Answer<Vec<Result<Appended, EngineError>>>,
}

/// The ends of the streams as they are committed, for readers that need no more.
#[derive(Debug)]
pub(super) struct Heads(Vec<(AtomicU64, AtomicU64)>);

pub(super) struct Writer {
    pub(super) log: Log,
    pub(super) queue: mpsc::Receiver<Queued>,
    pub(super) hub: Arc<Hub>,
    pub(super) heads: Arc<Heads>,
    pub(super) checkpoints: Option<Checkpoints>,
    /// Held as long as the log is open.
    pub(super) claim: Option<Claim>,
    pub(super) waiters: VecDeque<Waiter>,
    /// The last transaction failed: nothing is begun that nobody asked for.
    pub(super) failing: bool,
    /// From here on every call fails.
    pub(super) ended: CancellationToken,
    /// From here on the file is free.
    pub(super) done: CancellationToken,
}

// === impl Writer ===

impl Writer {
    pub(super) fn run(mut self) {
        // Also when this thread panics: nobody is left waiting for an answer that never comes.
        let _ended = self.ended.clone().drop_guard();
        let _done = self.done.clone().drop_guard();
        while let Some(first) = self.next() {
            if !self.turn(first) || self.ended.is_cancelled() {
                break;
            }
        }
        self.ended.cancel();
        self.queue.close();
        // What queued meanwhile came too late: dropping it answers it.
        while self.queue.try_recv().is_ok() {}
        self.waiters.clear();
        let Self {
            log,
            checkpoints,
            claim,
            ..
        } = self;
        drop(checkpoints);
        // Last of all, so that who takes the file next finds it closed.
        drop(log);
        drop(claim);
    }

    /// The next operation; while there is something to clear away it does not wait for one.
    fn next(&mut self) -> Option<Queued> {
        if self.log.unswept() && !self.failing {
            match self.queue.try_recv() {
                Ok(queued) => return Some(queued),
                Err(mpsc::error::TryRecvError::Empty) => {
                    return Some(Queued {
                        op: Op::Wake,
                        room: None,
                    });
                }
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
        self.queue.blocking_recv()
    }

    /// One transaction, or several where one failed; says whether to go on.
    fn turn(&mut self, first: Queued) -> bool {
        let mut work = Vec::new();
        let mut rooms = Vec::new();
        let mut bytes = 0;
        let mut go_on = true;
        let mut next = Some(first);
        while let Some(Queued { op, room }) = next {
            match op {
                Op::Work(one) => work.push(one),
                Op::Read(waiter) => {
                    // Those who gave up leave no trace.
                    self.waiters.retain(|waiter| !waiter.gone());
                    self.waiters.push_back(waiter);
                }
                Op::Wake => {}
                Op::Stop => go_on = false,
            }
            bytes += room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            rooms.push(room);
            if !go_on || rooms.len() >= MOST_OPERATIONS || bytes >= MOST_BYTES {
                break;
            }
            next = self.queue.try_recv().ok();
        }
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.before_commit(&self.log.connection);
        }
        match self.transaction(&mut work) {
            Ok(served) => self.answer(work, served),
            Err(error) if work.is_empty() => self.refuse_waiters(&error),
            // One of them may be at fault: each for itself, so that acknowledgements do not fail with appends.
            Err(_) => {
                for one in work {
                    let mut alone = [one];
                    match self.transaction(&mut alone) {
                        Ok(served) => self.answer(alone, served),
                        Err(error) => alone.into_iter().for_each(|one| one.answer(Err(&error))),
                    }
                }
            }
        }
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.after_commit(&mut self.log.written);
        }
        go_on
    }

    /// Runs the work and serves the waiting reads; nothing of it has happened when it fails.
    fn transaction(&mut self, work: &mut [Box<dyn Work>]) -> Result<Vec<(Waiter, Vec<Delivery>)>, LogError> {
        self.log.said.clear();
        let mut served = Vec::new();
        let outcome = work
            .iter_mut()
            .try_for_each(|one| one.run(&mut self.log))
            .and_then(|()| self.serve(&mut served))
            .and_then(|()| self.log.sweep())
            .and_then(|()| self.log.commit());
        self.failing = outcome.is_err();
        match outcome {
            Ok(()) => Ok(served),
            Err(error) => {
                tracing::warn!(%error, source = ?error, "A transaction of the event log failed");
                self.log.roll_back();
                for (waiter, _) in served.into_iter().rev() {
                    self.waiters.push_front(waiter);
                }
                Err(error)
            }
        }
    }

    /// Gives every waiting read what there is for it, in the order in which they came.
    fn serve(&mut self, served: &mut Vec<(Waiter, Vec<Delivery>)>) -> Result<(), LogError> {
        for _ in 0..self.waiters.len() {
            let Some(waiter) = self.waiters.pop_front() else {
                break;
            };
            if waiter.gone() {
                continue;
            }
            match self.log.hand_out(&waiter.group, &waiter.consumer, waiter.max) {
                Ok(nothing) if nothing.is_empty() && waiter.patient => self.waiters.push_back(waiter),
                Ok(deliveries) => served.push((waiter, deliveries)),
                Err(error) => {
                    self.waiters.push_front(waiter);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        work: impl IntoIterator<Item = Box<dyn Work>>,
        served: Vec<(Waiter, Vec<Delivery>)>,
    ) {
        self.heads.publish(&self.log.heads);
        let receivers = self.hub.publish(&self.log.said);
        self.log.said.clear();
        for one in work {
            one.answer(Ok(&receivers));
        }
        for (waiter, deliveries) in served {
            waiter.answer(deliveries);
        }
    }

    fn refuse_waiters(&mut self, error: &LogError) {
        for waiter in self.waiters.drain(..) {
            waiter.refuse(error.clone().into());
        }
    }
}

// === impl Call ===

impl<T, F> Call<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Log) -> Result<T, LogError> + Send + 'static,
{
    pub(super) fn op(run: F) -> (Op, Answered<T>) {
        let (answer, answered) = oneshot::channel();
        let call = Self {
            run,
            value: None,
            answer,
        };
        (Op::Work(Box::new(call)), answered)
    }
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Log) -> Result<T, LogError> + Send,
{
    fn run(&mut self, log: &mut Log) -> Result<(), LogError> {
        self.value = Some((self.run)(log)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<&[u64], &LogError>) {
        let value = match (outcome, self.value) {
            (Ok(_), Some(value)) => Ok(value),
            (Ok(_), None) => return,
            (Err(error), _) => Err(error.clone().into()),
        };
        // Whoever asked may have gone.
        let _ = self.answer.send(value);
    }
}

// === impl AppendCall ===

impl AppendCall {
    pub(super) fn op(batch: Vec<Append>) -> (Op, Answered<Vec<Result<Appended, EngineError>>>) {
        let (answer, answered) = oneshot::channel();
        let call = Self {
            batch,
            results: Vec::new(),
            said: 0,
            answer,
        };
        (Op::Work(Box::new(call)), answered)
    }
}

impl Work for AppendCall {
    fn run(&mut self, log: &mut Log) -> Result<(), LogError> {
        self.said = log.said.len();
        self.results = log.append(&self.batch)?;
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<&[u64], &LogError>) {
        let Self {
            batch,
            mut results,
            said,
            answer,
        } = *self;
        let outcome = outcome.map_err(|error| error.clone().into()).map(|receivers| {
            let mut receivers = receivers[said..].iter();
            for (result, append) in results.iter_mut().zip(&batch) {
                if let Ok(appended) = result
                    && !appended.already
                    && !append.quiet
                {
                    appended.receivers = receivers.next().copied().unwrap_or(0);
                }
            }
            results
        });
        let _ = answer.send(outcome);
    }
}

// === impl Heads ===

impl Heads {
    pub(super) fn new(heads: &[Head]) -> Self {
        Self(
            heads
                .iter()
                .map(|head| (head.first.into(), head.last.into()))
                .collect(),
        )
    }

    fn publish(&self, heads: &[Head]) {
        for ((first, last), head) in self.0.iter().zip(heads) {
            last.store(head.last, Ordering::Release);
            first.store(head.first, Ordering::Release);
        }
    }

    /// The first entry kept and the last entry.
    pub(super) fn of(&self, stream: usize) -> (u64, u64) {
        let (first, last) = &self.0[stream];
        let first = first.load(Ordering::Acquire);
        (first, last.load(Ordering::Acquire))
    }
}

// === impl Waiter ===

impl Waiter {
    fn answer(self, deliveries: Vec<Delivery>) {
        let handed = Handed::new(self.group, self.consumer, self.returns, deliveries);
        // Where nobody waits any more, dropping them gives them back.
        let _ = self.answer.send(Ok(handed));
    }

    fn refuse(self, error: EngineError) {
        let _ = self.answer.send(Err(error));
    }
}
