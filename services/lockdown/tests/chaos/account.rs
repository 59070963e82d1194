//! What became of everything, as the records say.

use crate::crowd::{Crowd, Said, guilds};
use crate::world::World;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Account {
    kills: usize,
    events: u64,
    hits: usize,
    /// Hits without a verdict, a sanction or its end.
    lost: usize,
    /// Hits with more than one of them.
    doubled: usize,
    actions: usize,
    /// Cases that nobody answered, or that failed.
    unfinished: usize,
    /// What some group has still to handle, and what nobody could.
    open: u64,
    dead: u64,
    audit_verified: bool,
    slowest_recovery: Duration,
}

// === impl Account ===

impl Account {
    pub(crate) async fn take(
        world: &World,
        crowd: &Crowd,
        said: &Said,
        kills: usize,
        slowest_recovery: Duration,
    ) -> Self {
        let mut of_person: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let (mut actions, mut unfinished) = (0, 0);
        for guild in guilds() {
            for case in world.cases(&guild).await {
                actions += 1;
                let of = of_person
                    .entry(case["userId"].as_str().unwrap().to_owned())
                    .or_default();
                let state = case["state"].as_str().unwrap();
                match case["action"].as_str().unwrap() {
                    "mute" => {
                        of.0 += 1;
                        unfinished += usize::from(state != "lifted");
                    }
                    "unmute" => {
                        of.1 += 1;
                        unfinished += usize::from(state != "applied");
                    }
                    other => panic!("nobody asked for {other}"),
                }
            }
        }
        let (mut lost, mut doubled) = (0, 0);
        for (hit, author) in &said.hits {
            let book = crowd.book();
            let verdicts = book.verdicts.get(hit).map_or(0, std::collections::BTreeSet::len);
            let (mutes, lifts) = of_person.get(author).copied().unwrap_or_default();
            let numbers = [verdicts, mutes, lifts];
            lost += usize::from(numbers.contains(&0));
            doubled += usize::from(numbers.iter().any(|number| *number > 1));
        }
        Self {
            kills,
            events: said.messages,
            hits: said.hits.len(),
            lost,
            doubled,
            actions,
            unfinished,
            open: crowd.open().await,
            dead: crowd.dead().await,
            audit_verified: world.audit_is_whole(),
            slowest_recovery,
        }
    }

    /// The account in one line.
    pub(crate) fn line(&self) -> String {
        json!({
            "lost": self.lost, "doubled": self.doubled, "audit_verified": self.audit_verified, "kills": self.kills,
            "events": self.events, "hits": self.hits, "actions": self.actions, "unfinished": self.unfinished,
            "open": self.open, "dead": self.dead,
            "slowest_recovery_s": (self.slowest_recovery.as_secs_f64() * 10.0).round() / 10.0,
        })
        .to_string()
    }

    pub(crate) fn check(&self) {
        let broken = (self.lost, self.doubled, self.unfinished, self.open, self.dead);
        assert_eq!(broken, (0, 0, 0, 0, 0), "{}", self.line());
        assert_eq!(self.actions, 2 * self.hits, "{}", self.line());
        assert!(self.hits > 0 && self.audit_verified, "{}", self.line());
    }
}
