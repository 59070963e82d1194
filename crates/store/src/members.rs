//! Members: who is in a guild, as the platform last showed them.

use crate::cases::escaped;
use crate::dbx::batch::{micros, moment};
use crate::dbx::query::row;
use crate::dbx::{Conn, Filter, Json, Tx, sqls, text_enum};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::people::{IdentityId, folded, storable};
use chrono::{DateTime, Utc};
use lockdown_events::{RoleId, UserId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

text_enum! {
    /// How somebody stands to a guild.
    MemberStatus {
        /// They asked to be let in.
        Pending = "pending",
        Member = "member",
        Left = "left",
        Kicked = "kicked",
        Banned = "banned",
    }
}

row! {
    /// An account in a guild.
    pub Member {
        guild_id: GuildKey,
        identity_id: IdentityId,
        native_id: UserId,
        username: Option<String>,
        display_name: Option<String>,
        is_bot: bool,
        status: MemberStatus,
        /// When the platform last told of a coming or going.
        status_at: Option<DateTime<Utc>>,
        /// The name in this guild alone.
        nick: Option<String>,
        roles: Json<Vec<RoleId>>,
        /// A fingerprint of the picture.
        avatar: Option<String>,
        profile_at: Option<DateTime<Utc>>,
        /// Absent where the platform did not tell.
        joined_at: Option<DateTime<Utc>>,
        invite_code: Option<String>,
        inviter_id: Option<IdentityId>,
        left_at: Option<DateTime<Utc>>,
        last_seen: DateTime<Utc>,
    }
}

/// What the platform tells of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Asks,
    Joined {
        invite_code: Option<String>,
        inviter: Option<IdentityId>,
    },
    /// By themselves, or as an answer to what was decided, of which the platform may tell twice, with other words.
    Gone(Parting),
    Profile(Profile),
}

/// How somebody went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    Left,
    Kicked,
    Banned,
}

/// What is told of somebody's looks. What is absent leaves what was known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// `Some(None)`: the name in this guild was taken away.
    pub nick: Option<Option<String>>,
    pub roles: Option<Vec<RoleId>>,
    pub avatar: Option<String>,
}

/// Which members of a guild; an absent member takes all.
#[derive(Debug, Clone, Default)]
pub struct MemberQuery {
    /// A part of any of their names, in any case of letters.
    pub text: Option<String>,
    pub status: Option<MemberStatus>,
    /// Where the last page ended: the account of its last member.
    pub before: Option<IdentityId>,
}

macro_rules! columns {
    ($tail:literal) => {
        concat!(
            "SELECT m.guild_id, m.identity_id, i.native_id, i.username, i.display_name, i.is_bot, m.status, \
                 m.status_at, m.nick, m.roles, m.avatar, m.profile_at, m.joined_at, m.invite_code, m.inviter_id, \
                 m.left_at, m.last_seen \
             FROM memberships m JOIN identities i ON i.id = m.identity_id",
            $tail
        )
    };
}

/// For [`Filter`], which adds the conditions.
const SELECT: &str = columns!("");

