//! What was given to people in a guild. It is read as a whole, for mostly it is nothing, and whoever asks for somebody's rights
//! waits for them.

use super::{Part, Permissions, Subject, SubjectKind};
use crate::accounts::AccountId;
use crate::dbx::query::row;
use crate::dbx::{Conn, sqls};
use crate::error::StoreError;
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use lockdown_events::{GuildId, Platform, UserId};

/// What was given in a guild, to people and to whoever has a role of its platform.
#[derive(Debug, Clone, Default)]
pub struct Given(Vec<To>);

/// Somebody, by whatever door they come: an account and the identities that are linked to it are one person, and a disabled
/// account closes all of them.
#[derive(Debug, Clone, Default)]
pub struct OnePerson {
    subjects: Vec<(SubjectKind, String)>,
    is_closed: bool,
}

row! {
    To {
        subject_kind: SubjectKind,
        subject_id: String,
        .. part: Part
    }
}

row! {
    Door {
        id: IdentityId,
        account_id: Option<AccountId>,
        disabled_at: Option<DateTime<Utc>>,
        linked_id: Option<IdentityId>,
    }
}

sqls! {
    GIVEN_IN = "SELECT b.subject_kind, b.subject_id, r.permissions, r.position FROM guilds g \
        JOIN roles r ON r.community_id = g.community_id \
        JOIN role_bindings b ON b.role_id = r.id AND (b.guild_id IS NULL OR b.guild_id = g.id) \
        WHERE g.platform = $1 AND g.native_id = $2 AND b.subject_kind <> 'token'";
    DOORS = "SELECT i.id, l.account_id, a.disabled_at, o.identity_id AS linked_id FROM identities i \
        LEFT JOIN account_identities l ON l.identity_id = i.id LEFT JOIN accounts a ON a.id = l.account_id \
        LEFT JOIN account_identities o ON o.account_id = l.account_id WHERE i.platform = $1 AND i.native_id = $2";
}

// === impl Conn ===

impl Conn {
    pub async fn given_in(&mut self, platform: Platform, guild: &GuildId) -> Result<Given, StoreError> {
        let query = self.query(&GIVEN_IN).bind(platform).bind(guild.as_str());
        Ok(Given(query.all().await?))
    }

    /// Who somebody is beside this identity. Somebody whom nobody has seen yet is nobody.
    pub async fn one_person(&mut self, platform: Platform, who: &UserId) -> Result<OnePerson, StoreError> {
        let doors: Vec<Door> = self.query(&DOORS).bind(platform).bind(who.as_str()).all().await?;
        let mut person = OnePerson::default();
        for door in doors {
            person.is_closed |= door.disabled_at.is_some();
            let linked = door.linked_id.map(Subject::Identity);
            let subjects = [
                Some(Subject::Identity(door.id)),
                door.account_id.map(Subject::Account),
                linked,
            ];
            let subjects = subjects.into_iter().flatten();
            person
                .subjects
                .extend(subjects.map(|subject| (subject.kind(), subject.id())));
        }
        Ok(person)
    }
}

// === impl Given ===

impl Given {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What somebody with these roles on the platform may do.
    pub fn to<'a>(&self, who: &OnePerson, roles: impl Iterator<Item = &'a str>) -> Permissions {
        let mut all = Permissions::default();
        if who.is_closed {
            return all;
        }
        let roles: Vec<_> = roles
            .map(|role| Subject::PlatformRole(role.to_owned()))
            .map(|subject| (subject.kind(), subject.id()))
            .collect();
        let held = |to: &&To| {
            let has = |subject: &(SubjectKind, String)| {
                (subject.0, &subject.1) == (to.subject_kind, &to.subject_id)
            };
            who.subjects.iter().chain(&roles).any(has)
        };
        self.0.iter().filter(held).for_each(|to| all.add(to.part.clone()));
        all
    }
}
