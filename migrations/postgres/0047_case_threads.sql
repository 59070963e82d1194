-- What moderators say to each other about a case.

CREATE TABLE case_messages (
    id UUID NOT NULL PRIMARY KEY,
    case_id UUID NOT NULL REFERENCES cases (id),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('person', 'rule', 'token', 'system')),
    -- An identity's own id, or a token's name.
    actor TEXT NOT NULL,
    -- Empty once it was deleted, or the person that the case is about was erased.
    body TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    edited_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ
);
CREATE INDEX case_messages_case_idx ON case_messages (case_id, id);

-- What a message said before it was edited or deleted: nobody takes back a word that others acted on.
CREATE TABLE case_message_edits (
    message_id UUID NOT NULL REFERENCES case_messages (id),
    -- When it was replaced.
    at TIMESTAMPTZ NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, at)
);
