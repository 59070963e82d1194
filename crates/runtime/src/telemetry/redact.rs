//! Keeps secrets out of what leaves the process: log lines, spans, messages to people.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use regex::bytes::{Captures, Regex, RegexBuilder};
use tracing_subscriber::fmt::MakeWriter;

use crate::secret::Secret;

const REDACTED: &[u8] = b"[redacted]";

/// What looks like a secret, whoever it belongs to. A match keeps what it captures as `before` and `after`.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = [
        // Discord: the bot's id in base64 (it begins with a digit, hence M, N or O), a time, a signature.
        r"(?<before>)\b[MNO][A-Za-z0-9_-]{22,29}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{25,50}(?<after>)",
        // Telegram: in a URL of the Bot API any token, elsewhere one of full length.
        r#"(?<before>/bot)[0-9]+(?::|%3[Aa])[^/\s"'?#]+(?<after>)"#,
        r"(?<before>)[0-9]{6,}:[A-Za-z0-9_-]{30,}(?<after>)",
        r#"(?<before>\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+)[^\s"',;\\]+(?<after>)"#,
        // Our own tokens, but not the beginning that is shown; and what signs webhooks.
        r"(?<before>\bldk_)[0-9a-f]{16,}(?<after>)",
        r"(?<before>\bwhsec_)[A-Za-z0-9+/=_-]{16,}(?<after>)",
        // user:password@ in an address; the user stays, since it helps.
        r#"(?<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'?#]*:)[^\s/"'?#]+(?<after>@)"#,
    ];
    let compile = |pattern| RegexBuilder::new(pattern).unicode(false).build();
    patterns
        .into_iter()
        .map(|pattern| compile(pattern).expect("the patterns are constants, and a test uses them"))
        .collect()
});

/// Replaces known secrets, and what looks like one. Clones share what they know.
#[derive(Clone)]
pub struct Scrubber {
    known: Arc<RwLock<Known>>,
}

struct Known {
    secrets: Vec<Secret>,
    /// Any of `secrets`, in any of the spellings that formatters give them. `None` while there are none.
    regex: Option<Regex>,
}

/// A [`MakeWriter`] whose writers scrub. The text of one event is gathered first, since a formatter may write it in parts
/// and a secret must not slip through between two of them.
pub struct Scrubbing<M> {
    scrubber: Scrubber,
    inner: M,
}

/// Gathers one event, and writes it scrubbed when dropped.
pub struct EventWriter<W: Write> {
    scrubber: Scrubber,
    buffer: Vec<u8>,
    inner: W,
}

// === impl Scrubber ===

impl Scrubber {
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let known = Known {
            secrets: Vec::new(),
            regex: None,
        };
        let scrubber = Self {
            known: Arc::new(RwLock::new(known)),
        };
        scrubber.hide(secrets);
        scrubber
    }

    /// Secrets that came to be after the start, such as a token that was just made.
    pub fn hide(&self, secrets: impl IntoIterator<Item = Secret>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if !secret.expose().is_empty() && !known.secrets.contains(&secret) {
                known.secrets.push(secret);
            }
        }
        known.regex = regex_of(&known.secrets);
    }

    /// The text with `[redacted]` in the place of every secret.
    pub fn scrub(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.scrub_bytes(text.as_bytes())).into_owned()
    }

    fn scrub_bytes(&self, text: &[u8]) -> Vec<u8> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = match &known.regex {
            Some(regex) => regex.replace_all(text, REDACTED).into_owned(),
            None => text.to_vec(),
        };
        drop(known);
        for regex in PATTERNS.iter() {
            if regex.is_match(&text) {
                let kept = |found: &Captures<'_>| [&found["before"], REDACTED, &found["after"]].concat();
                text = regex.replace_all(&text, kept).into_owned();
            }
        }
        text
    }
}

/// One alternative for each spelling, the longest first, so that no part of a longer secret is left standing.
fn regex_of(secrets: &[Secret]) -> Option<Regex> {
    let mut spellings: Vec<String> = secrets
        .iter()
        .flat_map(|secret| spellings(secret.expose()))
        .collect();
    spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    spellings.dedup();
    if spellings.is_empty() {
        return None;
    }
    // The size limit of a regex is far beyond a few tokens; a value too long for it is refused as a token anyway.
    let pattern = spellings.join("|");
    Some(Regex::new(&pattern).expect("escaped text is a regex"))
}

/// A secret as `Display`, `Debug` and JSON write it, as patterns.
fn spellings(secret: &str) -> Vec<String> {
    let inner = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
    let json = |text: &str| inner(serde_json::Value::from(text).to_string());
    let debug = inner(format!("{secret:?}"));
    let mut all = vec![secret.to_owned(), json(secret), json(&debug), debug];
    all.sort();
    all.dedup();
    // A short password may be a common word, such as `postgres`: there, only the whole word counts.
    let short = secret.len() < 12;
    all.into_iter()
        .map(|text| {
            if short {
                bounded(&text)
            } else {
                regex::escape(&text)
            }
        })
        .collect()
}

/// The text where it is not a part of a longer word. A bound is only asked for where the text itself ends in a word.
fn bounded(text: &str) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let bound = |c| if is_word(c) { r"\b" } else { "" };
    format!(
        "{}{}{}",
        bound(text.chars().next()),
        regex::escape(text),
        bound(text.chars().next_back())
    )
}

// === impl Scrubbing ===

