//! The bot against a Telegram of the test's own, through the real library and a real bus.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod town;

sizes! {
    intake: what_is_said_becomes_events_with_all_that_is_seen;
    intake: who_comes_goes_and_changes_is_told;
    intake: what_is_read_twice_is_there_once;
    commands: who_was_seen_before_a_restart_is_known_after_it;
    verdicts: a_bad_message_goes_and_so_does_its_album;
    verdicts: who_keeps_order_is_left_alone;
    verdicts: a_flood_goes_in_few_calls;
}

mod commands;
mod intake;
mod verdicts;
