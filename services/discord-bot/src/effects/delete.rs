//! Taking messages away: many in one call where Discord lets us, else one by one.

use super::Discord;
use super::errors::Deed;
use crate::read::time_of;
use crate::rest::{Ask, Priority};
use chrono::TimeDelta;
use lockdown_events::MessageId;
use lockdown_moderation::{Deleted, Platform as _, PlatformError};
use serde_json::json;
use serenity::http::Route;
use std::collections::BTreeSet;

/// Older ones are not deleted with others, only alone; no more than so many at a time, since each is a call.
const ALONE: usize = 25;
/// A message may come of age while it waits for its call.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

// === impl Discord ===

impl Discord {
    /// Those that are gone count as deleted.
    pub(crate) async fn remove(
        &self,
        guild: u64,
        channel: u64,
        messages: &[u64],
        audit: &str,
    ) -> Result<Deleted, PlatformError> {
        let limits = self.limits();
        let oldest = self.clock.now() - limits.delete_age.delta() + MARGIN;
        let distinct: BTreeSet<u64> = messages.iter().copied().collect();
        let (old, young): (Vec<u64>, Vec<u64>) = distinct.into_iter().partition(|id| time_of(*id) < oldest);
        let mut deleted = Deleted::default();
        for chunk in young.chunks(limits.delete_bulk) {
            match chunk {
                [one] => self.remove_one(guild, channel, *one, audit).await?,
                many => self.remove_many(guild, channel, many, audit).await?,
            }
            deleted.deleted += chunk.len();
        }
        for (at, message) in old.iter().enumerate() {
            if at < ALONE {
                self.remove_one(guild, channel, *message, audit).await?;
                deleted.deleted += 1;
            } else {
                deleted.too_old.extend(MessageId::new(&message.to_string()).ok());
            }
        }
        Ok(deleted)
    }

    async fn remove_one(
        &self,
        guild: u64,
        channel: u64,
        message: u64,
        audit: &str,
    ) -> Result<(), PlatformError> {
        let route = Route::ChannelMessage {
            channel_id: channel.into(),
            message_id: message.max(1).into(),
        };
        let ask = Ask::delete(route, channel)
            .audit(audit)
            .priority(Priority::Removal);
        match self.rest.call(ask).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == 10_008 => Ok(()),
            Err(error) => Err(self.why(error, guild, Deed::Delete)),
        }
    }

    async fn remove_many(
        &self,
        guild: u64,
        channel: u64,
        messages: &[u64],
        audit: &str,
    ) -> Result<(), PlatformError> {
        let ids: Vec<String> = messages.iter().map(u64::to_string).collect();
        let route = Route::ChannelMessagesBulkDelete {
            channel_id: channel.into(),
        };
        let ask = Ask::post(route, channel)
            .body(&json!({ "messages": ids }))
            .audit(audit)
            .priority(Priority::Removal);
        self.rest
            .call(ask)
            .await
            .map(drop)
            .map_err(|error| self.why(error, guild, Deed::Delete))
    }
}
