-- Who was let in and who was given what: acts that are of no guild, in one chain for the installation.

CREATE TABLE access_log (
    -- Without gaps.
    seq BIGINT NOT NULL PRIMARY KEY CHECK (seq > 0),
    at TIMESTAMPTZ NOT NULL,
    -- Absent: it concerns every community. The hash covers it.
    community_id UUID REFERENCES communities (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'rule', 'token', 'system')),
    -- An account's own id, or a token's name.
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    -- What it was done to, such as `token:0199c2d4-...`.
    subject TEXT NOT NULL,
    -- Canonical text: it is hashed.
    body TEXT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX access_log_community_idx ON access_log (community_id, seq DESC);

-- The newest entry. Its one row is the lock that puts entries in order.
CREATE TABLE access_log_head (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO access_log_head (one, seq, hash) VALUES (1, 0, '\x0000000000000000000000000000000000000000000000000000000000000000');

CREATE FUNCTION access_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the access log are never changed';
END
$$;
CREATE TRIGGER access_log_no_update BEFORE UPDATE ON access_log FOR EACH ROW EXECUTE FUNCTION access_log_is_kept();
CREATE TRIGGER access_log_no_delete BEFORE DELETE ON access_log FOR EACH ROW EXECUTE FUNCTION access_log_is_kept();
