-- What guilds are set to, and the rules by which they are judged.

-- The language in which its people are spoken to, as a BCP 47 tag.
ALTER TABLE guilds ADD COLUMN locale TEXT NOT NULL DEFAULT 'en';
-- When its day begins, as a name of the IANA database.
ALTER TABLE guilds ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC';
-- What else its moderators chose, as the configuration's own document.
ALTER TABLE guilds ADD COLUMN settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings));
-- How many days the text of messages is kept. 0: never, only what was computed from it.
ALTER TABLE guilds ADD COLUMN message_days INTEGER NOT NULL DEFAULT 0 CHECK (message_days >= 0);
-- Counts every change to its settings and rules, so that none is overwritten unseen and no reader goes back.
ALTER TABLE guilds ADD COLUMN config_version INTEGER NOT NULL DEFAULT 0;
-- Whether the bot is there, and has the rights that the settings need.
ALTER TABLE guilds ADD COLUMN bot_state TEXT NOT NULL DEFAULT 'unknown' CHECK (bot_state IN ('unknown', 'ready', 'limited', 'absent'));
-- What the platform lets the bot do there, as a list of words.
ALTER TABLE guilds ADD COLUMN capabilities TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(capabilities));

CREATE TABLE channels (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    native_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'news', 'voice', 'stage', 'forum', 'category', 'thread', 'topic', 'other')),
    title TEXT NOT NULL,
    -- The category above a channel, or the channel above a thread.
    parent_native_id TEXT,
    -- What its moderators chose for it alone.
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    -- Gone on the platform; what was said in it may still be evidence.
    archived_at INTEGER,
    PRIMARY KEY (guild_id, native_id)
) STRICT, WITHOUT ROWID;

-- What belongs to no row of another table: of the installation, or of one part of it.
CREATE TABLE settings (
    -- Whose it is: `install`, or a kind and an id.
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL CHECK (json_valid(value)),
    -- Counts its changes, so that none is overwritten unseen.
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- A file of rules, by its name.
CREATE TABLE policies (
    id BLOB NOT NULL PRIMARY KEY,
    community_id BLOB NOT NULL REFERENCES communities (id),
    name TEXT NOT NULL,
    -- The newest version; 0 before there is one. Counting here leaves no gaps, and refuses who has not seen the newest.
    head_version INTEGER NOT NULL DEFAULT 0,
    -- An archived one judges nothing, but its versions still explain old cases.
    state TEXT NOT NULL CHECK (state IN ('active', 'archived')),
    created_at INTEGER NOT NULL,
    UNIQUE (community_id, name)
) STRICT;

-- What it said, at each time. Rows are only added.
CREATE TABLE policy_versions (
    policy_id BLOB NOT NULL REFERENCES policies (id),
    version INTEGER NOT NULL CHECK (version > 0),
    -- The text as people wrote it, with their comments.
    body TEXT NOT NULL,
    -- Of the text: what a case or a cache refers to.
    sha256 BLOB NOT NULL,
    -- An identity's own id, `token:<name>` or `system`.
    author TEXT NOT NULL,
    -- Why it was changed.
    note TEXT,
    -- The earlier version whose text came back with this one.
    restores INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (policy_id, version),
    FOREIGN KEY (policy_id, restores) REFERENCES policy_versions (policy_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_versions_hash_idx ON policy_versions (policy_id, sha256);

CREATE TRIGGER policy_versions_no_update BEFORE UPDATE ON policy_versions BEGIN
    SELECT RAISE(ABORT, 'versions of rules are never changed');
END;
CREATE TRIGGER policy_versions_no_delete BEFORE DELETE ON policy_versions BEGIN
    SELECT RAISE(ABORT, 'versions of rules are never changed');
END;

-- Which rules judge where.
CREATE TABLE policy_bindings (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- Empty: the whole guild. A channel's own binding stands in the place of the guild's.
    channel_native_id TEXT NOT NULL,
    policy_id BLOB NOT NULL REFERENCES policies (id),
    -- Absent: the newest.
    version INTEGER,
    -- Judges beside it without acting, to see what it would do.
    shadow_version INTEGER,
    mode TEXT NOT NULL CHECK (mode IN ('enforce', 'shadow', 'off')),
    PRIMARY KEY (guild_id, channel_native_id, policy_id),
    FOREIGN KEY (policy_id, version) REFERENCES policy_versions (policy_id, version),
    FOREIGN KEY (policy_id, shadow_version) REFERENCES policy_versions (policy_id, version)
) STRICT, WITHOUT ROWID;
-- Finds who must load a policy anew.
CREATE INDEX policy_bindings_policy_idx ON policy_bindings (policy_id);
