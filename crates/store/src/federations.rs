//! Federations: guilds of different owners that go by the same bans.
//!
//! A federation has one owner, who is a person, and admins beside them. A guild is in one at most, and goes by the bans of
//! those too that its federation subscribes to; nobody goes by what those subscribe to in turn.
//!
//! - `bans.rs`: who is banned. `places.rs`: what whoever looks at each message has to know of all of them.

mod bans;
mod places;

pub(crate) use bans::TEXTS as BAN_TEXTS;
pub use bans::{FederationBan, FederationBanId, NamedBan, NewBan, SetBan};
pub(crate) use places::TEXTS as PLACE_TEXTS;
pub use places::{BanChange, FederationPlace, FederationVersion};

use crate::dbx::query::row;
use crate::dbx::{Conn, Json, Tx, sqls, uuid_ids};
use crate::error::StoreError;
use crate::guilds::{Guild, GuildKey};
use crate::people::{Identity, IdentityId, storable};
use chrono::{DateTime, Utc};
use lockdown_events::Platform;

uuid_ids! {
    FederationId;
}

row! {
    pub Federation {
        id: FederationId,
        platform: Platform,
        name: String,
        owner_id: IdentityId,
        /// Nobody is banned without a reason.
        reasons_required: bool,
        /// The owner is told of each ban.
        owner_told: bool,
        /// Grows with every change of a ban.
        version: u64,
        created_at: DateTime<Utc>,
    }
}

row! {
    /// How much there is of it.
    pub FederationCounts {
        admins: u64,
        guilds: u64,
        bans: u64,
        subscriptions: u64,
        subscribers: u64,
    }
}

/// The columns of a federation that is called `f`.
macro_rules! federations {
    ($rest:literal) => {
        concat!(
            "SELECT f.id, f.platform, f.name, f.owner_id, f.reasons_required, f.owner_told, f.version, f.created_at \
             FROM federations f ",
            $rest
        )
    };
}

/// Those whom one of these people, a list in `$1`, owns or administers.
macro_rules! led_by {
    ($these:literal) => {
        concat!(
            federations!("WHERE f.owner_id IN ("),
            $these,
            ") OR EXISTS (SELECT 1 FROM federation_admins a WHERE a.federation_id = f.id AND a.identity_id IN (",
            $these,
            ")) ORDER BY f.id"
        )
    };
}

