//! What happened lately, as several processes remember it together: which of it rules ask for, and what detectors make of it.
//!
//! To add a detector that remembers: a variant of [`Memory`], what it keeps of an event in [`Facts::lately`], what it makes
//! of that in [`Facts::add_lately`].

use super::Facts;
use crate::catalogue::Slot;
use crate::compile::{Hasher, RuleSet};
use crate::counter::{Counted, CounterKey};
use crate::detect::heat::{Arrival, Heat, RAID, Raid};
use crate::detect::images::{Picture, Pictures};
use crate::detect::near::{Fingerprint, Recent};
use crate::duration::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::event::EventKind;
use crate::text::Text;
use lockdown_events::EventId;
use serde::{Deserialize, Serialize};

/// What is to be remembered of an event, beside others like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lately {
    memory: Memory,
    pub key: CounterKey,
    /// The same event always has the same text.
    pub text: String,
    pub within: Millis,
    /// So many events are remembered at most.
    pub most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// When somebody wrote.
    Pace,
    /// What was written in a community.
    Texts,
    /// Which pictures somebody posted.
    Pictures,
    /// Who came into a community.
    Joins,
}

#[derive(Serialize, Deserialize)]
struct Said {
    event: EventId,
    print: Fingerprint,
    author: String,
    channel: Option<String>,
    message: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Shown {
    event: EventId,
    channel: String,
    message: Option<String>,
    pictures: Vec<(u64, Option<u64>)>,
}

#[derive(Serialize, Deserialize)]
struct Came {
    event: EventId,
    author: String,
    account_age: Option<i64>,
    avatar: Option<String>,
    /// The platform shows that the account has no picture of its own.
    default_avatar: bool,
    invite: Option<String>,
}

/// A message warms by so much: eight in one breath are a flood.
const WARMS: f64 = 13.0;
/// A level falls to half in this time.
const COOLS: Millis = 6 * SECOND;

// === impl Memory ===

impl Memory {
    fn name(self) -> &'static str {
        match self {
            Self::Pace => "pace",
            Self::Texts => "texts",
            Self::Pictures => "pictures",
            Self::Joins => "joins",
        }
    }

    /// How far back it reaches, and how many events at most.
    fn reach(self) -> (Millis, usize) {
        match self {
            Self::Pace => (MINUTE, 64),
            Self::Texts => (10 * MINUTE, 64),
            Self::Pictures => (5 * MINUTE, 64),
            // Long enough to know what is usual here.
            Self::Joins => (DAY, 200),
        }
    }

    /// Whether each person has one of their own.
    fn is_personal(self) -> bool {
        matches!(self, Self::Pace | Self::Pictures)
    }

    fn is_asked_by(self, rules: &RuleSet) -> bool {
        let slots: &[Slot] = match self {
            Self::Pace => &[Slot::AuthorHeat],
            Self::Texts => &[Slot::NearDuplicates],
            Self::Pictures => &[Slot::ImagesBurst],
            Self::Joins => &[Slot::JoinRaid, Slot::JoinSameAvatar],
        };
        slots.iter().any(|slot| rules.asks(*slot))
    }
}

// === impl Facts ===

impl Facts {
    /// What is to be remembered of this event, for these rules: what nobody asks for is not.
    pub fn lately(&self, rules: &[&RuleSet]) -> Vec<Lately> {
        let memories: &[Memory] = match self.kind {
            EventKind::Message => &[Memory::Pace, Memory::Texts, Memory::Pictures],
            EventKind::Join => &[Memory::Joins],
            _ => &[],
        };
        let asked = memories
            .iter()
            .filter(|memory| rules.iter().any(|rules| memory.is_asked_by(rules)));
        asked
            .filter_map(|memory| {
                let (within, most) = memory.reach();
                Some(Lately {
                    memory: *memory,
                    key: self.memory_key(*memory),
                    text: self.kept(*memory)?,
                    within,
                    most,
                })
            })
            .collect()
    }

    /// Sets what a detector makes of an event. `stands` is what is remembered up to it, itself last.
    pub fn add_lately(&mut self, lately: &Lately, stands: &[(Millis, String)]) {
        let oldest = self.at.saturating_sub(lately.within);
        let mut stands: Vec<&(Millis, String)> = stands.iter().filter(|(at, _)| *at > oldest).collect();
        // Of those of one moment the order stays, so this event is the last of its own.
        stands.sort_by_key(|(at, _)| *at);
        stands.truncate(stands.partition_point(|(at, _)| *at <= self.at));
        match lately.memory {
            Memory::Pace => {
                let mut heat = Heat::new(COOLS);
                let level = stands.iter().fold(0.0, |_, (at, _)| heat.add(*at, WARMS));
                self.set_number(Slot::AuthorHeat, level as i64);
            }
            Memory::Texts => {
                let mut recent = Recent::new(lately.most);
                let said: Vec<(Millis, Said)> = read(&stands).collect();
                let alike = said.iter().fold(Vec::new(), |_, (at, said)| {
                    recent.push(*at, lately.within, said.event, said.print)
                });
                self.set_count(Slot::NearDuplicates, alike.len());
                let own = said.into_iter().map(|(_, said)| said);
                let own = own.filter(|said| said.author == self.author && alike.contains(&said.event));
                let copies = own.map(|said| copy(said.event, said.author, said.channel, said.message));
                self.copies.extend(copies);
            }
            Memory::Pictures => self.add_pictures(lately, &stands),
            Memory::Joins => self.add_joins(&stands),
        }
    }

