//! What is kept about people: which columns hold it, how it goes, how it is handed over, how long it stays.
//!
//! [`TABLES`] lists every column of text of every table. A test compares it with the schema of both engines, and fails when a
//! column is not in it, when one that is personal is not erased, or when one is not handed over. For a new table:
//!
//! 1. its entry in [`TABLES`] (`columns.rs`), each text or JSON column under what it holds;
//! 2. where something in it is personal: a step in `steps.rs`, and a section in `sections.rs` that its owner would read;
//! 3. where it grows and need not stay: a kind in `retention.rs`;
//! 4. a row of it in `fill` of `tests/contract/somebody.rs`, so that the test sees the text go.

mod columns;
mod erase;
mod export;
mod retention;
mod sections;
mod steps;

pub use columns::{TABLES, Table};
pub use erase::{Account, Counts, Erased, Eraser, erases};
pub use export::{Export, Record, exports};
pub use retention::{Keep, Kept, RetentionKind, RetentionOptions, Sweeper};

/// Every statement of the module.
pub(crate) static TEXTS: [&[&crate::dbx::Sql]; 4] =
    [erase::TEXTS, sections::TEXTS, retention::TEXTS, steps::TEXTS];