sqls! {
    FIND = columns!(" WHERE m.guild_id = $1 AND m.identity_id = $2");
    LOCK =>
        columns!(" WHERE m.guild_id = $1 AND m.identity_id = $2 FOR NO KEY UPDATE OF m"),
        columns!(" WHERE m.guild_id = $1 AND m.identity_id = $2");
    GUILDS_OF = columns!(" WHERE m.identity_id = $1 ORDER BY m.guild_id");
    JOINED = columns!(" WHERE m.guild_id = $1 AND m.joined_at >= $2 AND m.joined_at < $3 \
        ORDER BY m.joined_at, m.identity_id LIMIT $4");
    ADD = "INSERT INTO memberships (guild_id, identity_id, status, names_folded, roles, last_seen) \
        SELECT $1, i.id, 'member', COALESCE(i.username_folded, ''), $4, $3 FROM identities i WHERE i.id = $2 \
        ON CONFLICT (guild_id, identity_id) DO NOTHING";
    SAVE = "UPDATE memberships SET status = $3, status_at = $4, nick = $5, names_folded = $6, roles = $7, avatar = $8, \
            profile_at = $9, joined_at = $10, invite_code = $11, inviter_id = $12, left_at = $13, last_seen = $14 \
        WHERE guild_id = $1 AND identity_id = $2";
    SEEN =>
        concat!(
            "INSERT INTO memberships (guild_id, identity_id, status, names_folded, roles, last_seen) \
             SELECT r.guild_id, i.id, 'member', COALESCE(i.username_folded, ''), CAST('[]' AS JSONB), ",
            moment!("r.at"),
            " FROM jsonb_to_recordset($1) AS r (guild_id UUID, identity_id UUID, at BIGINT) \
                 JOIN identities i ON i.id = r.identity_id ORDER BY r.guild_id, i.id \
             ON CONFLICT (guild_id, identity_id) DO UPDATE SET last_seen = excluded.last_seen \
                 WHERE memberships.last_seen < excluded.last_seen"
        ),
        "INSERT INTO memberships (guild_id, identity_id, status, names_folded, roles, last_seen) \
         SELECT unhex(value ->> 'guild_id', '-'), i.id, 'member', COALESCE(i.username_folded, ''), '[]', value ->> 'at' \
             FROM json_each($1) JOIN identities i ON i.id = unhex(value ->> 'identity_id', '-') WHERE TRUE \
         ON CONFLICT (guild_id, identity_id) DO UPDATE SET last_seen = excluded.last_seen \
             WHERE memberships.last_seen < excluded.last_seen";
    FORGET = "DELETE FROM memberships WHERE guild_id = $1 AND identity_id IN (SELECT identity_id FROM memberships \
        WHERE guild_id = $1 AND left_at IS NOT NULL AND left_at < $2 ORDER BY left_at LIMIT $3)";
}

// === impl Conn ===

impl Conn {
    /// Also somebody who is gone by now.
    pub async fn member(
        &mut self,
        guild: GuildKey,
        identity: IdentityId,
    ) -> Result<Option<Member>, StoreError> {
        self.query(&FIND).bind(guild).bind(identity).optional().await
    }

    /// Every guild that an account was seen in.
    pub async fn memberships_of(&mut self, identity: IdentityId) -> Result<Vec<Member>, StoreError> {
        self.query(&GUILDS_OF).bind(identity).all().await
    }

    /// A page, those first who became known last.
    pub async fn members(
        &mut self,
        guild: GuildKey,
        query: &MemberQuery,
        limit: u64,
    ) -> Result<Vec<Member>, StoreError> {
        let text = query.text.as_deref();
        let pattern = text.map(|text| format!("%{}%", escaped(&folded(&storable(text)))));
        let filter = Filter::new(self, "members::page", SELECT)
            .and("m.guild_id = ?", guild)
            .and_if("m.identity_id < ?", query.before)
            .and_if("m.status = ?", query.status)
            .and_if(r"m.names_folded LIKE ? ESCAPE '\'", pattern)
            .ending("ORDER BY m.identity_id DESC LIMIT ?", limit);
        self.filtered(filter).all().await
    }

