//! What waits for one subscription: bounded, and exact about what fell out.

use super::{ListenOptions, Said};
use crate::place::{EntryId, Stream};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The last entry of each stream that was heard of.
pub(super) type Places = HashMap<Stream, EntryId>;

/// Filled by the dispatcher, emptied by the subscription.
#[derive(Debug)]
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    news: Notify,
    most_frames: usize,
    most_bytes: usize,
    label: String,
    /// The subscription holds: from now on a gap concerns it.
    pub(super) in_force: AtomicBool,
    /// The number of the last frame put in, so that one that several patterns match is put in once.
    pub(super) last: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    frames: usize,
    bytes: usize,
    /// What fell out before the first item.
    fallen: Fallen,
    /// A gap was among it.
    fallen_gap: bool,
    /// Nothing more comes.
    ended: bool,
}

#[derive(Debug)]
enum Item {
    Said(Said),
    Gap(Arc<Places>),
}

/// How many frames there was no room for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fallen {
    /// Those that lie in a stream, too.
    pub(super) stored: u64,
    pub(super) live_only: u64,
}

#[derive(Debug)]
pub(super) enum Taken {
    Said(Said),
    Fallen(Fallen),
    /// The connection had a gap. All that lies at or before these places had been put in by then; nothing is known when
    /// there was no room for the gap itself.
    Gap(Option<Arc<Places>>),
    End,
}

// === impl Mailbox ===

impl Mailbox {
    pub(super) fn new(options: &ListenOptions, label: String) -> Self {
        Self {
            queue: Mutex::default(),
            news: Notify::new(),
            most_frames: options.frames.max(1),
            most_bytes: options.bytes,
            label,
            in_force: AtomicBool::new(false),
            last: AtomicU64::new(0),
        }
    }

    /// Never waits: the oldest make room.
    pub(super) fn put(&self, said: &Said) {
        let mut fallen = 0;
        {
            let mut queue = self.queue();
            if queue.ended {
                return;
            }
            queue.frames += 1;
            queue.bytes += said.weight();
            queue.items.push_back(Item::Said(said.clone()));
            while queue.frames > 1 && (queue.frames > self.most_frames || queue.bytes > self.most_bytes) {
                fallen += queue.drop_oldest();
            }
        }
        if fallen > 0 {
            metrics::counter!("lockdown_bus_live_missed_total", "channel" => self.label.clone())
                .increment(fallen);
        }
        self.news.notify_one();
    }

    pub(super) fn gap(&self, places: &Arc<Places>) {
        let mut queue = self.queue();
        if queue.ended || !self.in_force.load(Ordering::Relaxed) {
            return;
        }
        match queue.items.back_mut() {
            // Two gaps with nothing between are one.
            Some(Item::Gap(_)) => {}
            _ => queue.items.push_back(Item::Gap(Arc::clone(places))),
        }
        drop(queue);
        self.news.notify_one();
    }

    /// Nothing more comes; what waits can still be taken.
    pub(super) fn end(&self) {
        self.queue().ended = true;
        self.news.notify_one();
    }

    /// Nobody takes anything any more.
    pub(super) fn shut(&self) {
        *self.queue() = Queue {
            ended: true,
            ..Queue::default()
        };
        self.news.notify_one();
    }

    pub(super) fn is_shut(&self) -> bool {
        let queue = self.queue();
        queue.ended && queue.items.is_empty() && queue.fallen == Fallen::default() && !queue.fallen_gap
    }

