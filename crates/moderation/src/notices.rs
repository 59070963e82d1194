//! Words to moderators: kept in the store until they are read, and said live to whoever listens.
//!
//! What is kept is what counts: whoever was not there finds it, and a word that could not be said is only not heard at once.
//! Who wants to be told elsewhere than on the dashboard chooses it by [`Wishes`], and a community by its settings; workers see
//! to that. To tell of another kind of thing: a word in `lockdown_events::NotificationKind`, and in the `CHECK` of the table.

mod letter;
mod wishes;

pub use letter::letter;
pub use wishes::{Quiet, When, Wishes};

use crate::{GuildRef, UserRef};
use chrono::{DateTime, Utc};
use lockdown_bus::Bus;
use lockdown_events::{self as events, NotificationId, NotificationKind, NotificationLevel};
use lockdown_runtime::chain;
use lockdown_store::notifications::Notification;
use lockdown_store::{Store, StoreError, Tx, in_tx};

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Every moderator.
    All,
    /// Those who moderate one guild.
    Guild(GuildRef),
    /// One person, by their account on a platform.
    One(UserRef),
}

/// What they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whoever tells the same again tells it under the same id, and it is there once.
    pub id: NotificationId,
    pub level: NotificationLevel,
    pub kind: NotificationKind,
    pub title: String,
    pub body: String,
    /// Where to look, as a path of the dashboard.
    pub link: Option<String>,
    pub at: DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    /// It was there already.
    Known,
    /// Nobody knows of the guild or person.
    Nobody,
}

/// Tells moderators something.
pub async fn tell(store: &Store, bus: &Bus, notice: Notice, to: &To) -> Result<Kept, StoreError> {
    let kept = in_tx!(store, |tx| { keep(tx, &notice, to).await })?;
    if kept == Kept::New {
        say(bus, notice, to).await;
    }
    Ok(kept)
}

/// The first half of [`tell()`], in a transaction with what it tells of. [`say`] what is new when that has ended.
pub async fn keep(tx: &mut Tx, notice: &Notice, to: &To) -> Result<Kept, StoreError> {
    let (recipient_id, guild_id) = match to {
        To::All => (None, None),
        To::Guild(GuildRef { platform, id }) => match tx.guild(*platform, id).await? {
            Some(guild) => (None, Some(guild.id)),
            None => return Ok(Kept::Nobody),
        },
        To::One(user) => match tx.identity(user.platform, &user.id).await? {
            Some(identity) => (Some(identity.id), None),
            None => return Ok(Kept::Nobody),
        },
    };
    let row = Notification {
        id: notice.id,
        recipient_id,
        guild_id,
        level: notice.level,
        kind: notice.kind,
        title: notice.title.clone(),
        body: notice.body.clone(),
        link: notice.link.clone(),
        at: notice.at,
    };
    let new = tx.insert_notification(&row).await?;
    Ok(if new { Kept::New } else { Kept::Known })
}

/// Says what is kept to whoever listens now.
pub async fn say(bus: &Bus, notice: Notice, to: &To) {
    let (platform, user_id, guild_id) = match to {
        To::All => (None, None, None),
        To::Guild(guild) => (Some(guild.platform), None, Some(guild.id.clone())),
        To::One(user) => (Some(user.platform), Some(user.id.clone()), None),
    };
    let said = events::Notification {
        id: notice.id,
        level: notice.level,
        title: notice.title,
        body: notice.body,
        at: notice.at,
        user_id,
        platform,
        guild_id,
        link: notice.link,
        kind: Some(notice.kind),
    };
    if let Err(error) = bus.notify(said).await {
        tracing::warn!("A notification is kept, and was not said: {}", chain(&error));
    }
}
