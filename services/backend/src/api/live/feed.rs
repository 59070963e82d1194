//! One reader for the process, for as long as somebody listens.

use super::mailbox::{Frame, Mailbox, Table, Ticket};
use lockdown_runtime::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long is read on when nobody listens any more: whoever reconnects comes soon.
const LINGER: Duration = Duration::from_secs(10);

type Place<R> = <<R as Reading>::Frame as Frame>::Place;

/// What a feed reads.
pub(super) trait Reading: Send + 'static {
    type Frame: Frame;

    /// What comes next, if it is of use to anybody, and how far that is; `None` when nothing does any more. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = Option<(Option<Self::Frame>, Place<Self>)>> + Send;
}

pub(super) struct Feed<R: Reading> {
    table: Arc<Table<R::Frame>>,
    starting: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    shutdown: Shutdown,
}

// === impl Feed ===

impl<R: Reading> Feed<R> {
    pub(super) fn new(tasks: TaskTracker, shutdown: Shutdown) -> Self {
        Self {
            table: Arc::new(Table::new()),
            starting: tokio::sync::Mutex::default(),
            tasks,
            shutdown,
        }
    }

    /// How far it has come; nothing while nobody listens.
    pub(super) fn at(&self) -> Option<Place<R>> {
        self.table.at()
    }

    /// Hears everything from now on, and how far that is. Where nobody listened, `open` begins to read.
    pub(super) async fn join<E, Fut>(
        &self,
        wish: &<R::Frame as Frame>::Wish,
        mailbox: &Arc<Mailbox<R::Frame>>,
        open: impl Fn() -> Fut + Send,
    ) -> Result<(Ticket<R::Frame>, Place<R>), E>
    where
        Fut: Future<Output = Result<(R, Place<R>), E>> + Send,
    {
        loop {
            if let Some(joined) = self.table.join(wish, mailbox) {
                return Ok(joined);
            }
            let _starting = self.starting.lock().await;
            if self.table.at().is_some() {
                continue;
            }
            let (reading, at) = open().await?;
            self.table.begin(at);
            let (table, shutdown) = (Arc::clone(&self.table), self.shutdown.clone());
            self.tasks.spawn(read(reading, table, shutdown));
        }
    }
}

async fn read<R: Reading>(mut reading: R, table: Arc<Table<R::Frame>>, shutdown: Shutdown) {
    let mut look = tokio::time::interval(LINGER);
    look.tick().await;
    loop {
        tokio::select! {
            next = reading.next() => match next {
                Some((frame, at)) => table.say(frame, at),
                None => return table.end(),
            },
            _ = look.tick() => {
                if table.end_if_empty() {
                    return;
                }
            }
            // Whoever listens is seen out by others.
            () = shutdown.soft() => return,
        }
    }
}
