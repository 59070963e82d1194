//! What each column of text holds.

/// The columns of text of one table.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// Hold nothing about anybody: words of the code, names of guilds and rules, ids that mean nothing outside.
    pub free: &'static [&'static str],
    /// Hold what is about a person: erased with them, handed over to them.
    pub personal: &'static [&'static str],
    /// Repeat what stands elsewhere, or are needed for a while: erased as well, handed over by what they repeat.
    pub repeated: &'static [&'static str],
    /// May name a person and stay, with the reason.
    pub kept: &'static [(&'static str, &'static str)],
}

const NOTHING: Table = Table {
    name: "",
    free: &[],
    personal: &[],
    repeated: &[],
    kept: &[],
};

/// Every table with a column of text, by its name.
pub static TABLES: &[Table] = &[
    Table {
        name: "access_log",
        free: &["actor_kind", "act", "subject", "body"],
        kept: &[("actor", "an account's or an identity's own id, or a token's name")],
        ..NOTHING
    },
    Table {
        name: "accounts",
        kept: &[
            ("login", "of somebody who signs in here: it ends with the account"),
            ("login_folded", "as `login`"),
            ("password_hash", "as `login`"),
        ],
        ..NOTHING
    },
    Table {
        name: "api_tokens",
        free: &["name", "prefix", "scopes"],
        ..NOTHING
    },
    Table {
        name: "appeal_messages",
        free: &["author_kind"],
        personal: &["body"],
        kept: &[("author", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "appeals",
        free: &["state"],
        personal: &["statement", "decision"],
        kept: &[("decided_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "audit_anchors",
        free: &["sink"],
        ..NOTHING
    },
    Table {
        name: "audit_log",
        free: &["actor_kind", "act"],
        personal: &[],
        repeated: &[],
        kept: &[
            (
                "actor",
                "an identity's own id, which says nothing once the identity is erased",
            ),
            ("subject", "a case's number or an identity's own id"),
            (
                "body",
                "whoever writes an entry puts what is personal beside it, into audit_pii",
            ),
        ],
    },
    Table {
        name: "audit_pii",
        personal: &["pii"],
        ..NOTHING
    },
    Table {
        name: "audit_swept",
        ..NOTHING
    },
    Table {
        name: "case_events",
        free: &["kind"],
        personal: &["body"],
        repeated: &[],
        kept: &[("actor", "as in audit_log")],
    },
    Table {
        name: "case_message_edits",
        personal: &["body"],
        ..NOTHING
    },
    Table {
        name: "case_messages",
        free: &["actor_kind"],
        personal: &["body"],
        kept: &[("actor", "as in audit_log")],
        ..NOTHING
    },
    Table {
        name: "case_reviews",
        free: &["rule", "rule_set_hash", "verdict"],
        kept: &[("actor", "as in audit_log")],
        ..NOTHING
    },
    Table {
        name: "cases",
        free: &[
            "kind",
            "state",
            "origin",
            "rule",
            "token",
            "rule_set_hash",
            "lift",
        ],
        personal: &["reason", "evidence", "ended_why"],
        repeated: &["reason_folded", "idempotency_key"],
        kept: &[("voided_by", "as `actor` in audit_log")],
    },
    Table {
        name: "channels",
        free: &["native_id", "kind", "title", "parent_native_id", "settings"],
        ..NOTHING
    },
    Table {
        name: "communities",
        free: &["slug", "name", "settings"],
        ..NOTHING
    },
    Table {
        name: "dead_letters",
        free: &[
            "id",
            "consumer_group",
            "consumer",
            "position",
            "platform",
            "guild_native_id",
            "topic",
            "reason",
            "state",
        ],
        repeated: &["user_native_id", "error"],
        kept: &[("settled_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "event_archive",
        free: &["stream", "platform", "guild_native_id", "topic"],
        repeated: &["user_native_id", "envelope"],
        ..NOTHING
    },
    Table {
        name: "event_archive_streams",
        free: &["stream"],
        ..NOTHING
    },
    Table {
        name: "federation_bans",
        personal: &["reason"],
        kept: &[("banned_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "federations",
        free: &["platform"],
        kept: &[(
            "name",
            "of what several communities share: it stays for the others, as the names of communities do",
        )],
        ..NOTHING
    },
    Table {
        name: "guild_counts",
        free: &["platform", "guild_native_id", "measure", "word"],
        ..NOTHING
    },
    Table {
        name: "guild_modes",
        free: &["mode"],
        kept: &[("raised_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "guilds",
        free: &[
            "platform",
            "native_id",
            "title",
            "locale",
            "timezone",
            "settings",
            "bot_state",
            "capabilities",
        ],
        ..NOTHING
    },
    Table {
        name: "hooks",
        free: &["name", "topic", "secret"],
        ..NOTHING
    },
    Table {
        name: "idempotency_keys",
        free: &["caller", "route", "lease_by", "content_type"],
        kept: &[
            ("key", "of a program: it is forgotten with its answer"),
            ("answer", "repeats what was decided, until the key expires"),
        ],
        ..NOTHING
    },
    Table {
        name: "identities",
        free: &["platform"],
        personal: &["native_id", "username", "display_name"],
        repeated: &["username_folded"],
        kept: &[],
    },
    Table {
        name: "jobs",
        free: &["kind", "lease_by"],
        kept: &[
            ("key", "what a job is about; gone when it is done"),
            ("payload", "as `key`"),
            ("last_error", "as `key`"),
        ],
        ..NOTHING
    },
    Table {
        name: "labels",
        personal: &["name", "reason"],
        kept: &[("set_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "leases",
        free: &["name", "holder"],
        ..NOTHING
    },
    Table {
        name: "memberships",
        free: &["status"],
        personal: &["nick", "roles", "avatar", "invite_code"],
        repeated: &["names_folded"],
        ..NOTHING
    },
    Table {
        name: "message_edits",
        free: &["channel_native_id", "native_id"],
        personal: &["content"],
        ..NOTHING
    },
    Table {
        name: "message_evidence",
        free: &["channel_native_id", "native_id"],
        personal: &["content", "attachments", "earlier"],
        ..NOTHING
    },
    Table {
        name: "messages",
        free: &["channel_native_id", "native_id"],
        personal: &["content", "attachments", "features", "verdict"],
        ..NOTHING
    },
    Table {
        name: "notes",
        personal: &["body"],
        ..NOTHING
    },
    Table {
        name: "notification_wishes",
        personal: &["wishes"],
        ..NOTHING
    },
    Table {
        name: "notifications",
        free: &["level", "kind"],
        personal: &["title", "body"],
        repeated: &["link"],
        ..NOTHING
    },
    Table {
        name: "outbox",
        free: &["topic"],
        personal: &[],
        repeated: &["payload"],
        kept: &[("last_error", "what the bus said when it could not be reached")],
    },
    Table {
        name: "outbox_lanes",
        free: &["lease_by"],
        ..NOTHING
    },
    Table {
        name: "policies",
        free: &["name", "state"],
        ..NOTHING
    },
    Table {
        name: "policy_bindings",
        free: &["channel_native_id", "mode"],
        ..NOTHING
    },
    Table {
        name: "policy_versions",
        kept: &[
            (
                "body",
                "rules as their community wrote them; a case refers to them, and a version is never changed",
            ),
            ("author", "as `actor` in audit_log"),
            ("note", "why the rules were changed"),
        ],
        ..NOTHING
    },
    Table {
        name: "processed_events",
        free: &["consumer"],
        ..NOTHING
    },
    Table {
        name: "reports",
        free: &["channel_id", "message_id", "category", "state"],
        personal: &["body", "resolution"],
        kept: &[
            ("claimed_by", "as `actor` in audit_log"),
            ("resolved_by", "as `actor` in audit_log"),
        ],
        ..NOTHING
    },
    Table {
        name: "retention",
        free: &["kind"],
        ..NOTHING
    },
    Table {
        name: "role_bindings",
        free: &["subject_kind", "subject_id"],
        ..NOTHING
    },
    Table {
        name: "roles",
        free: &["name", "permissions"],
        ..NOTHING
    },
    Table {
        name: "rule_pauses",
        free: &["rule"],
        ..NOTHING
    },
    Table {
        name: "sanctions",
        free: &["kind", "state", "lease_by"],
        personal: &["last_error"],
        repeated: &[],
        kept: &[],
    },
    Table {
        name: "sessions",
        kept: &[
            (
                "address",
                "of a browser that is signed in: it is forgotten with the session",
            ),
            ("user_agent", "as `address`"),
        ],
        ..NOTHING
    },
    Table {
        name: "settings",
        free: &["scope", "key", "value"],
        ..NOTHING
    },
    Table {
        name: "spam_lessons",
        kept: &[("taught_by", "as `actor` in audit_log")],
        ..NOTHING
    },
    Table {
        name: "webhook_deliveries",
        free: &["topic", "state", "lease_by"],
        kept: &[
            (
                "payload",
                "what was sent to a program of the community; forgotten some days after it was sent",
            ),
            ("excerpt", "what that program answered; forgotten with it"),
        ],
        ..NOTHING
    },
    Table {
        name: "webhooks",
        free: &["url", "secret", "old_secret", "topics", "state", "disabled_why"],
        ..NOTHING
    },
];
