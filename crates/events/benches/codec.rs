//! What an envelope costs: ours to its typed event, beside the same text read as a plain `serde_json::Value`.

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use lockdown_events::{Envelope, Event, Source};
use std::hint::black_box;

/// A chat message of 400 bytes on the wire, the most frequent event by far.
const MESSAGE: &str = concat!(
    r#"{"eventId":"0199c2d4-0013-7000-8000-000000000013","eventType":"message:created","#,
    r#""timestamp":"2026-11-20T09:06:00.123Z","source":"discord-bot","#,
    r#""correlationId":"0199c2d4-0013-7000-8000-000000000013","version":1,"data":{"platform":"discord","#,
    r#""guildId":"81384788765712384","messageId":"1176523342123456789","channelId":"302094807046684672","#,
    r#""authorId":"531190220341248001","content":"has anyone here tri"}}"#
);

fn codec(criterion: &mut Criterion) {
    assert_eq!(MESSAGE.len(), 400);
    let envelope = Envelope::decode(MESSAGE).expect("the message is an envelope");
    let event = envelope.event().expect("the message is an event");
    assert!(matches!(event, Event::Message(_)));
    let at = DateTime::UNIX_EPOCH;

    let mut group = criterion.benchmark_group("events");
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Envelope::decode(black_box(MESSAGE)).and_then(|envelope| envelope.event()));
    });
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            let chain = Some(envelope.correlation_id.clone());
            Envelope::new(
                envelope.event_id,
                at,
                Source::DiscordBot,
                chain,
                black_box(&event),
            )
            .map(|new| new.encode())
        });
    });
    group.bench_function("value_decode", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(MESSAGE)));
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
