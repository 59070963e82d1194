//! What a text says, however it is disguised.
//!
//! [`Text`] reads a text once and keeps several views of it:
//!
//! - [`Text::raw`]: as it was written.
//! - [`Text::folded`]: NFKC and lower case; accents, invisible characters, controls of the writing direction and stacked
//!   marks are gone; blanks of every kind are a blank; look-alikes inside a word belong to the word's own script; letters that
//!   were percent-encoded are letters. Words that were apart stay apart. This is what regular expressions see.
//! - [`Text::joined`]: the folded view with words together that were spelled out (`f r e e`, one letter a line) or had
//!   markup between their letters; the same as the folded view where there are none.
//! - [`Text::marks`]: the disguise itself as numbers: invisible characters, zalgo, mixed scripts, capitals, emoji, lines.
//!
//! [`View::original`] leads from a place in a view back to the text as it was written, to show what was found. Word
//! lists ([`words`]) do more than the views show: they look up what each word may be a disguise of, and compare letter by
//! letter (leetspeak, masks, repeated letters, typos); see `forms`.
//!
//! A `Text` is meant to be kept and read into again ([`Text::read`]), so that nothing is allocated per message:
//!
//! ```
//! use lockdown_policy::text::Text;
//!
//! let mut text = Text::default();
//! text.read("ＦＲＥＥ n\u{200B}itro, f r e e!");
//! assert_eq!(text.folded().as_str(), "free nitro, f r e e!");
//! assert_eq!(text.joined().as_str(), "free nitro, free!");
//! let at = text.folded().as_str().find("nitro").unwrap();
//! assert_eq!(&text.raw()[text.folded().original(at..at + 5)], "n\u{200B}itro");
//! assert_eq!(text.marks().invisible, 1);
//! ```
//!
//! Everything here is a function of its input, and costs the same for each byte of it: [`LIMIT`] bounds a text.

mod block;
pub mod everyday;
mod fold;
mod forms;
pub mod links;
mod lookalikes;
mod marks;
pub mod patterns;
mod scripts;
mod squash;
pub(crate) mod table;
pub(crate) mod tokens;
mod view;
pub mod words;
mod work;

pub use forms::Disguise;
pub use marks::Marks;
pub use view::View;
pub(crate) use work::Work;

use forms::Forms;
pub(crate) use squash::Squashed;
use table::Kind;
use tokens::{Odd, Token};

/// How many bytes of a text are read. Discord's longest message, 4,000 characters of four bytes each, is shorter.
pub const LIMIT: usize = 16 * 1024;

/// A text that was read: its views, words and marks.
#[derive(Debug, Default)]
pub struct Text {
    raw: String,
    folded: View,
    joined: View,
    pub(crate) has_joined: bool,
    truncated: bool,
    marks: Marks,
    pub(crate) tokens: Vec<Token>,
    odd: Odd,
    forms: Forms,
    pub(crate) squashed: Squashed,
}

/// Whether it has letters of a script that has no blanks between words.
pub(crate) fn is_dense(text: &str) -> bool {
    text.chars()
        .any(|c| table::entry(c).script == table::Script::Dense)
}

// === impl Text ===

impl Text {
    /// Reads one text. Who reads many keeps a `Text` and calls [`Text::read`].
    pub fn of(raw: &str) -> Self {
        let mut text = Self::default();
        text.read(raw);
        text
    }

    /// Forgets what was read before and reads this, up to [`LIMIT`].
    pub fn read(&mut self, raw: &str) {
        let kept = &raw[..raw.floor_char_boundary(LIMIT)];
        self.truncated = kept.len() < raw.len();
        self.raw.clear();
        self.raw.push_str(kept);
        self.truncated |= !fold::fold(kept, &mut self.folded, &mut self.marks, &mut self.squashed.kinds);
        tokens::tokens(
            &self.folded.text,
            &mut self.tokens,
            &mut self.odd,
            &mut self.squashed,
        );
        self.marks.words = self.tokens.len() as u32;
        if self.truncated || self.odd.signs[usize::from(b'<')] > 0 {
            self.marks.emoji += marks::custom_emoji(kept);
        }
        self.forms.clear();
        self.forms.find(&self.folded.text, &self.odd);
        self.marks.spelled = self.forms.spelled_letters;
        self.join();
    }

    /// Makes the joined view, where it differs.
    fn join(&mut self) {
        self.joined.clear();
        self.has_joined = !self.forms.spelled.is_empty();
        if !self.has_joined {
            return;
        }
        self.folded.unfold_offsets();
        let (folded, joined) = (&self.folded, &mut self.joined);
        let mut at = 0;
        for &(start, end) in &self.forms.spelled {
            let (start, end) = (at.max(start as usize), at.max(end as usize));
            joined.push_part(folded, at..start);
            for (place, c) in folded.text[start..end].char_indices() {
                if c != '|' && !matches!(table::entry(c).kind, Kind::Space | Kind::Other) {
                    joined.push_part(folded, start + place..start + place + c.len_utf8());
                }
            }
            at = end;
        }
        joined.push_part(folded, at..folded.text.len());
    }

    /// As it was written, up to [`LIMIT`].
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Whether there was more than [`LIMIT`].
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Plain letters in lower case, without ornaments.
    pub fn folded(&self) -> &View {
        &self.folded
    }

    /// The folded view, with what was spelled out written together.
    pub fn joined(&self) -> &View {
        if self.has_joined {
            &self.joined
        } else {
            &self.folded
        }
    }

    /// How it is written.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// How often each character of ASCII stands in the folded view that is no letter or digit.
    pub(crate) fn signs(&self) -> &[u16; 128] {
        &self.odd.signs
    }

    /// How many words may have signs in place of letters or between them.
    pub(crate) fn guesses(&self) -> u32 {
        let signs = |form: &&forms::Form| {
            matches!(
                form.disguise,
                Disguise::Leet | Disguise::Masked | Disguise::Markup
            )
        };
        self.forms.all.iter().filter(signs).count() as u32
    }

    /// The folded words, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|token| self.said(token))
    }

    pub(crate) fn said(&self, token: &Token) -> &str {
        &self.folded.text[token.start as usize..token.end as usize]
    }
}
