//! The Telegram bot with everything behind it, as measured by `cargo bench -p lockdown --bench telegram`: each figure a
//! median of rounds, beside its goal.

use super::Figure;
use super::measured::Goal::AtMost;
use super::measured::Program;
use anyhow::Result;

const TELEGRAM: Program = Program {
    bench: "telegram",
    figures: &[
        ("crowded_worst_ms", "ms", AtMost(300.0)),
        ("flood_s", "s", AtMost(5.0)),
        ("p50_ms", "ms", AtMost(10.0)),
        ("p99_ms", "ms", AtMost(50.0)),
        ("idle_mib", "MiB", AtMost(30.0)),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    TELEGRAM.run(quick, &[])
}
