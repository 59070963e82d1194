//! What an export reads of each table.
//!
//! To add a table: its statement, and its section in [`SECTIONS`] with the columns that its owner would read.

use super::export::Record;
use crate::dbx::{Json, Row, Sql, sqls};
use crate::error::StoreError;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

/// One kind of record, from one table.
pub(super) struct Section {
    pub(super) kind: &'static str,
    pub(super) table: &'static str,
    /// Name and form of each column that is handed over.
    pub(super) columns: &'static [(&'static str, Form)],
    pub(super) page: &'static Sql,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Text,
    Number,
    Flag,
    Time,
    Json,
    /// A text that is a JSON document: it is kept as it was hashed.
    Document,
}

use Form::{Document, Flag, Number, Text, Time};

/// A guild by the name that people know.
macro_rules! page {
    ($columns:literal, $from:literal, $order:literal) => {
        concat!(
            "SELECT g.platform || '/' || g.native_id AS guild, ",
            $columns,
            " FROM ",
            $from,
            " ORDER BY ",
            $order,
            " LIMIT $2 OFFSET $3"
        )
    };
}

sqls! {
    ACCOUNTS = "SELECT platform, native_id, username, display_name, is_bot, first_seen, last_seen FROM identities \
        WHERE id = $1 ORDER BY id LIMIT $2 OFFSET $3";
    CASES = page!(
        "c.number, c.kind, c.state, c.origin, c.rule, c.reason, c.expires_at, c.evidence, c.ended_why, c.created_at, \
            c.updated_at",
        "cases c JOIN guilds g ON g.id = c.guild_id WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1",
        "c.guild_id, c.number");
    HISTORY = page!(
        "c.number, e.at, e.kind, e.body",
        "cases c JOIN guilds g ON g.id = c.guild_id JOIN case_events e ON e.case_id = c.id \
            WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1",
        "c.guild_id, c.number, e.seq");
    SANCTIONS = page!(
        "c.number, s.kind, s.state, s.starts_at, s.expires_at, s.ended_at, s.last_error",
        "cases c JOIN guilds g ON g.id = c.guild_id JOIN sanctions s ON s.case_id = c.id \
            WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1",
        "c.guild_id, c.number, s.id");
    POINTS = page!(
        "c.number, p.delta, p.expires_at, p.created_at",
        "point_entries p JOIN guilds g ON g.id = p.guild_id JOIN cases c ON c.id = p.case_id \
            WHERE p.guild_id IN (SELECT id FROM guilds) AND p.subject_id = $1",
        "p.guild_id, p.created_at, p.id");
    NOTES = page!(
        "n.body, n.pinned, n.created_at, n.updated_at, n.deleted_at",
        "notes n JOIN guilds g ON g.id = n.guild_id WHERE n.guild_id IN (SELECT id FROM guilds) AND n.subject_id = $1",
        "n.guild_id, n.created_at, n.id");
    SAID = page!(
        "c.number, m.body, m.created_at, m.edited_at, m.deleted_at",
        "case_messages m JOIN cases c ON c.id = m.case_id JOIN guilds g ON g.id = c.guild_id \
            WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1",
        "m.id");
    SAID_BEFORE = page!(
        "c.number, e.at, e.body",
        "case_message_edits e JOIN case_messages m ON m.id = e.message_id JOIN cases c ON c.id = m.case_id \
            JOIN guilds g ON g.id = c.guild_id WHERE c.guild_id IN (SELECT id FROM guilds) AND c.subject_id = $1",
        "e.message_id, e.at");
    AUDIT = page!(
        "l.seq, l.at, l.act, l.subject, l.body, p.pii",
        "audit_pii p JOIN audit_log l ON l.guild_id = p.guild_id AND l.seq = p.seq JOIN guilds g ON g.id = p.guild_id \
            WHERE p.subject_id = $1 AND p.erased_at IS NULL",
        "l.guild_id, l.seq");
    LABELS = "SELECT l.name, l.reason, l.set_at, l.expires_at FROM labels l WHERE l.subject_id = $1 \
        ORDER BY l.id LIMIT $2 OFFSET $3";
    FEDERATION_BANS = "SELECT f.name AS federation, b.reason, b.banned_at, b.lifted_at FROM federation_bans b \
        JOIN federations f ON f.id = b.federation_id WHERE b.subject_id = $1 ORDER BY b.id LIMIT $2 OFFSET $3";
    FEDERATIONS = "SELECT f.name, f.created_at FROM federations f WHERE f.owner_id = $1 ORDER BY f.id LIMIT $2 OFFSET $3";
    FEDERATION_ADMINS = "SELECT f.name AS federation, a.since FROM federation_admins a \
        JOIN federations f ON f.id = a.federation_id WHERE a.identity_id = $1 ORDER BY f.id LIMIT $2 OFFSET $3";
    MEMBERS = page!(
        "m.status, m.nick, m.roles, m.avatar, m.invite_code, m.joined_at, m.left_at, m.last_seen",
        "memberships m JOIN guilds g ON g.id = m.guild_id WHERE m.identity_id = $1",
        "m.guild_id");
    ACTIVITY = page!(
        "a.day, a.messages, a.edits, a.deletes, a.reactions, a.links, a.media, a.commands, a.joins, a.voice_seconds, a.flagged",
        "user_activity a JOIN guilds g ON g.id = a.guild_id WHERE a.identity_id = $1",
        "a.guild_id, a.day");
    MESSAGES = page!(
        "m.channel_native_id, m.native_id, m.at, m.edited_at, m.deleted_at, m.content, m.attachments, m.features, m.verdict",
        "messages m JOIN guilds g ON g.id = m.guild_id WHERE m.identity_id = $1",
        "m.guild_id, m.channel_native_id, m.native_id");
    EDITS = page!(
        "m.channel_native_id, m.native_id, m.at, m.content",
        "message_edits m JOIN guilds g ON g.id = m.guild_id WHERE m.identity_id = $1",
        "m.guild_id, m.channel_native_id, m.native_id, m.at");
    EVIDENCE = page!(
        "c.number, m.channel_native_id, m.native_id, m.said_at, m.content, m.attachments, m.earlier",
        "message_evidence m JOIN cases c ON c.id = m.case_id JOIN guilds g ON g.id = c.guild_id WHERE m.identity_id = $1",
        "m.case_id, m.seq");
    REPORTS = page!(
        "r.number, r.category, r.body, r.state, r.resolution, r.created_at, r.resolved_at",
        "reports r JOIN guilds g ON g.id = r.guild_id WHERE r.subject_id = $1 OR r.reporter_id = $1",
        "r.guild_id, r.number");
    APPEALS = page!(
        "c.number, a.state, a.statement, a.decision, a.created_at, a.decided_at",
        "appeals a JOIN guilds g ON g.id = a.guild_id JOIN cases c ON c.id = a.case_id WHERE a.appellant_id = $1",
        "a.id");
    TALK = page!(
        "c.number, t.author_kind, t.at, t.body",
        "appeal_messages t JOIN appeals a ON a.id = t.appeal_id JOIN guilds g ON g.id = a.guild_id \
            JOIN cases c ON c.id = a.case_id WHERE a.appellant_id = $1",
        "t.appeal_id, t.seq");
    WISHES = page!(
        "w.wishes, w.updated_at",
        "notification_wishes w JOIN guilds g ON g.id = w.guild_id WHERE w.identity_id = $1",
        "w.guild_id");
    TOLD = "SELECT n.title, n.body, n.at FROM notifications n WHERE n.recipient_id = $1 ORDER BY n.id LIMIT $2 OFFSET $3";
    // What they did themselves, such as a moderator. What an entry says about others is theirs.
    ACTS =>
        page!(
            "l.seq, l.at, l.act, l.subject",
            "audit_log l JOIN guilds g ON g.id = l.guild_id \
                WHERE l.guild_id IN (SELECT id FROM guilds) AND l.actor = CAST($1 AS TEXT)",
            "l.guild_id, l.seq"),
        page!(
            "l.seq, l.at, l.act, l.subject",
            "audit_log l JOIN guilds g ON g.id = l.guild_id WHERE l.guild_id IN (SELECT id FROM guilds) AND l.actor = lower( \
                substr(hex($1), 1, 8) || '-' || substr(hex($1), 9, 4) || '-' || substr(hex($1), 13, 4) || '-' || \
                substr(hex($1), 17, 4) || '-' || substr(hex($1), 21))",
            "l.guild_id, l.seq");
}

