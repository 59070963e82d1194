//! Rules and text, as measured by `cargo bench -p lockdown-policy --bench policy`.

use super::Figure;
use super::measured::Goal::{AtMost, ToCompare};
use super::measured::Program;
use anyhow::Result;

const POLICY: Program = Program {
    package: "lockdown-policy",
    bench: "policy",
    figures: &[
        ("rules50_us", "us", AtMost(0.5)),
        ("rules50_p99_us", "us", ToCompare),
        ("facts_us", "us", ToCompare),
        ("explain50_us", "us", ToCompare),
        ("count_us", "us", ToCompare),
        ("check50_ms", "ms", ToCompare),
        ("check_preset_ms", "ms", ToCompare),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    POLICY.run(quick, &[])
}
