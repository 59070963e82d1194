//! A million cases of one guild, and a million sanctions of a hundred: a few statements, for by the store's own calls
//! it would take minutes.
//!
//! Ids are made of numbers, so that [`crate::town`] knows them without asking.

use uuid::Uuid;

pub(crate) const ROWS: u64 = 1_000_000;
/// People who were banned in each of the hundred guilds.
pub(crate) const BANNED: u64 = 10_000;
/// So many sanctions are due each second.
pub(crate) const DUE: u64 = 50;
/// The first of them.
pub(crate) const BEGIN: i64 = 1_780_000_000;
/// The guilds that get cases, beside those that have them.
pub(crate) const GUILDS: u64 = 1_000;
pub(crate) const PEOPLE: u64 = 2 * BANNED;
/// Spreads the sanctions over the time: it has no divisor in common with their number.
const STEP: u64 = 7_919;

#[derive(Clone, Copy)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

/// What a number stands for in an id.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Community = 1,
    Guild,
    Person,
    Identity,
    Case,
    Sanction,
}

pub(crate) fn id(kind: Kind, number: u64) -> Uuid {
    Uuid::from_u128((0x0190_0000_0000_7000_8000_u128 | (kind as u128) << 16) << 48 | u128::from(number))
}

/// Fills a database that has its tables and nothing in them.
pub(crate) fn script(engine: Engine) -> String {
    let id = |kind, number: &str| engine.id(kind, number);
    let (series, at) = (|count| engine.series(count), |second: &str| engine.at(second));
    let (community, now) = (id(Kind::Community, "0"), at(&BEGIN.to_string()));
    let mut script = String::from(engine.begin());
    script += &format!(
        "INSERT INTO communities (id, slug, name, settings, created_at, updated_at)
            VALUES ({community}, 'bench', 'Bench', '{{}}', {now}, {now});
        INSERT INTO guilds
                (id, community_id, platform, native_id, title, last_case, audit_seq, audit_head, joined_at)
            SELECT {}, {community}, 'discord', CAST(1000000 + n AS TEXT), 'Square',
                CASE WHEN n = 0 THEN {ROWS} ELSE 0 END, 0, {}, {now} FROM {};",
        id(Kind::Guild, "n"),
        engine.genesis(),
        series(GUILDS),
    );
    script += &format!(
        "INSERT INTO people (id, created_at) SELECT {}, {now} FROM {};
        INSERT INTO identities (id, person_id, platform, native_id, is_bot, first_seen, last_seen)
            SELECT {}, {}, 'discord', CAST(2000000 + n AS TEXT), FALSE, {now}, {now} FROM {};",
        id(Kind::Person, "n"),
        series(PEOPLE),
        id(Kind::Identity, "n"),
        id(Kind::Person, "n"),
        series(PEOPLE),
    );
    script += &format!(
        "INSERT INTO cases (id, guild_id, number, kind, state, subject_id, moderator_id, origin, reason, reason_folded,
                evidence, created_at, updated_at)
            SELECT {}, {}, n + 1, 'ban', 'applied', {}, {}, 'command', 'Spam in the square', 'spam in the square',
                '[]', {now}, {now} FROM {};",
        id(Kind::Case, "n"),
        id(Kind::Guild, "0"),
        id(Kind::Identity, &format!("n % {BANNED}")),
        id(Kind::Identity, &format!("{BANNED} + n % 7")),
        series(ROWS),
    );
    let ends = at(&format!("{BEGIN} + ((n * {STEP}) % {ROWS}) / {DUE}"));
    script += &format!(
        "INSERT INTO sanctions (id, case_id, guild_id, subject_id, kind, state, starts_at, expires_at,
                next_attempt_at, attempts)
            SELECT {}, {}, {}, {}, 'ban', 'live', {now}, {ends}, {ends}, 0 FROM {};",
        id(Kind::Sanction, "n"),
        id(Kind::Case, "n"),
        id(Kind::Guild, &format!("n / {BANNED}")),
        id(Kind::Identity, &format!("n % {BANNED}")),
        series(ROWS),
    );
    script += engine.end();
    script
}

// === impl Engine ===

impl Engine {
    /// The rows refer to each other as they should, which need not be checked a million times.
    fn begin(self) -> &'static str {
        match self {
            Self::Postgres => "BEGIN; SET LOCAL session_replication_role = replica;",
            Self::Sqlite => "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144; BEGIN;",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Postgres => "COMMIT;",
            Self::Sqlite => "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
        }
    }

    /// As [`id`].
    fn id(self, kind: Kind, number: &str) -> String {
        let kind = kind as u8;
        match self {
            Self::Postgres => format!(
                "CAST('01900000-0000-700{kind}-8000-' || lpad(to_hex(CAST({number} AS BIGINT)), 12, '0') AS UUID)"
            ),
            Self::Sqlite => format!("unhex(printf('019000000000700{kind}8000%012x', {number}))"),
        }
    }

    /// `n` from zero on.
    fn series(self, count: u64) -> String {
        match self {
            Self::Postgres => format!("generate_series(CAST(0 AS BIGINT), {count} - 1) AS numbers (n)"),
            Self::Sqlite => format!(
                "(WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count} - 1) \
                 SELECT n FROM numbers)"
            ),
        }
    }

    fn at(self, second: &str) -> String {
        match self {
            Self::Postgres => format!("to_timestamp({second})"),
            Self::Sqlite => format!("(({second}) * 1000000)"),
        }
    }

    fn genesis(self) -> &'static str {
        match self {
            Self::Postgres => "decode(repeat('00', 32), 'hex')",
            Self::Sqlite => "zeroblob(32)",
        }
    }
}
