-- Cases that moderators want out of their daily sight: they stay on record, and count as before.

-- Since when ordinary lists leave it out; absent where they do not.
ALTER TABLE cases ADD COLUMN hidden_at INTEGER;
