//! What goes on beside judging: history, and who looks after it, in both sizes.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod archive;
mod counts;
mod dead;
mod digest;
mod house;
mod leader;
mod notify;

/// One test for each story and size, on the clock of the machine.
macro_rules! sizes {
    ($( $module:ident: $( $case:ident ),+ ; )+) => {
        mod embedded { $( $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let clock = lockdown_runtime::Clock::system();
                crate::$module::$case(crate::house::House::embedded(clock).await).await;
            }
        )+ )+ }
        mod fleet { $( $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let clock = lockdown_runtime::Clock::system();
                crate::$module::$case(crate::house::House::fleet(clock).await).await;
            }
        )+ )+ }
    };
}

/// The same, on a clock that the story owns.
macro_rules! timed {
    ($( $module:ident: $case:ident at $start:literal; )+) => { $(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                let (clock, time) = lockdown_runtime::Clock::mock($start.parse().unwrap());
                crate::$module::$case(crate::house::House::embedded(clock).await, time).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn fleet() {
                let (clock, time) = lockdown_runtime::Clock::mock($start.parse().unwrap());
                crate::$module::$case(crate::house::House::fleet(clock).await, time).await;
            }
        }
    )+ };
}

mod timed {
    timed! {
        dead: what_is_given_up_is_told_and_tried_again at "2026-11-20T09:06:00Z";
        digest: a_day_is_told_once at "2026-11-21T07:59:00Z";
        notify: moderators_are_told_as_they_chose at "2026-11-20T21:00:00Z";
    }
}

sizes! {
    archive: history_outlives_the_streams;
    counts: hours_are_counted_once_and_anew;
    leader: the_lease_of_the_dead_ends_and_one_of_the_others_leads;
}