sqls! {
    INSERT = "INSERT INTO federations \
            (id, platform, name, owner_id, reasons_required, owner_told, version, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    // The version is changed by bans alone.
    SAVE = "UPDATE federations SET name = $2, reasons_required = $3, owner_told = $4 WHERE id = $1";
    FIND = federations!("WHERE f.id = $1");
    OWNED = federations!("WHERE f.owner_id = $1");
    OF_GUILD = federations!("JOIN federation_guilds m ON m.federation_id = f.id WHERE m.guild_id = $1");
    PAGE = federations!("WHERE f.id > $1 ORDER BY f.id LIMIT $2");
    LED_BY =>
        led_by!("SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1)"),
        led_by!("SELECT unhex(replace(value, '-', '')) FROM json_each($1)");
    COUNTS = "SELECT (SELECT COUNT(*) FROM federation_admins WHERE federation_id = $1) AS admins, \
        (SELECT COUNT(*) FROM federation_guilds WHERE federation_id = $1) AS guilds, \
        (SELECT COUNT(*) FROM federation_bans WHERE federation_id = $1 AND lifted_at IS NULL) AS bans, \
        (SELECT COUNT(*) FROM federation_subscriptions WHERE federation_id = $1) AS subscriptions, \
        (SELECT COUNT(*) FROM federation_subscriptions WHERE to_id = $1) AS subscribers";
    ADMINS = "SELECT i.id, i.person_id, i.platform, i.native_id, i.username, i.display_name, i.is_bot, i.first_seen, \
            i.last_seen \
        FROM federation_admins a JOIN identities i ON i.id = a.identity_id WHERE a.federation_id = $1 \
        ORDER BY a.since, i.id";
    ADD_ADMIN = "INSERT INTO federation_admins (federation_id, identity_id, since) VALUES ($1, $2, $3) \
        ON CONFLICT DO NOTHING";
    REMOVE_ADMIN = "DELETE FROM federation_admins WHERE federation_id = $1 AND identity_id = $2";
    IS_ADMIN = "SELECT CAST(1 AS BIGINT) AS one FROM federation_admins WHERE federation_id = $1 AND identity_id = $2";
    GUILDS = "SELECT g.id, g.community_id, g.platform, g.native_id, g.title, g.joined_at, g.left_at \
        FROM federation_guilds m JOIN guilds g ON g.id = m.guild_id WHERE m.federation_id = $1 AND g.id > $2 \
        ORDER BY g.id LIMIT $3";
    // Its own, and those of whoever subscribes to it.
    REACH = "SELECT g.id, g.community_id, g.platform, g.native_id, g.title, g.joined_at, g.left_at \
        FROM federation_guilds m JOIN guilds g ON g.id = m.guild_id WHERE g.left_at IS NULL AND (m.federation_id = $1 \
            OR m.federation_id IN (SELECT s.federation_id FROM federation_subscriptions s WHERE s.to_id = $1)) \
        ORDER BY g.id";
    JOIN = "INSERT INTO federation_guilds (guild_id, federation_id, joined_at) VALUES ($1, $2, $3) \
        ON CONFLICT (guild_id) DO NOTHING";
    LEAVE = "DELETE FROM federation_guilds WHERE guild_id = $1 AND federation_id = $2";
    SUBSCRIPTIONS =
        federations!("JOIN federation_subscriptions s ON s.to_id = f.id WHERE s.federation_id = $1 ORDER BY f.name, f.id");
    SUBSCRIBE = "INSERT INTO federation_subscriptions (federation_id, to_id, since) VALUES ($1, $2, $3) \
        ON CONFLICT DO NOTHING";
    UNSUBSCRIBE = "DELETE FROM federation_subscriptions WHERE federation_id = $1 AND to_id = $2";
    HOLD => "SELECT id FROM federations WHERE id = $1 FOR UPDATE", "SELECT id FROM federations WHERE id = $1";
    FORGET_BANS = "DELETE FROM federation_bans WHERE federation_id = $1";
    FORGET_SUBSCRIPTIONS = "DELETE FROM federation_subscriptions WHERE federation_id = $1 OR to_id = $1";
    FORGET_GUILDS = "DELETE FROM federation_guilds WHERE federation_id = $1";
    FORGET_ADMINS = "DELETE FROM federation_admins WHERE federation_id = $1";
    DELETE = "DELETE FROM federations WHERE id = $1";
}

// === impl Conn ===

impl Conn {
    pub async fn federation(&mut self, id: FederationId) -> Result<Option<Federation>, StoreError> {
        self.query(&FIND).bind(id).optional().await
    }

    /// The one that somebody owns.
    pub async fn federation_owned_by(&mut self, owner: IdentityId) -> Result<Option<Federation>, StoreError> {
        self.query(&OWNED).bind(owner).optional().await
    }

    /// Those that somebody owns or administers, by any of their accounts.
    pub async fn federations_led_by(&mut self, by: &[IdentityId]) -> Result<Vec<Federation>, StoreError> {
        let ids: Vec<String> = by.iter().map(ToString::to_string).collect();
        self.query(&LED_BY).bind(Json(ids)).all().await
    }

    /// A page of all of them, those first that were made first.
    pub async fn federations(
        &mut self,
        after: Option<FederationId>,
        limit: u64,
    ) -> Result<Vec<Federation>, StoreError> {
        let after = after.unwrap_or(FederationId(uuid::Uuid::nil()));
        self.query(&PAGE).bind(after).bind(limit).all().await
    }

    /// The one that a guild is in.
    pub async fn federation_of_guild(&mut self, guild: GuildKey) -> Result<Option<Federation>, StoreError> {
        self.query(&OF_GUILD).bind(guild).optional().await
    }

    pub async fn federation_counts(&mut self, id: FederationId) -> Result<FederationCounts, StoreError> {
        self.query(&COUNTS).bind(id).one().await
    }

    /// Who bans beside the owner, the longest serving first.
    pub async fn federation_admins(&mut self, id: FederationId) -> Result<Vec<Identity>, StoreError> {
        self.query(&ADMINS).bind(id).all().await
    }

