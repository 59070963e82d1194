//! The gateway: who is told what, and sessions that outlive their connections.

mod socket;

pub(super) use socket::serve;

use super::permissions::{MANAGE_GUILD, VIEW_AUDIT_LOG, VIEW_CHANNEL};
use super::world::{World, number};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use tokio::sync::mpsc::UnboundedSender;

pub(super) const GUILDS: u64 = 1;
pub const GUILD_MEMBERS: u64 = 1 << 1;
pub(super) const GUILD_MODERATION: u64 = 1 << 2;
pub(super) const GUILD_PRESENCES: u64 = 1 << 8;
pub(super) const GUILD_MESSAGES: u64 = 1 << 9;
pub(super) const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
pub const MESSAGE_CONTENT: u64 = 1 << 15;
pub(super) const AUTO_MODERATION_CONFIGURATION: u64 = 1 << 20;
pub(super) const AUTO_MODERATION_EXECUTION: u64 = 1 << 21;
/// Those that the owner of the application has to switch on.
pub(super) const PRIVILEGED: u64 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;

/// Events that a session keeps for a resume.
const KEPT: usize = 20_000;
/// For how long a session without a connection can be resumed.
const RESUMABLE: TimeDelta = TimeDelta::minutes(3);
/// Identifies in a day.
const IDENTIFIES: usize = 1_000;
/// So many as may begin at once may begin in so long.
const TURN: TimeDelta = TimeDelta::seconds(5);

/// Whom an event concerns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Audience {
    Guilds,
    Members,
    /// A member's change: the bot hears of its own without the intent.
    Member(u64),
    Moderation,
    /// Those who may read the audit log.
    Auditors,
    /// Those who see the channel.
    Messages(u64),
    /// The same, of those who want to know of reactions.
    Reactions(u64),
    AutoModeration,
    AutoModerationRules,
    /// The bot that is asked, whatever its intents.
    Bot(u64),
}

pub(super) struct Gateway {
    sessions: Vec<Session>,
    made: usize,
    /// Connections so far; the number of the newest.
    pub(super) connections: u64,
    pub(super) identifies: usize,
    /// Sessions that may begin at once, as Discord tells it, and how many shards it recommends.
    pub(super) concurrency: u64,
    pub(super) recommended: u64,
    /// Fewer shards than these are turned away.
    pub(super) required: u64,
    /// When a session of a bot last began, by the remainder of its shard.
    turns: HashMap<(u64, u64), DateTime<Utc>>,
    /// Identifies that came before their turn.
    pub(super) too_early: usize,
    pub(super) heartbeat_ms: u64,
    /// Acknowledgements of heartbeats are held back.
    pub(super) deaf: bool,
    /// Whoever connects is turned away.
    pub(super) closed: bool,
    /// The next so many events reach nobody, not even a session's memory.
    pub(super) lose: usize,
    /// What clients sent, by opcode.
    pub(super) heard: Vec<(u64, Value)>,
}

struct Session {
    id: String,
    bot: u64,
    intents: u64,
    seq: u64,
    kept: VecDeque<(u64, String)>,
    /// The connection that it has now, by its number.
    link: Option<(u64, UnboundedSender<Out>)>,
    /// Since when it has none.
    alone_since: DateTime<Utc>,
    shard: (u64, u64),
    /// It cannot be resumed.
    dead: bool,
}

/// What a connection is told to do.
#[derive(Debug, Clone)]
pub(super) enum Out {
    Frame(String),
    /// With this code; `None` is a close frame without one.
    Close(Option<u16>),
    /// The TCP connection ends without a word.
    Drop,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            sessions: Vec::new(),
            made: 0,
            connections: 0,
            identifies: 0,
            concurrency: 1,
            recommended: 1,
            required: 1,
            turns: HashMap::new(),
            too_early: 0,
            heartbeat_ms: 41_250,
            deaf: false,
            closed: false,
            lose: 0,
            heard: Vec::new(),
        }
    }
}

// === impl Gateway ===

impl Gateway {
    pub(super) fn identifies_left(&self) -> usize {
        IDENTIFIES.saturating_sub(self.identifies)
    }

