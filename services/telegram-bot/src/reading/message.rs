//! A message with everything that a reader sees of it.

use super::media;
use super::record::Record;
use super::texts::Texts;
use super::who::{Place, Who, author, user_id};
use lockdown_events::{
    Author, ChannelId, Mentions, Message, MessageId, MessageRef, Names, Platform, Surface,
};
use lockdown_moderation::ServiceMessage;
use serde_json::Value;

/// Members without words for a reader; the chat's own, and other people's messages, which were read when they came.
const SILENT: [&str; 34] = [
    "business_connection_id",
    "chat_background_set",
    "delete_chat_photo",
    "channel_chat_created",
    "dice",
    "direct_message_price_changed",
    "effect_id",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "group_chat_created",
    "guest_query_id",
    "has_media_spoiler",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "left_chat_participant",
    "location",
    "message_auto_delete_timer_changed",
    "new_chat_member",
    "new_chat_participant",
    "new_chat_photo",
    "paid_message_price_changed",
    "paid_star_count",
    "passport_data",
    "pinned_message",
    "reply_to_checklist_task_id",
    "reply_to_poll_option_id",
    "sender_boost_count",
    "show_caption_above_media",
    "supergroup_chat_created",
    "video_chat_scheduled",
    "video_chat_started",
];

/// Members that have words in them, each found by whatever shape it has.
const SPEAKING: [&str; 54] = [
    "author_signature",
    "boost_added",
    "chat_owner_changed",
    "chat_owner_left",
    "chat_shared",
    "checklist",
    "checklist_tasks_added",
    "checklist_tasks_done",
    "connected_website",
    "contact",
    "direct_messages_topic",
    "external_reply",
    "forum_topic_created",
    "forum_topic_edited",
    "game",
    "gift",
    "gift_upgrade_sent",
    "giveaway",
    "giveaway_completed",
    "giveaway_created",
    "giveaway_winners",
    "guest_bot_caller_chat",
    "guest_bot_caller_user",
    "invoice",
    "left_chat_member",
    "link_preview_options",
    "managed_bot_created",
    "new_chat_members",
    "new_chat_title",
    "paid_media",
    "poll_option_added",
    "poll_option_deleted",
    "proximity_alert_triggered",
    "quote",
    "refunded_payment",
    "reply_to_story",
    "rich_message",
    "sender_business_bot",
    "story",
    "successful_payment",
    "suggested_post_approval_failed",
    "suggested_post_approved",
    "suggested_post_declined",
    "suggested_post_info",
    "suggested_post_paid",
    "suggested_post_refunded",
    "unique_gift",
    "users_shared",
    "venue",
    "via_bot",
    "video_chat_ended",
    "video_chat_participants_invited",
    "web_app_data",
    "write_access_allowed",
];

/// Members by which Telegram itself says something, and what.
const SERVICE: [(&str, ServiceMessage); 22] = [
    ("new_chat_members", ServiceMessage::Join),
    ("new_chat_participant", ServiceMessage::Join),
    ("left_chat_member", ServiceMessage::Leave),
    ("left_chat_participant", ServiceMessage::Leave),
    ("pinned_message", ServiceMessage::Pin),
    ("new_chat_title", ServiceMessage::Title),
    ("new_chat_photo", ServiceMessage::Photo),
    ("delete_chat_photo", ServiceMessage::Photo),
    ("forum_topic_edited", ServiceMessage::Topic),
    ("forum_topic_closed", ServiceMessage::Topic),
    ("forum_topic_reopened", ServiceMessage::Topic),
    ("general_forum_topic_hidden", ServiceMessage::Topic),
    ("general_forum_topic_unhidden", ServiceMessage::Topic),
    ("video_chat_scheduled", ServiceMessage::Call),
    ("video_chat_started", ServiceMessage::Call),
    ("video_chat_ended", ServiceMessage::Call),
    ("video_chat_participants_invited", ServiceMessage::Call),
    ("boost_added", ServiceMessage::Other),
    ("chat_background_set", ServiceMessage::Other),
    ("message_auto_delete_timer_changed", ServiceMessage::Other),
    ("proximity_alert_triggered", ServiceMessage::Other),
    ("web_app_data", ServiceMessage::Other),
];

/// Entities that we know; what else they carry is found by its shape.
const ENTITIES: [&str; 20] = [
    "blockquote",
    "bold",
    "bot_command",
    "cashtag",
    "code",
    "custom_emoji",
    "date_time",
    "email",
    "expandable_blockquote",
    "hashtag",
    "italic",
    "mention",
    "phone_number",
    "pre",
    "spoiler",
    "strikethrough",
    "text_link",
    "text_mention",
    "underline",
    "url",
];

