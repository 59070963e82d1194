//! What the account says: what was lost, what came twice, what came out of order, and what excuses it.

use super::account::{Account, Event, Fate, Handled, Id, group_of};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What is on the way when something breaks is told within this time, or not at all: an acknowledgement goes out
/// within milliseconds, a broken connection is back within seconds. In microseconds.
const SETTLING: i64 = 5_000_000;

/// Something that was broken, and for how long.
pub(super) struct Crash {
    pub(super) whom: Whom,
    pub(super) from: i64,
    pub(super) until: i64,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// Redis, or the one process of an embedded bus.
    Engine,
    /// The engine again, which lives but does not answer: what is in hand passes for a dead consumer's.
    Stall,
    /// By the name of its notes.
    Consumer(String),
    Publisher,
}

#[derive(Serialize, Default, Clone)]
pub(super) struct Verdict {
    /// Acknowledged to their publishers.
    pub(super) events: u64,
    /// Of them, neither handled nor dead in some group.
    pub(super) lost: u64,
    /// Of those, confirmed shortly before the engine was killed.
    pub(super) lost_with_redis: u64,
    /// Handled more than once by a group, with a crash between that explains it; and without.
    pub(super) redelivered: u64,
    pub(super) doubled: u64,
    /// Handled after a later one of the same caller, though no crash and no failure explains it.
    pub(super) order: u64,
    /// Written twice though asked to be written once.
    pub(super) twice: u64,
    pub(super) dead: u64,
    /// Dead letters that an event should not have: a second one, or one beside its handling.
    pub(super) dead_wrong: u64,
    pub(super) trimmed: u64,
    pub(super) trimmed_unsettled: u64,
    /// Handled, but open for the group again when all was over: their acknowledgement was lost with the engine.
    pub(super) left: u64,
    pub(super) kills: u64,
    pub(super) rounds: u64,
    pub(super) slowest_recovery_s: f64,
}

// === impl Verdict ===

impl Verdict {
    pub(super) fn of(account: &Account, crashes: &[Crash]) -> Verdict {
        let mut verdict = Verdict {
            events: account.acknowledged,
            trimmed: account.trimmed,
            trimmed_unsettled: account.trimmed_unsettled,
            left: account.left.len() as u64,
            ..Verdict::default()
        };
        for event in account.events.values() {
            verdict.judge(event, crashes);
        }
        for (name, seen) in &account.seats {
            let mut newest: HashMap<u64, (u64, Id)> = HashMap::new();
            for seen in seen {
                let last = newest.entry(seen.row).or_insert((seen.number, seen.id));
                if seen.number >= last.0 {
                    *last = (seen.number, seen.id);
                } else if !excused(crashes, name, &account.events[&seen.id], seen.at) {
                    verdict.order += 1;
                }
            }
        }
        verdict
    }

    fn judge(&mut self, event: &Event, crashes: &[Crash]) {
        if event.kept.is_some() && event.fates.iter().any(Fate::is_lost) {
            self.lost += 1;
            let with_engine = |crash: &Crash| crash.whom == Whom::Engine && crash.touches_before(event);
            self.lost_with_redis += u64::from(crashes.iter().any(with_engine));
        }
        for fate in &event.fates {
            // The notes of several processes are read in no order.
            let mut handled: Vec<&Handled> = fate.handled.iter().collect();
            handled.sort_by_key(|handled| handled.at);
            for pair in handled.windows(2) {
                if crashes.iter().any(|crash| crash.explains(pair[0], pair[1])) {
                    self.redelivered += 1;
                } else {
                    self.doubled += 1;
                }
            }
            self.dead += fate.dead.len() as u64;
            self.dead_wrong += wrong_letters(fate);
        }
        let mut handled = event.fates.iter().flat_map(|fate| &fate.handled);
        if event.once
            && let Some(first) = handled.next()
            && handled.any(|other| other.place != first.place)
            && !crashes.iter().any(|crash| crash.loses(first))
        {
            self.twice += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Verdict) {
        self.events += other.events;
        self.lost += other.lost;
        self.lost_with_redis += other.lost_with_redis;
        self.redelivered += other.redelivered;
        self.doubled += other.doubled;
        self.order += other.order;
        self.twice += other.twice;
        self.dead += other.dead;
        self.dead_wrong += other.dead_wrong;
        self.trimmed += other.trimmed;
        self.trimmed_unsettled += other.trimmed_unsettled;
        self.left += other.left;
        self.kills += other.kills;
        self.rounds += other.rounds;
        self.slowest_recovery_s = self.slowest_recovery_s.max(other.slowest_recovery_s);
    }

    /// What must never be, as a number.
    pub(super) fn broken(&self) -> u64 {
        self.lost + self.doubled + self.order + self.twice + self.dead_wrong + self.trimmed_unsettled
    }
}

// === impl Crash ===

impl Crash {
    fn touches(&self, from: i64, until: i64) -> bool {
        self.from <= until && self.until + SETTLING >= from
    }

