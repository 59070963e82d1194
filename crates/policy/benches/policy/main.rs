//! What judging costs, one figure of one round a line: `cargo bench -p lockdown-policy --bench policy [-- quick]`.
//!
//! To add figures: a module with a `round`, called from each round here, and their goals in `xtask/src/bench/policy.rs`.

mod corpus;
mod peers;
mod pipeline;
mod rules;

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
    let rounds = if quick { 5 } else { 15 };
    let rules = rules::Bench::new();
    let texts = pipeline::Bench::new();
    texts.idle(quick);
    for _ in 0..rounds {
        rules.round(quick);
        texts.round(quick);
    }
}

/// Prints a figure of this round.
fn tell(figure: &str, value: f64) {
    println!("{}", serde_json::json!({ "figure": figure, "value": value }));
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
