//! Frames: the little around an event that has to be understood.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// One event of the gateway, as it came.
#[derive(Debug)]
pub(crate) struct Dispatch {
    /// Which session said it, and as which of its events: the same when it says it again.
    pub(crate) session: Arc<str>,
    /// When the session began, in milliseconds of 1970.
    pub(crate) began: i64,
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) data: Box<RawValue>,
}

/// Anything that the gateway says.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    pub(super) op: u8,
    #[serde(default)]
    pub(super) s: Option<u64>,
    #[serde(default, borrow)]
    pub(super) t: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) d: Option<&'a RawValue>,
}

/// What the gateway says first.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) heartbeat_interval: u64,
}

/// What has to be kept of READY.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) session_id: String,
    #[serde(default)]
    pub(super) resume_gateway_url: Option<String>,
}
