//! The bus end to end, as measured by `cargo bench -p lockdown-bus --bench bus`: each figure a median of rounds, beside
//! its goal.

use super::measured::Goal::{AtLeast, AtMost, ToCompare};
use super::measured::Program;
use super::{Figure, servers};
use anyhow::Result;
use lockdown_testkit::provision::choice::Server;

/// `embedded_eps` and everything in µs of CPU depend on the machine; the goals are those of two ordinary cores.
pub(super) const BUS: Program = Program {
    bench: "bus",
    figures: &[
        ("xadd_eps", "1/s", ToCompare),
        ("durable_eps", "1/s", ToCompare),
        ("durable_ratio", "ratio", AtLeast(0.33)),
        ("durable_live_ratio", "ratio", AtLeast(0.24)),
        ("vs_awaited_publish_ratio", "ratio", AtLeast(5.0)),
        ("vs_64_awaited_publishes_ratio", "ratio", ToCompare),
        ("always_ratio", "ratio", AtLeast(0.5)),
        ("p50_ms_10k", "ms", AtMost(0.7)),
        ("p99_ms_10k", "ms", AtMost(3.0)),
        ("p99_ms_1k", "ms", AtMost(4.0)),
        ("cpu_us", "us", AtMost(14.0)),
        ("cpu_us_client", "us", ToCompare),
        ("cpu_us_server", "us", ToCompare),
        ("redis_bytes_per_event", "B", AtMost(520.0)),
        ("consumer_mib_1m_pending", "MiB", ToCompare),
        ("embedded_eps", "1/s", AtLeast(100_000.0)),
        ("embedded_p99_ms_10k", "ms", AtMost(5.0)),
        ("embedded_cpu_us", "us", ToCompare),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    BUS.run(quick, &servers(&[Server::Redis])?)
}
