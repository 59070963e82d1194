-- What was said, for as long as a guild keeps it, and what is kept of it as evidence.
--
-- No partitions: guilds keep messages for different times, so no partition could be dropped whole, and an edit or a
-- deletion names a message without its day.

CREATE TABLE messages (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- Who said it.
    identity_id UUID NOT NULL REFERENCES identities (id),
    at TIMESTAMPTZ NOT NULL,
    edited_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    -- Who removed it, where the platform tells.
    deleted_by UUID REFERENCES identities (id),
    -- Absent where the guild keeps no texts, or when it was forgotten.
    content TEXT,
    -- Of the guild and the text: shows that the same was said twice in a guild, and nothing beyond it.
    content_hash BYTEA NOT NULL,
    -- What the rules make of the text to find what is nearly the same.
    fingerprint BYTEA,
    -- What else rules look at, without its words: so that rules can be tried on the past.
    features JSONB,
    -- Without names and addresses where the guild keeps no texts.
    attachments JSONB NOT NULL,
    -- What the rules said of it, if they had something to say.
    verdict JSONB,
    -- When all of this goes.
    purge_after TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, channel_native_id, native_id)
);
CREATE INDEX messages_channel_idx ON messages (guild_id, channel_native_id, at, native_id);
CREATE INDEX messages_author_idx ON messages (identity_id, guild_id, at, native_id);
CREATE INDEX messages_purge_idx ON messages (purge_after);

-- What a message said before it was edited.
CREATE TABLE message_edits (
    guild_id UUID NOT NULL,
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- When it was replaced by what came after it.
    at TIMESTAMPTZ NOT NULL,
    -- Who had said it.
    identity_id UUID NOT NULL REFERENCES identities (id),
    content TEXT,
    content_hash BYTEA NOT NULL,
    PRIMARY KEY (guild_id, channel_native_id, native_id, at),
    FOREIGN KEY (guild_id, channel_native_id, native_id)
        REFERENCES messages (guild_id, channel_native_id, native_id) ON DELETE CASCADE
);
CREATE INDEX message_edits_author_idx ON message_edits (identity_id);

-- What shows why a case was made. It stays when the messages go.
CREATE TABLE message_evidence (
    case_id UUID NOT NULL REFERENCES cases (id),
    seq BIGINT NOT NULL,
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- Who said it, which need not be whom the case is about.
    identity_id UUID NOT NULL REFERENCES identities (id),
    said_at TIMESTAMPTZ NOT NULL,
    content TEXT,
    content_hash BYTEA NOT NULL,
    attachments JSONB NOT NULL,
    -- What it said before it was edited.
    earlier JSONB NOT NULL,
    captured_at TIMESTAMPTZ NOT NULL,
    -- Absent: as long as the case.
    expires_at TIMESTAMPTZ,
    PRIMARY KEY (case_id, seq),
    UNIQUE (case_id, channel_native_id, native_id)
);
CREATE INDEX message_evidence_author_idx ON message_evidence (identity_id);
CREATE INDEX message_evidence_expiry_idx ON message_evidence (expires_at) WHERE expires_at IS NOT NULL;
