//! Where an event lies: class, stream, entry; and the names of those who read it.

use compact_str::{CompactString, ToCompactString, format_compact};
use lockdown_events::{Envelope, GuildId, Platform, StreamId, UserId};
use std::fmt;
use std::str::FromStr;

/// Events are kept in three classes by volume and by how long they stay. Order holds within a class only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// `message:*`: many, and soon forgotten.
    Message,
    /// Decisions, outcomes, verdicts, audit: few, and kept.
    Moderation,
    /// People, communities, and every type that is not known.
    System,
}

/// One ordered log: a class is split into several, and a community's events all lie in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    pub class: Class,
    pub partition: u8,
}

/// The place of an entry in its stream. Later entries are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// Milliseconds since 1970 for Redis; the running number for the embedded log.
    pub major: u64,
    pub minor: u64,
}

/// The place of an entry among all streams; on the wire `mod.2/1763629560123-0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub stream: Stream,
    pub id: EntryId,
}

/// What decides the stream within a class: events of one key keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(CompactString);

/// Why a name cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: letters, digits, `.`, `-` and `_`, at most 100 of them")]
pub struct NameError(pub String);

/// The part of a type before its `:`, for the classes that can name theirs.
const MESSAGE_FAMILIES: [&str; 2] = ["message", "reaction"];
const MODERATION_FAMILIES: [&str; 8] = [
    "moderation",
    "ban",
    "kick",
    "mute",
    "warning",
    "note",
    "appeal",
    "audit",
];

// === impl Class ===

impl Class {
    pub const ALL: [Self; 3] = [Self::Message, Self::Moderation, Self::System];

    /// How many streams it is split into. A change of these numbers moves communities between streams, so it is a
    /// migration.
    pub fn partitions(self) -> u8 {
        match self {
            Self::Message => 8,
            Self::Moderation | Self::System => 4,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "msg",
            Self::Moderation => "mod",
            Self::System => "sys",
        }
    }

    /// The class of an event type, known or not.
    pub fn of(event_type: &str) -> Self {
        match event_type
            .split_once(':')
            .map_or(event_type, |(family, _)| family)
        {
            family if MESSAGE_FAMILIES.contains(&family) => Self::Message,
            family if MODERATION_FAMILIES.contains(&family) => Self::Moderation,
            _ => Self::System,
        }
    }

    /// The families of types that lie in it; `None` where those are all that lie nowhere else.
    pub(crate) fn families(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Message => Some(&MESSAGE_FAMILIES),
            Self::Moderation => Some(&MODERATION_FAMILIES),
            Self::System => None,
        }
    }

    pub fn streams(self) -> impl Iterator<Item = Stream> {
        (0..self.partitions()).map(move |partition| Stream {
            class: self,
            partition,
        })
    }
}

// === impl Stream ===

impl Stream {
    /// Every stream there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Class::ALL.into_iter().flat_map(Class::streams)
    }

    /// The stream of an event of this type and key.
    pub fn of(event_type: &str, key: &Key) -> Self {
        Self::of_class(Class::of(event_type), key)
    }

    /// The stream of this class in which the events of this key lie.
    pub fn of_class(class: Class, key: &Key) -> Self {
        // FNV-1a: the same in every process and every release, which std's hasher does not promise.
        let hash = key.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let partition = u8::try_from((hash >> 32) % u64::from(class.partitions())).expect("few partitions");
        Self { class, partition }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class.as_str(), self.partition)
    }
}

impl FromStr for Stream {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = text.split_once('.').and_then(|(class, partition)| {
            let class = Class::ALL.into_iter().find(|known| known.as_str() == class)?;
            let partition = partition
                .parse()
                .ok()
                .filter(|number| *number < class.partitions())?;
            Some(Self { class, partition })
        });
        found.ok_or_else(|| NameError(text.to_owned()))
    }
}

// === impl EntryId ===

impl EntryId {
    pub const ZERO: Self = Self { major: 0, minor: 0 };
    pub const MAX: Self = Self {
        major: u64::MAX,
        minor: u64::MAX,
    };
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.major, self.minor)
    }
}

impl FromStr for EntryId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = text.split_once('-').and_then(|(major, minor)| {
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        });
        found.ok_or_else(|| NameError(text.to_owned()))
    }
}

// === impl Position ===

impl Position {
    /// As a live frame carries it.
    pub fn stream_id(self) -> StreamId {
        StreamId::new(&self.to_compact_string()).expect("a position has no spaces")
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.id)
    }
}

impl FromStr for Position {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (stream, id) = text.split_once('/').ok_or_else(|| NameError(text.to_owned()))?;
        Ok(Self {
            stream: stream.parse()?,
            id: id.parse()?,
        })
    }
}

/// Whom a body names: it is only looked into, not decoded.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    #[serde(default)]
    platform: Platform,
    guild_id: GuildId,
    /// Whom it is about.
    user_id: Option<UserId>,
    /// Who said it.
    author_id: Option<UserId>,
}

// === impl Named ===

