//! How often somebody may ask. Each has a bucket that fills steadily; a request takes one out, and an empty bucket says
//! how long to wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many are remembered before those with full buckets are forgotten, and no more than that ever.
const SWEEP: usize = 10_000;
const MOST: usize = 100_000;

/// Buckets of one size, by who they belong to.
pub(crate) struct Rates {
    /// The policy's name, in the headers.
    name: &'static str,
    per_second: f64,
    size: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

/// How a bucket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) name: &'static str,
    pub(crate) size: u64,
    /// Within so many seconds an empty bucket is full.
    pub(crate) window: u64,
    pub(crate) left: u64,
    /// Seconds until it is full.
    pub(crate) full_in: u64,
}

/// Seconds until the next one is taken; at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) u64, pub(crate) Standing);

// === impl Rates ===

impl Rates {
    /// A bucket holds what flows in within `window`.
    pub(crate) fn new(name: &'static str, per_second: f64, window: Duration) -> Self {
        Self {
            name,
            per_second,
            size: (per_second * window.as_secs_f64()).max(1.0),
            buckets: Mutex::default(),
        }
    }

    /// Takes one out of a bucket.
    pub(crate) fn take(&self, whose: &str, now: Instant) -> Result<Standing, Wait> {
        self.with(whose, now, |left| {
            if *left < 1.0 {
                return false;
            }
            *left -= 1.0;
            true
        })
    }

    /// Whether one could be taken.
    pub(crate) fn look(&self, whose: &str, now: Instant) -> Result<Standing, Wait> {
        self.with(whose, now, |left| *left >= 1.0)
    }

    fn with(&self, whose: &str, now: Instant, act: impl FnOnce(&mut f64) -> bool) -> Result<Standing, Wait> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= SWEEP && !buckets.contains_key(whose) {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.size);
        }
        // Beyond that many, all others share one.
        let whose = if buckets.len() >= MOST { "" } else { whose };
        let fresh = Bucket {
            left: self.size,
            at: now,
        };
        if !buckets.contains_key(whose) {
            buckets.insert(whose.to_owned(), fresh);
        }
        let bucket = buckets.get_mut(whose).expect("it is there by now");
        bucket.left = self.filled(bucket, now);
        bucket.at = bucket.at.max(now);
        let taken = act(&mut bucket.left);
        let standing = Standing {
            name: self.name,
            size: self.size as u64,
            window: (self.size / self.per_second).ceil() as u64,
            left: bucket.left as u64,
            full_in: ((self.size - bucket.left) / self.per_second).ceil() as u64,
        };
        if taken {
            return Ok(standing);
        }
        let wait = ((1.0 - bucket.left) / self.per_second).ceil() as u64;
        Err(Wait(wait.max(1), standing))
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + since * self.per_second).min(self.size)
    }
}

// === impl Standing ===

impl Standing {
    /// `RateLimit-Policy` and `RateLimit`, as the IETF's draft writes them.
    pub(crate) fn headers(&self) -> [(&'static str, String); 2] {
        let Self {
            name,
            size,
            window,
            left,
            full_in,
        } = self;
        [
            ("ratelimit-policy", format!("\"{name}\";q={size};w={window}")),
            ("ratelimit", format!("\"{name}\";r={left};t={full_in}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rates = Rates::new("token", 2.0, Duration::from_secs(5));
        let start = Instant::now();
        for left in (0..10).rev() {
            assert_eq!(rates.take("a", start).unwrap().left, left);
        }
        let Err(Wait(seconds, standing)) = rates.take("a", start) else {
            panic!("the bucket is empty")
        };
        assert_eq!((seconds, standing.left, standing.full_in), (1, 0, 5));
        assert!(rates.look("a", start).is_err() && rates.take("b", start).is_ok());
        let later = start + Duration::from_millis(500);
        assert!(rates.look("a", later).is_ok() && rates.take("a", later).is_ok());
        assert!(rates.take("a", later).is_err());
        assert_eq!(
            standing.headers(),
            [
                ("ratelimit-policy", "\"token\";q=10;w=5".to_owned()),
                ("ratelimit", "\"token\";r=0;t=5".to_owned())
            ]
        );
    }

    #[test]
    fn those_with_full_buckets_are_forgotten_and_there_is_a_most() {
        let rates = Rates::new("address", 1.0, Duration::from_secs(1));
        let start = Instant::now();
        for number in 0..SWEEP {
            rates.take(&number.to_string(), start).unwrap();
        }
        let later = start + Duration::from_secs(2);
        rates.take("new", later).unwrap();
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
