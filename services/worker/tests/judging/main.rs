//! From a message to a verdict and to what follows from it, in both sizes.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod burst;
mod house;
mod lists;
mod raid;
mod reconcile;

use burst::a_burst_is_one_thing;
use house::{House, PATIENCE};
use lists::links_on_the_lists_of_the_installation_are_bad;
use lockdown_events::{
    Action, Envelope, Event, ModerationEvent, Platform, UserEvent, UserId, UserUpdated, VerdictMode,
};
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::policies::PolicyMode;
use lockdown_store::{in_read, in_tx};
use raid::{
    a_raid_raises_its_mode_which_ends_by_itself, who_is_held_keeps_silent_until_a_moderator_lets_them,
};
use reconcile::what_the_platform_lost_is_done_again;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

const RULES: &str = r#"version: 1
defaults:
  exempt: {staff: true}
lists:
  slurs: {words: [badword], fold: true}
rules:
  - id: slurs
    about: No insults here
    events: [message, edit]
    when: [text.has_any(slurs)]
    then: [delete, strike 2, timeout 10m]
    limit: {actions: 50, per: 10m, then: pause}
  - id: flood
    events: [message]
    when: [text.length >= 4]
    count: {of: [author, text.fingerprint], within: 30s, at_least: 3}
    then: [delete counted, label flooder 7d]
    limit: {actions: 50, per: 10m, then: pause}
  - id: returned
    events: [message]
    when: [author.labels.has(flooder)]
    then: [review flooders]
    mode: shadow
"#;

const LIMITED: &str = r#"version: 1
defaults:
  exempt: {staff: true}
lists:
  slurs: {words: [badword]}
  marks: {words: [marker]}
rules:
  - id: slurs
    events: [message]
    when: [text.has_any(slurs)]
    then: [delete]
    limit: {actions: 2, per: 10m, then: pause}
  - id: marks
    events: [message]
    when: [text.has_any(marks)]
    then: [review marks]
"#;

house::sizes!(
    a_message_against_the_rules_is_told_once_and_wished_for,
    what_is_repeated_is_counted_and_labelled,
    whoever_keeps_order_is_exempt,
    a_community_is_asked_once_who_keeps_order,
    changed_rules_judge_at_once_and_broken_ones_never,
    shadow_says_and_does_nothing,
    workers_count_together,
    a_worker_that_goes_leaves_its_counts,
    a_rule_that_acts_too_often_is_paused_for_all,
    a_raid_raises_its_mode_which_ends_by_itself,
    a_burst_is_one_thing,
    who_is_held_keeps_silent_until_a_moderator_lets_them,
    what_the_platform_lost_is_done_again,
    links_on_the_lists_of_the_installation_are_bad,
);

async fn a_message_against_the_rules_is_told_once_and_wished_for(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    let fine = house.says("7", "good morning", 1);
    let bad = house.says("7", "you b\u{0430}dword, you", 2);
    house.publish(&fine).await;
    for _ in 0..3 {
        house.publish(&bad).await;
    }
    let (envelope, told) = house.told().await;
    let ModerationEvent::Automod(verdict) = told else {
        panic!("{told:?}")
    };
    assert_eq!(envelope.correlation_id, bad.correlation_id, "it is one chain");
    assert_eq!(
        (verdict.mode, verdict.event_id),
        (VerdictMode::Live, bad.event_id)
    );
    assert_eq!(verdict.message_id.as_ref().unwrap().as_str(), "2");
    assert_eq!(verdict.rules[0].rule, "slurs");
    assert_eq!(verdict.rules[0].span, Some([4, 11]));
    let words: Vec<&str> = verdict.actions.iter().map(|act| act.act.as_str()).collect();
    assert!(words.contains(&"delete"), "{words:?}");
    let explanation = verdict.explanation.as_ref().unwrap();
    assert_eq!(
        explanation["rules"][0]["conditions"][0]["truth"], "true",
        "{explanation:?}"
    );
    assert_eq!(explanation["rules"][1]["hit"], false);

    let (_, warn) = house.wish().await;
    assert_eq!(
        (warn.action, warn.points, warn.notify),
        (Action::Warn, Some(2), Some(false))
    );
    let (_, mute) = house.wish().await;
    assert_eq!((mute.action, mute.rule.as_deref()), (Action::Mute, Some("slurs")));
    assert_eq!(mute.reason.as_deref(), Some("No insults here"));
    assert_eq!(
        mute.rule_set_hash.as_deref(),
        Some(verdict.rule_set_hash.as_str())
    );
    assert_eq!(mute.trace_id, Some(verdict.trace_id));
    assert_eq!(mute.evidence[0].message_id.as_str(), "2");
    let lasts = mute.expires_at.unwrap() - house.ctx.clock.now();
    assert!((9..=10).contains(&lasts.num_minutes()), "{lasts}");
    // What comes next is about another message: the three deliveries were one.
    house.publish(&house.says("8", "badword", 3)).await;
    assert_eq!(house.verdict().await.user_id.as_str(), "8");
    house.stop().await;
}

