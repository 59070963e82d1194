//! What moderators want to be told of a guild, and how.

use super::error::{DeskError, Stop};
use super::{Desk, guild, rows};
use crate::notices::Wishes;
use crate::who::{GuildRef, UserRef};
use lockdown_store::{in_read, in_tx};

// === impl Desk ===

impl Desk {
    /// What somebody chose; what nobody chose is told by the dashboard alone.
    pub async fn wishes(&self, of: &GuildRef, who: &UserRef) -> Result<Wishes, DeskError> {
        let kept = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let Some(identity) = conn.identity(who.platform, &who.id).await? else {
                return Ok(None);
            };
            Ok::<_, Stop>(conn.notification_wishes(guild.id, identity.id).await?)
        })?;
        // What a newer release wrote is chosen anew.
        Ok(kept
            .and_then(|kept| serde_json::from_value(kept).ok())
            .unwrap_or_default())
    }

    pub async fn set_wishes(&self, of: &GuildRef, who: &UserRef, wishes: &Wishes) -> Result<(), DeskError> {
        let text = serde_json::to_value(wishes).unwrap_or_default();
        Ok(in_tx!(self.store, |tx| {
            let guild = guild(tx, of).await?;
            let now = self.clock.now();
            let identity = rows::seen(tx, self, who, now).await?;
            tx.save_notification_wishes(guild.id, identity, text.clone(), now)
                .await?;
            Ok::<_, Stop>(())
        })?)
    }
}
