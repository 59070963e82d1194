//! The event contract: what LOCKDOWN says on the bus, and how it is written.
//!
//! Nouns only: no I/O, no clock, no randomness, no runtime. Everything that happens is an [`Envelope`] whose
//! body is decoded on demand, so an event from a newer process can be kept and relayed whole. The one table of
//! types is in `table.rs`; channel names, families, JSON Schemas, the AsyncAPI document and the reference page
//! all come from it (`cargo xtask generate`).
//!
//! To add a type: a body in the module of its family, a row in `table.rs`, a golden file in `tests/golden/`,
//! then `cargo xtask generate`. Fields are only ever added, with `#[serde(default)]`.

mod envelope;
mod error;
mod guild;
mod id;
mod live;
mod message;
mod moderation;
mod older;
mod request;
mod schema;
mod source;
mod table;
mod text_enum;
mod time;
mod user;
mod wire;

pub use envelope::{Envelope, MAX_BYTES, MAX_DEPTH};
pub use error::{DecodeError, EncodeError};
pub use guild::{GuildChange, GuildConfig, GuildUpdate};
pub use id::{
    BatchId, CaseId, ChannelId, CorrelationId, EventId, GuildId, IdError, MessageId, NotificationId, RoleId,
    StreamId, TraceId, Traceparent, UserId,
};
pub use live::{
    CacheInvalidation, LIVE, Live, Notification, NotificationKind, NotificationLevel, Presence, PresenceKind,
    PresenceState,
};
pub use message::{
    Attachment, Author, AuthorKind, Button, ButtonPressed, Embed, EmbedField, Forward, Mentions, Message,
    MessageDeleted, MessageFlagged, MessageRef, MessagesBulkDeleted, NativeAct, Poll, Reaction, Sticker,
    Surface,
};
pub use moderation::{
    Action, AuditLogged, Decision, DirectMessage, ModerationAction, ModerationDeed, ModerationLog, Origin,
    Outcome, RuleHit, Verdict, VerdictAct, VerdictMode, VerdictSubject,
};
pub use request::{
    CaseRequest, HealthRequest, MemberRequest, REQUESTS, RanksRequest, Request, RequestError, Response,
    RouteRequest, RulesRequest, SettingsRequest,
};
pub use schema::ChannelInfo;
pub use source::{Platform, Source};
pub use table::{Event, Family, GuildEvent, MessageEvent, ModerationEvent, TYPES, TypeInfo, UserEvent};
pub use user::{BanObserved, Names, UserJoinRequested, UserJoined, UserLeft, UserUpdated};
