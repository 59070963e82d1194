//! Reading replies by hand: the crate's typed stream replies cost a consumer a quarter more of its time.

use super::error;
use super::fold::{Item, Items};
use crate::engine::{EngineError, Retry};
use crate::place::EntryId;
use ::redis::Value;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use lockdown_events::Envelope;
use std::borrow::Cow;
use std::sync::Arc;

/// An entry of a stream: channel and envelope, whoever wrote them.
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) channel: CompactString,
    pub(super) envelope: Arc<str>,
}

pub(super) fn array(value: Value, what: &'static str) -> Result<Vec<Value>, EngineError> {
    match value {
        Value::Array(items) | Value::Set(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        Value::ServerError(refused) => Err(error::server(refused)),
        _ => Err(error::shape(what)),
    }
}

pub(super) fn integer(value: &Value, what: &'static str) -> Result<i64, EngineError> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::ServerError(refused) => Err(error::server(refused.clone())),
        _ => Err(error::shape(what)),
    }
}

pub(super) fn count(value: &Value, what: &'static str) -> Result<u64, EngineError> {
    u64::try_from(integer(value, what)?).map_err(|_| error::shape(what))
}

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

/// A text; what is not UTF-8 in it is replaced, so that the layer above can put it aside with what can be read.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    bytes(value).map(String::from_utf8_lossy)
}

pub(super) fn id(value: &Value, what: &'static str) -> Result<EntryId, EngineError> {
    bytes(value).and_then(entry_id).ok_or_else(|| error::shape(what))
}

fn entry_id(bytes: &[u8]) -> Option<EntryId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The value after this name in a flat list of names and values, or in a map.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items
            .chunks_exact(2)
            .find(|pair| bytes(&pair[0]) == Some(name.as_bytes()))
            .map(|pair| &pair[1]),
        Value::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| bytes(key) == Some(name.as_bytes()))
            .map(|(_, value)| value),
        _ => None,
    }
}

/// `[[id, [field, value, …]], …]`
pub(super) fn entries(value: Value, what: &'static str) -> Result<Vec<Entry>, EngineError> {
    let items = array(value, what)?;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let mut parts = array(item, what)?.into_iter();
        let (Some(at), Some(fields)) = (parts.next(), parts.next()) else {
            return Err(error::shape(what));
        };
        found.push(entry(id(&at, what)?, fields));
    }
    Ok(found)
}

/// `[id, [field, value, …]]`, as it came.
pub(super) fn raw_entry(items: &mut Items<'_>) -> Option<Entry> {
    let Some(Item::Array(2)) = items.next() else {
        return None;
    };
    let id = entry_id(items.bytes()?)?;
    let count = match items.next()? {
        Item::Array(count) => count,
        Item::Nil => 0,
        _ => return None,
    };
    if count == 4 {
        let fields = [items.bytes()?, items.bytes()?, items.bytes()?, items.bytes()?];
        return Some(match fields {
            [b"t", channel, b"d", envelope] => ours(id, channel, envelope),
            fields => foreign(id, &fields.map(|field| Value::BulkString(field.to_vec()))),
        });
    }
    let fields: Option<Vec<Value>> = (0..count)
        .map(|_| Some(Value::BulkString(items.bytes()?.to_vec())))
        .collect();
    Some(foreign(id, &fields?))
}

fn ours(id: EntryId, channel: &[u8], envelope: &[u8]) -> Entry {
    Entry {
        id,
        channel: CompactString::from_utf8_lossy(channel),
        envelope: shared_text(envelope),
    }
}

/// An entry from its fields, as they came from us or from another publisher.
pub(super) fn entry(id: EntryId, fields: Value) -> Entry {
    let fields = match fields {
        Value::Array(fields) => fields,
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .collect(),
        // A pending entry that was trimmed away.
        _ => Vec::new(),
    };
    if let [
        Value::BulkString(t),
        Value::BulkString(channel),
        Value::BulkString(d),
        Value::BulkString(envelope),
    ] = fields.as_slice()
        && t.as_slice() == b"t"
        && d.as_slice() == b"d"
    {
        return ours(id, channel, envelope);
    }
    foreign(id, &fields)
}

fn shared_text(bytes: &[u8]) -> Arc<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes).into(),
    }
}

