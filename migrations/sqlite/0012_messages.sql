-- What was said, for as long as a guild keeps it, and what is kept of it as evidence.
--
-- No partitions: guilds keep messages for different times, so no partition could be dropped whole, and an edit or a
-- deletion names a message without its day.

CREATE TABLE messages (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- Who said it.
    identity_id BLOB NOT NULL REFERENCES identities (id),
    at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    -- Who removed it, where the platform tells.
    deleted_by BLOB REFERENCES identities (id),
    -- Absent where the guild keeps no texts, or when it was forgotten.
    content TEXT,
    -- Of the guild and the text: shows that the same was said twice in a guild, and nothing beyond it.
    content_hash BLOB NOT NULL,
    -- What the rules make of the text to find what is nearly the same.
    fingerprint BLOB,
    -- What else rules look at, without its words: so that rules can be tried on the past.
    features TEXT CHECK (features IS NULL OR json_valid(features)),
    -- Without names and addresses where the guild keeps no texts.
    attachments TEXT NOT NULL CHECK (json_valid(attachments)),
    -- What the rules said of it, if they had something to say.
    verdict TEXT CHECK (verdict IS NULL OR json_valid(verdict)),
    -- When all of this goes.
    purge_after INTEGER NOT NULL,
    PRIMARY KEY (guild_id, channel_native_id, native_id)
) STRICT;
CREATE INDEX messages_channel_idx ON messages (guild_id, channel_native_id, at, native_id);
CREATE INDEX messages_author_idx ON messages (identity_id, guild_id, at, native_id);
CREATE INDEX messages_purge_idx ON messages (purge_after);

-- What a message said before it was edited.
CREATE TABLE message_edits (
    guild_id BLOB NOT NULL,
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- When it was replaced by what came after it.
    at INTEGER NOT NULL,
    -- Who had said it.
    identity_id BLOB NOT NULL REFERENCES identities (id),
    content TEXT,
    content_hash BLOB NOT NULL,
    PRIMARY KEY (guild_id, channel_native_id, native_id, at),
    FOREIGN KEY (guild_id, channel_native_id, native_id)
        REFERENCES messages (guild_id, channel_native_id, native_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX message_edits_author_idx ON message_edits (identity_id);

-- What shows why a case was made. It stays when the messages go.
CREATE TABLE message_evidence (
    case_id BLOB NOT NULL REFERENCES cases (id),
    seq INTEGER NOT NULL,
    channel_native_id TEXT NOT NULL,
    native_id TEXT NOT NULL,
    -- Who said it, which need not be whom the case is about.
    identity_id BLOB NOT NULL REFERENCES identities (id),
    said_at INTEGER NOT NULL,
    content TEXT,
    content_hash BLOB NOT NULL,
    attachments TEXT NOT NULL CHECK (json_valid(attachments)),
    -- What it said before it was edited.
    earlier TEXT NOT NULL CHECK (json_valid(earlier)),
    captured_at INTEGER NOT NULL,
    -- Absent: as long as the case.
    expires_at INTEGER,
    PRIMARY KEY (case_id, seq),
    UNIQUE (case_id, channel_native_id, native_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_evidence_author_idx ON message_evidence (identity_id);
CREATE INDEX message_evidence_expiry_idx ON message_evidence (expires_at) WHERE expires_at IS NOT NULL;
