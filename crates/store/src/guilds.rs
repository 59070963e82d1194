//! Communities, and the guilds they are made of.

use crate::audit::Head;
use crate::dbx::query::row;
use crate::dbx::{Conn, FromRow as _, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::people::IdentityId;
use chrono::{DateTime, Utc};
use lockdown_events::{GuildId, Platform, UserId};
use serde_json::Value;

uuid_ids! {
    /// A community: what shares its rules, bans and cases.
    CommunityId;
    /// A guild's row. The platform's own id is [`GuildId`].
    GuildKey;
}

row! {
    pub Community {
        id: CommunityId,
        /// Its name in addresses.
        slug: String,
        name: String,
        settings: Json<Value>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        deleted_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A Discord guild or a Telegram chat.
    pub Guild {
        id: GuildKey,
        community_id: CommunityId,
        platform: Platform,
        native_id: GuildId,
        title: String,
        joined_at: DateTime<Utc>,
        left_at: Option<DateTime<Utc>>,
    }
}

sqls! {
    INSERT_COMMUNITY = "INSERT INTO communities (id, slug, name, settings, created_at, updated_at, deleted_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    COMMUNITY = "SELECT id, slug, name, settings, created_at, updated_at, deleted_at FROM communities WHERE id = $1";
    BY_SLUG = "SELECT id, slug, name, settings, created_at, updated_at, deleted_at FROM communities WHERE slug = $1";
    SET_SETTINGS = "UPDATE communities SET settings = $2, updated_at = $3 WHERE id = $1 AND updated_at = $4";
    // One that returns keeps its history: its row, its numbers and its chain.
    UPSERT_GUILD = "INSERT INTO guilds \
            (id, community_id, platform, native_id, title, joined_at, left_at, last_case, audit_seq, audit_head) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8) \
        ON CONFLICT (platform, native_id) DO UPDATE SET title = excluded.title, left_at = excluded.left_at \
        RETURNING id, community_id, platform, native_id, title, joined_at, left_at";
    // Where the new one is known already, what belongs to the old one stays with it.
    MOVE_GUILD = "UPDATE guilds SET native_id = $3 WHERE platform = $1 AND native_id = $2 \
        AND NOT EXISTS (SELECT 1 FROM guilds g WHERE g.platform = $1 AND g.native_id = $3)";
    // Unless all that is known of the new one is that it is there: something was said in it before its move was told.
    SET_ASIDE = "UPDATE guilds SET native_id = '~' || $3 WHERE platform = $1 AND native_id = $3 \
        AND last_case = 0 AND left_at IS NULL \
        AND EXISTS (SELECT 1 FROM guilds g WHERE g.platform = $1 AND g.native_id = $2 AND g.left_at IS NULL)";
    PUT_BACK = "UPDATE guilds SET native_id = $2, left_at = joined_at WHERE platform = $1 AND native_id = '~' || $3";
    GUILD = "SELECT id, community_id, platform, native_id, title, joined_at, left_at FROM guilds \
        WHERE platform = $1 AND native_id = $2";
    HELD_GUILD =>
        "SELECT id, community_id, platform, native_id, title, joined_at, left_at, last_case, audit_seq, audit_head FROM guilds \
            WHERE platform = $1 AND native_id = $2 FOR NO KEY UPDATE",
        "SELECT id, community_id, platform, native_id, title, joined_at, left_at, last_case, audit_seq, audit_head FROM guilds \
            WHERE platform = $1 AND native_id = $2";
    GUILD_BY_KEY = "SELECT id, community_id, platform, native_id, title, joined_at, left_at FROM guilds WHERE id = $1";
    GUILDS = "SELECT id, community_id, platform, native_id, title, joined_at, left_at FROM guilds \
        ORDER BY platform, native_id";
    HOLD =>
        "SELECT last_case, audit_seq, audit_head FROM guilds WHERE id = $1 FOR NO KEY UPDATE",
        "SELECT last_case, audit_seq, audit_head FROM guilds WHERE id = $1";
    OPEN =>
        "SELECT last_case, audit_seq, audit_head, \
                (SELECT s.id FROM identities s WHERE s.platform = $2 AND s.native_id = $3) AS subject_id, \
                (SELECT d.id FROM identities d WHERE d.platform = $4 AND d.native_id = $5) AS doer_id \
            FROM guilds WHERE id = $1 FOR NO KEY UPDATE",
        "SELECT last_case, audit_seq, audit_head, \
                (SELECT s.id FROM identities s WHERE s.platform = $2 AND s.native_id = $3) AS subject_id, \
                (SELECT d.id FROM identities d WHERE d.platform = $4 AND d.native_id = $5) AS doer_id \
            FROM guilds WHERE id = $1";
    COUNT = "UPDATE guilds SET last_case = $2, audit_seq = $3, audit_head = $4 WHERE id = $1";
}

row! {
    /// What a guild's row counts.
    Counted {
        last_case: u64,
        .. head: Head
    }
}

row! {
    /// What a guild's row says once it is held, and who the next case is about.
    Opening {
        subject_id: Option<IdentityId>,
        doer_id: Option<IdentityId>,
        .. counted: Counted
    }
}

/// A guild whose row a transaction has locked, and what the row says when the transaction has ended: it is written once,
/// with whatever else is written.
pub(crate) struct Held {
    pub(crate) guild: GuildKey,
    last_case: u64,
    pub(crate) head: Head,
    changed: bool,
}

/// What is to be written of it.
pub(crate) struct Change {
    guild: GuildKey,
    last_case: u64,
    head: Head,
}

/// Whom a case is about, as their platform knows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parties<'a> {
    pub subject: Option<(Platform, &'a UserId)>,
    /// The moderator, where it is a person.
    pub doer: Option<(Platform, &'a UserId)>,
}

/// The next case of a guild: its number, and the rows of those parties that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextCase {
    pub number: u64,
    pub subject: Option<IdentityId>,
    pub doer: Option<IdentityId>,
}

// === impl Conn ===

impl Conn {
    pub async fn community(&mut self, id: CommunityId) -> Result<Option<Community>, StoreError> {
        self.query(&COMMUNITY).bind(id).optional().await
    }

    pub async fn community_by_slug(&mut self, slug: &str) -> Result<Option<Community>, StoreError> {
        self.query(&BY_SLUG).bind(slug).optional().await
    }

    pub async fn guild(
        &mut self,
        platform: Platform,
        native_id: &GuildId,
    ) -> Result<Option<Guild>, StoreError> {
        self.query(&GUILD)
            .bind(platform)
            .bind(native_id.as_str())
            .optional()
            .await
    }

    pub async fn guild_by_key(&mut self, key: GuildKey) -> Result<Option<Guild>, StoreError> {
        self.query(&GUILD_BY_KEY).bind(key).optional().await
    }

    pub async fn guilds(&mut self) -> Result<Vec<Guild>, StoreError> {
        self.query(&GUILDS).all().await
    }
}

// === impl Tx ===

impl Tx {
    pub async fn insert_community(&mut self, community: &Community) -> Result<(), StoreError> {
        let query = self
            .query(&INSERT_COMMUNITY)
            .bind(community.id)
            .bind(community.slug.as_str())
            .bind(community.name.as_str())
            .bind(community.settings.clone())
            .bind(community.created_at)
            .bind(community.updated_at)
            .bind(community.deleted_at);
        query.execute().await.map(drop)
    }

    /// Replaces the settings, unless somebody else did since they were read: then `false`.
    pub async fn set_settings(
        &mut self,
        read: &Community,
        settings: Value,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self
            .query(&SET_SETTINGS)
            .bind(read.id)
            .bind(Json(settings))
            .bind(now)
            .bind(read.updated_at);
        Ok(query.execute().await? == 1)
    }

    /// Adds a guild, or gives the one that is there its new title; answers what is kept.
    pub async fn save_guild(&mut self, guild: &Guild) -> Result<Guild, StoreError> {
        let query = self
            .query(&UPSERT_GUILD)
            .bind(guild.id)
            .bind(guild.community_id)
            .bind(guild.platform)
            .bind(guild.native_id.as_str())
            .bind(guild.title.as_str())
            .bind(guild.joined_at)
            .bind(guild.left_at)
            .bind(&crate::audit::GENESIS[..]);
        query.one().await
    }

    /// A guild lives on under another id; `false` when it did so already, or was never known.
    pub async fn move_guild(
        &mut self,
        platform: Platform,
        from: &GuildId,
        to: &GuildId,
    ) -> Result<bool, StoreError> {
        let mut moved = false;
        for query in [&SET_ASIDE, &MOVE_GUILD, &PUT_BACK] {
            let query = self
                .query(query)
                .bind(platform)
                .bind(from.as_str())
                .bind(to.as_str());
            let done = query.execute().await? == 1;
            moved |= done;
        }
        Ok(moved)
    }

    /// A guild, of which nobody else opens, changes or ends a case until this transaction ends.
    pub async fn hold_guild_of(
        &mut self,
        platform: Platform,
        native_id: &GuildId,
    ) -> Result<Option<Guild>, StoreError> {
        let query = self.query(&HELD_GUILD).bind(platform).bind(native_id.as_str());
        let found = query.map(|row| Ok((Guild::from_row(row)?, Counted::from_row(row)?)));
        let Some((guild, counted)) = found.await?.pop() else {
            return Ok(None);
        };
        self.hold(Held::new(guild.id, counted));
        Ok(Some(guild))
    }

    /// Locks a guild's row until the end of the transaction; answers the head of its chain.
    pub(crate) async fn hold_guild(&mut self, guild: GuildKey) -> Result<Head, StoreError> {
        if let Some(held) = self.held(guild) {
            return Ok(held.head.clone());
        }
        let held = Held::new(guild, self.query(&HOLD).bind(guild).one().await?);
        let head = held.head.clone();
        self.hold(held);
        Ok(head)
    }

    /// The number of the next case. Whoever has it holds the guild until the end of the transaction, and a
    /// transaction that is rolled back gives it back: numbers have no gaps and are never used twice.
    pub async fn next_case(
        &mut self,
        guild: GuildKey,
        parties: Parties<'_>,
    ) -> Result<Option<NextCase>, StoreError> {
        // Nobody has no name. As NULL they would have Postgres plan anew each time, which takes longer than all else here.
        let name = |of: Option<(Platform, &'_ UserId)>| {
            of.map_or((String::new(), String::new()), |(platform, id)| {
                (platform.to_string(), id.to_string())
            })
        };
        let (subject, doer) = (name(parties.subject), name(parties.doer));
        let query = self
            .query(&OPEN)
            .bind(guild)
            .bind(subject.0)
            .bind(subject.1)
            .bind(doer.0)
            .bind(doer.1);
        let opening: Option<Opening> = query.optional().await?;
        Ok(opening.map(|row| {
            let mut held = Held::new(guild, row.counted);
            let number = held.count_case();
            self.hold(held);
            NextCase {
                number,
                subject: row.subject_id,
                doer: row.doer_id,
            }
        }))
    }
}

// === impl Held ===

impl Held {
    fn new(guild: GuildKey, Counted { last_case, head }: Counted) -> Self {
        Self {
            guild,
            last_case,
            head,
            changed: false,
        }
    }

    /// The number of one more case.
    fn count_case(&mut self) -> u64 {
        self.last_case += 1;
        self.changed = true;
        self.last_case
    }

    /// Another entry is the newest of the chain.
    pub(crate) fn move_head(&mut self, head: Head) {
        self.head = head;
        self.changed = true;
    }

    /// What nobody has written yet.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        std::mem::take(&mut self.changed).then(|| Change {
            guild: self.guild,
            last_case: self.last_case,
            head: self.head.clone(),
        })
    }
}

// === impl Change ===

impl Change {
    pub(crate) fn write(&self, conn: &mut Conn) {
        conn.add(&COUNT)
            .bind(self.guild)
            .bind(self.last_case)
            .bind(self.head.audit_seq)
            .bind(&self.head.audit_head[..]);
    }
}
