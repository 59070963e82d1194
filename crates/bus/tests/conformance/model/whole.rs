//! What is done to the log as a whole: trims, replays, dead letters, a restart.

use super::super::{Fixture, history};
use super::history::{History, number};
use super::reference::State;
use chrono::TimeDelta;
use lockdown_bus::{DeadFilter, Stored, Stream, Trimmed};

/// A cap that caps nothing.
const FAR: u64 = 1_000_000;

impl<F: Fixture> History<'_, F> {
    pub(super) async fn trim(&mut self) {
        let streams: Vec<Stream> = self.stored.keys().copied().collect();
        if streams.is_empty() {
            return;
        }
        let stream = streams[self.dice.usize(..streams.len())];
        let most = if self.dice.bool() {
            FAR
        } else {
            self.dice.u64(..12)
        };
        // What is appended in the same millisecond is not before it.
        let before = if self.dice.u8(..4) == 0 {
            self.fixture.now() - TimeDelta::days(1)
        } else {
            self.fixture.now() + TimeDelta::seconds(1)
        };
        let engine = self.engine();
        let gone = engine.trim(stream, before, most).await.unwrap();
        self.tell(format!("trim {stream} before {before} to {most}: {gone:?}"));
        let kept = history(&engine, stream, 100).await;
        let appends = self.stored.get_mut(&stream).expect("it was listed");
        let went = appends.len() - kept.len();
        let rest: Vec<&str> = kept.iter().map(|stored| &*stored.envelope).collect();
        let should: Vec<&str> = appends[went..].iter().map(|append| &*append.envelope).collect();
        assert_eq!(rest, should, "not the oldest went");
        assert!(kept.len() as u64 <= most);
        let mut unsettled = 0;
        for (n, append) in appends.drain(..went).enumerate() {
            let beyond = (went + kept.len() - n) as u64 > most;
            let mut lost = false;
            for seats in &mut self.groups {
                let mut items = seats.model.items.iter_mut();
                let item = items.find(|item| !item.inbox && item.envelope == append.envelope);
                if let Some(item) = item.filter(|item| item.state.is_open()) {
                    item.state = State::Trimmed;
                    lost = true;
                }
            }
            assert!(
                beyond || !lost,
                "{} was trimmed before the cap",
                number(&append.envelope)
            );
            unsettled += u64::from(lost);
        }
        let expected = Trimmed {
            entries: went as u64,
            unsettled,
        };
        assert_eq!(gone, expected);
    }

    pub(super) async fn replay_history(&mut self, at: usize) {
        let streams: Vec<Stream> = self.stored.keys().copied().collect();
        if streams.is_empty() {
            return;
        }
        let stream = streams[self.dice.usize(..streams.len())];
        let engine = self.engine();
        let found = history(&engine, stream, 3).await;
        let (from, many) = (self.dice.usize(..=found.len()), self.dice.usize(..3));
        let chosen: Vec<Stored> = found.into_iter().skip(from).take(many).collect();
        let seats = &mut self.groups[at];
        engine.replay(&seats.group, &chosen).await.unwrap();
        for stored in &chosen {
            seats.model.add(stream, true, &stored.envelope);
        }
        let line = format!("replay {} to {}", chosen.len(), seats.group.name);
        self.tell(line);
    }

    /// Every dead letter is there once, and no other.
    pub(super) async fn check_letters(&mut self) {
        let found = self
            .engine()
            .dead_letters(&DeadFilter::default(), None, 10_000)
            .await
            .unwrap();
        let known = |group: &str, envelope: &str, reason, attempts: u32| {
            format!("{group} {} {reason:?} {attempts}", number(envelope))
        };
        let mut found: Vec<_> = found
            .iter()
            .map(|letter| {
                known(
                    letter.group.as_str(),
                    &letter.envelope,
                    letter.reason,
                    letter.attempts,
                )
            })
            .collect();
        let letters = self.letters.iter();
        let mut should: Vec<_> = letters
            .map(|letter| {
                known(
                    letter.group.as_str(),
                    &letter.envelope,
                    letter.reason,
                    letter.attempts,
                )
            })
            .collect();
        found.sort();
        should.sort();
        assert_eq!(found, should, "the dead letters");
    }

    pub(super) async fn bring_back_or_drop(&mut self) {
        let engine = self.engine();
        let found = engine
            .dead_letters(&DeadFilter::default(), None, 10_000)
            .await
            .unwrap();
        if found.is_empty() {
            return;
        }
        let chosen = &found[self.dice.usize(..found.len())];
        let known = self.letters.iter().position(|letter| {
            letter.group == chosen.group
                && letter.envelope == chosen.envelope
                && letter.attempts == chosen.attempts
        });
        let letter = self
            .letters
            .swap_remove(known.expect("a letter that nobody wrote"));
        let back = self.dice.u8(..3) > 0;
        self.tell(format!(
            "letter {}, brought back: {back}",
            number(&letter.envelope)
        ));
        if back {
            assert!(engine.replay_dead(&chosen.id).await.unwrap());
            let seats = self
                .groups
                .iter_mut()
                .find(|seats| seats.group.name == letter.group);
            let seats = seats.expect("the group is known");
            seats.model.add(chosen.entry.stream, true, &letter.envelope);
        } else {
            assert!(engine.drop_dead(&chosen.id).await.unwrap());
        }
        assert!(!engine.replay_dead(&chosen.id).await.unwrap());
        assert!(!engine.drop_dead(&chosen.id).await.unwrap());
    }

    /// Everything that has the log open goes, and all consumers with it.
    pub(super) async fn restart(&mut self) {
        self.tell("restart".to_owned());
        self.fixture.restart().await;
        self.engine = Some(self.fixture.engine().await);
        for seats in &mut self.groups {
            seats.consumers.clear();
            seats.hands.clear();
            for item in &mut seats.model.items {
                if matches!(item.state, State::Held { .. }) {
                    item.state = State::Free;
                }
            }
        }
    }
}
