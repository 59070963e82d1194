-- Federations: bans that communities of different owners share.

CREATE TABLE federations (
    id UUID PRIMARY KEY,
    -- A ban is by a platform's id, so a federation is of one platform.
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    name TEXT NOT NULL,
    -- Somebody owns one at most.
    owner_id UUID NOT NULL UNIQUE REFERENCES identities (id),
    -- Whether nobody is banned without a reason.
    reasons_required BOOLEAN NOT NULL,
    -- Whether the owner is told of each ban.
    owner_told BOOLEAN NOT NULL,
    -- Grows with every change of a ban, so that whoever knows an older one reads what is newer.
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- Who bans beside the owner.
CREATE TABLE federation_admins (
    federation_id UUID NOT NULL REFERENCES federations (id),
    identity_id UUID NOT NULL REFERENCES identities (id),
    since TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (federation_id, identity_id)
);
CREATE INDEX federation_admins_identity_idx ON federation_admins (identity_id);

-- Which guilds go by its bans; each by those of one.
CREATE TABLE federation_guilds (
    guild_id UUID PRIMARY KEY REFERENCES guilds (id),
    federation_id UUID NOT NULL REFERENCES federations (id),
    joined_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX federation_guilds_federation_idx ON federation_guilds (federation_id);

-- Whose bans hold in a federation's guilds beside its own.
CREATE TABLE federation_subscriptions (
    federation_id UUID NOT NULL REFERENCES federations (id),
    to_id UUID NOT NULL REFERENCES federations (id),
    since TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (federation_id, to_id)
);
CREATE INDEX federation_subscriptions_to_idx ON federation_subscriptions (to_id);

CREATE TABLE federation_bans (
    -- Of this ban: one that comes after its end has another, so that its cases are others.
    id UUID PRIMARY KEY,
    federation_id UUID NOT NULL REFERENCES federations (id),
    subject_id UUID NOT NULL REFERENCES identities (id),
    reason TEXT,
    -- As `actor` in audit_log.
    banned_by TEXT NOT NULL,
    banned_at TIMESTAMPTZ NOT NULL,
    -- The federation's version by which this changed last.
    version BIGINT NOT NULL,
    -- From then on it holds nowhere; the row stays for a while, so that whoever knows the ban hears of its end.
    lifted_at TIMESTAMPTZ,
    UNIQUE (federation_id, subject_id)
);
CREATE INDEX federation_bans_version_idx ON federation_bans (federation_id, version);
CREATE INDEX federation_bans_page_idx ON federation_bans (federation_id, id) WHERE lifted_at IS NULL;
CREATE INDEX federation_bans_subject_idx ON federation_bans (subject_id);
CREATE INDEX federation_bans_lifted_idx ON federation_bans (lifted_at) WHERE lifted_at IS NOT NULL;
