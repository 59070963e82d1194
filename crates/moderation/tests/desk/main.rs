//! The use cases over a real store, on either engine.
//!
//! A case knows an engine only by [`Town`]. To add one: an `async fn(Town)` in a module here and its line in [`town`].

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod act;
mod amend;
mod bad;
#[expect(dead_code, reason = "the domain's own tests use all of it")]
#[path = "../domain/book.rs"]
mod book;
mod company;
mod expire;
mod fault;
mod fixture;
mod kill;
mod ladder;
mod model;
mod once;
mod outcome;
mod undo;

use fixture::Town;

/// One test for each case, over the town that the expression makes.
macro_rules! town {
    ($town:expr) => {
        town! { @ $town =>
            act: every_action_becomes_a_case_with_its_event_and_its_entry;
            act: a_ban_that_is_lifted_makes_room_for_another;
            act: what_is_so_already_writes_nothing;
            act: a_ban_removes_messages_as_the_guild_has_chosen;
            act: what_was_seen_by_hand_needs_no_rank;
            act: a_rule_does_not_act_on_staff;
            act: what_was_seen_late_is_history;
            act: a_warning_counts_until_it_is_taken_back;
            act: a_case_says_why_it_stands;
            once: the_same_key_is_one_case;
            once: the_same_key_many_times_at_once_is_one_case;
            once: two_moderators_at_once_make_one_ban;
            once: of_contradicting_wishes_at_once_one_stands;
            outcome: a_case_is_applied_once;
            outcome: a_failed_unban_leaves_the_ban;
            outcome: a_failed_ban_gives_back_what_it_replaced;
            outcome: what_failed_cannot_be_applied;
            outcome: an_answer_and_a_newer_decision_at_once_both_count;
            expire: a_timed_ban_ends_on_time_by_a_case_of_its_own;
            expire: an_expiry_ends_its_own_case_only;
            expire: a_ban_that_its_end_finds_in_its_place_stands;
            expire: many_takers_end_each_once;
            expire: an_expiry_that_fails_is_tried_again_later_and_later;
            expire: an_end_that_the_bot_may_not_carry_out_rests_until_it_may;
            expire: a_long_mute_is_renewed_before_its_piece_ends;
            amend: old_values_are_kept_with_who_and_when;
            amend: a_moved_end_moves_the_timer_and_is_told;
            amend: a_void_case_counts_no_more;
            amend: a_hidden_case_stays_and_counts_and_lists_leave_it_out;
            ladder: a_step_is_climbed_once;
            ladder: a_step_that_many_reach_at_once_is_one_case;
            ladder: three_warnings_are_one_mute;
            ladder: a_warning_that_comes_late_climbs_nothing_anew;
            ladder: settings_without_a_good_ladder_make_nothing_follow;
            ladder: many_people_each_have_their_result;
            undo: a_raid_of_a_rule_is_undone;
            undo: an_undo_leaves_what_others_decided;
            undo: rules_are_measured_by_what_people_said;
            model: a_life_goes_as_the_domain_says_though_processes_die;
            company: whatever_many_do_at_once_the_promises_hold;
            kill: whatever_kills_a_process_the_promises_hold;
            bad: what_is_unknown_is_refused;
            bad: ids_are_numbers;
            bad: a_duration_has_its_limit;
            bad: a_reason_has_its_limit;
            bad: contradicting_wishes_in_one_millisecond;
            bad: a_moderator_who_was_demoted_is_refused;
            bad: a_refusal_says_what_would_be_allowed;
        }
    };
    (@ $town:expr => $( $module:ident: $case:ident; )+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            super::$module::$case($town.await).await;
        }
    )+ };
}

mod embedded {
    town!(super::Town::sqlite());
}

mod fleet {
    town!(super::Town::postgres());
}
