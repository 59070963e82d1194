//! Answers that come from elsewhere: what is not known yet is remembered as a question.

use super::{Answer, Ask, CounterKey, Counters};
use std::collections::HashMap;

/// The counters of one event. Where they are kept by others, judging goes in rounds: what [`Asked::missing`] has after one
/// is fetched and [told](Asked::tell), until a round leaves nothing open. It takes two, since a limit is asked for by what hits.
#[derive(Debug, Default)]
pub struct Asked {
    known: HashMap<CounterKey, Answer>,
    missing: Vec<Ask>,
}

// === impl Asked ===

impl Asked {
    /// What was asked since, and is not known: each question once.
    pub fn missing(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.missing)
    }

    pub fn tell(&mut self, ask: &Ask, answer: Answer) {
        self.known.insert(ask.key, answer);
    }
}

impl Counters for Asked {
    /// What is not known stands at nothing, which no rule is content with.
    fn count(&mut self, asks: &[Ask]) -> Vec<Answer> {
        let answer = |ask: &Ask| match self.known.get(&ask.key) {
            Some(answer) => answer.clone(),
            None => {
                if self.missing.iter().all(|missing| missing.key != ask.key) {
                    self.missing.push(ask.clone());
                }
                Answer::default()
            }
        };
        asks.iter().map(answer).collect()
    }
}