async fn what_is_repeated_is_counted_and_labelled(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    let now = house.ctx.clock.now();
    let seen = Seen {
        platform: Platform::Telegram,
        native_id: UserId::new("7").unwrap(),
        username: None,
        display_name: None,
        is_bot: false,
        at: now,
    };
    let ids = (PersonId(house.ctx.ids.next()), IdentityId(house.ctx.ids.next()));
    let person = in_tx!(house.store, |tx| { tx.see(&seen, ids).await }).unwrap();
    let messages: Vec<Envelope> = (1..=3)
        .map(|number| house.says("7", "buy my coins", number))
        .collect();
    // The second comes twice, and counts once.
    for at in [0, 1, 1] {
        house.publish(&messages[at]).await;
    }
    house.publish(&messages[2]).await;
    let verdict = house.verdict().await;
    assert_eq!(
        (verdict.rules[0].rule.as_str(), verdict.event_id),
        ("flood", messages[2].event_id)
    );
    let delete = verdict.actions.iter().find(|act| act.act == "delete").unwrap();
    let deleted: Vec<&str> = delete.messages.iter().map(|of| of.message_id.as_str()).collect();
    assert_eq!(deleted, ["1", "2", "3"]);
    let labelled = async {
        loop {
            let labels = in_read!(house.store, |conn| {
                conn.labels_in_force(house.guild.id, person.id, now).await
            });
            if let Some(label) = labels.unwrap().pop() {
                return label;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let label = tokio::time::timeout(PATIENCE, labelled).await.unwrap();
    assert_eq!(
        (label.name.as_str(), label.set_by.as_str()),
        ("flooder", "rule:flood")
    );
    assert!(label.expires_at.is_some());
    // Who bears it is known to the rules.
    house.publish(&house.says("7", "me again", 9)).await;
    let verdict = house.verdict().await;
    assert_eq!(
        (verdict.rules[0].rule.as_str(), verdict.mode),
        ("returned", VerdictMode::Shadow)
    );
    house.stop().await;
}

async fn whoever_keeps_order_is_exempt(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    house
        .publish(&house.says("50", "what does badword mean?", 1))
        .await;
    house.publish(&house.says("51", "badword", 2)).await;
    assert_eq!(house.verdict().await.user_id.as_str(), "51");
    house.stop().await;
}

async fn a_community_is_asked_once_who_keeps_order(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    let mut number = 0;
    let mut says = |who: &str| {
        number += 1;
        house.says(who, "badword", number)
    };
    let said: Vec<Envelope> = ["51", "52", "53", "54"].map(&mut says).into();
    let promoted = Event::User(UserEvent::Updated(UserUpdated {
        administrator: Some(true),
        ..serde_json::from_value(json!({ "platform": "telegram", "guildId": "100", "userId": "60" })).unwrap()
    }));
    let (early, late, other) = (says("61"), says("60"), says("62"));
    for said in &said {
        house.publish(said).await;
        house.verdict().await;
        for _ in 0..2 {
            house.wish().await;
        }
    }
    assert_eq!(house.asked.load(Ordering::Relaxed), 1);
    // Who is made one is known at once, and not when it is looked up again.
    house.keepers.lock().unwrap().push("60".to_owned());
    house.bus.publish(&promoted).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.publish(&early).await;
    assert_eq!(house.verdict().await.user_id.as_str(), "61");
    for _ in 0..2 {
        house.wish().await;
    }
    assert_eq!(house.asked.load(Ordering::Relaxed), 2);
    house.publish(&late).await;
    house.publish(&other).await;
    assert_eq!(house.verdict().await.user_id.as_str(), "62");
    assert_eq!(house.asked.load(Ordering::Relaxed), 2);
    house.stop().await;
}

async fn changed_rules_judge_at_once_and_broken_ones_never(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    let until = |wanted: &'static str| {
        let bus = house.bus.clone();
        let says = house.says("8", wanted, 2);
        async move {
            // The event of the change and the message go different ways.
            tokio::time::sleep(Duration::from_millis(300)).await;
            bus.publish_as_it_is(&says, false).await.unwrap();
        }
    };
    until("badword").await;
    assert_eq!(house.verdict().await.user_id.as_str(), "8");
    for _ in 0..2 {
        house.wish().await;
    }
    house
        .change("version: 1\nrules: [nonsense", 1, PolicyMode::Enforce)
        .await;
    let says = house.says("9", "badword", 3);
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.publish(&says).await;
    assert_eq!(
        house.verdict().await.user_id.as_str(),
        "9",
        "the last good ones judge on"
    );
    for _ in 0..2 {
        house.wish().await;
    }
    house
        .change(&RULES.replace("badword", "other"), 2, PolicyMode::Enforce)
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.publish(&house.says("10", "badword", 4)).await;
    house.publish(&house.says("11", "other", 5)).await;
    assert_eq!(house.verdict().await.user_id.as_str(), "11");
    house.stop().await;
}

async fn shadow_says_and_does_nothing(mut house: House) {
    house.change(RULES, 0, PolicyMode::Shadow).await;
    house.publish(&house.says("7", "badword", 1)).await;
    let verdict = house.verdict().await;
    assert_eq!(verdict.mode, VerdictMode::Shadow);
    house.publish(&house.says("8", "badword", 2)).await;
    let next = house.verdict().await;
    assert_eq!(next.user_id.as_str(), "8", "no wish came between");
    house.stop().await;
}

async fn workers_count_together(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    for _ in 0..2 {
        house.hire().await;
    }
    // Everybody says the same three times, and something of it comes twice.
    for number in 0..3_u64 {
        let said: Vec<Envelope> = (0..40_u64)
            .map(|author| {
                house.says(
                    &format!("{}", 1_000 + author),
                    "buy my coins",
                    number * 100 + author + 1,
                )
            })
            .collect();
        for envelope in &said {
            house.publish(envelope).await;
        }
        if number < 2 {
            house.publish(&said[7]).await;
        }
    }
    let mut flooders = BTreeSet::new();
    while flooders.len() < 40 {
        let verdict = house.verdict().await;
        assert_eq!(verdict.rules[0].rule, "flood");
        let delete = verdict.actions.iter().find(|act| act.act == "delete").unwrap();
        assert_eq!(delete.messages.len(), 3, "{delete:?}");
        assert!(
            flooders.insert(verdict.user_id),
            "the third of somebody came twice"
        );
    }
    house.stop().await;
}

async fn a_worker_that_goes_leaves_its_counts(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    for number in 1..=2 {
        house.publish(&house.says("7", "buy my coins", number)).await;
    }
    house.judged().await;
    house.dismiss().await;
    house.hire().await;
    house.publish(&house.says("7", "buy my coins", 3)).await;
    let verdict = house.verdict().await;
    let delete = verdict.actions.iter().find(|act| act.act == "delete").unwrap();
    let deleted: Vec<&str> = delete.messages.iter().map(|of| of.message_id.as_str()).collect();
    assert_eq!(deleted, ["1", "2", "3"]);
    house.stop().await;
}

async fn a_rule_that_acts_too_often_is_paused_for_all(mut house: House) {
    house.change(LIMITED, 0, PolicyMode::Enforce).await;
    for number in 1..=2 {
        house
            .publish(&house.says(&number.to_string(), "badword", number))
            .await;
        assert_eq!(house.verdict().await.rules[0].rule, "slurs");
    }
    house.publish(&house.says("3", "badword", 3)).await;
    house.judged().await;
    let paused = in_read!(house.store, |conn| {
        conn.paused_rules(house.guild.id, house.ctx.clock.now()).await
    });
    let paused = paused.unwrap();
    assert_eq!((paused.len(), paused[0].rule.as_str()), (1, "slurs"));
    // Also for one who was not there.
    house.hire().await;
    house.dismiss().await;
    house.publish(&house.says("4", "badword", 4)).await;
    house.publish(&house.says("5", "marker", 5)).await;
    assert_eq!(house.verdict().await.rules[0].rule, "marks", "the others act on");
    // Whoever changes the rules has looked at them.
    house
        .change(
            &LIMITED.replace("actions: 2", "actions: 9"),
            1,
            PolicyMode::Enforce,
        )
        .await;
    let mut number = 6;
    let verdict = loop {
        // The event of the change and the message go different ways.
        house.publish(&house.says("6", "badword", number)).await;
        house.publish(&house.says("6", "marker", number + 1)).await;
        let verdict = house.verdict().await;
        if verdict.rules[0].rule == "slurs" {
            break verdict;
        }
        assert!(number < 1_000, "the rule stays paused");
        number += 2;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(verdict.message_id.unwrap().as_str(), number.to_string());
    house.stop().await;
}
