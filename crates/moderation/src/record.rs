//! What our records know of whoever is judged by rules.

use crate::who::GuildRef;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::UserId;
use lockdown_policy::catalogue::Slot;
use lockdown_policy::{Facts, Record, RuleSet};
use lockdown_store::{Store, StoreError, in_read};

/// How far back somebody's messages are counted.
const LOOKS_BACK: TimeDelta = TimeDelta::days(90);

/// Everything that [`record`] can find out.
const OF_THE_STORE: [Slot; 4] = [
    Slot::AuthorStrikes,
    Slot::AuthorLabels,
    Slot::AuthorFirstSeen,
    Slot::AuthorMessages,
];

/// What these rules ask about the author of an event, of what the store knows; `None` where they ask for nothing of it.
/// Somebody whom it does not know has neither strikes nor labels, and is seen for the first time.
pub async fn record(
    store: &Store,
    guild: &GuildRef,
    facts: &Facts,
    rules: &RuleSet,
    now: DateTime<Utc>,
) -> Result<Option<Record>, StoreError> {
    let asks = |slot| rules.asks(slot);
    if !OF_THE_STORE.into_iter().any(asks) {
        return Ok(None);
    }
    let Ok(author) = UserId::new(&facts.author) else {
        return Ok(None);
    };
    let unknown = Record {
        strikes: Some(0),
        labels: Some(Vec::new()),
        first_seen: Some(facts.at),
        messages: Some(0),
        ..Record::default()
    };
    in_read!(store, |conn| {
        let known = conn.guild(guild.platform, &guild.id).await?;
        let identity = conn.identity(guild.platform, &author).await?;
        let Some((known, identity)) = known.zip(identity) else {
            return Ok(Some(unknown.clone()));
        };
        let mut record = Record {
            first_seen: Some(identity.first_seen.timestamp_millis()),
            ..Record::default()
        };
        if asks(Slot::AuthorStrikes) {
            let points = conn.points(known.id, identity.id, now).await?;
            record.strikes = Some(u32::try_from(points.max(0)).unwrap_or(u32::MAX));
        }
        if asks(Slot::AuthorLabels) {
            let labels = conn.labels_in_force(known.id, identity.id, now).await?;
            record.labels = Some(labels.into_iter().map(|label| label.name).collect());
        }
        if asks(Slot::AuthorMessages) {
            let days = conn
                .user_activity(known.id, identity.id, now - LOOKS_BACK, now)
                .await?;
            record.messages = Some(days.iter().map(|day| day.messages).sum());
        }
        Ok(Some(record))
    })
}
