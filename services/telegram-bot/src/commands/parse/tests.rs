use super::*;
use crate::reading::{Read, Record, read as read_update};
use lockdown_events::{Event, MessageEvent};
use serde_json::{Value, json};

fn said(text: &str, more: &Value) -> Message {
    let mut message = json!({
        "message_id": 7, "date": 1, "text": text, "chat": { "id": -1_009, "type": "supergroup" },
        "from": { "id": 11, "is_bot": false, "first_name": "Olga" },
    });
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    let update = Record::of(json!({ "update_id": 1, "message": message })).unwrap();
    let Read::Told(told) = read_update(update, 1, "native") else {
        panic!("it is a message")
    };
    match told.into_iter().next().unwrap().event {
        Event::Message(MessageEvent::Created(message)) => *message,
        other => panic!("{other:?}"),
    }
}

fn reply() -> Value {
    json!({ "reply_to_message": { "message_id": 5, "from": { "id": 666_000, "first_name": "Mallory" } } })
}

/// A command in short: what, to whom, how long, why.
fn short(text: &str, more: &Value) -> Option<String> {
    let message = said(text, more);
    let addressed = parse(&message)?;
    Some(match addressed.command {
        Ok(command) if command.number.is_some() => {
            format!("{:?} {}", command.deed, command.number.unwrap())
        }
        Ok(command) => {
            let what = match command.deed {
                Deed::Act(action) => action.as_str().to_owned(),
                other => format!("{other:?}").to_lowercase(),
            };
            let to = match command.target {
                Some(Target::Id(id)) => id.to_string(),
                Some(Target::Username(name)) => format!("@{name}"),
                None => "-".to_owned(),
            };
            let lasts = command.lasts.map_or("-".to_owned(), |span| span.to_string());
            let forms = [(command.silent, "s"), (command.delete, "d")];
            let forms = forms.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
            format!(
                "{what} {to} {lasts} {} {}",
                command.reason.as_deref().unwrap_or("-"),
                forms.collect::<String>()
            )
            .trim_end()
            .to_owned()
        }
        Err(fault) => format!("{fault:?}"),
    })
}

#[test]
fn commands_are_read_as_people_write_them() {
    let (alone, reply) = (json!({}), reply());
    for (text, more, is) in [
        ("/ban 666000 spam", &alone, Some("ban 666000 - spam")),
        (
            "!BAN 666000\nspam\nand more",
            &alone,
            Some("ban 666000 - spam\nand more"),
        ),
        (
            "  /Ban@LockdownBot @Mallory 3d spam",
            &alone,
            Some("ban @mallory 3 days spam"),
        ),
        ("/ban", &reply, Some("ban 666000 - -")),
        ("/ban\nspam", &reply, Some("ban 666000 - spam")),
        ("/ban 5 times now", &reply, Some("ban 666000 - 5 times now")),
        (
            "/ban 777000111 not the one answered",
            &reply,
            Some("ban 777000111 - not the one answered"),
        ),
        ("/tmute 45s noise", &reply, Some("mute 666000 45 seconds noise")),
        ("/tmute noise", &reply, Some("HowLong")),
        ("/mute 1h15m", &reply, Some("mute 666000 1 hour 15 minutes -")),
        ("/ro", &reply, Some("mute 666000 - -")),
        ("/dban spam", &reply, Some("ban 666000 - spam d")),
        ("/swarn spam", &reply, Some("warn 666000 - spam s")),
        ("/warn 3d of noise", &reply, Some("warn 666000 - 3d of noise")),
        (
            "/ban -1001234567890 a channel",
            &alone,
            Some("ban -1001234567890 - a channel"),
        ),
        ("/ban", &alone, Some("Whom")),
        ("/ban spam", &alone, Some("Whom")),
        ("/case #17", &alone, Some("Case 17")),
        ("/case", &alone, Some("WhichCase")),
        ("/STMute 2h noise", &reply, Some("mute 666000 2 hours noise s")),
        ("/dtban", &reply, Some("HowLong")),
        ("/dunban", &reply, None),
        ("/purge 50", &alone, Some("Clean(Since) 50")),
        ("/spurge", &reply, Some("clean(since) - - - s")),
        ("/info", &alone, Some("info - - -")),
        ("/info @Eve", &reply, Some("info @eve - -")),
        ("/adminlist please", &alone, Some("administrators - - please")),
        ("where is an @Admin?", &reply, Some("report - - -")),
        ("mail me @administration", &reply, None),
        (" Spam\n", &reply, Some("learn(spam) - - -")),
        ("BAN", &reply, Some("ban 666000 - -")),
        ("warn", &reply, Some("warn 666000 - -")),
        ("warn", &alone, None),
        ("ban them", &reply, None),
        ("kick", &reply, None),
        ("/promote @Eve", &alone, Some("promote @eve - -")),
        ("/demote", &reply, Some("demote 666000 - -")),
        ("/restrict 2h noise", &reply, Some("mute 666000 2 hours noise")),
        ("/reset yes", &alone, Some("transfer(reset) - - yes")),
        ("/banana 666000", &alone, None),
        ("ban 666000", &alone, None),
        ("/", &alone, None),
        ("", &alone, None),
    ] {
        assert_eq!(short(text, more).as_deref(), is, "{text}");
    }
}

