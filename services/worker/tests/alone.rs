//! The service in a process of its own, without what it needs.

use lockdown_testkit::programs::stops_and_names;

#[test]
fn alone_without_what_it_needs_it_says_so_and_stops() {
    stops_and_names(
        env!("CARGO_BIN_EXE_lockdown-worker"),
        &["REDIS_URL", "DATABASE_URL"],
    );
}
