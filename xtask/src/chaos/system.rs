//! `cargo xtask chaos --minutes N`: the whole system, with its story of `services/lockdown/tests/chaos`.

use crate::test;
use anyhow::Result;
use lockdown_testkit::server::interrupt::Interrupt;
use std::process::ExitCode;

/// The test prints the account as one JSON object in a line of its own, and fails when it does not add up.
pub(super) fn run(minutes: f64, rate: u32, interrupt: &Interrupt) -> Result<ExitCode> {
    test::run_with(
        &["fleet_whatever_is_killed_each_hit_is_one_sanction_that_ends_once"],
        &["-p", "lockdown", "--test", "chaos", "--release", "--no-capture"],
        &[
            ("LOCKDOWN_CHAOS_MINUTES", minutes.to_string()),
            ("LOCKDOWN_CHAOS_RATE", rate.to_string()),
            ("NEXTEST_PROFILE", "chaos".to_owned()),
        ],
        interrupt,
    )
}
