-- What moderators want to be told of a community, and how.
CREATE TABLE notification_wishes (
    guild_id UUID NOT NULL REFERENCES guilds (id),
    identity_id UUID NOT NULL REFERENCES identities (id),
    -- See `Wishes` in `lockdown-moderation`.
    wishes JSONB NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (guild_id, identity_id)
);
CREATE INDEX notification_wishes_identity_idx ON notification_wishes (identity_id);

-- Notifications on their way to somebody. A row goes when it was told.
CREATE TABLE notification_tellings (
    id UUID PRIMARY KEY,
    notification_id UUID NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- To whom, as a direct message. Absent: in the community's log channel.
    recipient_id UUID REFERENCES identities (id),
    due_at TIMESTAMPTZ NOT NULL,
    -- What is told in one message has one. Absent: not yet begun, so that more may join it.
    batch_id UUID,
    attempts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX notification_tellings_due_idx ON notification_tellings (due_at);
CREATE INDEX notification_tellings_batch_idx ON notification_tellings (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX notification_tellings_notification_idx ON notification_tellings (notification_id);
CREATE INDEX notification_tellings_recipient_idx ON notification_tellings (recipient_id) WHERE recipient_id IS NOT NULL;