    pub async fn is_federation_admin(
        &mut self,
        id: FederationId,
        who: IdentityId,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> = self.query(&IS_ADMIN).bind(id).bind(who).value("one").await?;
        Ok(found.is_some())
    }

    /// A page of the guilds that are in it.
    pub async fn federation_guilds(
        &mut self,
        id: FederationId,
        after: Option<GuildKey>,
        limit: u64,
    ) -> Result<Vec<Guild>, StoreError> {
        let after = after.unwrap_or(GuildKey(uuid::Uuid::nil()));
        self.query(&GUILDS).bind(id).bind(after).bind(limit).all().await
    }

    /// The guilds in which its bans hold, where the bot still is.
    pub async fn federation_reach(&mut self, id: FederationId) -> Result<Vec<Guild>, StoreError> {
        self.query(&REACH).bind(id).all().await
    }

    /// Those whose bans hold in its guilds too.
    pub async fn federation_subscriptions(
        &mut self,
        id: FederationId,
    ) -> Result<Vec<Federation>, StoreError> {
        self.query(&SUBSCRIPTIONS).bind(id).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Adds a federation; `false` when its owner has one.
    pub async fn insert_federation(&mut self, new: &Federation) -> Result<bool, StoreError> {
        let query = self
            .query(&INSERT)
            .bind(new.id)
            .bind(new.platform)
            .bind(storable(&new.name))
            .bind(new.owner_id)
            .bind(new.reasons_required)
            .bind(new.owner_told)
            .bind(new.version)
            .bind(new.created_at);
        Ok(query.execute().await? == 1)
    }

    /// Changes its name and what its owner chose; `false` when it is gone.
    pub async fn save_federation(&mut self, changed: &Federation) -> Result<bool, StoreError> {
        let query = self
            .query(&SAVE)
            .bind(changed.id)
            .bind(storable(&changed.name))
            .bind(changed.reasons_required)
            .bind(changed.owner_told);
        Ok(query.execute().await? == 1)
    }

    /// Removes it with all that belongs to it; `false` when it is gone. What it did in guilds stays there.
    pub async fn delete_federation(&mut self, id: FederationId) -> Result<bool, StoreError> {
        let held: Option<FederationId> = self.query(&HOLD).bind(id).value("id").await?;
        if held.is_none() {
            return Ok(false);
        }
        for sql in [
            &FORGET_BANS,
            &FORGET_SUBSCRIPTIONS,
            &FORGET_GUILDS,
            &FORGET_ADMINS,
        ] {
            self.query(sql).bind(id).execute().await?;
        }
        Ok(self.query(&DELETE).bind(id).execute().await? == 1)
    }

    /// `false` when they are one already.
    pub async fn add_federation_admin(
        &mut self,
        id: FederationId,
        who: IdentityId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&ADD_ADMIN).bind(id).bind(who).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// `false` when they are none.
    pub async fn remove_federation_admin(
        &mut self,
        id: FederationId,
        who: IdentityId,
    ) -> Result<bool, StoreError> {
        Ok(self.query(&REMOVE_ADMIN).bind(id).bind(who).execute().await? == 1)
    }

    /// `false` when the guild is in one already.
    pub async fn join_federation(
        &mut self,
        guild: GuildKey,
        id: FederationId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&JOIN).bind(guild).bind(id).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// `false` when the guild is not in it.
    pub async fn leave_federation(&mut self, guild: GuildKey, id: FederationId) -> Result<bool, StoreError> {
        Ok(self.query(&LEAVE).bind(guild).bind(id).execute().await? == 1)
    }

    /// `false` when it does so already.
    pub async fn subscribe_federation(
        &mut self,
        id: FederationId,
        to: FederationId,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&SUBSCRIBE).bind(id).bind(to).bind(at);
        Ok(query.execute().await? == 1)
    }

    /// `false` when it does not.
    pub async fn unsubscribe_federation(
        &mut self,
        id: FederationId,
        to: FederationId,
    ) -> Result<bool, StoreError> {
        Ok(self.query(&UNSUBSCRIBE).bind(id).bind(to).execute().await? == 1)
    }
}
