-- One table a stream besides these; see `file.rs`. All times are microseconds since 1970.
-- A file of an older format gets what it lacks by the same text, so a format only adds.

-- Which log this is: the lock file beside it must name the same.
CREATE TABLE IF NOT EXISTS meta (identity TEXT NOT NULL) STRICT;

-- Written by a trim only: what the stream's own table cannot say when it is empty.
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT NOT NULL PRIMARY KEY,
    first  INTEGER NOT NULL, -- entries before it are gone, also where their rows are still to be removed
    last   INTEGER NOT NULL  -- numbers up to it were given out
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS groups (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- How far a group has come in a stream: one row changes for a whole batch of acknowledgements.
CREATE TABLE IF NOT EXISTS lanes (
    grp     INTEGER NOT NULL,
    stream  TEXT NOT NULL,
    floor   INTEGER NOT NULL, -- all up to it are settled
    handed  INTEGER NOT NULL, -- all up to it were handed out
    settled BLOB NOT NULL,    -- runs that are settled between the two
    PRIMARY KEY (grp, stream)
) STRICT, WITHOUT ROWID;

-- Open entries of which more is known than that they were handed out once. `lane` is a stream or `inbox`.
CREATE TABLE IF NOT EXISTS pending (
    grp           INTEGER NOT NULL,
    lane          TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    deliveries    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL, -- 0: it has not failed, and what follows says nothing
    first_failure INTEGER NOT NULL,
    last_failure  INTEGER NOT NULL,
    error         TEXT NOT NULL,
    due           INTEGER NOT NULL,
    PRIMARY KEY (grp, lane, seq)
) STRICT, WITHOUT ROWID;

-- What was given to one group again. An entry that is settled is gone from here.
CREATE TABLE IF NOT EXISTS inbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    grp      INTEGER NOT NULL,
    stream   TEXT NOT NULL, -- where it lay first
    seq      INTEGER NOT NULL,
    channel  TEXT NOT NULL,
    envelope TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS dead (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    grp           TEXT NOT NULL,
    consumer      TEXT NOT NULL,
    stream        TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    channel       TEXT NOT NULL,
    envelope      TEXT NOT NULL,
    reason        TEXT NOT NULL,
    attempts      INTEGER NOT NULL,
    first_failure INTEGER NOT NULL,
    last_failure  INTEGER NOT NULL,
    error         TEXT NOT NULL
) STRICT;

-- Events that may be appended twice, and where they lie. Rows are in the order of time, so the old ones come first.
CREATE TABLE IF NOT EXISTS once (
    n        INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    stream   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- What entries are about. Rows go with their entries.
CREATE TABLE IF NOT EXISTS about (
    name   TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (name, stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS about_entry ON about (stream, seq);

-- Named values that end by themselves: leases, and what was done already.
CREATE TABLE IF NOT EXISTS marks (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    ends  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_end ON marks (ends);

-- Items that are due at some time: who is there, and what is to be published later.
CREATE TABLE IF NOT EXISTS boards (
    board TEXT NOT NULL,
    item  TEXT NOT NULL,
    text  TEXT NOT NULL,
    due   INTEGER NOT NULL,
    PRIMARY KEY (board, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS boards_due ON boards (board, due);

-- What is counted, by its name and in the order in which it was added. `at` is when it happened, in milliseconds.
CREATE TABLE IF NOT EXISTS tallies (
    name TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    text TEXT NOT NULL,
    ends INTEGER NOT NULL, -- what was added last says until when the name is kept
    PRIMARY KEY (name, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tallies_end ON tallies (ends);
