-- What members tell moderators: reports of others, and appeals against decisions about themselves.

-- The number of the newest report, counted as cases are.
ALTER TABLE guilds ADD COLUMN last_report INTEGER NOT NULL DEFAULT 0;

CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- What people call it. Counted per guild, never reused.
    number INTEGER NOT NULL CHECK (number > 0),
    reporter_id BLOB NOT NULL REFERENCES identities (id),
    subject_id BLOB NOT NULL REFERENCES identities (id),
    -- The message it is about; absent when it is about the person.
    channel_id TEXT,
    message_id TEXT,
    -- A word of the community's own list.
    category TEXT NOT NULL,
    body TEXT NOT NULL,
    -- How often this reporter said so: the same again adds no row.
    times INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('open', 'claimed', 'actioned', 'dismissed', 'duplicate')),
    -- Who looks at it, and until when it is theirs alone.
    claimed_by TEXT,
    claimed_until INTEGER,
    -- The case that came of it.
    case_id BLOB REFERENCES cases (id),
    -- The report of the same message that was decided: what was decided there, holds here.
    duplicate_of BLOB REFERENCES reports (id),
    created_at INTEGER NOT NULL,
    resolved_at INTEGER,
    resolved_by TEXT,
    -- What the reporter may be told.
    resolution TEXT,
    UNIQUE (guild_id, number),
    CHECK ((channel_id IS NULL) = (message_id IS NULL)),
    CHECK ((state = 'open' OR state = 'claimed') = (resolved_at IS NULL))
) STRICT;
-- One for each reporter and message; about a person, one at a time.
CREATE UNIQUE INDEX reports_message_idx ON reports (guild_id, channel_id, message_id, reporter_id)
    WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX reports_person_idx ON reports (guild_id, subject_id, reporter_id)
    WHERE message_id IS NULL AND resolved_at IS NULL;
CREATE INDEX reports_waiting_idx ON reports (guild_id, number) WHERE resolved_at IS NULL;
CREATE INDEX reports_subject_idx ON reports (guild_id, subject_id, number DESC);
CREATE INDEX reports_reporter_idx ON reports (guild_id, reporter_id);

-- The word of somebody against whom a case is.
CREATE TABLE appeals (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    case_id BLOB NOT NULL REFERENCES cases (id),
    appellant_id BLOB NOT NULL REFERENCES identities (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'granted', 'denied', 'withdrawn')),
    statement TEXT NOT NULL,
    -- What the appellant is told.
    decision TEXT,
    decided_by TEXT,
    decided_at INTEGER,
    -- No other appeal against the case before then.
    cooldown_until INTEGER,
    created_at INTEGER NOT NULL,
    CHECK ((state = 'open') = (decided_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX appeals_open_idx ON appeals (case_id) WHERE state = 'open';
CREATE INDEX appeals_case_idx ON appeals (case_id, id);
CREATE INDEX appeals_guild_idx ON appeals (guild_id, id);

-- What appellant and moderators say to each other about it. Rows are only added.
CREATE TABLE appeal_messages (
    appeal_id BLOB NOT NULL REFERENCES appeals (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author_kind TEXT NOT NULL CHECK (author_kind IN ('appellant', 'moderator', 'system')),
    -- An identity's or an account's id, or `system`.
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (appeal_id, seq)
) STRICT, WITHOUT ROWID;
