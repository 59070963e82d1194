//! Judging under load, as measured by `cargo bench -p lockdown-worker --bench pipeline`: each figure a median of rounds, beside
//! its goal.

use super::measured::Goal::{AtLeast, AtMost, ToCompare};
use super::measured::Program;
use super::{Figure, servers};
use anyhow::Result;
use lockdown_testkit::provision::choice::Server;

/// Two workers are more than one only where there are cores for them, the servers and whoever writes.
const PIPELINE: Program = Program {
    bench: "pipeline",
    figures: &[
        ("p50_ms_2k", "ms", AtMost(2.0)),
        ("p99_ms_2k", "ms", AtMost(10.0)),
        ("eps", "1/s", AtLeast(20_000.0)),
        ("eps_two", "1/s", ToCompare),
        ("two_vs_one", "ratio", ToCompare),
        ("rss_mib", "MiB", AtMost(150.0)),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    PIPELINE.run(quick, &servers(&[Server::Redis, Server::Postgres])?)
}
