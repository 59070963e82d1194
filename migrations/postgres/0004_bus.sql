-- What is yet to be published, and what was already taken in.

-- Events, written with the rows they tell of and published afterwards.
CREATE TABLE outbox (
    -- The order within a guild: whoever publishes holds the guild's row, so ids are given in the order of commits.
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id UUID NOT NULL UNIQUE,
    guild_id UUID NOT NULL REFERENCES guilds (id),
    -- Guilds share a few lanes; one relay at a time drains a lane, in order.
    lane BIGINT NOT NULL,
    topic TEXT NOT NULL,
    -- The whole envelope, as it goes on the wire.
    payload TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    published_at TIMESTAMPTZ,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);
CREATE INDEX outbox_pending_idx ON outbox (lane, id) WHERE published_at IS NULL;
-- Finds what was published long enough ago to be removed.
CREATE INDEX outbox_published_idx ON outbox (published_at) WHERE published_at IS NOT NULL;

-- Who drains a lane, and until when nobody else may.
CREATE TABLE outbox_lanes (
    lane BIGINT PRIMARY KEY,
    lease_by TEXT,
    lease_until TIMESTAMPTZ
);
INSERT INTO outbox_lanes (lane) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);

-- Events whose effect stands: written in the transaction of the effect, so that a second delivery has none.
CREATE TABLE processed_events (
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    -- Removed once the bus cannot deliver it any more.
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX processed_events_at_idx ON processed_events (at);
