//! Who may do what in a chat.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What members may do; omitted ones are false, with the exceptions in [`Permissions::given`].
pub(super) const PERMISSIONS: [&str; 16] = [
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
];

/// What administrators may do.
pub(super) const RIGHTS: [&str; 16] = [
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_post_messages",
    "can_edit_messages",
    "can_pin_messages",
    "can_manage_topics",
    "can_manage_direct_messages",
    "can_manage_tags",
];

/// A set of permissions or rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(pub(super) BTreeSet<&'static str>);

/// What somebody is in a chat.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    Creator {
        anonymous: bool,
    },
    Administrator {
        rights: Permissions,
        anonymous: bool,
        /// Who made them one: only they and the creator may change it.
        by: i64,
    },
    Member,
    Restricted {
        permissions: Permissions,
        until: Option<DateTime<Utc>>,
        present: bool,
    },
    Left,
    Banned {
        until: Option<DateTime<Utc>>,
    },
}

// === impl Permissions ===

impl Permissions {
    /// All that a member can have.
    pub fn all() -> Self {
        Self(PERMISSIONS.into_iter().collect())
    }

    /// These of a member; unknown names are a mistake of the test.
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| known(&PERMISSIONS, name)).collect())
    }

    /// These of an administrator.
    pub fn rights(names: &[&str]) -> Self {
        Self(names.iter().map(|name| known(&RIGHTS, name)).collect())
    }

    /// What an administrator of a group usually has.
    pub fn administrator() -> Self {
        Self::rights(&[
            "can_manage_chat",
            "can_delete_messages",
            "can_restrict_members",
            "can_invite_users",
            "can_pin_messages",
            "can_manage_topics",
        ])
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// As `restrictChatMember` and `setChatPermissions` read them.
    pub(super) fn given(map: &Map<String, Value>, independent: bool) -> Result<Self, String> {
        let mut set = BTreeSet::new();
        for (name, value) in map {
            let known = PERMISSIONS.into_iter().find(|known| known == name);
            match (known, value.as_bool()) {
                (Some(known), Some(true)) => drop(set.insert(known)),
                (Some(_), Some(false)) => {}
                _ => return Err(format!("`{name}` is no permission of a member")),
            }
        }
        if !independent {
            if set.contains("can_send_other_messages") || set.contains("can_add_web_page_previews") {
                set.extend(&PERMISSIONS[..7]);
            }
            if set.contains("can_send_polls") {
                set.insert("can_send_messages");
            }
        }
        for (name, like) in [
            ("can_react_to_messages", "can_send_messages"),
            ("can_manage_topics", "can_pin_messages"),
            ("can_edit_tag", "can_pin_messages"),
        ] {
            if !map.contains_key(name) && set.contains(like) {
                set.insert(name);
            }
        }
        Ok(Self(set))
    }

    pub(super) fn json(&self, names: &[&str]) -> Map<String, Value> {
        let each = |name: &&str| ((*name).to_owned(), Value::from(self.has(name)));
        names.iter().map(each).collect()
    }
}

fn known(names: &[&'static str], name: &str) -> &'static str {
    let found = names.iter().find(|known| **known == name);
    found.unwrap_or_else(|| panic!("Telegram knows no `{name}`"))
}

// === impl Status ===

impl Status {
    /// An administrator with these rights, made by the creator.
    pub fn administrator(rights: Permissions) -> Self {
        Self::Administrator {
            rights,
            anonymous: false,
            by: 0,
        }
    }

    pub fn is_administrator(&self) -> bool {
        matches!(self, Self::Creator { .. } | Self::Administrator { .. })
    }

    pub fn is_present(&self) -> bool {
        match self {
            Self::Creator { .. } | Self::Administrator { .. } | Self::Member => true,
            Self::Restricted { present, .. } => *present,
            Self::Left | Self::Banned { .. } => false,
        }
    }

    pub fn is_banned(&self) -> bool {
        matches!(self, Self::Banned { .. })
    }

    /// Whether an administrator has this right; creators have all.
    pub fn has(&self, right: &str) -> bool {
        match self {
            Self::Creator { .. } => true,
            Self::Administrator { rights, .. } => rights.has(right),
            _ => false,
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        matches!(
            self,
            Self::Creator { anonymous: true } | Self::Administrator { anonymous: true, .. }
        )
    }

    /// What is left of it by now: timers that have run out are gone.
    pub(super) fn at(&self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Banned { until: Some(until) } if *until <= now => Self::Left,
            Self::Restricted {
                until: Some(until),
                present,
                ..
            } if *until <= now => {
                if *present {
                    Self::Member
                } else {
                    Self::Left
                }
            }
            other => other.clone(),
        }
    }

    /// As `ChatMember`, for `viewer`.
    pub(super) fn json(&self, user: &Value, viewer: i64) -> Value {
        let seconds = |until: &Option<DateTime<Utc>>| until.map_or(0, |until| until.timestamp());
        match self {
            Self::Creator { anonymous } => {
                json!({ "status": "creator", "user": user, "is_anonymous": anonymous })
            }
            Self::Administrator {
                rights,
                anonymous,
                by,
            } => {
                let mut map = rights.json(&RIGHTS);
                map.insert("status".into(), "administrator".into());
                map.insert("user".into(), user.clone());
                map.insert("is_anonymous".into(), (*anonymous).into());
                map.insert("can_be_edited".into(), (*by == viewer).into());
                Value::Object(map)
            }
            Self::Member => json!({ "status": "member", "user": user }),
            Self::Restricted {
                permissions,
                until,
                present,
            } => {
                let mut map = permissions.json(&PERMISSIONS);
                map.insert("status".into(), "restricted".into());
                map.insert("user".into(), user.clone());
                map.insert("is_member".into(), (*present).into());
                map.insert("until_date".into(), seconds(until).into());
                Value::Object(map)
            }
            Self::Left => json!({ "status": "left", "user": user }),
            Self::Banned { until } => {
                json!({ "status": "kicked", "user": user, "until_date": seconds(until) })
            }
        }
    }
}

/// What an `until_date` comes to: less than 30 seconds or more than 366 days ahead is for ever.
pub(super) fn until(date: Option<i64>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let until = DateTime::from_timestamp(date?, 0)?;
    let ahead = until - now;
    (ahead >= TimeDelta::seconds(30) && ahead <= TimeDelta::days(366)).then_some(until)
}
