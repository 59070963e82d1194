//! The event bus: durable streams with consumer groups, and live channels beside them.
//!
//! One interface, two engines. An [`Engine`] is the little that Redis and the embedded log do differently: append,
//! read for a group, settle, look back, listen. Everything that can be shared stands on top of it and is written once.
//! The engines hold no policy: when to retry, how long to wait and what is poison is decided above them.
//!
//! What an engine promises is written at each method of [`Engine`] and held by the conformance suite, which both pass.

mod backoff;
mod beginning;
mod bus;
mod cache;
mod consumer;
mod embedded;
mod engine;
mod glob;
pub mod health;
mod history;
mod janitor;
mod later;
mod live;
mod once;
mod open;
mod place;
mod presence;
mod publisher;
pub mod redis;
mod requests;
mod speaker;
mod spool;
mod stats;

pub use backoff::Backoff;
pub use bus::{Bus, BusOptions, EventError, StartError};
pub use cache::{Cache, CacheOptions};
pub use consumer::{Consumer, ConsumerOptions, Handler, HandlerError, Received};
pub use embedded::{Durability, EmbeddedEngine, OpenError, Options};
pub use engine::{
    Append, Appended, DeadFilter, DeadId, DeadLetter, DeadReason, Delivery, Engine, EngineError, Failure,
    Frame, Group, Live, LiveError, Posted, Retry, Settlement, Standing, Start, Stored, Tallied, Tally,
    Trimmed,
};
pub use glob::Glob;
pub use history::{
    Aggregate, Archive, ArchiveError, Cursor, CursorError, FileArchive, Follow, History, Page, ProjectError,
    Projection, Query, TrimError, archive_news, archive_then_trim,
};
pub use janitor::{Janitor, JanitorOptions, Retention};
pub use live::{
    CatchUp, Heard, Hub, HubOptions, ListenOptions, Listening, Said, SubscribeError, Subscription,
};
pub use once::{Did, Once, OnceError, OnceOptions, Turn};
pub use open::{OpenBusError, open, open_once};
pub use place::{Class, ConsumerName, EntryId, GroupName, Key, NameError, Position, Stream};
pub use presence::{Online, Presence, PresenceOptions};
pub use publisher::{PublishError, Published, Publisher, PublisherOptions};
pub use requests::{Answering, AskError, Asked, Requests};
pub use speaker::SayError;
pub use spool::{Spool, SpoolOptions};
pub use stats::{BusStats, ConsumerStats, GroupStats, LaneStats, Listeners, Removal, Stats, StreamStats};

/// For maps that are asked many times for each event. Seeded at random like std's, and three times as fast.
type FastHash = foldhash::fast::RandomState;
