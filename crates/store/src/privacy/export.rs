//! What is kept about one person, handed over to them.
//!
//! Everything that was written about them is theirs to read, moderators' notes included; who wrote it is not, since that would
//! hand over another person. An [`Export`] reads a page at a time, so that one of any size takes the same memory.

use super::erase::Account;
use crate::dbx::{Json, Row, Sql, sqls};
use crate::error::StoreError;
use crate::in_read;
use crate::people::PersonId;
use crate::store::Store;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

const PAGE: u64 = 500;

/// One thing that is kept about a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is: `case`, `note`.
    pub kind: &'static str,
    pub data: Map<String, Value>,
}

/// Reads what is kept about one person.
pub struct Export {
    store: Store,
    accounts: Vec<Account>,
    /// The account, the section, and how many of its rows were read.
    account: usize,
    section: usize,
    offset: u64,
    page: std::vec::IntoIter<Record>,
}

/// One kind of record, from one table.
struct Section {
    kind: &'static str,
    table: &'static str,
    /// Name and form of each column that is handed over.
    columns: &'static [(&'static str, Form)],
    page: &'static Sql,
}

#[derive(Debug, Clone, Copy)]
enum Form {
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
        "c.number, c.kind, c.state, c.origin, c.rule, c.reason, c.expires_at, c.evidence, c.created_at, c.updated_at",
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
    AUDIT = page!(
        "l.seq, l.at, l.act, l.subject, l.body, p.pii",
        "audit_pii p JOIN audit_log l ON l.guild_id = p.guild_id AND l.seq = p.seq JOIN guilds g ON g.id = p.guild_id \
            WHERE p.subject_id = $1 AND p.erased_at IS NULL",
        "l.guild_id, l.seq");
    LABELS = "SELECT l.name, l.reason, l.set_at, l.expires_at FROM labels l WHERE l.subject_id = $1 \
        ORDER BY l.id LIMIT $2 OFFSET $3";
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
static SECTIONS: &[Section] = &[
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

/// Whether the export hands a column over: for the test that compares it with the schema.
pub fn exports(table: &str, column: &str) -> bool {
    let of_table = SECTIONS.iter().filter(|section| section.table == table);
    of_table
        .flat_map(|section| section.columns)
        .any(|(name, _)| *name == column)
}

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
    fn record(&self, row: &Row) -> Result<Record, StoreError> {
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

// === impl Export ===

impl Export {
    /// Of every account of a person, on all platforms.
    pub async fn of(store: Store, person: PersonId) -> Result<Self, StoreError> {
        let accounts = in_read!(store, |conn| { conn.accounts_of(person).await })?;
        Ok(Self {
            store,
            accounts,
            account: 0,
            section: 0,
            offset: 0,
            page: Vec::new().into_iter(),
        })
    }

    /// The next record; `None` when that was all.
    pub async fn next(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            if let Some(record) = self.page.next() {
                return Ok(Some(record));
            }
            let Some(account) = self.accounts.get(self.account).map(|account| account.id) else {
                return Ok(None);
            };
            let Some(section) = SECTIONS.get(self.section) else {
                (self.account, self.section) = (self.account + 1, 0);
                continue;
            };
            let offset = self.offset;
            let page: Vec<Record> = in_read!(self.store, |conn| {
                let query = conn.query(section.page).bind(account).bind(PAGE).bind(offset);
                query.map(|row| section.record(row)).await
            })?;
            if page.len() as u64 == PAGE {
                self.offset += PAGE;
            } else {
                (self.section, self.offset) = (self.section + 1, 0);
            }
            self.page = page.into_iter();
        }
    }
}