    /// Tells every connection.
    pub(super) fn tell_all(&self, out: &Out) {
        for (_, link) in self.sessions.iter().filter_map(|session| session.link.as_ref()) {
            let _ = link.send(out.clone());
        }
    }

    /// Whether it is the turn of this shard to begin; if so, it has it.
    fn takes_turn(&mut self, bot: u64, shard: u64, now: DateTime<Utc>) -> bool {
        let turn = (bot, shard % self.concurrency.max(1));
        if self.turns.get(&turn).is_some_and(|last| now - *last < TURN) {
            self.too_early += 1;
            return false;
        }
        self.turns.insert(turn, now);
        true
    }

    /// The shards that have a connection, each with how many there are of them, and how often each stands.
    pub(super) fn shards(&self) -> BTreeMap<(u64, u64), usize> {
        let mut shards = BTreeMap::new();
        for session in self.sessions.iter().filter(|session| session.link.is_some()) {
            *shards.entry(session.shard).or_default() += 1;
        }
        shards
    }

    /// From now on no session can be resumed.
    pub(super) fn forget_sessions(&mut self) {
        for session in &mut self.sessions {
            session.dead = true;
        }
    }

    /// Sessions that have a connection.
    pub(super) fn connected(&self) -> usize {
        self.sessions
            .iter()
            .filter(|session| session.link.is_some())
            .count()
    }

    /// The connection of this number is gone.
    fn unhook(&mut self, number: u64, now: DateTime<Utc>, fatal: bool) {
        // A session that was resumed elsewhere meanwhile keeps its new connection.
        let of = |session: &&mut Session| session.link.as_ref().is_some_and(|(own, _)| *own == number);
        if let Some(session) = self.sessions.iter_mut().find(of) {
            session.link = None;
            session.alone_since = now;
            session.dead |= fatal;
        }
    }
}

// === impl Session ===

impl Session {
    fn push(&mut self, name: &str, body: &Value) {
        self.seq += 1;
        let frame = json!({ "op": 0, "s": self.seq, "t": name, "d": body }).to_string();
        if let Some((_, link)) = &self.link {
            let _ = link.send(Out::Frame(frame.clone()));
        }
        self.kept.push_back((self.seq, frame));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }
}

// === impl World ===

impl World {
    /// Tells every session that the event concerns.
    pub(super) fn emit(&mut self, guild: u64, audience: Audience, name: &str, body: &Value) {
        if self.guilds.get(&guild).is_none_or(|state| state.away) {
            return;
        }
        if self.gateway.lose > 0 && !matches!(audience, Audience::Bot(_)) {
            self.gateway.lose -= 1;
            return;
        }
        let mut sessions = std::mem::take(&mut self.gateway.sessions);
        for session in &mut sessions {
            let mine = (guild >> 22) % session.shard.1 == session.shard.0;
            if mine && self.concerns(session, guild, audience) {
                let mut body = body.clone();
                if matches!(audience, Audience::Messages(_)) && session.intents & MESSAGE_CONTENT == 0 {
                    hide(&mut body, session.bot);
                }
                session.push(name, &body);
            }
        }
        self.gateway.sessions = sessions;
    }

    fn concerns(&self, session: &Session, guild: u64, audience: Audience) -> bool {
        let bot = session.bot;
        let here = self
            .guilds
            .get(&guild)
            .is_some_and(|state| state.members.contains_key(&bot));
        let wants = |intent: u64| session.intents & intent != 0;
        here && match audience {
            Audience::Guilds => wants(GUILDS),
            Audience::Members => wants(GUILD_MEMBERS),
            Audience::Member(user) => wants(GUILD_MEMBERS) || user == bot,
            Audience::Moderation => wants(GUILD_MODERATION),
            Audience::Auditors => {
                wants(GUILD_MODERATION) && self.guild_permissions(guild, bot) & VIEW_AUDIT_LOG != 0
            }
            Audience::Messages(channel) => {
                wants(GUILD_MESSAGES) && self.channel_permissions(channel, bot) & VIEW_CHANNEL != 0
            }
            Audience::Reactions(channel) => {
                wants(GUILD_MESSAGE_REACTIONS) && self.channel_permissions(channel, bot) & VIEW_CHANNEL != 0
            }
            Audience::AutoModeration => wants(AUTO_MODERATION_EXECUTION),
            Audience::AutoModerationRules => {
                wants(AUTO_MODERATION_CONFIGURATION) && self.guild_permissions(guild, bot) & MANAGE_GUILD != 0
            }
            Audience::Bot(wanted) => wanted == bot,
        }
    }

