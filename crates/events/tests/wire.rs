//! Envelopes as the world sends them: older shapes, the future, and bad input.

use lockdown_events::{
    Action, DecodeError, Envelope, Event, MAX_BYTES, MAX_DEPTH, MessageEvent, ModerationEvent, Platform,
    Source, Traceparent,
};
use serde_json::{Value, json};
use std::error::Error;

const OLDER: &str = r#"{"type":"MODERATION_ACTION","payload":{"guildId":"1","action":"BAN","userId":"2","reason":"spam"},
    "timestamp":"2026-11-20T09:06:00.123Z","source":"old-dashboard"}"#;

/// A good envelope with one member replaced or, by `null`, removed.
fn with(member: &str, replacement: Value) -> String {
    let mut envelope = json!({
        "eventId": "0199c2d4-0001-7000-8000-000000000001", "eventType": "user:left",
        "timestamp": "2026-11-20T09:06:00Z", "source": "discord-bot",
        "correlationId": "0199c2d4-0001-7000-8000-000000000001", "version": 1,
        "data": {"guildId": "1", "userId": "2"},
    });
    envelope[member] = replacement;
    envelope.to_string()
}

fn refused(text: &str) -> DecodeError {
    Envelope::decode(text)
        .and_then(|envelope| envelope.event())
        .expect_err(text)
}

#[test]
fn an_older_envelope_is_the_same_event_each_time() {
    let first = Envelope::decode(OLDER).unwrap();
    assert_eq!((first.event_type(), first.version()), ("moderation:action", 1));
    assert_eq!(first.source, Source::Outside("old-dashboard".into()));
    assert_eq!(first.correlation_id.as_str(), first.event_id.to_string());
    let Event::Moderation(ModerationEvent::Action(action)) = first.event().unwrap() else {
        panic!("another type")
    };
    assert_eq!(
        (action.action, action.platform, action.guild_id.as_str()),
        (Action::Ban, Platform::Discord, "1")
    );

    // Heard again with other spaces and another order of members: the same id, so it is handled once.
    let again = r#"{"source":"old-dashboard","timestamp":1795165560123,"type":"MODERATION_ACTION",
        "payload":{"reason":"spam","userId":"2","action":"BAN","guildId":"1"}}"#;
    assert_eq!(Envelope::decode(again).unwrap().event_id, first.event_id);

    // Any difference in what is said is another event.
    for (from, to) in [
        ("\"2\"", "\"3\""),
        ("old-dashboard", "new"),
        (".123Z", ".124Z"),
        ("MODERATION_ACTION", "X"),
    ] {
        let other = Envelope::decode(&OLDER.replace(from, to)).unwrap();
        assert_ne!(other.event_id, first.event_id, "{from} -> {to}");
    }

    // Written in today's shape it keeps its id.
    let today = Envelope::decode(&first.encode()).unwrap();
    assert_eq!(
        (today.event_id, today.event_type()),
        (first.event_id, "moderation:action")
    );
}

#[test]
fn derived_ids_sort_by_time() {
    let ids: Vec<_> = [
        "2026-11-20T09:06:00.123Z",
        "2026-11-20T09:06:00.124Z",
        "2026-11-21T00:00:00Z",
    ]
    .map(|at| {
        Envelope::decode(&OLDER.replace("2026-11-20T09:06:00.123Z", at))
            .unwrap()
            .event_id
    })
    .to_vec();
    assert!(ids.is_sorted());
    assert_eq!(ids[0].0.get_version_num(), 8);
}

#[test]
fn shouted_names_are_known_only_where_the_table_knows_them() {
    for (older, today) in [
        ("MESSAGE_CREATED", "message:created"),
        ("MESSAGE_BULK_DELETED", "message:bulk_deleted"),
        ("USER_JOINED", "user:joined"),
        ("ban:created", "ban:created"),
        ("RAIN_STARTED", "RAIN_STARTED"),
        ("", ""),
    ] {
        let envelope = Envelope::decode(&OLDER.replace("MODERATION_ACTION", older)).unwrap();
        assert_eq!(envelope.event_type(), today);
    }
}

#[test]
fn the_shapes_may_be_mixed_and_todays_members_win() {
    let mixed = with("type", json!("ban"));
    let envelope = Envelope::decode(&mixed).unwrap();
    assert_eq!(envelope.event_type(), "user:left");
    let kept: Value = serde_json::from_str(&envelope.encode()).unwrap();
    assert_eq!(kept["type"], "ban", "someone else's member was lost");

    let no_version = Envelope::decode(&with("version", Value::Null)).unwrap();
    assert_eq!(no_version.version(), 1);
}

