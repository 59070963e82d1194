-- Who is moderated, and who the people are.

-- What shares its rules, bans and cases: a Discord guild and the Telegram chats beside it.
CREATE TABLE communities (
    id UUID PRIMARY KEY,
    -- Its name in addresses.
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- What its owners chose, as the configuration's own document.
    settings JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    -- Shows which of two processes knows newer settings.
    updated_at TIMESTAMPTZ NOT NULL,
    -- Left, but its history is kept for as long as retention says.
    deleted_at TIMESTAMPTZ
);

-- A Discord guild or a Telegram chat.
CREATE TABLE guilds (
    id UUID PRIMARY KEY,
    community_id UUID NOT NULL REFERENCES communities (id),
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    -- Text, since the platforms' numbers do not survive everywhere.
    native_id TEXT NOT NULL,
    title TEXT NOT NULL,
    -- The number of the newest case. Counting here, in the case's transaction, leaves no gaps and no doubles.
    last_case BIGINT NOT NULL DEFAULT 0,
    -- The newest entry of the audit chain and its hash, so that a chain that was cut short is noticed.
    audit_seq BIGINT NOT NULL DEFAULT 0,
    audit_head BYTEA NOT NULL,
    joined_at TIMESTAMPTZ NOT NULL,
    -- When the bot was removed; what is known stays.
    left_at TIMESTAMPTZ,
    UNIQUE (platform, native_id)
);
CREATE INDEX guilds_community_idx ON guilds (community_id);

-- A person, who may have accounts on several platforms.
CREATE TABLE people (
    id UUID PRIMARY KEY,
    -- Found to be the same person as another.
    merged_into UUID REFERENCES people (id),
    -- When they asked for their data to go. The row stays, for the cases that refer to it.
    erased_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);

-- One account on one platform.
CREATE TABLE identities (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    -- Replaced by the row's own id when the person is erased.
    native_id TEXT NOT NULL,
    username TEXT,
    -- The username as it is searched for: both engines fold letters differently, so we do.
    username_folded TEXT,
    display_name TEXT,
    -- Bots are not punished for what their owners configured.
    is_bot BOOLEAN NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL,
    last_seen TIMESTAMPTZ NOT NULL,
    UNIQUE (platform, native_id)
);
CREATE INDEX identities_username_idx ON identities (username_folded);
CREATE INDEX identities_person_idx ON identities (person_id);
