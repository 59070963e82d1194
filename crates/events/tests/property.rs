//! What holds for every event, tried on values made from each type's own schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use lockdown_events::{Envelope, TYPES};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Bodies that fit the schema of one type of the table.
fn bodies(index: usize) -> impl Strategy<Value = Value> {
    let mut generator = common::generator();
    let root = TYPES[index].schema(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    common::fitting(&root, &definitions, 0)
}

/// Every member of `part` stands in `whole`; times may be written in another way.
fn contains(whole: &Value, part: &Value) -> Result<(), String> {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                match whole.get(name) {
                    Some(found) => contains(found, value).map_err(|error| format!("{name}.{error}"))?,
                    // Nothing is said by an empty member, so it need not be written.
                    None if is_empty(value) => {}
                    None => return Err(format!("{name}: {value} was lost")),
                }
            }
            Ok(())
        }
        (Value::Array(whole), Value::Array(part)) if whole.len() == part.len() => whole
            .iter()
            .zip(part)
            .try_for_each(|(whole, part)| contains(whole, part)),
        (whole, part) if whole == part => Ok(()),
        (whole, part) => Err(format!("{part} became {whole}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

fn enveloped(event_type: &str, data: &Value) -> String {
    json!({
        "eventId": "0199c2d4-0001-7000-8000-000000000001", "eventType": event_type,
        "timestamp": "2026-11-20T09:06:00Z", "source": "worker",
        "correlationId": "0199c2d4-0001-7000-8000-000000000001", "version": 1, "data": data,
    })
    .to_string()
}

fn re_encoded(text: &str) -> Value {
    let envelope = Envelope::decode(text).unwrap();
    let event = envelope
        .event()
        .unwrap_or_else(|error| panic!("{error:?} in {text}"));
    let again = Envelope::new(
        envelope.event_id,
        envelope.timestamp,
        envelope.source.clone(),
        None,
        &event,
    )
    .unwrap();
    let back = Envelope::decode(&again.encode()).unwrap();
    assert_eq!(
        back.event().unwrap(),
        event,
        "reading what was written gives another event"
    );
    serde_json::from_str(again.data().get()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_between_reading_and_writing(seed in any::<[u8; 32]>()) {
        for (index, info) in TYPES.iter().enumerate() {
            let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
            let body = bodies(index).new_tree(&mut runner).unwrap().current();
            let written = re_encoded(&enveloped(info.name, &body));
            contains(&written, &body).map_err(|error| TestCaseError::fail(format!("{}: {error}", info.name)))?;
        }
    }

    #[test]
    fn an_older_envelope_carries_the_same_event(seed in any::<[u8; 32]>(), index in 0..TYPES.len()) {
        let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
        let body = bodies(index).new_tree(&mut runner).unwrap().current();
        let name = TYPES[index].name;
        let older = json!({
            "type": name.to_ascii_uppercase().replace(':', "_"), "payload": body,
            "timestamp": 1_795_165_560_000_i64, "source": "worker",
        });
        let older = Envelope::decode(&older.to_string()).unwrap();
        let today = Envelope::decode(&enveloped(name, &body)).unwrap();
        prop_assert_eq!(older.event().unwrap(), today.event().unwrap());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        common::hostile::any_bytes(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        common::hostile::any_bytes(&bytes);
    }

    #[test]
    fn any_damage_to_a_good_envelope_is_read_or_refused(
        index in 0..TYPES.len(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let name = format!("{}/tests/golden/{}.json", env!("CARGO_MANIFEST_DIR"), TYPES[index].name.replace(':', "."));
        let mut bytes = std::fs::read(name).unwrap();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        common::hostile::any_bytes(&bytes);
    }
}