    /// Whether the first handling's acknowledgement may have been lost by it; or the second one stood still with the event in
    /// hand, which was taken over meanwhile.
    fn explains(&self, first: &Handled, second: &Handled) -> bool {
        let lost = match &self.whom {
            Whom::Engine | Whom::Stall => true,
            Whom::Consumer(name) => *name == first.seat,
            Whom::Publisher => false,
        };
        let stood_still = self.whom == Whom::Consumer(second.seat.clone())
            && (self.from..=self.until).contains(&first.at)
            && self.touches(second.at, second.at);
        lost && self.from <= second.at && self.touches(first.at, first.at + SETTLING) || stood_still
    }

    /// Whether it came in the seconds after the engine had confirmed an event.
    fn touches_before(&self, event: &Event) -> bool {
        event
            .kept
            .is_some_and(|(_, kept)| (kept..kept + SETTLING).contains(&self.from))
    }

    /// Whether an engine that loses what it confirmed may have lost it.
    fn loses(&self, handled: &Handled) -> bool {
        self.whom == Whom::Engine && self.touches(handled.at - SETTLING, handled.at + SETTLING)
    }
}

/// A publisher that did not hear an answer may have written an event twice: then both may die. Each only once, and
/// none that was handled, unless it was handed out so often that it passes for poison.
fn wrong_letters(fate: &Fate) -> u64 {
    let (mut places, mut wrong) = (HashSet::new(), 0);
    for letter in &fate.dead {
        let handled = fate.handled.iter().any(|handled| handled.place == letter.place);
        let first = places.insert(&letter.place);
        wrong += u64::from(!first || (handled && letter.reason != "Poison"));
    }
    wrong
}

/// Whether something that happened between the publishing and the handling explains a wrong order.
fn excused(crashes: &[Crash], name: &str, event: &Event, at: i64) -> bool {
    let Some((asked, _)) = event.kept else {
        // Nobody was told, so it was tried more than once.
        return true;
    };
    let Ok(group) = group_of(name) else { return false };
    let fate = &event.fates[group];
    let in_group = |crash: &Crash| match &crash.whom {
        Whom::Engine | Whom::Stall => true,
        Whom::Consumer(name) => group_of(name).is_ok_and(|other| other == group),
        Whom::Publisher => false,
    };
    fate.failed
        || fate.handled.len() > 1
        || crashes
            .iter()
            .any(|crash| in_group(crash) && crash.touches(asked, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// What two groups and their processes wrote down, judged.
    fn judge(notes: &[(&str, &str)], crashes: &[Crash]) -> Verdict {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in notes {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut account = Account::new(folder.path());
        account.read().unwrap();
        Verdict::of(&account, crashes)
    }

    fn id(number: u32) -> String {
        format!("01900000-0000-7000-8000-{number:012}")
    }

    /// Numbers of one row, each handled at its second.
    fn handled(numbers: &[u32]) -> String {
        let line = |(at, number): (usize, &u32)| {
            let at = i64::try_from(at).unwrap() * SECOND / 100 + 20 * SECOND;
            format!("h {} 7 {number} sys.1/{number}-0 1 {at}\n", id(*number))
        };
        numbers.iter().enumerate().map(line).collect()
    }

    fn kept(numbers: &[u32]) -> String {
        let line = |number: &u32| format!("k {} 7 {number} {} {}\n", id(*number), 10 * SECOND, 11 * SECOND);
        numbers.iter().map(line).collect()
    }

    #[test]
    fn all_is_well_when_everybody_got_everything_in_order() {
        let all = handled(&[1, 2, 3]);
        let notes = [
            ("publisher.1", kept(&[1, 2, 3])),
            ("one.a.1", all.clone()),
            ("two.c.1", all),
        ];
        let notes = notes.each_ref().map(|(name, text)| (*name, text.as_str()));
        let verdict = judge(&notes, &[]);
        assert_eq!((verdict.events, verdict.broken()), (3, 0));
    }

    #[test]
    fn what_one_group_did_not_get_is_lost_and_a_half_line_counts_for_nothing() {
        let (kept, all) = (kept(&[1, 2, 3]), handled(&[1, 2, 3]));
        let cut = &all[..all.len() - 5];
        let verdict = judge(
            &[("publisher.1", &kept), ("one.a.1", &all), ("two.c.1", cut)],
            &[],
        );
        assert_eq!((verdict.lost, verdict.broken()), (1, 1));
        let dead = format!("{}e\n", format_args!("d {} two sys.1/3-0 Exhausted\n", id(3)));
        let notes = [
            ("publisher.1", kept.as_str()),
            ("one.a.1", &all),
            ("two.c.1", cut),
            ("look.1", &dead),
        ];
        let verdict = judge(&notes, &[]);
        assert_eq!((verdict.lost, verdict.dead, verdict.broken()), (0, 1, 0));
        let twice = dead.repeat(2);
        let notes = [
            ("publisher.1", kept.as_str()),
            ("one.a.1", &all),
            ("two.c.1", cut),
            ("look.1", &twice),
        ];
        assert_eq!(judge(&notes, &[]).dead_wrong, 1);
        // Written twice, it may die twice; handled, not at all.
        let elsewhere = dead.replace("sys.1/3-0", "sys.1/9-0");
        let notes = [
            ("one.a.1", all.as_str()),
            ("two.c.1", cut),
            ("look.1", &dead),
            ("look.2", &elsewhere),
        ];
        assert_eq!(judge(&notes, &[]).dead_wrong, 0);
        assert_eq!(judge(&[("two.c.1", &all), ("look.1", &dead)], &[]).dead_wrong, 1);
    }

    #[test]
    fn only_a_crash_of_the_one_who_held_it_explains_a_second_time() {
        let (kept, all) = (kept(&[1]), handled(&[1]));
        let notes = [
            ("publisher.1", kept.as_str()),
            ("one.a.1", &all),
            ("one.b.1", &all),
            ("two.c.1", &all),
        ];
        let crash = |whom: Whom, at: i64| {
            let from = at * SECOND;
            judge(
                &notes,
                &[Crash {
                    whom,
                    from,
                    until: from,
                }],
            )
        };
        assert_eq!(judge(&notes, &[]).doubled, 1);
        let a = Whom::Consumer("one.a.1".to_owned());
        assert_eq!(
            crash(a.clone(), 20).redelivered
                + crash(Whom::Engine, 20).redelivered
                + crash(Whom::Stall, 20).redelivered,
            3
        );
        // Another's, one long before, and one that came after.
        assert_eq!(crash(Whom::Consumer("two.c.1".to_owned()), 20).doubled, 1);
        assert_eq!((crash(a.clone(), 10).doubled, crash(a, 21).doubled), (1, 1));
        assert_eq!(crash(Whom::Publisher, 20).doubled, 1);
    }

    #[test]
    fn who_stands_still_goes_on_with_what_another_has_taken_over() {
        let (kept, soon) = (kept(&[1]), handled(&[1]));
        let late = soon.replace(&(20 * SECOND).to_string(), &(22 * SECOND).to_string());
        for (first, second) in [("one.a.1", "one.b.1"), ("one.b.1", "one.a.1")] {
            let notes = [
                ("publisher.1", kept.as_str()),
                (first, &soon),
                (second, &late),
                ("two.c.1", &soon),
            ];
            let doubled = |name: &str, from: i64, until: i64| {
                let whom = Whom::Consumer(name.to_owned());
                let (from, until) = (from * SECOND, until * SECOND);
                judge(&notes, &[Crash { whom, from, until }]).doubled
            };
            assert_eq!(doubled(second, 19, 21), 0);
            // It began after the other was through, and it was over long before.
            assert_eq!((doubled(second, 21, 22), doubled(second, 10, 12)), (1, 1));
            assert_eq!((doubled("two.c.1", 19, 21), doubled(first, 19, 21)), (1, 0));
        }
    }

    #[test]
    fn an_earlier_event_after_a_later_one_is_out_of_order_unless_it_was_held_up() {
        let (kept, all, other) = (kept(&[1, 2, 3]), handled(&[1, 2, 3]), handled(&[1, 3, 2]));
        let notes = [
            ("publisher.1", kept.as_str()),
            ("one.a.1", &all),
            ("two.c.1", &other),
        ];
        assert_eq!(judge(&notes, &[]).order, 1);
        let crash = |whom| Crash {
            whom,
            from: 15 * SECOND,
            until: 15 * SECOND,
        };
        assert_eq!(judge(&notes, &[crash(Whom::Engine)]).order, 0);
        assert_eq!(
            judge(&notes, &[crash(Whom::Consumer("one.a.1".to_owned()))]).order,
            1
        );
        let failed = format!("f {} 7 2 sys.1/2-0 1 0\n{other}", id(2));
        let notes = [
            ("publisher.1", kept.as_str()),
            ("one.a.1", &all),
            ("two.c.1", &failed),
        ];
        assert_eq!(judge(&notes, &[]).order, 0);
    }

    #[test]
    fn what_was_to_be_written_once_lies_in_one_place() {
        let line = |row: u32, place: &str| format!("h {} {row} 1 {place} 1 20000000\n", id(1));
        for (row, twice) in [(8, 1), (7, 0)] {
            let (here, there) = (line(row, "sys.1/1-0"), line(row, "sys.1/2-0"));
            let verdict = judge(&[("one.a.1", &here), ("two.c.1", &there)], &[]);
            assert_eq!(verdict.twice, twice);
        }
    }
}
