//! What a method was called with. Stricter than the real server: a wrong type or an unknown name is refused, so that a
//! test sees what would silently have been dropped.

use super::refusal::{Answer, Refusal};
use serde_json::{Map, Value};

pub(super) struct Params(Map<String, Value>);

// === impl Params ===

impl Params {
    pub(super) fn new(params: Map<String, Value>) -> Self {
        Self(params)
    }

    /// Of a query or a form: all of it is text, so what reads as JSON is taken for it.
    pub(super) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let read = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self(pairs.into_iter().map(|(name, text)| (name, read(text))).collect())
    }

    pub(super) fn as_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn take<T>(&mut self, name: &str, is: &str, read: impl Fn(Value) -> Option<T>) -> Answer<Option<T>> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(Refusal::bad(&format!("`{name}` is not {is}"))),
            },
        }
    }

    pub(super) fn integer(&mut self, name: &str) -> Answer<Option<i64>> {
        self.take(name, "an integer", |value| value.as_i64())
    }

    pub(super) fn boolean(&mut self, name: &str) -> Answer<bool> {
        Ok(self
            .take(name, "a boolean", |value| value.as_bool())?
            .unwrap_or(false))
    }

    pub(super) fn text(&mut self, name: &str) -> Answer<Option<String>> {
        self.take(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn object(&mut self, name: &str) -> Answer<Option<Map<String, Value>>> {
        self.take(name, "an object", |value| match value {
            Value::Object(map) => Some(map),
            // A form carries objects as text.
            Value::String(text) => serde_json::from_str(&text).ok(),
            _ => None,
        })
    }

    pub(super) fn integers(&mut self, name: &str) -> Answer<Option<Vec<i64>>> {
        self.take(name, "an array of integers", |value| {
            value.as_array()?.iter().map(Value::as_i64).collect()
        })
    }

    pub(super) fn texts(&mut self, name: &str) -> Answer<Option<Vec<String>>> {
        self.take(name, "an array of strings", |value| {
            let texts = value.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// A chat's number, or the name of a public one.
    pub(super) fn chat(&mut self, name: &str) -> Answer<Option<Result<i64, String>>> {
        self.take(name, "an integer or a string", |value| match value {
            Value::String(text) => Some(text.parse().map_err(|_| text)),
            other => other.as_i64().map(Ok),
        })
    }

    /// Of no consequence here, but known.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    pub(super) fn nothing_left(&self) -> Answer<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::bad(&format!(
                "the fake knows no parameter `{name}` here"
            ))),
        }
    }
}

/// What has to be there.
pub(super) fn need<T>(value: Option<T>, name: &str) -> Answer<T> {
    value.ok_or_else(|| Refusal::bad(&format!("parameter \"{name}\" is required")))
}
