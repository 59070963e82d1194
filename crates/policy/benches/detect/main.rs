//! How much the detectors see, on labelled messages that lie beside the repository: `cargo xtask bench detect`.
//!
//! Prints a figure on each line. Words: every disguise of `evasion_dev.jsonl`. Spam: models learn four parts of five, split by a
//! hash of the folded text, and are asked about the fifth; the shipped model, which saw none of it, is asked about all ham.

mod disguise;
mod evasion;

use lockdown_policy::detect::spam::{Classifier, Reader, Sample};
use lockdown_policy::text::Text;
use lockdown_policy::text::words::{WordList, Words};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

#[derive(Deserialize)]
struct Row {
    t: String,
    y: u8,
    #[serde(default)]
    kind: String,
}

const PARTS: u64 = 5;

fn main() {
    let Some(folder) = std::env::args().nth(1).filter(|folder| !folder.starts_with('-')) else {
        eprintln!("give the folder of the labelled messages");
        return;
    };
    let folder = Path::new(&folder);
    words(&read(&folder.join("evasion_dev.jsonl")));
    (0..3).for_each(other_words);
    let base = Classifier::base();
    let (mut worst, mut ham, mut false_alarms) = (f64::MIN, 0, 0);
    for (name, file) in [
        ("sms", "spam_sms"),
        ("youtube", "spam_youtube"),
        ("telegram", "spam_tg"),
    ] {
        let rows = once(read(&folder.join(file).with_extension("jsonl")));
        let loss = spam(name, &rows);
        worst = worst.max(loss);
        let mut reader = Reader::default();
        for row in rows.iter().filter(|row| row.y == 0) {
            let opinion = base.judge(&mut reader, &row.t);
            ham += 1;
            false_alarms += u32::from(!opinion.abstains && opinion.probability >= 0.5);
        }
    }
    tell("worst_obfuscation_loss", worst);
    tell(
        "out_of_domain_fpr",
        f64::from(false_alarms) / f64::from(ham.max(1)),
    );
}

fn read(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a row of text and label"))
        .collect()
}

fn tell(figure: &str, value: f64) {
    println!("{{\"figure\":\"{figure}\",\"value\":{value}}}");
}

/// The words of the list are those that plain rows have only where they should be caught.
fn words(rows: &[Row]) {
    let plain = |label: u8| -> BTreeSet<&str> {
        let rows = rows.iter().filter(|row| row.kind == "plain" && row.y == label);
        rows.flat_map(|row| row.t.split(' ')).collect()
    };
    let terms: Vec<&str> = plain(1).difference(&plain(0)).copied().collect();
    let (words, faults) = Words::build(&[WordList {
        terms,
        allow: Vec::new(),
        disguises: true,
    }]);
    assert!(faults.is_empty(), "{faults:?}");
    let mut kinds: BTreeMap<&str, [f64; 4]> = BTreeMap::new();
    let mut text = Text::default();
    for row in rows {
        text.read(&row.t);
        let place = usize::from(row.y) * 2 + usize::from(words.find(&text).is_some());
        kinds.entry(&row.kind).or_default()[place] += 1.0;
    }
    let sum = |place: usize, skip: &[&str]| -> f64 {
        kinds
            .iter()
            .filter(|(kind, _)| !skip.contains(*kind))
            .map(|(_, counts)| counts[place])
            .sum()
    };
    for (kind, [missed_ham, hit_ham, missed, hit]) in &kinds {
        eprintln!(
            "words {kind:<12} recall {:.3}  innocents hit {:.3}",
            hit / (hit + missed),
            hit_ham / (hit_ham + missed_ham)
        );
    }
    let hard = ["typo", "split2"];
    tell("evasion_precision", sum(3, &[]) / (sum(3, &[]) + sum(1, &[])));
    tell("evasion_recall", sum(3, &[]) / (sum(3, &[]) + sum(2, &[])));
    tell(
        "evasion_recall_most",
        sum(3, &hard) / (sum(3, &hard) + sum(2, &hard)),
    );
    tell("innocents_hit", sum(1, &[]) / (sum(1, &[]) + sum(0, &[])));
}

