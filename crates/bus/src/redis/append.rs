//! Appending events, and saying things live.

use super::RedisEngine;
use super::calls::{Call, ScriptName};
use super::keys::Keys;
use super::{error, reply};
use crate::engine::{Append, Appended, EngineError};
use crate::place::{Position, Stream};
use ::redis::{Script, Value};
use compact_str::CompactString;
use std::time::Duration;

/// How long `once` holds: longer than any relay waits before it tries again.
const ONCE: Duration = Duration::from_secs(10 * 60);
/// What is kept of what events are about: so many ids for each name, for so long after the last. Three times as long
/// as decisions are kept; what is trimmed sooner is skipped.
const ABOUT: usize = 10_000;
const ABOUT_LASTS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl RedisEngine {
    pub(super) async fn append_batch(
        &self,
        batch: &[Append],
    ) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let streams: Vec<Stream> = batch
            .iter()
            .map(|event| Stream::of(&event.channel, &event.key))
            .collect();
        if !self.cluster {
            let all: Vec<usize> = (0..batch.len()).collect();
            let call = append_call(&self.keys, self.calls.scripts(), batch, &streams, &all);
            let told = self.calls.one_told(call).await?;
            let results = appended(told.answer, &streams, &all)?;
            return self.remember(batch, results, told.generation);
        }
        // One call for each partition: the order within a stream is that of the batch, and there is none between
        // streams.
        let mut parts: Vec<(Stream, Vec<usize>)> = Vec::new();
        for (at, stream) in streams.iter().enumerate() {
            match parts.iter_mut().find(|(known, _)| known == stream) {
                Some((_, events)) => events.push(at),
                None => parts.push((*stream, vec![at])),
            }
        }
        let calls = parts
            .iter()
            .map(|(_, events)| append_call(&self.keys, self.calls.scripts(), batch, &streams, events))
            .collect();
        let told = self.calls.many_told(calls).await?;
        let mut results: Vec<_> = batch.iter().map(|_| None).collect();
        for ((_, events), answer) in parts.iter().zip(told.answer) {
            // A partition that failed as a whole makes the whole batch unknown: the caller appends it again.
            for (at, result) in events.iter().zip(appended(answer, &streams, events)?) {
                results[*at] = Some(result);
            }
        }
        let results = results
            .into_iter()
            .map(|result| result.expect("each event lies in one partition"))
            .collect();
        self.remember(batch, results, told.generation)
    }

    /// Remembers what is confirmed, in case the server loses it.
    fn remember(
        &self,
        batch: &[Append],
        results: Vec<Result<Appended, EngineError>>,
        generation: u64,
    ) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
        let confirmed = batch
            .iter()
            .zip(&results)
            .filter_map(|(event, result)| Some((result.as_ref().ok()?.position, event.clone())))
            .collect();
        if self.calls.link().recent().keep(generation, confirmed) {
            Ok(results)
        } else {
            Err(error::away("Redis was started anew while it answered"))
        }
    }

    pub(super) async fn say_live(&self, channel: &str, text: &str) -> Result<u64, EngineError> {
        let mut command = ::redis::cmd("PUBLISH");
        command.arg(channel).arg(text);
        reply::count(&self.calls.one(command.into()).await?, "PUBLISH")
    }
}

/// The call that appends these of the events of a batch.
pub(super) fn append_call(
    keys: &Keys,
    scripts: &[Script],
    batch: &[Append],
    streams: &[Stream],
    events: &[usize],
) -> Call {
    let mut distinct: Vec<Stream> = Vec::new();
    for at in events {
        if !distinct.contains(&streams[*at]) {
            distinct.push(streams[*at]);
        }
    }
    let mut named: Vec<CompactString> = distinct.iter().map(|s| keys.events(*s)).collect();
    let mut arguments = Vec::with_capacity(events.len());
    let mut lists = Vec::new();
    for (number, at) in events.iter().enumerate() {
        let event = &batch[*at];
        let stream = 1 + distinct
            .iter()
            .position(|known| *known == streams[*at])
            .expect("collected above");
        let once = if event.once {
            named.push(keys.once(streams[*at], &event.event_id));
            named.len()
        } else {
            0
        };
        arguments.push((stream, once, event));
        for name in &event.about {
            named.push(keys.about(streams[*at], name));
            lists.push((number + 1, named.len()));
        }
    }
    let names: Vec<&str> = named.iter().map(CompactString::as_str).collect();
    let mut call = Call::script(scripts, ScriptName::Append, &names);
    call.arg(distinct.len());
    for stream in &distinct {
        call.arg(stream.to_string());
    }
    call.arg(u64::try_from(ONCE.as_millis()).expect("minutes"))
        .arg(ABOUT)
        .arg(u64::try_from(ABOUT_LASTS.as_millis()).expect("days"))
        .arg(events.len());
    for (stream, once, event) in arguments {
        let numbers = i64::try_from(stream + 1000 * once).expect("few streams and events");
        call.arg(if event.quiet { -numbers } else { numbers })
            .arg(event.channel.as_str())
            .arg(&*event.envelope);
    }
    for (event, list) in lists {
        call.arg(event).arg(list);
    }
    call
}

/// The results of the script, in the order of `events`.
pub(super) fn appended(
    answer: Value,
    streams: &[Stream],
    events: &[usize],
) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
    let answer = reply::array(answer, "append.lua")?;
    if answer.len() != events.len() * 2 {
        return Err(error::shape("append.lua"));
    }
    let mut results = Vec::with_capacity(events.len());
    for (pair, at) in answer.chunks_exact(2).zip(events) {
        if let Some(refused) =
            reply::text(&pair[0]).and_then(|text| Some(error::text(text.strip_prefix('!')?)))
        {
            results.push(Err(refused));
            continue;
        }
        let id = reply::id(&pair[0], "append.lua")?;
        let heard = reply::integer(&pair[1], "append.lua")?;
        results.push(Ok(Appended {
            position: Position {
                stream: streams[*at],
                id,
            },
            receivers: u64::try_from(heard).unwrap_or(0),
            already: heard < 0,
        }));
    }
    Ok(results)
}
