//! The golden files are the contract: a diff there is a change of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_events::{
    CaseRequest, Envelope, HealthRequest, LIVE, Live, MemberRequest, ModerationAction, REQUESTS,
    RanksRequest, Request, Response, RouteRequest, RulesRequest, SettingsRequest, TYPES,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden(channel: &str) -> String {
    let name = channel.replace(':', ".").replace(['{', '}'], "");
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Reads and writes a golden text as `T`; what comes out is what went in, so no member is lost or invented.
fn round_trip<T: DeserializeOwned + Serialize>(text: &str) {
    let read: T = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), value(text));
}

#[test]
fn every_type_reads_and_writes_its_golden_file() {
    for info in TYPES {
        let text = golden(info.name);
        let envelope = Envelope::decode(&text).unwrap_or_else(|error| panic!("{}: {error}", info.name));
        assert_eq!(envelope.event_type(), info.name);
        assert_eq!(value(&envelope.encode()), value(&text), "{}", info.name);

        let event = envelope
            .event()
            .unwrap_or_else(|error| panic!("{}: {error:?}", info.name));
        assert_eq!(event.event_type(), info.name);
        assert_eq!(event.version(), info.version);
        let mut again = Envelope::new(
            envelope.event_id,
            envelope.timestamp,
            envelope.source.clone(),
            Some(envelope.correlation_id.clone()),
            &event,
        )
        .unwrap();
        again.traceparent.clone_from(&envelope.traceparent);
        assert_eq!(value(&again.encode()), value(&text), "{}", info.name);
    }
}

#[test]
fn every_live_channel_reads_and_writes_its_golden_file() {
    for info in LIVE {
        let text = golden(info.channel);
        let envelope = Envelope::decode(&text).unwrap();
        let live = envelope
            .live()
            .unwrap_or_else(|error| panic!("{}: {error:?}", info.channel));
        assert_eq!(live.channel(), envelope.event_type());
        let again = Envelope::new_live(
            envelope.event_id,
            envelope.timestamp,
            envelope.source.clone(),
            &live,
        )
        .unwrap();
        assert_eq!(value(&again.encode()), value(&text), "{}", info.channel);
        match (info.channel, &live) {
            ("notifications:{userId}", Live::Notification(to_one)) => assert!(to_one.user_id.is_some()),
            ("notifications:broadcast", Live::Notification(to_all)) => assert!(to_all.user_id.is_none()),
            (channel, live) => assert_eq!(live.channel(), channel),
        }
    }
}

#[test]
fn every_request_reads_and_writes_its_golden_file() {
    for info in REQUESTS {
        let text = golden(info.channel);
        match info.channel {
            "request:moderation" => round_trip::<Request<ModerationAction>>(&text),
            "request:case" => round_trip::<Request<CaseRequest>>(&text),
            "request:member" => round_trip::<Request<MemberRequest>>(&text),
            "request:ranks:{platform}" => round_trip::<Request<RanksRequest>>(&text),
            "request:route" => round_trip::<Request<RouteRequest>>(&text),
            "request:settings" => round_trip::<Request<SettingsRequest>>(&text),
            "request:rules" => round_trip::<Request<RulesRequest>>(&text),
            "request:health" => round_trip::<Request<HealthRequest>>(&text),
            other => panic!("{other} is read by no test"),
        }
    }
    round_trip::<Response<Value>>(&golden("response"));
}
