//! What whoever looks at each message knows of federations: where bans hold, and what changed since they looked.

use super::{FederationBanId, FederationId};
use crate::dbx::query::row;
use crate::dbx::{Conn, sqls};
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use lockdown_events::{GuildId, Platform, UserId};

row! {
    /// That the bans of a federation hold in a guild.
    pub FederationPlace {
        platform: Platform,
        guild_native_id: GuildId,
        federation_id: FederationId,
    }
}

row! {
    pub FederationVersion {
        id: FederationId,
        version: u64,
    }
}

row! {
    /// That somebody is banned, or not any more.
    pub BanChange {
        id: FederationBanId,
        user_native_id: UserId,
        version: u64,
        lifted_at: Option<DateTime<Utc>>,
    }
}

sqls! {
    PLACES = "SELECT g.platform, g.native_id AS guild_native_id, m.federation_id \
        FROM federation_guilds m JOIN guilds g ON g.id = m.guild_id WHERE g.left_at IS NULL \
        UNION SELECT g.platform, g.native_id AS guild_native_id, s.to_id AS federation_id \
            FROM federation_guilds m JOIN federation_subscriptions s ON s.federation_id = m.federation_id \
            JOIN guilds g ON g.id = m.guild_id WHERE g.left_at IS NULL";
    VERSIONS = "SELECT id, version FROM federations";
    CHANGES = "SELECT b.id, i.native_id AS user_native_id, b.version, b.lifted_at \
        FROM federation_bans b JOIN identities i ON i.id = b.subject_id \
        WHERE b.federation_id = $1 AND (b.version, b.id) > ($2, $3) ORDER BY b.version, b.id LIMIT $4";
}

// === impl Conn ===

impl Conn {
    /// Where which bans hold.
    pub async fn federation_places(&mut self) -> Result<Vec<FederationPlace>, StoreError> {
        self.query(&PLACES).all().await
    }

    /// How far each federation's bans have come.
    pub async fn federation_versions(&mut self) -> Result<Vec<FederationVersion>, StoreError> {
        self.query(&VERSIONS).all().await
    }

    /// What changed of a federation's bans after this, the oldest change first. Several change at once under one version, so
    /// whoever goes on names the last that they know.
    pub async fn federation_changes(
        &mut self,
        federation: FederationId,
        after: (u64, FederationBanId),
        limit: u64,
    ) -> Result<Vec<BanChange>, StoreError> {
        self.query(&CHANGES)
            .bind(federation)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .all()
            .await
    }
}
