//! What an erasure does in each table.
//!
//! To add a table: an arm of `which!`, its two statements, and its line in [`STEPS`].

use crate::dbx::{Sql, sqls};

/// What is done in one table. `count` says how many rows it is about, `erase` takes some of them and finds them no more.
pub(super) struct Step {
    pub(super) table: &'static str,
    /// Done when nothing holds against the account any more.
    pub(super) last: bool,
    pub(super) count: &'static Sql,
    pub(super) erase: &'static Sql,
}

/// A guild's rows about `$1`, through the index that begins with the guild.
macro_rules! about {
    () => {
        "guild_id IN (SELECT id FROM guilds) AND subject_id = $1"
    };
}

/// Which rows a step is about.
macro_rules! which {
    (names) => {
        "id = $1 AND (username IS NOT NULL OR username_folded IS NOT NULL OR display_name IS NOT NULL)"
    };
    (cases) => {
        concat!(
            about!(),
            " AND (reason IS NOT NULL OR reason_folded IS NOT NULL OR ended_why IS NOT NULL \
                OR CAST(evidence AS TEXT) <> '[]')"
        )
    };
    (keys) => {
        concat!(about!(), " AND idempotency_key IS NOT NULL")
    };
    (history) => {
        concat!(
            "case_id IN (SELECT id FROM cases WHERE ",
            about!(),
            ") AND CAST(body AS TEXT) <> '{}'"
        )
    };
    (errors) => {
        concat!(
            "case_id IN (SELECT id FROM cases WHERE ",
            about!(),
            ") AND last_error IS NOT NULL"
        )
    };
    (said) => {
        concat!(
            "case_id IN (SELECT id FROM cases WHERE ",
            about!(),
            ") AND body <> ''"
        )
    };
    (said_before) => {
        concat!(
            "message_id IN (SELECT m.id FROM case_messages m JOIN cases c ON c.id = m.case_id \
                WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1)"
        )
    };
    (notes) => {
        about!()
    };
    (author) => {
        "identity_id = $1"
    };
    (reports) => {
        "(subject_id = $1 OR reporter_id = $1) AND (body <> '' OR resolution IS NOT NULL)"
    };
    (appeals) => {
        "appellant_id = $1 AND (statement <> '' OR decision IS NOT NULL)"
    };
    (talk) => {
        "appeal_id IN (SELECT id FROM appeals WHERE appellant_id = $1) AND body <> ''"
    };
    (labels) => {
        "subject_id = $1"
    };
    (recipient) => {
        "recipient_id = $1"
    };
    // Until the account is let go: events know it by the platform's id alone.
    (events) => {
        "(platform, user_native_id) IN (SELECT platform, native_id FROM identities WHERE id = $1)"
    };
    (audit) => {
        "subject_id = $1 AND erased_at IS NULL"
    };
}

macro_rules! count {
    ($table:literal, $which:ident) => {
        concat!(
            "SELECT COUNT(*) AS found FROM ",
            $table,
            " WHERE ",
            which!($which)
        )
    };
}

/// `$2` rows at most. A statement that wants the time takes it as `$3`.
macro_rules! batch {
    ($does:literal, $table:literal, $key:literal, $which:ident) => {
        concat!(
            $does,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            which!($which),
            " LIMIT $2)"
        )
    };
}

