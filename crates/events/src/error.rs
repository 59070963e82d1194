//! What can be wrong with an envelope. The text stays with the caller, who passes it to the dead letters whole.

use compact_str::CompactString;

/// Why an envelope or its body was not understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the envelope has {bytes} bytes, more than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the envelope nests more than {limit} levels deep")]
    TooDeep { limit: usize },
    #[error("the envelope is not UTF-8 from byte {at} on")]
    NotUtf8 { at: usize },
    #[error("the envelope is not a JSON object")]
    NotJson { source: serde_json::Error },
    #[error("the envelope lacks `{field}`")]
    Missing { field: &'static str },
    #[error("the envelope's `{field}` cannot be read")]
    Field {
        field: &'static str,
        source: serde_json::Error,
    },
    /// Not a fault: count it, keep it, relay it.
    #[error("the type `{event_type}` is not known")]
    UnknownType { event_type: CompactString },
    /// Not a fault either: a newer process wrote it.
    #[error("version {version} of `{event_type}` is newer than version {known}, the last one known")]
    UnknownVersion {
        event_type: CompactString,
        version: u32,
        known: u32,
    },
    #[error("the body of `{event_type}` cannot be read at `{path}`")]
    Body {
        event_type: CompactString,
        path: String,
        source: serde_json::Error,
    },
}

// === impl DecodeError ===

impl DecodeError {
    /// An event from the future: kept, relayed and counted, never an error to report.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownType { .. } | Self::UnknownVersion { .. })
    }

    /// The member at fault, as a path from the envelope, where there is one.
    pub fn field(&self) -> Option<String> {
        match self {
            Self::Missing { field } | Self::Field { field, .. } => Some((*field).to_owned()),
            Self::UnknownType { .. } => Some("eventType".to_owned()),
            Self::UnknownVersion { .. } => Some("version".to_owned()),
            Self::Body { path, .. } if path == "." => Some("data".to_owned()),
            Self::Body { path, .. } => Some(format!("data.{path}")),
            Self::TooLarge { .. } | Self::TooDeep { .. } | Self::NotUtf8 { .. } | Self::NotJson { .. } => {
                None
            }
        }
    }

    /// A stable name for metrics and dead letters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::Missing { .. } => "missing_field",
            Self::Field { .. } => "wrong_field",
            Self::UnknownType { .. } => "unknown_type",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::Body { .. } => "wrong_body",
        }
    }
}

/// Why an event could not be put into an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the event would take {bytes} bytes, more than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("could not write the event's body")]
    Body { source: serde_json::Error },
}
