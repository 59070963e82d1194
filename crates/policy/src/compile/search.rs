//! Looks for what lists hold in the texts of one event: a text is read once, and looked through once for all words of all lists
//! of a file, and once for the letters that all their patterns need.

use super::list::{Holds, Lists};
use super::matcher::Matcher;
use crate::catalogue::{ListKind, Slot};
use crate::facts::Facts;
use crate::text::patterns::Candidates;
use crate::text::words::Firsts;
use crate::text::{Text, Work};
use std::ops::Range;
use std::sync::Arc;

/// What was looked for so far.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// What was asked, in that order, and where it stands in the text as it was written.
    pub(crate) found: Vec<(Slot, u16, Option<Range<usize>>)>,
    texts: Vec<(Slot, Searched)>,
    /// Texts of earlier events: read into again, they need no memory.
    spare: Vec<Searched>,
    /// What may still be done for this event.
    pub(super) work: Work,
}

/// One text, and what is known of it.
#[derive(Debug, Default)]
struct Searched {
    text: Text,
    is_read: bool,
    /// The lists' own words; nothing before they were looked for.
    words: Firsts,
    has_words: bool,
    /// Their own patterns that may be in it; the same.
    candidates: Candidates,
    has_candidates: bool,
    /// What was found of shared lists, by where those lie in memory.
    shared: Vec<(usize, Option<Range<usize>>)>,
    /// For each list that was asked, its place in `found`, counted from 1.
    asked: Vec<u16>,
}

// === impl Search ===

impl Search {
    /// Where something of a list stands in a text.
    pub(crate) fn find(
        &mut self,
        facts: &Facts,
        lists: &Lists,
        slot: Slot,
        list: u16,
    ) -> Option<Range<usize>> {
        let raw = facts.text(slot)?;
        let place = self.place(slot, lists);
        let searched = &mut self.texts[place].1;
        if let Some(asked) = searched.asked[usize::from(list)].checked_sub(1) {
            return self.found[usize::from(asked)].2.clone();
        }
        let found = searched.find(raw, lists, list, &mut self.work);
        self.found.push((slot, list, found.clone()));
        searched.asked[usize::from(list)] = self.found.len() as u16;
        found
    }

    /// The lists of which something of their own stands in a text; of patterns those of which something may.
    pub(crate) fn reached(&mut self, facts: &Facts, lists: &Lists, slot: Slot, kind: ListKind) -> Vec<u16> {
        let Some(raw) = facts.text(slot) else {
            return Vec::new();
        };
        let place = self.place(slot, lists);
        let searched = &mut self.texts[place].1;
        let mut reached = Vec::new();
        if kind == ListKind::Words {
            searched.look_for_words(raw, lists, &mut self.work);
            reached.extend(searched.words.all.iter().map(|found| found.list as u16));
        } else {
            searched.look_for_patterns(raw, lists, &mut self.work);
            lists
                .patterns
                .lists_of(&searched.candidates, |list| reached.push(list));
        }
        reached.sort_unstable();
        reached.dedup();
        reached
    }

    fn place(&mut self, slot: Slot, lists: &Lists) -> usize {
        let place = self.texts.iter().position(|(known, _)| *known == slot);
        place.unwrap_or_else(|| {
            let mut searched = self.spare.pop().unwrap_or_default();
            searched.asked.resize(lists.all.len(), 0);
            self.texts.push((slot, searched));
            self.texts.len() - 1
        })
    }

    /// Forgets the event, and keeps the memory.
    pub(crate) fn forget(&mut self) {
        self.found.clear();
        self.work = Work::default();
        for (_, mut searched) in self.texts.drain(..) {
            searched.is_read = false;
            searched.has_words = false;
            searched.has_candidates = false;
            searched.shared.clear();
            searched.asked.clear();
            self.spare.push(searched);
        }
    }
}

// === impl Searched ===

impl Searched {
    fn find(&mut self, raw: &str, lists: &Lists, list: u16, work: &mut Work) -> Option<Range<usize>> {
        let compiled = &lists.all[usize::from(list)];
        let Holds::Text(shared) = &compiled.holds else {
            return None;
        };
        if let Some(found) = shared
            .iter()
            .find_map(|matcher| self.of_shared(raw, matcher, work))
        {
            return Some(found);
        }
        if compiled.kind == ListKind::Words {
            self.look_for_words(raw, lists, work);
            let found = self.words.of(list)?;
            return Some(self.text.folded().original(found.span.clone()));
        }
        self.look_for_patterns(raw, lists, work);
        lists.patterns.first_of(list, &self.candidates, &self.text, work)
    }

    fn of_shared(&mut self, raw: &str, matcher: &Arc<Matcher>, work: &mut Work) -> Option<Range<usize>> {
        let key = Arc::as_ptr(matcher).addr();
        if let Some((_, found)) = self.shared.iter().find(|(known, _)| *known == key) {
            return found.clone();
        }
        let found = if self.read(raw, work, |raw| matcher.may_have(raw)) {
            matcher.find(&self.text, work)
        } else {
            None
        };
        self.shared.push((key, found.clone()));
        found
    }

    fn look_for_words(&mut self, raw: &str, lists: &Lists, work: &mut Work) {
        if std::mem::replace(&mut self.has_words, true) {
            return;
        }
        self.words.clear();
        if !lists.words.is_empty() && self.read(raw, work, |raw| lists.words.may_have(raw)) {
            lists.words.firsts_within(&self.text, work, &mut self.words);
        }
    }

    fn look_for_patterns(&mut self, raw: &str, lists: &Lists, work: &mut Work) {
        if std::mem::replace(&mut self.has_candidates, true) {
            return;
        }
        self.candidates.clear();
        if !lists.patterns.is_empty() && self.read(raw, work, |_| true) {
            lists.patterns.candidates(&self.text, &mut self.candidates);
        }
    }

    /// Reads the text if that is worth it; whether it was read.
    fn read(&mut self, raw: &str, work: &mut Work, may_have: impl FnOnce(&str) -> bool) -> bool {
        if !self.is_read && work.glance(raw.len()) && may_have(raw) {
            let most = work.read(raw.len());
            self.text.read(&raw[..raw.floor_char_boundary(most)]);
            self.is_read = true;
        }
        self.is_read
    }
}
