//! The Discord bot in a fleet, as measured by `cargo bench -p lockdown --bench discord`: each figure a median of rounds, beside
//! its goal.

use super::Figure;
use super::measured::Goal::{AtMost, ToCompare};
use super::measured::Program;
use anyhow::Result;
use lockdown_testkit::provision::choice::Server;

const DISCORD: Program = Program {
    bench: "discord",
    figures: &[
        ("p50_ms", "ms", AtMost(10.0)),
        ("p99_ms", "ms", AtMost(50.0)),
        ("missed", "count", AtMost(0.0)),
        ("flood_p50_ms", "ms", ToCompare),
        ("flood_p99_ms", "ms", AtMost(50.0)),
        ("flood_missed", "count", AtMost(0.0)),
        ("refused", "count", AtMost(0.0)),
        ("idle_mib", "MiB", AtMost(40.0)),
        ("cpu_s_20k", "s", AtMost(2.0)),
    ],
};

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    DISCORD.run(quick, &super::servers(&[Server::Redis])?)
}
