//! What a pattern can reach: streams, and what lies in none.

use crate::place::{Class, Stream};
use lockdown_events::{LIVE, REQUESTS, TYPES, TypeInfo};
use std::collections::BTreeSet;

/// Answers to requests; the rest of the name is the caller's.
const RESPONSE: &str = "response";

/// What some patterns can reach together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Where their events lie.
    classes: BTreeSet<Class>,
    /// Whether they may hear what is said and lies nowhere.
    pub(super) live_only: bool,
}

// === impl Reach ===

impl Reach {
    pub(super) fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut reach = Self::default();
        for pattern in patterns {
            match family(pattern) {
                Some(family) if is_live(family) => reach.live_only = true,
                Some(family) => {
                    reach.classes.insert(Class::of(family));
                    // A family of its own invention may be appended, or said.
                    reach.live_only |= !is_stored(family);
                }
                None => {
                    reach.classes.extend(Class::ALL);
                    reach.live_only = true;
                }
            }
        }
        reach
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        self.classes.iter().copied().flat_map(Class::streams)
    }
}

/// What a channel or a pattern is called in metrics: of names that anyone can invent only the family, if it is known.
pub(super) fn label(name: &str) -> String {
    let fixed = LIVE.iter().chain(REQUESTS).any(|info| info.channel == name);
    if fixed || name == "*" || TypeInfo::find(name).is_some() {
        return name.to_owned();
    }
    match family(name) {
        Some(family) if is_live(family) || is_stored(family) => format!("{family}:*"),
        _ => "other".to_owned(),
    }
}

/// The part before the colon, where the pattern leaves no choice in it.
fn family(pattern: &str) -> Option<&str> {
    let plain = pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len());
    match pattern[..plain].split_once(':') {
        Some((family, _)) => Some(family),
        None => (plain == pattern.len()).then_some(pattern),
    }
}

fn of_channel(channel: &str) -> &str {
    channel.split_once(':').map_or(channel, |(family, _)| family)
}

fn is_live(family: &str) -> bool {
    let mut known = LIVE.iter().chain(REQUESTS);
    family == RESPONSE || known.any(|info| of_channel(info.channel) == family)
}

fn is_stored(family: &str) -> bool {
    TYPES.iter().any(|info| of_channel(info.name) == family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Message, Moderation, System};

    #[test]
    fn a_pattern_reaches_the_classes_of_what_it_can_match() {
        let cases: [(&[&str], &[Class], bool); 12] = [
            (&["ban:created"], &[Moderation], false),
            (&["moderation:*"], &[Moderation], false),
            (&["message:*", "user:joined"], &[Message, System], false),
            (&["message:[ce]*"], &[Message], false),
            (&["*"], &[Message, Moderation, System], true),
            (&["*:created"], &[Message, Moderation, System], true),
            (&["ban*"], &[Message, Moderation, System], true),
            (&["presence"], &[], true),
            (&["notifications:7", "response:x"], &[], true),
            (&["ban:*", "presence"], &[Moderation], true),
            (&["rain:started"], &[System], true),
            (&[], &[], false),
        ];
        for (patterns, classes, live_only) in cases {
            let reach = Reach {
                classes: classes.iter().copied().collect(),
                live_only,
            };
            assert_eq!(Reach::of(patterns.iter().copied()), reach, "{patterns:?}");
        }
    }

    #[test]
    fn what_is_known_can_be_reached() {
        for info in TYPES {
            let reach = Reach::of([info.name]);
            assert!(!reach.live_only, "{}", info.name);
            assert_eq!(reach.classes, BTreeSet::from([Class::of(info.name)]));
        }
        for info in LIVE.iter().chain(REQUESTS) {
            assert!(Reach::of([info.channel]).classes.is_empty(), "{}", info.channel);
        }
    }

    #[test]
    fn metrics_name_no_one() {
        for (name, expected) in [
            ("ban:created", "ban:created"),
            ("ban:invented", "ban:*"),
            ("moderation:*", "moderation:*"),
            ("presence", "presence"),
            ("request:health", "request:health"),
            ("notifications:8123", "notifications:*"),
            ("notifications:broadcast", "notifications:broadcast"),
            ("response:0199c2d4", "response:*"),
            ("*", "*"),
            ("*:created", "other"),
            ("guild-7", "other"),
            ("a:b", "other"),
        ] {
            assert_eq!(label(name), expected);
        }
    }
}