    fn add_pictures(&mut self, lately: &Lately, stands: &[&(Millis, String)]) {
        let mut pictures = Pictures::new(lately.most);
        let mut channels = 0;
        let mut earlier = Vec::new();
        for (at, shown) in read::<Shown>(stands) {
            let message = number("message", shown.event.0.as_bytes());
            let channel = number("channel", shown.channel.as_bytes());
            let bursts = shown.pictures.iter().map(|(exact, perceptual)| {
                let picture = Picture {
                    exact: *exact,
                    perceptual: *perceptual,
                    author: 0,
                    channel,
                    message,
                };
                pictures.push(at, lately.within, &picture).channels
            });
            channels = bursts.max().unwrap_or(0);
            earlier.push(shown);
        }
        // Each person has a memory of their own, so these are all theirs.
        earlier.retain(|shown| shown.event != self.event_id && shows_again(&shown.pictures, &self.pictures));
        let copies = earlier.into_iter();
        let copies = copies.map(|shown| {
            copy(
                shown.event,
                self.author.clone(),
                Some(shown.channel),
                shown.message,
            )
        });
        let copies: Vec<Counted> = copies.collect();
        self.copies.extend(copies);
        self.set_number(Slot::ImagesBurst, i64::from(channels));
    }

    fn add_joins(&mut self, stands: &[&(Millis, String)]) {
        let mut raid = Raid::default();
        let (mut sum, mut invite) = (0.0, None);
        for (at, came) in read::<Came>(stands) {
            let arrival = Arrival {
                account_age: came.account_age,
                default_avatar: came.default_avatar,
                same_invite: came.invite.is_some() && came.invite == invite,
            };
            sum = raid.join(at, &arrival);
            invite = came.invite;
        }
        self.set_number(Slot::JoinRaid, (sum / RAID * 100.0) as i64);
        let mut alike: Vec<String> = match &self.avatar {
            None => Vec::new(),
            own => read::<Came>(stands)
                .filter(|(at, came)| *at > self.at.saturating_sub(HOUR) && came.avatar == *own)
                .map(|(_, came)| came.author)
                .collect(),
        };
        alike.sort_unstable();
        alike.dedup();
        self.set_count(Slot::JoinSameAvatar, alike.len());
    }

    fn memory_key(&self, memory: Memory) -> CounterKey {
        let mut hasher = Hasher::new("lockdown lately 1");
        for part in [memory.name(), self.platform.as_str(), &self.guild] {
            hasher.part(part.as_bytes());
        }
        if memory.is_personal() {
            hasher.part(self.author.as_bytes());
        }
        hasher.key()
    }

    /// What is kept of this event; `None` when it has nothing of the kind.
    fn kept(&self, memory: Memory) -> Option<String> {
        let text = match memory {
            Memory::Pace => Ok(self.event_id.to_string()),
            Memory::Texts => {
                let print = Fingerprint::of(&Text::of(self.text(Slot::Text)?));
                serde_json::to_string(&Said {
                    event: self.event_id,
                    print,
                    author: self.author.clone(),
                    channel: self.channel.clone(),
                    message: self.message.clone(),
                })
            }
            Memory::Pictures => serde_json::to_string(&Shown {
                event: self.event_id,
                channel: self.channel.clone()?,
                message: self.message.clone(),
                pictures: self.pictures.clone(),
            }),
            Memory::Joins => serde_json::to_string(&Came {
                event: self.event_id,
                author: self.author.clone(),
                account_age: self.number(Slot::AuthorAccountAge),
                avatar: self.avatar.clone(),
                default_avatar: self.number(Slot::AuthorAvatar) == Some(0),
                invite: self
                    .words(Slot::JoinInvite)
                    .and_then(|codes| codes.first().cloned()),
            }),
        };
        text.ok()
    }
}

fn copy(event_id: EventId, author: String, channel: Option<String>, message: Option<String>) -> Counted {
    Counted {
        event_id,
        distinct: None,
        author,
        channel,
        message,
    }
}

/// Whether one of these pictures is one of those, or nearly.
fn shows_again(one: &[(u64, Option<u64>)], other: &[(u64, Option<u64>)]) -> bool {
    let picture = |(exact, perceptual): &(u64, Option<u64>)| Picture {
        exact: *exact,
        perceptual: *perceptual,
        author: 0,
        channel: 0,
        message: 0,
    };
    one.iter()
        .any(|one| other.iter().any(|other| picture(one).is_near(&picture(other))))
}

/// What can be read of what stands; an older release may have kept it in another form.
fn read<T: for<'d> Deserialize<'d>>(stands: &[&(Millis, String)]) -> impl Iterator<Item = (Millis, T)> {
    stands
        .iter()
        .filter_map(|(at, text)| Some((*at, serde_json::from_str(text).ok()?)))
}

fn number(purpose: &str, bytes: &[u8]) -> u64 {
    let mut hasher = Hasher::new(purpose);
    hasher.part(bytes);
    hasher.number()
}