/// A message, and what of it is not about its words.
pub(super) struct Spoken {
    pub(super) message: Message,
    pub(super) at: Option<chrono::DateTime<chrono::Utc>>,
    pub(super) chat: Place,
    pub(super) migrated_to: Option<i64>,
    pub(super) migrated_from: Option<i64>,
    pub(super) title: Option<String>,
    /// By which the file of a document is asked for, its own or of what it answers.
    pub(super) file: Option<String>,
}

/// Reads a `Message`; `None` where not even its place can be told.
pub(super) fn message(mut record: Record) -> Option<Spoken> {
    let chat = Place::of(record.record("chat")?)?;
    let id = record.number("message_id")?;
    let at = record.time("date");
    let automatic = record.flag("is_automatic_forward");
    let mut page = Page::default();
    let from = page.who("from", &mut record);
    let sender = page.who("sender_chat", &mut record);
    let (kind, author) = author(from, sender, &chat, automatic);
    let tag = record.text("sender_tag");
    let (author_id, names) = match author {
        Some(who) => {
            let id = who.user_id();
            page.leave("from", who.rest);
            (id, who.names)
        }
        None => (user_id(chat.id), Names::default()),
    };
    let thread = record.number("message_thread_id");
    let topic = record.flag("is_topic_message");
    let replied = record.record("reply_to_message");
    // One that is answered is meant as well as one that comes along.
    let answered_file = replied
        .as_ref()
        .and_then(|replied| replied.inner_text("document", "file_id"))
        .map(str::to_owned);
    let (reply_to, reply_author) = reply(replied);
    let caption = record.text("caption");
    let (entities, caption_entities) = (record.list("entities"), record.list("caption_entities"));
    let text = record.text("text");
    page.entities(entities, text.as_deref().unwrap_or_default());
    page.entities(caption_entities, caption.as_deref().unwrap_or_default());
    let content = match (text, caption) {
        (Some(text), Some(caption)) => {
            page.say("caption", caption);
            text
        }
        (text, caption) => text.or(caption).unwrap_or_default(),
    };
    let migrated_to = record.number("migrate_to_chat_id");
    let migrated_from = record.number("migrate_from_chat_id");
    let mut message = Message {
        platform: Platform::Telegram,
        guild_id: chat.guild(),
        message_id: MessageId::new(&id.to_string()).ok()?,
        channel_id: ChannelId::new(&chat.id.to_string()).ok()?,
        thread_id: thread
            .filter(|_| topic)
            .and_then(|thread| ChannelId::new(&thread.to_string()).ok()),
        // What a bot wrote for somebody stands there as theirs.
        invoker_id: record.has("via_bot").then(|| author_id.clone()),
        author_id,
        author: Author {
            kind,
            names: Names { tag, ..names },
            ..Author::default()
        },
        content,
        edited_at: record.time("edit_date"),
        reply_to,
        reply_author_id: reply_author.map(user_id),
        album_id: record.text("media_group_id"),
        mentions: Mentions::default(),
        hidden_links: Vec::new(),
        embeds: Vec::new(),
        attachments: Vec::new(),
        forward: None,
        poll: None,
        stickers: Vec::new(),
        buttons: Vec::new(),
        surfaces: Vec::new(),
        unparsed: Vec::new(),
        service: service(&record),
    };
    let file = record.inner_text("document", "file_id").map(str::to_owned);
    let file = file.or(answered_file);
    take_media(&mut record, &mut message, &mut page);
    let title = record.text("new_chat_title");
    page.surfaces.extend(title.iter().map(|title| Surface {
        place: "new_chat_title".to_owned(),
        text: title.clone(),
    }));
    record.skip(&SILENT);
    for (name, value) in record.rest() {
        page.find(&name, &value);
        if !SPEAKING.contains(&name.as_str()) {
            page.unparsed.push(name);
        }
    }
    message.mentions.users = page.mentioned;
    message.hidden_links = page.links;
    message.surfaces = page.surfaces;
    message.unparsed = page.unparsed;
    Some(Spoken {
        message,
        at,
        chat,
        migrated_to,
        migrated_from,
        title,
        file,
    })
}

/// What Telegram itself says by a message. A topic that begins and a group that does are no such thing: those cannot be taken
/// away.
fn service(record: &Record) -> Option<String> {
    let (_, what) = SERVICE.iter().find(|(name, _)| record.has(name))?;
    Some(what.as_str().to_owned())
}

