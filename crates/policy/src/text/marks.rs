//! What the shape of a text tells before a word of it is read.

/// Counts over the text as it was written. All but `repeat` count characters, unless they say otherwise.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub chars: u32,
    pub letters: u32,
    /// Of the letters, those in upper case.
    pub upper: u32,
    pub digits: u32,
    pub spaces: u32,
    /// Lines: one more than there are line breaks, and none in an empty text.
    pub lines: u32,
    pub words: u32,
    /// Emoji as people count them: a flag, a family or a custom emoji of Discord is one.
    pub emoji: u32,
    /// Zero-width and other characters that leave nothing on the screen, where no emoji needs them.
    pub invisible: u32,
    /// Controls that turn the direction of writing.
    pub bidi: u32,
    /// Combining marks that are mere ornaments.
    pub combining: u32,
    /// Of those, the ones beyond two on one letter.
    pub zalgo: u32,
    /// The most on one letter.
    pub piled: u32,
    /// Letters in fancy dress: full-width, circled, mathematical, small capitals.
    pub styled: u32,
    /// Words that mix look-alike letters of several scripts.
    pub mixed_words: u32,
    /// Letters that stand spelled out, as in `f r e e`.
    pub spelled: u32,
    /// The longest run of one and the same character, blanks aside.
    pub repeat: u32,
    /// Characters that were encoded as `%41`.
    pub percent_encoded: u32,
    /// Half of a surrogate pair, or bytes that were no text: what a decoder replaced.
    pub broken: u32,
}

// === impl Marks ===

impl Marks {
    /// Upper-case letters in a hundred letters; 0 where there are no letters.
    pub fn caps_percent(&self) -> u32 {
        (self.upper * 100).checked_div(self.letters).unwrap_or(0)
    }

    /// How many characters there are only to mislead a reader or a filter.
    pub fn disguises(&self) -> u32 {
        self.invisible + self.bidi + self.zalgo + self.styled + self.mixed_words + self.percent_encoded
    }
}

/// Discord's own way to write a community's emoji: `<:name:1234>`, `<a:name:1234>`.
pub(super) fn custom_emoji(raw: &str) -> u32 {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_emoji = |part: &&str| {
        let body = part.strip_prefix("a:").or_else(|| part.strip_prefix(':'));
        // No name or id is longer.
        let body = body.map(|body| &body[..body.floor_char_boundary(64)]);
        let named = body.and_then(|body| body.split_once('>')?.0.split_once(':'));
        named.is_some_and(|(name, id)| {
            !name.is_empty()
                && name.bytes().all(is_name)
                && (15..=21).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    raw.split('<').skip(1).filter(is_emoji).count() as u32
}
