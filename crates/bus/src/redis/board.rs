//! Marks and boards: small things with an end, told by the server's clock.

use super::calls::{Call, ScriptName};
use super::{RedisEngine, error, reply};
use crate::engine::{BoardLook, EngineError, Posted, Standing};
use ::redis::Value;
use std::time::Duration;

impl RedisEngine {
    pub(super) async fn set_mark(
        &self,
        name: &str,
        value: &str,
        lasts: Duration,
        standing: Standing<'_>,
    ) -> Result<Option<String>, EngineError> {
        let mut call = self.calls.script(ScriptName::Mark, &[&self.keys.mark(name)]);
        let (absent, is) = match standing {
            Standing::Absent => ("1", ""),
            Standing::Is(value) => ("0", value),
            Standing::AbsentOr(value) => ("1", value),
        };
        call.arg(value).arg(millis(lasts).max(1)).arg(absent).arg(is);
        optional(&self.calls.one(call).await?, "mark.lua")
    }

    pub(super) async fn take_mark(&self, name: &str, value: &str) -> Result<bool, EngineError> {
        let mut call = self.calls.script(ScriptName::Unmark, &[&self.keys.mark(name)]);
        call.arg(value);
        Ok(reply::integer(&self.calls.one(call).await?, "unmark.lua")? == 1)
    }

    pub(super) async fn put_on_board(
        &self,
        board: &str,
        item: &str,
        text: &str,
        due_in: Duration,
    ) -> Result<bool, EngineError> {
        let mut call = self.board(ScriptName::Post, board);
        call.arg(item).arg(text).arg(millis(due_in));
        Ok(reply::integer(&self.calls.one(call).await?, "post.lua")? == 1)
    }

    pub(super) async fn read_board(
        &self,
        board: &str,
        look: BoardLook,
        max: usize,
    ) -> Result<Vec<Posted>, EngineError> {
        let mut call = self.board(ScriptName::Posted, board);
        // More would make a reply that blocks the server.
        call.arg(max.min(10_000));
        match look {
            BoardLook::All => call.arg("all"),
            BoardLook::TakeDue => call.arg("take"),
            BoardLook::PutOffDue(by) => call.arg("put off").arg(millis(by)),
        };
        let answer = reply::array(self.calls.one(call).await?, "posted.lua")?;
        let (items, []) = answer.as_chunks::<3>() else {
            return Err(error::shape("posted.lua"));
        };
        let posted = |[item, text, left]: &[Value; 3]| {
            Ok(Posted {
                item: required(item)?,
                text: required(text)?,
                due_in: Duration::from_millis(reply::count(left, "posted.lua")?),
            })
        };
        items.iter().map(posted).collect()
    }

    pub(super) async fn take_off_board(
        &self,
        board: &str,
        item: &str,
    ) -> Result<Option<String>, EngineError> {
        let mut call = self.board(ScriptName::Unpost, board);
        call.arg(item);
        optional(&self.calls.one(call).await?, "unpost.lua")
    }

    fn board(&self, script: ScriptName, board: &str) -> Call {
        let keys = self.keys.board(board);
        self.calls.script(script, &[&keys[0], &keys[1]])
    }
}

fn millis(duration: Duration) -> u64 {
    // Beyond it, Redis' scores and our calendars end.
    u64::try_from(duration.as_millis()).map_or(1 << 50, |millis| millis.min(1 << 50))
}

fn required(value: &Value) -> Result<String, EngineError> {
    optional(value, "posted.lua")?.ok_or_else(|| error::shape("posted.lua"))
}

fn optional(value: &Value, what: &'static str) -> Result<Option<String>, EngineError> {
    match value {
        Value::Nil => Ok(None),
        value => match reply::text(value) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(error::shape(what)),
        },
    }
}
