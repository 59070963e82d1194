//! How many may listen: all of this process together, and each token and each address by itself, so that one of them
//! leaves places to the others.

use crate::problem::{Code, Problem};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Places {
    all: Arc<Semaphore>,
    each: u32,
    /// How many a token or an address has taken.
    taken: Mutex<HashMap<String, u32>>,
}

/// One place; it is free again when this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    whose: [String; 2],
    _of_all: OwnedSemaphorePermit,
}

// === impl Places ===

impl Places {
    pub(super) fn new(all: u32, each: u32) -> Arc<Self> {
        let all = usize::try_from(all).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            all: Arc::new(Semaphore::new(all)),
            each,
            taken: Mutex::default(),
        })
    }

    /// A place for whoever has this token, at this address.
    pub(super) fn take(self: &Arc<Self>, caller: &str, address: &str) -> Result<Place, Problem> {
        let whose = [caller.to_owned(), format!("address:{address}")];
        let mut taken = self.lock();
        let is_full = |one: &&String| taken.get(*one).is_some_and(|count| *count >= self.each);
        if let Some(full) = whose.iter().find(is_full) {
            let whose = if *full == whose[0] { "token" } else { "address" };
            let detail = format!(
                "Your {whose} has {} streams open, and no more may be (LOCKDOWN_LIVE_CLIENTS_EACH): close one, or hear several \
                 communities by one.",
                self.each
            );
            return Err(Problem::new(Code::TooManyStreams, detail).retry_after(5));
        }
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| {
            let detail = "As many listen as may (LOCKDOWN_LIVE_CLIENTS): try again later.";
            Problem::new(Code::Overloaded, detail).retry_after(5)
        })?;
        for one in &whose {
            *taken.entry(one.clone()).or_default() += 1;
        }
        drop(taken);
        Ok(Place {
            places: Arc::clone(self),
            whose,
            _of_all: of_all,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        for one in &self.whose {
            if let Some(count) = taken.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(one);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_many_leaves_places_to_others() {
        let places = Places::new(5, 2);
        let take = |caller: &str, address: &str| {
            let taken = places.take(caller, address);
            taken.map_err(|problem| problem.code)
        };
        let first = take("token:a", "1").unwrap();
        let _second = take("token:a", "2").unwrap();
        assert_eq!(take("token:a", "3").err(), Some(Code::TooManyStreams));
        let _third = take("token:b", "1").unwrap();
        assert_eq!(take("token:c", "1").err(), Some(Code::TooManyStreams));
        drop(first);
        let _again = (take("token:a", "3").unwrap(), take("token:c", "1").unwrap());
        let _last = take("token:d", "4").unwrap();
        assert_eq!(take("token:e", "5").err(), Some(Code::Overloaded));
        // Whoever has none is not remembered.
        assert!(!places.lock().contains_key("token:e"));
    }
}