#[test]
fn a_trace_is_passed_on_and_one_that_nobody_can_follow_is_not() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let envelope = Envelope::decode(&with("traceparent", json!(trace))).unwrap();
    assert_eq!(
        envelope.traceparent.as_ref().map(Traceparent::as_str),
        Some(trace)
    );
    let again: Value = serde_json::from_str(&envelope.encode()).unwrap();
    assert_eq!(again["traceparent"], trace);

    for odd in [
        json!("none"),
        json!(7),
        json!(trace.to_uppercase()),
        json!(trace.replace("00-", "ff-")),
        json!(format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))),
        json!(format!("{trace}-")),
    ] {
        let envelope = Envelope::decode(&with("traceparent", odd.clone())).unwrap();
        assert_eq!(envelope.traceparent, None, "{odd}");
        assert!(!envelope.encode().contains("traceparent"), "{odd}");
    }
}

#[test]
fn an_event_from_the_future_is_kept_whole() {
    let text = r#"{"eventId":"0199c2d4-0001-7000-8000-000000000001","eventType":"voice:started",
        "timestamp":"2030-01-01T00:00:00Z","source":"backend","correlationId":"c","version":3,
        "signature":{"alg":"ed25519","at":1e400},"data":{"nested":[{"huge":123456789012345678901234567890}]}}"#;
    let envelope = Envelope::decode(text).unwrap();
    let error = envelope.event().unwrap_err();
    assert!(error.is_unknown());
    assert_eq!(
        (error.code(), error.field().as_deref()),
        ("unknown_type", Some("eventType"))
    );
    assert_eq!(
        envelope.data().get(),
        r#"{"nested":[{"huge":123456789012345678901234567890}]}"#
    );
    let relayed = envelope.encode();
    assert!(
        relayed.contains(r#""signature":{"alg":"ed25519","at":1e400}"#),
        "{relayed}"
    );

    // A member that a newer process added to a known type does no harm; a newer version is said to be one.
    assert!(
        Envelope::decode(&with("data", json!({"guildId": "1", "userId": "2", "mood": 1})))
            .unwrap()
            .event()
            .is_ok()
    );
    let newer = refused(&with("version", json!(2)));
    assert!(
        newer.is_unknown()
            && matches!(
                newer,
                DecodeError::UnknownVersion {
                    version: 2,
                    known: 1,
                    ..
                }
            )
    );
}

#[test]
fn a_live_frame_tells_its_place_and_loses_it_when_written_back() {
    let live = with("streamId", json!("1763629560123-0"));
    let envelope = Envelope::decode(&live).unwrap();
    assert_eq!(envelope.stream_id.as_ref().unwrap().as_str(), "1763629560123-0");
    assert!(!envelope.encode().contains("streamId"));
}

