//! Channel patterns, which match as Redis' `PSUBSCRIBE` does.

/// A pattern over channel names: `*` is any run of bytes (a `:` too), `?` one byte, `[ab]`, `[a-c]` and `[^a]` one byte
/// of a set, and `\` takes the next character as it is. As in Redis, a set that is not closed ends with the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Token {
    Byte(u8),
    One,
    /// Inclusive ranges, and whether the set is what lies outside of them.
    Set {
        ranges: Vec<(u8, u8)>,
        outside: bool,
    },
    Run,
}

// === impl Glob ===

impl Glob {
    /// Every text is a pattern.
    pub fn new(pattern: &str) -> Self {
        let mut rest = pattern.as_bytes();
        let mut tokens = Vec::with_capacity(rest.len());
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            match byte {
                b'*' if tokens.last() == Some(&Token::Run) => {}
                b'*' => tokens.push(Token::Run),
                b'?' => tokens.push(Token::One),
                b'[' => tokens.push(set(&mut rest)),
                b'\\' => {
                    // At the very end it stands for itself.
                    let (byte, tail) = rest
                        .split_first()
                        .map_or((b'\\', rest), |(byte, tail)| (*byte, tail));
                    tokens.push(Token::Byte(byte));
                    rest = tail;
                }
                byte => tokens.push(Token::Byte(byte)),
            }
        }
        Self(tokens)
    }

    /// The text with which everything begins that matches, and whether that is all of it.
    pub(crate) fn prefix(&self) -> (String, bool) {
        let bytes: Vec<u8> = self
            .0
            .iter()
            .map_while(|token| match token {
                Token::Byte(byte) => Some(*byte),
                _ => None,
            })
            .collect();
        let whole = bytes.len() == self.0.len();
        (String::from_utf8_lossy(&bytes).into_owned(), whole)
    }

    /// Takes at most the product of both lengths: only the last `*` is ever tried again.
    /// The pattern that matches this text and no other.
    pub fn escape(text: &str) -> String {
        let mut pattern = String::with_capacity(text.len());
        for character in text.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern
    }

    pub fn matches(&self, channel: &str) -> bool {
        let (tokens, text) = (self.0.as_slice(), channel.as_bytes());
        let (mut token, mut at) = (0, 0);
        let mut run: Option<(usize, usize)> = None;
        while at < text.len() {
            match tokens.get(token) {
                Some(Token::Run) => {
                    run = Some((token + 1, at));
                    token += 1;
                }
                Some(one) if one.takes(text[at]) => {
                    token += 1;
                    at += 1;
                }
                _ => {
                    // The last run takes one byte more.
                    let Some((after, from)) = run else { return false };
                    run = Some((after, from + 1));
                    (token, at) = (after, from + 1);
                }
            }
        }
        tokens[token..].iter().all(|token| *token == Token::Run)
    }
}

/// Reads a set up to its `]`.
fn set(rest: &mut &[u8]) -> Token {
    let outside = rest.first() == Some(&b'^');
    if outside {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        match **rest {
            [] => break,
            [b'\\', byte, ref tail @ ..] => {
                ranges.push((byte, byte));
                *rest = tail;
            }
            [b']', ref tail @ ..] => {
                *rest = tail;
                break;
            }
            // The end of a range may be anything, a `]` too, and either end may be the greater.
            [from, b'-', to, ref tail @ ..] => {
                ranges.push((from.min(to), from.max(to)));
                *rest = tail;
            }
            [byte, ref tail @ ..] => {
                ranges.push((byte, byte));
                *rest = tail;
            }
        }
    }
    Token::Set { ranges, outside }
}

// === impl Token ===

