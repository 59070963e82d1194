//! Discord's objects, read leniently: whatever is there and makes sense is taken, whatever else is kept as text.
//!
//! A strict reader would drop a message for one odd member of it, and whoever finds that member has found a way around
//! every rule. So nothing here fails but for want of an id. To read one more surface: a line in `message.rs` and its name
//! in `KNOWN`.

mod message;
mod people;
mod surfaces;

pub(crate) use message::{Place, message};
pub(crate) use people::{joined, names, roles, user_id};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Discord counts its ids from here.
const EPOCH_MS: i64 = 1_420_070_400_000;

/// Kinds of entries of the audit log.
pub(crate) const KICK: u64 = 20;
pub(crate) const BAN: u64 = 22;
pub(crate) const UNBAN: u64 = 23;

/// When the thing with this id was made.
pub(crate) fn time_of(id: u64) -> DateTime<Utc> {
    let ms = EPOCH_MS + i64::try_from(id >> 22).unwrap_or_default();
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// The id that would be made at this time.
pub(crate) fn id_at(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis() - EPOCH_MS).unwrap_or_default() << 22
}

/// An event's body. What serde refuses as a whole (a half of a surrogate pair in a name, nesting without end) is read
/// member by member, and what cannot be read at all stays as its text.
pub(crate) fn value(raw: &RawValue) -> Value {
    if let Ok(value) = serde_json::from_str(raw.get()) {
        return value;
    }
    metrics::counter!("lockdown_discord_bodies_mended_total").increment(1);
    let mended = mend(raw.get());
    if let Ok(value) = serde_json::from_str(&mended) {
        return value;
    }
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(&mended) {
        Ok(members) => {
            let member = |raw: &RawValue| {
                serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::String(cut(raw.get())))
            };
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, raw)| (name, member(raw)))
                    .collect(),
            )
        }
        Err(_) => Value::Null,
    }
}

/// Halves of surrogate pairs become the sign for what cannot be shown.
fn mend(text: &str) -> String {
    let unit = |at: usize| {
        let hex = text.get(at..at + 6).filter(|part| part.starts_with("\\u"))?;
        u16::from_str_radix(&hex[2..], 16).ok()
    };
    let (mut mended, mut at) = (String::with_capacity(text.len()), 0);
    while at < text.len() {
        let rest = &text[at..];
        if !rest.starts_with('\\') {
            let plain = rest.find('\\').unwrap_or(rest.len());
            mended.push_str(&rest[..plain]);
            at += plain;
            continue;
        }
        let taken = match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                mended.push_str("\\ufffd");
                at += 6;
                continue;
            }
            Some(_) => 6,
            // A backslash stands before one character, which may be another backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..taken]);
        at += taken;
    }
    mended
}

/// Some of what cannot be read, for whoever looks at it.
fn cut(text: &str) -> String {
    text.chars().take(4_000).collect()
}

/// Text, when there is some.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An id, as text or as a number.
pub(crate) fn id(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    let text = value.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_refuses_is_read_all_the_same() {
        let read = |text: &str| value(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(
            read(r#"{"a":"x\ud800y","b":"\ud83d\ude00"}"#),
            serde_json::json!({ "a": "x\u{fffd}y", "b": "😀" })
        );
        assert_eq!(read(r#"{"a":"\\ud800"}"#), serde_json::json!({ "a": "\\ud800" }));
        let deep = format!(
            r#"{{"content":"buy","x":{}{}}}"#,
            "[".repeat(300),
            "]".repeat(300)
        );
        let read = read(&deep);
        assert_eq!(read["content"], "buy");
        assert!(read["x"].as_str().unwrap().starts_with("[[["));
    }

    #[test]
    fn an_id_tells_its_time() {
        assert_eq!(
            time_of(175_928_847_299_117_063).to_rfc3339(),
            "2016-04-30T11:18:25.796+00:00"
        );
        assert_eq!(
            time_of(id_at("2026-11-20T09:06:00Z".parse().unwrap())).to_rfc3339(),
            "2026-11-20T09:06:00+00:00"
        );
    }
}
