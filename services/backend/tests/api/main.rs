//! The API over HTTP, as the service answers it, in both sizes.
//!
//! Each case runs over both engines. To add one: an `async fn(House)` in a module here and its line in `cases!`.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod away;
mod bad;
mod browser;
mod cases;
mod events;
mod federations;
mod hooks;
mod house;
mod labels;
mod limits;
mod live;
mod modes;
mod notifications;
mod once;
mod operator;
mod platforms;
mod roles;
mod rule_modes;
mod rules;
mod settings;
mod sign_in;
mod spam;
mod stats;
mod status;
mod threads;
mod tokens;
mod trace;
mod undo;
mod webhooks;

use house::House;

macro_rules! cases {
    ($house:expr) => {
        cases! { @ $house =>
            roles: every_route_asks_for_its_role;
            roles: a_token_of_one_community_sees_no_other;
            roles: a_role_in_a_guild_adds_to_a_token;
            roles: a_role_is_given_and_taken_back;
            cases: a_ban_is_a_case_that_can_be_read_changed_and_lifted;
            cases: what_a_rule_saw_is_told_with_its_case;
            cases: lists_are_filtered_and_go_on_where_they_ended;
            cases: warnings_notes_and_voids;
            cases: a_record_tells_of_a_person_and_of_nobody_unknown;
            cases: the_audit_is_listed_and_holds;
            labels: labels_are_put_on_people_by_hand;
            federations: a_federation_is_made_changed_and_deleted;
            federations: who_is_banned_in_one_is_listed_and_taken_over;
            federations: guilds_and_federations_go_by_one;
            rules: rules_are_put_in_force_and_told;
            rules: who_looked_before_a_change_is_told;
            rules: faulty_rules_are_refused_with_every_fault;
            rules: an_older_version_comes_back;
            rules: rules_are_tried_on_the_past;
            rules: a_message_is_judged_and_every_rule_says_why;
            rule_modes: one_rules_mode_is_changed_in_the_text;
            rule_modes: two_rules_are_changed_at_once;
            rule_modes: a_paused_rule_is_resumed;
            modes: a_mode_is_raised_and_ended_by_hand;
            modes: a_mode_that_cannot_be_is_refused;
            spam: a_text_is_taught_once_and_forgotten;
            spam: a_mistake_is_undone_and_learned;
            settings: settings_are_chosen_and_told;
            settings: dates_are_by_the_communitys_clock;
            settings: settings_that_cannot_be_are_named;
            events: events_are_listed_and_go_on_where_they_ended;
            events: events_go_on_in_the_archive_where_the_streams_were_trimmed;
            stats: a_day_is_shown_with_the_week_before;
            stats: decisions_and_rules_are_counted_by_hours;
            live: events_are_heard_as_they_happen;
            live: what_an_outsider_publishes_is_heard_in_one_line;
            live: who_was_away_goes_on_where_they_were;
            live: only_who_may_listens;
            live: who_may_no_more_hears_the_end;
            live: who_says_too_much_is_let_go;
            live: no_more_listen_than_may;
            live: one_token_leaves_places_to_others;
            live: a_stop_ends_every_stream;
            live: who_does_not_keep_up_is_told_and_dropped;
            notifications: everybody_has_their_own_notifications;
            notifications: notifications_are_heard_by_whom_they_are_for;
            notifications: a_notification_says_something_to_somebody;
            notifications: somebody_chooses_what_they_are_told;
            webhooks: a_webhook_is_sent_what_it_wants;
            webhooks: what_is_not_taken_comes_again;
            webhooks: a_webhook_that_is_gone_is_disabled_and_told;
            webhooks: nothing_is_sent_to_private_addresses;
            webhooks: webhooks_are_of_their_community;
            hooks: what_is_signed_becomes_an_event;
            hooks: what_is_not_signed_rightly_is_not_taken;
            hooks: a_hook_tells_of_its_guild_alone;
            undo: a_case_is_undone_as_it_was_shown;
            undo: a_decision_is_reviewed;
            once: the_same_request_again_has_the_same_answer;
            once: of_a_race_there_is_one_case;
            once: a_restart_forgets_no_key;
            once: what_was_refused_can_be_tried_again;
            bad: what_is_wrong_is_named;
            bad: paths_and_queries_are_read_strictly;
            bad: a_token_that_opens_nothing_opens_nothing;
            tokens: a_token_is_given_used_and_revoked;
            tokens: what_was_read_is_told_no_longer_than_it_is_true;
            tokens: nobody_gives_more_than_they_have;
            sign_in: a_link_signs_in_once;
            sign_in: a_session_changes_nothing_without_its_token;
            sign_in: sessions_are_listed_ended_and_end;
            sign_in: a_person_may_what_their_roles_say_and_no_more;
            sign_in: an_owner_gives_tokens_of_their_own_communities;
            sign_in: who_guesses_waits;
            sign_in: a_session_listens_while_it_lasts;
            platforms: discord_says_who_somebody_is;
            platforms: telegram_says_who_somebody_is;
            status: the_status_page_shows_what_one_may_see;
            threads: moderators_talk_about_a_case;
            threads: a_thread_refuses_what_is_no_message;
            operator: dead_letters_are_listed_replayed_and_dropped;
            operator: the_first_token_is_made_once;
            operator: ids_are_kept_and_the_chain_goes_on;
            trace: a_trace_goes_on_from_a_request_to_its_event;
            trace: what_is_logged_of_a_request_has_its_ids;
            away: an_effect_whose_answer_was_lost_is_found;
            away: what_starts_says_so;
            away: what_is_too_much_is_told_so;
            limits: who_asks_too_often_waits;
        }
    };
    (@ $house:expr => $( $module:ident: $case:ident; )+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            super::$module::$case($house.await).await;
        }
    )+ };
}

mod embedded {
    cases!(super::House::embedded());
}

mod fleet {
    cases!(super::House::fleet());
}
