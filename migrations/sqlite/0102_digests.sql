-- Which days of a community were told of.
CREATE TABLE digests (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- When the day begins, by the clock of the community.
    day INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- When it is tried again, while it is not told.
    next_at INTEGER NOT NULL,
    told_at INTEGER,
    PRIMARY KEY (guild_id, day)
) STRICT, WITHOUT ROWID;
-- Finds what nobody asks for any more.
CREATE INDEX digests_day_idx ON digests (day);
