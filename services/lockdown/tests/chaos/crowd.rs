//! People who talk, and the bot that does what is decided: both outlive whatever is killed.

use crate::world::World;
use lockdown_bus::{
    Answering, Asked, Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start,
};
use lockdown_events::{
    Decision, DirectMessage, Envelope, Event, EventId, GuildChange, GuildEvent, GuildId, GuildUpdate,
    Message, MessageEvent, ModerationEvent, ModerationLog, Outcome, Platform, RanksRequest, Source,
};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// Of so many messages one is against the rules.
const HITS: u64 = 20;
const GUILDS: u64 = 10;
/// No condition takes so long to come about unless it never does.
const PATIENCE: Duration = Duration::from_secs(120);

const RULES: &str = "version: 1
lists:
  slurs: {words: [badword]}
rules:
  - {id: slurs, events: [message], when: [text.has_any(slurs)], then: [delete, timeout 30s]}
";

pub(crate) struct Crowd {
    ctx: Context,
    bus: Bus,
    book: Arc<Mutex<Book>>,
    _ranks: Answering,
}

/// What the bot was told.
#[derive(Default)]
pub(crate) struct Book {
    /// Of each message that was judged, the verdicts.
    pub(crate) verdicts: BTreeMap<EventId, BTreeSet<EventId>>,
    /// Of each person, the cases by which they were silenced, and those by which they may speak again.
    pub(crate) mutes: BTreeMap<String, BTreeSet<u64>>,
    pub(crate) lifts: BTreeMap<String, BTreeSet<u64>>,
}

/// People who talk until they have said enough.
pub(crate) struct Talking {
    stop: Arc<AtomicBool>,
    saying: JoinHandle<Said>,
}

/// What the bus has taken.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) messages: u64,
    /// Those against the rules: each with who said it, everybody once.
    pub(crate) hits: BTreeMap<EventId, String>,
}

pub(crate) fn guilds() -> impl Iterator<Item = String> {
    (0..GUILDS).map(|number| (100 + number).to_string())
}

// === impl Crowd ===

impl Crowd {
    pub(crate) async fn gather(world: &World) -> Self {
        let data = world.data.path().join("crowd").display().to_string();
        let config =
            Config::from_map([("REDIS_URL", world.redis.url()), ("LOCKDOWN_DATA_DIR", data)]).unwrap();
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let ctx = Context::new("telegram-bot", "1.2.3", config, clock, ids, Metrics::local());
        let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await.unwrap();
        let answer = |asked: Asked<RanksRequest>| async move {
            let stand = |id| json!({ "userId": id, "standing": "member", "position": 0, "administrator": false, "rights": [] });
            let people: Vec<Value> = asked.data.user_ids.iter().map(stand).collect();
            Ok(json!({ "bot": { "userId": "99", "standing": "owner" }, "people": people }))
        };
        let ranks = bus.requests().answer("ranks:telegram", answer).await.unwrap();
        let book: Arc<Mutex<Book>> = Arc::default();
        let (doing, noting) = (bus.clone(), Arc::clone(&book));
        let types = ["moderation:automod", "mute:applied", "mute:removed"];
        let handler = Handler::new("bot", types, move |received| {
            let (bus, book) = (doing.clone(), Arc::clone(&noting));
            async move { carry_out(&bus, &book, &received).await }
        });
        let group = GroupName::new("chaos.bot").unwrap();
        let options = ConsumerOptions {
            attempts: 1_000,
            ..ConsumerOptions::default()
        };
        bus.consume(group, &Start::Oldest, vec![handler], options)
            .await
            .unwrap();
        let crowd = Self {
            ctx,
            bus,
            book,
            _ranks: ranks,
        };
        for guild in guilds() {
            crowd.found(&guild).await;
            let known = async {
                while !world.put_rules(&guild, RULES).await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(PATIENCE, known)
                .await
                .expect("the guild becomes known");
        }
        crowd
    }

    /// The bot comes into the group.
    async fn found(&self, guild: &str) {
        let name = GuildChange {
            what: "name".to_owned(),
            id: None,
            before: None,
            after: Some("Town".to_owned()),
        };
        let update = Event::Guild(GuildEvent::Update(GuildUpdate {
            platform: Platform::Telegram,
            guild_id: GuildId::new(guild).unwrap(),
            changes: vec![name],
            migrated_to: None,
        }));
        self.bus.publish(&update).await.unwrap();
    }

    /// So many messages a second from now on. What the bus does not take is said again until it does.
    pub(crate) fn talk(&self, rate: u32) -> Talking {
        let stop = Arc::new(AtomicBool::new(false));
        let (ctx, bus, stopping) = (self.ctx.clone(), self.bus.clone(), Arc::clone(&stop));
        let saying = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (mut said, mut sending) = (Said::default(), JoinSet::new());
            while !stopping.load(Ordering::Relaxed) {
                ticks.tick().await;
                said.messages += 1;
                let (author, envelope) = says(&ctx, said.messages);
                if said.messages.is_multiple_of(HITS) {
                    said.hits.insert(envelope.event_id, author);
                }
                let bus = bus.clone();
                sending.spawn(async move {
                    // It may have been taken, and its answer lost.
                    while bus.publish_as_it_is(&envelope, true).await.is_err() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                });
                while let Some(sent) = sending.try_join_next() {
                    sent.unwrap();
                }
            }
            while let Some(sent) = sending.join_next().await {
                sent.unwrap();
            }
            said
        });
        Talking { stop, saying }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// How many messages were judged to be against the rules.
    pub(crate) fn judged(&self) -> usize {
        self.book().verdicts.len()
    }

