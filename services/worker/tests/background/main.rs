//! What goes on beside judging: history, and who looks after it, in both sizes.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

mod archive;
mod counts;
mod house;
mod leader;

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

sizes! {
    archive: history_outlives_the_streams;
    counts: hours_are_counted_once_and_anew;
    leader: the_lease_of_the_dead_ends_and_one_of_the_others_leads;
}