sqls! {
    NAMES_COUNT = count!("identities", names);
    NAMES = batch!(
        "UPDATE identities SET username = NULL, username_folded = NULL, display_name = NULL", "identities", "id", names);
    CASES_COUNT = count!("cases", cases);
    CASES = batch!("UPDATE cases SET reason = NULL, reason_folded = NULL, ended_why = NULL, evidence = '[]'", "cases", "id", cases);
    KEYS_COUNT = count!("cases", keys);
    KEYS = batch!("UPDATE cases SET idempotency_key = NULL", "cases", "id", keys);
    HISTORY_COUNT = count!("case_events", history);
    HISTORY = batch!("UPDATE case_events SET body = '{}'", "case_events", "case_id, seq", history);
    ERRORS_COUNT = count!("sanctions", errors);
    ERRORS = batch!("UPDATE sanctions SET last_error = NULL", "sanctions", "id", errors);
    NOTES_COUNT = count!("notes", notes);
    NOTES = batch!("DELETE FROM notes", "notes", "id", notes);
    SAID_COUNT = count!("case_messages", said);
    SAID = batch!("UPDATE case_messages SET body = ''", "case_messages", "id", said);
    SAID_BEFORE_COUNT = count!("case_message_edits", said_before);
    SAID_BEFORE = batch!("DELETE FROM case_message_edits", "case_message_edits", "message_id, at", said_before);
    AUDIT_COUNT = count!("audit_pii", audit);
    AUDIT = batch!(
        "UPDATE audit_pii SET salt = NULL, pii = NULL, erased_at = $3", "audit_pii", "guild_id, seq", audit);
    LABELS_COUNT = count!("labels", labels);
    LABELS = batch!("DELETE FROM labels", "labels", "id", labels);
    FEDERATION_BANS_COUNT = count!("federation_bans", labels);
    FEDERATION_BANS = batch!("DELETE FROM federation_bans", "federation_bans", "id", labels);
    FEDERATION_ADMINS_COUNT = count!("federation_admins", author);
    FEDERATION_ADMINS = batch!("DELETE FROM federation_admins", "federation_admins", "federation_id, identity_id", author);
    MEMBERS_COUNT = count!("memberships", author);
    MEMBERS = batch!("DELETE FROM memberships", "memberships", "guild_id, identity_id", author);
    ACTIVITY_COUNT = count!("user_activity", author);
    ACTIVITY = batch!("DELETE FROM user_activity", "user_activity", "identity_id, guild_id, day", author);
    EDITS_COUNT = count!("message_edits", author);
    EDITS = batch!(
        "DELETE FROM message_edits", "message_edits", "guild_id, channel_native_id, native_id, at", author);
    MESSAGES_COUNT = count!("messages", author);
    MESSAGES = batch!("DELETE FROM messages", "messages", "guild_id, channel_native_id, native_id", author);
    EVIDENCE_COUNT = count!("message_evidence", author);
    EVIDENCE = batch!("DELETE FROM message_evidence", "message_evidence", "case_id, seq", author);
    ARCHIVE_COUNT = count!("event_archive", events);
    ARCHIVE = batch!("DELETE FROM event_archive", "event_archive", "seq", events);
    DEAD_COUNT = count!("dead_letters", events);
    DEAD = batch!("UPDATE dead_letters SET user_native_id = NULL, error = ''", "dead_letters", "id", events);
    REPORTS_COUNT = count!("reports", reports);
    REPORTS = batch!("UPDATE reports SET body = '', resolution = NULL", "reports", "id", reports);
    APPEALS_COUNT = count!("appeals", appeals);
    APPEALS = batch!("UPDATE appeals SET statement = '', decision = NULL", "appeals", "id", appeals);
    TALK_COUNT = count!("appeal_messages", talk);
    TALK = batch!("UPDATE appeal_messages SET body = ''", "appeal_messages", "appeal_id, seq", talk);
    WISHES_COUNT = count!("notification_wishes", author);
    WISHES = batch!("DELETE FROM notification_wishes", "notification_wishes", "guild_id, identity_id", author);
    TELLINGS_COUNT = count!("notification_tellings", recipient);
    TELLINGS = batch!("DELETE FROM notification_tellings", "notification_tellings", "id", recipient);
    TOLD_COUNT = count!("notifications", recipient);
    TOLD = batch!("DELETE FROM notifications", "notifications", "id", recipient);
}

