//! What was heard and waits to be taken: bounded, and honest about what fell out.

use super::Counters;
use crate::engine::Frame;
use compact_str::CompactString;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

pub(super) struct Heard {
    queue: Mutex<Queue>,
    news: Notify,
    most_frames: usize,
    most_bytes: usize,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Frames fell out before the first one.
    fell_out: bool,
    /// Which connection is listened to; what an earlier one still says is not heard.
    epoch: u64,
    /// What a new connection says before all subscriptions are in force again; it comes after the gap.
    early: Option<VecDeque<Frame>>,
    copies: Copies,
}

/// The server sends what is published once for each of our subscriptions that match, these copies one right after the
/// other. So, while no subscription changes, a frame is a copy of the one before it if it has the same channel and came by
/// a subscription that the frames before it did not come by.
#[derive(Default)]
struct Copies {
    channel: CompactString,
    /// The patterns by which it came so far; `None` for the subscription to the channel itself.
    by: Vec<Option<CompactString>>,
}

// === impl Heard ===

impl Heard {
    pub(super) fn new(most_frames: usize, most_bytes: usize, counters: Arc<Counters>) -> Self {
        Self {
            queue: Mutex::default(),
            news: Notify::new(),
            most_frames: most_frames.max(1),
            most_bytes,
            counters,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection takes the place of the one before.
    pub(super) fn begin(&self) -> u64 {
        let mut queue = self.queue();
        queue.epoch += 1;
        queue.early = Some(VecDeque::new());
        queue.copies.by.clear();
        queue.epoch
    }

    /// All subscriptions of the new connection are in force. Only now is the gap told: who catches up on hearing of it
    /// misses nothing between.
    pub(super) fn in_force(&self, gap: bool) {
        let mut queue = self.queue();
        if gap {
            self.gap(&mut queue);
        }
        let early = queue.early.take().unwrap_or_default();
        for frame in early {
            self.put(&mut queue, frame);
        }
        drop(queue);
        self.news.notify_one();
    }

    /// Subscriptions changed between what was heard and what will be.
    pub(super) fn changed(&self, epoch: u64) {
        let mut queue = self.queue();
        if queue.epoch == epoch {
            queue.copies.by.clear();
        }
    }

    /// `by` is the pattern that brought it, if it was one.
    pub(super) fn hear(&self, epoch: u64, by: Option<&str>, channel: &str, text: &str) {
        let mut queue = self.queue();
        if queue.epoch != epoch || queue.copies.is_copy(by, channel) {
            return;
        }
        let frame = Frame::Said {
            channel: channel.into(),
            text: text.into(),
        };
        match &mut queue.early {
            Some(early) => {
                early.push_back(frame);
                // What falls out here lies in the gap that will be told.
                if early.len() > self.most_frames {
                    early.pop_front();
                }
            }
            None => self.put(&mut queue, frame),
        }
        drop(queue);
        self.news.notify_one();
    }

    /// The oldest falls out: who lags is told so at once, and then hears what is new.
    fn put(&self, queue: &mut Queue, frame: Frame) {
        queue.bytes += weight(&frame);
        queue.frames.push_back(frame);
        while queue.frames.len() > self.most_frames
            || (queue.bytes > self.most_bytes && queue.frames.len() > 1)
        {
            let fallen = queue.frames.pop_front().expect("more than one");
            queue.bytes -= weight(&fallen);
            if !std::mem::replace(&mut queue.fell_out, true) && !matches!(fallen, Frame::Gap) {
                self.counters.gaps.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The next frame; safe to cancel.
    pub(super) async fn take(&self) -> Frame {
        loop {
            let news = self.news.notified();
            if let Some(frame) = self.queue().pop() {
                return frame;
            }
            news.await;
        }
    }

    fn gap(&self, queue: &mut Queue) {
        self.counters.gaps.fetch_add(1, Ordering::Relaxed);
        if !matches!(queue.frames.back(), Some(Frame::Gap)) {
            queue.frames.push_back(Frame::Gap);
        }
    }
}

// === impl Copies ===

impl Copies {
    fn is_copy(&mut self, by: Option<&str>, channel: &str) -> bool {
        let copy = !self.by.is_empty()
            && self.channel == channel
            && !self.by.iter().any(|known| known.as_deref() == by);
        if !copy {
            self.channel = channel.into();
            self.by.clear();
        }
        self.by.push(by.map(CompactString::new));
        copy
    }
}

// === impl Queue ===

impl Queue {
    fn pop(&mut self) -> Option<Frame> {
        if std::mem::take(&mut self.fell_out) {
            return Some(Frame::Gap);
        }
        let frame = self.frames.pop_front()?;
        self.bytes -= weight(&frame);
        Some(frame)
    }
}

fn weight(frame: &Frame) -> usize {
    match frame {
        Frame::Said { channel, text } => channel.len() + text.len(),
        Frame::Gap => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(heard: &Heard, epoch: u64, text: &str) {
        heard.hear(epoch, None, "c", text);
    }

    fn all(heard: &Heard) -> Vec<String> {
        std::iter::from_fn(|| heard.queue().pop())
            .map(|frame| match frame {
                Frame::Said { text, .. } => text.to_string(),
                Frame::Gap => "gap".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_listener_that_does_not_keep_up_hears_of_one_gap_where_it_is() {
        let heard = Heard::new(4, 1000, Arc::default());
        let epoch = heard.begin();
        heard.in_force(false);
        for number in 0..9 {
            said(&heard, epoch, &number.to_string());
        }
        assert_eq!(all(&heard), ["gap", "5", "6", "7", "8"]);
        said(&heard, epoch, "9");
        assert_eq!(all(&heard), ["9"]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let heard = Heard::new(100, 10, Arc::default());
        let epoch = heard.begin();
        heard.in_force(false);
        for _ in 0..5 {
            said(&heard, epoch, "12345678");
        }
        assert_eq!(all(&heard), ["gap", "12345678"]);
    }

    #[test]
    fn what_comes_by_several_patterns_is_heard_once() {
        let heard = Heard::new(100, 1000, Arc::default());
        let epoch = heard.begin();
        heard.in_force(false);
        let hear = |by, channel, text| heard.hear(epoch, by, channel, text);
        for text in ["same", "same"] {
            hear(None, "a:b", text);
            hear(Some("a:*"), "a:b", text);
            hear(Some("*"), "a:b", text);
        }
        hear(Some("a:*"), "a:c", "other");
        hear(Some("*"), "a:c", "other");
        assert_eq!(all(&heard), ["same", "same", "other"]);
        // One pattern went and another came: the same words by it were published anew.
        hear(Some("a:*"), "a:b", "again");
        heard.changed(epoch);
        hear(Some("?:b"), "a:b", "again");
        assert_eq!(all(&heard), ["again", "again"]);
    }

    #[test]
    fn the_gap_comes_before_all_that_a_new_connection_says() {
        let heard = Heard::new(10, 1000, Arc::default());
        let first = heard.begin();
        heard.in_force(false);
        said(&heard, first, "before");
        let second = heard.begin();
        said(&heard, first, "too late");
        said(&heard, second, "early");
        assert_eq!(all(&heard), ["before"]);
        heard.in_force(true);
        said(&heard, second, "after");
        assert_eq!(all(&heard), ["gap", "early", "after"]);
    }
}
