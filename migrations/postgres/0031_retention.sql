-- How long each kind of data is kept.

-- What a guild chose. A kind that has no row here is kept as long as the code says.
CREATE TABLE retention (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    kind TEXT NOT NULL CHECK (kind IN ('audit_personal', 'deleted_notes', 'sanction_errors')),
    -- Absent: for ever.
    days BIGINT CHECK (days >= 0),
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, kind)
);

-- Each finds the oldest of a guild's rows that are to go, without reading those that stay or have gone.
CREATE INDEX audit_pii_kept_idx ON audit_pii (guild_id, seq) WHERE erased_at IS NULL;
CREATE INDEX notes_deleted_idx ON notes (guild_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX sanctions_errors_idx ON sanctions (guild_id, ended_at) WHERE last_error IS NOT NULL AND ended_at IS NOT NULL;