/// An entry that another publisher wrote: the envelope's members as fields, or a whole envelope in a field of
/// whatever name. What cannot be an event comes out as an object of its fields, to be put aside whole.
fn foreign(id: EntryId, fields: &[Value]) -> Entry {
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = fields
        .chunks_exact(2)
        .filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
        .collect();
    let find = |name: &str| {
        pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    let whole = ["d", "envelope", "event", "data", "message"]
        .into_iter()
        .find_map(|name| {
            let envelope = Envelope::decode(find(name)?).ok()?;
            Some((envelope.event_type().into(), find(name)?.as_ref().into()))
        });
    let (channel, envelope): (CompactString, Arc<str>) = whole.unwrap_or_else(|| {
        let mut object = String::from("{");
        for (at, (name, value)) in pairs.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            object.push_str(&format!(
                "{separator}{}:{}",
                quoted(name),
                member_text(name, value)
            ));
        }
        object.push('}');
        let channel = match Envelope::decode(&object) {
            Ok(envelope) => envelope.event_type().into(),
            Err(_) => find("t").map(AsRef::as_ref).unwrap_or_default().into(),
        };
        (channel, object.into())
    });
    Entry {
        id,
        channel: find("t").map_or(channel, |given| given.as_ref().into()),
        envelope,
    }
}

/// A field's text as JSON: bodies and numbers are written as such, everything else was meant as text.
fn member_text(name: &str, value: &str) -> String {
    let body = matches!(name, "data" | "payload" | "version" | "timestamp")
        || value.starts_with('{')
        || value.starts_with('[');
    if body && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() {
        return value.to_owned();
    }
    quoted(value)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// `<attempts> <first failure> <last failure> <due> <error>`, times in microseconds.
pub(super) fn retry(value: &Value) -> Option<Retry> {
    let record = text(value)?;
    let mut parts = record.splitn(5, ' ');
    let attempts = parts.next()?.parse().ok()?;
    let mut time = || time(parts.next()?);
    let (first_failure, last_failure, due) = (time()?, time()?, time()?);
    Some(Retry {
        attempts,
        first_failure,
        last_failure,
        error: parts.next().unwrap_or_default().to_owned(),
        due,
    })
}

pub(super) fn time(micros: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Value {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Array(
            pairs
                .iter()
                .flat_map(|(name, value)| [bulk(name), bulk(value)])
                .collect(),
        )
    }

    #[test]
    fn our_own_entries_are_taken_as_they_are() {
        let found = entry(EntryId::ZERO, fields(&[("t", "ban:created"), ("d", "{\"a\":1}")]));
        assert_eq!(
            (found.channel.as_str(), &*found.envelope),
            ("ban:created", "{\"a\":1}")
        );
    }

    #[test]
    fn members_as_fields_become_an_envelope() {
        let found = entry(
            EntryId::ZERO,
            fields(&[
                ("type", "MESSAGE_CREATED"),
                ("payload", "{\"guildId\":\"1\"}"),
                ("timestamp", "1763629560123"),
                ("source", "discord-bot"),
            ]),
        );
        assert_eq!(found.channel, "message:created");
        let envelope = Envelope::decode(&found.envelope).unwrap();
        assert_eq!(envelope.data().get(), "{\"guildId\":\"1\"}");
    }

    #[test]
    fn a_whole_envelope_in_another_field_is_found() {
        let text = "{\"type\":\"ban:created\",\"payload\":{},\"timestamp\":1763629560123,\"source\":\"x\"}";
        let found = entry(EntryId::ZERO, fields(&[("event", text)]));
        assert_eq!((found.channel.as_str(), &*found.envelope), ("ban:created", text));
    }

    #[test]
    fn what_is_no_event_is_kept_whole() {
        let found = entry(EntryId::ZERO, fields(&[("t", "odd"), ("colour", "r\"ed")]));
        assert_eq!(found.channel, "odd");
        assert_eq!(&*found.envelope, "{\"t\":\"odd\",\"colour\":\"r\\\"ed\"}");
        let nothing = entry(EntryId::ZERO, Value::Nil);
        assert_eq!((nothing.channel.as_str(), &*nothing.envelope), ("", "{}"));
    }

    #[test]
    fn a_retry_record_reads_back() {
        let record = Value::BulkString(b"3 1000000 2000000 3000000 it broke badly".to_vec());
        let retry = retry(&record).unwrap();
        assert_eq!((retry.attempts, retry.error.as_str()), (3, "it broke badly"));
        assert_eq!(retry.due.timestamp(), 3);
    }
}
