//! A process that dies between any two statements, and the seeds by which a history is made again.

use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::task::Poll;

/// Which histories to follow: `LOCKDOWN_DESK_SEEDS=<seed>`, or `<from>..<until>`, in place of the usual ones.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own variables are no configuration of LOCKDOWN"
)]
pub(crate) fn seeds(usual: u64) -> Range<u64> {
    let Ok(asked) = std::env::var("LOCKDOWN_DESK_SEEDS") else {
        return 0..usual;
    };
    let number = |text: &str| {
        text.parse::<u64>()
            .unwrap_or_else(|_| panic!("{text} is no seed"))
    };
    match asked.split_once("..") {
        Some((from, until)) => number(from)..number(until),
        None => number(&asked)..number(&asked) + 1,
    }
}

/// Lets a future go on so many times, and drops it where it then waits: whatever it waited for, a statement's answer or the
/// commit's, never reaches it. `None` when it died there.
pub(crate) async fn die_after<F: Future>(turns: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    go_on(turns, &mut future).await
}

async fn go_on<F: Future>(turns: usize, future: &mut Pin<Box<F>>) -> Option<F::Output> {
    let mut left = turns;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// As long as an act takes, and a little longer, so that some survive.
pub(crate) const TURNS: usize = 90;

/// Both, the second beginning when the first has gone on so many times: so that each point of the first is met.
pub(crate) async fn meanwhile<A: Future, B: Future>(
    turns: usize,
    one: A,
    other: B,
) -> (A::Output, B::Output) {
    let mut one = Box::pin(one);
    match go_on(turns, &mut one).await {
        Some(value) => (value, other.await),
        None => tokio::join!(one, other),
    }
}
