//! What judging costs, one figure of one round a line: `cargo bench -p lockdown-policy --bench policy [-- quick]`.
//!
//! `… -- hostile` tells what each step takes for each hostile text.
//!
//! To add figures: a module with a `round`, called from each round here, and their goals in `xtask/src/bench/policy.rs`.

mod corpus;
mod lists;
mod peers;
mod pipeline;
mod rules;
mod worst;

use lockdown_policy::{RuleSet, Source, Surroundings, check};
use std::sync::Arc;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    if let [first, rounds, folder, programs @ ..] = words.as_slice()
        && first == "peers"
    {
        let rounds = rounds.parse().expect("a number of rounds");
        peers::run(rounds, folder.as_ref(), programs);
        return;
    }
    let quick = words.iter().any(|word| word == "quick");
    if words.first().is_some_and(|word| word == "memory") {
        pipeline::memory(quick);
        return;
    }
    if words.first().is_some_and(|word| word == "hostile") {
        pipeline::Bench::new().hostile();
        return;
    }
    let rounds = if quick { 5 } else { 15 };
    let rules = rules::Bench::new();
    let texts = pipeline::Bench::new();
    let lists = lists::Bench::new();
    let worst = worst::Bench::new();
    memory(quick);
    for _ in 0..rounds {
        rules.round(quick);
        texts.round(quick);
        lists.round(quick);
        worst.round();
    }
}

/// In a process of its own, which prints its figures itself.
fn memory(quick: bool) {
    let program = std::env::current_exe().expect("a bench is a file");
    let mut alone = std::process::Command::new(program);
    let ended = alone.arg("memory").args(quick.then_some("quick")).status();
    assert!(
        ended.is_ok_and(|status| status.success()),
        "memory could not be measured"
    );
}

/// Prints a figure of this round.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
}

/// The rules of a file that is sound.
fn compile(name: &str, text: &str) -> Arc<RuleSet> {
    let checked = check(&Source::new(name, text), &Surroundings::default());
    checked.rules.expect("the rules are sound")
}

/// Mean and 99th percentile of a call in nanoseconds, over batches of calls.
fn time(batches: usize, calls: u32, mut call: impl FnMut()) -> (f64, f64) {
    let mut nanos: Vec<f64> = Vec::with_capacity(batches);
    for _ in 0..batches {
        let begun = std::time::Instant::now();
        for _ in 0..calls {
            call();
        }
        nanos.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    nanos.sort_by(f64::total_cmp);
    let count = u32::try_from(nanos.len()).map_or(1.0, f64::from);
    (nanos.iter().sum::<f64>() / count, nanos[nanos.len() * 99 / 100])
}
