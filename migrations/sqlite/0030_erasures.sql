-- People whose data is to go.

CREATE TABLE erasures (
    -- Asked for once, however often they ask.
    person_id BLOB NOT NULL PRIMARY KEY REFERENCES people (id),
    requested_at INTEGER NOT NULL,
    -- Absent while something is still needed: an event that is yet to be published, or the account's id for as long as a
    -- sanction against it lives.
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
-- Finds what is to be taken up again.
CREATE INDEX erasures_open_idx ON erasures (requested_at) WHERE finished_at IS NULL;

-- Who else a person was found to be.
CREATE INDEX people_merged_idx ON people (merged_into) WHERE merged_into IS NOT NULL;
