//! The domain seen from outside, told as stories, tables and random lives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authority;
mod book;
mod decision;
mod duration;
mod edits;
mod escalation;
mod platform;
mod sequences;
mod undo;
