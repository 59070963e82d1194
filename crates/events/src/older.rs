//! What older publishers say, understood. `{"type":"MODERATION_ACTION","payload":{…},…}` without an id, with
//! shouted names and with times in milliseconds becomes the same event each time it is read.

use crate::error::DecodeError;
use crate::id::EventId;
use crate::source::Source;
use crate::table::TypeInfo;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde_json::Value;
use serde_json::value::RawValue;

/// `MESSAGE_CREATED` is `message:created`; a name that is not in the table stays as it came.
pub(crate) fn type_name(raw: &RawValue) -> Result<CompactString, DecodeError> {
    let name: CompactString = serde_json::from_str(raw.get()).map_err(|source| DecodeError::Field {
        field: "type",
        source,
    })?;
    if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
        return Ok(name);
    }
    let today = name.to_ascii_lowercase().replacen('_', ":", 1);
    Ok(if TypeInfo::find(&today).is_some() {
        CompactString::new(today)
    } else {
        name
    })
}

/// An id from the content alone: the same event heard twice, on a channel and in a stream, has one id.
pub(crate) fn derived_id(
    event_type: &str,
    timestamp: DateTime<Utc>,
    source: &Source,
    data: &RawValue,
) -> EventId {
    let what = [
        event_type,
        &timestamp.to_rfc3339(),
        &source.to_string(),
        &canonical(data),
    ];
    EventId::observed(timestamp, &what)
}

/// One text for every way to write the same JSON: members sorted, no spaces. What cannot be held as a value
/// (a number beyond every float) stands for itself.
fn canonical(data: &RawValue) -> String {
    match serde_json::from_str::<Value>(data.get()) {
        Ok(value) => {
            let mut text = String::with_capacity(data.get().len());
            write_canonical(&value, &mut text);
            text
        }
        Err(_) => data.get().to_owned(),
    }
}

/// Recursion is bounded by the envelope's depth limit.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(&members[name], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
