//! The state, and the few things that change it; what bots may see of a change is decided here.

use super::chat::{Chat, Kind, Posted};
use super::faults::Faults;
use super::member::Status;
use super::refusal::{Answer, Refusal};
use super::updates::Queue;
use chrono::{DateTime, Utc};
use lockdown_runtime::Clock;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Who speaks for an administrator that hides behind the group.
pub const ANONYMOUS_ADMIN: i64 = 1_087_968_824;
/// Who speaks for a channel.
pub const CHANNEL_BOT: i64 = 136_817_688;
/// Who forwards what the linked channel posts.
pub const TELEGRAM: i64 = 777_000;

pub(super) struct World {
    pub(super) clock: Clock,
    /// Accounts by their tokens.
    pub(super) tokens: HashMap<String, i64>,
    pub(super) queues: HashMap<i64, Queue>,
    pub(super) people: BTreeMap<i64, Person>,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) faults: Faults,
    pub(super) requests: Vec<Request>,
    /// Texts of alerts that callback queries were answered with, by query.
    pub(super) answered: Vec<(String, Option<String>)>,
    /// What join requests with a query were answered with.
    pub(super) decided: Vec<(String, String)>,
    /// Files that bots may ask for, by their ids.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Files that bots sent, each with its name.
    pub(super) uploads: Vec<(String, Vec<u8>)>,
    next: i64,
}

pub(super) struct Person {
    pub(super) id: i64,
    pub(super) bot: bool,
    pub(super) first_name: String,
    pub(super) last_name: Option<String>,
    pub(super) username: Option<String>,
    /// Bots that they began a chat with.
    pub(super) started: BTreeSet<i64>,
    /// Bots that they blocked.
    pub(super) blocked: BTreeSet<i64>,
    /// A bot without privacy mode sees all that is said in groups.
    pub(super) reads_all: bool,
}

/// A call that a bot made.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The account; 0 where the token is nobody's.
    pub bot: i64,
    /// In small letters.
    pub method: String,
    pub params: Value,
    pub at: DateTime<Utc>,
    /// The status of the answer.
    pub status: u16,
}

// === impl World ===

