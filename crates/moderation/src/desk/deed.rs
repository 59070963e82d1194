//! What a moderator did that is nobody's case: the audit keeps it.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, rows};
use crate::who::{Actor, GuildRef, UserRef};
use lockdown_events::{CorrelationId, EventId, ModerationDeed, UserId};
use lockdown_store::in_tx;
use serde_json::json;

/// By which its events are known as done.
const CONSUMER: &str = "desk.deeds";

// === impl Desk ===

impl Desk {
    /// Adds a deed to the audit, once for each event; `false` when it is there already.
    pub async fn deed(
        &self,
        deed: &ModerationDeed,
        event: EventId,
        chain: Option<&CorrelationId>,
    ) -> Result<bool, DeskError> {
        let place = GuildRef {
            platform: deed.platform,
            id: deed.guild_id.clone(),
        };
        let person = |id: &UserId| UserRef::new(deed.platform, id.clone());
        let by = deed.moderator_id.as_ref().map(person);
        let by = by.map_or(Actor::System, Actor::Person);
        let written = in_tx!(self.store, |tx| {
            let guild = guild(tx, &place).await?;
            let now = self.clock.now();
            if !tx.process_once(CONSUMER, event, now).await? {
                return Ok::<_, Stop>(false);
            }
            let by = rows::name(tx, self, &by, now).await?;
            let about = match &deed.user_id {
                Some(user) => Some(rows::seen(tx, self, &person(user), now).await?),
                None => None,
            };
            // A reason may name somebody, so it goes with the person whom it concerns, else with who wrote it.
            let personal = about
                .or(by.identity)
                .map(|of| (of, json!({ "reason": deed.reason, "userId": deed.user_id })));
            let subject = match (&deed.channel_id, &deed.role_id) {
                (Some(channel), _) => format!("channel:{channel}"),
                (None, Some(role)) => format!("role:{role}"),
                (None, None) => "guild".to_owned(),
            };
            let body = json!({ "count": deed.count, "before": deed.before, "after": deed.after, "role": deed.role_id });
            let act = format!("deed:{}", deed.deed);
            let entry = Entry {
                by: &by,
                act: &act,
                subject,
                body,
                personal,
            };
            self.audit(tx, &guild, entry, chain, now).await?;
            Ok(true)
        });
        written.map_err(DeskError::from)
    }
}