    pub(crate) async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let waiting = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within(what, waiting).await;
    }

    /// Waits until all that was said has had its consequences, and nothing is left to do.
    pub(crate) async fn settled(&self, said: &Said) {
        self.until("every hit is judged", || {
            let book = self.book();
            said.hits.keys().all(|hit| book.verdicts.contains_key(hit))
        })
        .await;
        self.until("everybody was silenced, and may speak again", || {
            let book = self.book();
            let both = |author| book.mutes.contains_key(author) && book.lifts.contains_key(author);
            said.hits.values().all(both)
        })
        .await;
        within("nothing is left to do", async {
            while self.open().await != 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Events that some group has still to handle.
    pub(crate) async fn open(&self) -> u64 {
        let stats = self.bus.stats().await.unwrap();
        let of_group = |group: &lockdown_bus::GroupStats| group.pending() + group.lag().unwrap_or(0);
        stats.log.groups.iter().map(of_group).sum()
    }

    /// Events that nobody could handle.
    pub(crate) async fn dead(&self) -> u64 {
        let stats = self.bus.stats().await.unwrap();
        stats.log.streams.iter().map(|stream| stream.dead).sum()
    }
}

// === impl Talking ===

impl Talking {
    pub(crate) async fn enough(self) -> Said {
        self.stop.store(true, Ordering::Relaxed);
        let said = tokio::time::timeout(PATIENCE, self.saying).await;
        said.expect("the bus takes what was said").unwrap()
    }
}

async fn within(what: &str, waiting: impl Future<Output = ()>) {
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("not yet: {what}"));
}

/// The message of this number, and who says it.
fn says(ctx: &Context, number: u64) -> (String, Envelope) {
    let hit = number.is_multiple_of(HITS);
    let author = if hit {
        1_000_000 + number
    } else {
        1_000 + number % 50
    }
    .to_string();
    // Hits come in every guild.
    let guild = (100 + number / HITS % GUILDS).to_string();
    let content = if hit { "you badword" } else { "good morning" };
    let message = json!({
        "platform": "telegram", "guildId": guild, "messageId": number.to_string(), "channelId": guild,
        "authorId": author, "content": content,
    });
    let message: Message = serde_json::from_value(message).unwrap();
    let event = Event::Message(MessageEvent::Created(Box::new(message)));
    let (id, now) = (EventId(ctx.ids.next()), ctx.clock.now());
    (
        author,
        Envelope::new(id, now, Source::TelegramBot, None, &event).unwrap(),
    )
}

/// The bot's part: what is decided is done, and told.
async fn carry_out(bus: &Bus, book: &Mutex<Book>, received: &Received) -> Result<(), HandlerError> {
    let decided = |decision: &Decision| ModerationLog {
        platform: decision.platform,
        guild_id: decision.guild_id.clone(),
        case_number: decision.case_number,
        outcome: Outcome::Applied,
        error: None,
        notified: Some(DirectMessage::Skipped),
    };
    let log = match &received.event {
        Event::Moderation(ModerationEvent::Automod(verdict)) => {
            let mut book = book.lock().unwrap();
            let told = book.verdicts.entry(verdict.event_id).or_default();
            told.insert(received.envelope.event_id);
            return Ok(());
        }
        Event::Moderation(ModerationEvent::MuteApplied(decision)) => {
            let mut book = book.lock().unwrap();
            let cases = book.mutes.entry(decision.user_id.to_string()).or_default();
            cases.insert(decision.case_number);
            decided(decision)
        }
        Event::Moderation(ModerationEvent::MuteRemoved(decision)) => {
            let mut book = book.lock().unwrap();
            let cases = book.lifts.entry(decision.user_id.to_string()).or_default();
            cases.insert(decision.case_number);
            decided(decision)
        }
        other => return Err(HandlerError::Never(format!("what is {other:?}?"))),
    };
    let said = bus
        .publish_after(&received.envelope, "log", &ModerationEvent::Log(log).into())
        .await;
    said.map(drop)
        .map_err(|error| HandlerError::Again(error.to_string()))
}
