//! Many rows as one parameter: a JSON array that the engine unpacks, several times faster than row by row.
//!
//! Ids are written with hyphens, times in microseconds, bytes in hexadecimal. Postgres names the members in
//! `jsonb_to_recordset` and reads ids by itself; SQLite takes each with `value ->> 'name'` and ids with `unhex(.., '-')`.
//! No row of a batch may stand for the same row of a table as another one: Postgres writes none twice in a statement.
//! Whoever adds to rows that are there brings the batch into the order of the key, so that two do not wait for each
//! other.

use chrono::{DateTime, Utc};

/// In a statement of Postgres: the time that a member has in microseconds.
macro_rules! moment {
    ($member:literal) => {
        concat!("TIMESTAMPTZ 'epoch' + ", $member, " * INTERVAL '1 microsecond'")
    };
}

pub(crate) use moment;

pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes everything");
            text
        })
}
