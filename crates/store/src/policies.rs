//! Rules: what they said at each time, and where they judge.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls, text_enum, text_scalars, uuid_ids};
use crate::error::StoreError;
use crate::guilds::{CommunityId, GuildKey};
use crate::people::storable;
use chrono::{DateTime, Utc};
use lockdown_events::{ChannelId, IdError};
use sha2::{Digest as _, Sha256};
use std::str::FromStr;

uuid_ids! {
    /// A file of rules, with all its versions.
    PolicyId;
}

text_enum! {
    PolicyState {
        Active = "active",
        /// It judges nothing, but still explains what it judged.
        Archived = "archived",
    }
}

text_enum! {
    /// What comes of a verdict.
    PolicyMode {
        Enforce = "enforce",
        /// It is written down and not carried out.
        Shadow = "shadow",
        Off = "off",
    }
}

/// Where a binding holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Guild,
    /// In the place of what holds for the guild.
    Channel(ChannelId),
}

row! {
    pub Policy {
        id: PolicyId,
        community_id: CommunityId,
        /// Unique in its community.
        name: String,
        /// The newest version; 0 before there is one.
        head_version: u64,
        state: PolicyState,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// What a policy said from some time on.
    pub PolicyVersion {
        policy_id: PolicyId,
        version: u64,
        /// The text as people wrote it.
        body: String,
        /// Of the text.
        sha256: Vec<u8>,
        /// An identity's own id, `token:<name>` or `system`.
        author: String,
        note: Option<String>,
        /// The earlier version whose text came back with this one.
        restores: Option<u64>,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// A version without its text, for lists.
    pub PolicyChange {
        version: u64,
        sha256: Vec<u8>,
        author: String,
        note: Option<String>,
        restores: Option<u64>,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// Where a policy judges, and how.
    pub PolicyBinding {
        guild_id: GuildKey,
        channel_native_id: Place,
        policy_id: PolicyId,
        /// Absent: the newest.
        version: Option<u64>,
        /// Judges beside it without acting.
        shadow_version: Option<u64>,
        mode: PolicyMode,
    }
}

row! {
    /// One version that judges in a guild. Its text is [`Conn::policy_version`]'s.
    pub InForce {
        channel_native_id: Place,
        policy_id: PolicyId,
        name: String,
        version: u64,
        mode: PolicyMode,
        sha256: Vec<u8>,
    }
}

/// Who changes a policy, and why.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// An identity's own id, `token:<name>` or `system`.
    pub author: &'a str,
    pub note: Option<&'a str>,
    /// The newest version that the author has seen; 0 where there was none.
    pub seen: u64,
    pub at: DateTime<Utc>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The newest version now.
    To(u64),
    /// Nothing was changed: this newer one came between.
    Stale { head: u64 },
    /// There is no such policy, or no such version to go back to.
    Unknown,
}

sqls! {
    INSERT = "INSERT INTO policies (id, community_id, name, head_version, state, created_at) \
        VALUES ($1, $2, $3, 0, $4, $5)";
    FIND = "SELECT id, community_id, name, head_version, state, created_at FROM policies WHERE id = $1";
    BY_NAME = "SELECT id, community_id, name, head_version, state, created_at FROM policies \
        WHERE community_id = $1 AND name = $2";
    OF_COMMUNITY = "SELECT id, community_id, name, head_version, state, created_at FROM policies \
        WHERE community_id = $1 ORDER BY name";
    SET_STATE = "UPDATE policies SET state = $2 WHERE id = $1 AND state <> $2";
    // Holds the policy until the end of the transaction: of two who saw the same version, the second finds another.
    ADVANCE = "UPDATE policies SET head_version = head_version + 1 WHERE id = $1 AND head_version = $2 \
        RETURNING head_version";
    HEAD = "SELECT head_version FROM policies WHERE id = $1";
    INSERT_VERSION = "INSERT INTO policy_versions \
            (policy_id, version, body, sha256, author, note, restores, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    VERSION = "SELECT policy_id, version, body, sha256, author, note, restores, created_at FROM policy_versions \
        WHERE policy_id = $1 AND version = $2";
    BY_HASH = "SELECT policy_id, version, body, sha256, author, note, restores, created_at FROM policy_versions \
        WHERE policy_id = $1 AND sha256 = $2 ORDER BY version DESC LIMIT 1";
    CHANGES = "SELECT version, sha256, author, note, restores, created_at FROM policy_versions \
        WHERE policy_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
    BIND = "INSERT INTO policy_bindings (guild_id, channel_native_id, policy_id, version, shadow_version, mode) \
        VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (guild_id, channel_native_id, policy_id) DO UPDATE SET version = excluded.version, \
            shadow_version = excluded.shadow_version, mode = excluded.mode";
    UNBIND = "DELETE FROM policy_bindings WHERE guild_id = $1 AND channel_native_id = $2 AND policy_id = $3";
    BINDINGS = "SELECT guild_id, channel_native_id, policy_id, version, shadow_version, mode FROM policy_bindings \
        WHERE guild_id = $1 ORDER BY channel_native_id, policy_id";
    BOUND_GUILDS = "SELECT DISTINCT guild_id FROM policy_bindings WHERE policy_id = $1 ORDER BY guild_id";
    IN_FORCE = "SELECT b.channel_native_id AS channel_native_id, b.policy_id, p.name AS name, \
                v.version AS version, b.mode AS mode, v.sha256 \
            FROM policy_bindings b JOIN policies p ON p.id = b.policy_id \
            JOIN policy_versions v ON v.policy_id = b.policy_id AND v.version = COALESCE(b.version, p.head_version) \
            WHERE b.guild_id = $1 AND p.state = 'active' \
        UNION ALL SELECT b.channel_native_id, b.policy_id, p.name, v.version, 'shadow' AS mode, v.sha256 \
            FROM policy_bindings b JOIN policies p ON p.id = b.policy_id \
            JOIN policy_versions v ON v.policy_id = b.policy_id AND v.version = b.shadow_version \
            WHERE b.guild_id = $1 AND p.state = 'active' AND b.mode <> 'off' \
        ORDER BY channel_native_id, name, mode, version";
}

row! {
    BoundGuild {
        guild_id: GuildKey,
    }
}

// === impl Place ===

impl Place {
    /// As the column has it: empty for the whole guild, since what is part of a key cannot be absent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Guild => "",
            Self::Channel(id) => id.as_str(),
        }
    }
}

