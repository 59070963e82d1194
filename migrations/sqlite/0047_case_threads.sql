-- What moderators say to each other about a case.

CREATE TABLE case_messages (
    id BLOB NOT NULL PRIMARY KEY,
    case_id BLOB NOT NULL REFERENCES cases (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'rule', 'token', 'system')),
    -- An identity's own id, or a token's name.
    actor TEXT NOT NULL,
    -- Empty once it was deleted, or the person that the case is about was erased.
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER
) STRICT;
CREATE INDEX case_messages_case_idx ON case_messages (case_id, id);

-- What a message said before it was edited or deleted: nobody takes back a word that others acted on.
CREATE TABLE case_message_edits (
    message_id BLOB NOT NULL REFERENCES case_messages (id),
    -- When it was replaced.
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, at)
) STRICT, WITHOUT ROWID;