impl Token {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::One => true,
            Self::Set { ranges, outside } => {
                ranges.iter().any(|(from, to)| (from..=to).contains(&&byte)) != *outside
            }
            Self::Run => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("*", &["", "a", "a:b:c", "и"], &[]),
            ("**", &["", "a"], &[]),
            (
                "ban:created",
                &["ban:created"],
                &["ban:create", "ban:createdd", "Ban:created"],
            ),
            (
                "moderation:*",
                &["moderation:", "moderation:a:b"],
                &["moderation", "xmoderation:"],
            ),
            (
                "*:created",
                &["ban:created", ":created"],
                &["ban:created:", "created"],
            ),
            ("*a*b*", &["ab", "xaxbx", "aab", "a:b"], &["ba", "a", "b"]),
            ("h?llo", &["hello", "h?llo"], &["hllo", "heello"]),
            // A byte, not a character.
            ("??", &["и", "ab"], &["a"]),
            ("h[ae]llo", &["hallo", "hello"], &["hillo", "h[llo", "hllo"]),
            ("h[^e]llo", &["hallo", "h^llo"], &["hello"]),
            ("h[a-c]", &["ha", "hb", "hc"], &["hd", "h-"]),
            ("h[c-a]", &["ha", "hb", "hc"], &["hd"]),
            ("h[a-]", &["h]", "h_", "h`", "ha"], &["h-", "hb"]),
            ("h[-a]", &["h-", "ha"], &["hb"]),
            ("h[\\]]", &["h]"], &["h\\", "h"]),
            ("h[\\^a]", &["h^", "ha"], &["hb"]),
            ("h[a^]", &["h^", "ha"], &["hb"]),
            ("h[]a]", &[], &["h]", "ha", "ha]", "h]a]"]),
            ("h[^]", &["ha", "h]"], &["h", "hab"]),
            ("h[ab", &["ha", "hb"], &["h", "h[ab"]),
            ("h[", &[], &["h", "h["]),
            ("h\\*", &["h*"], &["ha", "h\\*"]),
            ("h\\", &["h\\"], &["h"]),
            ("h\\\\", &["h\\"], &["h\\\\"]),
            ("\\a", &["a"], &["\\a"]),
            ("[*]", &["*"], &["a"]),
        ];
        for (pattern, hits, misses) in cases {
            let glob = Glob::new(pattern);
            for hit in *hits {
                assert!(glob.matches(hit), "`{pattern}` should match `{hit}`");
            }
            for miss in *misses {
                assert!(!glob.matches(miss), "`{pattern}` should not match `{miss}`");
            }
        }
    }

    #[test]
    fn many_runs_do_not_take_for_ever() {
        let glob = Glob::new(&"*a".repeat(200));
        assert!(!glob.matches(&"a".repeat(199)));
        assert!(!glob.matches(&("a".repeat(20_000) + "b")));
    }

    fn escaped(text: &str) -> String {
        text.chars().flat_map(|c| ['\\', c]).collect()
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_makes_it_fail(pattern: String, text: String) {
            Glob::new(&pattern).matches(&text);
        }

        #[test]
        fn a_text_without_signs_matches_itself_only(text in "[a-z:.и]{0,12}", other in "[a-z:.и]{0,12}") {
            prop_assert_eq!(Glob::new(&text).matches(&other), text == other);
        }

        #[test]
        fn an_escaped_ascii_text_matches_itself_only(text in "[ -~]{0,12}", other in "[ -~]{0,12}") {
            let glob = Glob::new(&escaped(&text));
            prop_assert!(glob.matches(&text));
            prop_assert_eq!(glob.matches(&other), text == other);
        }

        #[test]
        fn runs_match_what_begins_contains_and_ends(text in "[ab:]{0,6}", other in "[ab:]{0,12}") {
            prop_assert_eq!(Glob::new(&format!("{text}*")).matches(&other), other.starts_with(&text));
            prop_assert_eq!(Glob::new(&format!("*{text}")).matches(&other), other.ends_with(&text));
            prop_assert_eq!(Glob::new(&format!("*{text}*")).matches(&other), other.contains(&text));
        }

        #[test]
        fn questions_count_bytes(count in 0..8_usize, text in "[abи]{0,8}") {
            prop_assert_eq!(Glob::new(&"?".repeat(count)).matches(&text), text.len() == count);
        }

        #[test]
        fn a_set_and_its_opposite_share_the_bytes(set in "[a-f]{1,4}", byte in "[a-h]") {
            let inside = Glob::new(&format!("[{set}]")).matches(&byte);
            prop_assert_eq!(inside, set.contains(&byte));
            prop_assert_eq!(Glob::new(&format!("[^{set}]")).matches(&byte), !inside);
        }
    }
}
