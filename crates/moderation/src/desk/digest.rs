//! What went on in a guild on a day.

use super::error::{DeskError, Stop};
use super::{Desk, guild};
use crate::digest::{Digest, bounds};
use crate::who::GuildRef;
use chrono::NaiveDate;
use lockdown_store::in_read;

// === impl Desk ===

impl Desk {
    /// By the clock of the guild. What happened a moment ago may not be counted yet.
    pub async fn digest(&self, of: &GuildRef, day: NaiveDate) -> Result<Digest, DeskError> {
        let zone = self.settings(of).await?.0.zone();
        let (from, _, to) = bounds(day, zone);
        Ok(in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let activity = conn.guild_activity(guild.id, from, to).await?;
            let counts = conn
                .guild_counts(guild.platform, &guild.native_id, from, to)
                .await?;
            Ok::<_, Stop>(Digest::of(day, zone, &activity, &counts))
        })?)
    }
}
