//! A replay gives exactly the verdicts that were given live, and its report counts what happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_policy::counter::InMemory;
use lockdown_policy::{
    Facts, Judge, Judged, PRESETS, Recorded, Replay, RuleSet, Source, Surroundings, check,
};
use std::sync::Arc;

fn rules(text: &str) -> Arc<RuleSet> {
    check(&Source::new("r.yml", text), &Surroundings::default())
        .rules
        .unwrap()
}

/// A day of a busy community: mostly harmless, some floods, some scams, some of it delivered twice or late.
fn day() -> Vec<Facts> {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut at = 1_767_225_600_000_i64;
    let mut facts = Vec::new();
    for number in 0..3_000_u64 {
        at += i64::try_from(random(57_000)).unwrap();
        let author = random(40);
        let text = match random(12) {
            0 => "claim your gift at https://gift.example.com/x".to_owned(),
            1 => "join discord.gg/abcdef".to_owned(),
            2 => "same again and again".to_owned(),
            _ => format!("message {number}"),
        };
        let (mut times, mut gap) = (1, 0);
        if random(40) == 0 {
            (times, gap) = (13, 400);
        }
        for time in 0..times {
            at += gap;
            let line = serde_json::json!({ "text": text, "id": number * 20 + time, "at": at, "author": author.to_string(),
                "channel": random(5).to_string(), "guild": random(2).to_string(),
                "body": { "mentions": { "users": (0..random(8)).map(|id| id.to_string()).collect::<Vec<_>>() } },
                "facts": { "author.member_age": if author < 8 { "2h" } else { "90d" }, "author.staff": author == 39,
                    "author.strikes": author % 6, "guild.mode": "normal" } });
            let one = Facts::of_json(&line.to_string(), 0).unwrap().unwrap();
            facts.push(one.clone());
            if random(30) == 0 {
                facts.push(one);
            }
        }
    }
    facts
}

#[test]
fn a_recorded_day_gives_the_live_verdicts() {
    let facts = day();
    for preset in PRESETS {
        let rules = rules(preset.text);
        let mut judge = Judge::new(InMemory::new());
        let live: Vec<_> = facts
            .iter()
            .map(|facts| {
                let verdict = judge.judge(&rules, facts);
                let paused: Vec<String> = verdict.to_pause(&rules).map(str::to_owned).collect();
                paused.iter().for_each(|rule| judge.pause(&facts.guild, rule));
                verdict
            })
            .collect();
        let mut replay = Replay::new(&rules, None);
        let mut hits = 0;
        for (facts, live) in facts.iter().zip(&live) {
            let verdict = replay.event(Recorded {
                facts: facts.clone(),
                outcome: None,
            });
            assert_eq!(verdict, *live);
            hits += u64::from(!verdict.is_empty());
        }
        let report = replay.report();
        assert_eq!(
            (report.events, report.hits),
            (facts.len() as u64, hits),
            "{}",
            preset.name
        );
        if preset.name == "standard" {
            assert!(hits > 50, "the day has too little in it: {hits}");
        }
    }
}

#[test]
fn a_report_counts_what_happened() {
    let next = "version: 1
defaults: {exempt: {staff: true}}
ladder: {decay: 1d, steps: [{at: 2, do: [kick]}]}
rules:
  - {id: links, events: [message], when: [links.count > 0], then: [delete, strike 1]}
  - {id: new, events: [message], when: [text.length > 20], then: [hold], mode: shadow}
";
    let live = next.replace("links.count > 0", "links.count > 1");
    let (next, live) = (rules(next), rules(&live));
    let mut replay = Replay::new(&next, Some(&live));
    let day = 86_400_000;
    for (id, author, at, text, staff, outcome) in [
        (1, "1", 0, "x.com/1", false, Some(Judged::Upheld)),
        (2, "1", 1, "x.com/2 y.com/2", false, Some(Judged::Dismissed)),
        (3, "2", day, "x.com/3", false, Some(Judged::Upheld)),
        (4, "3", day, "x.com/4", true, None),
        // The strikes of the first day have decayed.
        (5, "1", 3 * day, "x.com/5", false, None),
        (6, "4", 3 * day, "a long text without any link", false, None),
    ] {
        let line = serde_json::json!({ "text": text, "id": id, "author": author, "at": 1_767_225_600_000_i64 + at,
            "facts": { "author.staff": staff } });
        let facts = Facts::of_json(&line.to_string(), 0).unwrap().unwrap();
        replay.event(Recorded { facts, outcome });
    }
    let report = replay.report();
    assert_eq!((report.events, report.hits, report.people), (6, 5, 3));
    assert_eq!(report.ladder.into_iter().collect::<Vec<_>>(), [(2, 1)]);
    let links = &report.rules[0];
    assert_eq!(
        (links.hits, links.people, links.spared, links.staff_spared),
        (4, 2, 1, 1)
    );
    assert_eq!(
        links
            .by_day
            .iter()
            .map(|(day, hits)| (day.as_str(), *hits))
            .collect::<Vec<_>>(),
        [("2026-01-01", 2), ("2026-01-02", 1), ("2026-01-04", 1)]
    );
    assert_eq!(links.most_hit, [("1".to_owned(), 3), ("2".to_owned(), 1)]);
    let against = links.against_live.unwrap();
    assert_eq!((against.both, against.added, against.removed), (1, 3, 0));
    assert_eq!((links.precision.upheld, links.precision.dismissed), (2, 1));
    assert!((links.precision.unlabelled_share - 0.25).abs() < 1e-9);
    assert_eq!(links.samples.len(), 3);
    let sample: Vec<_> = links.samples[0].rules().collect();
    assert_eq!(sample.len(), 1, "a sample tells of its own rule");
    assert_eq!(sample[0].conditions[0].seen[0].value.as_deref(), Some("1"));
    assert_eq!(sample[0].rule, links.rule);
    let other: Vec<_> = report.rules[1].samples[0].rules().collect();
    assert_eq!((other.len(), other[0].rule), (1, report.rules[1].rule.as_str()));
    assert_eq!(report.rules[1].hits, 1);
    assert_eq!(report.rules[1].mode, "shadow");
}
