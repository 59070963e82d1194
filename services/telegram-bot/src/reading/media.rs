//! Files, stickers, polls, buttons, forwards.

use super::record::Record;
use super::who::Who;
use lockdown_events::{Attachment, Button, ChannelId, Forward, MessageId, MessageRef, Poll, Sticker};
use serde_json::Value;

/// Media that are one file each.
pub(super) const FILES: [&str; 7] = [
    "animation",
    "audio",
    "document",
    "live_photo",
    "video",
    "video_note",
    "voice",
];

/// A file, as its uploader describes it. What else it says is left in the record.
pub(super) fn file(kind: &str, record: &mut Record) -> Attachment {
    Attachment {
        id: record.text("file_unique_id").unwrap_or_default(),
        kind: Some(kind.to_owned()),
        name: record.text("file_name"),
        content_type: record.text("mime_type"),
        size: record
            .number("file_size")
            .and_then(|size| u64::try_from(size).ok()),
        ..Attachment::default()
    }
}

/// A photo comes in several sizes; the largest is the last.
pub(super) fn photo(sizes: Vec<Value>) -> Option<Attachment> {
    let mut record = Record::of(sizes.into_iter().last()?)?;
    Some(file("photo", &mut record))
}

pub(super) fn sticker(record: &mut Record) -> Sticker {
    Sticker {
        id: record.text("file_unique_id").unwrap_or_default(),
        name: record.text("emoji"),
        set: record.text("set_name"),
    }
}

/// What else a poll says (its explanation, its description) is left in the record, and what else an option says is given
/// back.
pub(super) fn poll(record: &mut Record) -> (Poll, Vec<Record>) {
    let question = record.text("question").unwrap_or_default();
    let mut rest = Vec::new();
    let mut answers = Vec::new();
    for option in record.list("options") {
        let mut option = Record::around(option);
        answers.extend(option.text("text"));
        rest.push(option);
    }
    (Poll { question, answers }, rest)
}

/// The rows of an inline keyboard, and what else its buttons say.
pub(super) fn buttons(markup: &mut Record) -> (Vec<Button>, Vec<Record>) {
    let (mut buttons, mut rest) = (Vec::new(), Vec::new());
    for row in markup.list("inline_keyboard") {
        let row = match row {
            Value::Array(row) => row,
            other => vec![other],
        };
        for button in row {
            let mut button = Record::around(button);
            let mut url = button.text("url");
            for around in ["login_url", "web_app"] {
                if let Some(mut around) = button.record(around) {
                    url = url.or_else(|| around.text("url"));
                    rest.push(around);
                }
            }
            button.skip(&["callback_data", "pay", "style", "icon_custom_emoji_id"]);
            buttons.push(Button {
                label: button.text("text").unwrap_or_default(),
                url,
            });
            rest.push(button);
        }
    }
    (buttons, rest)
}

/// Where a forwarded message comes from; its words are the message's own. What else the origin says is left in it, or given
/// back.
pub(super) fn forward(origin: &mut Record) -> (Forward, Vec<Record>) {
    let (mut shown, mut place, mut rest) = (Vec::new(), None, Vec::new());
    for name in ["sender_user", "sender_chat", "chat"] {
        match origin.record(name).map(Who::of) {
            Some(Ok(who)) => {
                if name != "sender_user" {
                    place = Some(who.id);
                }
                shown.extend(who.names.display_name);
                shown.extend(who.names.username.map(|username| format!("@{username}")));
                rest.push(who.rest);
            }
            Some(Err(other)) => rest.push(other),
            None => {}
        }
    }
    shown.extend(origin.text("sender_user_name"));
    let message = origin.number("message_id").zip(place);
    origin.skip(&["type", "date"]);
    let forward = Forward {
        origin: (!shown.is_empty()).then(|| shown.join(" ")),
        message: message.and_then(|(message, chat)| {
            Some(MessageRef {
                channel_id: Some(ChannelId::new(&chat.to_string()).ok()?),
                message_id: MessageId::new(&message.to_string()).ok()?,
            })
        }),
        ..Forward::default()
    };
    (forward, rest)
}
