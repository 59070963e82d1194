//! The same for many people, each with a result of their own.

use super::error::DeskError;
use super::facts::Facts;
use super::{Acted, Ask, Desk};
use crate::who::UserRef;

/// What came of an act on many.
#[derive(Debug, Default)]
pub struct Many {
    /// In the order asked.
    pub results: Vec<(UserRef, Result<Acted, DeskError>)>,
    /// Who was not tried, since the store was away; in the order asked. The same again goes on with them.
    pub left: Vec<UserRef>,
}

// === impl Desk ===

impl Desk {
    /// Asks the same for each of these people. A refusal about one is none about the others, and nobody waits until all are
    /// done: each is a case of its own.
    pub async fn act_on_many(&self, ask: &Ask, subjects: &[UserRef], facts: &dyn Facts) -> Many {
        let mut many = Many::default();
        for (at, subject) in subjects.iter().enumerate() {
            let one = Ask {
                subject: subject.clone(),
                key: ask.key.as_ref().map(|key| format!("{key}:{}", subject.id)),
                ..ask.clone()
            };
            match self.act(&one, facts).await {
                Err(error @ DeskError::Store(_)) if error.is_passing() => {
                    many.results.push((subject.clone(), Err(error)));
                    many.left = subjects[at + 1..].to_vec();
                    return many;
                }
                result => many.results.push((subject.clone(), result)),
            }
        }
        many
    }
}
