//! A place in several streams at once, as text.

use super::query::Query;
use crate::engine::Start;
use crate::place::{EntryId, Position, Stream};
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

    /// Moves on to an entry that its reader took; `false` when it was past it already, so that the reader had it before.
    pub fn pass(&mut self, position: Position) -> bool {
        let place = self.0.entry(position.stream).or_insert(EntryId::ZERO);
        let news = *place < position.id;
        *place = position.id.max(*place);
        news
    }

    /// Moves on to where another reader is who leaves nothing out, in each stream in which that one is further.
    pub fn pass_all(&mut self, other: &Self) {
        for (stream, place) in &mut self.0 {
            *place = other.of(*stream).map_or(*place, |theirs| theirs.max(*place));
        }
    }

    /// As far as it concerns this question.
    #[must_use]
    pub fn for_query(&self, query: &Query) -> Self {
        let streams = query.streams();
        let places = self.0.iter().filter(|(stream, _)| streams.contains(stream));
        Self(places.map(|(stream, id)| (*stream, *id)).collect())
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
    use crate::glob::Glob;
    use proptest::prelude::*;

    #[test]
    fn a_reader_moves_on_and_never_back() {
        let mut cursor: Cursor = "h1~mod.2~5-0~sys.1~9-0".parse().unwrap();
        let at = |text: &str| text.parse::<Position>().unwrap();
        assert!(cursor.pass(at("mod.2/5-1")) && cursor.pass(at("msg.0/1-0")));
        assert!(!cursor.pass(at("mod.2/5-1")) && !cursor.pass(at("mod.2/4-9")));
        assert_eq!(cursor.to_string(), "h1~msg.0~1-0~mod.2~5-1~sys.1~9-0");
        cursor.pass_all(&"h1~mod.2~4-0~mod.3~1-0~sys.1~9-1".parse().unwrap());
        assert_eq!(cursor.to_string(), "h1~msg.0~1-0~mod.2~5-1~sys.1~9-1");
        let query = Query {
            types: vec![Glob::new("ban:*")],
            ..Query::default()
        };
        assert_eq!(cursor.for_query(&query).to_string(), "h1~mod.2~5-1");
    }

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
