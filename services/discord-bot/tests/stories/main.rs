//! The bot against a Discord that keeps state: what people do there, what the bus hears, what is done.
//!
//! What moderators expect of a bot, and the stories that show it; those of other packages bear their names.
//!
//! | expected | shown by |
//! |---|---|
//! | nobody is punished above oneself, and nobody without the right, whatever they click | `menus::a_message_is_the_evidence_of_what_its_menu_does`, `platform::members_are_shown_with_their_rank`, `channels::a_role_is_given_below_ones_own`; lockdown: `who_may_not_is_refused`; backend: `nobody_asks_for_more_than_they_may` |
//! | who goes is told before, and the record says whether it arrived | `hands::a_decision_is_carried_out_once_and_its_outcome_told`, `platform::who_takes_no_messages_is_told_apart`; backend: `a_ban_is_told_done_and_answered` |
//! | nothing is told as done that Discord did not do | `platform::what_discord_refuses_is_told_apart`; backend: `what_the_platform_refuses_is_a_failed_case` |
//! | the audit log says who and why, and messages go as far back as asked for | `platform::a_ban_removes_what_was_said_lately_and_says_why` |
//! | a mute is as long as its case says, and what the platform lost is done again | `platform::a_mute_is_as_long_as_discord_lets_it_be`; lockdown: `a_long_mute_is_renewed_until_its_exact_end`; worker: `what_was_due_while_nobody_looked_ends_once`, `after_forty_days_a_thousand_end_once_and_at_once`, `what_the_platform_lost_is_done_again` |
//! | an end belongs to its case, and one that fails is tried again | moderation: `an_expiry_ends_its_own_case_only`, `an_expiry_that_fails_is_tried_again_later_and_later`; where a right is missing: lockdown: `an_end_waits_for_the_right_to_carry_it_out` |
//! | a case keeps what it said before, and lists may leave it out | moderation: `old_values_are_kept_with_who_and_when`, `a_hidden_case_stays_and_counts_and_lists_leave_it_out` |
//! | only the last word is done, however often it is told | backend: `what_is_not_the_last_word_is_not_done`, `an_outage_is_waited_for_and_nobody_is_told_twice` |
//! | what moderators do by hand is one case | `intake::what_moderators_do_by_hand_is_one_observation_each`, `repair::what_was_said_while_nobody_was_there_is_heard_once`; lockdown: `what_is_done_by_hand_is_one_case` |
//! | an answer that is lost, and a second moderator, make no second ban | `platform::an_answer_that_is_lost_is_asked_for_again`; lockdown: `an_answer_that_is_lost_changes_nothing_twice`, `two_moderators_make_one_case` |
//! | the log follows the case, with buttons that outlive the process | `modlog::a_case_has_one_message_that_says_how_it_stands`, `modlog::its_buttons_work_in_a_new_process` |
//! | evidence outlives the message | `modlog::what_the_rules_take_away_is_shown_as_it_was`, `menus::a_message_is_the_evidence_of_what_its_menu_does`, `vocabulary::a_file_is_kept_as_evidence` |
//! | many are banned together, each with a result | `platform::many_people_are_banned_together_and_each_has_a_result`, `commands::many_are_banned_each_with_a_result`, `vocabulary::many_are_banned_by_a_form_and_a_file`; lockdown: `many_are_banned_by_few_calls_and_shown_in_one_message`, `without_the_right_to_ban_many_each_is_banned_alone`, `a_ban_of_many_goes_on_where_it_was` |
//! | answers are the moderator's alone, call nobody and are in their language | `commands::a_command_is_wished_for_and_its_outcome_told`, `commands::everybody_is_told_in_their_language`, `commands::what_comes_too_late_is_told_in_the_channel`, `vocabulary::an_answer_is_shown_to_whom_it_shall` |
//! | every surface of every shape is judged | `shapes::every_shape_is_read_and_judged`; against evasion: the cases of the policy |
//! | a burst is gone while the ban takes its time | `removals::a_flood_is_removed_in_batches_and_within_the_limits`; lockdown: `a_burst_is_gone_while_the_ban_takes_its_time` |
//! | limits are kept, and what is forbidden is not hammered | `platform::limits_are_kept_and_pauses_too`, `removals::where_the_bot_may_not_remove_it_does_not_hammer`, `doctor::what_is_lacking_is_named_with_what_to_do` |
//! | a lock is exact | `channels::a_lock_is_exact_and_outlives_the_process`, `channels::a_closed_server_opens_as_it_was` |
//! | a gateway that comes and goes costs nothing | `gateway`, `repair::what_is_bad_is_gone_after_an_outage`, `shards` |
//! | Discord's AutoMod does what it can of the rules | `automod`; lockdown: `what_automod_stops_is_judged_once`; in the log: `automod::what_automod_stops_is_in_the_log_together` |
//! | rules are tried before they act | `removals::what_the_rules_would_do_is_not_done`, `routes::rules_are_switched`; lockdown: `settings_and_rules_are_the_communitys` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod automod;
mod channels;
mod commands;
mod doctor;
mod gateway;
mod hands;
mod holds;
mod intake;
mod judge;
mod menus;
mod modlog;
mod orders;
mod platform;
mod purge;
mod removals;
mod repair;
mod routes;
mod shapes;
mod shards;
mod town;
mod vocabulary;

/// Runs each case in both sizes.
#[macro_export]
macro_rules! sizes {
    ($( $case:ident ),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::town::Town::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::town::Town::fleet().await).await;
            }
        )+ }
    };
}
