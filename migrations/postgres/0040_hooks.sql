-- By which others tell us something: what they sign becomes an event.
CREATE TABLE hooks (
    id UUID PRIMARY KEY,
    -- In its address, and in the source of its events.
    name TEXT NOT NULL UNIQUE,
    -- Where all happens that it tells.
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- The type of its events.
    topic TEXT NOT NULL,
    -- Whatever is signed with it is taken, so it is kept as it is, as that of a webhook.
    secret TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX hooks_guild_idx ON hooks (guild_id);
