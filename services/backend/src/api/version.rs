//! Versions as HTTP has them: the tag of an answer, and the condition of a change.

use axum::http::{HeaderMap, HeaderName, header};
use lockdown_moderation::desk::Seen;

pub(super) const CONDITIONS: &[(&str, &str)] = &[
    (
        "If-Match",
        "Only if this is the newest version: the `ETag` with which it came; `*`: if there is any.",
    ),
    ("If-None-Match", "`*`: only if there are none yet."),
];
/// What the headers make a condition. A tag that is none of ours is that of no version.
pub(super) fn seen(headers: &HeaderMap) -> Seen {
    let tags = |name: &HeaderName| -> Option<Vec<String>> {
        let values = headers.get_all(name);
        let tags = values
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let tags: Vec<String> = tags.map(|tag| tag.trim().to_owned()).collect();
        (!tags.is_empty()).then_some(tags)
    };
    let is_any = |tags: &[String]| tags.iter().any(|tag| tag == "*");
    if let Some(tags) = tags(&header::IF_MATCH) {
        if is_any(&tags) {
            return Seen::Some;
        }
        let versions = tags.iter().filter_map(|tag| {
            let inside = tag.strip_prefix('"')?.strip_suffix('"')?;
            inside.parse().ok()
        });
        return Seen::OneOf(versions.collect());
    }
    match tags(&header::IF_NONE_MATCH) {
        Some(tags) if is_any(&tags) => Seen::OneOf(vec![0]),
        _ => Seen::Whatever,
    }
}

pub(super) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}
