//! Publishing and consuming over either engine, whose calls can be made to fail, to wait or to be watched.
//!
//! To add a case: an `async fn` in a module here and its name in [`layer`]. The fixture's time must be the real one: the
//! layer waits by it.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

pub(crate) mod bench;
pub(crate) mod consume;
pub(crate) mod house;
pub(crate) mod odd;
pub(crate) mod publish;
pub(crate) mod retry;
pub(crate) mod spool;
pub(crate) mod trace;

/// One test for each case, over the fixture that the expression makes. They run on one thread: some of them lean on what
/// runs before what.
macro_rules! layer {
    ($fixture:expr) => {
        $crate::conformance::conformance! { @each layer (flavor = "current_thread") $fixture =>
            consume: a_community_keeps_its_order_and_each_event_comes_once;
            consume: what_keeps_no_order_waits_for_nobody;
            consume: only_what_is_about_one_person_waits_for_each_other;
            consume: a_failing_event_is_tried_again_without_holding_up_the_rest_and_ends_with_the_dead;
            consume: what_can_never_succeed_is_dead_at_once_and_so_is_what_cannot_be_read;
            consume: one_handlers_panic_is_none_of_the_others_business;
            consume: a_handler_that_hangs_counts_as_failed;
            consume: a_handler_slower_than_the_visibility_runs_once;
            consume: a_stop_finishes_what_runs_and_hands_back_the_rest;
            consume: what_does_not_end_within_the_grace_goes_to_another;
            consume: no_more_is_in_hand_than_there_is_room_for;
            consume: what_another_took_over_is_not_begun_any_more;
            consume: who_stood_still_asks_before_the_next_is_begun;
            consume: what_runs_ends_with_the_engine;
            consume: a_handler_that_is_stuck_holds_up_its_own_community_only;
            consume: an_event_that_ends_its_process_again_and_again_is_poison;
            house: one_cleans_up_at_a_time;
            house: a_group_that_nobody_reads_for_is_reported_once_a_day;
            house: a_bounded_stream_keeps_to_its_cap_and_its_loss_is_counted;
            house: what_is_let_go_is_in_the_archive;
            house: an_archive_that_cannot_be_used_keeps_what_is_old_but_not_too_much;
            house: metrics_say_what_happened;
            house: health_is_as_the_engine_is;
            odd: what_cannot_be_read_has_a_defined_end_and_its_neighbours_are_handled;
            publish: what_queues_meanwhile_goes_out_together_and_in_order;
            publish: calls_keep_their_pace_and_a_lone_event_goes_at_once;
            publish: order_survives_batches_that_fail;
            publish: an_answer_that_was_lost_makes_no_second_entry_of_an_event_published_once;
            publish: a_log_that_stays_away_is_told_and_what_comes_later_goes_on;
            publish: a_full_queue_makes_callers_wait_and_says_full_to_those_who_will_not;
            publish: the_queue_is_bounded_in_bytes_too;
            publish: an_accepted_event_is_published_though_nobody_waits;
            publish: an_abandoned_event_is_published_whole_or_not_at_all;
            publish: closing_lets_out_what_was_accepted_and_takes_no_more;
            retry: an_event_that_failed_waits_no_shorter_and_no_longer_than_was_said;
            retry: a_wait_goes_on_after_a_restart;
            retry: a_settlement_whose_answer_was_lost_counts_once;
            spool: what_is_published_meanwhile_goes_out_in_its_order;
            spool: who_never_pauses_does_not_keep_the_journal_in_use;
            spool: an_answer_that_is_lost_while_the_journal_empties_doubles_nothing;
            spool: what_lies_there_outlives_its_process;
            spool: a_full_disk_loses_nothing_that_was_accepted;
            trace: a_trace_goes_on_in_the_handler;
        }
    };
}
pub(crate) use layer;
