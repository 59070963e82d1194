//! What a test lets happen: people who join, talk and press, administrators who act by hand, and a look at the state.

use super::chat::{Chat, Kind};
use super::faults::{Fault, Limit};
use super::member::{Permissions, Status};
use super::world::{ANONYMOUS_ADMIN, CHANNEL_BOT, Request, TELEGRAM};
use super::{FakeTelegram, lock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

// === impl FakeTelegram ===

impl FakeTelegram {
    // --- who and what there is ---

    /// Makes a bot account with this token. It sees all that is said in its groups.
    pub fn add_bot(&self, token: &str, name: &str) -> i64 {
        let mut world = lock(&self.state);
        let id = token.split(':').next().and_then(|id| id.parse().ok());
        let id = id.unwrap_or_else(|| world.number());
        world.add_person(id, name, true);
        if let Some(bot) = world.people.get_mut(&id) {
            bot.username = Some(name.to_owned());
        }
        world.tokens.insert(token.to_owned(), id);
        let first = 100_000_000 + id % 1_000;
        world.queues.insert(id, super::updates::Queue::new(first));
        id
    }

    /// In privacy mode a bot that is no administrator sees commands only.
    pub fn set_privacy(&self, bot: i64, private: bool) {
        if let Some(bot) = lock(&self.state).people.get_mut(&bot) {
            bot.reads_all = !private;
        }
    }

    /// A person, and whom the platform knows as `@username` where there is one.
    pub fn add_person(&self, name: &str, username: Option<&str>) -> i64 {
        let mut world = lock(&self.state);
        let id = world.number();
        world.add_person(id, name, false);
        if let Some(person) = world.people.get_mut(&id) {
            person.username = username.map(str::to_owned);
        }
        id
    }

    /// A supergroup that belongs to `owner`.
    pub fn add_supergroup(&self, title: &str, owner: i64) -> i64 {
        self.add_chat(title, owner, Kind::Supergroup)
    }

    /// A group as they begin: without restrictions and slow modes, until it is upgraded.
    pub fn add_group(&self, title: &str, owner: i64) -> i64 {
        self.add_chat(title, owner, Kind::Group)
    }

    pub fn add_channel(&self, title: &str, owner: i64) -> i64 {
        self.add_chat(title, owner, Kind::Channel)
    }

    fn add_chat(&self, title: &str, owner: i64, kind: Kind) -> i64 {
        let mut world = lock(&self.state);
        let number = world.number();
        let id = match kind {
            Kind::Group => -number,
            Kind::Private | Kind::Supergroup | Kind::Channel => -1_000_000_000_000 - number % 1_000_000_000,
        };
        let mut chat = Chat::new(id, kind, title);
        chat.members.insert(owner, Status::Creator { anonymous: false });
        world.chats.insert(id, chat);
        id
    }

    /// The posts of this channel are forwarded into the group.
    pub fn link(&self, group: i64, channel: i64) {
        let mut world = lock(&self.state);
        world.chat(group).linked = Some(channel);
        world.chat(channel).linked = Some(group);
    }

    /// Makes a topic of a forum; returns its thread.
    pub fn add_topic(&self, chat: i64, by: i64, name: &str) -> i64 {
        let mut world = lock(&self.state);
        world.chat(chat).forum = true;
        let created = json!({ "forum_topic_created": { "name": name, "icon_color": 7_322_096 } });
        let thread = world.post(chat, by, None, &created);
        world.chat(chat).topics.insert(thread, true);
        thread
    }

    /// What members may do who are not restricted.
    pub fn set_defaults(&self, chat: i64, permissions: Permissions) {
        lock(&self.state).chat(chat).defaults = permissions;
    }

    // --- what people do ---

    /// Somebody comes in by themselves.
    pub fn join(&self, chat: i64, who: i64) {
        let mut world = lock(&self.state);
        let now = world.now();
        assert!(
            !world.chat(chat).status(who, now).is_banned(),
            "{who} is banned from {chat}"
        );
        world.change(chat, who, who, Status::Member, &json!({}));
        if world.chats[&chat].kind != Kind::Channel {
            let user = world.user(who);
            let came =
                json!({ "new_chat_members": [user], "new_chat_member": user, "new_chat_participant": user });
            world.post(chat, who, None, &came);
        }
    }

    /// Somebody is brought in.
    pub fn add_member(&self, chat: i64, by: i64, who: i64) {
        self.set_status(chat, by, who, Status::Member);
    }

    /// Somebody is made something by hand.
    pub fn set_status(&self, chat: i64, by: i64, who: i64, status: Status) {
        let mut world = lock(&self.state);
        if matches!(status, Status::Banned { .. }) && world.chats[&chat].kind == Kind::Supergroup {
            world.chat(chat).forget(who);
        }
        world.change(chat, by, who, status, &json!({}));
    }

    pub fn leave(&self, chat: i64, who: i64) {
        self.set_status(chat, who, who, Status::Left);
    }

    /// Somebody asks to be let in; with a query the bot has seconds to answer it.
    pub fn ask_to_join(&self, chat: i64, who: i64, bio: Option<&str>, query: Option<&str>) {
        let mut world = lock(&self.state);
        world.chat(chat).requests.insert(who, query.map(str::to_owned));
        let mut body = json!({
            "chat": world.chats[&chat].json(), "from": world.user(who), "user_chat_id": who,
            "date": world.now().timestamp(),
        });
        for (name, value) in [("bio", bio), ("query_id", query)] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        world.tell_administrators(chat, "chat_join_request", &body);
    }

    /// Says a text.
    pub fn say(&self, chat: i64, who: i64, text: &str) -> i64 {
        self.post(chat, who, &json!({ "text": text }))
    }

    /// Posts a message of any shape: the members of `fields` go into it as they are. `reply_to_message` may be a number.
    /// Returns 0 where the person may not.
    pub fn post(&self, chat: i64, who: i64, fields: &Value) -> i64 {
        let mut world = lock(&self.state);
        let now = world.now();
        let place = &world.chats[&chat];
        if place.kind == Kind::Private {
            return world.post(chat, who, None, fields);
        }
        if !place.may(who, "can_send_messages", now) {
            return 0;
        }
        if place.status(who, now).is_anonymous() {
            return world.post(chat, ANONYMOUS_ADMIN, Some(chat), fields);
        }
        world.post(chat, who, None, fields)
    }

    /// Posts in a group under the name of a channel; 0 where the channel is banned.
    pub fn post_as_channel(&self, chat: i64, channel: i64, fields: &Value) -> i64 {
        let mut world = lock(&self.state);
        if world.chats[&chat].banned_channels.contains(&channel) {
            return 0;
        }
        world.post(chat, CHANNEL_BOT, Some(channel), fields)
    }

    /// Posts in a channel, and in the group that is linked to it; returns both numbers.
    pub fn post_in_channel(&self, channel: i64, by: i64, fields: Value) -> (i64, Option<i64>) {
        let mut world = lock(&self.state);
        let id = world.post(channel, by, None, &fields);
        let Some(group) = world.chats[&channel].linked else {
            return (id, None);
        };
        let mut forwarded = fields;
        forwarded["is_automatic_forward"] = true.into();
        forwarded["forward_origin"] = json!({
            "type": "channel", "date": world.now().timestamp(), "chat": world.chats[&channel].json(), "message_id": id,
        });
        let copy = world.post(group, TELEGRAM, Some(channel), &forwarded);
        (id, Some(copy))
    }

    /// Several media with one caption: an update for each, as one album.
    pub fn post_album(&self, chat: i64, who: i64, captions: &[Option<&str>]) -> Vec<i64> {
        let album = lock(&self.state).number().to_string();
        let each = captions.iter().enumerate().map(|(at, caption)| {
            let mut fields = json!({
                "media_group_id": album,
                "photo": [{ "file_id": format!("{album}-{at}"), "file_unique_id": format!("u{album}-{at}"), "width": 90, "height": 90 }],
            });
            if let Some(caption) = caption {
                fields["caption"] = (*caption).into();
            }
            self.post(chat, who, &fields)
        });
        each.collect()
    }

    pub fn edit(&self, chat: i64, message: i64, fields: &Value) {
        let edited = lock(&self.state).edit(chat, message, fields);
        assert!(edited.is_some(), "there is no message {message} in {chat}");
    }

    /// Sets what somebody's reactions to a message are.
    pub fn react(&self, chat: i64, who: i64, message: i64, emojis: &[&str]) {
        let mut world = lock(&self.state);
        let now: Vec<String> = emojis.iter().map(|emoji| (*emoji).to_owned()).collect();
        let Some(posted) = world.chat(chat).messages.get_mut(&message) else {
            return;
        };
        let before = posted.reactions.insert(who, now.clone()).unwrap_or_default();
        let list = |emojis: &[String]| -> Vec<Value> {
            let each = emojis
                .iter()
                .map(|emoji| json!({ "type": "emoji", "emoji": emoji }));
            each.collect()
        };
        let body = json!({
            "chat": world.chats[&chat].json(), "message_id": message, "user": world.user(who),
            "date": world.now().timestamp(), "old_reaction": list(&before), "new_reaction": list(&now),
        });
        world.tell_administrators(chat, "message_reaction", &body);
    }

    /// Presses a button under a bot's message; returns the query's id.
    pub fn press(&self, chat: i64, message: i64, who: i64, data: &str) -> String {
        let mut world = lock(&self.state);
        let id = world.number().to_string();
        let Some(posted) = world.chat(chat).messages.get(&message) else {
            panic!("there is no message {message} in {chat}")
        };
        let (bot, json) = (posted.from, Value::Object(posted.json.clone()));
        let body = json!({
            "id": id, "from": world.user(who), "message": json, "chat_instance": chat.to_string(), "data": data,
        });
        if let Some(queue) = world.queues.get_mut(&bot) {
            queue.push("callback_query", body);
        }
        id
    }

    /// Begins a chat with a bot, so that it may write.
    pub fn start_bot(&self, who: i64, bot: i64) {
        let mut world = lock(&self.state);
        if let Some(person) = world.people.get_mut(&who) {
            person.started.insert(bot);
            person.blocked.remove(&bot);
        }
        let name = world.person(who).first_name.clone();
        world
            .chats
            .entry(who)
            .or_insert_with(|| Chat::new(who, Kind::Private, &name));
    }

    pub fn block_bot(&self, who: i64, bot: i64) {
        if let Some(person) = lock(&self.state).people.get_mut(&who) {
            person.blocked.insert(bot);
        }
    }

    /// A group becomes a supergroup with another number, which both sides are told.
    pub fn migrate(&self, group: i64) -> i64 {
        let mut world = lock(&self.state);
        let number = world.number();
        let to = -1_000_000_000_000 - number % 1_000_000_000;
        let old = world.chat(group);
        let mut new = Chat::new(to, Kind::Supergroup, &old.title.clone());
        new.members.clone_from(&old.members);
        new.defaults = old.defaults.clone();
        let mut members = old.members.iter();
        let owner = members.find(|(_, status)| matches!(status, Status::Creator { .. }));
        let by = *owner.expect("somebody owns the group").0;
        world.chats.insert(to, new);
        world.post(group, by, None, &json!({ "migrate_to_chat_id": to }));
        world.chat(group).migrated_to = Some(to);
        world.post(to, by, None, &json!({ "migrate_from_chat_id": group }));
        to
    }

    /// Something that no script above lets happen: an update of this kind, as it is.
    pub fn deliver(&self, bot: i64, kind: &str, body: Value) {
        if let Some(queue) = lock(&self.state).queues.get_mut(&bot) {
            queue.push(kind, body);
        }
    }

    /// Gives a bot everything once more, as if its last confirmations had been lost.
    pub fn give_again(&self, bot: i64) {
        if let Some(queue) = lock(&self.state).queues.get_mut(&bot) {
            queue.give_again();
        }
    }

    /// Somebody sends a bot a file, alone, with these words below it.
    pub fn send_file(&self, who: i64, bytes: &[u8], caption: &str) -> i64 {
        let file = {
            let mut world = lock(&self.state);
            let file = format!("file{}", world.number());
            world.files.insert(file.clone(), bytes.to_vec());
            file
        };
        let document =
            json!({ "file_id": file, "file_unique_id": format!("u{file}"), "file_size": bytes.len() });
        self.post(who, who, &json!({ "caption": caption, "document": document }))
    }

    // --- what goes wrong ---

    /// The next `times` calls of a method meet this.
    pub fn fault(&self, method: &str, times: usize, fault: Fault) {
        lock(&self.state).faults.plan(method, None, times, fault);
    }

    /// The same, for one chat only.
    pub fn fault_in(&self, chat: i64, method: &str, times: usize, fault: Fault) {
        lock(&self.state).faults.plan(method, Some(chat), times, fault);
    }

    pub fn limit(&self, limits: Vec<Limit>) {
        lock(&self.state).faults.limit(limits);
    }

    // --- a look ---

    /// Every call that came, in its order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }

    /// The calls of one method.
    pub fn calls(&self, method: &str) -> Vec<Request> {
        let method = method.to_ascii_lowercase();
        let mut calls = self.requests();
        calls.retain(|request| request.method == method);
        calls
    }

    /// How many calls came although they had been told to wait.
    pub fn impatient(&self) -> usize {
        lock(&self.state).faults.impatient
    }

    /// Updates that the bot has not confirmed.
    pub fn waiting(&self, bot: i64) -> usize {
        lock(&self.state).queues[&bot].waiting.len()
    }

    pub fn status(&self, chat: i64, who: i64) -> Status {
        let world = lock(&self.state);
        world.chats[&chat].status(who, world.now())
    }

    pub fn is_channel_banned(&self, chat: i64, channel: i64) -> bool {
        lock(&self.state).chats[&chat].banned_channels.contains(&channel)
    }

    /// Whether somebody may do this in a chat, all things considered.
    pub fn may(&self, chat: i64, who: i64, permission: &str) -> bool {
        let world = lock(&self.state);
        world.chats[&chat].may(who, permission, world.now())
    }

    /// The numbers of the messages that stand in a chat.
    pub fn messages(&self, chat: i64) -> Vec<i64> {
        let world = lock(&self.state);
        let chat = world.chats.get(&chat);
        chat.map_or_else(Vec::new, |chat| chat.messages.keys().copied().collect())
    }

    pub fn message(&self, chat: i64, id: i64) -> Option<Value> {
        let world = lock(&self.state);
        let posted = world.chats.get(&chat)?.messages.get(&id)?;
        Some(Value::Object(posted.json.clone()))
    }

    /// The texts that this account said in a chat and that still stand there.
    pub fn said(&self, chat: i64, who: i64) -> Vec<String> {
        let world = lock(&self.state);
        let Some(chat) = world.chats.get(&chat) else {
            return Vec::new();
        };
        let posted = chat.messages.values().filter(|posted| posted.from == who);
        posted
            .filter_map(|posted| posted.json.get("text")?.as_str().map(str::to_owned))
            .collect()
    }

    /// The messages that are pinned in a chat, the last one last.
    pub fn pinned(&self, chat: i64) -> Vec<i64> {
        lock(&self.state).chats[&chat].pinned.clone()
    }

    /// The message of this account that says something beginning like this.
    pub fn find(&self, chat: i64, who: i64, words: &str) -> Option<i64> {
        let world = lock(&self.state);
        let said = world.chats.get(&chat)?.messages.iter().rev().find(|(_, posted)| {
            let text = posted.json.get("text").and_then(Value::as_str);
            posted.from == who && text.is_some_and(|text| text.starts_with(words))
        });
        said.map(|(id, _)| *id)
    }

    /// The reactions of somebody that stand under a message.
    pub fn reactions(&self, chat: i64, message: i64, who: i64) -> Vec<String> {
        let world = lock(&self.state);
        let posted = world.chats[&chat].messages.get(&message);
        posted
            .and_then(|posted| posted.reactions.get(&who))
            .cloned()
            .unwrap_or_default()
    }

    /// Who still waits to be let in.
    pub fn join_requests(&self, chat: i64) -> Vec<i64> {
        lock(&self.state).chats[&chat].requests.keys().copied().collect()
    }

    /// What queries of join requests were answered with.
    pub fn decided(&self) -> Vec<(String, String)> {
        lock(&self.state).decided.clone()
    }

    /// What presses of buttons were answered with.
    pub fn answered(&self) -> Vec<(String, Option<String>)> {
        lock(&self.state).answered.clone()
    }

    /// The files that bots sent, with their names.
    pub fn uploads(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.state).uploads.clone()
    }

    /// The topics of a forum that are open.
    pub fn open_topics(&self, chat: i64) -> Vec<i64> {
        let world = lock(&self.state);
        let topics = world.chats[&chat].topics.iter();
        topics
            .filter(|(_, open)| **open)
            .map(|(thread, _)| *thread)
            .collect()
    }

    /// Its time, which is the clock's that it was started with.
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.state).now()
    }
}
