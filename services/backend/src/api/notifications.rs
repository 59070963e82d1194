//! Notifications: words to moderators, what of them is not read yet, and those that come.

use super::access::{Caller, Needs};
use super::input::{Body, Nothing, Query, bounded, cursor, cut, text_id};
use super::live::guilds_heard;
use super::route::{Call, Done, Found, Made, Route};
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{
    self as events, GuildId, NotificationId, NotificationKind, NotificationLevel, Platform, UserId,
};
use lockdown_moderation::notices::{self, Kept, Notice, To, Wishes};
use lockdown_moderation::{GuildRef, UserRef};
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::notifications::{Mailbox, ReaderId, Received};
use lockdown_store::people::Identity;
use lockdown_store::{StoreError, in_read, in_tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is read again for whoever was away; of more, they are told that it was too much.
const MOST_KEPT: usize = 1_000;
const PAGE: u64 = 200;
const LONGEST_TITLE: usize = 200;
const LONGEST_BODY: usize = 2_000;
const LONGEST_LINK: usize = 500;

/// How loudly it asks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "NotificationLevel")]
enum Level {
    Info,
    Warning,
    /// Someone should look now.
    Urgent,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only those that are not read.
    unread: Option<bool>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NotificationPage")]
struct Page {
    /// Newest first.
    notifications: Vec<View>,
    /// How many are not read, on all pages.
    unread: u64,
    /// For the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Notification")]
struct View {
    id: String,
    level: Level,
    /// What it is about.
    kind: NotificationKind,
    title: String,
    body: String,
    /// Where to look, as a path of the dashboard.
    link: Option<String>,
    at: DateTime<Utc>,
    /// Whether it is to this reader alone.
    personal: bool,
    /// Of which guild it tells; `null`: of none in particular.
    platform: Option<Platform>,
    guild_id: Option<GuildId>,
    read_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewNotice {
    level: Level,
    #[schemars(length(min = 1, max = 200))]
    title: String,
    #[serde(default)]
    #[schemars(length(max = 2000))]
    body: String,
    /// Where to look, as a path of the dashboard: it begins with `/`.
    #[schemars(length(max = 500))]
    link: Option<String>,
    /// Of the guild or person.
    platform: Option<Platform>,
    /// To those who moderate this guild.
    guild_id: Option<GuildId>,
    /// To this person alone.
    user_id: Option<UserId>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedNotification")]
struct Created {
    id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpTo {
    /// The newest that was seen: it and all before it are read.
    #[serde(deserialize_with = "text_id")]
    #[schemars(with = "String")]
    last: Uuid,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReadNotifications")]
struct Marked {
    /// How many were not read before.
    read: u64,
}

/// Who reads, and where they moderate.
pub(super) struct Reader {
    pub(super) mailbox: Mailbox,
    pub(super) identities: Vec<Identity>,
    guilds: BTreeMap<GuildKey, Guild>,
}

pub(super) fn routes() -> Vec<Route> {
    let notification = json!({ "id": "0199c2d4-0000-7000-8000-000000000001", "level": "warning",
        "kind": "failure", "title": "A webhook was disabled", "body": "", "link": "/webhooks", "at": "2026-11-20T09:06:00Z",
        "personal": false, "platform": null, "guildId": null, "readAt": null });
    vec![
        Route::new(
            Method::GET,
            "/notifications",
            "listNotifications",
            Needs::AnyRightSomewhere,
            list,
        )
        .says(
            "List notifications",
            "To the reader alone, to those who moderate a guild of theirs, and to all. The reader is the account of which the \
             token is, or else the token.",
        )
        .answer(json!({ "notifications": [notification], "unread": 1 })),
        Route::new(
            Method::POST,
            "/notifications",
            "createNotification",
            Needs::Operate,
            create,
        )
        .says(
            "Notify moderators",
            "Of one guild, one of them by their account on a platform, or all; kept until it is read, and said live.",
        )
        .refuses(&[Code::UnknownGuild, Code::UnknownPerson])
        .sample(json!({ "level": "info", "title": "We restart at noon" }))
        .answer(json!({ "id": "0199c2d4-0000-7000-8000-000000000001" })),
        Route::new(
            Method::POST,
            "/notifications/{id}/read",
            "readNotification",
            Needs::AnyRightSomewhere,
            read_one,
        )
        .says("Mark a notification as read", "For this reader."),
        Route::new(
            Method::POST,
            "/notifications/read",
            "readNotifications",
            Needs::AnyRightSomewhere,
            read_all,
        )
        .says(
            "Mark notifications as read",
            "Up to the newest that was seen, so that none is that came since.",
        )
        .sample(json!({ "last": "0199c2d4-0000-7000-8000-000000000001" }))
        .answer(json!({ "read": 1 })),
    ]
}

// === impl Level ===

impl From<Level> for NotificationLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Urgent => Self::Urgent,
        }
    }
}

impl From<NotificationLevel> for Level {
    fn from(level: NotificationLevel) -> Self {
        match level {
            NotificationLevel::Info => Self::Info,
            NotificationLevel::Warning => Self::Warning,
            NotificationLevel::Urgent => Self::Urgent,
        }
    }
}

// === impl Reader ===

impl Reader {
    pub(super) async fn of(call: &Call) -> Result<Self, Problem> {
        let account = match &call.caller {
            Caller::SignedIn(person) => Some(person.account.id),
            caller => caller.token().and_then(|token| token.created_by),
        };
        let identities = match account {
            Some(account) => in_read!(call.api.store, |conn| { conn.identities_of(account).await })?,
            None => Vec::new(),
        };
        let reader = match (&call.caller, account) {
            (_, Some(account)) => ReaderId(account.0),
            (Caller::Token(token), None) => ReaderId(token.id.0),
            (_, None) => ReaderId(Uuid::nil()),
        };
        let guilds = guilds_heard(&call.api, &call.caller).await?;
        if guilds.is_empty() {
            call.powers.need(Needs::AnyRight)?;
        }
        let guilds: BTreeMap<GuildKey, Guild> = guilds.into_iter().map(|guild| (guild.id, guild)).collect();
        Ok(Self {
            mailbox: Mailbox {
                reader,
                identities: identities.iter().map(|identity| identity.id).collect(),
                guilds: guilds.keys().copied().collect(),
            },
            identities,
            guilds,
        })
    }

    /// What they do not want to see of which guild.
    pub(super) async fn hidden(
        &self,
        call: &Call,
    ) -> Result<Vec<(Platform, GuildId, NotificationKind)>, Problem> {
        let mut hidden = Vec::new();
        for identity in &self.identities {
            let found = in_read!(call.api.store, |conn| {
                conn.notification_wishes_of(identity.id).await
            })?;
            for wished in found {
                let wishes: Wishes = serde_json::from_value(wished.wishes.0).unwrap_or_default();
                if let Some(guild) = self.guilds.get(&wished.guild_id) {
                    let of = |kind| (guild.platform, guild.native_id.clone(), kind);
                    hidden.extend(wishes.hidden.into_iter().map(of));
                }
            }
        }
        Ok(hidden)
    }

    fn view(&self, received: Received) -> View {
        let guild = received.guild_id.and_then(|id| self.guilds.get(&id));
        View {
            id: received.id.to_string(),
            level: received.level.into(),
            kind: received.kind,
            title: received.title,
            body: received.body,
            link: received.link,
            at: received.at,
            personal: received.recipient_id.is_some(),
            platform: guild.map(|guild| guild.platform),
            guild_id: guild.map(|guild| guild.native_id.clone()),
            read_at: received.read_at,
        }
    }

    /// As it was said.
    fn said(&self, received: Received) -> events::Notification {
        let guild = received.guild_id.and_then(|id| self.guilds.get(&id));
        let is = |identity: &&Identity| Some(identity.id) == received.recipient_id;
        let user = self.identities.iter().find(is);
        events::Notification {
            id: received.id,
            level: received.level,
            title: received.title,
            body: received.body,
            at: received.at,
            user_id: user.map(|user| user.native_id.clone()),
            platform: user
                .map(|user| user.platform)
                .or(guild.map(|guild| guild.platform)),
            guild_id: guild.map(|guild| guild.native_id.clone()),
            link: received.link,
            kind: Some(received.kind),
        }
    }

    /// What was kept since one of them, oldest first; and whether that is all.
    pub(super) async fn since(
        &self,
        call: &Call,
        after: NotificationId,
    ) -> Result<(Vec<events::Notification>, bool), Problem> {
        let (mut kept, mut before) = (Vec::new(), None);
        let whole = 'pages: loop {
            let page = in_read!(call.api.store, |conn| {
                conn.notifications(&self.mailbox, false, before, PAGE).await
            })?;
            before = page.last().map(|last| last.id);
            let is_last = (page.len() as u64) < PAGE;
            for received in page {
                if received.id <= after {
                    break 'pages true;
                }
                if kept.len() == MOST_KEPT {
                    break 'pages false;
                }
                kept.push(self.said(received));
            }
            if is_last {
                break true;
            }
        };
        kept.reverse();
        Ok((kept, whole))
    }
}

async fn list(call: Call, Query(which): Query<Which>) -> Result<Found<Page>, Problem> {
    let (limit, before) = (
        bounded(which.limit)?,
        cursor::<Uuid>(which.cursor.as_deref())?.map(NotificationId),
    );
    let (reader, only_unread) = (Reader::of(&call).await?, which.unread.unwrap_or(false));
    let (mut rows, unread) = in_read!(call.api.store, |conn| {
        let mailbox = &reader.mailbox;
        let rows = conn
            .notifications(mailbox, only_unread, before, limit + 1)
            .await?;
        Ok::<_, StoreError>((rows, conn.unread_notifications(mailbox).await?))
    })?;
    let next_cursor = cut(&mut rows, limit).map(|row| row.id.to_string());
    Ok(Found(Page {
        notifications: rows.into_iter().map(|row| reader.view(row)).collect(),
        unread,
        next_cursor,
    }))
}

async fn read_one(call: Call, _: Nothing) -> Result<Done, Problem> {
    let id = NotificationId(call.param("id")?);
    let reader = Reader::of(&call).await?;
    let now = call.now();
    let found = in_tx!(call.api.store, |tx| {
        // Newest first: the one before the next greater id, if it is there.
        let next = NotificationId(Uuid::from_u128(id.0.as_u128().saturating_add(1)));
        let page = tx.notifications(&reader.mailbox, false, Some(next), 1).await?;
        let found = page.first().is_some_and(|found| found.id == id);
        if found {
            tx.read_notification(reader.mailbox.reader, id, now).await?;
        }
        Ok::<_, StoreError>(found)
    })?;
    let unknown = || Problem::new(Code::NotFound, "There is no such notification.");
    found.then_some(Done).ok_or_else(unknown)
}

async fn read_all(call: Call, Body(up_to): Body<UpTo>) -> Result<Found<Marked>, Problem> {
    let reader = Reader::of(&call).await?;
    let now = call.now();
    let read = in_tx!(call.api.store, |tx| {
        let last = NotificationId(up_to.last);
        tx.read_notifications_up_to(&reader.mailbox, last, now).await
    })?;
    Ok(Found(Marked { read }))
}

async fn create(call: Call, Body(new): Body<NewNotice>) -> Result<Made<Created>, Problem> {
    let long = |path: &str, text: &str, most: usize| {
        let message = format!("It has at most {most} characters.");
        let fits = text.chars().count() <= most;
        fits.then_some(())
            .ok_or_else(|| Problem::new(Code::Invalid, message.clone()).at(path, message))
    };
    long("title", &new.title, LONGEST_TITLE)?;
    long("body", &new.body, LONGEST_BODY)?;
    long("link", new.link.as_deref().unwrap_or_default(), LONGEST_LINK)?;
    let invalid = |path: &str, message: &'static str| Problem::new(Code::Invalid, message).at(path, message);
    if new.title.trim().is_empty() {
        return Err(invalid("title", "Say something."));
    }
    if new.link.as_deref().is_some_and(|link| !link.starts_with('/')) {
        return Err(invalid(
            "link",
            "It is a path of the dashboard, and begins with `/`.",
        ));
    }
    let to = match (new.platform, new.guild_id, new.user_id) {
        (None, None, None) => To::All,
        (Some(platform), Some(id), None) => To::Guild(GuildRef { platform, id }),
        (Some(platform), None, Some(id)) => To::One(UserRef::new(platform, id)),
        (_, Some(_), Some(_)) => return Err(invalid("userId", "Say `guildId` or `userId`, not both.")),
        _ => {
            let message = "Say `platform` with `guildId` or `userId`, or none of them.";
            return Err(invalid("platform", message));
        }
    };
    let notice = Notice {
        id: NotificationId(call.api.ctx.ids.next()),
        level: new.level.into(),
        kind: NotificationKind::Message,
        title: new.title,
        body: new.body,
        link: new.link,
        at: call.now(),
    };
    let id = notice.id.to_string();
    match notices::tell(&call.api.store, &call.api.bus, notice, &to).await? {
        Kept::New | Kept::Known => Ok(Made::New(Created { id })),
        Kept::Nobody => Err(match to {
            To::Guild(_) => Problem::of(Code::UnknownGuild),
            _ => Problem::of(Code::UnknownPerson).at("userId", Code::UnknownPerson.meaning()),
        }),
    }
}
