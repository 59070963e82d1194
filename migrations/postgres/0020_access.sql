-- Who may ask, and what they may do: people with an account, programs with a token.

-- Somebody who signs in to the dashboard.
CREATE TABLE accounts (
    id UUID PRIMARY KEY,
    -- As it was typed; what is compared is the next column.
    login TEXT NOT NULL,
    -- In small letters: `Ana` and `ana` are one.
    login_folded TEXT NOT NULL UNIQUE,
    -- With its method and salt, as the function that made it writes it. Absent: signs in through a platform.
    password_hash TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    -- May do nothing since then, by whatever door; what it did stays with its name.
    disabled_at TIMESTAMPTZ
);

-- Which accounts of platforms are this person's own. One of them belongs to one account here.
CREATE TABLE account_identities (
    identity_id UUID PRIMARY KEY REFERENCES identities (id),
    account_id UUID NOT NULL REFERENCES accounts (id),
    linked_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX account_identities_account_idx ON account_identities (account_id);

-- A browser that is signed in.
CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES accounts (id),
    -- Whoever reads this table cannot sign in with it.
    secret_hash BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    -- To the minute: a write for each request would cost more than it tells.
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- So that people recognise their own browsers in the list.
    address TEXT,
    user_agent TEXT
);
CREATE INDEX sessions_account_idx ON sessions (account_id);
CREATE INDEX sessions_expiry_idx ON sessions (expires_at);

-- What a program signs in with.
CREATE TABLE api_tokens (
    id UUID PRIMARY KEY,
    -- Absent: of every community, for whoever runs this installation.
    community_id UUID REFERENCES communities (id),
    -- Records name a token by it.
    name TEXT NOT NULL,
    -- The beginning of the secret, to tell tokens apart.
    prefix TEXT NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    -- The permissions it has in every guild of its community.
    scopes JSONB NOT NULL,
    -- Absent: made at the command line.
    created_by UUID REFERENCES accounts (id),
    created_at TIMESTAMPTZ NOT NULL,
    -- Absent: never.
    expires_at TIMESTAMPTZ,
    -- The row stays, for the records that name it.
    revoked_at TIMESTAMPTZ,
    -- To the minute.
    last_used_at TIMESTAMPTZ
);
-- A name is not given to another token, since records could mean either.
CREATE UNIQUE INDEX api_tokens_name_idx
    ON api_tokens (COALESCE(community_id, '00000000-0000-0000-0000-000000000000'), name);

-- Permissions under a name, and how high their holder stands.
CREATE TABLE roles (
    id UUID PRIMARY KEY,
    community_id UUID NOT NULL REFERENCES communities (id),
    name TEXT NOT NULL,
    -- Their names. A release that does not know one gives nothing for it.
    permissions JSONB NOT NULL,
    -- Higher stands above; nobody acts on who stands above.
    position BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (community_id, name)
);

-- Who has a role, and where.
CREATE TABLE role_bindings (
    role_id UUID NOT NULL REFERENCES roles (id),
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('account', 'identity', 'platform_role', 'token')),
    -- An id of ours, or what the platform calls the role.
    subject_id TEXT NOT NULL,
    -- Absent: in every guild of the role's community. What a platform calls a role means nothing in another guild.
    guild_id UUID REFERENCES guilds (id),
    created_at TIMESTAMPTZ NOT NULL,
    CHECK (subject_kind <> 'platform_role' OR guild_id IS NOT NULL)
);
CREATE UNIQUE INDEX role_bindings_once_idx ON role_bindings
    (role_id, subject_kind, subject_id, COALESCE(guild_id, '00000000-0000-0000-0000-000000000000'));
CREATE INDEX role_bindings_subject_idx ON role_bindings (subject_kind, subject_id);
