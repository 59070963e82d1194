//! What waits for one client: bounded, and exact about what there was no room for. And the table of all of them.

use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// How much may wait for one client. Frames are shared, so of a frame that waits for all there is one.
const FRAMES: usize = 1024;
const BYTES: usize = 4 << 20;

/// What a feed says, written once for everybody who hears it.
pub(super) trait Frame: Send + Sync + 'static {
    /// What a client wants to hear.
    type Wish: Clone + Send + Sync + 'static;
    /// How far a feed has come.
    type Place: Clone + Send + 'static;

    fn is_for(&self, wish: &Self::Wish) -> bool;
    /// One object of JSON, as [`super::outlet::block`] writes it.
    fn block(&self) -> &Bytes;
}

/// Filled by a feed, emptied by one client.
pub(super) struct Mailbox<F> {
    queue: Mutex<Queue<F>>,
    news: Notify,
}

struct Queue<F> {
    items: VecDeque<Arc<F>>,
    bytes: usize,
    /// What fell out before the first item.
    missed: u64,
    /// Since when it has not been empty, if something fell out since.
    behind_since: Option<Instant>,
    /// Nothing more comes.
    ended: bool,
}

pub(super) enum Taken<F> {
    Frame(Arc<F>),
    Missed(u64),
}

/// How far behind somebody is.
pub(super) trait Behind: Send + Sync {
    fn behind_since(&self) -> Option<Instant>;
}

/// Everybody who hears a feed.
pub(super) struct Table<F: Frame>(Mutex<Seats<F>>);

struct Seats<F: Frame> {
    /// How far the feed has come; absent while nobody feeds.
    at: Option<F::Place>,
    seats: HashMap<u64, (F::Wish, Arc<Mailbox<F>>)>,
    next: u64,
}

/// One client's place in the table. Dropped, it is given up.
pub(super) struct Ticket<F: Frame> {
    table: Arc<Table<F>>,
    number: u64,
}

/// A panic elsewhere leaves it whole: nothing that is called while it is held is not ours.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Mailbox ===

impl<F: Frame> Mailbox<F> {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                bytes: 0,
                missed: 0,
                behind_since: None,
                ended: false,
            }),
            news: Notify::new(),
        }
    }

    /// Never waits: the oldest make room.
    fn put(&self, frame: &Arc<F>) {
        let mut queue = lock(&self.queue);
        queue.items.push_back(Arc::clone(frame));
        queue.bytes += frame.block().len();
        while queue.items.len() > 1 && (queue.items.len() > FRAMES || queue.bytes > BYTES) {
            let Some(oldest) = queue.items.pop_front() else {
                break;
            };
            queue.bytes -= oldest.block().len();
            queue.missed += 1;
            queue.behind_since.get_or_insert_with(Instant::now);
        }
        drop(queue);
        self.news.notify_one();
    }

    fn end(&self) {
        lock(&self.queue).ended = true;
        self.news.notify_one();
    }

    /// What comes next; `None` when nothing does any more. Safe to cancel, for one caller at a time.
    pub(super) async fn take(&self) -> Option<Taken<F>> {
        loop {
            {
                let mut queue = lock(&self.queue);
                let missed = std::mem::take(&mut queue.missed);
                if missed > 0 {
                    return Some(Taken::Missed(missed));
                }
                if let Some(frame) = queue.items.pop_front() {
                    queue.bytes -= frame.block().len();
                    return Some(Taken::Frame(frame));
                }
                queue.behind_since = None;
                if queue.ended {
                    return None;
                }
            }
            // Remembered if it came since.
            self.news.notified().await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let queue = lock(&self.queue);
        queue.items.is_empty() && queue.missed == 0
    }

    /// What is not heard by whoever goes now.
    pub(super) fn left(&self) -> u64 {
        let queue = lock(&self.queue);
        queue.missed + queue.items.len() as u64
    }
}

impl<F: Frame> Behind for Mailbox<F> {
    fn behind_since(&self) -> Option<Instant> {
        lock(&self.queue).behind_since
    }
}

// === impl Table ===

