//! What must hold for any bytes at all. The fuzzer calls it by the million; the tests call it on the kept corpus.

use lockdown_events::{Envelope, MAX_BYTES};

/// Reads bytes as an envelope. Whatever can be read can be written and read again as the same event.
pub(crate) fn any_bytes(bytes: &[u8]) {
    let Ok(envelope) = Envelope::decode_bytes(bytes) else {
        return;
    };
    let text = envelope.encode();
    assert!(
        text.len() <= MAX_BYTES,
        "an envelope outgrew the limit when it was written back"
    );
    let again = Envelope::decode(&text).expect("what was written can be read");
    assert_eq!(again.event_id, envelope.event_id);
    assert_eq!(again.timestamp, envelope.timestamp);
    assert_eq!(again.source, envelope.source);
    assert_eq!(again.correlation_id, envelope.correlation_id);
    assert_eq!(again.event_type(), envelope.event_type());
    assert_eq!(again.version(), envelope.version());
    assert_eq!(again.data().get(), envelope.data().get());
    assert_eq!(again.encode(), text);

    let event = match (envelope.event(), again.event()) {
        (Ok(event), Ok(same)) => {
            assert_eq!(event, same);
            event
        }
        (Err(error), Err(same)) => {
            assert_eq!((error.code(), error.field()), (same.code(), same.field()));
            return;
        }
        (first, second) => panic!("read as {first:?} first and as {second:?} then"),
    };
    // An event of ours can be said again by us, unless it is at the very limit of size.
    let chain = Some(envelope.correlation_id.clone());
    let Ok(ours) = Envelope::new(
        envelope.event_id,
        envelope.timestamp,
        envelope.source.clone(),
        chain,
        &event,
    ) else {
        return;
    };
    let said = Envelope::decode(&ours.encode()).expect("what we say can be read");
    assert_eq!(said.event().expect("what we say is an event"), event);
}
