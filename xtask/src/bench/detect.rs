//! How much the detectors see of labelled messages, by `crates/policy/benches/detect`.

use super::Figure;
use super::measured::{Goal, Program};
use crate::workspace;
use anyhow::Result;
use std::path::PathBuf;

/// Names the folder of the labelled messages, when they are not in `../shared/data`.
const DATA: &str = "LOCKDOWN_DETECT_DATA";

const DETECT: Program = Program {
    bench: "detect",
    figures: &[
        ("evasion_precision", "share", Goal::AtLeast(0.95)),
        ("evasion_recall", "share", Goal::AtLeast(0.92)),
        ("evasion_recall_most", "share", Goal::AtLeast(0.98)),
        ("innocents_hit", "share", Goal::AtMost(0.02)),
        ("other_words_precision", "share", Goal::AtLeast(0.95)),
        ("other_words_recall", "share", Goal::AtLeast(0.92)),
        ("other_words_recall_most", "share", Goal::AtLeast(0.98)),
        ("other_innocents_hit", "share", Goal::AtMost(0.02)),
        ("sms_recall_1pct", "share", Goal::AtLeast(0.96)),
        ("youtube_recall_1pct", "share", Goal::AtLeast(0.90)),
        ("telegram_recall_1pct", "share", Goal::AtLeast(0.92)),
        ("worst_obfuscation_loss", "share", Goal::AtMost(0.03)),
        ("out_of_domain_fpr", "share", Goal::AtMost(0.01)),
    ],
};

#[expect(
    clippy::disallowed_methods,
    reason = "a folder beside the repository is no setting of the product"
)]
fn folder() -> PathBuf {
    std::env::var_os(DATA).map_or_else(|| workspace::root().join("../shared/data"), PathBuf::from)
}

pub(super) fn run() -> Result<Vec<Figure>> {
    let folder = folder();
    if !folder.join("evasion_dev.jsonl").is_file() {
        eprintln!(
            "bench: detect needs labelled messages, and there are none in {}: {DATA} names their folder",
            folder.display()
        );
        return Ok(Vec::new());
    }
    let folder = folder.canonicalize().unwrap_or(folder);
    let mut rounds = DETECT.measure(&[folder.display().to_string()], &[])?;
    let figures = DETECT.figures.iter();
    figures
        .map(|(name, unit, goal)| DETECT.figure(&mut rounds, name, unit, goal))
        .collect()
}