impl World {
    pub(super) fn new(clock: Clock) -> Self {
        let mut world = Self {
            clock,
            tokens: HashMap::new(),
            queues: HashMap::new(),
            people: BTreeMap::new(),
            chats: BTreeMap::new(),
            faults: Faults::default(),
            requests: Vec::new(),
            answered: Vec::new(),
            decided: Vec::new(),
            files: BTreeMap::new(),
            uploads: Vec::new(),
            next: 5_000_000_001,
        };
        for (id, name, username) in [
            (ANONYMOUS_ADMIN, "Group", Some("GroupAnonymousBot")),
            (CHANNEL_BOT, "Channel", Some("Channel_Bot")),
            (TELEGRAM, "Telegram", None),
        ] {
            world.add_person(id, name, id != TELEGRAM);
            world.people.get_mut(&id).expect("just added").username = username.map(str::to_owned);
        }
        world
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A number that nobody has: beyond 32 bits, as the real ones are by now.
    pub(super) fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub(super) fn add_person(&mut self, id: i64, name: &str, bot: bool) {
        let person = Person {
            id,
            bot,
            first_name: name.to_owned(),
            last_name: None,
            username: None,
            started: BTreeSet::new(),
            blocked: BTreeSet::new(),
            reads_all: true,
        };
        self.people.insert(id, person);
    }

    pub(super) fn person(&self, id: i64) -> &Person {
        self.people
            .get(&id)
            .unwrap_or_else(|| panic!("nobody has the number {id}"))
    }

    pub(super) fn chat(&mut self, id: i64) -> &mut Chat {
        self.chats
            .get_mut(&id)
            .unwrap_or_else(|| panic!("no chat has the number {id}"))
    }

    /// The chat that a bot names. One that was upgraded says where it lives now.
    pub(super) fn named(&self, name: Result<i64, String>) -> Answer<i64> {
        let found = match &name {
            Ok(id) => self.chats.get(id),
            Err(name) => {
                let name = name.trim_start_matches('@');
                let mut chats = self.chats.values();
                chats.find(|chat| chat.username.as_deref() == Some(name))
            }
        };
        match (found, name) {
            (Some(chat), _) => match chat.migrated_to {
                Some(to) => Err(Refusal::migrated(to)),
                None => Ok(chat.id),
            },
            // A chat with somebody is theirs by number.
            (None, Ok(id)) if self.people.contains_key(&id) => Ok(id),
            (None, _) => Err(Refusal::bad("chat not found")),
        }
    }

    /// As `User`.
    pub(super) fn user(&self, id: i64) -> Value {
        self.person(id).json()
    }

    /// As `ChatMember`, to this viewer.
    pub(super) fn member(&self, chat: i64, user: i64, viewer: i64) -> Value {
        self.chats[&chat]
            .status(user, self.now())
            .json(&self.user(user), viewer)
    }

    // --- what bots hear ---

    /// Tells the bots of a chat that may see this.
    fn tell(&mut self, chat: i64, kind: &str, body: &Value, sees: impl Fn(&Status, &Person) -> bool) {
        let now = self.now();
        let chat = &self.chats[&chat];
        for (bot, queue) in &mut self.queues {
            let status = chat.status(*bot, now);
            if status.is_present() && sees(&status, &self.people[bot]) {
                queue.push(kind, body.clone());
            }
        }
    }

    /// Tells the bots that are administrators.
    pub(super) fn tell_administrators(&mut self, chat: i64, kind: &str, body: &Value) {
        self.tell(chat, kind, body, |status, _| status.is_administrator());
    }

    /// Tells the bots that may see a message. Nobody hears themselves.
    pub(super) fn tell_message(&mut self, chat: i64, kind: &str, message: &Value, from: i64) {
        let text = message["text"].as_str().unwrap_or_default();
        let command = text.starts_with('/');
        let (group, channel) = match self.chats[&chat].kind {
            Kind::Channel => (false, true),
            Kind::Group | Kind::Supergroup => (true, false),
            Kind::Private => (false, false),
        };
        if !group && !channel {
            // Between a person and the bot whose number the message says it is for.
            for (bot, queue) in &mut self.queues {
                if self.people[&chat].started.contains(bot) && *bot != from {
                    queue.push(kind, message.clone());
                }
            }
            return;
        }
        self.tell(chat, kind, message, |status, bot| {
            bot.id != from && (channel || status.is_administrator() || bot.reads_all || command)
        });
    }

    // --- what changes ---

    /// Makes somebody something else, and tells whoever may see it.
    pub(super) fn change(&mut self, chat: i64, by: i64, who: i64, status: Status, with: &Value) {
        let before = self.member(chat, who, 0);
        self.chat(chat).members.insert(who, status);
        let after = self.member(chat, who, 0);
        if before == after {
            return;
        }
        let mut body = json!({
            "chat": self.chats[&chat].json(), "from": self.user(by), "date": self.now().timestamp(),
            "old_chat_member": before, "new_chat_member": after,
        });
        if let (Some(body), Some(with)) = (body.as_object_mut(), with.as_object()) {
            body.extend(with.clone());
        }
        if let Some(queue) = self.queues.get_mut(&who) {
            queue.push("my_chat_member", body.clone());
        }
        let now = self.now();
        let place = &self.chats[&chat];
        for (bot, queue) in &mut self.queues {
            if *bot != who && place.status(*bot, now).is_administrator() {
                queue.push("chat_member", body.clone());
            }
        }
    }

    /// Posts a message and tells whoever may see it.
    pub(super) fn post(&mut self, chat: i64, from: i64, sender_chat: Option<i64>, fields: &Value) -> i64 {
        let (id, json) = self.put(chat, from, sender_chat, fields);
        let kind = if self.chats[&chat].kind == Kind::Channel {
            "channel_post"
        } else {
            "message"
        };
        self.tell_message(chat, kind, &Value::Object(json), from);
        id
    }

    /// Puts a message into a chat, unheard.
    pub(super) fn put(
        &mut self,
        chat: i64,
        from: i64,
        sender_chat: Option<i64>,
        fields: &Value,
    ) -> (i64, Map<String, Value>) {
        let now = self.now();
        let place = &self.chats[&chat];
        let id = place.last_message + 1;
        let mut json = Map::new();
        json.insert("message_id".into(), id.into());
        json.insert("date".into(), now.timestamp().into());
        json.insert("chat".into(), place.json());
        if place.kind == Kind::Channel {
            json.insert("sender_chat".into(), place.json());
        } else {
            json.insert("from".into(), self.user(from));
        }
        if let Some(sender) = sender_chat {
            json.insert("sender_chat".into(), self.chats[&sender].json());
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            // A reply carries the message as it stands, without its own reply.
            match (name.as_str(), value.as_i64()) {
                ("reply_to_message", Some(to)) => {
                    if let Some(to) = place.messages.get(&to) {
                        let mut to = to.json.clone();
                        to.remove("reply_to_message");
                        json.insert(name.clone(), Value::Object(to));
                    }
                }
                _ => drop(json.insert(name.clone(), value.clone())),
            }
        }
        if let Some(thread) = json.get("message_thread_id").and_then(Value::as_i64)
            && place.topics.contains_key(&thread)
        {
            json.insert("is_topic_message".into(), true.into());
        }
        // A test may say that it was said long ago.
        let at = json["date"]
            .as_i64()
            .and_then(|date| DateTime::from_timestamp(date, 0));
        let posted = Posted {
            at: at.unwrap_or(now),
            json: json.clone(),
            from,
            sender_chat,
            reactions: BTreeMap::new(),
        };
        let place = self.chat(chat);
        place.last_message = id;
        place.messages.insert(id, posted);
        (id, json)
    }

    /// Changes a message and tells whoever may see it.
    pub(super) fn edit(&mut self, chat: i64, id: i64, fields: &Value) -> Option<Value> {
        let now = self.now();
        let place = self.chat(chat);
        let kind = if place.kind == Kind::Channel {
            "edited_channel_post"
        } else {
            "edited_message"
        };
        let posted = place.messages.get_mut(&id)?;
        for (name, value) in fields.as_object().into_iter().flatten() {
            posted.json.insert(name.clone(), value.clone());
        }
        posted.json.insert("edit_date".into(), now.timestamp().into());
        let (json, from) = (Value::Object(posted.json.clone()), posted.from);
        self.tell_message(chat, kind, &json, from);
        Some(json)
    }
}

// === impl Person ===

impl Person {
    pub(super) fn json(&self) -> Value {
        let mut json = json!({ "id": self.id, "is_bot": self.bot, "first_name": self.first_name });
        for (name, value) in [("last_name", &self.last_name), ("username", &self.username)] {
            if let Some(value) = value {
                json[name] = value.as_str().into();
            }
        }
        json
    }
}
