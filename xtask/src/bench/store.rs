//! The store under load, as measured by `cargo bench -p lockdown-backend --bench store`: each figure a median of rounds,
//! beside its goal.

use super::measured::Goal::{AtLeast, AtMost, ToCompare};
use super::measured::Program;
use super::{Figure, servers};
use anyhow::Result;
use lockdown_testkit::provision::choice::Server;

/// What counts by the second depends on the disk: an fsync is a wait.
const STORE: Program = Program {
    bench: "store",
    figures: &[
        ("pgbench_1_per_s", "1/s", ToCompare),
        ("cases_1_per_s", "1/s", ToCompare),
        ("case_vs_pgbench_1", "ratio", AtLeast(0.6)),
        ("pgbench_16_per_s", "1/s", ToCompare),
        ("cases_16_per_s", "1/s", ToCompare),
        ("case_vs_pgbench_16", "ratio", AtLeast(0.6)),
        ("embedded_cases_per_s", "1/s", AtLeast(3_000.0)),
        ("page_ms", "ms", AtMost(2.0)),
        ("embedded_page_ms", "ms", AtMost(2.0)),
        ("due_ms", "ms", AtMost(5.0)),
        ("embedded_due_ms", "ms", AtMost(5.0)),
        ("outbox_p50_ms", "ms", ToCompare),
        ("outbox_p99_ms", "ms", AtMost(20.0)),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    STORE.run(quick, &servers(&[Server::Redis, Server::Postgres])?)
}
