-- Whether decisions were right, as people said afterwards: by this, rules are measured.

CREATE TABLE case_reviews (
    -- The last word counts; those before it are in the case's history.
    case_id UUID PRIMARY KEY REFERENCES cases (id),
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Of an automatic decision, copied so that counting reads this table alone.
    rule TEXT,
    rule_set_hash TEXT,
    verdict TEXT NOT NULL CHECK (verdict IN ('upheld', 'overturned', 'mistaken')),
    -- As `case_events.actor`.
    actor TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX case_reviews_rule_idx ON case_reviews (guild_id, rule, at) WHERE rule IS NOT NULL;
-- Finds what a rule or a program did since a time; a moderator's doings have an index.
CREATE INDEX cases_rule_idx ON cases (guild_id, rule, created_at) WHERE rule IS NOT NULL;
CREATE INDEX cases_token_idx ON cases (guild_id, token, created_at) WHERE token IS NOT NULL;