impl<F: Frame> Table<F> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Seats {
            at: None,
            seats: HashMap::new(),
            next: 0,
        }))
    }

    /// Hears everything that is said from now on; tells how far that is. `None` while nobody feeds.
    pub(super) fn join(
        self: &Arc<Self>,
        wish: &F::Wish,
        mailbox: &Arc<Mailbox<F>>,
    ) -> Option<(Ticket<F>, F::Place)> {
        let mut seats = lock(&self.0);
        let at = seats.at.clone()?;
        let number = seats.next;
        seats.next += 1;
        seats.seats.insert(number, (wish.clone(), Arc::clone(mailbox)));
        drop(seats);
        let table = Arc::clone(self);
        Some((Ticket { table, number }, at))
    }

    pub(super) fn at(&self) -> Option<F::Place> {
        lock(&self.0).at.clone()
    }

    /// Somebody feeds from now on.
    pub(super) fn begin(&self, at: F::Place) {
        lock(&self.0).at = Some(at);
    }

    /// Tells everybody whom it concerns, if anybody, and is then so far.
    pub(super) fn say(&self, frame: Option<F>, at: F::Place) {
        let mut seats = lock(&self.0);
        if let Some(frame) = frame.map(Arc::new) {
            for (wish, mailbox) in seats.seats.values() {
                if frame.is_for(wish) {
                    mailbox.put(&frame);
                }
            }
        }
        seats.at = Some(at);
    }

    /// Nobody feeds any more, if nobody hears; says whether it is so.
    pub(super) fn end_if_empty(&self) -> bool {
        let mut seats = lock(&self.0);
        if !seats.seats.is_empty() {
            return false;
        }
        seats.at = None;
        true
    }

    /// Nobody feeds any more: all hear what waits for them, then nothing.
    pub(super) fn end(&self) {
        let mut seats = lock(&self.0);
        seats.at = None;
        seats.seats.drain().for_each(|(_, (_, mailbox))| mailbox.end());
    }
}

impl<F: Frame> Drop for Ticket<F> {
    fn drop(&mut self) {
        lock(&self.table.0).seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Word(char, Bytes);

    impl Frame for Word {
        type Wish = char;
        type Place = u64;

        fn is_for(&self, wish: &char) -> bool {
            self.0 == *wish
        }

        fn block(&self) -> &Bytes {
            &self.1
        }
    }

    fn say(table: &Table<Word>, about: char, length: usize) {
        let word = Word(about, Bytes::from(vec![0; length]));
        table.say(Some(word), table.at().unwrap() + 1);
    }

    fn table() -> Arc<Table<Word>> {
        let table = Arc::new(Table::new());
        table.begin(0);
        table
    }

    #[tokio::test]
    async fn everybody_hears_what_they_want_until_they_go() {
        let (table, mailbox) = (table(), Arc::new(Mailbox::new()));
        say(&table, 'a', 1);
        let (ticket, at) = table.join(&'a', &mailbox).unwrap();
        assert_eq!(at, 1);
        say(&table, 'b', 2);
        say(&table, 'a', 3);
        assert_eq!(table.at(), Some(3));
        let taken = mailbox.take().await;
        assert!(matches!(taken, Some(Taken::Frame(word)) if word.1.len() == 3));
        assert!(mailbox.is_empty() && !table.end_if_empty());
        drop(ticket);
        say(&table, 'a', 1);
        assert!(mailbox.is_empty() && table.end_if_empty());
        assert!(table.join(&'a', &mailbox).is_none(), "nobody feeds");
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_told_how_much_is_gone() {
        let (table, mailbox) = (table(), Arc::new(Mailbox::new()));
        let _ticket = table.join(&'a', &mailbox).unwrap();
        for _ in 0..FRAMES {
            say(&table, 'a', 1);
        }
        assert!(mailbox.behind_since().is_none());
        for _ in 0..5 {
            say(&table, 'a', 1);
        }
        assert!(mailbox.behind_since().is_some());
        assert_eq!(mailbox.left(), 5 + FRAMES as u64);
        assert!(matches!(mailbox.take().await, Some(Taken::Missed(5))));
        for _ in 0..FRAMES {
            assert!(matches!(mailbox.take().await, Some(Taken::Frame(_))));
        }
        // Behind until it was seen that there is no more.
        assert!(mailbox.behind_since().is_some());
        table.end();
        assert!(mailbox.take().await.is_none() && mailbox.behind_since().is_none());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too_but_the_newest_stays() {
        let (table, mailbox) = (table(), Arc::new(Mailbox::new()));
        let _ticket = table.join(&'a', &mailbox).unwrap();
        say(&table, 'a', 1);
        say(&table, 'a', BYTES + 1);
        assert!(matches!(mailbox.take().await, Some(Taken::Missed(1))));
        assert!(matches!(mailbox.take().await, Some(Taken::Frame(_))));
        assert!(mailbox.is_empty());
    }
}
