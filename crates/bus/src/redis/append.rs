//! Appending events, and saying things live.

use super::RedisEngine;
use super::calls::{Call, ScriptName};
use super::fold::{Item, Items};
use super::keys::Keys;
use super::{error, reply};
use crate::engine::{Append, Appended, EngineError};
use crate::place::{Position, Stream};
use ::redis::Script;
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
            let told = self.calls.one_raw(call).await?;
            let results = appended(&told.answer, &streams, &all)?;
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
        let told = self.calls.many_raw(calls).await?;
        let mut results: Vec<_> = batch.iter().map(|_| None).collect();
        for ((_, events), answer) in parts.iter().zip(told.answer) {
            // A partition that failed as a whole makes the whole batch unknown: the caller appends it again.
            for (at, result) in events.iter().zip(appended(&answer, &streams, events)?) {
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
    let mut lists = Vec::new();
    let mut once = Vec::new();
    let mut bytes = 0;
    for (number, at) in events.iter().enumerate() {
        let event = &batch[*at];
        bytes += event.envelope.len();
        if event.once {
            named.push(keys.once(streams[*at], &event.event_id));
            once.push((number + 1, named.len()));
        }
        for name in &event.about {
            named.push(keys.about(streams[*at], name));
            lists.push((number + 1, named.len()));
        }
    }
    let alike = |one: &usize, other: &usize| {
        let (first, second) = (&batch[*one], &batch[*other]);
        streams[*one] == streams[*other] && first.quiet == second.quiet && first.channel == second.channel
    };
    let runs: Vec<&[usize]> = events.chunk_by(alike).collect();
    let names: Vec<&str> = named.iter().map(CompactString::as_str).collect();
    let arguments = events.len() + 4 * runs.len() + 2 * (once.len() + lists.len()) + distinct.len() + 6;
    let mut call = Call::large_script(scripts, ScriptName::Append, &names, arguments, bytes);
    call.arg(distinct.len());
    for stream in &distinct {
        call.arg(stream.to_string());
    }
    call.arg(u64::try_from(ONCE.as_millis()).expect("minutes"))
        .arg(ABOUT)
        .arg(u64::try_from(ABOUT_LASTS.as_millis()).expect("days"))
        .arg(runs.len())
        .arg(once.len());
    for (event, key) in once {
        call.arg(event).arg(key);
    }
    for run in runs {
        let first = &batch[run[0]];
        let stream = distinct.iter().position(|known| *known == streams[run[0]]);
        call.arg(1 + stream.expect("collected above"))
            .arg(first.channel.as_str())
            .arg(u8::from(first.quiet))
            .arg(run.len());
        for at in run {
            call.arg(&*batch[*at].envelope);
        }
    }
    for (event, list) in lists {
        call.arg(event).arg(list);
    }
    call
}

/// The results of the script, in the order of `events`.
pub(super) fn appended(
    answer: &[u8],
    streams: &[Stream],
    events: &[usize],
) -> Result<Vec<Result<Appended, EngineError>>, EngineError> {
    let shape = || error::shape("append.lua");
    let mut items = Items::new(answer);
    let hearings = match items.next() {
        Some(Item::Array(count)) if count >= events.len() => (count - events.len()) / 2,
        Some(Item::Error(refused)) => return Err(error::of_event(refused)),
        _ => return Err(shape()),
    };
    let mut results = Vec::with_capacity(events.len());
    for at in events {
        let place = std::str::from_utf8(items.bytes().ok_or_else(shape)?).map_err(|_| shape())?;
        results.push(match place.strip_prefix('!') {
            Some(refused) => Err(error::of_event(refused.as_bytes())),
            None => Ok(Appended {
                position: Position {
                    stream: streams[*at],
                    id: place.parse().map_err(|_| shape())?,
                },
                receivers: 0,
                already: false,
            }),
        });
    }
    for _ in 0..hearings {
        let (Some(Item::Integer(event)), Some(Item::Integer(heard))) = (items.next(), items.next()) else {
            return Err(shape());
        };
        let at = usize::try_from(event - 1).map_err(|_| shape())?;
        if let Ok(appended) = results.get_mut(at).ok_or_else(shape)? {
            appended.receivers = u64::try_from(heard).unwrap_or(0);
            appended.already = heard < 0;
        }
    }
    Ok(results)
}