impl Named {
    pub(crate) fn of(envelope: &Envelope) -> Option<Self> {
        serde_json::from_str(envelope.data().get()).ok()
    }

    pub(crate) fn nobody(platform: Platform, guild: &GuildId) -> Self {
        Self {
            platform,
            guild_id: guild.clone(),
            user_id: None,
            author_id: None,
        }
    }

    /// With the type, from an envelope in today's shape.
    pub(crate) fn look(envelope: &str) -> Option<(&str, Self)> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Look<'a> {
            event_type: &'a str,
            data: Named,
        }
        let Look { event_type, data } = serde_json::from_str(envelope).ok()?;
        Some((event_type, data))
    }

    pub(crate) fn community(&self) -> Key {
        Key::community(self.platform, &self.guild_id)
    }

    pub(crate) fn guild(&self) -> (Platform, &GuildId) {
        (self.platform, &self.guild_id)
    }

    /// Whom it is about.
    pub(crate) fn person(&self) -> Option<&UserId> {
        self.user_id.as_ref().or(self.author_id.as_ref())
    }
}

// === impl Key ===

impl Key {
    /// A community: what happens in it keeps its order.
    pub fn community(platform: Platform, guild: &GuildId) -> Self {
        Self(format_compact!("{platform}:{guild}"))
    }

    /// What an envelope of whatever type names.
    pub fn of(envelope: &Envelope) -> Self {
        Named::of(envelope).map_or_else(Self::none, |named| named.community())
    }

    /// Which community, if any.
    pub fn named(&self) -> Option<(Platform, GuildId)> {
        let (platform, guild) = self.0.split_once(':')?;
        Some((platform.parse().ok()?, GuildId::new(guild).ok()?))
    }

    /// For an event that names no community: all such events keep their order.
    pub fn none() -> Self {
        Self(CompactString::const_new(""))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! names {
    ($( $(#[$doc:meta])* $name:ident; )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(CompactString);

        impl $name {
            pub fn new(text: &str) -> Result<Self, NameError> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                if text.is_empty() || text.len() > 100 || !text.chars().all(allowed) {
                    return Err(NameError(text.to_owned()));
                }
                Ok(Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )* };
}

names! {
    /// A logical subscriber, such as `worker.rules`: each group gets every event, its consumers share them.
    GroupName;
    /// One process's part in a group: host, pid and boot, never used again.
    ConsumerName;
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::TYPES;

    #[test]
    fn places_read_back_as_they_were_written() {
        for stream in Stream::all() {
            let position = Position {
                stream,
                id: EntryId {
                    major: 1_763_629_560_123,
                    minor: 7,
                },
            };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for wrong in [
            "",
            "mod",
            "mod.4",
            "mod.-1",
            "odd.0",
            "mod.0/1",
            "mod.0/1-x",
            "mod.0/1-1-1",
        ] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_communitys_events_lie_in_one_stream_a_class() {
        let key = Key::community(Platform::Discord, &GuildId::new("81384788765712384").unwrap());
        // Pinned: another value would mean that a release moves communities between streams.
        assert_eq!(Stream::of("message:created", &key).to_string(), "msg.7");
        assert_eq!(
            Stream::of("message:deleted", &key),
            Stream::of("message:created", &key)
        );
        assert_eq!(Stream::of("rain:started", &key).class, Class::System);
        for info in TYPES {
            assert!(Stream::all().any(|stream| stream == Stream::of(info.name, &key)));
        }
    }

    #[test]
    fn an_envelope_of_whatever_type_has_its_communitys_key() {
        let key = |data: &str| {
            let text = format!(
                r#"{{"eventId":"0199c2d4-0000-7000-8000-000000000000","eventType":"rain:started","timestamp":"2026-11-20T09:06:00Z","source":"worker","version":9,"data":{data}}}"#
            );
            Key::of(&Envelope::decode(&text).unwrap())
        };
        let guild = GuildId::new("-100123").unwrap();
        assert_eq!(
            key(r#"{"guildId":"-100123","platform":"telegram","drops":[1,2]}"#),
            Key::community(Platform::Telegram, &guild)
        );
        assert_eq!(
            key(r#"{"guildId":"-100123"}"#),
            Key::community(Platform::Discord, &guild)
        );
        // Telegram's own ids are numbers.
        let seven = GuildId::new("7").unwrap();
        assert_eq!(key(r#"{"guildId":7}"#), Key::community(Platform::Discord, &seven));
        for without in ["{}", r#"{"guildId":7.5}"#, r#"{"guildId":"1","platform":"irc"}"#] {
            assert_eq!(key(without), Key::none(), "{without}");
        }
    }

    #[test]
    fn communities_spread_over_the_streams() {
        let mut counts = [0; 8];
        for number in 0..8000 {
            let guild = GuildId::new(&(81_384_788_765_712_384_u64 + number * 4096).to_string()).unwrap();
            counts[usize::from(
                Stream::of("message:created", &Key::community(Platform::Discord, &guild)).partition,
            )] += 1;
        }
        assert!(
            counts.iter().all(|count| (700..1300).contains(count)),
            "{counts:?}"
        );
    }
}
