//! Rules that moderators put, through everything that stands between the API and what is judged, in both sizes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::House;
use std::collections::BTreeMap;
use std::time::Duration;

house::sizes!(
    rules_that_are_put_judge_what_comes_next,
    rules_that_are_put_in_the_middle_judge_as_a_whole,
);

/// Two rules that both hit, of a version that shows in their names.
fn pair(version: usize) -> String {
    format!(
        "version: 1\nlists:\n  bad: {{words: [badword]}}\nrules:\n\
         - {{id: one-{version}, events: [message], when: [text.has_any(bad)], then: [delete]}}\n\
         - {{id: two-{version}, events: [message], when: [text.length > 0], then: [review all]}}\n"
    )
}

/// What was judged before there were rules, or under others, is not remembered for longer than it takes to tell of new ones:
/// far less than the half minute after which rules are read again without being told.
async fn rules_that_are_put_judge_what_comes_next(house: House) {
    // The worker has looked for rules, and knows that there are none.
    house.say("7", "badword").await;
    house.judged().await;
    assert_eq!(house.verdicts().await.len(), 0);
    for version in 1..=3 {
        let hash = house.put_rules(&pair(version)).await;
        let judged = async {
            loop {
                house.say("7", "badword").await;
                house.judged().await;
                if house
                    .verdicts()
                    .await
                    .iter()
                    .any(|verdict| verdict.rule_set_hash == hash)
                {
                    return;
                }
            }
        };
        let limit = Duration::from_secs(10);
        let judged = tokio::time::timeout(limit, judged).await;
        judged.unwrap_or_else(|_| panic!("version {version} does not judge"));
    }
    house.stop().await;
}

async fn rules_that_are_put_in_the_middle_judge_as_a_whole(house: House) {
    const MESSAGES: usize = 1_000;
    let mut hashes = BTreeMap::new();
    hashes.insert(house.put_rules(&pair(0)).await, 0);
    let saying = async {
        for number in 0..MESSAGES {
            house.say(&(number % 20 + 100).to_string(), "badword").await;
        }
    };
    let putting = async {
        let mut put = BTreeMap::new();
        for version in 1..=12 {
            put.insert(house.put_rules(&pair(version)).await, version);
        }
        put
    };
    let ((), put) = tokio::join!(saying, putting);
    hashes.extend(put);
    house.judged().await;
    let verdicts = house.verdicts().await;
    let mut messages = BTreeMap::new();
    for verdict in &verdicts {
        let version = hashes[&verdict.rule_set_hash];
        let rules: Vec<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
        assert_eq!(rules, [format!("one-{version}"), format!("two-{version}")]);
        *messages.entry(verdict.message_id.clone()).or_insert(0) += 1;
    }
    assert!(
        messages.values().all(|count| *count == 1),
        "a message was judged twice"
    );
    assert_eq!(messages.len(), MESSAGES);
    house.stop().await;
}
