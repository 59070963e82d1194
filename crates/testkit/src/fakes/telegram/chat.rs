//! Chats: what they are, who is in them, what was said.

use super::member::{PERMISSIONS, Permissions, Status};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How long a message can be deleted.
const DELETABLE: TimeDelta = TimeDelta::hours(48);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Private,
    Group,
    Supergroup,
    Channel,
}

pub(super) struct Chat {
    pub(super) id: i64,
    pub(super) kind: Kind,
    pub(super) title: String,
    pub(super) username: Option<String>,
    pub(super) forum: bool,
    /// The channel that is linked to a group, or the other way round.
    pub(super) linked: Option<i64>,
    /// What those may who are not restricted.
    pub(super) defaults: Permissions,
    pub(super) members: BTreeMap<i64, Status>,
    pub(super) banned_channels: BTreeSet<i64>,
    pub(super) messages: BTreeMap<i64, Posted>,
    pub(super) last_message: i64,
    /// Open topics of a forum by their threads; `false` is closed.
    pub(super) topics: BTreeMap<i64, bool>,
    /// Who waits to be let in, with the id of the query, if there is one.
    pub(super) requests: BTreeMap<i64, Option<String>>,
    pub(super) migrated_to: Option<i64>,
    /// In the order in which they were pinned.
    pub(super) pinned: Vec<i64>,
}

/// A message as it stands in a chat.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) json: Map<String, Value>,
    pub(super) at: DateTime<Utc>,
    pub(super) from: i64,
    pub(super) sender_chat: Option<i64>,
    /// By the person or channel that reacted.
    pub(super) reactions: BTreeMap<i64, Vec<String>>,
}

// === impl Chat ===

impl Chat {
    pub(super) fn new(id: i64, kind: Kind, title: &str) -> Self {
        Self {
            id,
            kind,
            title: title.to_owned(),
            username: None,
            forum: false,
            linked: None,
            defaults: Permissions::all(),
            members: BTreeMap::new(),
            banned_channels: BTreeSet::new(),
            messages: BTreeMap::new(),
            last_message: 0,
            topics: BTreeMap::new(),
            requests: BTreeMap::new(),
            migrated_to: None,
            pinned: Vec::new(),
        }
    }

    /// What somebody is here by now.
    pub(super) fn status(&self, user: i64, now: DateTime<Utc>) -> Status {
        self.members
            .get(&user)
            .map_or(Status::Left, |status| status.at(now))
    }

    /// Whether somebody may do this here by now: their own permissions and everybody's.
    pub(super) fn may(&self, user: i64, permission: &str, now: DateTime<Utc>) -> bool {
        match self.status(user, now) {
            Status::Creator { .. } | Status::Administrator { .. } => true,
            Status::Member => self.defaults.has(permission),
            Status::Restricted {
                permissions, present, ..
            } => present && permissions.has(permission) && self.defaults.has(permission),
            Status::Left | Status::Banned { .. } => false,
        }
    }

    /// As `Chat`.
    pub(super) fn json(&self) -> Value {
        let kind = match self.kind {
            Kind::Private => {
                return json!({ "id": self.id, "type": "private", "first_name": self.title });
            }
            Kind::Group => "group",
            Kind::Supergroup => "supergroup",
            Kind::Channel => "channel",
        };
        let mut json = json!({ "id": self.id, "type": kind, "title": self.title });
        if let Some(username) = &self.username {
            json["username"] = username.as_str().into();
        }
        if self.forum {
            json["is_forum"] = true.into();
        }
        json
    }

    /// As `ChatFullInfo`.
    pub(super) fn full_json(&self) -> Value {
        let mut json = self.json();
        json["accent_color_id"] = 0.into();
        json["max_reaction_count"] = 11.into();
        json["accepted_gift_types"] = json!({
            "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false, "premium_subscription": false,
            "gifts_from_channels": false,
        });
        if matches!(self.kind, Kind::Group | Kind::Supergroup) {
            json["permissions"] = Value::Object(self.defaults.json(&PERMISSIONS));
        }
        if let Some(linked) = self.linked {
            json["linked_chat_id"] = linked.into();
        }
        json
    }

    /// Everything that this person or channel said.
    pub(super) fn forget(&mut self, sender: i64) {
        self.messages
            .retain(|_, posted| posted.from != sender && posted.sender_chat != Some(sender));
    }
}

// === impl Posted ===

impl Posted {
    /// Whether Telegram lets it be deleted still.
    pub(super) fn is_deletable(&self, now: DateTime<Utc>) -> bool {
        now - self.at < DELETABLE && !self.json.contains_key("supergroup_chat_created")
    }
}
