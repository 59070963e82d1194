//! The suites that both engines pass, each case on a Redis of its own: a single one, and one that is a Cluster, where no
//! call may touch two partitions.
//!
//! None of them forces its log to the disk. It would lose no less by a kill, and one that waits for a busy disk answers
//! nobody meanwhile: what the engine makes of that is asked in [`super::faults`] and [`super::recent`].

use crate::conformance::{Fixture, conformance};
use crate::layer::layer;
use lockdown_bus::Engine;
use lockdown_runtime::Clock;
use lockdown_testkit::servers::{Fsync, RedisOptions, RedisServer, redis_private_with};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

struct OwnRedis(Mutex<RedisServer>);

impl OwnRedis {
    fn cluster() -> Self {
        let mut options = RedisOptions::append_only(Fsync::Never);
        options
            .settings
            .push(("cluster-enabled".to_owned(), "yes".to_owned()));
        let server = redis_private_with(options);
        server
            .command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])
            .unwrap();
        wait_for_slots(&server);
        Self(Mutex::new(server))
    }

    fn start() -> Self {
        Self(Mutex::new(redis_private_with(RedisOptions::append_only(
            Fsync::Never,
        ))))
    }
}

impl Fixture for OwnRedis {
    async fn engine(&self) -> Arc<dyn Engine> {
        let url = self.0.lock().unwrap_or_else(PoisonError::into_inner).url();
        Arc::new(super::engine(&url).await)
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn clock(&self) -> Clock {
        Clock::system()
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(500)
    }

    async fn restart(&self) {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        server.restart().unwrap();
        wait_for_slots(&server);
    }
}

/// A node of a Cluster takes a moment until it serves its slots.
fn wait_for_slots(server: &RedisServer) {
    let started = std::time::Instant::now();
    while server.command(&["GET", "nothing"]).is_err() {
        assert!(started.elapsed() < super::LIMIT, "the cluster serves nothing");
        std::thread::sleep(Duration::from_millis(10));
    }
}

conformance!(OwnRedis::start());
layer!(OwnRedis::start());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_follows_the_model() {
    let course = crate::conformance::model::Course {
        seeds: 30,
        side_by_side: 8,
        // One for each lane of the class: a stream and an inbox of each partition.
        least_read: 16,
    };
    crate::conformance::model::follow(OwnRedis::start, course).await;
}

/// A node of a Cluster takes seconds to start, so the cases of a module follow each other on one.
macro_rules! on_a_cluster {
    ($($module:ident: $($case:ident),+;)+) => {
        mod on_a_cluster {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $module() {
                    let fixture = super::OwnRedis::cluster();
                    $(
                        fixture.0.lock().unwrap().command(&["FLUSHALL"]).unwrap();
                        crate::conformance::$module::$case(&fixture).await;
                    )+
                }
            )+
        }
    };
}

on_a_cluster! {
    log:
        appended_events_come_back_once_and_byte_for_byte,
        the_same_event_within_the_window_is_one_entry,
        the_same_event_from_many_at_once_is_one_entry,
        a_place_in_time_is_the_last_entry_before_it;
    groups:
        one_key_keeps_its_order,
        many_keys_keep_theirs,
        every_group_gets_everything,
        consumers_of_a_group_share,
        a_group_reads_its_classes_only,
        a_new_group_begins_where_it_was_told,
        a_group_opened_by_many_at_once_is_one,
        a_waiting_reader_is_woken;
    settle:
        what_a_silent_consumer_held_goes_to_another,
        a_renewed_entry_stays,
        a_former_owner_changes_nothing,
        a_late_ack_is_accepted,
        a_released_entry_is_free_at_once,
        a_consumer_that_holds_something_is_not_removed;
    dead:
        a_dead_event_leaves_one_letter,
        letters_are_found_by_filter_and_page,
        a_letter_goes_back_to_its_group_once,
        a_letter_outlives_its_entry,
        a_replayed_event_can_die_again,
        history_goes_to_one_group_only;
    trim:
        what_a_group_has_not_settled_stays,
        the_cap_takes_all_and_counts_it,
        trimmed_entries_vanish_from_those_who_held_them;
    history:
        a_question_is_answered_by_time_type_and_community,
        pages_have_no_gaps_and_no_doubles_while_others_publish,
        a_range_goes_to_one_group_again;
    follow:
        a_follower_gets_what_was_and_what_comes;
    archive:
        a_projection_sees_all_that_ever_was,
        history_goes_on_in_the_archive,
        nothing_slips_between_archive_and_stream,
        an_archived_trim_keeps_what_is_not_settled;
    stats:
        what_was_appended_is_somewhere,
        a_lag_is_known_wherever_the_group_begins,
        dead_letters_end_by_age_and_number,
        who_listens_is_counted;
    listen:
        a_frame_is_the_envelope_with_its_place_first;
    hub:
        overlapping_patterns_are_one_delivery,
        who_catches_up_is_given_what_fell_out;
    life:
        close_ends_a_waiting_reader,
        closing_one_handle_leaves_the_others;
}
