//! How long to wait after a failure.

use std::time::Duration;

/// Pauses that double, each drawn from the whole range below its bound, so that many who failed together do not come
/// back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first pause.
    pub first: Duration,
    /// No pause is longer.
    pub cap: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// The longest pause after this many failures.
    pub fn bound(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.cap)
    }

    /// The pause after this many failures.
    pub fn pause(&self, failures: u32) -> Duration {
        self.bound(failures).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_stay_below_their_bound() {
        let backoff = Backoff {
            first: Duration::from_millis(200),
            cap: Duration::from_secs(300),
        };
        let bounds: Vec<u128> = (1..=4)
            .map(|failures| backoff.bound(failures).as_millis())
            .collect();
        assert_eq!(bounds, [200, 400, 800, 1600]);
        for failures in [1, 12, 33, 64, u32::MAX] {
            assert!(backoff.bound(failures) <= backoff.cap);
            assert!(backoff.pause(failures) <= backoff.bound(failures));
        }
        let pauses: Vec<Duration> = (0..50).map(|_| backoff.pause(5)).collect();
        assert!(
            pauses.iter().any(|pause| *pause != pauses[0]),
            "no jitter: {pauses:?}"
        );
    }
}
