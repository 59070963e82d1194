//! Another run of the server: what it had confirmed to us and has lost is appended again, before anything else is.
//!
//! Looked for by exact places, newest first: what a server keeps is the beginning of what it had, so where one entry is
//! there, all before it are. What is missing goes back in its order, under its own event id, so that an answer that is
//! lost on the way makes no second entry. It is said live again too: whoever heard it was given a place that does not
//! exist any more. For a group that had handled it already, it is a redelivery.
//!
//! Servers that were killed while they wrote a transaction (Redis 7 and Valkey before the fix of its #4342) leave its
//! beginning in their append-only file and write on behind it. At the next start all that follows belongs to it, up to
//! the end of another transaction; without one it is thrown away. So the first that we write is such an end: the seam.

use super::append::{append_call, appended};
use super::recent::Recent;
use super::wire::Wire;
use super::{error, reply};
use crate::engine::{Append, EngineError};
use crate::place::{EntryId, Position, Stream};
use ::redis::aio::ConnectionLike;
use ::redis::{Pipeline, RedisError, Script, Value, cmd};
use std::collections::HashMap;

/// Looked for, or appended, at once.
const AT_ONCE: usize = 256;

/// What a stream says of itself.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// The last that was appended, though it may be gone again.
    last: EntryId,
    length: u64,
    /// The last that was taken out by name.
    deleted: EntryId,
}

// === impl Recent ===

impl Recent {
    /// Learns which run of the server this is.
    pub(super) async fn meet(&self, connection: &mut Wire) -> Result<(), RedisError> {
        let run = run(connection).await?;
        sew(connection, &self.keys.seam()).await?;
        self.settled(run);
        Ok(())
    }

    /// Returns when the server holds what it had confirmed. On failure the caller begins again, with another connection
    /// of this generation.
    pub(super) async fn restore(
        &self,
        connection: &mut Wire,
        scripts: &[Script],
        generation: u64,
    ) -> Result<(), EngineError> {
        let run = run(connection).await.map_err(error::engine)?;
        sew(connection, &self.keys.seam()).await.map_err(error::engine)?;
        let before = self.put_back();
        let mut refused = None;
        for (stream, ids) in self.in_doubt(run.as_deref(), generation) {
            match self.restore_stream(connection, scripts, stream, ids).await {
                Ok(()) => {}
                Err(failed @ (EngineError::Away(_) | EngineError::Closed)) => return Err(failed),
                // One that does not pass: to wait for it would hold up everything else, and making room too.
                Err(failed) => refused = Some(failed),
            }
        }
        self.settled(run);
        let events = self.put_back() - before;
        if events > 0 {
            tracing::warn!(
                events,
                "Redis had lost events that it had confirmed: they are appended again"
            );
        }
        if let Some(failed) = refused {
            let reason = error::cause(&failed);
            tracing::error!(
                "Redis may have lost events that it had confirmed, and takes them no more: {reason}"
            );
        }
        Ok(())
    }

    async fn restore_stream(
        &self,
        connection: &mut Wire,
        scripts: &[Script],
        stream: Stream,
        ids: Vec<EntryId>,
    ) -> Result<(), EngineError> {
        let key = self.keys.events(stream);
        let missing = missing(connection, &key, ids).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let extent = extent(connection, &key).await?;
        let lost: Vec<EntryId> = missing.into_iter().filter(|id| extent.lost(*id)).collect();
        let lost = self.at(stream, &lost);
        let mut refused = None;
        for chunk in lost.chunks(AT_ONCE) {
            let once = |(_, event): &(EntryId, Append)| Append {
                once: true,
                ..event.clone()
            };
            let batch: Vec<Append> = chunk.iter().map(once).collect();
            let streams = vec![stream; batch.len()];
            let all: Vec<usize> = (0..batch.len()).collect();
            let call = append_call(&self.keys, scripts, &batch, &streams, &all);
            let results = appended(&call.over(connection).await?, &streams, &all)?;
            let mut places = HashMap::new();
            for ((id, _), result) in chunk.iter().zip(results) {
                match result {
                    Ok(now) => {
                        places.insert(Position { stream, id: *id }, now.position);
                    }
                    Err(failed) => refused = Some(failed),
                }
            }
            self.moved(&places);
            if let Some(failed) = refused {
                return Err(failed);
            }
        }
        Ok(())
    }
}

