//! What is asked for.

use crate::engine::Stored;
use crate::glob::Glob;
use crate::place::{Class, Key, Stream};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use compact_str::{CompactString, format_compact};
use lockdown_events::Envelope;
use std::collections::BTreeSet;

/// Which events; an absent or empty member takes all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Appended at this time or later. Times count in whole milliseconds, as Redis counts them.
    pub from: Option<DateTime<Utc>>,
    /// Appended before this time.
    pub to: Option<DateTime<Utc>>,
    /// Of a type that one of these matches.
    pub types: Vec<Glob>,
    /// Of this community.
    pub key: Option<Key>,
    pub classes: Vec<Class>,
}

// === impl Query ===

impl Query {
    /// The streams in which such events can lie.
    pub(super) fn streams(&self) -> BTreeSet<Stream> {
        let classes = self.matching_classes();
        match &self.key {
            Some(key) => classes
                .into_iter()
                .map(|class| Stream::of_class(class, key))
                .collect(),
            None => classes.into_iter().flat_map(Class::streams).collect(),
        }
    }

    pub(super) fn matching_classes(&self) -> BTreeSet<Class> {
        let wanted = |class: &Class| self.classes.is_empty() || self.classes.contains(class);
        let possible: BTreeSet<Class> = if self.types.is_empty() {
            Class::ALL.into()
        } else {
            self.types.iter().flat_map(classes_of).collect()
        };
        possible.into_iter().filter(wanted).collect()
    }

    /// What has to be listened to for news of such events.
    pub(super) fn channels(&self) -> BTreeSet<CompactString> {
        let everything = || vec![CompactString::const_new("*")];
        let family = |name: &str| format_compact!("{}:*", Glob::escape(name));
        let channels: BTreeSet<CompactString> = if self.types.is_empty() {
            let of_class = |class: Class| match class.families() {
                Some(families) => families.iter().map(|name| family(name)).collect(),
                None => everything(),
            };
            self.matching_classes().into_iter().flat_map(of_class).collect()
        } else {
            let of_type = |glob: &Glob| match glob.prefix() {
                (text, true) => vec![Glob::escape(&text).into()],
                (text, false) => text
                    .split_once(':')
                    .map_or_else(everything, |(name, _)| vec![family(name)]),
            };
            self.types.iter().flat_map(of_type).collect()
        };
        match channels.contains("*") {
            true => everything().into_iter().collect(),
            false => channels,
        }
    }

    pub(super) fn begins(&self) -> Option<DateTime<Utc>> {
        self.from.map(whole_millis)
    }

    pub(super) fn ends(&self) -> Option<DateTime<Utc>> {
        self.to.map(whole_millis)
    }

    /// Whether an entry of one of the streams is asked for; its end is looked at elsewhere.
    pub(super) fn takes(&self, stored: &Stored) -> bool {
        self.begins().is_none_or(|from| stored.at >= from)
            && self.takes_type(&stored.channel)
            && self.takes_place(&stored.envelope)
    }

    pub(super) fn takes_type(&self, channel: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|glob| glob.matches(channel))
    }

    /// Whether it happened where it is asked for.
    pub(super) fn takes_place(&self, envelope: &str) -> bool {
        self.key.as_ref().is_none_or(|key| is_of(key, envelope))
    }
}

/// The classes whose types a pattern can match.
fn classes_of(glob: &Glob) -> Vec<Class> {
    match glob.prefix() {
        (text, true) => vec![Class::of(&text)],
        (text, false) if text.contains(':') => vec![Class::of(&text)],
        _ => Class::ALL.to_vec(),
    }
}

/// Down to the millisecond. A time that is too far away to be rounded is as good as it is.
fn whole_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(time)
}

/// Whether the event happened in this community. Another community in the same stream is told by a look at the text,
/// without reading it as JSON, unless something is escaped in it.
fn is_of(key: &Key, envelope: &str) -> bool {
    let guild = key.as_str().split_once(':').map_or("", |(_, guild)| guild);
    (envelope.contains(guild) || envelope.contains("\\u"))
        && Envelope::decode(envelope).map_or_else(|_| Key::none(), |envelope| Key::of(&envelope)) == *key
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::{GuildId, Platform};

    fn query(types: &[&str]) -> Query {
        Query {
            types: types.iter().map(|glob| Glob::new(glob)).collect(),
            ..Query::default()
        }
    }

    #[test]
    fn only_streams_that_can_hold_it_are_read() {
        let classes = |types: &[&str]| -> Vec<_> { query(types).matching_classes().into_iter().collect() };
        assert_eq!(classes(&["ban:created"]), [Class::Moderation]);
        assert_eq!(classes(&["message:*"]), [Class::Message]);
        assert_eq!(
            classes(&["message:?dited", "user:*"]),
            [Class::Message, Class::System]
        );
        assert_eq!(classes(&["*:created"]), Class::ALL);
        assert_eq!(classes(&["ban*"]), Class::ALL);
        assert_eq!(classes(&["ban"]), [Class::Moderation]);
        let mut here = query(&["ban:*", "user:*"]);
        here.key = Some(Key::community(Platform::Discord, &GuildId::new("5").unwrap()));
        assert_eq!(here.streams().len(), 2);
        here.classes = vec![Class::Message, Class::System];
        assert_eq!(here.streams().len(), 1);
        assert_eq!(Query::default().streams().len(), 16);
    }

    #[test]
    fn only_channels_that_can_say_it_are_listened_to() {
        let channels = |types: &[&str]| -> Vec<_> { query(types).channels().into_iter().collect() };
        assert_eq!(channels(&["ban:created", "user:*"]), ["ban:created", "user:*"]);
        assert_eq!(channels(&["us\\*r:x?"]), ["us\\*r:*"]);
        assert_eq!(channels(&["ban:*", "b*"]), ["*"]);
        assert_eq!(channels(&[]), ["*"]);
        let mut decisions = query(&[]);
        decisions.classes = vec![Class::Moderation];
        assert_eq!(decisions.channels().len(), 8);
    }

    #[test]
    fn a_community_is_told_by_the_body() {
        let key = Key::community(Platform::Telegram, &GuildId::new("-100").unwrap());
        let envelope = |data: &str| {
            format!(
                r#"{{"eventType":"a:b","timestamp":"2026-11-20T09:06:00Z","source":"worker","data":{data}}}"#
            )
        };
        assert!(is_of(
            &key,
            &envelope(r#"{"platform":"telegram","guildId":"-100"}"#)
        ));
        assert!(is_of(
            &key,
            &envelope(r#"{"platform":"telegram","guildId":-100}"#)
        ));
        assert!(!is_of(&key, &envelope(r#"{"guildId":"-100"}"#)));
        assert!(!is_of(
            &key,
            &envelope(r#"{"platform":"telegram","guildId":"-1001"}"#)
        ));
        assert!(!is_of(&key, "-100"));
    }
}
