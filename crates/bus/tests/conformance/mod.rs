//! What every engine must do, as cases that run over either.
//!
//! A case knows an engine only by [`Fixture`] and the `Engine` trait. It waits for conditions with a generous limit and
//! never asserts how long something took. To add one: an `async fn` in a module here and its name in [`conformance`].

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

pub(crate) mod archive;
pub(crate) mod board;
pub(crate) mod company;
pub(crate) mod dead;
pub(crate) mod follow;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod hub;
pub(crate) mod life;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod presence;
pub(crate) mod requests;
pub(crate) mod settle;
pub(crate) mod stats;
pub(crate) mod tally;
pub(crate) mod trim;

use chrono::{DateTime, Utc};
use compact_str::CompactString;
use lockdown_bus::{
    Append, Appended, Class, ConsumerName, Delivery, Engine, EntryId, Failure, Group, GroupName, Key,
    Settlement, Start, Stored, Stream,
};
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_runtime::{Clock, Ids};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// One log of its own, and the time it lives in.
pub(crate) trait Fixture {
    /// A fresh handle on the log, as another process would have one.
    async fn engine(&self) -> Arc<dyn Engine>;
    /// Lets the engine's time pass: by its mock clock, or by waiting.
    async fn advance(&self, by: Duration);
    /// The engine's time.
    fn clock(&self) -> Clock;
    fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }
    /// For how long a consumer says nothing before it is taken for dead. Short where it is waited for.
    fn silence(&self) -> Duration;
    /// Everything that has the log open goes, and it is opened again. Handles from before are of no use after it.
    async fn restart(&self);
}