/// The message that is answered, and whose it was.
fn reply(record: Option<Record>) -> (Option<MessageRef>, Option<i64>) {
    let Some(mut record) = record else {
        return (None, None);
    };
    let to = record
        .number("message_id")
        .and_then(|id| MessageId::new(&id.to_string()).ok());
    let who = record
        .record("sender_chat")
        .or_else(|| record.record("from"))
        .and_then(|who| Who::of(who).ok());
    let to = to.map(|message_id| MessageRef {
        channel_id: None,
        message_id,
    });
    (to, who.map(|who| who.id))
}

fn take_media(record: &mut Record, message: &mut Message, page: &mut Page) {
    if let Some(mut origin) = record.record("forward_origin") {
        let (forward, rest) = media::forward(&mut origin);
        message.forward = Some(Box::new(forward));
        page.leave("forward_origin", origin);
        rest.into_iter()
            .for_each(|part| page.leave("forward_origin", part));
    }
    // Older names for the same.
    record.skip(&["forward_date", "forward_from_message_id"]);
    message.attachments.extend(media::photo(record.list("photo")));
    for kind in media::FILES {
        if let Some(mut file) = record.record(kind) {
            message.attachments.push(media::file(kind, &mut file));
            page.leave(kind, file);
        }
    }
    if let Some(mut sticker) = record.record("sticker") {
        message.stickers.push(media::sticker(&mut sticker));
        page.leave("sticker", sticker);
    }
    if let Some(mut poll) = record.record("poll") {
        let (read, rest) = media::poll(&mut poll);
        message.poll = Some(read);
        page.leave("poll", poll);
        rest.into_iter().for_each(|option| page.leave("poll", option));
    }
    if let Some(mut markup) = record.record("reply_markup") {
        let (buttons, rest) = media::buttons(&mut markup);
        message.buttons = buttons;
        page.leave("reply_markup", markup);
        rest.into_iter().for_each(|button| page.leave("button", button));
    }
}

/// What is found on the way.
#[derive(Default)]
struct Page {
    surfaces: Vec<Surface>,
    links: Vec<String>,
    mentioned: Vec<lockdown_events::UserId>,
    unparsed: Vec<String>,
}

// === impl Page ===

impl Page {
    fn say(&mut self, place: &str, text: String) {
        self.surfaces.push(Surface {
            place: place.to_owned(),
            text,
        });
    }

    /// Somebody who is named; what is nobody is read as anything else that is not understood.
    fn who(&mut self, name: &str, record: &mut Record) -> Option<Who> {
        match Who::of(record.record(name)?) {
            Ok(who) => Some(who),
            Err(other) => {
                self.unparsed.push(name.to_owned());
                self.leave(name, other);
                None
            }
        }
    }

    fn find(&mut self, place: &str, value: &Value) {
        let found = Texts::of(value);
        for text in found.texts {
            self.say(place, text);
        }
        self.links.extend(found.links);
    }

    /// What is left of something that was understood otherwise.
    fn leave(&mut self, place: &str, record: Record) {
        self.find(place, &Value::Object(record.rest()));
    }

    fn entities(&mut self, entities: Vec<Value>, text: &str) {
        for entity in entities {
            let mut entity = Record::around(entity);
            let kind = entity.text("type").unwrap_or_default();
            let (offset, length) = (entity.number("offset"), entity.number("length"));
            if let Some(user) = self.who("user", &mut entity) {
                let named = [user.names.display_name.as_deref(), user.names.username.as_deref()];
                for name in named.into_iter().flatten() {
                    self.say("entity", name.to_owned());
                }
                self.mentioned.push(user_id(user.id));
                // So that a command can tell where the name ends and the reason begins.
                if let Some(shown) = offset.zip(length).and_then(|span| part(text, span)) {
                    self.say("text_mention", shown);
                }
                self.leave("entity", user.rest);
            }
            if let Some(link) = entity.text("url") {
                self.links.push(link);
            }
            if !ENTITIES.contains(&kind.as_str()) {
                self.unparsed.push(format!("entity:{kind}"));
            }
            entity.skip(&["custom_emoji_id", "date_time_format"]);
            self.leave("entity", entity);
        }
    }
}

/// A part of a text by UTF-16 units.
fn part(text: &str, (offset, length): (i64, i64)) -> Option<String> {
    let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
    let units: Vec<u16> = text.encode_utf16().skip(offset).take(length).collect();
    Some(String::from_utf16_lossy(&units))
}
