-- What is done later, again, or by one process alone: deliveries to webhooks, jobs, leases.

-- Where events are sent to.
CREATE TABLE webhooks (
    id BLOB NOT NULL PRIMARY KEY,
    -- Absent: of every community, for whoever runs this installation.
    community_id BLOB REFERENCES communities (id),
    url TEXT NOT NULL,
    -- Signs what is sent, so it is kept as it is: a key to it would lie beside this database, and go where its copy goes.
    secret TEXT NOT NULL,
    -- The one before, with which is signed too until then, so that the receiver can change over.
    old_secret TEXT,
    old_secret_until INTEGER,
    -- Patterns of event types.
    topics TEXT NOT NULL CHECK (json_valid(topics)),
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    -- Failed deliveries since the last that was taken, and since when there were only such.
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    disabled_why TEXT,
    CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
) STRICT;
CREATE INDEX webhooks_community_idx ON webhooks (community_id);

-- One event for one webhook.
CREATE TABLE webhook_deliveries (
    id BLOB NOT NULL PRIMARY KEY,
    webhook_id BLOB NOT NULL REFERENCES webhooks (id),
    event_id BLOB NOT NULL,
    topic TEXT NOT NULL,
    -- As it is sent each time: the signature covers it.
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next, or the end of the lease of whoever is at it. Absent: never.
    next_attempt_at INTEGER,
    lease_by TEXT,
    -- What the receiver answered last: a number, and how the body began. Or why there was no answer.
    status_code INTEGER,
    excerpt TEXT,
    created_at INTEGER NOT NULL,
    -- When it was delivered or given up.
    ended_at INTEGER,
    UNIQUE (webhook_id, event_id),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT;
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_page_idx ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_ended_idx ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- What is to be done at a time. A row goes when it is done.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    -- Who can do it: a process takes the kinds it knows.
    kind TEXT NOT NULL,
    -- What it is about, where one of them is enough.
    key TEXT,
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    -- When it is due, or the end of the lease of whoever is at it.
    run_at INTEGER NOT NULL,
    lease_by TEXT,
    -- Counts whoever took it: who lost it holds an older number.
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    -- Given up since then; it stays until somebody looks at it.
    failed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX jobs_key_idx ON jobs (kind, key) WHERE key IS NOT NULL AND failed_at IS NULL;
CREATE INDEX jobs_due_idx ON jobs (run_at) WHERE failed_at IS NULL;
CREATE INDEX jobs_failed_idx ON jobs (id) WHERE failed_at IS NOT NULL;

-- What one process does alone, and until when.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    -- Greater with each holder. A write that names an older one comes from who has lost the lease.
    fence INTEGER NOT NULL
) STRICT;
