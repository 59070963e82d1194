-- What judging itself changes for a while: rules that acted too often, and communities under attack.

-- A rule that reached its limit does nothing for a while, in every process.
CREATE TABLE rule_pauses (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    policy_id UUID NOT NULL REFERENCES policies (id),
    rule TEXT NOT NULL,
    -- Of the policy: whoever changes the rules has looked at them, and a pause of older ones counts no more.
    version BIGINT NOT NULL,
    paused_at TIMESTAMPTZ NOT NULL,
    -- From then on it acts again.
    ends_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, policy_id, rule)
);

-- A community that is not as always: under attack, or closed.
CREATE TABLE guild_modes (
    guild_id UUID PRIMARY KEY REFERENCES guilds (id),
    mode TEXT NOT NULL CHECK (mode IN ('raid', 'lockdown')),
    -- An identity's own id, `rule:<id>`, `token:<name>` or `system`.
    raised_by TEXT NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL,
    -- Absent: until somebody ends it.
    ends_at TIMESTAMPTZ
);
-- Finds what is over.
CREATE INDEX guild_modes_ends_idx ON guild_modes (ends_at) WHERE ends_at IS NOT NULL;