impl<M> Scrubbing<M> {
    pub fn new(scrubber: Scrubber, inner: M) -> Self {
        Self { scrubber, inner }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Scrubbing<M> {
    type Writer = EventWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EventWriter {
            scrubber: self.scrubber.clone(),
            buffer: Vec::new(),
            inner: self.inner.make_writer(),
        }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        EventWriter {
            scrubber: self.scrubber.clone(),
            buffer: Vec::new(),
            inner: self.inner.make_writer_for(meta),
        }
    }
}

// === impl EventWriter ===

impl<W: Write> Write for EventWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Nothing leaves before the whole event is there.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for EventWriter<W> {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            // A log that cannot be written has nobody left to tell.
            let _ = self.inner.write_all(&self.scrubber.scrub_bytes(&self.buffer));
            let _ = self.inner.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scrub(secrets: &[&str], text: &str) -> String {
        Scrubber::new(secrets.iter().map(|secret| Secret::new(*secret))).scrub(text)
    }

    #[test]
    fn what_looks_like_a_secret_is_replaced() {
        for (text, expected) in [
            (
                "token MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs!",
                "token [redacted]!",
            ),
            (
                "as 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1.",
                "as [redacted].",
            ),
            (
                "POST https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1/getMe failed",
                "POST https://api.telegram.org/bot[redacted]/getMe failed",
            ),
            (
                "http://127.0.0.1:81/bot42:short/sendMessage",
                "http://127.0.0.1:81/bot[redacted]/sendMessage",
            ),
            ("/file/bot42%3Ashort/x", "/file/bot[redacted]/x"),
            (
                "authorization: Bearer abc.def-ghi, next",
                "authorization: Bearer [redacted], next",
            ),
            (
                r#"{"authorization":"bearer abc"}"#,
                r#"{"authorization":"bearer [redacted]"}"#,
            ),
            ("postgres://app:hunter2@db/x", "postgres://app:[redacted]@db/x"),
            (
                "ldk_0123456789abcdef0123456789abcdef begins with ldk_01234567",
                "ldk_[redacted] begins with ldk_01234567",
            ),
            (
                r#"{"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}"#,
                r#"{"secret":"whsec_[redacted]"}"#,
            ),
            (
                "redis://:p@ss@host and rediss://u:p@h",
                "redis://:[redacted]@host and rediss://u:[redacted]@h",
            ),
        ] {
            assert_eq!(scrub(&[], text), expected);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "listening on http://127.0.0.1:8080/health/ready",
            "case 0199c2d4-1f2e-7c3a-8000-000000000000 at 2026-11-20T09:06:00.123456Z",
            "user 81384788765712384 in lockdown_worker::pipeline.rules.compile",
            "mail someone@example.org about https://example.org/a?b=c@d",
        ] {
            assert_eq!(scrub(&["lockdown", "8080808080808080"], text), text);
        }
    }

    #[test]
    fn a_known_secret_is_replaced_in_every_spelling() {
        let secret = "quote\"back\\slash-and-more";
        let shown = format!(
            "{secret} {secret:?} {} {}",
            serde_json::json!(secret),
            serde_json::json!(format!("{secret:?}"))
        );
        let text = scrub(&[secret], &shown);
        assert!(!text.contains("slash"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 4, "{text}");
    }

    #[test]
    fn the_longest_secret_goes_first() {
        assert_eq!(
            scrub(
                &["secret-token", "secret-token-of-discord"],
                "x secret-token-of-discord y"
            ),
            "x [redacted] y"
        );
    }

    #[test]
    fn a_short_password_is_a_whole_word() {
        assert_eq!(
            scrub(&["pg"], "pg upgrade pg_isready (pg)"),
            "[redacted] upgrade pg_isready ([redacted])"
        );
        assert_eq!(scrub(&["p@!"], "ap@!b"), "ap@!b", "it begins inside of a word");
        assert_eq!(scrub(&["@!"], "a@!b"), "a[redacted]b", "no word, no bound");
    }

    #[test]
    fn a_later_secret_is_hidden_in_every_clone() {
        let scrubber = Scrubber::new([]);
        let clone = scrubber.clone();
        scrubber.hide([Secret::new("made-after-the-start")]);
        assert_eq!(clone.scrub("use made-after-the-start"), "use [redacted]");
    }

    #[test]
    fn a_secret_written_in_parts_is_caught() {
        let mut out = Vec::new();
        let mut writer = EventWriter {
            scrubber: Scrubber::new([Secret::new("split-in-the-middle")]),
            buffer: Vec::new(),
            inner: &mut out,
        };
        for part in ["a split-in", "-the-mid", "dle b\n"] {
            writer.write_all(part.as_bytes()).unwrap();
            writer.flush().unwrap();
        }
        drop(writer);
        assert_eq!(String::from_utf8(out).unwrap(), "a [redacted] b\n");
    }

    proptest! {
        #[test]
        fn a_known_secret_never_survives(secret in "[ -~]{12,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let text = scrub(&[&secret], &format!("{before}{secret}{after}"));
            prop_assume!(!"[redacted]".contains(&secret));
            prop_assert!(!text.contains(&secret), "{text}");
        }

        #[test]
        fn any_bytes_can_be_scrubbed(text: Vec<u8>) {
            let plain = Scrubber::new([Secret::new("known-secret")]).scrub_bytes(&text);
            if text.is_ascii() && !text.contains(&b':') && !text.contains(&b'.') && !text.contains(&b' ') {
                prop_assert_eq!(plain, text);
            }
        }
    }
}