/// In the order in which they are handed over.
pub(super) static SECTIONS: &[Section] = &[
    Section {
        kind: "account",
        table: "identities",
        columns: &[
            ("platform", Text),
            ("native_id", Text),
            ("username", Text),
            ("display_name", Text),
            ("is_bot", Flag),
            ("first_seen", Time),
            ("last_seen", Time),
        ],
        page: &ACCOUNTS,
    },
    Section {
        kind: "case",
        table: "cases",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("kind", Text),
            ("state", Text),
            ("origin", Text),
            ("rule", Text),
            ("reason", Text),
            ("expires_at", Time),
            ("evidence", Form::Json),
            ("ended_why", Text),
            ("created_at", Time),
            ("updated_at", Time),
        ],
        page: &CASES,
    },
    Section {
        kind: "case_event",
        table: "case_events",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("at", Time),
            ("kind", Text),
            ("body", Form::Json),
        ],
        page: &HISTORY,
    },
    Section {
        kind: "sanction",
        table: "sanctions",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("kind", Text),
            ("state", Text),
            ("starts_at", Time),
            ("expires_at", Time),
            ("ended_at", Time),
            ("last_error", Text),
        ],
        page: &SANCTIONS,
    },
    Section {
        kind: "points",
        table: "point_entries",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("delta", Number),
            ("expires_at", Time),
            ("created_at", Time),
        ],
        page: &POINTS,
    },
    Section {
        kind: "note",
        table: "notes",
        columns: &[
            ("guild", Text),
            ("body", Text),
            ("pinned", Flag),
            ("created_at", Time),
            ("updated_at", Time),
            ("deleted_at", Time),
        ],
        page: &NOTES,
    },
    Section {
        kind: "case_message",
        table: "case_messages",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("body", Text),
            ("created_at", Time),
            ("edited_at", Time),
            ("deleted_at", Time),
        ],
        page: &SAID,
    },
    Section {
        kind: "case_message_edit",
        table: "case_message_edits",
        columns: &[("guild", Text), ("number", Number), ("at", Time), ("body", Text)],
        page: &SAID_BEFORE,
    },
    Section {
        kind: "audit",
        table: "audit_pii",
        columns: &[
            ("guild", Text),
            ("seq", Number),
            ("at", Time),
            ("act", Text),
            ("subject", Text),
            ("body", Document),
            ("pii", Document),
        ],
        page: &AUDIT,
    },
    Section {
        kind: "label",
        table: "labels",
        columns: &[
            ("name", Text),
            ("reason", Text),
            ("set_at", Time),
            ("expires_at", Time),
        ],
        page: &LABELS,
    },
    Section {
        kind: "federation_ban",
        table: "federation_bans",
        columns: &[
            ("federation", Text),
            ("reason", Text),
            ("banned_at", Time),
            ("lifted_at", Time),
        ],
        page: &FEDERATION_BANS,
    },
    Section {
        kind: "federation",
        table: "federations",
        columns: &[("name", Text), ("created_at", Time)],
        page: &FEDERATIONS,
    },
    Section {
        kind: "federation_admin",
        table: "federation_admins",
        columns: &[("federation", Text), ("since", Time)],
        page: &FEDERATION_ADMINS,
    },
    Section {
        kind: "membership",
        table: "memberships",
        columns: &[
            ("guild", Text),
            ("status", Text),
            ("nick", Text),
            ("roles", Form::Json),
            ("avatar", Text),
            ("invite_code", Text),
            ("joined_at", Time),
            ("left_at", Time),
            ("last_seen", Time),
        ],
        page: &MEMBERS,
    },
    Section {
        kind: "activity",
        table: "user_activity",
        columns: &[
            ("guild", Text),
            ("day", Time),
            ("messages", Number),
            ("edits", Number),
            ("deletes", Number),
            ("reactions", Number),
            ("links", Number),
            ("media", Number),
            ("commands", Number),
            ("joins", Number),
            ("voice_seconds", Number),
            ("flagged", Number),
        ],
        page: &ACTIVITY,
    },
    Section {
        kind: "message",
        table: "messages",
        columns: &[
            ("guild", Text),
            ("channel_native_id", Text),
            ("native_id", Text),
            ("at", Time),
            ("edited_at", Time),
            ("deleted_at", Time),
            ("content", Text),
            ("attachments", Form::Json),
            ("features", Form::Json),
            ("verdict", Form::Json),
        ],
        page: &MESSAGES,
    },
    Section {
        kind: "message_edit",
        table: "message_edits",
        columns: &[
            ("guild", Text),
            ("channel_native_id", Text),
            ("native_id", Text),
            ("at", Time),
            ("content", Text),
        ],
        page: &EDITS,
    },
    Section {
        kind: "evidence",
        table: "message_evidence",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("channel_native_id", Text),
            ("native_id", Text),
            ("said_at", Time),
            ("content", Text),
            ("attachments", Form::Json),
            ("earlier", Form::Json),
        ],
        page: &EVIDENCE,
    },
    Section {
        kind: "notification_wishes",
        table: "notification_wishes",
        columns: &[("guild", Text), ("wishes", Form::Json), ("updated_at", Time)],
        page: &WISHES,
    },
    Section {
        kind: "notification",
        table: "notifications",
        columns: &[("title", Text), ("body", Text), ("at", Time)],
        page: &TOLD,
    },
    Section {
        kind: "report",
        table: "reports",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("category", Text),
            ("body", Text),
            ("state", Text),
            ("resolution", Text),
            ("created_at", Time),
            ("resolved_at", Time),
        ],
        page: &REPORTS,
    },
    Section {
        kind: "appeal",
        table: "appeals",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("state", Text),
            ("statement", Text),
            ("decision", Text),
            ("created_at", Time),
            ("decided_at", Time),
        ],
        page: &APPEALS,
    },
    Section {
        kind: "appeal_message",
        table: "appeal_messages",
        columns: &[
            ("guild", Text),
            ("number", Number),
            ("author_kind", Text),
            ("at", Time),
            ("body", Text),
        ],
        page: &TALK,
    },
    Section {
        kind: "act",
        table: "audit_log",
        columns: &[
            ("guild", Text),
            ("seq", Number),
            ("at", Time),
            ("act", Text),
            ("subject", Text),
        ],
        page: &ACTS,
    },
];

/// `created_at` as JSON has it: `createdAt`.
fn camel_case(column: &str) -> String {
    let mut words = column.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_ascii_uppercase() + tail
    })
}

// === impl Form ===

impl Form {
    fn read(self, row: &Row, column: &str) -> Result<Value, StoreError> {
        Ok(match self {
            Self::Text => row.get::<Option<String>>(column)?.into(),
            Self::Number => row.get::<Option<i64>>(column)?.into(),
            Self::Flag => row.get::<Option<bool>>(column)?.into(),
            Self::Time => {
                let time: Option<DateTime<Utc>> = row.get(column)?;
                time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
                    .into()
            }
            Self::Json => {
                let json: Option<Json<Value>> = row.get(column)?;
                json.map_or(Value::Null, |json| json.0)
            }
            Self::Document => match row.get::<Option<String>>(column)? {
                Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                None => Value::Null,
            },
        })
    }
}

// === impl Section ===

impl Section {
    pub(super) fn record(&self, row: &Row) -> Result<Record, StoreError> {
        let mut data = Map::new();
        for (column, form) in self.columns {
            data.insert(camel_case(column), form.read(row, column)?);
        }
        Ok(Record {
            kind: self.kind,
            data,
        })
    }
}
