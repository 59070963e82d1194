//! Starting and stopping real servers, each in a private directory and on a free port of 127.0.0.1.
//!
//! A server is a value: dropping it stops the process, by its own process id, and removes its directory. Should the
//! value never be dropped, since we were killed, Linux ends the server with us ([`process`]) and the next run removes
//! what it left ([`scratch`]).

pub mod interrupt;
pub mod port;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod scratch;
pub mod wire;

use anyhow::Context as _;
use std::path::Path;

/// The last lines of a server's log, to be read in an error message.
pub(crate) fn log_tail(log: &Path) -> String {
    let text = std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
    if tail.is_empty() {
        "its log is empty".to_owned()
    } else {
        format!("the end of its log:\n  {tail}")
    }
}

/// Whether the server gave up because another process listens on its port. Servers run with `LC_ALL=C`.
pub(crate) fn port_was_taken(log: &Path) -> bool {
    std::fs::read(log).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("Address already in use"))
}

/// A fresh log file for a server to write to.
pub(crate) fn new_log(path: &Path) -> anyhow::Result<std::fs::File> {
    std::fs::File::create(path).with_context(|| format!("could not create {}", path.display()))
}