/// One test for each case, over the fixture that the expression makes.
macro_rules! conformance {
    ($fixture:expr) => {
        conformance! { @each conformance (flavor = "multi_thread", worker_threads = 2) $fixture =>
            log: appended_events_come_back_once_and_byte_for_byte;
            log: an_append_that_returned_can_be_read_back;
            log: odd_texts_come_back_as_they_were;
            log: the_same_event_within_the_window_is_one_entry;
            log: the_same_event_from_many_at_once_is_one_entry;
            log: paging_has_no_gaps_and_no_doubles_while_others_append;
            log: a_place_in_time_is_the_last_entry_before_it;
            groups: one_key_keeps_its_order;
            groups: many_keys_keep_theirs;
            groups: every_group_gets_everything;
            groups: consumers_of_a_group_share;
            groups: a_group_reads_its_classes_only;
            groups: a_new_group_begins_where_it_was_told;
            groups: a_group_that_exists_goes_on;
            groups: a_group_opened_by_many_at_once_is_one;
            groups: a_waiting_reader_is_woken;
            settle: what_a_silent_consumer_held_goes_to_another;
            settle: a_renewed_entry_stays;
            settle: a_former_owner_changes_nothing;
            settle: a_late_ack_is_accepted;
            settle: a_failure_is_remembered_across_a_restart;
            settle: what_is_said_twice_counts_once;
            settle: a_failed_entry_stays_with_its_consumer;
            settle: a_released_entry_is_free_at_once;
            settle: a_release_counts_for_nothing_after_a_restart_too;
            settle: only_what_was_not_acknowledged_comes_again_after_a_restart;
            settle: a_consumer_that_holds_something_is_not_removed;
            dead: a_dead_event_leaves_one_letter;
            dead: letters_are_found_by_filter_and_page;
            dead: a_letter_goes_back_to_its_group_once;
            dead: a_letter_outlives_its_entry;
            dead: letters_go_back_by_filter_and_all_at_once;
            dead: a_replayed_event_can_die_again;
            dead: history_goes_to_one_group_only;
            dead: dead_letters_survive_a_restart;
            trim: what_a_group_has_not_settled_stays;
            trim: the_cap_takes_all_and_counts_it;
            trim: trimmed_entries_vanish_from_those_who_held_them;
            trim: a_trimmed_stream_goes_on_counting;
            listen: a_frame_is_the_envelope_with_its_place_first;
            listen: a_subscription_is_in_force_when_it_returns;
            listen: patterns_match_as_globs;
            listen: what_is_unsubscribed_is_silent;
            listen: frames_keep_the_order_of_the_log;
            listen: a_listener_that_does_not_read_harms_nobody;
            listen: what_is_said_reaches_other_handles;
            board: a_mark_has_one_owner;
            board: a_mark_ends_by_itself;
            board: a_board_shows_what_is_due_first;
            board: what_is_due_is_taken_once;
            board: what_is_put_off_comes_to_another_later;
            board: marks_and_boards_survive_a_restart;
            tally: what_many_count_is_one_count;
            tally: the_same_thing_finds_what_it_found_before;
            tally: what_is_old_or_too_much_is_let_go;
            tally: a_tally_survives_a_restart_and_ends_by_itself;
            hub: generated_patterns_match_as_in_the_engine;
            hub: overlapping_patterns_are_one_delivery;
            hub: a_subscriber_hears_what_is_published_right_after;
            hub: a_handler_that_panics_or_hangs_harms_no_other;
            hub: a_slow_subscriber_is_told_how_much_it_missed;
            hub: who_catches_up_is_given_what_fell_out;
            hub: who_catches_up_hears_all_in_order_at_its_own_pace;
            hub: what_was_trimmed_away_is_missed;
            hub: a_subscription_goes_on_where_another_ended;
            hub: the_end_of_the_engine_ends_the_subscriptions;
            requests: each_asker_gets_its_own_answer;
            requests: a_question_nobody_answers_fails_at_once;
            requests: a_late_answer_is_ignored_and_an_expired_question_not_acted_on;
            requests: a_plain_client_is_answered_once_or_told_why_not;
            requests: ten_thousand_timeouts_leave_nothing_behind;
            presence: who_comes_and_goes_is_told_once;
            presence: a_heartbeat_keeps_one_there;
            presence: clocks_that_differ_do_no_harm_to_who_is_there;
            company: every_cache_forgets_what_any_process_invalidates;
            company: what_is_loaded_meanwhile_is_not_remembered;
            company: a_notification_reaches_its_moderator_and_a_broadcast_all;
            company: the_stats_show_who_listens_and_what_lies_there;
            company: an_effect_happens_once;
            company: what_follows_from_an_event_is_published_once;
            company: a_delayed_event_is_not_early_and_survives_a_restart;
            history: a_question_is_answered_by_time_type_and_community;
            history: pages_have_no_gaps_and_no_doubles_while_others_publish;
            history: a_cursor_survives_text_and_restart;
            history: a_rare_event_is_found_in_bounded_steps;
            follow: a_follower_gets_what_was_and_what_comes;
            follow: a_follower_is_woken_by_each_event;
            follow: a_follower_gets_what_others_announced;
            follow: a_follow_goes_on_after_a_restart;
            follow: a_closed_log_ends_a_follow;
            history: a_range_goes_to_one_group_again;
            history: what_is_about_one_thing_is_found;
            archive: a_projection_sees_all_that_ever_was;
            archive: history_goes_on_in_the_archive;
            archive: nothing_slips_between_archive_and_stream;
            archive: an_archived_trim_keeps_what_is_not_settled;
            stats: what_was_appended_is_somewhere;
            stats: a_lag_is_known_wherever_the_group_begins;
            stats: a_group_with_something_open_is_removed_by_force_only;
            stats: dead_letters_end_by_age_and_number;
            stats: who_listens_is_counted;
            life: close_is_final_and_harmless_twice;
            life: close_ends_a_waiting_reader;
            life: closing_one_handle_leaves_the_others;
            life: many_close_at_once_under_load;
        }
    };
    (@each $suite:ident $runtime:tt $fixture:expr => $($module:ident: $case:ident;)*) => {
        $( $crate::conformance::conformance! { @one $suite $runtime $fixture => $module: $case } )*
    };
    (@one $suite:ident ($($runtime:tt)*) $fixture:expr => $module:ident: $case:ident) => {
        #[tokio::test($($runtime)*)]
        async fn $case() {
            let fixture = $fixture;
            $crate::$suite::$module::$case(&fixture).await;
        }
    };
}
pub(crate) use conformance;

/// Nothing here takes so long unless it will never come.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// A read that is to find nothing waits so long for it.
pub(crate) const QUIET: Duration = Duration::from_millis(30);
pub(crate) const TYPE: &str = "message:created";

static IDS: LazyLock<Ids> = LazyLock::new(|| Ids::system(Clock::system()));

pub(crate) fn community(number: u64) -> Key {
    let guild = GuildId::new(&number.to_string()).unwrap();
    Key::community(Platform::Discord, &guild)
}

/// An event of this type, in this community, whose envelope says `text`.
pub(crate) fn event(channel: &str, guild: u64, text: &str) -> Append {
    let event_id = EventId(IDS.next());
    let envelope = format!(
        r#"{{"eventId":"{event_id}","eventType":"{channel}","timestamp":"2026-11-20T09:06:00.123Z","source":"worker","correlationId":"{event_id}","version":1,"data":{{"platform":"discord","guildId":"{guild}","text":{}}}}}"#,
        serde_json::Value::from(text),
    );
    raw(event_id, channel, guild, &envelope)
}

pub(crate) fn raw(event_id: EventId, channel: &str, guild: u64, envelope: &str) -> Append {
    Append {
        event_id,
        channel: channel.into(),
        key: community(guild),
        envelope: envelope.into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    }
}

