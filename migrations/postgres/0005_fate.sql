-- What became of a case, and by which other case: without it, a case that fails could not give back what it had ended.

-- The program that acted, where it was neither a person nor a rule.
ALTER TABLE cases ADD COLUMN token TEXT;
-- When the platform did it. Kept through the case's end, so that a case which is given back is what it was.
ALTER TABLE cases ADD COLUMN applied_at TIMESTAMPTZ;
-- Since when it does not stand any more.
ALTER TABLE cases ADD COLUMN ended_at TIMESTAMPTZ;
-- The number of the case that ended it, in the same guild.
ALTER TABLE cases ADD COLUMN ended_by BIGINT;
-- How it was lifted, where it was.
ALTER TABLE cases ADD COLUMN lift TEXT CHECK (lift IN ('expired', 'revoked'));
-- What the platform said when it failed, or why it was voided.
ALTER TABLE cases ADD COLUMN ended_why TEXT;
-- Who voided it, as `case_events.actor`.
ALTER TABLE cases ADD COLUMN voided_by TEXT;
CREATE INDEX cases_ended_by_idx ON cases (guild_id, ended_by) WHERE ended_by IS NOT NULL;
