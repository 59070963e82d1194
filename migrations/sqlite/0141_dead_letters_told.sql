-- Moderators are told of dead letters in one transaction with the note of it, so that nobody's end loses the telling.

ALTER TABLE dead_letters ADD COLUMN told_at INTEGER;
UPDATE dead_letters SET told_at = last_failure;
CREATE INDEX dead_letters_untold_idx ON dead_letters (platform, guild_native_id) WHERE told_at IS NULL;
-- Who was told a moment ago.
CREATE INDEX dead_letters_told_idx ON dead_letters (told_at);