    /// Who came from a time on and before another, in that order, at most `limit`: those who are still there and those
    /// who are gone.
    pub async fn joined_between(
        &mut self,
        guild: GuildKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Member>, StoreError> {
        self.query(&JOINED)
            .bind(guild)
            .bind(from)
            .bind(to)
            .bind(limit)
            .all()
            .await
    }
}

// === impl Tx ===

impl Tx {
    /// Notes what the platform told at a time; answers what is known now, `None` for the going of somebody who was never
    /// seen there. What is older than what is known changes nothing.
    pub async fn note_member(
        &mut self,
        guild: GuildKey,
        identity: IdentityId,
        at: DateTime<Utc>,
        news: &News,
    ) -> Result<Option<Member>, StoreError> {
        if !matches!(news, News::Gone(_)) {
            let add = self.query(&ADD).bind(guild).bind(identity).bind(at);
            add.bind(Json(Vec::<RoleId>::new())).execute().await?;
        }
        let known: Option<Member> = self.query(&LOCK).bind(guild).bind(identity).optional().await?;
        let Some(mut member) = known else { return Ok(None) };
        if !member.note(at, news) {
            return Ok(Some(member));
        }
        let names: Vec<String> = [&member.username, &member.display_name, &member.nick]
            .into_iter()
            .flatten()
            .map(|name| folded(name))
            .collect();
        let query = self
            .query(&SAVE)
            .bind(guild)
            .bind(identity)
            .bind(member.status)
            .bind(member.status_at)
            .bind(member.nick.as_deref())
            // A line for each, so that nothing is found across two names.
            .bind(names.join("\n"))
            .bind(member.roles.clone())
            .bind(member.avatar.as_deref())
            .bind(member.profile_at)
            .bind(member.joined_at)
            .bind(member.invite_code.as_deref())
            .bind(member.inviter_id)
            .bind(member.left_at)
            .bind(member.last_seen);
        query.execute().await?;
        Ok(Some(member))
    }

    /// Notes that accounts were there at a time. Accounts that are not known are passed over.
    pub async fn members_seen(
        &mut self,
        seen: &[(GuildKey, IdentityId, DateTime<Utc>)],
    ) -> Result<(), StoreError> {
        let mut latest = BTreeMap::new();
        for (guild, identity, at) in seen {
            let last = latest.entry((*guild, *identity)).or_insert(*at);
            *last = (*last).max(*at);
        }
        let row = |((guild, identity), at): ((GuildKey, IdentityId), DateTime<Utc>)| -> Value {
            json!({ "guild_id": guild.0, "identity_id": identity.0, "at": micros(at) })
        };
        let rows: Vec<Value> = latest.into_iter().map(row).collect();
        self.query(&SEEN).bind(Json(rows)).execute().await.map(drop)
    }

    /// Removes some of those who left a guild before a time; says how many.
    pub async fn forget_members(
        &mut self,
        guild: GuildKey,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.query(&FORGET)
            .bind(guild)
            .bind(before)
            .bind(limit)
            .execute()
            .await
    }
}

// === impl Member ===

impl Member {
    /// `false` when it is no news.
    fn note(&mut self, at: DateTime<Utc>, news: &News) -> bool {
        let known = match news {
            News::Profile(_) => self.profile_at,
            News::Asks | News::Joined { .. } | News::Gone(_) => self.status_at,
        };
        if known.is_some_and(|known| known > at) {
            return false;
        }
        match news {
            News::Asks => self.is(MemberStatus::Pending, at),
            News::Joined { invite_code, inviter } => {
                self.is(MemberStatus::Member, at);
                self.joined_at = Some(at);
                self.left_at = None;
                self.invite_code = invite_code.as_deref().map(storable);
                self.inviter_id = *inviter;
            }
            News::Gone(parting) => {
                let put_out = matches!(self.status, MemberStatus::Kicked | MemberStatus::Banned);
                // Whoever is put out also leaves: that they did is no news.
                if *parting == Parting::Left && put_out {
                    return false;
                }
                self.is(parting.status(), at);
                self.left_at = self.left_at.or(Some(at));
                return true;
            }
            News::Profile(profile) => {
                self.profile_at = Some(at);
                if let Some(nick) = &profile.nick {
                    self.nick = nick.as_deref().map(storable);
                }
                if let Some(roles) = &profile.roles {
                    self.roles = Json(roles.clone());
                }
                if let Some(avatar) = &profile.avatar {
                    self.avatar = Some(storable(avatar));
                }
            }
        }
        self.last_seen = self.last_seen.max(at);
        true
    }

    fn is(&mut self, status: MemberStatus, at: DateTime<Utc>) {
        self.status = status;
        self.status_at = Some(at);
    }
}

// === impl Parting ===

impl Parting {
    fn status(self) -> MemberStatus {
        match self {
            Self::Left => MemberStatus::Left,
            Self::Kicked => MemberStatus::Kicked,
            Self::Banned => MemberStatus::Banned,
        }
    }
}
