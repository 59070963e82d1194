//! The bot against a Telegram of the test's own, through the real library and a real bus.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod town;

sizes! {
    intake: what_is_said_becomes_events_with_all_that_is_seen;
    intake: who_comes_goes_and_changes_is_told;
    intake: what_is_read_twice_is_there_once;
    commands: who_was_seen_before_a_restart_is_known_after_it;
    cleaning: a_purge_takes_few_calls_and_says_what_stays;
    cleaning: a_purge_stays_in_its_topic;
    cleaning: everybody_may_call_for_help;
    cleaning: what_is_pinned_and_who_is_who;
    door: a_challenge_outlives_the_process;
    verdicts: a_bad_message_goes_and_so_does_its_album;
    verdicts: who_keeps_order_is_left_alone;
    verdicts: a_flood_goes_in_few_calls;
}

mod cleaning;
mod commands;
mod door;
mod intake;
mod verdicts;
