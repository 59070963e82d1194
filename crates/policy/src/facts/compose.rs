//! Puts the texts of a message together, up to a limit, so that the cost of judging it is bounded.

/// Bytes of what the author typed: both platforms' longest message is shorter.
pub(super) const MOST_TYPED: usize = 16 * 1024;
/// Bytes of everything else that a reader sees.
const MOST_OTHER: usize = 16 * 1024;

/// Texts, one a line.
#[derive(Debug, Default)]
pub(super) struct Composed {
    text: String,
}

// === impl Composed ===

impl Composed {
    pub(super) fn add(&mut self, piece: &str) {
        let piece = piece.trim();
        let left = MOST_OTHER.saturating_sub(self.text.len() + 1);
        if piece.is_empty() || left == 0 {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(cut(piece, left));
    }

    pub(super) fn all<'p>(mut self, pieces: impl IntoIterator<Item = &'p str>) -> Self {
        for piece in pieces {
            self.add(piece);
        }
        self
    }

    pub(super) fn done(self) -> String {
        self.text
    }
}

pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
