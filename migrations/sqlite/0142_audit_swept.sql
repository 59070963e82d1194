-- What is personal in the audit goes by age from a chain's oldest entry on, so one number tells how far that has come. An
-- index of all that is left had to be written to with each entry.

CREATE TABLE audit_swept (
    guild_id BLOB NOT NULL PRIMARY KEY REFERENCES guilds (id),
    -- Up to this entry nothing personal is left.
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
DROP INDEX audit_pii_kept_idx;
