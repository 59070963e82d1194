//! Rules and text, as measured by `cargo bench -p lockdown-policy --bench policy`.

use super::Figure;
use super::measured::Goal::{AtMost, ToCompare};
use super::measured::Program;
use anyhow::Result;

pub(super) const POLICY: Program = Program {
    bench: "policy",
    figures: &[
        ("rules50_us", "us", AtMost(0.5)),
        ("rules50_p99_us", "us", ToCompare),
        ("read_us", "us", AtMost(0.2)),
        ("words1k_us", "us", ToCompare),
        ("words10k_us", "us", AtMost(0.5)),
        ("words100k_us", "us", ToCompare),
        ("words100k_to_1k", "ratio", AtMost(1.4)),
        ("patterns100_us", "us", AtMost(0.7)),
        ("spam_us", "us", ToCompare),
        ("pipeline_us", "us", AtMost(2.5)),
        ("pipeline_p99_us", "us", AtMost(15.0)),
        ("lists2_us", "us", ToCompare),
        ("lists200_us", "us", ToCompare),
        ("lists200_to_2", "ratio", AtMost(1.2)),
        ("worst_ms", "ms", AtMost(2.0)),
        ("worst_event_ms", "ms", AtMost(2.0)),
        ("build1k100_ms", "ms", AtMost(3.0)),
        ("build1k100_kib", "KiB", AtMost(160.0)),
        ("idle10k_mib", "MiB", AtMost(150.0)),
        ("facts_us", "us", ToCompare),
        ("explain50_us", "us", AtMost(10.0)),
        ("count_us", "us", ToCompare),
        ("check50_ms", "ms", ToCompare),
        ("check_preset_ms", "ms", ToCompare),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    POLICY.run(quick, &[])
}
