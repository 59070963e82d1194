//! Every feature that rules can ask for is set by somebody: by the event, by records, or by a detector.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_events::{EventId, Message, MessageFlagged, Names, Reaction, UserJoined, UserUpdated};
use lockdown_policy::catalogue::{FEATURES, On, Slot};
use lockdown_policy::counter::InMemory;
use lockdown_policy::detect::spam::Classifier;
use lockdown_policy::text::links::Domains;
use lockdown_policy::{
    Accounts, EventKind, Facts, Judge, Learned, Record, RuleSet, Source, Surroundings, check,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Rules that ask everything of detectors.
const DETECTORS: &str = "version: 1
rules:
  - id: messages
    events: [message]
    when: [author.heat > 1 or text.spam_score > 1 or text.near_duplicates > 1 or images.burst > 1 or links.lookalike or links.bad or author.listed]
    then: [review a]
  - id: joins
    events: [join]
    when: [join.raid > 1 or join.same_avatar > 1 or author.listed]
    then: [review a]
";

fn rules(text: &str) -> Arc<RuleSet> {
    let checked = check(&Source::new("r.yml", text), &Surroundings::default());
    checked
        .rules
        .unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

/// Only Discord tells it.
fn account_created(platform: &str) -> Option<&'static str> {
    (platform == "discord").then_some("2026-11-20T09:00:00Z")
}

fn id(number: u128) -> EventId {
    EventId(Uuid::from_u128(number))
}

fn message(platform: &str) -> Message {
    let message = json!({
        "platform": platform, "guildId": "100", "messageId": "1", "channelId": "2", "threadId": "3", "authorId": "7",
        "author": { "joinedAt": "2026-11-20T09:06:00Z", "accountCreatedAt": account_created(platform), "roles": ["5"],
            "names": { "username": "mallory" } },
        "content": "hey free discord nitro for 24 hours, claim it here https://free-nitro.example",
        "attachments": [{ "id": "1", "kind": "photo", "size": 3, "sha256": "ab".repeat(32),
            "perceptualHash": "f0f0f0f0aa55aa55" }],
    });
    serde_json::from_value(message).unwrap()
}

/// What a filter of the platform's own stopped: Discord's AutoMod, of the platforms that there are.
fn flagged(platform: &str) -> Option<MessageFlagged> {
    let flagged = json!({
        "platform": platform, "guildId": "100", "channelId": "2", "authorId": "7", "content": "a slur",
        "ruleId": "9", "keyword": "slur", "act": "block",
    });
    (platform == "discord").then(|| serde_json::from_value(flagged).unwrap())
}

fn join(platform: &str, number: u128, avatar: &str) -> UserJoined {
    let joined = json!({
        "platform": platform, "guildId": "100", "userId": number.to_string(), "names": { "username": "m" },
        "accountCreatedAt": account_created(platform), "inviteCode": "abc", "avatar": avatar,
    });
    serde_json::from_value(joined).unwrap()
}

/// What workers do with facts before they judge.
fn detect(facts: &mut Facts, rules: &RuleSet, kept: &mut Vec<(i64, String)>) {
    let mut learned = Learned::new(Classifier::base());
    learned.set_bad_links(Some(Arc::new(Domains::of(["free-nitro.example"]))));
    let (listed, _) = Accounts::read("1\n7\n");
    learned.set_listed(vec![(facts.platform, Arc::new(listed))]);
    learned.add(facts, &[rules], None);
    for lately in facts.lately(&[rules]) {
        kept.push((facts.at, lately.text.clone()));
        facts.add_lately(&lately, kept);
    }
}

#[test]
fn every_feature_has_a_source() {
    let rules = rules(DETECTORS);
    let at = 1_795_000_000_000;
    let mut known = BTreeSet::new();
    for platform in ["discord", "telegram"] {
        let message = message(platform);
        let reaction: Reaction = serde_json::from_value(json!({
            "platform": platform, "guildId": "100", "channelId": "2", "messageId": "1", "userId": "7", "emoji": "x",
        }))
        .unwrap();
        let update: UserUpdated = serde_json::from_value(json!({
            "platform": platform, "guildId": "100", "userId": "7", "names": Names { nick: Some("x".into()), ..Names::default() },
        }))
        .unwrap();
        let all = [
            Facts::of_message(id(1), EventKind::Message, at, &message),
            Facts::of_message(id(2), EventKind::Edit, at, &message),
            Facts::of_join(id(3), at, &join(platform, 7, "p")),
            Facts::of_names(id(4), at, &update).unwrap(),
            Facts::of_reaction(id(5), at, &reaction),
        ];
        let stopped = flagged(platform).map(|flagged| Facts::of_flagged(id(6), at, &flagged));
        for mut facts in all.into_iter().chain(stopped) {
            facts.add_record(&Record {
                staff: Some(false),
                strikes: Some(0),
                labels: Some(Vec::new()),
                first_seen: Some(at),
                messages: Some(0),
                guild_mode: Some("normal".into()),
                ..Record::default()
            });
            detect(&mut facts, &rules, &mut Vec::new());
            for feature in FEATURES.iter().filter(|feature| facts.is_known(feature.slot)) {
                assert!(
                    feature.events.has(facts.kind),
                    "{} on {:?}",
                    feature.path,
                    facts.kind
                );
                if feature.platforms != On::Both {
                    assert_eq!(
                        feature.platforms.as_str().to_lowercase(),
                        platform,
                        "{}",
                        feature.path
                    );
                }
                known.insert(feature.slot);
            }
        }
    }
    let without: Vec<Slot> = FEATURES
        .iter()
        .map(|feature| feature.slot)
        .filter(|slot| !known.contains(slot))
        .collect();
    assert_eq!(without, [], "a feature that nobody sets");
}

#[test]
fn detectors_see_what_happened_lately() {
    let rules = rules(DETECTORS);
    let at = 1_795_000_000_000;
    let said = |number: u64, at, text: &str, channel: &str| {
        let line = json!({ "text": text, "id": number, "at": at, "author": "7", "channel": channel,
            "body": { "attachments": [{ "id": "1", "kind": "photo", "sha256": "ab".repeat(32) }] } });
        Facts::of_json(&line.to_string(), 0).unwrap().unwrap()
    };
    // One who repeats himself: what is remembered of each kind lies apart.
    let mut kept: Vec<(String, Vec<(i64, String)>)> = Vec::new();
    let mut seen = Vec::new();
    for number in 0..9_u64 {
        let text = format!("claim your free gift card on our new page today {number}");
        let at = at + 100 * i64::try_from(number).unwrap();
        let mut facts = said(number, at, &text, &(number % 3).to_string());
        for lately in facts.lately(&[&*rules]) {
            let key = format!("{:?}", lately.key);
            let place = kept.iter().position(|(known, _)| *known == key);
            let place = place.unwrap_or_else(|| {
                kept.push((key, Vec::new()));
                kept.len() - 1
            });
            kept[place].1.push((at, lately.text.clone()));
            facts.add_lately(&lately, &kept[place].1);
        }
        let of = |slot| facts.number(slot).unwrap();
        seen.push((
            of(Slot::AuthorHeat),
            of(Slot::NearDuplicates),
            of(Slot::ImagesBurst),
        ));
    }
    assert_eq!((seen[0].1, seen[8].1), (0, 8));
    assert_eq!((seen[0].2, seen[2].2, seen[8].2), (1, 3, 3));
    assert!(seen[1].0 < 100 && seen[8].0 >= 100, "{seen:?}");
    // Nothing is asked for where no rule asks.
    let plain = self::rules(
        "version: 1\nrules:\n- {id: a, events: [message], when: [text.length > 1], then: [delete]}\n",
    );
    assert_eq!(said(1, at, "x", "1").lately(&[&*plain]), []);

    let mut kept = Vec::new();
    let sums: Vec<(i64, i64)> = (0..12_u128)
        .map(|number| {
            let at = at + 5_000 * i64::try_from(number).unwrap();
            let mut facts = Facts::of_join(id(number), at, &join("telegram", number, "same"));
            detect(&mut facts, &rules, &mut kept);
            (
                facts.number(Slot::JoinRaid).unwrap(),
                facts.number(Slot::JoinSameAvatar).unwrap(),
            )
        })
        .collect();
    assert!(sums[0].0 < 100 && sums[11].0 >= 100, "{sums:?}");
    assert_eq!(sums[11].1, 12);
    // One who comes an hour later is nobody's raid.
    let mut late = Facts::of_join(id(99), at + 3_600_000, &join("telegram", 99, "other"));
    detect(&mut late, &rules, &mut kept);
    assert!(late.number(Slot::JoinRaid).unwrap() < 100);
    assert_eq!(late.number(Slot::JoinSameAvatar), Some(1));
}

#[test]
fn what_detectors_know_again_goes_with_it() {
    let rules = rules(
        "version: 1
rules:
- {id: pictures, events: [message], when: [images.burst >= 3], then: [delete, timeout 1d]}
- {id: texts, events: [message], when: [text.near_duplicates >= 2], then: [delete, timeout 1h]}
",
    );
    let at = 1_795_000_000_000;
    let mut kept: Vec<(String, Vec<(i64, String)>)> = Vec::new();
    let mut judged = |number: u64, author: &str, text: &str, picture: Option<&str>| {
        let at = at + 100 * i64::try_from(number).unwrap();
        let files = picture.map(|hash| json!([{ "id": "1", "kind": "photo", "sha256": hash.repeat(32) }]));
        let line = json!({ "text": text, "id": number, "at": at, "author": author, "channel": number.to_string(),
            "body": { "attachments": files.unwrap_or(json!([])) } });
        let mut facts = Facts::of_json(&line.to_string(), 0).unwrap().unwrap();
        for lately in facts.lately(&[&*rules]) {
            let key = format!("{:?}", lately.key);
            let place = kept
                .iter()
                .position(|(known, _)| *known == key)
                .unwrap_or_else(|| {
                    kept.push((key, Vec::new()));
                    kept.len() - 1
                });
            kept[place].1.push((at, lately.text.clone()));
            facts.add_lately(&lately, &kept[place].1);
        }
        let verdict = Judge::new(InMemory::new()).judge(&rules, &facts);
        let delete = verdict
            .acts
            .into_iter()
            .find(|planned| planned.act.word() == "delete");
        let messages = delete.map(|planned| planned.counted.into_iter().filter_map(|copy| copy.message));
        messages.map(Iterator::collect::<Vec<String>>)
    };
    assert_eq!(judged(1, "7", "look", Some("ab")), None);
    assert_eq!(judged(2, "7", "something else", Some("cd")), None);
    assert_eq!(judged(3, "7", "see", Some("ab")), None);
    let copies = judged(4, "7", "here", Some("ab")).unwrap();
    assert_eq!(copies, ["2", "4", "5"], "the other picture stays");
    let said = "claim your free gift card on our new page today";
    assert_eq!(judged(11, "8", said, None), None);
    assert_eq!(judged(12, "9", said, None), None);
    assert_eq!(
        judged(13, "9", said, None).unwrap(),
        ["13", "14"],
        "of others nothing goes"
    );
}
