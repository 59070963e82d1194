//! A place in several streams at once, as text.

use crate::engine::Start;
use crate::place::{EntryId, Stream};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How far a reader has come in each stream that it reads. As text it goes through an API and comes back; what stands
/// in it is nobody's business, and it is good for the same question only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub(super) BTreeMap<Stream, EntryId>);

/// The text is no cursor of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor")]
pub struct CursorError(String);

/// What every cursor begins with: another shape would have another number.
const MARK: &str = "h1";

// === impl Cursor ===

impl Cursor {
    pub(super) fn of(&self, stream: Stream) -> Option<EntryId> {
        self.0.get(&stream).copied()
    }
}

impl From<Cursor> for Start {
    fn from(Cursor(places): Cursor) -> Self {
        Self::After(places)
    }
}

/// `h1~mod.2~1763629560123-0~sys.1~0-0`: no sign in it that an address would have to escape.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        for (stream, id) in &self.0 {
            write!(f, "~{stream}~{id}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let mut parts = text.split('~');
            (parts.next()? == MARK).then_some(())?;
            let mut places = BTreeMap::new();
            while let Some(stream) = parts.next() {
                places.insert(stream.parse().ok()?, parts.next()?.parse().ok()?);
            }
            Some(Self(places))
        };
        // Numbers and orders that we would not write are not ours.
        read()
            .filter(|cursor| cursor.to_string() == text)
            .ok_or_else(|| CursorError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_texts_are_refused() {
        for ours in ["h1", "h1~mod.2~1763629560123-0", "h1~msg.7~0-0~sys.1~5-12"] {
            assert_eq!(ours.parse::<Cursor>().unwrap().to_string(), ours);
        }
        for foreign in [
            "",
            "h",
            "h2",
            "h1~",
            "h1~mod.2",
            "h1~mod.2~",
            "h1~mod.4~1-0",
            "h1~mod.2~1-0~",
            "h1~mod.2~01-0",
            "h1~mod.2~+1-0",
            "h1~mod.2~1-0~mod.2~1-0",
            "h1~sys.1~5-12~msg.7~0-0",
            "h1~mod.2~18446744073709551616-0",
            "1763629560123-0",
            "h1~mod.2~1-0 ",
        ] {
            assert!(foreign.parse::<Cursor>().is_err(), "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_from_its_text(places in proptest::collection::btree_map(0..16_usize, (any::<u64>(), any::<u64>()), 0..16)) {
            let streams: Vec<Stream> = Stream::all().collect();
            let places = places.into_iter().map(|(at, (major, minor))| (streams[at], EntryId { major, minor }));
            let cursor = Cursor(places.collect());
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
