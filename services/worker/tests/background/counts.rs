//! What goes on, by hours.

use crate::archive::has_all;
use crate::house::{House, until};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Class;
use lockdown_events::{Envelope, EventId, Source};
use lockdown_moderation::StoreArchive;
use lockdown_store::counts::{HourCount, Measure};
use lockdown_store::{in_read, in_tx};
use serde_json::{Value, json};

/// An event as it comes over the wire, that happened at a time.
fn envelope(house: &House, event_type: &str, at: DateTime<Utc>, data: Value) -> Envelope {
    let mut data = data;
    data["platform"] = "discord".into();
    data["guildId"] = house.guild.native_id.as_str().into();
    let text = json!({
        "eventId": EventId(house.ctx.ids.next()), "eventType": event_type, "timestamp": at, "source": Source::Backend,
        "correlationId": EventId(house.ctx.ids.next()), "version": 1, "data": data,
    });
    Envelope::decode(&text.to_string()).unwrap()
}

async fn publish(house: &House, event_type: &str, at: DateTime<Utc>, data: Value) -> Envelope {
    let envelope = envelope(house, event_type, at, data);
    house.bus.publish_as_it_is(&envelope, false).await.unwrap();
    envelope
}

fn decision(number: u64, more: &Value) -> Value {
    let mut decision = json!({
        "id": "0199c2d4-0000-7000-8000-000000000001", "caseNumber": number, "userId": "5",
    });
    for (name, value) in more.as_object().unwrap() {
        decision[name] = value.clone();
    }
    decision
}

fn verdict(mode: &str, rules: &[&str]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|rule| json!({ "rule": rule })).collect();
    json!({
        "subject": "message", "eventId": "0199c2d4-0000-7000-8000-000000000001", "userId": "5", "mode": mode,
        "rules": rules, "ruleSetHash": "abc", "traceId": "0199c2d4-0000-7000-8000-000000000002",
    })
}

async fn counted(house: &House) -> Vec<(i64, Measure, String, u64)> {
    let now = house.ctx.clock.now();
    let found = in_read!(house.store, |conn| {
        let (from, to) = (now - TimeDelta::days(9), now + TimeDelta::days(1));
        conn.guild_counts(house.guild.platform, &house.guild.native_id, from, to)
            .await
    });
    let row = |row: HourCount| (row.hour.timestamp(), row.measure, row.word, row.count);
    found.unwrap().into_iter().map(row).collect()
}

pub(crate) async fn hours_are_counted_once_and_anew(house: House) {
    let archive = StoreArchive::new(house.store.clone());
    let now = house.ctx.clock.now();
    let yesterday = now - TimeDelta::days(1);
    let (ctx, bus) = house.worker().await;
    lockdown_worker::lead(&ctx, house.store.clone(), &bus);
    for user in 0..20 {
        publish(
            &house,
            "user:joined",
            yesterday,
            json!({ "userId": user.to_string() }),
        )
        .await;
    }
    publish(&house, "user:left", yesterday, json!({ "userId": "5" })).await;
    let ban = publish(&house, "ban:created", yesterday, decision(1, &json!({}))).await;
    publish(
        &house,
        "kick:executed",
        yesterday,
        decision(2, &json!({ "action": "softban" })),
    )
    .await;
    publish(
        &house,
        "ban:removed",
        yesterday,
        decision(3, &json!({ "origin": "command" })),
    )
    .await;
    publish(
        &house,
        "ban:removed",
        yesterday,
        decision(4, &json!({ "origin": "expiry" })),
    )
    .await;
    publish(
        &house,
        "moderation:log",
        yesterday,
        json!({ "caseNumber": 1, "outcome": "failed" }),
    )
    .await;
    // Of no case that anybody knows.
    publish(
        &house,
        "moderation:log",
        yesterday,
        json!({ "caseNumber": 77, "outcome": "applied" }),
    )
    .await;
    publish(
        &house,
        "moderation:automod",
        yesterday,
        verdict("live", &["slurs", "slurs", "flood"]),
    )
    .await;
    publish(
        &house,
        "moderation:automod",
        yesterday,
        verdict("shadow", &["slurs"]),
    )
    .await;
    // The same once more, as a retry of its publisher says it.
    house.bus.publish_as_it_is(&ban, false).await.unwrap();
    let all_is_archived = async || {
        until("all is archived", async || {
            has_all(&house, &archive, Class::System).await
                && has_all(&house, &archive, Class::Moderation).await
        })
        .await;
    };
    all_is_archived().await;
    let hour = yesterday.timestamp() - yesterday.timestamp().rem_euclid(3600);
    let expected: Vec<(i64, Measure, String, u64)> = [
        (Measure::Case, "ban", 1),
        (Measure::Case, "softban", 1),
        (Measure::Case, "unban", 2),
        (Measure::Hit, "flood", 1),
        (Measure::Hit, "slurs", 1),
        (Measure::Joined, "", 20),
        (Measure::Left, "", 1),
        (Measure::Outcome, "failed", 1),
        (Measure::Reversal, "unban", 1),
        (Measure::ShadowHit, "slurs", 1),
        (Measure::Verdict, "live", 1),
        (Measure::Verdict, "shadow", 1),
    ]
    .into_iter()
    .map(|(measure, word, count)| (hour, measure, word.to_owned(), count))
    .collect();
    assert_eq!(counted(&house).await, expected);

    // Somebody spoils them, in an hour that is counted anew and in one that is not.
    let spoil = |at: DateTime<Utc>| HourCount {
        platform: house.guild.platform,
        guild_native_id: house.guild.native_id.clone(),
        hour: at,
        measure: Measure::Joined,
        word: String::new(),
        count: 1_000,
        millis: 0,
    };
    let long_ago = now - TimeDelta::days(3);
    let spoiled = [spoil(yesterday), spoil(long_ago)];
    in_tx!(house.store, |tx| { tx.add_guild_counts(&spoiled).await }).unwrap();
    let since = now - TimeDelta::days(2);
    // While more is said and archived.
    let more = async {
        for user in 20..60 {
            publish(
                &house,
                "user:joined",
                yesterday,
                json!({ "userId": user.to_string() }),
            )
            .await;
        }
    };
    let (recounted, ()) = tokio::join!(archive.recount(Class::System, since), more);
    assert!(recounted.unwrap() >= 21);
    all_is_archived().await;
    assert_eq!(archive.recount(Class::Moderation, since).await.unwrap(), 8);
    let mut after = counted(&house).await;
    let old = after.remove(0);
    assert_eq!(
        (old.1, old.3),
        (Measure::Joined, 1_000),
        "it is older than what is counted anew"
    );
    let mut expected = expected;
    expected[5].3 = 60;
    assert_eq!(after, expected);
    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    house.stop().await;
}
