//! The bot against a Discord that keeps state: what people do there, what the bus hears, what is done.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod channels;
mod commands;
mod doctor;
mod gateway;
mod hands;
mod intake;
mod judge;
mod menus;
mod modlog;
mod platform;
mod purge;
mod removals;
mod repair;
mod routes;
mod shapes;
mod shards;
mod town;

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