#[test]
fn a_fault_names_its_field() {
    for (member, replacement, field, code) in [
        ("eventType", Value::Null, "eventType", "missing_field"),
        ("eventType", json!(7), "eventType", "wrong_field"),
        ("data", Value::Null, "data", "missing_field"),
        ("timestamp", Value::Null, "timestamp", "missing_field"),
        ("timestamp", json!("yesterday"), "timestamp", "wrong_field"),
        ("timestamp", json!(1.5), "timestamp", "wrong_field"),
        ("timestamp", json!(i64::MAX), "timestamp", "wrong_field"),
        ("eventId", json!("17"), "eventId", "wrong_field"),
        ("source", json!({}), "source", "wrong_field"),
        ("correlationId", json!(""), "correlationId", "wrong_field"),
        ("version", json!(-1), "version", "wrong_field"),
        ("version", json!(1e300), "version", "wrong_field"),
        ("streamId", json!([]), "streamId", "wrong_field"),
        ("data", json!(7), "data", "wrong_body"),
        ("data", json!({"guildId": "1"}), "data", "wrong_body"),
        (
            "data",
            json!({"guildId": "1", "userId": {"id": 2}}),
            "data.userId",
            "wrong_body",
        ),
        (
            "data",
            json!({"guildId": "1", "userId": "2", "names": {"nick": 5}}),
            "data.names.nick",
            "wrong_body",
        ),
        (
            "data",
            json!({"guildId": "1", "userId": "2", "platform": "irc"}),
            "data.platform",
            "wrong_body",
        ),
    ] {
        let text = with(member, replacement);
        let error = refused(&text);
        assert_eq!(
            (error.field().as_deref(), error.code()),
            (Some(field), code),
            "{text}"
        );
        assert!(
            error.source().is_some() == !matches!(error, DecodeError::Missing { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn what_is_no_envelope_is_refused() {
    for text in [
        "",
        " ",
        "null",
        "7",
        "\"text\"",
        "[]",
        "{",
        "{}x",
        "{\"a\":1,}",
        "\u{feff}{}",
        "NaN",
    ] {
        let error = refused(text);
        assert_eq!(error.code(), "not_json", "{text:?}: {error:?}");
    }
    assert_eq!(refused("{}").field().as_deref(), Some("eventType"));
    let twice =
        with("x", json!(1)).replace("{\"", "{\"eventId\":\"0199c2d4-0001-7000-8000-000000000009\",\"");
    let error = refused(&twice);
    assert_eq!(
        error.field().as_deref(),
        Some("eventId"),
        "two ids: two readers could take another one each"
    );
}

#[test]
fn bytes_that_are_not_text_are_refused_where_they_break() {
    let mut bytes = with("source", json!("x")).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'x').unwrap();
    for bad in [
        &[0xff_u8][..],
        &[0xc0, 0x80],
        &[0xed, 0xa0, 0x80],
        &[0xf5, 0x80, 0x80, 0x80],
    ] {
        let mut text = bytes.clone();
        text.splice(at..=at, bad.iter().copied());
        assert!(
            matches!(Envelope::decode_bytes(&text), Err(DecodeError::NotUtf8 { at: found }) if found == at)
        );
    }
    bytes[at] = b'y';
    assert!(Envelope::decode_bytes(&bytes).is_ok());
}

#[test]
fn ten_megabytes_and_deep_nests_are_refused() {
    let large = with(
        "data",
        json!({"guildId": "1", "userId": "2", "pad": "x".repeat(10 << 20)}),
    );
    assert!(matches!(
        Envelope::decode(&large),
        Err(DecodeError::TooLarge { limit: MAX_BYTES, .. })
    ));
    assert!(matches!(
        Envelope::decode_bytes(large.as_bytes()),
        Err(DecodeError::TooLarge { .. })
    ));

    let nested = |levels: usize| {
        with("x", json!(null)).replace(
            "\"x\":null",
            &format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels)),
        )
    };
    assert!(Envelope::decode(&nested(MAX_DEPTH - 1)).is_ok());
    assert!(matches!(
        Envelope::decode(&nested(MAX_DEPTH)),
        Err(DecodeError::TooDeep { .. })
    ));
    assert!(matches!(
        Envelope::decode(&nested(100_000)),
        Err(DecodeError::TooDeep { .. })
    ));
}

#[test]
fn whatever_is_read_can_be_written_and_read_again() {
    // At the limit an older envelope, which grows when its id is filled in, must not become unreadable.
    let fits = MAX_BYTES - 512;
    for (pad, readable) in [(fits, true), (fits + 1, false)] {
        let empty = OLDER.replace("\"spam\"", "\"\"");
        let text = OLDER.replace("\"spam\"", &format!("\"{}\"", "x".repeat(pad - empty.len())));
        assert_eq!(text.len(), pad);
        match Envelope::decode(&text) {
            Ok(envelope) => {
                assert!(readable);
                Envelope::decode(&envelope.encode()).unwrap();
            }
            Err(error) => assert!(!readable && error.code() == "too_large", "{error:?}"),
        }
    }
}

#[test]
fn an_event_too_large_for_the_wire_is_not_made() {
    let envelope = Envelope::decode(include_str!("golden/message.created.json")).unwrap();
    let Event::Message(MessageEvent::Created(mut message)) = envelope.event().unwrap() else {
        panic!("another type")
    };
    message.content = "x".repeat(MAX_BYTES);
    let event = Event::from(MessageEvent::Created(message));
    let error = Envelope::new(
        envelope.event_id,
        envelope.timestamp,
        Source::DiscordBot,
        None,
        &event,
    )
    .unwrap_err();
    assert!(error.to_string().contains("more than the limit"), "{error}");
}
