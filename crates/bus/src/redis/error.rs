//! What Redis's errors mean to a caller.

use crate::engine::EngineError;
use ::redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};
use std::error::Error as _;

/// Codes of a server that may answer otherwise in a moment: it is starting, failing over, busy, or cannot write to
/// its disk.
const PASSING: [&str; 10] = [
    "LOADING",
    "MASTERDOWN",
    "READONLY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "MISCONF",
    "NOREPLICAS",
    "UNBLOCKED",
    "NOSCRIPT",
];

/// Codes of a server that was told wrong what we may do.
const RIGHTS: [&str; 3] = ["NOAUTH", "NOPERM", "WRONGPASS"];

/// `NOPERM` of a command within a script, which has no code of its own.
const NOT_ALLOWED: &str = "user executing the script can't run this command";

/// A reply that has another shape than the command promises.
#[derive(Debug, thiserror::Error)]
#[error("Redis answered {0} in a shape that is not known")]
pub(super) struct Shape(pub(super) &'static str);

/// An answer that came too late, or not at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Silent(pub(super) String);

pub(super) fn engine(error: RedisError) -> EngineError {
    let passing = match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::Server(ServerErrorKind::BusyLoading) => true,
        _ => error.code().is_some_and(|code| PASSING.contains(&code)),
    };
    match error.code() {
        Some("OOM") => EngineError::Full(Box::new(error)),
        _ if passing => EngineError::Away(Box::new(error)),
        _ => EngineError::Refused(Box::new(error)),
    }
}

pub(super) fn server(error: ServerError) -> EngineError {
    engine(RedisError::from(error))
}

/// An error that a script caught and handed back as text, code first.
pub(super) fn text(message: &str) -> EngineError {
    let code = message.split_whitespace().next().unwrap_or_default();
    let source = Box::new(Silent(message.to_owned()));
    if code == "OOM" {
        EngineError::Full(source)
    } else if PASSING.contains(&code) {
        EngineError::Away(source)
    } else {
        EngineError::Refused(source)
    }
}

/// As [`text`], of an event that was to be appended. A right that is missing says nothing against the event: somebody will
/// give it, and then the event goes out.
pub(super) fn of_event(message: &[u8]) -> EngineError {
    let message = String::from_utf8_lossy(message);
    let code = message.split_whitespace().next().unwrap_or_default();
    if RIGHTS.contains(&code) || message.contains(NOT_ALLOWED) {
        away(message)
    } else {
        text(&message)
    }
}

pub(super) fn shape(what: &'static str) -> EngineError {
    EngineError::Refused(Box::new(Shape(what)))
}

pub(super) fn away(reason: impl Into<String>) -> EngineError {
    EngineError::Away(Box::new(Silent(reason.into())))
}

/// What lies behind an error, in words.
pub(super) fn cause(error: &EngineError) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether the connection that gave this error is of no more use.
pub(super) fn ends_the_connection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) || error.is_unrecoverable_error()
}

pub(super) fn is_no_group(error: &ServerError) -> bool {
    error.code() == "NOGROUP"
}

/// Whether the key or the group that was asked about is not there.
pub(super) fn is_absent(error: &ServerError) -> bool {
    let no_key = error.details().is_some_and(|text| text.contains("no such key"));
    no_key || is_no_group(error)
}