    /// A new session, told who it is and which guilds there are.
    fn identify(
        &mut self,
        bot: u64,
        intents: u64,
        shard: (u64, u64),
        number: u64,
        link: UnboundedSender<Out>,
    ) {
        self.gateway.made += 1;
        self.gateway.identifies += 1;
        let mut session = Session {
            id: format!("session-{}", self.gateway.made),
            bot,
            intents,
            seq: 0,
            kept: VecDeque::new(),
            link: Some((number, link)),
            alone_since: self.now(),
            shard,
            dead: false,
        };
        let of_shard = |id: u64| (id >> 22) % shard.1 == shard.0;
        let own: Vec<u64> = self
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&bot) && of_shard(guild.id))
            .map(|guild| guild.id)
            .collect();
        let unavailable: Vec<Value> = own
            .iter()
            .map(|id| json!({ "id": id.to_string(), "unavailable": true }))
            .collect();
        session.push(
            "READY",
            &json!({
                "v": 10, "user": self.user_json(bot), "guilds": unavailable, "session_id": session.id,
                "resume_gateway_url": self.resume_url, "shard": [shard.0, shard.1],
                "application": { "id": bot.to_string(), "flags": 0 },
            }),
        );
        for guild in own {
            if self.guilds[&guild].away {
                session.push(
                    "GUILD_DELETE",
                    &json!({ "id": guild.to_string(), "unavailable": true }),
                );
            } else if let Some(mut body) = self.guild_json(guild) {
                if intents & GUILD_MEMBERS == 0 {
                    body["members"] = self.member_json(guild, bot).into_iter().collect();
                }
                session.push("GUILD_CREATE", &body);
            }
        }
        self.gateway.sessions.push(session);
    }

    /// Goes on with a session; `Err` is what the client is told instead.
    fn resume(
        &mut self,
        bot: u64,
        id: &str,
        seq: u64,
        number: u64,
        link: &UnboundedSender<Out>,
    ) -> Result<(), Out> {
        let now = self.now();
        let known = self
            .gateway
            .sessions
            .iter_mut()
            .find(|session| session.id == id && session.bot == bot);
        let session = known.ok_or_else(invalid_session)?;
        let too_late = session.link.is_none() && now - session.alone_since > RESUMABLE;
        let forgotten = session.kept.front().is_some_and(|(first, _)| *first > seq + 1);
        if session.dead || too_late || forgotten {
            return Err(invalid_session());
        }
        if seq > session.seq {
            return Err(Out::Close(Some(4007)));
        }
        for (_, frame) in session.kept.iter().filter(|(kept, _)| *kept > seq) {
            let _ = link.send(Out::Frame(frame.clone()));
        }
        session.link = Some((number, link.clone()));
        session.push("RESUMED", &json!({}));
        Ok(())
    }
}

/// There is no such session, or it may not begin now.
fn invalid_session() -> Out {
    Out::Frame(json!({ "op": 9, "d": false, "s": null, "t": null }).to_string())
}

/// Takes away what a bot without the intent for contents does not see.
pub(super) fn hide(message: &mut Value, bot: u64) {
    let own = number(&message["author"]["id"]) == Some(bot);
    let name = bot.to_string();
    let called = message["mentions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|mention| mention["id"] == name.as_str());
    if own || called {
        return;
    }
    let Some(members) = message.as_object_mut() else {
        return;
    };
    for (name, empty) in [
        ("content", json!("")),
        ("embeds", json!([])),
        ("attachments", json!([])),
        ("components", json!([])),
    ] {
        if members.contains_key(name) {
            members.insert(name.to_owned(), empty);
        }
    }
    members.remove("poll");
}
