-- What moderators want to be told of a community, and how.
CREATE TABLE notification_wishes (
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    identity_id BLOB NOT NULL REFERENCES identities (id),
    -- See `Wishes` in `lockdown-moderation`.
    wishes TEXT NOT NULL CHECK (json_valid(wishes)),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (guild_id, identity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_wishes_identity_idx ON notification_wishes (identity_id);

-- Notifications on their way to somebody. A row goes when it was told.
CREATE TABLE notification_tellings (
    id BLOB NOT NULL PRIMARY KEY,
    notification_id BLOB NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    guild_id BLOB NOT NULL REFERENCES guilds (id),
    -- To whom, as a direct message. Absent: in the community's log channel.
    recipient_id BLOB REFERENCES identities (id),
    due_at INTEGER NOT NULL,
    -- What is told in one message has one. Absent: not yet begun, so that more may join it.
    batch_id BLOB,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX notification_tellings_due_idx ON notification_tellings (due_at);
CREATE INDEX notification_tellings_batch_idx ON notification_tellings (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX notification_tellings_notification_idx ON notification_tellings (notification_id);
CREATE INDEX notification_tellings_recipient_idx ON notification_tellings (recipient_id) WHERE recipient_id IS NOT NULL;
