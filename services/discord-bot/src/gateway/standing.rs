//! How the connections of this process stand, as one component of its health.

use lockdown_runtime::config::Shards as Part;
use lockdown_runtime::health::Component;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How one connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stands {
    Well,
    /// Without what was not granted.
    Without(String),
    Away(String),
}

pub(super) struct Standing {
    component: Component,
    part: Part,
    /// Of those that have said it.
    known: Mutex<BTreeMap<u32, Stands>>,
}

// === impl Standing ===

impl Standing {
    pub(super) fn new(component: Component, part: Part) -> Self {
        Self {
            component,
            part,
            known: Mutex::default(),
        }
    }

    pub(super) fn say(&self, shard: u32, stands: Stands) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(shard, stands);
        let away: Vec<(&u32, &str)> = known
            .iter()
            .filter_map(|(shard, stands)| match stands {
                Stands::Away(why) => Some((shard, why.as_str())),
                _ => None,
            })
            .collect();
        let without = known.values().find_map(|stands| match stands {
            Stands::Without(what) => Some(what),
            _ => None,
        });
        let all = known.len() == self.part.len();
        match (away.first(), without) {
            (Some((_, why)), _) if self.part.len() == 1 => self.component.down(*why),
            (Some((first, why)), _) => self.component.down(format!(
                "{} of {} connections, such as shard {first}: {why}",
                away.len(),
                self.part.len()
            )),
            // Those that have not said anything yet are still on their way.
            (None, _) if !all => {}
            (None, Some(what)) => self.component.degraded(what.clone()),
            (None, None) => self.component.up(),
        }
    }
}
