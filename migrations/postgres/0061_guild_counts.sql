-- What went on in a community by hours, counted from its events as they are archived.
CREATE TABLE guild_counts (
    -- The platform's own ids, as events have them: an event can come before anybody knows its guild.
    platform TEXT NOT NULL CHECK (platform IN ('discord', 'telegram')),
    guild_native_id TEXT NOT NULL,
    -- The hour's first moment.
    hour TIMESTAMPTZ NOT NULL,
    -- What is counted: see `Measure` in `counts.rs`.
    measure TEXT NOT NULL CHECK (measure IN ('joined', 'left', 'case', 'reversal', 'outcome', 'verdict', 'hit', 'shadow_hit')),
    -- Of which kind: of sanction, outcome or verdict, or a rule's id. Empty where there is one kind alone.
    word TEXT NOT NULL,
    count BIGINT NOT NULL,
    -- For what was applied: how long it took, in milliseconds, all together.
    millis BIGINT NOT NULL,
    PRIMARY KEY (platform, guild_native_id, hour, measure, word)
);
-- Finds what is older than it is kept.
CREATE INDEX guild_counts_hour_idx ON guild_counts (hour);
