-- What the bus let go of, what it gave up, and what moderators are told.

-- Events that are no longer in the streams.
CREATE TABLE event_archive (
    -- Tells apart what came at the same moment.
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its place in the log: the stream, and the two parts of the id in it.
    stream TEXT NOT NULL,
    major INTEGER NOT NULL,
    minor INTEGER NOT NULL,
    -- Absent where the envelope cannot be read; it is kept all the same.
    event_id BLOB UNIQUE,
    -- Where and about whom: the platform's own ids, since not every event is of a guild or a person that we know.
    platform TEXT,
    guild_native_id TEXT,
    user_native_id TEXT,
    topic TEXT NOT NULL,
    -- When it was appended, by the log's clock.
    at INTEGER NOT NULL,
    -- As it was on the wire.
    envelope TEXT NOT NULL,
    UNIQUE (stream, major, minor)
) STRICT;
CREATE INDEX event_archive_guild_idx ON event_archive (platform, guild_native_id, at, seq);
CREATE INDEX event_archive_user_idx ON event_archive (platform, user_native_id, at, seq) WHERE user_native_id IS NOT NULL;
-- Retention differs by type.
CREATE INDEX event_archive_topic_idx ON event_archive (topic, at);

-- How far each stream is archived, also when retention has taken the newest rows away again.
CREATE TABLE event_archive_streams (
    stream TEXT NOT NULL PRIMARY KEY,
    major INTEGER NOT NULL,
    minor INTEGER NOT NULL
) STRICT;

-- Events that a group of the bus gave up. The bus has their text; this finds them, and remembers what became of them.
CREATE TABLE dead_letters (
    -- The bus's id.
    id TEXT NOT NULL PRIMARY KEY,
    consumer_group TEXT NOT NULL,
    consumer TEXT NOT NULL,
    -- Where the event lay in the log.
    position TEXT NOT NULL,
    -- These are absent where the envelope cannot be read.
    event_id BLOB,
    platform TEXT,
    guild_native_id TEXT,
    user_native_id TEXT,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('exhausted', 'permanent', 'undecodable', 'poison')),
    attempts INTEGER NOT NULL,
    first_failure INTEGER NOT NULL,
    last_failure INTEGER NOT NULL,
    error TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'replayed', 'dropped', 'expired')),
    settled_at INTEGER,
    -- An identity's own id, `token:<name>` or `system`.
    settled_by TEXT
) STRICT;
CREATE INDEX dead_letters_page_idx ON dead_letters (last_failure, id);
CREATE INDEX dead_letters_guild_idx ON dead_letters (platform, guild_native_id, last_failure, id);
CREATE INDEX dead_letters_user_idx ON dead_letters (platform, user_native_id) WHERE user_native_id IS NOT NULL;

-- Words to moderators.
CREATE TABLE notifications (
    id BLOB NOT NULL PRIMARY KEY,
    -- To whom. Absent: to every moderator.
    recipient_id BLOB REFERENCES identities (id),
    -- Of which guild it tells. Absent: of the installation.
    guild_id BLOB REFERENCES guilds (id),
    level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'urgent')),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    -- Where to look, as a path of the dashboard.
    link TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX notifications_recipient_idx ON notifications (recipient_id, id);
CREATE INDEX notifications_guild_idx ON notifications (guild_id, id) WHERE recipient_id IS NULL;
CREATE INDEX notifications_at_idx ON notifications (at);

-- Who has read which.
CREATE TABLE notification_reads (
    -- An account's or an identity's own id.
    reader_id BLOB NOT NULL,
    notification_id BLOB NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    PRIMARY KEY (reader_id, notification_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_reads_notification_idx ON notification_reads (notification_id);
