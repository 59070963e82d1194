-- Requests that were made with a key, so that the same one again has no second effect and gets the same answer.
CREATE TABLE idempotency_keys (
    -- Keys of different callers have nothing to do with each other: `token:<id>`, `account:<id>`.
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Method and path.
    route TEXT NOT NULL,
    -- Another body under the same key is a mistake, and is told so.
    body_hash BLOB NOT NULL,
    -- Who is at it, and until when nobody else takes it over. Gone once there is an answer.
    lease_by TEXT,
    lease_until INTEGER,
    -- The answer: written in the transaction of the effect, so that one is never there without the other.
    status INTEGER,
    content_type TEXT,
    answer TEXT,
    created_at INTEGER NOT NULL,
    -- From then on the key is as if it had never been used.
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key),
    CHECK ((status IS NULL) = (answer IS NULL)),
    CHECK ((status IS NULL) = (lease_by IS NOT NULL AND lease_until IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_expiry_idx ON idempotency_keys (expires_at);
