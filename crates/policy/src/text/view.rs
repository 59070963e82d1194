//! One reading of a text, with the way back to what was written.

use std::ops::Range;

/// A text as one of the normaliser's steps sees it.
#[derive(Debug, Default, Clone)]
pub struct View {
    pub(super) text: String,
    /// For each byte of `text`, where the characters begin and end that it came from. Both empty: nothing has moved.
    pub(super) starts: Vec<u32>,
    pub(super) ends: Vec<u32>,
}

// === impl View ===

impl View {
    /// The text of this view.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where in the original lies what the bytes `range` of this view came from. Both ends are boundaries of characters.
    ///
    /// # Panics
    /// When the range is not one of this view's text.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        assert!(
            range.start <= range.end && range.end <= self.text.len(),
            "{range:?} is no range of a view of {} bytes",
            self.text.len()
        );
        if self.starts.is_empty() {
            return range;
        }
        let start = self
            .starts
            .get(range.start)
            .or(self.ends.last())
            .map_or(0, |start| *start as usize);
        if range.is_empty() {
            return start..start;
        }
        start..self.ends[range.end - 1] as usize
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.starts.clear();
        self.ends.clear();
    }

    /// Appends what came from the bytes `start..end` of the original. As long as all is where it was, nothing is kept of that.
    pub(super) fn push(&mut self, c: char, start: u32, end: u32) {
        let bytes = c.len_utf8();
        let moved = self.text.len() != start as usize || end as usize != start as usize + bytes;
        if moved || !self.starts.is_empty() {
            self.unfold_offsets();
            self.starts.extend_from_slice(&[start; 4][..bytes]);
            self.ends.extend_from_slice(&[end; 4][..bytes]);
        }
        self.text.push(c);
    }

    /// The same for characters that stay what and where they are.
    pub(super) fn push_same(&mut self, chars: &str, start: u32) {
        if self.text.len() != start as usize || !self.starts.is_empty() {
            self.unfold_offsets();
            for (at, c) in chars.char_indices() {
                let (from, bytes) = (start + at as u32, c.len_utf8());
                self.starts.extend_from_slice(&[from; 4][..bytes]);
                self.ends.extend_from_slice(&[from + bytes as u32; 4][..bytes]);
            }
        }
        self.text.push_str(chars);
    }

    /// The same for characters of ASCII that stand one after the other in the original, but for their capitals.
    pub(super) fn push_plain(&mut self, chars: &str, start: u32) {
        let (from, end) = (self.text.len(), start + chars.len() as u32);
        if from != start as usize || !self.starts.is_empty() {
            self.unfold_offsets();
            self.starts.extend(start..end);
            self.ends.extend(start + 1..=end);
        }
        self.text.push_str(chars);
        self.text[from..].make_ascii_lowercase();
    }

    /// The same for a part of another view of the original, which has offsets as this one has.
    pub(super) fn push_part(&mut self, view: &Self, part: Range<usize>) {
        self.text.push_str(&view.text[part.clone()]);
        self.starts.extend_from_slice(&view.starts[part.clone()]);
        self.ends.extend_from_slice(&view.ends[part]);
    }

    /// From now on every byte has its own offsets.
    pub(super) fn unfold_offsets(&mut self) {
        if self.starts.is_empty() && self.text.is_ascii() {
            let end = self.text.len() as u32;
            self.starts.extend(0..end);
            self.ends.extend(1..=end);
        } else if self.starts.is_empty() {
            for (at, c) in self.text.char_indices() {
                let bytes = c.len_utf8();
                self.starts.extend_from_slice(&[at as u32; 4][..bytes]);
                self.ends.extend_from_slice(&[(at + bytes) as u32; 4][..bytes]);
            }
        }
    }
}
