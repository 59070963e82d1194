-- Who may ask, and what they may do: people with an account, programs with a token.

-- Somebody who signs in to the dashboard.
CREATE TABLE accounts (
    id BLOB NOT NULL PRIMARY KEY,
    -- As it was typed; what is compared is the next column.
    login TEXT NOT NULL,
    -- In small letters: `Ana` and `ana` are one.
    login_folded TEXT NOT NULL UNIQUE,
    -- With its method and salt, as the function that made it writes it. Absent: signs in through a platform.
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    -- May do nothing since then, by whatever door; what it did stays with its name.
    disabled_at INTEGER
) STRICT;

-- Which accounts of platforms are this person's own. One of them belongs to one account here.
CREATE TABLE account_identities (
    identity_id BLOB NOT NULL PRIMARY KEY REFERENCES identities (id),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    linked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_identities_account_idx ON account_identities (account_id);

-- A browser that is signed in.
CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    -- Whoever reads this table cannot sign in with it.
    secret_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    -- To the minute: a write for each request would cost more than it tells.
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- So that people recognise their own browsers in the list.
    address TEXT,
    user_agent TEXT
) STRICT;
CREATE INDEX sessions_account_idx ON sessions (account_id);
CREATE INDEX sessions_expiry_idx ON sessions (expires_at);

-- What a program signs in with.
CREATE TABLE api_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    -- Absent: of every community, for whoever runs this installation.
    community_id BLOB REFERENCES communities (id),
    -- Records name a token by it.
    name TEXT NOT NULL,
    -- The beginning of the secret, to tell tokens apart.
    prefix TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    -- The permissions it has in every guild of its community.
    scopes TEXT NOT NULL CHECK (json_valid(scopes)),
    -- Absent: made at the command line.
    created_by BLOB REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    -- Absent: never.
    expires_at INTEGER,
    -- The row stays, for the records that name it.
    revoked_at INTEGER,
    -- To the minute.
    last_used_at INTEGER
) STRICT;
-- A name is not given to another token, since records could mean either.
CREATE UNIQUE INDEX api_tokens_name_idx
    ON api_tokens (COALESCE(community_id, x''), name);

-- Permissions under a name, and how high their holder stands.
CREATE TABLE roles (
    id BLOB NOT NULL PRIMARY KEY,
    community_id BLOB NOT NULL REFERENCES communities (id),
    name TEXT NOT NULL,
    -- Their names. A release that does not know one gives nothing for it.
    permissions TEXT NOT NULL CHECK (json_valid(permissions)),
    -- Higher stands above; nobody acts on who stands above.
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (community_id, name)
) STRICT;

-- Who has a role, and where.
CREATE TABLE role_bindings (
    role_id BLOB NOT NULL REFERENCES roles (id),
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('account', 'identity', 'platform_role', 'token')),
    -- An id of ours, or what the platform calls the role.
    subject_id TEXT NOT NULL,
    -- Absent: in every guild of the role's community. What a platform calls a role means nothing in another guild.
    guild_id BLOB REFERENCES guilds (id),
    created_at INTEGER NOT NULL,
    CHECK (subject_kind <> 'platform_role' OR guild_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX role_bindings_once_idx ON role_bindings
    (role_id, subject_kind, subject_id, COALESCE(guild_id, x''));
CREATE INDEX role_bindings_subject_idx ON role_bindings (subject_kind, subject_id);
