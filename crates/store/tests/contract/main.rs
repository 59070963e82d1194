//! What the store must do on either engine, as cases that run over both.
//!
//! A case knows an engine only by [`Fixture`]. It waits for conditions and never asserts how long something took. To add
//! one: an `async fn(Fixture)` in a module here and its line in [`contract`].

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod access;
mod activity;
mod archive;
mod audit;
mod cases;
mod counts;
mod dead_letters;
mod events;
mod export;
mod federations;
mod fixture;
mod hooks;
mod idempotency;
mod jobs;
mod labels;
mod ledger;
mod lessons;
mod members;
mod messages;
mod modes;
mod notifications;
mod people;
mod policies;
mod privacy;
mod reports;
mod retention;
mod sanctions;
mod schema;
mod settings;
mod sign_in;
mod somebody;
mod threads;
mod tokens;
mod tx;
mod webhooks;

use fixture::Fixture;

/// One test for each case, over the fixture that the expression makes.
macro_rules! contract {
    ($fixture:expr) => {
        contract! { @ $fixture =>
            tx: what_was_rolled_back_leaves_no_trace;
            tx: what_was_dropped_leaves_no_trace;
            tx: an_error_in_the_block_rolls_back_and_is_handed_on;
            tx: a_transaction_sees_itself_and_readers_do_not;
            tx: values_come_back_as_they_were;
            tx: a_transaction_can_be_spawned;
            tx: writers_that_are_cancelled_leave_no_trace;
            cases: numbers_count_up_under_many_writers;
            cases: a_number_that_was_rolled_back_is_used_next;
            cases: pages_have_no_gaps_and_no_doubles;
            cases: a_page_can_be_narrowed;
            cases: a_case_is_found_by_its_words_in_any_letters;
            cases: the_same_question_twice_is_one_case;
            cases: a_history_is_kept_in_order;
            cases: guilds_count_for_themselves;
            sanctions: two_at_once_make_one;
            sanctions: an_ended_one_makes_room;
            sanctions: ending_twice_ends_once;
            sanctions: what_is_due_is_taken_once;
            sanctions: what_was_taken_comes_back_when_its_taker_dies;
            sanctions: a_lost_lease_postpones_nothing;
            sanctions: a_new_end_moves_the_timer;
            ledger: points_count_until_they_expire;
            ledger: notes_are_kept_edited_and_removed;
            people: an_account_that_is_seen_by_many_is_one;
            people: what_is_not_said_leaves_what_was_known;
            people: a_guild_that_returns_keeps_its_numbers;
            people: settings_are_not_overwritten_unseen;
            policies: of_two_who_saw_the_same_one_is_told;
            policies: an_old_text_comes_back_as_a_new_version;
            policies: versions_cannot_be_changed;
            policies: a_name_is_used_once_in_a_community;
            policies: bindings_say_what_judges_where;
            lessons: a_text_is_taught_once_and_forgotten;
            lessons: weights_are_known_by_their_version;
            modes: a_rule_is_paused_once_until_it_is_over_or_changed;
            modes: a_community_is_in_one_mode_that_ends;
            settings: a_new_guild_has_safe_settings;
            settings: guild_settings_are_not_overwritten_unseen;
            settings: the_bots_state_is_new_once;
            settings: a_setting_is_written_by_who_has_seen_it;
            settings: channels_follow_the_platform;
            labels: a_label_counts_until_it_expires;
            labels: a_label_is_borne_once_and_renewed;
            labels: a_label_holds_where_it_was_put;
            labels: bearers_are_listed_in_pages;
            federations: somebody_owns_one_and_a_guild_is_in_one;
            federations: bans_hold_with_those_who_subscribe;
            federations: a_ban_is_told_anew_and_ended_once;
            federations: who_knows_a_version_reads_what_is_newer;
            federations: a_federation_goes_with_all_that_is_its_own;
            members: members_come_and_go;
            members: looks_are_kept_and_searched;
            members: a_raid_is_found_by_its_window;
            members: sightings_are_noted_together;
            members: members_are_listed_and_forgotten;
            activity: batches_add_up;
            activity: hours_of_a_guild_add_up;
            activity: an_event_is_counted_once;
            activity: old_activity_is_forgotten_in_portions;
            messages: messages_come_back_as_they_were;
            messages: where_no_texts_are_kept_only_hashes_are;
            messages: edits_and_deletions_are_recorded;
            messages: recent_messages_come_in_pages;
            messages: messages_go_when_their_time_has_come;
            messages: evidence_stays_when_messages_go;
            archive: entries_come_back_in_their_order;
            archive: archiving_twice_or_at_once_archives_once;
            archive: what_retention_took_does_not_come_back;
            archive: history_is_found_by_guild_person_time_and_type;
            archive: what_was_said_in_one_guild_can_go;
            archive: a_guilds_part_of_a_stream_is_read_alone;
            counts: hours_add_up_and_are_counted_anew;
            dead_letters: a_dead_letter_is_listed_once_and_settled_once;
            dead_letters: dead_letters_come_in_pages;
            dead_letters: a_dead_letter_that_waits_is_not_forgotten;
            dead_letters: what_failed_too_often_is_due_again_a_few_times;
            dead_letters: of_dead_letters_is_told_once_and_not_too_often;
            notifications: a_mailbox_has_what_is_for_it;
            notifications: reading_counts_once_for_each_reader;
            notifications: old_notifications_go_with_their_reads;
            notifications: what_nobody_wants_to_see_does_not_show;
            notifications: what_is_due_to_one_is_told_as_one;
            notifications: a_day_is_taken_until_it_is_told;
            audit: a_chain_holds_under_many_writers;
            audit: acts_of_many_at_once_are_in_order;
            audit: one_transaction_acts_in_two_guilds;
            audit: a_changed_field_is_found;
            audit: a_removed_entry_is_found;
            audit: swapped_entries_are_found;
            audit: a_chain_that_was_cut_short_is_found;
            audit: a_chain_that_was_cut_and_mended_is_found_by_its_head;
            audit: a_field_that_cannot_be_read_is_found;
            audit: a_long_chain_is_walked_in_pages;
            audit: a_rewritten_chain_is_found_by_its_anchor;
            audit: a_changed_personal_part_is_found;
            audit: an_erased_personal_part_still_verifies;
            audit: entries_cannot_be_changed;
            events: an_event_is_there_with_its_case_or_not_at_all;
            events: events_go_out_in_order_by_many_relays;
            events: an_event_that_fails_holds_back_its_guild_alone;
            events: an_event_that_is_refused_for_good_is_parked;
            events: what_cannot_be_read_is_parked_and_can_be_dropped;
            events: a_relay_that_dies_leaves_its_lane_to_others;
            events: an_effect_is_had_once;
            events: what_is_old_is_forgotten;
            privacy: every_column_of_text_is_accounted_for;
            privacy: nothing_is_left_of_an_erased_person;
            privacy: others_keep_what_is_theirs;
            privacy: every_account_of_a_person_goes;
            privacy: a_live_ban_keeps_the_account_alone_until_it_ends;
            privacy: an_event_that_waits_goes_out_without_its_text;
            privacy: an_erasure_that_was_killed_goes_on;
            export: a_person_is_handed_everything_that_is_theirs;
            retention: what_is_older_than_it_is_kept_goes;
            retention: the_archive_is_kept_by_the_classes_of_its_streams;
            retention: a_guild_chooses_how_long;
            privacy: an_account_is_found_by_its_platform_too;
            access: a_login_is_one_persons_in_any_letters;
            access: an_identity_belongs_to_one_account;
            access: a_session_is_opened_by_its_secret_while_it_lasts;
            access: a_session_moves_on_once_a_minute;
            access: browsers_are_signed_out;
            access: roles_are_given_here_or_everywhere;
            access: a_person_is_one_by_every_door;
            access: a_disabled_account_may_do_nothing_by_any_door;
            access: what_a_platform_calls_a_role_counts_in_its_guild;
            access: a_role_is_given_once_by_many_and_taken_back;
            sign_in: a_link_opens_once_of_many_and_not_for_long;
            sign_in: what_a_platform_signed_counts_once;
            sign_in: an_account_has_its_roles_by_every_door;
            sign_in: an_account_runs_the_installation_while_it_is_said_to;
            sign_in: what_concerns_no_guild_is_in_one_chain;
            sign_in: a_changed_log_of_access_is_found;
            threads: a_thread_is_read_in_pages;
            threads: what_a_message_said_before_is_kept;
            tokens: a_token_is_found_by_its_secret_alone;
            tokens: a_use_is_noted_once_a_minute;
            tokens: a_name_is_given_once;
            tokens: a_token_does_what_it_was_given_where_it_belongs;
            tokens: tokens_are_listed_page_by_page;
            idempotency: of_many_at_once_one_works_and_all_get_its_answer;
            idempotency: a_key_is_for_one_request;
            idempotency: an_answer_is_kept_with_its_effect_or_not_at_all;
            idempotency: what_a_dead_worker_held_is_taken_over;
            idempotency: an_abandoned_request_begins_anew;
            idempotency: keys_are_forgotten_when_they_are_over;
            reports: the_same_said_twice_is_one_report;
            reports: reports_count_up_without_gaps_by_many;
            reports: a_report_is_one_moderators_at_a_time;
            reports: a_decision_ends_every_report_of_the_message;
            reports: the_queue_is_oldest_first_and_the_ledger_newest;
            reports: one_appeal_is_open_at_a_time;
            reports: an_appeal_waits_for_its_cooldown;
            reports: an_appeal_is_talked_about_until_it_ends;
            reports: appeals_are_listed_page_by_page;
            hooks: a_hook_has_one_name_and_one_guild;
            webhooks: an_event_goes_to_those_it_concerns_once;
            webhooks: a_secret_is_changed_over;
            webhooks: what_is_due_is_sent_by_one;
            webhooks: one_that_is_full_holds_up_no_other;
            webhooks: a_failed_delivery_is_tried_on_schedule_and_given_up;
            webhooks: a_success_ends_a_row_of_failures;
            webhooks: what_fails_for_long_is_disabled_and_goes_on_later;
            webhooks: who_lost_the_lease_settles_nothing;
            webhooks: deliveries_are_listed_sent_again_and_forgotten;
            webhooks: a_webhook_goes_with_what_waits_for_it;
            webhooks: a_webhook_is_deleted_while_an_event_is_put_down;
            jobs: of_many_processes_one_leads;
            jobs: a_lost_lease_fences_off_its_holder;
            jobs: a_lease_that_lapsed_has_another_fence;
            jobs: a_lease_is_left_to_others;
            jobs: jobs_are_done_once_by_many_processes;
            jobs: a_job_about_the_same_is_not_added_twice;
            jobs: a_dead_workers_job_is_done_by_another;
            jobs: a_failed_job_is_tried_again_given_up_and_revived;
            jobs: a_process_takes_what_it_knows;
            schema: every_statement_can_be_prepared;
            schema: words_are_those_of_the_code;
            schema: rows_that_are_not_sound_are_refused;
            schema: migrations_ran_already;
        }
    };
    (@ $fixture:expr => $( $module:ident: $case:ident; )+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            super::$module::$case($fixture.await).await;
        }
    )+ };
}

mod embedded {
    contract!(super::Fixture::sqlite());
}

mod fleet {
    contract!(super::Fixture::postgres());
}
