//! What is said about an entry: its envelope, with its place put first.

use crate::place::{Class, Position};
use std::sync::Arc;

const FIRST: &str = r#"{"streamId":""#;

/// The envelope with its place first, as every engine says it. A text that is no object is said as it is: there is no
/// place for a place.
pub(crate) fn with_place(position: Position, envelope: &Arc<str>) -> Arc<str> {
    let Some(rest) = trimmed(envelope).strip_prefix('{').map(trimmed) else {
        return Arc::clone(envelope);
    };
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!(r#"{FIRST}{position}"{comma}{rest}"#).into()
}

/// The place that was put first. One of another class than the channel's is not the engine's word, but repeated from
/// elsewhere.
pub(crate) fn place_of(channel: &str, text: &str) -> Option<Position> {
    let (place, _) = text.strip_prefix(FIRST)?.split_once('"')?;
    let position: Position = place.parse().ok()?;
    (position.stream.class == Class::of(channel)).then_some(position)
}

/// Without leading white space, as Redis' script understands it.
fn trimmed(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{EntryId, Stream};

    const POSITION: Position = Position {
        stream: Stream {
            class: Class::Moderation,
            partition: 2,
        },
        id: EntryId { major: 7, minor: 0 },
    };

    #[test]
    fn the_place_comes_first() {
        for (envelope, framed) in [
            (r#"{"a":1}"#, r#"{"streamId":"mod.2/7-0","a":1}"#),
            (" {\n\"a\":1}", r#"{"streamId":"mod.2/7-0","a":1}"#),
            ("{}", r#"{"streamId":"mod.2/7-0"}"#),
            ("{ }", r#"{"streamId":"mod.2/7-0"}"#),
            ("[1]", "[1]"),
            ("", ""),
        ] {
            assert_eq!(&*with_place(POSITION, &Arc::from(envelope)), framed);
        }
    }

    #[test]
    fn a_place_is_found_where_it_was_put_and_nowhere_else() {
        let framed = with_place(POSITION, &Arc::from(r#"{"a":1}"#));
        assert_eq!(place_of("ban:created", &framed), Some(POSITION));
        assert_eq!(place_of("message:created", &framed), None);
        for text in [
            "",
            "{}",
            r#"{"streamId":""#,
            r#"{"streamId":"mod.9/1-0"}"#,
            r#"{"a":1,"streamId":"mod.2/7-0"}"#,
        ] {
            assert_eq!(place_of("ban:created", text), None, "{text}");
        }
    }
}
