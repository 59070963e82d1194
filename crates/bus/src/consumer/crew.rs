//! Those who run handlers: each takes one event after the other off a common queue, as long as there is one.
//!
//! Most handlers of a busy stream are done at once, so that a task for each event would cost more than the handler, and
//! so would a word to the runner before each next one. Where one has to wait, another worker goes on with the rest.

use super::runner::Entry;
use super::work::{Begun, Finished, run};
use super::{Handler, Seat};
use futures_util::poll;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// So many events one worker takes in a turn, before other tasks have theirs.
const TURN: usize = 32;

pub(super) struct Crew(Arc<Shared>);

struct Shared {
    seat: Arc<Seat>,
    handlers: Arc<[Handler]>,
    finish: mpsc::UnboundedSender<Finished>,
    board: Mutex<Board>,
    end: CancellationToken,
}

#[derive(Default)]
struct Board {
    queue: VecDeque<Begun>,
    workers: usize,
}

/// A place among the workers.
struct Place {
    shared: Arc<Shared>,
    /// Given up, as there was nothing more to do.
    left: bool,
}

// === impl Crew ===

impl Crew {
    pub(super) fn new(
        seat: Arc<Seat>,
        handlers: Arc<[Handler]>,
        finish: mpsc::UnboundedSender<Finished>,
    ) -> Self {
        Self(Arc::new(Shared {
            seat,
            handlers,
            finish,
            board: Mutex::default(),
            end: CancellationToken::new(),
        }))
    }

    pub(super) fn give(&self, begun: Vec<Begun>) {
        if begun.is_empty() {
            return;
        }
        let cores = tokio::runtime::Handle::current().metrics().num_workers();
        // Few are spread, so that each has a core.
        let wanted = begun.len().div_ceil(TURN).max(begun.len().min(cores));
        self.0.board().queue.extend(begun);
        for _ in 0..wanted {
            self.0.help();
        }
    }

    /// One that goes before all others.
    pub(super) fn give_first(&self, begun: Option<Begun>) {
        if let Some(begun) = begun {
            self.0.board().queue.push_front(begun);
            self.0.help();
        }
    }

    /// Takes back what no worker has begun.
    pub(super) fn take_back(&self) -> Vec<Entry> {
        let mut board = self.0.board();
        board.queue.drain(..).map(|begun| begun.entry).collect()
    }

    /// Takes one back, unless it was begun.
    pub(super) fn take_one_back(&self, entry: Entry) -> bool {
        let mut board = self.0.board();
        let before = board.queue.len();
        board.queue.retain(|begun| begun.entry != entry);
        board.queue.len() < before
    }

    /// Ends what runs, wherever it is.
    pub(super) fn abort(&self) {
        self.0.end.cancel();
    }
}

/// What runs does not outlive the consumer.
impl Drop for Crew {
    fn drop(&mut self) {
        self.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one more worker, where there is something to do and a place for it.
    fn help(self: &Arc<Self>) {
        let mut board = self.board();
        if board.queue.is_empty() || board.workers >= self.seat.options.concurrency {
            return;
        }
        board.workers += 1;
        drop(board);
        let place = Place {
            shared: Arc::clone(self),
            left: false,
        };
        tokio::spawn(async move {
            let end = place.shared.end.clone();
            end.run_until_cancelled(place.work()).await;
        });
    }
}

// === impl Place ===

impl Place {
    async fn work(mut self) {
        for taken in 1.. {
            let Some(begun) = self.next() else { return };
            let shared = &self.shared;
            let mut running = pin!(run(&shared.seat, &shared.handlers, begun));
            let finished = match poll!(&mut running) {
                Poll::Ready(finished) => finished,
                Poll::Pending => {
                    shared.help();
                    running.await
                }
            };
            // Nobody is left to hear it when the engine is closed.
            let _ = shared.finish.send(finished);
            if taken % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The next event; where there is none the place is free again in the same moment, so that what comes then is not
    /// left to a worker who has gone.
    fn next(&mut self) -> Option<Begun> {
        let mut board = self.shared.board();
        let next = board.queue.pop_front();
        if next.is_none() {
            board.workers -= 1;
            self.left = true;
        }
        next
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.left {
            self.shared.board().workers -= 1;
        }
    }
}
