//! The truth: cases, sanctions, the audit chain, and the events that tell of them.
//!
//! Two engines, one SQL: Postgres for a fleet, SQLite in the data directory for one process. A use case takes a
//! [`Store`], writes in one transaction ([`in_tx!`]) the rows, the audit entry and the outbox row, and reads with
//! [`in_read!`]. The rules of moderation are not here, nor is any platform: this crate keeps what it is given.
//!
//! What cannot be reached is [`StoreError::Unavailable`], never "not found". Times and ids come from the caller.
//!
//! To add a table: a pair of files in `migrations/`, their line in `migrations.rs`, a module with its statements in `sqls!`,
//! the module's `TEXTS` in `texts()` below, its cases in `tests/contract/`, and what [`privacy`] asks for.

pub mod access_log;
pub mod accounts;
pub mod activity;
pub mod appeals;
pub mod archive;
pub mod audit;
mod bearer;
pub mod cases;
pub mod channels;
pub mod counts;
pub mod dbx;
pub mod dead_letters;
mod digests;
mod error;
pub mod evidence;
pub mod federations;
pub mod guilds;
pub mod hooks;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod labels;
pub mod leases;
pub mod lessons;
pub mod members;
pub mod messages;
pub mod migrations;
pub mod modes;
pub mod notes;
pub mod notifications;
mod open;
pub mod outbox;
pub mod pauses;
pub mod people;
pub mod points;
pub mod policies;
pub mod privacy;
pub mod reports;
pub mod reviews;
pub mod roles;
pub mod sanctions;
pub mod sessions;
pub mod settings;
pub mod sign_in;
mod store;
pub mod tellings;
pub mod threads;
pub mod tokens;
mod wake;
pub mod webhooks;

pub use bearer::Bearer;
pub use dbx::{Conn, Reader, Tx};
pub use error::{Retry, StoreError};
pub use open::{OpenError, PostgresOptions, migrate, open, open_once};
pub use store::Store;

/// Every statement of the crate, for the test that prepares them on both engines.
pub fn texts() -> impl Iterator<Item = &'static dbx::Sql> {
    let own = [
        access_log::TEXTS,
        accounts::TEXTS,
        activity::TEXTS,
        appeals::TEXTS,
        archive::TEXTS,
        audit::TEXTS,
        cases::TEXTS,
        channels::TEXTS,
        counts::TEXTS,
        dead_letters::TEXTS,
        digests::TEXTS,
        evidence::TEXTS,
        federations::TEXTS,
        federations::BAN_TEXTS,
        federations::PLACE_TEXTS,
        guilds::TEXTS,
        hooks::TEXTS,
        idempotency::TEXTS,
        inbox::TEXTS,
        jobs::TEXTS,
        labels::TEXTS,
        leases::TEXTS,
        lessons::TEXTS,
        members::TEXTS,
        messages::TEXTS,
        modes::TEXTS,
        notes::TEXTS,
        notifications::TEXTS,
        outbox::TEXTS,
        pauses::TEXTS,
        people::TEXTS,
        points::TEXTS,
        policies::TEXTS,
        reports::TEXTS,
        roles::TEXTS,
        roles::GIVEN_TEXTS,
        reviews::TEXTS,
        sanctions::TEXTS,
        sessions::TEXTS,
        settings::TEXTS,
        sign_in::TEXTS,
        store::TEXTS,
        tellings::TEXTS,
        threads::TEXTS,
        tokens::TEXTS,
        webhooks::DELIVERY_TEXTS,
        webhooks::TEXTS,
    ];
    own.into_iter().chain(privacy::TEXTS).flatten().copied()
}
