-- Who did what, in a chain that shows every change to it.

CREATE TABLE audit_log (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Without gaps within a guild.
    seq BIGINT NOT NULL CHECK (seq > 0),
    at TIMESTAMPTZ NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'rule', 'token', 'system')),
    -- An identity's own id, never a platform's: it survives the erasure of the person and says nothing about them.
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    -- What it was done to, such as `case:17`.
    subject TEXT NOT NULL,
    -- Canonical text, since Postgres would reorder the members of JSON and change its hash.
    body TEXT NOT NULL,
    -- The salted digest of what is personal in it. The chain holds this alone, so that erasure does not break it.
    commitment BYTEA NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (guild_id, seq)
);
CREATE INDEX audit_log_actor_idx ON audit_log (guild_id, actor, seq DESC);
CREATE INDEX audit_log_subject_idx ON audit_log (guild_id, subject, seq DESC);

-- What is personal in an entry, until it is erased.
CREATE TABLE audit_pii (
    guild_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    -- Without it, a digest of a short text could be guessed.
    salt BYTEA,
    -- Canonical text: reasons, names.
    pii TEXT,
    -- Who it is about, to find what is to be erased.
    subject_id UUID,
    -- Salt and text are gone since then.
    erased_at TIMESTAMPTZ,
    PRIMARY KEY (guild_id, seq),
    FOREIGN KEY (guild_id, seq) REFERENCES audit_log (guild_id, seq),
    CHECK ((erased_at IS NULL) = (salt IS NOT NULL AND pii IS NOT NULL))
);
CREATE INDEX audit_pii_subject_idx ON audit_pii (subject_id);

-- Heads of chains that were shown outside: whoever rewrites a whole chain cannot rewrite these.
CREATE TABLE audit_anchors (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    -- Where it was shown: a channel's message, a file, a webhook.
    sink TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, seq, sink)
);

CREATE FUNCTION audit_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit log are never changed';
END
$$;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_is_kept();
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_is_kept();
