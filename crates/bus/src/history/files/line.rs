//! A line: one entry as JSON.

use crate::engine::Stored;
use crate::place::{Position, Stream};
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    id: CompactString,
    at: DateTime<Utc>,
    channel: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    envelope: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
}

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("it is not such an object")]
    Json(#[source] serde_json::Error),
    #[error("`{0}` is no place")]
    Id(CompactString),
    #[error("it has no envelope")]
    Nothing,
}

pub(super) fn write_line(page: &mut Vec<u8>, entry: &Stored) {
    let envelope = serde_json::from_str::<&RawValue>(&entry.envelope)
        .ok()
        .filter(|raw| raw.get().len() == entry.envelope.len() && !raw.get().contains(['\n', '\r']))
        // It would read as if there were none.
        .filter(|raw| raw.get() != "null");
    let line = Line {
        id: entry.position.id.to_string().into(),
        at: entry.at,
        channel: entry.channel.as_str().into(),
        text: envelope.is_none().then(|| Cow::from(&*entry.envelope)),
        envelope,
    };
    serde_json::to_writer(&mut *page, &line).expect("every member is a text or already JSON");
    page.push(b'\n');
}

pub(super) fn read_line(stream: Stream, line: &[u8]) -> Result<Stored, LineError> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(LineError::Json)?;
    let envelope = match (line.envelope, line.text) {
        (Some(raw), _) => raw.get().into(),
        (None, Some(text)) => text.into(),
        (None, None) => return Err(LineError::Nothing),
    };
    Ok(Stored {
        position: Position {
            stream,
            id: line.id.parse().map_err(|_| LineError::Id(line.id))?,
        },
        at: line.at,
        channel: line.channel.into(),
        envelope,
    })
}