// === impl Extent ===

impl Extent {
    /// Whether an entry that is not there was lost, and not trimmed away. What lies behind the end never was there as far
    /// as this server knows. What lies before it may have been passed by others who appended since; only an empty stream
    /// says for sure that it was trimmed. In doubt it is lost: better twice than never.
    fn lost(&self, id: EntryId) -> bool {
        id > self.deleted && (id > self.last || self.length > 0)
    }
}

/// What the server calls its present run; nothing where it does not let us ask.
async fn run(connection: &mut Wire) -> Result<Option<String>, RedisError> {
    let answer = connection.req_packed_command(cmd("INFO").arg("server")).await?;
    let text = reply::text(&answer).unwrap_or_default();
    let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
    Ok(run.map(|run| run.trim().to_owned()))
}

/// A transaction of two writes: a single one would be written without its end. A server that takes no writes needs none.
async fn sew(connection: &mut Wire, key: &str) -> Result<(), RedisError> {
    let mut seam = Pipeline::with_capacity(2);
    seam.atomic().cmd("SET").arg(key).arg("").cmd("DEL").arg(key);
    // MULTI, the two, EXEC.
    connection.req_packed_commands(&seam, 0, 4).await?;
    Ok(())
}

/// Those of these places, oldest first, behind the last one at which there is an entry.
async fn missing(
    connection: &mut Wire,
    key: &str,
    mut ids: Vec<EntryId>,
) -> Result<Vec<EntryId>, EngineError> {
    let (mut end, mut count) = (ids.len(), 1);
    while end > 0 {
        let begin = end.saturating_sub(count);
        let mut pipeline = Pipeline::with_capacity(end - begin);
        for id in &ids[begin..end] {
            let id = id.to_string();
            pipeline.cmd("XRANGE").arg(key).arg(&id).arg(&id);
        }
        let answers = connection.req_packed_commands(&pipeline, 0, end - begin).await;
        for (at, answer) in (begin..end).zip(answers.map_err(error::engine)?).rev() {
            if !reply::array(answer, "XRANGE")?.is_empty() {
                return Ok(ids.split_off(at + 1));
            }
        }
        (end, count) = (begin, AT_ONCE);
    }
    Ok(ids)
}

async fn extent(connection: &mut Wire, key: &str) -> Result<Extent, EngineError> {
    const WHAT: &str = "XINFO STREAM";
    let mut command = cmd("XINFO");
    command.arg("STREAM").arg(key);
    let info = connection
        .req_packed_command(&command)
        .await
        .map_err(error::engine)?;
    match info {
        Value::ServerError(refused) if error::is_absent(&refused) => Ok(Extent {
            last: EntryId::ZERO,
            length: 0,
            deleted: EntryId::ZERO,
        }),
        Value::ServerError(refused) => Err(error::server(refused)),
        info => {
            let member = |name| reply::member(&info, name).ok_or_else(|| error::shape(WHAT));
            let id = |name| member(name).and_then(|id| reply::id(id, WHAT));
            Ok(Extent {
                last: id("last-generated-id")?,
                length: reply::count(member("length")?, WHAT)?,
                deleted: id("max-deleted-entry-id")?,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_trimmed_or_taken_out_was_not_lost() {
        let id = |major| EntryId { major, minor: 0 };
        let extent = |last, length, deleted| Extent {
            last: id(last),
            length,
            deleted: id(deleted),
        };
        // The server ends before it.
        assert!(extent(4, 3, 0).lost(id(5)) && extent(4, 0, 0).lost(id(5)));
        // Others have appended since.
        assert!(extent(6, 1, 0).lost(id(5)));
        // It had come that far, and is empty.
        assert!(!extent(5, 0, 0).lost(id(5)));
        // Something after it was taken out, so it was there.
        assert!(!extent(6, 1, 6).lost(id(5)) && extent(6, 1, 4).lost(id(5)));
    }
}
