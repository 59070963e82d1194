-- What was decided about whom, what came of it, and what still holds.

CREATE TABLE cases (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- What people call it. Counted per guild, never reused.
    number INTEGER NOT NULL CHECK (number > 0),
    kind TEXT NOT NULL CHECK (kind IN ('ban', 'unban', 'kick', 'mute', 'unmute', 'warn', 'unwarn', 'note', 'softban')),
    state TEXT NOT NULL CHECK (state IN ('requested', 'applied', 'failed', 'lifted', 'superseded', 'voided')),
    subject_id BLOB NOT NULL REFERENCES identities (id),
    -- Absent when a rule or the system acted.
    moderator_id BLOB REFERENCES identities (id),
    origin TEXT NOT NULL CHECK (origin IN ('command', 'api', 'automod', 'native', 'appeal', 'expiry', 'outside')),
    -- For an automatic decision: the rule, the rule set that held it, and the explanation.
    rule TEXT,
    rule_set_hash TEXT,
    trace_id BLOB,
    reason TEXT,
    -- The reason as it is searched: both engines fold letters differently, so we do.
    reason_folded TEXT,
    -- Absent: for ever.
    expires_at INTEGER,
    -- Messages and files that show why.
    evidence TEXT NOT NULL CHECK (json_valid(evidence)),
    -- The case that this one lifts or follows from.
    parent_id BLOB REFERENCES cases (id),
    -- Of whoever asked: the same question twice is one case.
    idempotency_key TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (guild_id, number)
) STRICT;
CREATE UNIQUE INDEX cases_idempotency_idx ON cases (guild_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX cases_subject_idx ON cases (guild_id, subject_id, number DESC);
CREATE INDEX cases_moderator_idx ON cases (guild_id, moderator_id, number DESC);
CREATE INDEX cases_kind_idx ON cases (guild_id, kind, number DESC);

-- The history of a case. Rows are only added.
CREATE TABLE case_events (
    case_id BLOB NOT NULL REFERENCES cases (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- A person's identity, `rule:<id>`, `system` or `token:<name>`.
    actor TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('opened', 'applied', 'failed', 'lifted', 'superseded', 'voided', 'edited', 'noted', 'reviewed')),
    -- What changed: for an edit, the old value and the new one.
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (case_id, seq)
) STRICT, WITHOUT ROWID;

-- What still holds against a person, and when it ends.
CREATE TABLE sanctions (
    id BLOB NOT NULL PRIMARY KEY,
    case_id BLOB NOT NULL REFERENCES cases (id),
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    subject_id BLOB NOT NULL REFERENCES identities (id),
    kind TEXT NOT NULL CHECK (kind IN ('ban', 'mute')),
    -- `live` holds, whether the platform has heard of it yet or not; the others are over.
    state TEXT NOT NULL CHECK (state IN ('live', 'expired', 'lifted', 'superseded', 'failed')),
    starts_at INTEGER NOT NULL,
    -- Absent: for ever.
    expires_at INTEGER,
    -- When somebody must look at it next: its end, a renewal on the platform, another try, or the end of the lease of
    -- whoever is at it. Absent: never.
    next_attempt_at INTEGER,
    -- Who is at it. Another one in its place shows that the lease was lost.
    lease_by TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    ended_at INTEGER,
    -- The case that ended it; absent when its time was up.
    ended_by BLOB REFERENCES cases (id)
) STRICT;
-- A person has one ban and one mute at most: of two moderators at once, one is told that there is one already.
CREATE UNIQUE INDEX sanctions_live_idx ON sanctions (guild_id, subject_id, kind) WHERE state = 'live';
-- Finds what is due without reading what never ends.
CREATE INDEX sanctions_due_idx ON sanctions (next_attempt_at) WHERE state = 'live' AND next_attempt_at IS NOT NULL;
CREATE INDEX sanctions_case_idx ON sanctions (case_id);

-- Warnings and strikes: what was given, what decays, what was taken back. Rows are only added.
CREATE TABLE point_entries (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    subject_id BLOB NOT NULL REFERENCES identities (id),
    case_id BLOB NOT NULL REFERENCES cases (id),
    -- Negative when it is taken back.
    delta INTEGER NOT NULL,
    -- From then on it does not count. Absent: for ever.
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX point_entries_subject_idx ON point_entries (guild_id, subject_id);

-- What moderators tell each other about a person.
CREATE TABLE notes (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    subject_id BLOB NOT NULL REFERENCES identities (id),
    author_id BLOB REFERENCES identities (id),
    body TEXT NOT NULL,
    -- Shown before the others.
    pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Out of sight, until retention removes it.
    deleted_at INTEGER
) STRICT;
CREATE INDEX notes_subject_idx ON notes (guild_id, subject_id, created_at);
