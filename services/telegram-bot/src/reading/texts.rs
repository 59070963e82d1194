//! Every text in a piece of JSON whose shape is not known in advance.

use serde_json::Value;

/// Members that name things to programs, not to readers.
const NOT_READ: [&str; 29] = [
    "file_id",
    "file_unique_id",
    "thumbnail",
    "mime_type",
    "type",
    "status",
    "color",
    "language_code",
    "country_codes",
    "country_code",
    "custom_emoji_id",
    "icon_custom_emoji_id",
    "background_custom_emoji_id",
    "custom_emoji_sticker_id",
    "currency",
    "callback_data",
    "invoice_payload",
    "shipping_option_id",
    "telegram_payment_charge_id",
    "provider_payment_charge_id",
    "google_place_id",
    "google_place_type",
    "foursquare_id",
    "foursquare_type",
    "persistent_id",
    "owned_gift_id",
    "gift_id",
    "id",
    "origin",
];

/// What a piece says, and where it leads.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) texts: Vec<String>,
    pub(super) links: Vec<String>,
}

// === impl Texts ===

impl Texts {
    pub(super) fn of(value: &Value) -> Self {
        let mut texts = Self::default();
        texts.gather(value);
        texts
    }

    fn gather(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.push(text.clone()),
            // A styled text comes in pieces: strings among objects that wrap more of it.
            Value::Array(items) if items.iter().any(Value::is_string) => {
                let mut joined = String::new();
                for item in items {
                    self.join(item, &mut joined);
                }
                self.push(joined);
            }
            Value::Array(items) => items.iter().for_each(|item| self.gather(item)),
            Value::Object(members) => {
                let name = |part| members.get(part).and_then(Value::as_str);
                // Most often both are there, and read as one name.
                let names = [name("first_name"), name("last_name")];
                self.push(names.into_iter().flatten().collect::<Vec<_>>().join(" "));
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("first_name" | "last_name", Value::String(_)) => {}
                        ("url", Value::String(link)) => self.links.push(link.clone()),
                        // A type that is a whole object tells more than its name.
                        (name, Value::String(_) | Value::Array(_)) if NOT_READ.contains(&name) => {}
                        ("thumbnail", _) => {}
                        (_, value) => self.gather(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A piece of a styled text, without a gap: nobody sees one.
    fn join(&mut self, piece: &Value, joined: &mut String) {
        match piece {
            Value::String(text) => joined.push_str(text),
            Value::Array(items) => items.iter().for_each(|item| self.join(item, joined)),
            Value::Object(members) => {
                if let Some(text) = members.get("text") {
                    self.join(text, joined);
                }
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("text", _) => {}
                        ("url", Value::String(link)) => self.links.push(link.clone()),
                        (name, Value::String(_)) if NOT_READ.contains(&name) => {}
                        (_, value) => self.gather(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn push(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.texts.push(text);
        }
    }
}
