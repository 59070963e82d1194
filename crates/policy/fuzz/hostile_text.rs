//! What must hold for any text at all. The fuzzer calls it by the million; the tests call it on cases and random text.

use lockdown_policy::text::{Text, View};

/// Reads a text twice: into a fresh place, and over the remains of another one.
pub(crate) fn any_text(raw: &str) {
    let text = Text::of(raw);
    assert!(raw.starts_with(text.raw()));
    for view in [text.folded(), text.joined()] {
        leads_back(text.raw(), view);
    }

    let mut used = Text::of("ｄıfferent\u{200B} t.e.x.t b3f0re it **and** mоre");
    used.read(raw);
    assert_eq!(used.folded().as_str(), text.folded().as_str());
    assert_eq!(used.joined().as_str(), text.joined().as_str());
    assert_eq!(used.marks(), text.marks());
    assert!(used.words().eq(text.words()));

    // What is folded stays as it is. Percent signs may meet digits that were not digits before.
    if !raw.contains(['%', '％', '﹪']) && !text.is_truncated() {
        let again = Text::of(text.folded().as_str());
        if again.raw() == text.folded().as_str() {
            assert_eq!(
                again.folded().as_str(),
                text.folded().as_str(),
                "folding {raw:?} again"
            );
        }
    }
}

/// Every character of a view came from a stretch of the original, in order.
fn leads_back(raw: &str, view: &View) {
    let mut before = 0;
    for (at, c) in view.as_str().char_indices() {
        let range = view.original(at..at + c.len_utf8());
        assert!(
            raw.get(range.clone()).is_some(),
            "{c:?} at {at} came from {range:?}, which are no characters of {raw:?}"
        );
        assert!(
            before <= range.start,
            "{c:?} at {at} came from before its neighbour"
        );
        before = range.start;
    }
    let whole = view.original(0..view.as_str().len());
    assert!(raw.get(whole).is_some());
}