/// Words and sentences of our own, in no file that anything was tuned to.
fn other_words(seed: u64) {
    let (words, faults) = Words::build(&[WordList {
        terms: evasion::TERMS.to_vec(),
        allow: Vec::new(),
        disguises: true,
    }]);
    assert!(faults.is_empty(), "{faults:?}");
    let mut kinds: BTreeMap<&str, [f64; 4]> = BTreeMap::new();
    let mut text = Text::default();
    for row in evasion::written(seed) {
        text.read(&row.text);
        let found = words.find(&text);
        if seed == 0
            && found.is_some() != row.is_term
            && (!matches!(row.kind, "typo" | "split") || found.is_some())
        {
            let found = found.as_ref().map(|found| evasion::TERMS[found.term]);
            eprintln!("other words, {}: {:?} finds {found:?}", row.kind, row.text);
        }
        let place = usize::from(row.is_term) * 2 + usize::from(found.is_some());
        kinds.entry(row.kind).or_default()[place] += 1.0;
    }
    let sum = |place: usize, skip: &[&str]| -> f64 {
        let counted = kinds.iter().filter(|(kind, _)| !skip.contains(*kind));
        counted.map(|(_, counts)| counts[place]).sum()
    };
    let share = |hits: f64, others: f64| hits / (hits + others);
    if seed == 0 {
        for (kind, [missed_ham, hit_ham, missed, hit]) in &kinds {
            let (recall, hurt) = (share(*hit, *missed), share(*hit_ham, *missed_ham));
            eprintln!("other words {kind:<12} recall {recall:.3}  innocents hit {hurt:.3}");
        }
    }
    tell("other_words_precision", share(sum(3, &[]), sum(1, &[])));
    tell("other_words_recall", share(sum(3, &[]), sum(2, &[])));
    let hard = ["typo", "split"];
    tell("other_words_recall_most", share(sum(3, &hard), sum(2, &hard)));
    tell("other_innocents_hit", share(sum(1, &[]), sum(0, &[])));
}

/// The same for texts that fold to the same words.
fn key(text: &str) -> u64 {
    let text = Text::of(text);
    let bytes = text.words().flat_map(|word| word.bytes().chain([b' ']));
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    hash ^ hash >> 29
}

fn once(rows: Vec<Row>) -> Vec<Row> {
    let mut seen = HashSet::new();
    rows.into_iter().filter(|row| seen.insert(key(&row.t))).collect()
}

/// Tells the recall, and gives back the worst loss by a disguise.
fn spam(name: &str, rows: &[Row]) -> f64 {
    let mut reader = Reader::default();
    let mut ham = Vec::new();
    let mut spam: Vec<Vec<f32>> = vec![Vec::new(); disguise::ALL.len()];
    for part in 0..PARTS {
        let (rest, taught): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| key(&row.t) % PARTS == part);
        let samples: Vec<Sample<'_>> = taught
            .iter()
            .map(|row| Sample {
                text: &row.t,
                is_spam: row.y == 1,
            })
            .collect();
        let model = Classifier::train(&samples);
        for row in rest {
            if row.y == 0 {
                ham.push(model.judge(&mut reader, &row.t).probability);
                continue;
            }
            for ((_, disguise), scores) in disguise::ALL.iter().zip(&mut spam) {
                scores.push(model.judge(&mut reader, &disguise(&row.t)).probability);
            }
        }
    }
    ham.sort_by(|one, other| other.total_cmp(one));
    let bar = |share: f64| ham[(ham.len() as f64 * share) as usize];
    let recall = |scores: &[f32], share: f64| {
        scores.iter().filter(|score| **score > bar(share)).count() as f64 / scores.len() as f64
    };
    let plain = recall(&spam[0], 0.01);
    eprintln!(
        "spam {name}: recall {plain:.3} at 1 % false positives, {:.3} at 0.5 %",
        recall(&spam[0], 0.005)
    );
    let mut worst = f64::MIN;
    for ((disguise, _), scores) in disguise::ALL.iter().zip(&spam).skip(1) {
        let loss = plain - recall(scores, 0.01);
        eprintln!("spam {name}: {disguise:<12} loses {loss:.3}");
        worst = worst.max(loss);
    }
    tell(&format!("{name}_recall_1pct"), plain);
    worst
}
