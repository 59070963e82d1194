-- What communities teach the classifier of spam.

CREATE TABLE spam_lessons (
    id UUID PRIMARY KEY,
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Of the text as it reads: the same is taught once.
    fingerprint BYTEA NOT NULL,
    is_spam BOOLEAN NOT NULL,
    -- What the classifier sees of the text, in no order of the text: it cannot be read from this.
    features BYTEA NOT NULL,
    -- As `actor` in audit_log.
    taught_by TEXT NOT NULL,
    taught_at TIMESTAMPTZ NOT NULL,
    -- The case that was a mistake, where that taught it.
    case_number BIGINT,
    UNIQUE (guild_id, fingerprint)
);

-- What all lessons of a community change about the shared model; made from them anew with every change.
CREATE TABLE spam_models (
    guild_id UUID PRIMARY KEY REFERENCES guilds (id),
    -- Grows with every change, so that whoever has an older one sees it.
    version BIGINT NOT NULL,
    weights BYTEA NOT NULL
);
