//! Floods and raids: what adds up faster than it cools down. Time is given in, as milliseconds, and never read.

use serde::{Deserialize, Serialize};

/// A level that every event raises and time halves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    half_life: i64,
    level: f64,
    at: i64,
}

// === impl Heat ===

impl Heat {
    /// Cold; falls to half of it in so many milliseconds.
    pub fn new(half_life: i64) -> Self {
        Self {
            half_life: half_life.max(1),
            level: 0.0,
            at: i64::MIN,
        }
    }

    /// The level at a time. What comes late finds the level as it is.
    pub fn level(&self, now: i64) -> f64 {
        let passed = now.saturating_sub(self.at).max(0);
        if self.level == 0.0 {
            return 0.0;
        }
        self.level * (-(passed as f64) / self.half_life as f64).exp2()
    }

    /// Raises the level, and tells it.
    pub fn add(&mut self, now: i64, amount: f64) -> f64 {
        self.level = self.level(now) + amount.max(0.0);
        self.at = self.at.max(now);
        self.level
    }
}

/// What is known of somebody who joins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Milliseconds since the account was made; not known on Telegram.
    pub account_age: Option<i64>,
    pub default_avatar: bool,
    /// Came by the invite that the one before came by.
    pub same_invite: bool,
}

/// Watches arrivals for a raid: a cumulative sum (CUSUM) of how much sooner they come than is usual here, and of how alike
/// and new they are. It learns what is usual from the quiet times, so that a large community does not raid itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raid {
    /// Milliseconds that usually pass between two.
    usual: f64,
    sum: f64,
    last: Option<i64>,
}

/// The sum that means a raid: about six strangers in as many seconds.
pub const RAID: f64 = 12.0;
/// It does not rise further, so that it falls when nobody comes.
const HIGHEST: f64 = 60.0;
/// Where communities begin: somebody every ten minutes.
const USUAL: f64 = 600_000.0;
const LEAST_USUAL: f64 = 3_000.0;
const DAY: i64 = 86_400_000;

// === impl Raid ===

impl Default for Raid {
    fn default() -> Self {
        Self {
            usual: USUAL,
            sum: 0.0,
            last: None,
        }
    }
}

impl Raid {
    /// Takes an arrival, and tells the sum.
    pub fn join(&mut self, now: i64, arrival: &Arrival) -> f64 {
        let gap = self
            .last
            .map_or(self.usual, |last| now.saturating_sub(last).max(0) as f64);
        // What fell back since counts no more: one who comes long after a raid is not part of it.
        let sum = self.sum(now);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        let age = match arrival.account_age {
            Some(age) if age < DAY => 1.2,
            Some(age) if age < 7 * DAY => 0.6,
            Some(age) if age > 365 * DAY => -0.5,
            _ => 0.0,
        };
        let alike =
            if arrival.default_avatar { 0.4 } else { 0.0 } + if arrival.same_invite { 0.4 } else { 0.0 };
        // The logarithm of how much likelier the gap is in a raid, one arrival a second and a half, than usually.
        let raid = 1_500.0_f64.min(self.usual / 4.0);
        let sooner = ((self.usual / raid).ln() - gap / raid + gap / self.usual).clamp(-8.0, 3.0);
        self.sum = (sum + sooner + age + alike - 0.6).clamp(0.0, HIGHEST);
        if self.sum < RAID / 2.0 {
            self.usual = (self.usual * 0.95 + gap.min(10.0 * USUAL) * 0.05).max(LEAST_USUAL);
        }
        self.sum
    }

    /// The sum, without an arrival; falls back to nothing while nobody comes.
    pub fn sum(&self, now: i64) -> f64 {
        let quiet = self.last.map_or(0, |last| now.saturating_sub(last).max(0)) as f64;
        (self.sum - quiet / 10_000.0).max(0.0)
    }

    pub fn is_raid(&self, now: i64) -> bool {
        self.sum(now) >= RAID
    }
}
