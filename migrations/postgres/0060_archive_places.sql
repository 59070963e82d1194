-- History is read in the order of a stream, for one guild; retention goes by streams, and by types no more.
CREATE INDEX event_archive_place_idx ON event_archive (platform, guild_native_id, stream, major, minor);
DROP INDEX event_archive_topic_idx;
