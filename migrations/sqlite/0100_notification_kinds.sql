-- What notifications are about, so that people can choose, and which of them were handed on to those who want to be told elsewhere
-- than on the dashboard.
ALTER TABLE notifications ADD COLUMN kind TEXT NOT NULL DEFAULT 'message'
    CHECK (kind IN ('alert', 'approval', 'review', 'failure', 'difference', 'message'));
-- Absent: nobody has looked yet whom it concerns.
ALTER TABLE notifications ADD COLUMN handed_at INTEGER;
-- What was told before anybody could choose is not told again.
UPDATE notifications SET handed_at = at;
CREATE INDEX notifications_waiting_idx ON notifications (id) WHERE handed_at IS NULL;
