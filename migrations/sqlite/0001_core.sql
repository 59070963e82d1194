-- Who is moderated, and who the people are.

-- What shares its rules, bans and cases: a Discord guild and the Telegram chats beside it.
CREATE TABLE communities (
    id BLOB NOT NULL PRIMARY KEY,
    -- Its name in addresses.
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- What its owners chose, as the configuration's own document.
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    created_at INTEGER NOT NULL,
    -- Shows which of two processes knows newer settings.
    updated_at INTEGER NOT NULL,
    -- Left, but its history is kept for as long as retention says.
    deleted_at INTEGER
) STRICT;

-- A Discord guild or a Telegram chat.
CREATE TABLE guilds (
    id BLOB NOT NULL PRIMARY KEY,
    community_id BLOB NOT NULL REFERENCES communities (id),
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    -- Text, since the platforms' numbers do not survive everywhere.
    native_id TEXT NOT NULL,
    title TEXT NOT NULL,
    -- The number of the newest case. Counting here, in the case's transaction, leaves no gaps and no doubles.
    last_case INTEGER NOT NULL DEFAULT 0,
    -- The newest entry of the audit chain and its hash, so that a chain that was cut short is noticed.
    audit_seq INTEGER NOT NULL DEFAULT 0,
    audit_head BLOB NOT NULL,
    joined_at INTEGER NOT NULL,
    -- When the bot was removed; what is known stays.
    left_at INTEGER,
    UNIQUE (platform, native_id)
) STRICT;
CREATE INDEX guilds_community_idx ON guilds (community_id);

-- A person, who may have accounts on several platforms.
CREATE TABLE people (
    id BLOB NOT NULL PRIMARY KEY,
    -- Found to be the same person as another.
    merged_into BLOB REFERENCES people (id),
    -- When they asked for their data to go. The row stays, for the cases that refer to it.
    erased_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

-- One account on one platform.
CREATE TABLE identities (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES people (id),
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    -- Replaced by the row's own id when the person is erased.
    native_id TEXT NOT NULL,
    username TEXT,
    -- The username as it is searched for: both engines fold letters differently, so we do.
    username_folded TEXT,
    display_name TEXT,
    -- Bots are not punished for what their owners configured.
    is_bot INTEGER NOT NULL CHECK (is_bot IN (0, 1)),
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    UNIQUE (platform, native_id)
) STRICT;
CREATE INDEX identities_username_idx ON identities (username_folded);
CREATE INDEX identities_person_idx ON identities (person_id);
