-- Which days of a community were told of.
CREATE TABLE digests (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- When the day begins, by the clock of the community.
    day TIMESTAMPTZ NOT NULL,
    attempts BIGINT NOT NULL,
    -- When it is tried again, while it is not told.
    next_at TIMESTAMPTZ NOT NULL,
    told_at TIMESTAMPTZ,
    PRIMARY KEY (guild_id, day)
);
-- Finds what nobody asks for any more.
CREATE INDEX digests_day_idx ON digests (day);