/// In the order in which they are done.
pub(super) static STEPS: &[Step] = &[
    Step {
        table: "identities",
        last: false,
        count: &NAMES_COUNT,
        erase: &NAMES,
    },
    Step {
        table: "cases",
        last: false,
        count: &CASES_COUNT,
        erase: &CASES,
    },
    Step {
        table: "case_events",
        last: false,
        count: &HISTORY_COUNT,
        erase: &HISTORY,
    },
    Step {
        table: "sanctions",
        last: false,
        count: &ERRORS_COUNT,
        erase: &ERRORS,
    },
    Step {
        table: "notes",
        last: false,
        count: &NOTES_COUNT,
        erase: &NOTES,
    },
    Step {
        table: "case_messages",
        last: false,
        count: &SAID_COUNT,
        erase: &SAID,
    },
    Step {
        table: "case_message_edits",
        last: false,
        count: &SAID_BEFORE_COUNT,
        erase: &SAID_BEFORE,
    },
    Step {
        table: "audit_pii",
        last: false,
        count: &AUDIT_COUNT,
        erase: &AUDIT,
    },
    Step {
        table: "labels",
        last: false,
        count: &LABELS_COUNT,
        erase: &LABELS,
    },
    Step {
        table: "federation_bans",
        last: false,
        count: &FEDERATION_BANS_COUNT,
        erase: &FEDERATION_BANS,
    },
    Step {
        table: "federation_admins",
        last: false,
        count: &FEDERATION_ADMINS_COUNT,
        erase: &FEDERATION_ADMINS,
    },
    Step {
        table: "memberships",
        last: false,
        count: &MEMBERS_COUNT,
        erase: &MEMBERS,
    },
    Step {
        table: "user_activity",
        last: false,
        count: &ACTIVITY_COUNT,
        erase: &ACTIVITY,
    },
    Step {
        table: "message_edits",
        last: false,
        count: &EDITS_COUNT,
        erase: &EDITS,
    },
    Step {
        table: "messages",
        last: false,
        count: &MESSAGES_COUNT,
        erase: &MESSAGES,
    },
    Step {
        table: "message_evidence",
        last: false,
        count: &EVIDENCE_COUNT,
        erase: &EVIDENCE,
    },
    Step {
        table: "event_archive",
        last: false,
        count: &ARCHIVE_COUNT,
        erase: &ARCHIVE,
    },
    Step {
        table: "dead_letters",
        last: false,
        count: &DEAD_COUNT,
        erase: &DEAD,
    },
    Step {
        table: "notification_wishes",
        last: false,
        count: &WISHES_COUNT,
        erase: &WISHES,
    },
    Step {
        table: "notification_tellings",
        last: false,
        count: &TELLINGS_COUNT,
        erase: &TELLINGS,
    },
    Step {
        table: "notifications",
        last: false,
        count: &TOLD_COUNT,
        erase: &TOLD,
    },
    Step {
        table: "reports",
        last: false,
        count: &REPORTS_COUNT,
        erase: &REPORTS,
    },
    Step {
        table: "appeals",
        last: false,
        count: &APPEALS_COUNT,
        erase: &APPEALS,
    },
    Step {
        table: "appeal_messages",
        last: false,
        count: &TALK_COUNT,
        erase: &TALK,
    },
    // Until then, a question that was asked before is still known.
    Step {
        table: "cases",
        last: true,
        count: &KEYS_COUNT,
        erase: &KEYS,
    },
];

/// Whether a step reaches a column.
pub(super) fn reaches(table: &str, column: &str) -> bool {
    let of_table = STEPS.iter().filter(|step| step.table == table);
    of_table
        .map(|step| step.erase)
        .any(|sql| changes(sql, table, column))
}

/// Whether a statement changes a column of a table, or removes its rows.
pub(super) fn changes(sql: &Sql, table: &str, column: &str) -> bool {
    let text = sql.sqlite;
    text.starts_with(&format!("DELETE FROM {table} "))
        || text.starts_with(&format!("UPDATE {table} ")) && text.contains(&format!("{column} = "))
}
