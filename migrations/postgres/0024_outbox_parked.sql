-- An event that the bus refuses for good waits apart, with the bus's word in `last_error`, and holds up no others.
ALTER TABLE outbox ADD COLUMN parked_at TIMESTAMPTZ;
CREATE INDEX outbox_parked_idx ON outbox (id) WHERE parked_at IS NOT NULL;
