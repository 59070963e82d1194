-- Who is in a guild, what they are marked with, and how much is going on.

-- A word on a person, for rules and moderators to go by.
CREATE TABLE labels (
    id UUID PRIMARY KEY,
    community_id UUID NOT NULL REFERENCES communities (id),
    -- Absent: in every guild of the community.
    guild_id UUID REFERENCES guilds (id),
    -- On whom. Whoever is the same person bears it too.
    subject_id UUID NOT NULL REFERENCES identities (id),
    name TEXT NOT NULL,
    -- An identity's own id, `rule:<id>`, `token:<name>` or `system`.
    set_by TEXT NOT NULL,
    reason TEXT,
    set_at TIMESTAMPTZ NOT NULL,
    -- From then on it does not count. Absent: until it is removed.
    expires_at TIMESTAMPTZ
);
-- A person bears a label once, here and in the whole community.
CREATE UNIQUE INDEX labels_bearer_idx ON labels (subject_id, community_id, COALESCE(guild_id, community_id), name);
-- Lists who bears one.
CREATE INDEX labels_name_idx ON labels (community_id, name, id);
-- Finds what is over.
CREATE INDEX labels_expiry_idx ON labels (expires_at) WHERE expires_at IS NOT NULL;

-- An account in a guild, as the platform last showed it.
CREATE TABLE memberships (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    identity_id UUID NOT NULL REFERENCES identities (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'member', 'left', 'kicked', 'banned')),
    -- When the platform last told of a coming or going; older news changes nothing. Absent: they were only seen.
    status_at TIMESTAMPTZ,
    -- The name in this guild alone.
    nick TEXT,
    -- Every name of theirs as it is searched: both engines fold letters differently, so we do.
    names_folded TEXT NOT NULL,
    -- The platform's ids of their roles.
    roles JSONB NOT NULL,
    -- A fingerprint of the picture: the accounts of one raid often share it.
    avatar TEXT,
    -- When the platform last told of names, roles and picture.
    profile_at TIMESTAMPTZ,
    -- The last time they came. Absent where the platform did not tell.
    joined_at TIMESTAMPTZ,
    -- Through which invitation, and whose: a raid often has one in common.
    invite_code TEXT,
    inviter_id UUID REFERENCES identities (id),
    left_at TIMESTAMPTZ,
    last_seen TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, identity_id)
);
CREATE INDEX memberships_identity_idx ON memberships (identity_id);
-- Finds who came within a window of time.
CREATE INDEX memberships_joined_idx ON memberships (guild_id, joined_at, identity_id) WHERE joined_at IS NOT NULL;

-- What a person did on a day. Counted in batches.
CREATE TABLE user_activity (
    identity_id UUID NOT NULL REFERENCES identities (id),
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Its first moment, in UTC.
    day TIMESTAMPTZ NOT NULL,
    messages BIGINT NOT NULL,
    edits BIGINT NOT NULL,
    deletes BIGINT NOT NULL,
    reactions BIGINT NOT NULL,
    links BIGINT NOT NULL,
    media BIGINT NOT NULL,
    commands BIGINT NOT NULL,
    joins BIGINT NOT NULL,
    voice_seconds BIGINT NOT NULL,
    -- Messages on which a rule had something to say.
    flagged BIGINT NOT NULL,
    PRIMARY KEY (identity_id, guild_id, day)
);
CREATE INDEX user_activity_day_idx ON user_activity (guild_id, day);

-- What went on in a guild in an hour. Who was active is counted by days, from user_activity: hours cannot be added up.
CREATE TABLE guild_activity (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Its first moment.
    hour TIMESTAMPTZ NOT NULL,
    messages BIGINT NOT NULL,
    joins BIGINT NOT NULL,
    leaves BIGINT NOT NULL,
    -- Cases.
    actions BIGINT NOT NULL,
    -- Messages on which a rule had something to say.
    flagged BIGINT NOT NULL,
    PRIMARY KEY (guild_id, hour)
);
