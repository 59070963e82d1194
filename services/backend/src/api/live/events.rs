//! Events as they come: one reader of the streams for the process, and what each client makes of it.

use super::feed::{Feed, Reading};
use super::mailbox::{Frame, Mailbox, Taken, Ticket};
use super::outlet::{Message, Source, block};
use super::scope::Scope;
use crate::api::events::body;
use bytes::Bytes;
use compact_str::CompactString;
use lockdown_bus::{Cursor, EngineError, Follow, Glob, History, Key, Position, Query, Start, Stored};
use lockdown_runtime::chain;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Read at once of what somebody did not hear.
const PAGE: usize = 128;
/// Before the streams are asked again that could not be read.
const REST: Duration = Duration::from_millis(500);

/// Every stream, and what is said in it.
pub(super) struct Events(Follow);

pub(super) struct EventFrame {
    key: Key,
    event_type: CompactString,
    position: Position,
    block: Bytes,
}

/// Which events.
#[derive(Clone)]
pub(super) struct EventWish {
    pub(super) scope: Scope,
    /// None asks for all.
    pub(super) types: Arc<[Glob]>,
}

/// One client's events: first, what came after its place, read from the streams; then what is said.
pub(super) struct EventSource {
    feed: Arc<Feed<Events>>,
    history: History,
    mailbox: Arc<Mailbox<EventFrame>>,
    wish: EventWish,
    query: Query,
    cursor: Cursor,
    /// Read, and not said yet.
    read: VecDeque<Stored>,
    /// How far it was read.
    read_to: Option<Cursor>,
    state: State,
}

enum State {
    /// Reads what was not heard; what comes meanwhile is found there, too.
    Reading,
    /// Hears, and reads what came before that.
    Closing(Ticket<EventFrame>),
    Hearing(Ticket<EventFrame>),
}

/// Reads all streams from now on.
async fn read(history: &History) -> Result<(Events, Cursor), EngineError> {
    let follow = history.follow(&Query::default(), Start::Now).await?;
    let at = follow.cursor();
    Ok((Events(follow), at))
}

// === impl EventFrame ===

impl EventFrame {
    fn of(stored: &Stored) -> Option<Self> {
        let body = body(stored)?;
        let text = serde_json::to_string(&body).ok()?;
        Some(Self {
            key: Key::of(&body.envelope),
            event_type: stored.channel.clone(),
            position: stored.position,
            block: block(&text),
        })
    }
}

impl Frame for EventFrame {
    type Wish = EventWish;
    type Place = Cursor;

    fn is_for(&self, wish: &EventWish) -> bool {
        let typed = wish.types.is_empty() || wish.types.iter().any(|glob| glob.matches(&self.event_type));
        typed && wish.scope.has(&self.key)
    }

    fn block(&self) -> &Bytes {
        &self.block
    }
}

// === impl Events ===

impl Reading for Events {
    type Frame = EventFrame;

    async fn next(&mut self) -> Option<(Option<EventFrame>, Cursor)> {
        match self.0.next().await {
            Ok(stored) => Some((EventFrame::of(&stored), self.0.cursor())),
            Err(error) => {
                tracing::warn!(
                    "The live events end, since the bus cannot be read: {}",
                    chain(&error)
                );
                None
            }
        }
    }
}

// === impl EventSource ===

impl EventSource {
    /// Goes on after a cursor, or begins now.
    pub(super) async fn begin(
        feed: &Arc<Feed<Events>>,
        history: History,
        wish: EventWish,
        query: Query,
        after: Option<Cursor>,
    ) -> Result<Self, EngineError> {
        let mailbox = Arc::new(Mailbox::new());
        let (state, cursor) = match after {
            Some(after) => (State::Reading, after),
            None => {
                let (ticket, at) = feed.join(&wish, &mailbox, || read(&history)).await?;
                (State::Hearing(ticket), at.for_query(&query))
            }
        };
        Ok(Self {
            feed: Arc::clone(feed),
            history,
            mailbox,
            wish,
            query,
            cursor,
            read: VecDeque::new(),
            read_to: None,
            state,
        })
    }

    pub(super) fn mailbox(&self) -> &Arc<Mailbox<EventFrame>> {
        &self.mailbox
    }

    fn message(&self, frame: &EventFrame) -> Message {
        Message {
            place: self.cursor.to_string(),
            block: frame.block.clone(),
        }
    }

    /// The next of what was read.
    fn told(&mut self) -> Option<Message> {
        while let Some(stored) = self.read.pop_front() {
            self.cursor.pass(stored.position);
            if let Some(frame) = EventFrame::of(&stored).filter(|frame| frame.is_for(&self.wish)) {
                return Some(self.message(&frame));
            }
        }
        if let Some(end) = self.read_to.take() {
            self.cursor = end;
        }
        None
    }

    /// Reads on, and goes over to hearing when there is no more.
    async fn read_on(&mut self) -> Result<(), EngineError> {
        let page = self.history.page(&self.query, Some(&self.cursor), PAGE);
        let page = page.await?;
        if page.next.is_none() {
            match std::mem::replace(&mut self.state, State::Reading) {
                State::Reading => {
                    let open = || read(&self.history);
                    let (ticket, _) = self.feed.join(&self.wish, &self.mailbox, open).await?;
                    self.state = State::Closing(ticket);
                }
                State::Closing(ticket) | State::Hearing(ticket) => self.state = State::Hearing(ticket),
            }
        }
        self.read = page.entries.into();
        self.read_to = Some(page.end);
        Ok(())
    }
}

impl Source for EventSource {
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.told() {
                return Some(message);
            }
            if !matches!(self.state, State::Hearing(_)) {
                match self.read_on().await {
                    Ok(()) => {}
                    Err(EngineError::Closed | EngineError::Refused(_)) => return None,
                    Err(error) => {
                        tracing::debug!("Could not read what a client did not hear: {}", chain(&error));
                        tokio::time::sleep(REST).await;
                    }
                }
                continue;
            }
            match self.mailbox.take().await? {
                Taken::Missed(count) => return Some(Message::missed(self.cursor.to_string(), Some(count))),
                // What was read is not told again.
                Taken::Frame(frame) => {
                    if self.cursor.pass(frame.position) {
                        return Some(self.message(&frame));
                    }
                }
            }
        }
    }

    fn place(&mut self) -> String {
        // Everything up to there was put into the mailbox before, and taken out of it.
        if let (State::Hearing(_), Some(at)) = (&self.state, self.feed.at())
            && self.read.is_empty()
            && self.mailbox.is_empty()
        {
            self.cursor.pass_all(&at);
        }
        self.cursor.to_string()
    }

    fn left(&self) -> u64 {
        self.mailbox.left()
    }
}
