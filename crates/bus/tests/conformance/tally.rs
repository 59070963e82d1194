//! Tallies: what many count together, each thing once.

use super::{Fixture, LIMIT};
use lockdown_bus::{Engine, Tallied, Tally};
use std::collections::BTreeSet;
use std::time::Duration;

const MOST: usize = 100;
const WINDOW: Duration = Duration::from_secs(10);
/// Longer than a case takes that does not let time pass.
const LONG: Duration = Duration::from_secs(600);

fn thing(name: &str, text: &str, at: i64) -> Tally {
    Tally {
        name: name.to_owned(),
        text: text.to_owned(),
        at,
        within: WINDOW,
        lasts: LONG,
        most: MOST,
    }
}

async fn texts(engine: &dyn Engine, thing: Tally) -> Vec<String> {
    let stands = engine.tally(&[thing]).await.unwrap().remove(0);
    stands.into_iter().map(|thing| thing.text).collect()
}

pub(crate) async fn what_many_count_is_one_count(fixture: &impl Fixture) {
    let mut counting = Vec::new();
    for counter in 0..4 {
        let engine = fixture.engine().await;
        counting.push(tokio::spawn(async move {
            let mut values = Vec::new();
            for number in 0..25 {
                let name = format!("{counter}/{number}");
                values.push(texts(&*engine, thing("a", &name, 1_000)).await.len());
            }
            values
        }));
    }
    let mut values = BTreeSet::new();
    for counting in counting {
        for value in tokio::time::timeout(LIMIT, counting).await.unwrap().unwrap() {
            assert!(values.insert(value), "two were both number {value}");
        }
    }
    assert_eq!(values, (1..=100).collect());
}

pub(crate) async fn the_same_thing_finds_what_it_found_before(fixture: &impl Fixture) {
    let (engine, other) = (fixture.engine().await, fixture.engine().await);
    let odd = "ein \"Text\"\n\u{1F512} {} 7";
    let things = [
        thing("a", odd, 5_000),
        thing("b", "x", 5_000),
        thing("a", "y", 1_000),
    ];
    let stands = engine.tally(&things).await.unwrap();
    let of = |at, text: &str| Tallied {
        at,
        text: text.to_owned(),
    };
    assert_eq!(
        stands,
        [
            vec![of(5_000, odd)],
            vec![of(5_000, "x")],
            // In the order in which they were added, whenever they happened.
            vec![of(5_000, odd), of(1_000, "y")],
        ]
    );
    assert_eq!(texts(&*other, thing("a", "z", 6_000)).await, [odd, "y", "z"]);
    assert_eq!(
        other.tally(&things).await.unwrap(),
        stands,
        "what came between was counted to it"
    );
    // The same text at another time is another thing.
    assert_eq!(texts(&*other, thing("a", "z", 6_001)).await.len(), 4);
    assert_eq!(engine.tally(&[]).await.unwrap(), Vec::<Vec<Tallied>>::new());
}

pub(crate) async fn what_is_old_or_too_much_is_let_go(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    for (text, at) in [("a", 1_000), ("b", 2_000), ("c", 15_000)] {
        engine.tally(&[thing("old", text, at)]).await.unwrap();
    }
    // Two windows after the first: it goes, and the second is just young enough.
    assert_eq!(texts(&*engine, thing("old", "d", 21_000)).await, ["b", "c", "d"]);
    // One from before lets go of nothing.
    assert_eq!(texts(&*engine, thing("old", "e", -7)).await, ["b", "c", "d", "e"]);
    let many: Vec<Tally> = (0..MOST + 7)
        .map(|number| thing("many", &number.to_string(), 1_000))
        .collect();
    for part in many.chunks(40) {
        engine.tally(part).await.unwrap();
    }
    let stands = texts(&*engine, thing("many", "last", 1_000)).await;
    assert_eq!(stands.len(), MOST);
    assert_eq!((stands[0].as_str(), stands[MOST - 1].as_str()), ("8", "last"));
}

pub(crate) async fn a_tally_survives_a_restart_and_ends_by_itself(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    assert_eq!(texts(&*engine, thing("a", "1", 1_000)).await, ["1"]);
    fixture.restart().await;
    let engine = fixture.engine().await;
    assert_eq!(texts(&*engine, thing("a", "2", 1_000)).await, ["1", "2"]);
    let short = Duration::from_millis(200);
    let brief = |text: &str| Tally {
        lasts: short,
        ..thing("b", text, 1_000)
    };
    assert_eq!(texts(&*engine, brief("1")).await, ["1"]);
    fixture.advance(short + Duration::from_millis(50)).await;
    assert_eq!(texts(&*engine, brief("2")).await, ["2"]);
    assert_eq!(texts(&*engine, thing("a", "3", 1_000)).await, ["1", "2", "3"]);
}