    /// What comes next. Safe to cancel; for one caller at a time.
    pub(super) async fn take(&self) -> Taken {
        loop {
            if let Some(taken) = self.queue().take() {
                return taken;
            }
            // Remembered if it came since.
            self.news.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves it whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Queue ===

impl Queue {
    /// Returns how many frames that were.
    fn drop_oldest(&mut self) -> u64 {
        match self.items.pop_front() {
            Some(Item::Said(said)) => {
                self.frames -= 1;
                self.bytes -= said.weight();
                match said.position {
                    Some(_) => self.fallen.stored += 1,
                    None => self.fallen.live_only += 1,
                }
                1
            }
            Some(Item::Gap(_)) => {
                self.fallen_gap = true;
                0
            }
            None => 0,
        }
    }

    fn take(&mut self) -> Option<Taken> {
        let fallen = std::mem::take(&mut self.fallen);
        if fallen != Fallen::default() {
            return Some(Taken::Fallen(fallen));
        }
        if std::mem::take(&mut self.fallen_gap) {
            return Some(Taken::Gap(None));
        }
        match self.items.pop_front() {
            Some(Item::Said(said)) => {
                self.frames -= 1;
                self.bytes -= said.weight();
                Some(Taken::Said(said))
            }
            Some(Item::Gap(places)) => Some(Taken::Gap(Some(places))),
            None => self.ended.then_some(Taken::End),
        }
    }
}

// === impl Fallen ===

impl Fallen {
    pub(super) fn all(self) -> u64 {
        self.stored + self.live_only
    }
}

// === impl Said ===

impl Said {
    fn weight(&self) -> usize {
        self.channel.len() + self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(frames: usize, bytes: usize) -> Mailbox {
        let options = ListenOptions {
            frames,
            bytes,
            ..ListenOptions::default()
        };
        let mailbox = Mailbox::new(&options, "test".to_owned());
        mailbox.in_force.store(true, Ordering::Relaxed);
        mailbox
    }

    fn say(mailbox: &Mailbox, text: &str) {
        mailbox.put(&Said {
            channel: "c".into(),
            text: text.into(),
            position: None,
        });
    }

    fn all(mailbox: &Mailbox) -> Vec<String> {
        std::iter::from_fn(|| mailbox.queue().take())
            .take(100)
            .map(|taken| match taken {
                Taken::Said(said) => said.text.to_string(),
                Taken::Fallen(fallen) => format!("fallen {}", fallen.all()),
                Taken::Gap(_) => "gap".to_owned(),
                Taken::End => "end".to_owned(),
            })
            .collect()
    }

    #[test]
    fn what_fell_out_is_counted_where_it_was() {
        let mailbox = mailbox(3, 1000);
        for number in 0..8 {
            say(&mailbox, &number.to_string());
        }
        assert_eq!(all(&mailbox), ["fallen 5", "5", "6", "7"]);
        say(&mailbox, "8");
        assert_eq!(all(&mailbox), ["8"]);
    }

    #[test]
    fn bytes_are_bounded_too_but_the_newest_stays() {
        let mailbox = mailbox(100, 20);
        for _ in 0..5 {
            say(&mailbox, "12345678");
        }
        assert_eq!(all(&mailbox), ["fallen 3", "12345678", "12345678"]);
        say(&mailbox, &"x".repeat(100));
        assert_eq!(all(&mailbox), ["x".repeat(100)]);
    }

    #[test]
    fn a_gap_stands_where_it_was_and_does_not_get_lost() {
        let mailbox = mailbox(2, 1000);
        let places = Arc::default();
        say(&mailbox, "0");
        mailbox.gap(&places);
        mailbox.gap(&places);
        say(&mailbox, "1");
        assert_eq!(all(&mailbox), ["0", "gap", "1"]);
        say(&mailbox, "0");
        mailbox.gap(&places);
        for number in 1..5 {
            say(&mailbox, &number.to_string());
        }
        assert_eq!(all(&mailbox), ["fallen 3", "gap", "3", "4"]);
    }

    #[test]
    fn what_waits_at_the_end_can_still_be_taken() {
        let mailbox = mailbox(2, 1000);
        say(&mailbox, "0");
        mailbox.end();
        say(&mailbox, "1");
        assert!(!mailbox.is_shut());
        assert_eq!(mailbox.queue().items.len(), 1);
        mailbox.shut();
        assert!(mailbox.is_shut());
        assert!(matches!(mailbox.queue().take(), Some(Taken::End)));
    }
}
