//! A JSON object that is taken apart. What nobody took is left in the end, and was not understood.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Members leave it only in the shape that was expected: a text where a number should be stays, and is found again among
/// what is left.
#[derive(Debug)]
pub(crate) struct Record(Map<String, Value>);

// === impl Record ===

impl Record {
    pub(crate) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// What should have been an object is looked through as if it were in one.
    pub(crate) fn around(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            other => Self([("value".to_owned(), other)].into_iter().collect()),
        }
    }

    fn take<T>(&mut self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let read = read(self.0.get(name)?)?;
        self.0.remove(name);
        Some(read)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.0.get_mut(name)? {
            Value::String(text) => {
                let text = std::mem::take(text);
                self.0.remove(name);
                Some(text)
            }
            _ => None,
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        self.take(name, Value::as_i64)
    }

    /// The whole name of a person, if there is anything in it: that of a deleted account is empty.
    pub(crate) fn name(&mut self) -> Option<String> {
        let mut part = |name| self.text(name).filter(|part| !part.trim().is_empty());
        match (part("first_name"), part("last_name")) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last),
        }
    }

    /// Seconds since 1970; 0 is none.
    pub(crate) fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.number(name)
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.take(name, Value::as_bool).unwrap_or(false)
    }

    /// A look that takes nothing.
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        self.0.get(name).and_then(Value::as_str) == Some(text)
    }

    /// A look that takes nothing.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A look that takes nothing, into a member of a member.
    pub(crate) fn inner_text(&self, name: &str, inner: &str) -> Option<&str> {
        self.0.get(name)?.get(inner)?.as_str()
    }

    /// A look that takes nothing.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    pub(crate) fn record(&mut self, name: &str) -> Option<Self> {
        match self.0.get(name)? {
            Value::Object(_) => Self::of(self.0.remove(name)?),
            _ => None,
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.0.get(name) {
            Some(Value::Array(_)) => match self.0.remove(name) {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The members that are objects.
    pub(crate) fn objects(self) -> Vec<(String, Self)> {
        let members = self.0.into_iter();
        members
            .filter_map(|(name, value)| Some((name, Self::of(value)?)))
            .collect()
    }

    /// Lets these go unread.
    pub(crate) fn skip(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }
}
