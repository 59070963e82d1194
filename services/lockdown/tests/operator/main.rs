//! The operator's commands over a store that is in use: what they print, what they find, and with which exit code.
//!
//! Each case runs over both engines by [`Installation`]. To add one: an `async fn(Installation)` in a module here and its
//! line in [`cases`].

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod bus;
mod doctor;
mod installation;
mod outbox;
mod person;

use installation::Installation;

macro_rules! cases {
    ($installation:expr) => {
        cases! { @ $installation =>
            audit: a_chain_that_holds_is_said_to;
            audit: what_was_done_behind_the_store_is_located;
            audit: a_rewritten_chain_is_found_by_a_head_that_was_kept;
            audit: a_head_is_believed_only_when_it_was_signed_here;
            audit: what_is_asked_wrongly_is_refused;
            bus: dead_letters_are_listed_shown_replayed_and_dropped;
            bus: events_are_exported_and_replayed;
            bus: what_comes_is_printed_as_it_comes;
            doctor: what_is_lacking_is_said;
            outbox: what_the_bus_refused_is_put_back_or_dropped;
            person: a_person_is_handed_what_is_kept;
            person: a_person_is_erased_when_it_is_meant;
            person: an_erasure_that_was_killed_is_finished_by_the_next;
            person: a_guild_chooses_how_long_things_are_kept;
        }
    };
    (@ $installation:expr => $( $module:ident: $case:ident; )+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            super::$module::$case($installation.await).await;
        }
    )+ };
}

mod embedded {
    cases!(super::Installation::embedded());
}

mod fleet {
    cases!(super::Installation::fleet());
}
