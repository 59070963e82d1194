//! What this process remembers of what it read: what belongs together, how old messages are, where chats moved. All of it
//! only saves calls or makes them better; none of it is needed for what must not be lost.

use super::people::People;
use crate::client::Client;
use crate::speaker::unlinked;
use crate::sweeper::Sweeper;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{Event, GuildEvent, GuildId, Message, MessageEvent, MessageId, UserEvent, UserId};
use lockdown_runtime::Clock;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Albums that are remembered. Their items come within a second or two.
const ALBUMS: usize = 1_000;
/// Telegram deletes nothing that is older.
const DELETABLE: TimeDelta = TimeDelta::hours(48);
/// How finely the age of messages is remembered, and how far back.
const STEP: TimeDelta = TimeDelta::minutes(10);
const STEPS: usize = 400;
/// Messages of a forum whose topics are remembered, by chat.
const TOPICS: usize = 20_000;

pub(crate) struct Memory {
    clock: Clock,
    sweeper: Arc<Sweeper>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    albums: HashMap<(GuildId, String), Album>,
    /// The order in which albums began.
    begun: VecDeque<(GuildId, String)>,
    /// The albums of messages.
    album_of: HashMap<(GuildId, MessageId), String>,
    ages: HashMap<GuildId, VecDeque<(i64, DateTime<Utc>)>>,
    /// The topics of messages that are in one, by chat and number.
    topics: HashMap<GuildId, BTreeMap<i64, i64>>,
    people: People,
}

#[derive(Default)]
struct Album {
    items: Vec<MessageId>,
    /// One of them was bad: what still comes goes, too.
    doomed: bool,
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new(clock: Clock, sweeper: Arc<Sweeper>) -> Self {
        Self {
            clock,
            sweeper,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from an event that lies in the bus.
    pub(crate) fn note(&self, event: &Event, at: DateTime<Utc>, client: &Client) {
        match event {
            Event::Message(MessageEvent::Created(message)) => self.note_message(message, at),
            Event::User(UserEvent::Joined(joined)) => {
                self.state().people.note(&joined.user_id, &joined.names);
            }
            Event::User(UserEvent::Updated(change)) => {
                self.state().people.note(&change.user_id, &change.names);
            }
            Event::Guild(GuildEvent::Update(update)) => {
                let numbers = update
                    .migrated_to
                    .as_ref()
                    .and_then(|to| Some((update.guild_id.as_str().parse().ok()?, to.as_str().parse().ok()?)));
                if let Some((from, to)) = numbers {
                    client.moved(from, to);
                }
            }
            _ => {}
        }
    }

    fn note_message(&self, message: &Message, at: DateTime<Utc>) {
        if let Ok(id) = message.message_id.as_str().parse() {
            self.note_age(&message.guild_id, id, at);
            let thread = message
                .thread_id
                .as_ref()
                .and_then(|thread| thread.as_str().parse().ok());
            if let Some(thread) = thread {
                let mut state = self.state();
                let topics = state.topics.entry(message.guild_id.clone()).or_default();
                topics.insert(id, thread);
                if topics.len() > TOPICS {
                    topics.pop_first();
                }
            }
        }
        let mut state = self.state();
        state.people.note(&message.author_id, &message.author.names);
        let doomed = message
            .album_id
            .as_ref()
            .is_some_and(|album| state.note_album(&message.guild_id, album, &message.message_id));
        drop(state);
        if doomed {
            self.sweeper
                .delete_unasked(&message.guild_id, &message.message_id);
        }
    }

    /// A message with this number came at this time.
    pub(crate) fn note_age(&self, guild: &GuildId, id: i64, at: DateTime<Utc>) {
        let mut state = self.state();
        let ages = state.ages.entry(guild.clone()).or_default();
        if ages
            .back()
            .is_none_or(|(last, known)| id > *last && at - *known >= STEP)
        {
            ages.push_back((id, at));
            if ages.len() > STEPS {
                ages.pop_front();
            }
        }
    }

    /// Those of the messages with these numbers that stand in a topic, as far as it is remembered; without a topic, those
    /// that stand in none. Numbers run through all topics of a forum.
    pub(crate) fn of_topic(
        &self,
        guild: &GuildId,
        topic: Option<i64>,
        numbers: std::ops::RangeInclusive<i64>,
    ) -> Vec<MessageId> {
        let state = self.state();
        let topics = state.topics.get(guild);
        let here = numbers.filter(|number| topics.and_then(|topics| topics.get(number)).copied() == topic);
        here.filter_map(|number| MessageId::new(&number.to_string()).ok())
            .collect()
    }

    /// The messages that go when this one goes; those of its album that still come will follow.
    pub(crate) fn doom_album(&self, guild: &GuildId, message: &MessageId) -> Vec<MessageId> {
        let mut state = self.state();
        let Some(album) = state.album_of.get(&(guild.clone(), message.clone())).cloned() else {
            return Vec::new();
        };
        match state.albums.get_mut(&(guild.clone(), album)) {
            Some(album) => {
                album.doomed = true;
                album.items.clone()
            }
            None => Vec::new(),
        }
    }

    /// Who has this username (in small letters), if they were seen.
    pub(crate) fn find(&self, username: &str) -> Option<i64> {
        self.state().people.find(username)?.as_str().parse().ok()
    }

    /// What somebody is called, as we say it, if they were seen.
    pub(crate) fn name_of(&self, user: &UserId) -> Option<String> {
        self.state().people.name(user).map(unlinked)
    }

    /// About when a message came, if that is remembered: within some minutes.
    pub(crate) fn about_when(&self, guild: &GuildId, message: &MessageId) -> Option<DateTime<Utc>> {
        let id = message.as_str().parse::<i64>().ok()?;
        let state = self.state();
        let ages = state.ages.get(guild)?;
        let before = ages.iter().rev().find(|(known, _)| *known <= id);
        before.map(|(_, at)| *at)
    }

    /// Whether a message is known to be too old to be deleted.
    pub(crate) fn is_too_old(&self, guild: &GuildId, message: &MessageId) -> bool {
        let Ok(id) = message.as_str().parse::<i64>() else {
            return false;
        };
        let now = self.clock.now();
        let state = self.state();
        let Some(ages) = state.ages.get(guild) else {
            return false;
        };
        // It came no later than the next that is remembered, and within a step of the one before.
        let before = ages.iter().rev().find(|(known, _)| *known <= id);
        let after = ages.iter().find(|(known, _)| *known >= id);
        let latest = [before.map(|(_, at)| *at + STEP), after.map(|(_, at)| *at)];
        let latest = latest.into_iter().flatten().min();
        latest.is_some_and(|latest| now - latest >= DELETABLE)
    }
}

// === impl State ===

impl State {
    /// Says whether the album is doomed.
    fn note_album(&mut self, guild: &GuildId, album: &str, message: &MessageId) -> bool {
        let key = (guild.clone(), album.to_owned());
        if !self.albums.contains_key(&key) {
            self.begun.push_back(key.clone());
            if self.begun.len() > ALBUMS
                && let Some(oldest) = self.begun.pop_front()
                && let Some(gone) = self.albums.remove(&oldest)
            {
                for item in gone.items {
                    self.album_of.remove(&(oldest.0.clone(), item));
                }
            }
        }
        let known = self.albums.entry(key).or_default();
        if !known.items.contains(message) {
            known.items.push(message.clone());
        }
        let doomed = known.doomed;
        self.album_of
            .insert((guild.clone(), message.clone()), album.to_owned());
        doomed
    }
}
