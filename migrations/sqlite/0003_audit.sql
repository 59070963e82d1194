-- Who did what, in a chain that shows every change to it.

CREATE TABLE audit_log (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- Without gaps within a guild.
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'rule', 'token', 'system')),
    -- An identity's own id, never a platform's: it survives the erasure of the person and says nothing about them.
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    -- What it was done to, such as `case:17`.
    subject TEXT NOT NULL,
    -- Canonical text: it is hashed.
    body TEXT NOT NULL,
    -- The salted digest of what is personal in it. The chain holds this alone, so that erasure does not break it.
    commitment BLOB NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (guild_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_log_actor_idx ON audit_log (guild_id, actor, seq DESC);
CREATE INDEX audit_log_subject_idx ON audit_log (guild_id, subject, seq DESC);

-- What is personal in an entry, until it is erased.
CREATE TABLE audit_pii (
    guild_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    -- Without it, a digest of a short text could be guessed.
    salt BLOB,
    -- Canonical text: reasons, names.
    pii TEXT,
    -- Who it is about, to find what is to be erased.
    subject_id BLOB,
    -- Salt and text are gone since then.
    erased_at INTEGER,
    PRIMARY KEY (guild_id, seq),
    FOREIGN KEY (guild_id, seq) REFERENCES audit_log (guild_id, seq),
    CHECK ((erased_at IS NULL) = (salt IS NOT NULL AND pii IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_pii_subject_idx ON audit_pii (subject_id);

-- Heads of chains that were shown outside: whoever rewrites a whole chain cannot rewrite these.
CREATE TABLE audit_anchors (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    -- Where it was shown: a channel's message, a file, a webhook.
    sink TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (guild_id, seq, sink)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are never changed');
END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are never changed');
END;
