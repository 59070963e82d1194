-- SQLite reads a `CHECK` once for each connection, and looks a reference up in the process: both stay as they are.

-- Nobody asks for entries by what they were done to.
DROP INDEX audit_log_subject_idx;
