//! Ids and tokens, which a test can make repeatable.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Clock;

/// Random bits of a version 7 UUID, beside the 48 bits of milliseconds.
const RANDOM_BITS: u32 = 74;
const RANDOM_MASK: u128 = (1 << RANDOM_BITS) - 1;

/// Makes UUIDs of version 7: ordered by time, and strictly increasing within the process. Cheap to clone; clones share
/// one sequence.
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Milliseconds and random bits of the last id: the id without its six constant bits.
    last: u128,
    random: Random,
}

enum Random {
    System(Box<Pool>),
    Seeded(u64),
}

/// Bytes of the operating system for some ids to come: asking for each costs more than all else about an id. Tokens, which
/// are secret, are asked for one by one.
struct Pool {
    bytes: [u8; POOL],
    used: usize,
}

const POOL: usize = 512;

// === impl Ids ===

impl Ids {
    /// Ids from the operating system's randomness.
    pub fn system(clock: Clock) -> Self {
        Self::new(
            clock,
            Random::System(Box::new(Pool {
                bytes: [0; POOL],
                used: POOL,
            })),
        )
    }

    /// The same ids in every run, for tests.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self::new(clock, Random::Seeded(seed))
    }

    fn new(clock: Clock, random: Random) -> Self {
        Self {
            clock,
            state: Arc::new(Mutex::new(State { last: 0, random })),
        }
    }

    /// A new id, greater than every one before it, also within a millisecond and after the clock was set back.
    pub fn next(&self) -> Uuid {
        let millis = u128::try_from(self.clock.now().timestamp_millis()).unwrap_or(0) & ((1 << 48) - 1);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let random = state.random.id();
        let fresh = (millis << RANDOM_BITS) | (random & RANDOM_MASK);
        // Within a millisecond the random part counts on, by a random step that keeps the next id hard to guess. When
        // it overflows it carries into the milliseconds, which then run ahead of the clock: still in order.
        let next = if fresh >> RANDOM_BITS > state.last >> RANDOM_BITS {
            fresh
        } else {
            state.last + 1 + (random & u128::from(u32::MAX))
        };
        state.last = next;
        drop(state);
        uuid_of(next)
    }

    /// A token of this many random bytes, in hexadecimal digits.
    pub fn random_token(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random
            .fill(&mut buffer);
        hex(&buffer)
    }
}

/// A token of this many random bytes from the operating system, in hexadecimal digits. 32 are enough for a secret.
pub fn random_token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    system(&mut buffer);
    hex(&buffer)
}

/// Spreads time and random bits around the version and the variant (RFC 9562, section 5.7).
fn uuid_of(value: u128) -> Uuid {
    let millis = value >> RANDOM_BITS;
    let random_a = (value >> 62) & 0xfff;
    let random_b = value & ((1 << 62) - 1);
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (random_a << 64) | (0b10 << 62) | random_b)
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl Random ===

impl Random {
    /// For an id: each of its bytes is used once.
    fn id(&mut self) -> u128 {
        let mut bytes = [0; 16];
        match self {
            Self::System(pool) => pool.fill(&mut bytes),
            Self::Seeded(_) => self.fill(&mut bytes),
        }
        u128::from_le_bytes(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        match self {
            Self::System(_) => system(bytes),
            // SplitMix64: every seed gives a full period, which is all that tests ask.
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mut word = *state;
                    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    word ^= word >> 31;
                    chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }
}

// === impl Pool ===

impl Pool {
    fn fill(&mut self, bytes: &mut [u8; 16]) {
        if self.used == POOL {
            system(&mut self.bytes);
            self.used = 0;
        }
        bytes.copy_from_slice(&self.bytes[self.used..self.used + 16]);
        self.used += 16;
    }
}

fn system(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-20T09:06:00.123Z".parse().unwrap()
    }

    fn millis(id: Uuid) -> i64 {
        i64::try_from(id.as_u128() >> 80).unwrap()
    }

    #[test]
    fn an_id_is_a_version_7_uuid_of_its_time() {
        let (clock, _) = Clock::mock(start());
        for ids in [Ids::system(clock.clone()), Ids::seeded(clock, 1)] {
            let id = ids.next();
            assert_eq!(
                (id.get_version_num(), id.get_variant()),
                (7, uuid::Variant::RFC4122)
            );
            assert_eq!(millis(id), start().timestamp_millis());
        }
    }

    #[test]
    fn ids_increase_within_a_millisecond() {
        let (clock, _) = Clock::mock(start());
        let ids = Ids::system(clock);
        let made: Vec<_> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(
            made.iter().all(|id| millis(*id) == start().timestamp_millis()),
            "no overflow in sight"
        );
    }

    #[test]
    fn an_overflow_carries_into_the_milliseconds() {
        let (clock, _) = Clock::mock(start());
        let ids = Ids::seeded(clock, 7);
        let last = (u128::try_from(start().timestamp_millis()).unwrap() << RANDOM_BITS) | RANDOM_MASK;
        ids.state.lock().unwrap().last = last;
        let id = ids.next();
        assert!(id > uuid_of(last));
        assert_eq!(
            (millis(id), id.get_version_num()),
            (start().timestamp_millis() + 1, 7)
        );
    }

    #[test]
    fn threads_share_one_sequence() {
        let ids = Ids::system(Clock::system());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let ids = ids.clone();
                std::thread::spawn(move || (0..2_000).map(|_| ids.next()).collect::<Vec<_>>())
            })
            .collect();
        let made: Vec<Vec<_>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(made.iter().all(|ids| ids.is_sorted_by(|a, b| a < b)));
        assert_eq!(made.iter().flatten().collect::<HashSet<_>>().len(), 8_000);
    }

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let (clock, _) = Clock::mock(start());
        let first = |seed| Ids::seeded(clock.clone(), seed).next();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_ne!(
            Ids::system(clock.clone()).next(),
            Ids::system(clock.clone()).next()
        );
        let token = |seed| Ids::seeded(clock.clone(), seed).random_token(9);
        assert_eq!(token(1), token(1));
        assert_ne!(token(1), token(2));
    }

    #[test]
    fn a_token_has_two_digits_for_each_byte() {
        let token = random_token(32);
        assert_eq!(token.len(), 64);
        assert!(token.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(token, random_token(32));
    }

    proptest! {
        #[test]
        fn ids_increase_whatever_the_clock_does(seed: u64, steps in proptest::collection::vec(-5_000_i64..5_000, 1..60)) {
            let (clock, mock) = Clock::mock(start());
            let ids = Ids::seeded(clock, seed);
            let mut last = ids.next();
            for step in steps {
                mock.advance(TimeDelta::milliseconds(step));
                let id = ids.next();
                prop_assert!(id > last, "{id} after {last}");
                last = id;
            }
        }
    }
}
