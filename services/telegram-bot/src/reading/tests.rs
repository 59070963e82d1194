//! One message for each field and type of Telegram's, and for what it does not have yet: whatever a reader would see is in
//! the event.

use super::{Read, Record, read};
use lockdown_events::{AuthorKind, Event, Message, MessageEvent};
use serde_json::{Value, json};

const OWN: i64 = 110_201_543;
const CHAT: i64 = -1_001_234_567_890;

pub(super) fn spoken(extra: &Value) -> Message {
    let mut message = json!({
        "message_id": 7, "date": 1_795_165_560, "chat": { "id": CHAT, "type": "supergroup", "title": "Town" },
        "from": { "id": 5_311_902_203_i64, "is_bot": false, "first_name": "Mallory" },
    });
    for (name, value) in extra.as_object().unwrap() {
        message[name] = value.clone();
    }
    let update = json!({ "update_id": 1, "message": message });
    match read(Record::of(update).unwrap(), OWN, "native") {
        Read::Told(told) => match told.into_iter().next_back().unwrap().event {
            Event::Message(MessageEvent::Created(message)) => *message,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Everything that the rules can read of a message.
pub(super) fn all_texts(message: &Message) -> String {
    serde_json::to_string(message).unwrap()
}

/// A shape of a type, with `MARK` wherever there is a text.
fn types() -> Vec<(&'static str, Value)> {
    let user =
        json!({ "id": 9, "is_bot": false, "first_name": "MARK", "last_name": "MARK", "username": "MARK" });
    let chat = json!({ "id": -1_009, "type": "channel", "title": "MARK", "username": "MARK" });
    let file = json!({ "file_id": "x", "file_unique_id": "x", "file_size": 3, "width": 1, "height": 1, "duration": 1 });
    let with = |base: &Value, more: Value| {
        let mut base = base.clone();
        base.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        base
    };
    let entity = |kind: &str, more: Value| with(&json!({ "type": kind, "offset": 0, "length": 4 }), more);
    vec![
        ("user", user.clone()),
        ("chat", chat.clone()),
        (
            "quote",
            json!({ "text": "MARK", "position": 0, "entities": [entity("bold", json!({}))] }),
        ),
        (
            "text_link",
            entity("text_link", json!({ "url": "https://MARK.example" })),
        ),
        (
            "odd_link",
            entity("text_link", json!({ "url": "MARK:://not a url" })),
        ),
        ("text_mention", entity("text_mention", json!({ "user": user }))),
        (
            "date_time",
            entity("date_time", json!({ "unix_time": 1, "date_time_format": "f" })),
        ),
        (
            "entity from the future",
            entity("hologram", json!({ "words": "MARK" })),
        ),
        (
            "document",
            with(
                &file,
                json!({ "file_name": "MARK", "mime_type": "not/a file type" }),
            ),
        ),
        (
            "audio",
            with(
                &file,
                json!({ "performer": "MARK", "title": "MARK", "file_name": "MARK" }),
            ),
        ),
        ("animation", with(&file, json!({ "file_name": "MARK" }))),
        (
            "sticker",
            with(
                &file,
                json!({ "emoji": "MARK", "set_name": "MARK", "type": "regular" }),
            ),
        ),
        ("story", json!({ "chat": chat, "id": 3 })),
        (
            "contact",
            json!({ "phone_number": "MARK", "first_name": "MARK", "last_name": "MARK", "vcard": "MARK" }),
        ),
        (
            "venue",
            json!({ "location": { "latitude": 1.0, "longitude": 1.0 }, "title": "MARK", "address": "MARK" }),
        ),
        (
            "game",
            json!({ "title": "MARK", "description": "MARK", "text": "MARK", "photo": [file] }),
        ),
        (
            "poll",
            json!({
                "id": "1", "question": "MARK", "options": [{ "text": "MARK", "voter_count": 0, "persistent_id": "1" }],
                "explanation": "MARK", "description": "MARK", "type": "quiz",
            }),
        ),
        (
            "checklist",
            json!({ "title": "MARK", "tasks": [{ "id": 1, "text": "MARK" }] }),
        ),
        (
            "giveaway",
            json!({ "chats": [chat], "winner_count": 1, "prize_description": "MARK" }),
        ),
        (
            "invoice",
            json!({ "title": "MARK", "description": "MARK", "start_parameter": "MARK", "currency": "XTR", "total_amount": 1 }),
        ),
        (
            "paid media",
            json!({ "star_count": 1, "paid_media": [{ "type": "video", "video": with(&file, json!({ "file_name": "MARK" })) }] }),
        ),
        (
            "rich message",
            json!({ "blocks": [
                { "type": "paragraph", "text": ["MARK", { "type": "bold", "text": "MARK" }] },
                { "type": "list", "items": [{ "blocks": [{ "type": "paragraph", "text": "MARK" }] }] },
                { "type": "details", "summary": { "type": "italic", "text": "MARK" }, "blocks": [] },
            ] }),
        ),
        (
            "gift",
            json!({ "gift": { "id": "1", "sticker": file }, "text": "MARK" }),
        ),
        ("topic", json!({ "name": "MARK", "icon_color": 1 })),
        ("web app", json!({ "data": "MARK", "button_text": "MARK" })),
        (
            "origin: user",
            json!({ "type": "user", "date": 1, "sender_user": user }),
        ),
        (
            "origin: hidden",
            json!({ "type": "hidden_user", "date": 1, "sender_user_name": "MARK" }),
        ),
        (
            "origin: channel",
            json!({ "type": "channel", "date": 1, "chat": chat, "message_id": 4, "author_signature": "MARK" }),
        ),
        (
            "origin: new",
            json!({ "type": "hologram", "beam": { "words": "MARK" } }),
        ),
        ("a text", json!("MARK")),
        ("nothing", json!({})),
        ("a number", json!(3)),
    ]
}

/// Members of a message, and the types that Telegram gives them: what is not in the list may be anything.
const FIELDS: [(&str, bool); 58] = [
    ("from", false),
    ("sender_chat", false),
    ("via_bot", false),
    ("sender_business_bot", false),
    ("guest_bot_caller_user", false),
    ("guest_bot_caller_chat", false),
    ("left_chat_member", false),
    ("new_chat_members", true),
    ("forward_origin", false),
    ("external_reply", false),
    ("quote", false),
    ("reply_to_story", false),
    ("entities", true),
    ("caption_entities", true),
    ("text", false),
    ("caption", false),
    ("author_signature", false),
    ("sender_tag", false),
    ("rich_message", false),
    ("animation", false),
    ("audio", false),
    ("document", false),
    ("live_photo", false),
    ("paid_media", false),
    ("sticker", false),
    ("story", false),
    ("video", false),
    ("video_note", false),
    ("voice", false),
    ("checklist", false),
    ("contact", false),
    ("game", false),
    ("poll", false),
    ("venue", false),
    ("new_chat_title", false),
    ("invoice", false),
    ("successful_payment", false),
    ("refunded_payment", false),
    ("users_shared", false),
    ("chat_shared", false),
    ("gift", false),
    ("unique_gift", false),
    ("connected_website", false),
    ("checklist_tasks_done", false),
    ("checklist_tasks_added", false),
    ("forum_topic_created", false),
    ("forum_topic_edited", false),
    ("giveaway", false),
    ("giveaway_winners", false),
    ("giveaway_completed", false),
    ("poll_option_added", false),
    ("suggested_post_declined", false),
    ("video_chat_participants_invited", false),
    ("web_app_data", false),
    ("managed_bot_created", false),
    ("reply_markup", false),
    ("a_member_of_the_future", false),
    ("another_one", true),
];

/// Each text made different from all others.
fn numbered(value: &Value) -> (Value, usize) {
    let text = value.to_string();
    let parts: Vec<&str> = text.split("MARK").collect();
    let mut marked = parts[0].to_owned();
    for (number, part) in parts[1..].iter().enumerate() {
        marked.push_str(&format!("MARK{number}x{part}"));
    }
    (serde_json::from_str(&marked).unwrap(), parts.len() - 1)
}

#[test]
fn no_text_is_lost_whatever_stands_where() {
    let (types, mut generated) = (types(), 0);
    for (field, many) in FIELDS {
        for (name, shape) in &types {
            let shape = if many { json!([shape]) } else { shape.clone() };
            let (shape, count) = numbered(&shape);
            let message = spoken(&json!({ "text": "the words", field: shape }));
            let found = all_texts(&message);
            if field != "text" {
                assert_eq!(message.content, "the words", "{field} as {name}");
            }
            for number in 0..count {
                let mark = format!("MARK{number}x");
                assert!(
                    found.contains(&mark),
                    "{field} as {name}: {mark} is lost in {found}"
                );
            }
            generated += 1;
        }
    }
    assert_eq!(generated, FIELDS.len() * types.len());
}

/// What bypassed a parser once: with each of them the text was gone.
#[test]
fn what_a_stricter_reader_loses_is_kept() {
    for (name, extra) in [
        (
            "a reply to a text of another chat",
            json!({ "external_reply": { "origin": { "type": "hidden_user", "date": 1, "sender_user_name": "x" } } }),
        ),
        (
            "a date",
            json!({ "entities": [{ "type": "date_time", "offset": 0, "length": 3, "unix_time": 4 }] }),
        ),
        (
            "rich blocks",
            json!({ "rich_message": { "blocks": [{ "type": "paragraph", "text": "x" }] } }),
        ),
        (
            "a file type that the uploader chose",
            json!({ "document": { "file_id": "x", "file_unique_id": "x", "mime_type": "%%%" } }),
        ),
        (
            "no file type",
            json!({ "document": { "file_id": "x", "file_unique_id": "x" } }),
        ),
        (
            "an odd link",
            json!({ "entities": [{ "type": "text_link", "offset": 0, "length": 3, "url": "::::" }] }),
        ),
        (
            "an unknown origin",
            json!({ "forward_origin": { "type": "teleport" } }),
        ),
        (
            "an entity beyond the text",
            json!({ "entities": [{ "type": "text_mention", "offset": 90, "length": 900, "user": { "id": 1, "first_name": "x" } }] }),
        ),
        (
            "a number where a text should be",
            json!({ "caption": 4, "sender_tag": [1] }),
        ),
    ] {
        let mut extra = extra;
        extra["text"] = json!("free gift");
        assert_eq!(spoken(&extra).content, "free gift", "{name}");
    }
}

#[test]
fn pieces_of_a_word_are_one_word() {
    let message = spoken(&json!({ "rich_message": { "blocks": [
        { "type": "paragraph", "text": ["fr", { "type": "bold", "text": ["e", { "type": "italic", "text": "e" }] }, " money"] },
    ] } }));
    assert_eq!(message.surfaces[0].text, "free money");
    let link = spoken(&json!({ "rich_message": { "blocks": [
        { "type": "paragraph", "text": ["see ", { "type": "url", "text": "here", "url": "https://spam.example" }] },
    ] } }));
    assert_eq!(
        (link.surfaces[0].text.as_str(), link.hidden_links[0].as_str()),
        ("see here", "https://spam.example")
    );
}

#[test]
fn what_speaks_is_told_apart() {
    let channel = json!({ "id": -1_009, "type": "channel", "title": "Gifts" });
    let group = json!({ "id": CHAT, "type": "supergroup", "title": "Town" });
    let account = |id: i64| json!({ "id": id, "is_bot": id != 777_000, "first_name": "x" });
    for (extra, kind, author) in [
        (json!({}), AuthorKind::Person, 5_311_902_203),
        (json!({ "from": account(42) }), AuthorKind::Bot, 42),
        (
            json!({ "from": account(136_817_688), "sender_chat": channel }),
            AuthorKind::Channel,
            -1_009,
        ),
        (
            json!({ "from": account(1_087_968_824), "sender_chat": group }),
            AuthorKind::AnonymousAdmin,
            CHAT,
        ),
        (
            json!({ "from": account(777_000), "sender_chat": channel, "is_automatic_forward": true }),
            AuthorKind::LinkedChannel,
            -1_009,
        ),
        (json!({ "from": null }), AuthorKind::Channel, CHAT),
    ] {
        let message = spoken(&extra);
        assert_eq!(
            (message.author.kind, message.author_id.as_str()),
            (kind, author.to_string().as_str())
        );
    }
}

#[test]
fn an_empty_name_is_none() {
    for (first, last, is) in [
        ("Eve", "Smith", Some("Eve Smith")),
        ("", "Smith", Some("Smith")),
        ("Eve", " ", Some("Eve")),
        ("", "", None),
    ] {
        let from = json!({ "id": 9, "is_bot": false, "first_name": first, "last_name": last });
        let message = spoken(&json!({ "from": from, "text": "x" }));
        assert_eq!(message.author.names.display_name.as_deref(), is);
    }
}

#[test]
fn what_telegram_itself_says_is_told_from_what_people_write() {
    let user = json!({ "id": 9, "is_bot": false, "first_name": "Eve" });
    for (extra, is) in [
        (json!({ "new_chat_members": [user] }), Some("join")),
        (json!({ "left_chat_member": user }), Some("leave")),
        (
            json!({ "pinned_message": { "message_id": 1, "text": "x" } }),
            Some("pin"),
        ),
        (json!({ "new_chat_title": "x" }), Some("title")),
        (json!({ "delete_chat_photo": true }), Some("photo")),
        (json!({ "forum_topic_closed": {} }), Some("topic")),
        (
            json!({ "video_chat_scheduled": { "start_date": 1 } }),
            Some("call"),
        ),
        (json!({ "boost_added": { "boost_count": 1 } }), Some("other")),
        (
            json!({ "forum_topic_created": { "name": "x", "icon_color": 1 } }),
            None,
        ),
        (json!({ "text": "x" }), None),
    ] {
        let message = spoken(&extra);
        assert_eq!(message.service.as_deref(), is, "{extra}");
        assert_eq!(message.unparsed, [""; 0], "{extra}");
    }
}

#[test]
fn what_cannot_be_placed_is_said() {
    let update = |body: Value| read(Record::of(body).unwrap(), OWN, "native");
    assert!(
        matches!(update(json!({ "update_id": 1, "message": { "text": "x" } })), Read::Unplaced(kind) if kind == "message")
    );
    assert!(
        matches!(update(json!({ "update_id": 1, "teleport": {} })), Read::Other(kind) if kind == "teleport")
    );
    // What is said to the bot alone is in no community.
    let alone = json!({ "update_id": 1, "message": { "message_id": 1, "chat": { "id": 5, "type": "private" }, "text": "/start" } });
    assert!(matches!(update(alone), Read::Private(_)));
}