impl FromStr for Place {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Ok(match text {
            "" => Self::Guild,
            id => Self::Channel(ChannelId::new(id)?),
        })
    }
}

text_scalars!(Place);

// === impl Conn ===

impl Conn {
    pub async fn policy(&mut self, id: PolicyId) -> Result<Option<Policy>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    pub async fn policy_by_name(
        &mut self,
        community: CommunityId,
        name: &str,
    ) -> Result<Option<Policy>, StoreError> {
        self.query(&BY_NAME).bind(community).bind(name).optional().await
    }

    /// Archived ones too, by name.
    pub async fn policies(&mut self, community: CommunityId) -> Result<Vec<Policy>, StoreError> {
        self.query(&OF_COMMUNITY).bind(community).all().await
    }

    pub async fn policy_version(
        &mut self,
        policy: PolicyId,
        version: u64,
    ) -> Result<Option<PolicyVersion>, StoreError> {
        // A number that no row can have is the number of no version.
        if i64::try_from(version).is_err() {
            return Ok(None);
        }
        self.query(&VERSION).bind(policy).bind(version).optional().await
    }

    /// The newest version with the text that has this hash.
    pub async fn policy_version_by_hash(
        &mut self,
        policy: PolicyId,
        sha256: &[u8],
    ) -> Result<Option<PolicyVersion>, StoreError> {
        self.query(&BY_HASH).bind(policy).bind(sha256).optional().await
    }

