//! How much goes on, and how the rules do.

use crate::house::{HERE, House};
use lockdown_bus::{Class, archive_news};
use lockdown_events::{Envelope, EventId};
use lockdown_moderation::StoreArchive;
use lockdown_store::activity::GuildHour;
use lockdown_store::in_tx;
use lockdown_store::reviews::Review;
use serde_json::{Value, json};

pub(crate) async fn publish(house: &House, event_type: &str, mut data: Value) {
    data["guildId"] = "100".into();
    let text = json!({
        "eventId": EventId(house.ctx.ids.next()), "eventType": event_type, "timestamp": house.ctx.clock.now(),
        "source": "worker", "version": 1, "data": data,
    });
    let envelope = Envelope::decode(&text.to_string()).unwrap();
    house.bus.publish_as_it_is(&envelope, false).await.unwrap();
}

fn verdict(mode: &str, rules: &[&str]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|rule| json!({ "rule": rule })).collect();
    json!({
        "subject": "message", "eventId": "0199c2d4-0000-7000-8000-000000000001", "userId": "5", "mode": mode,
        "rules": rules, "ruleSetHash": "abc", "traceId": "0199c2d4-0000-7000-8000-000000000002",
    })
}

pub(crate) async fn decisions_and_rules_are_counted_by_hours(house: House) {
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let (first, second) = (house.ban("601").await, house.ban("602").await);
    house.told("ban:created", 2).await;
    publish(
        &house,
        "moderation:log",
        json!({ "caseNumber": first, "outcome": "applied" }),
    )
    .await;
    publish(
        &house,
        "moderation:log",
        json!({ "caseNumber": second, "outcome": "failed", "error": "no" }),
    )
    .await;
    publish(&house, "moderation:automod", verdict("live", &["flood", "slurs"])).await;
    publish(&house, "moderation:automod", verdict("live", &["slurs"])).await;
    publish(&house, "moderation:automod", verdict("shadow", &["flood"])).await;
    let archive = StoreArchive::new(house.store.clone());
    for stream in Class::Moderation.streams() {
        archive_news(&**house.bus.engine(), &archive, stream)
            .await
            .unwrap();
    }
    let stats = house.get("viewer", &format!("{HERE}/stats")).await;
    // It can be two, when the hour ends meanwhile.
    let hours = stats.is(200)["hours"].as_array().unwrap();
    let sum = |what: &dyn Fn(&Value) -> &Value| -> u64 {
        hours.iter().map(|hour| what(hour).as_u64().unwrap_or(0)).sum()
    };
    assert_eq!(sum(&|hour| &hour["cases"]["ban"]), 2, "{hours:?}");
    assert_eq!(
        (
            sum(&|hour| &hour["applied"]),
            sum(&|hour| &hour["failed"]),
            sum(&|hour| &hour["reversals"])
        ),
        (1, 1, 0)
    );
    assert!(
        hours.iter().any(|hour| hour["appliedAfterMs"].is_u64()),
        "{hours:?}"
    );
    assert_eq!(
        (
            sum(&|hour| &hour["verdicts"]),
            sum(&|hour| &hour["shadowVerdicts"])
        ),
        (2, 1)
    );
    assert_eq!(
        stats.body["rules"],
        json!([
            { "rule": "flood", "hits": 1, "shadowHits": 1, "upheld": 0, "overturned": 0, "mistaken": 0 },
            { "rule": "slurs", "hits": 2, "shadowHits": 0, "upheld": 0, "overturned": 0, "mistaken": 0 },
        ])
    );

    // What people say of a rule's cases.
    for (number, verdict) in ["upheld", "upheld", "upheld", "mistaken"].into_iter().enumerate() {
        reviewed(&house, &format!("70{number}"), verdict).await;
    }
    let stats = house.get("viewer", &format!("{HERE}/stats")).await;
    assert_eq!(
        stats.is(200)["rules"][1],
        json!({
            "rule": "slurs", "hits": 2, "shadowHits": 0, "upheld": 3, "overturned": 0, "mistaken": 1, "precision": 0.75,
        })
    );
}

/// A case of a rule of which somebody said this.
async fn reviewed(house: &House, user: &str, verdict: &str) {
    let case = house.ban(user).await;
    in_tx!(house.store, |tx| {
        let kept = tx.case_by_number(house.guild, case).await?.expect("it was made");
        tx.save_review(&Review {
            case_id: kept.id,
            guild_id: house.guild,
            rule: Some("slurs".into()),
            rule_set_hash: None,
            verdict: verdict.parse().unwrap(),
            actor: "system".into(),
            at: house.ctx.clock.now(),
        })
        .await
    })
    .unwrap();
}

pub(crate) async fn a_day_is_shown_with_the_week_before(house: House) {
    let hour = GuildHour {
        guild_id: house.guild,
        hour: "2026-11-13T10:00:00Z".parse().unwrap(),
        messages: 12,
        joins: 1,
        leaves: 0,
        actions: 0,
        flagged: 0,
    };
    in_tx!(house.store, |tx| {
        tx.add_guild_activity(std::slice::from_ref(&hour)).await
    })
    .unwrap();
    let of = async |day: &str| house.get("viewer", &format!("{HERE}/digest{day}")).await;
    let digest = of("?day=2026-11-20").await;
    assert_eq!(digest.is(200)["day"], "2026-11-20");
    assert_eq!(digest.body["from"], "2026-11-20T00:00:00Z");
    assert_eq!(digest.body["week"]["messages"], 12);
    assert_eq!(digest.body["numbers"]["messages"], 0);
    let days = digest.body["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["messages"]), (8, &json!(12)));
    let yesterday = (house.ctx.clock.now() - chrono::TimeDelta::days(1)).date_naive();
    let usual = of("").await;
    let day: chrono::NaiveDate = serde_json::from_value(usual.is(200)["day"].clone()).unwrap();
    // A day may have ended meanwhile.
    assert!((0..=1).contains(&(day - yesterday).num_days()), "{day}");
    of("?day=2999-01-01").await.is_problem(400, "bad_query");
    of("?day=soon").await.is_problem(400, "bad_query");
    let chart = of("/chart?day=2026-11-20").await;
    assert_eq!(chart.status, 200);
    assert_eq!(chart.headers["content-type"], "image/png");
    assert!(chart.text.contains("PNG"));
}
