-- What communities teach the classifier of spam.

CREATE TABLE spam_lessons (
    id BLOB NOT NULL PRIMARY KEY,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- Of the text as it reads: the same is taught once.
    fingerprint BLOB NOT NULL,
    is_spam INTEGER NOT NULL CHECK (is_spam IN (0, 1)),
    -- What the classifier sees of the text, in no order of the text: it cannot be read from this.
    features BLOB NOT NULL,
    -- As `actor` in audit_log.
    taught_by TEXT NOT NULL,
    taught_at INTEGER NOT NULL,
    -- The case that was a mistake, where that taught it.
    case_number INTEGER,
    UNIQUE (guild_id, fingerprint)
) STRICT;

-- What all lessons of a community change about the shared model; made from them anew with every change.
CREATE TABLE spam_models (
    guild_id BLOB NOT NULL PRIMARY KEY REFERENCES guilds (id),
    -- Grows with every change, so that whoever has an older one sees it.
    version INTEGER NOT NULL,
    weights BLOB NOT NULL
) STRICT;