    /// A page, newest first: those before a version, or the first ones.
    pub async fn policy_changes(
        &mut self,
        policy: PolicyId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<PolicyChange>, StoreError> {
        let before = before.and_then(|version| i64::try_from(version).ok());
        self.query(&CHANGES)
            .bind(policy)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .all()
            .await
    }

    pub async fn policy_bindings(&mut self, guild: GuildKey) -> Result<Vec<PolicyBinding>, StoreError> {
        self.query(&BINDINGS).bind(guild).all().await
    }

    /// Who must load a policy anew when it changes.
    pub async fn guilds_bound_to(&mut self, policy: PolicyId) -> Result<Vec<GuildKey>, StoreError> {
        let bound: Vec<BoundGuild> = self.query(&BOUND_GUILDS).bind(policy).all().await?;
        Ok(bound.into_iter().map(|row| row.guild_id).collect())
    }

    /// What judges in a guild: of each binding its version, and the one that judges in its shadow. Those that are off in
    /// a channel are among them, since they stand in the place of the guild's.
    pub async fn policies_in_force(&mut self, guild: GuildKey) -> Result<Vec<InForce>, StoreError> {
        self.query(&IN_FORCE).bind(guild).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a policy, which says nothing until it gets its first version.
    pub async fn insert_policy(&mut self, policy: &Policy) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT)
            .bind(policy.id)
            .bind(policy.community_id)
            .bind(storable(&policy.name))
            .bind(policy.state)
            .bind(policy.created_at);
        query.execute().await.map(drop)
    }

    /// `false` when it is in that state already, or unknown.
    pub async fn set_policy_state(&mut self, id: PolicyId, state: PolicyState) -> Result<bool, StoreError> {
        Ok(self.query(&SET_STATE).bind(id).bind(state).execute().await? == 1)
    }

    /// Gives a policy a new text, unless somebody else did since its author looked.
    pub async fn change_policy(
        &mut self,
        id: PolicyId,
        body: &str,
        change: &Change<'_>,
    ) -> Result<Changed, StoreError> {
        self.add_version(id, body, None, change).await
    }

    /// Gives a policy the text of an earlier version, as its newest one.
    pub async fn restore_policy(
        &mut self,
        id: PolicyId,
        version: u64,
        change: &Change<'_>,
    ) -> Result<Changed, StoreError> {
        match self.policy_version(id, version).await? {
            Some(old) => self.add_version(id, &old.body, Some(version), change).await,
            None => Ok(Changed::Unknown),
        }
    }

    async fn add_version(
        &mut self,
        id: PolicyId,
        body: &str,
        restores: Option<u64>,
        change: &Change<'_>,
    ) -> Result<Changed, StoreError> {
        let advance = self.query(&ADVANCE).bind(id).bind(change.seen);
        let Some(version) = advance.value::<u64>("head_version").await? else {
            let head = self.query(&HEAD).bind(id).value("head_version").await?;
            return Ok(head.map_or(Changed::Unknown, |head| Changed::Stale { head }));
        };
        let body = storable(body);
        let hash = Sha256::digest(&body);
        let query = self
            .query(&INSERT_VERSION)
            .bind(id)
            .bind(version)
            .bind(body.as_str())
            .bind(&hash[..])
            .bind(storable(change.author))
            .bind(change.note.map(storable))
            .bind(restores)
            .bind(change.at);
        query.execute().await?;
        Ok(Changed::To(version))
    }

    /// Adds a binding, or changes the one that is there.
    pub async fn bind_policy(&mut self, binding: &PolicyBinding) -> Result<(), StoreError> {
        let query = self
            .query(&BIND)
            .bind(binding.guild_id)
            .bind(binding.channel_native_id.clone())
            .bind(binding.policy_id)
            .bind(binding.version)
            .bind(binding.shadow_version)
            .bind(binding.mode);
        query.execute().await.map(drop)
    }

    /// `false` when it was not bound there.
    pub async fn unbind_policy(
        &mut self,
        guild: GuildKey,
        place: &Place,
        policy: PolicyId,
    ) -> Result<bool, StoreError> {
        let query = self.query(&UNBIND).bind(guild).bind(place.clone()).bind(policy);
        Ok(query.execute().await? == 1)
    }
}