#[test]
fn who_is_meant_is_not_guessed() {
    // A name of several words, without a username.
    let mention = json!({ "entities": [
        { "type": "bot_command", "offset": 0, "length": 4 },
        { "type": "text_mention", "offset": 5, "length": 13, "user": { "id": 666_000, "first_name": "Mallory" } },
    ] });
    let is = short("/ban Mallory Smith 2h spam", &mention);
    assert_eq!(is.as_deref(), Some("ban 666000 2 hours spam"));
    // What begins a topic is answered by all that is said there.
    let topic = json!({
        "reply_to_message": { "message_id": 3, "from": { "id": 11, "first_name": "Olga" } },
        "message_thread_id": 3, "is_topic_message": true,
    });
    assert_eq!(short("/ban", &topic).as_deref(), Some("Whom"));
    // Not said here, or not by a person.
    let forwarded =
        json!({ "forward_origin": { "type": "hidden_user", "date": 1, "sender_user_name": "x" } });
    assert_eq!(short("/ban 666000", &forwarded), None);
    let bot = json!({ "from": { "id": 12, "is_bot": true, "first_name": "x" } });
    assert_eq!(short("/ban 666000", &bot), None);
    let offered = json!({ "via_bot": { "id": 12, "is_bot": true, "first_name": "x" } });
    assert_eq!(short("/ban 666000", &offered), None);
    let channel = json!({ "sender_chat": { "id": -1_010, "type": "channel", "title": "x" } });
    assert_eq!(short("/ban 666000", &channel), None);
}

#[test]
fn what_was_answered_and_is_gone_means_nobody() {
    // Telegram leaves out what was deleted, and what stands in another chat.
    assert_eq!(short("/ban", &json!({})).as_deref(), Some("Whom"));
    let elsewhere = json!({ "external_reply": { "origin": { "type": "user", "date": 1,
        "sender_user": { "id": 666_000, "is_bot": false, "first_name": "Mallory" } }, "message_id": 5 } });
    assert_eq!(short("/ban", &elsewhere).as_deref(), Some("Whom"));
    assert_eq!(short("ban", &elsewhere), None);
    // One whose author cannot be told.
    let nobody = json!({ "reply_to_message": { "message_id": 5 } });
    assert_eq!(short("/ban", &nobody).as_deref(), Some("Whom"));
}

#[test]
fn what_looks_like_a_command_is_told_from_what_does_not() {
    for (text, is) in [
        ("/play@OtherBot now", true),
        ("/unknown_one", true),
        ("/", false),
        ("/home/me", false),
        ("/5", false),
        ("!play", false),
        ("play /now", false),
    ] {
        assert_eq!(is_command(&said(text, &json!({}))), is, "{text}");
    }
}

#[test]
fn the_bot_that_is_meant_is_named() {
    let (to_us, to_all) = (
        said("/ban@Other 666000", &json!({})),
        said("/ban 666000", &json!({})),
    );
    assert_eq!(parse(&to_us).unwrap().to, Some("Other"));
    assert_eq!(parse(&to_all).unwrap().to, None);
}
