//! Roles, who has them, and what that lets them do.
//!
//! Permissions are words. What they mean, and which there are, is known to whoever lets them in: here they are kept.

mod given;

pub(crate) use given::TEXTS as GIVEN_TEXTS;
pub use given::{Given, OnePerson};

use crate::accounts::AccountId;
use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, text_enum, uuid_ids};
use crate::error::StoreError;
use crate::guilds::{CommunityId, GuildKey};
use crate::people::{IdentityId, storable};
use crate::tokens::{TokenId, TokenState};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

uuid_ids! {
    RoleId;
}

text_enum! {
    /// What a role is given to.
    SubjectKind {
        Account = "account",
        Identity = "identity",
        /// Whoever has this role on the platform.
        PlatformRole = "platform_role",
        Token = "token",
    }
}

/// What a role is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Account(AccountId),
    Identity(IdentityId),
    /// What the platform calls its role. It means something in one guild only.
    PlatformRole(String),
    Token(TokenId),
}

/// What somebody may do in a guild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    pub words: BTreeSet<String>,
    /// Of the highest role; 0 stands nowhere.
    pub position: u64,
}

row! {
    pub Role {
        id: RoleId,
        community_id: CommunityId,
        name: String,
        permissions: Json<BTreeSet<String>>,
        /// Higher stands above.
        position: u64,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// That somebody has a role.
    pub Binding {
        role_id: RoleId,
        subject_kind: SubjectKind,
        subject_id: String,
        /// Absent: in every guild of the role's community.
        guild_id: Option<GuildKey>,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// A role that somebody has, and where.
    pub Held {
        community_id: CommunityId,
        /// Absent: in every guild of the community.
        guild_id: Option<GuildKey>,
        name: String,
        permissions: Json<BTreeSet<String>>,
        position: u64,
    }
}

row! {
    /// What a role lets its holder do.
    Part {
        permissions: Json<BTreeSet<String>>,
        position: u64,
    }
}

/// What subjects were given by name.
macro_rules! given {
    ($subjects:literal) => {
        concat!(
            "SELECT r.community_id, b.guild_id, r.name, r.permissions, r.position \
             FROM role_bindings b JOIN roles r ON r.id = b.role_id WHERE (b.subject_kind, b.subject_id) IN (",
            $subjects,
            ")"
        )
    };
}

/// What the platform's roles of an account's identities give, by the last that the platform told of them.
macro_rules! by_platform {
    ($has:literal) => {
        concat!(
            "SELECT r.community_id, b.guild_id, r.name, r.permissions, r.position FROM account_identities l \
             JOIN memberships m ON m.identity_id = l.identity_id AND m.status = 'member' \
             JOIN role_bindings b ON b.guild_id = m.guild_id AND b.subject_kind = 'platform_role' \
             JOIN roles r ON r.id = b.role_id WHERE l.account_id = $1 AND ",
            $has
        )
    };
}

sqls! {
    INSERT = "INSERT INTO roles (id, community_id, name, permissions, position, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (community_id, name) DO NOTHING";
    SAVE = "UPDATE roles SET permissions = $2, position = $3 WHERE id = $1";
    OF_COMMUNITY = "SELECT id, community_id, name, permissions, position, created_at FROM roles \
        WHERE community_id = $1 ORDER BY position DESC, name";
    UNBIND_ALL = "DELETE FROM role_bindings WHERE role_id = $1";
    DELETE = "DELETE FROM roles WHERE id = $1";
    BELONGS = "SELECT g.id FROM guilds g JOIN roles r ON r.community_id = g.community_id \
        WHERE r.id = $1 AND g.id = $2";
    BIND = "INSERT INTO role_bindings (role_id, subject_kind, subject_id, guild_id, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    UNBIND = "DELETE FROM role_bindings \
        WHERE role_id = $1 AND subject_kind = $2 AND subject_id = $3 AND guild_id = $4";
    UNBIND_EVERYWHERE = "DELETE FROM role_bindings \
        WHERE role_id = $1 AND subject_kind = $2 AND subject_id = $3 AND guild_id IS NULL";
    BINDINGS = "SELECT role_id, subject_kind, subject_id, guild_id, created_at FROM role_bindings \
        WHERE role_id = $1 ORDER BY subject_kind, subject_id, created_at";
    BY_NAME = "SELECT id, community_id, name, permissions, position, created_at FROM roles \
        WHERE community_id = $1 AND name = $2";
    GIVEN =>
        given!("SELECT e.value ->> 0, e.value ->> 1 FROM jsonb_array_elements($1) e"),
        given!("SELECT json_extract(e.value, '$[0]'), json_extract(e.value, '$[1]') FROM json_each($1) e");
    BY_PLATFORM =>
        by_platform!("m.roles @> to_jsonb(b.subject_id)"),
        by_platform!("EXISTS (SELECT 1 FROM json_each(m.roles) e WHERE e.value = b.subject_id)");
    OF_TOKEN = "SELECT r.permissions, r.position FROM role_bindings b JOIN roles r ON r.id = b.role_id \
        JOIN guilds g ON g.id = $1 AND g.community_id = r.community_id \
        WHERE (b.guild_id IS NULL OR b.guild_id = g.id) AND b.subject_kind = 'token' AND b.subject_id = $2";
}

// === impl Subject ===

impl Subject {
    fn kind(&self) -> SubjectKind {
        match self {
            Self::Account(_) => SubjectKind::Account,
            Self::Identity(_) => SubjectKind::Identity,
            Self::PlatformRole(_) => SubjectKind::PlatformRole,
            Self::Token(_) => SubjectKind::Token,
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::Identity(id) => id.to_string(),
            Self::PlatformRole(name) => storable(name),
            Self::Token(id) => id.to_string(),
        }
    }
}

// === impl Conn ===

impl Conn {
    /// The highest first.
    pub async fn roles(&mut self, community: CommunityId) -> Result<Vec<Role>, StoreError> {
        self.query(&OF_COMMUNITY).bind(community).all().await
    }

    pub async fn role_by_name(
        &mut self,
        community: CommunityId,
        name: &str,
    ) -> Result<Option<Role>, StoreError> {
        self.query(&BY_NAME)
            .bind(community)
            .bind(storable(name))
            .optional()
            .await
    }

    /// Every role that an account has, by itself, by the identities that are linked to it, and by their roles on the
    /// platforms.
    pub async fn roles_of_account(
        &mut self,
        account: AccountId,
        identities: &[IdentityId],
    ) -> Result<Vec<Held>, StoreError> {
        let own = identities.iter().copied().map(Subject::Identity);
        let subjects: Vec<[String; 2]> = own
            .chain([Subject::Account(account)])
            .map(|subject| [subject.kind().as_str().to_owned(), subject.id()])
            .collect();
        let mut held: Vec<Held> = self.query(&GIVEN).bind(Json(subjects)).all().await?;
        held.extend(self.query(&BY_PLATFORM).bind(account).all::<Held>().await?);
        Ok(held)
    }

    /// Who has a role.
    pub async fn role_bindings(&mut self, role: RoleId) -> Result<Vec<Binding>, StoreError> {
        self.query(&BINDINGS).bind(role).all().await
    }

    /// What a token may do in a guild: its scopes in its community, and what it was given beside them; one that is over has
    /// nothing.
    pub async fn token_permissions(
        &mut self,
        guild: GuildKey,
        token: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Permissions, StoreError> {
        let mut all = Permissions::default();
        let Some(token) = self.token(token).await? else {
            return Ok(all);
        };
        let Some(guild) = self.guild_by_key(guild).await? else {
            return Ok(all);
        };
        let elsewhere = token
            .community_id
            .is_some_and(|community| community != guild.community_id);
        if elsewhere || token.state(now) != TokenState::Live {
            return Ok(all);
        }
        all.words = token.scopes.0;
        let subject = Subject::Token(token.id);
        let held: Vec<Part> = self
            .query(&OF_TOKEN)
            .bind(guild.id)
            .bind(subject.id())
            .all()
            .await?;
        held.into_iter().for_each(|role| all.add(role));
        Ok(all)
    }
}

// === impl Permissions ===

impl Permissions {
    fn add(&mut self, role: Part) {
        self.position = self.position.max(role.position);
        self.words.extend(role.permissions.0);
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a role; `false` when the community has one of this name.
    pub async fn insert_role(&mut self, role: &Role) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(role.id)
            .bind(role.community_id)
            .bind(storable(&role.name))
            .bind(role.permissions.clone())
            .bind(role.position)
            .bind(role.created_at);
        Ok(query.execute().await? == 1)
    }

    /// Changes what a role holds and where it stands; `false` when there is none like this.
    pub async fn save_role(
        &mut self,
        id: RoleId,
        permissions: &BTreeSet<String>,
        position: u64,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&SAVE)
            .bind(id)
            .bind(Json(permissions.clone()))
            .bind(position);
        Ok(query.execute().await? == 1)
    }

    /// Removes a role from everybody who has it, and itself.
    pub async fn delete_role(&mut self, id: RoleId) -> Result<bool, StoreError> {
        self.query(&UNBIND_ALL).bind(id).execute().await?;
        Ok(self.query(&DELETE).bind(id).execute().await? == 1)
    }

    /// Gives a role in one guild, or in all of its community; `false` when they have it there already. The guild must be
    /// of the role's community.
    pub async fn bind_role(
        &mut self,
        role: RoleId,
        subject: &Subject,
        guild: Option<GuildKey>,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if let Some(guild) = guild {
            let belongs: Option<GuildKey> = self.query(&BELONGS).bind(role).bind(guild).value("id").await?;
            if belongs.is_none() {
                return Err(StoreError::Missing {
                    statement: BELONGS.name,
                });
            }
        }
        let query = self
            .query(&BIND)
            .bind(role)
            .bind(subject.kind())
            .bind(subject.id())
            .bind(guild)
            .bind(at);
        Ok(query.execute().await? == 1)
    }

    /// Takes back what [`Tx::bind_role`] gave with the same words; `false` when that was not given.
    pub async fn unbind_role(
        &mut self,
        role: RoleId,
        subject: &Subject,
        guild: Option<GuildKey>,
    ) -> Result<bool, StoreError> {
        let sql = if guild.is_some() {
            &UNBIND
        } else {
            &UNBIND_EVERYWHERE
        };
        let query = self.query(sql).bind(role).bind(subject.kind()).bind(subject.id());
        let query = match guild {
            Some(guild) => query.bind(guild),
            None => query,
        };
        Ok(query.execute().await? == 1)
    }
}
