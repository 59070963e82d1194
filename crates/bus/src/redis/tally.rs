//! Tallies: what is counted, each thing once, by all processes together.

use super::calls::{ScriptName, unwrapped};
use super::{RedisEngine, error, reply};
use crate::engine::{EngineError, Tallied, Tally};
use ::redis::Value;

const SCRIPT: &str = "tally.lua";

impl RedisEngine {
    pub(super) async fn count_things(&self, things: &[Tally]) -> Result<Vec<Vec<Tallied>>, EngineError> {
        let calls = things.iter().map(|thing| {
            let mut call = self
                .calls
                .script(ScriptName::Tally, &[&self.keys.tally(&thing.name)]);
            // Beyond it, Redis' calendar ends.
            let lasts = thing.lasts.as_millis().clamp(1, 1 << 50);
            call.arg(format!("{} {}", thing.at, thing.text))
                .arg(thing.oldest())
                .arg(thing.most.max(1))
                .arg(lasts.to_string());
            call
        });
        let answers = self.calls.many(calls.collect()).await?;
        answers.into_iter().map(stands).collect()
    }
}

fn stands(answer: Value) -> Result<Vec<Tallied>, EngineError> {
    let items = reply::array(unwrapped(answer)?, SCRIPT)?;
    items.iter().map(thing).collect()
}

fn thing(item: &Value) -> Result<Tallied, EngineError> {
    let text = reply::text(item).ok_or_else(|| error::shape(SCRIPT))?;
    let (at, text) = text.split_once(' ').ok_or_else(|| error::shape(SCRIPT))?;
    Ok(Tallied {
        at: at.parse().map_err(|_| error::shape(SCRIPT))?,
        text: text.to_owned(),
    })
}