/// Events of one community, numbered in their text.
pub(crate) fn events(count: usize) -> Vec<Append> {
    (0..count).map(|n| event(TYPE, 1, &n.to_string())).collect()
}

/// The stream that [`events`] go to.
pub(crate) fn stream() -> Stream {
    Stream::of(TYPE, &community(1))
}

pub(crate) async fn append(engine: &Arc<dyn Engine>, batch: &[Append]) -> Vec<Appended> {
    let results = engine.append(batch).await.unwrap();
    assert_eq!(results.len(), batch.len(), "one result for each event");
    results.into_iter().map(Result::unwrap).collect()
}

pub(crate) fn group(name: &str) -> Group {
    Group {
        name: GroupName::new(name).unwrap(),
        classes: vec![Class::Message],
    }
}

/// A group that reads the message class from the oldest entry on.
pub(crate) async fn open(engine: &Arc<dyn Engine>, name: &str) -> Group {
    let group = group(name);
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    group
}

pub(crate) fn consumer(name: &str) -> ConsumerName {
    ConsumerName::new(name).unwrap()
}

/// Reads until `count` entries are held, and settles none.
pub(crate) async fn take(
    engine: &Arc<dyn Engine>,
    group: &Group,
    consumer: &ConsumerName,
    count: usize,
) -> Vec<Delivery> {
    let begun = Instant::now();
    let mut held = Vec::new();
    while held.len() < count && begun.elapsed() < LIMIT {
        let wait = Duration::from_millis(200);
        held.extend(
            engine
                .read(group, consumer, count - held.len(), wait)
                .await
                .unwrap(),
        );
    }
    assert_eq!(held.len(), count, "{} read too few", group.name);
    held
}

/// Takes what nobody holds any more, by whichever way the engine hands it out, until `count` are held.
pub(crate) async fn reclaim(
    engine: &Arc<dyn Engine>,
    group: &Group,
    consumer: &ConsumerName,
    idle: Duration,
    count: usize,
) -> Vec<Delivery> {
    let begun = Instant::now();
    let mut held = Vec::new();
    while held.len() < count && begun.elapsed() < LIMIT {
        let most = count - held.len();
        held.extend(engine.take_over(group, consumer, idle, most).await.unwrap());
        let most = count - held.len();
        if most > 0 {
            held.extend(engine.read(group, consumer, most, QUIET).await.unwrap());
        }
    }
    assert_eq!(held.len(), count, "{} got too few back", group.name);
    held
}

/// Neither a read nor a takeover finds anything.
pub(crate) async fn nothing(
    engine: &Arc<dyn Engine>,
    group: &Group,
    consumer: &ConsumerName,
    idle: Duration,
) {
    let read = engine.read(group, consumer, 10, QUIET).await.unwrap();
    assert!(read.is_empty(), "read {read:?}");
    let taken = engine.take_over(group, consumer, idle, 10).await.unwrap();
    assert!(taken.is_empty(), "took over {taken:?}");
}

pub(crate) async fn settle(
    engine: &Arc<dyn Engine>,
    group: &Group,
    consumer: &ConsumerName,
    deliveries: &[Delivery],
    settlement: &Settlement,
) -> Vec<bool> {
    let settlements: Vec<_> = deliveries
        .iter()
        .map(|delivery| (delivery.clone(), settlement.clone()))
        .collect();
    let results = engine.settle(group, consumer, &settlements).await.unwrap();
    assert_eq!(results.len(), deliveries.len(), "one result for each settlement");
    results
}

/// Everything in a stream, by pages of this size.
pub(crate) async fn history(engine: &Arc<dyn Engine>, stream: Stream, page: usize) -> Vec<Stored> {
    let mut found: Vec<Stored> = Vec::new();
    loop {
        let after = found.last().map_or(EntryId::ZERO, |stored| stored.position.id);
        let more = engine.range(stream, after, EntryId::MAX, page).await.unwrap();
        assert!(more.len() <= page, "a page larger than asked for");
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

pub(crate) fn texts<'a>(envelopes: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<&'a str> {
    envelopes.into_iter().map(AsRef::as_ref).collect()
}

pub(crate) fn envelopes(batch: &[Append]) -> Vec<&str> {
    texts(batch.iter().map(|append| &append.envelope))
}

pub(crate) fn contents(deliveries: &[Delivery]) -> Vec<&str> {
    texts(deliveries.iter().map(|delivery| &delivery.envelope))
}

pub(crate) fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

pub(crate) fn failure(fixture: &impl Fixture, error: &str) -> Failure {
    Failure {
        error: error.to_owned(),
        at: fixture.now(),
    }
}

pub(crate) fn globs(patterns: &[&str]) -> Vec<CompactString> {
    patterns
        .iter()
        .map(|pattern| CompactString::new(pattern))
        .collect()
}
