-- Dead letters are handed to their groups again by themselves, a few times.

-- How often one was.
CREATE INDEX dead_letters_event_idx ON dead_letters (consumer_group, event_id);
