//! A backend with its API and a worker, over either size; the bot is the test.

use lockdown_bus::{Bus, Glob, GroupName, Query};
use lockdown_events::ModerationEvent;
use lockdown_events::{
    Envelope, Event, EventId, GuildChange, GuildEvent, GuildId, GuildUpdate, Message, MessageEvent, Platform,
    RanksRequest, Source, Verdict,
};
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use serde_json::{Value, json};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TOKEN: &str = "the-token-of-the-configuration";
const PATIENCE: Duration = Duration::from_secs(60);
const GUILD: &str = "100";

pub(crate) struct House {
    ctx: Context,
    bus: Bus,
    addr: SocketAddr,
    client: reqwest::Client,
    said: AtomicU64,
    _ranks: lockdown_bus::Answering,
    around: Box<dyn Any + Send>,
}

/// One test for each story and size.
macro_rules! sizes {
    ($( $story:ident ),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::house::House::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::house::House::fleet().await).await;
            }
        )+ }
    };
}
pub(crate) use sizes;

// === impl House ===

impl House {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let settings = vec![("LOCKDOWN_DATA_DIR", data.path().display().to_string())];
        Self::build(settings, Box::new(data)).await
    }

    pub(crate) async fn fleet() -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = Database::create(&database::migrations()).await.unwrap();
        let redis = servers::redis_private();
        let settings = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis.url()),
        ];
        Self::build(settings, Box::new((data, database, redis))).await
    }

    async fn build(mut settings: Vec<(&str, String)>, around: Box<dyn Any + Send>) -> Self {
        settings.push(("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0".to_owned()));
        settings.push(("LOCKDOWN_ADMIN_TOKEN", TOKEN.to_owned()));
        settings.push(("LOCKDOWN_API_RATE", "10000".to_owned()));
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let config = Config::from_map(settings).unwrap();
        let ctx = Context::new("lockdown", "1.2.3", config, clock.clone(), ids, Metrics::local());
        let front = lockdown_backend::start(ctx.service("backend")).await.unwrap();
        let store = lockdown_store::open(&ctx).await.unwrap();
        let bus = lockdown_bus::open(&ctx, Source::Backend).await.unwrap();
        // The bot's part: nobody keeps order there.
        let answering = bus.requests().answer(
            "ranks:telegram",
            |asked: lockdown_bus::Asked<RanksRequest>| async move {
                let stand = |id| {
                    json!({ "userId": id, "standing": "member", "position": 0, "administrator": false, "rights": [] })
                };
                let people: Vec<Value> = asked.data.user_ids.iter().map(stand).collect();
                Ok(json!({ "bot": { "userId": "99", "standing": "owner" }, "people": people }))
            },
        );
        let ranks = answering.await.unwrap();
        let facts = Arc::new(AskedRanks::new(bus.clone(), store.clone()));
        let backend = ctx.service("backend");
        lockdown_backend::decide(&backend, store.clone(), &bus, facts.clone())
            .await
            .unwrap();
        lockdown_backend::remember(&backend, store.clone(), &bus)
            .await
            .unwrap();
        front
            .open(&backend, store.clone(), bus.clone(), facts)
            .await
            .unwrap();
        lockdown_backend::relay(&backend, store.clone(), bus.clone());
        lockdown_worker::judge(&ctx.service("worker"), store, &bus.of(Source::Worker))
            .await
            .unwrap();
        let house = Self {
            ctx,
            bus,
            addr: front.addr,
            client: reqwest::Client::new(),
            said: AtomicU64::new(0),
            _ranks: ranks,
            around,
        };
        house.found().await;
        house
    }

    /// The bot comes into the group, and the backend has a row for it.
    async fn found(&self) {
        let name = GuildChange {
            what: "name".to_owned(),
            id: None,
            before: None,
            after: Some("Town".to_owned()),
        };
        let update = Event::Guild(GuildEvent::Update(GuildUpdate {
            platform: Platform::Telegram,
            guild_id: GuildId::new(GUILD).unwrap(),
            changes: vec![name],
            migrated_to: None,
        }));
        self.bus.publish(&update).await.unwrap();
        self.idle("memory").await;
    }

    /// Somebody says something.
    pub(crate) async fn say(&self, author: &str, content: &str) {
        let number = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        let message = json!({
            "platform": "telegram", "guildId": GUILD, "messageId": number.to_string(), "channelId": GUILD,
            "authorId": author, "content": content,
        });
        let message: Message = serde_json::from_value(message).unwrap();
        let event = Event::Message(MessageEvent::Created(Box::new(message)));
        let (id, now) = (EventId(self.ctx.ids.next()), self.ctx.clock.now());
        let envelope = Envelope::new(id, now, Source::TelegramBot, None, &event).unwrap();
        self.bus.publish_as_it_is(&envelope, false).await.unwrap();
    }

    /// Puts rules in force, and answers their hash.
    pub(crate) async fn put_rules(&self, text: &str) -> String {
        let url = format!("http://{}/api/v1/guilds/telegram/{GUILD}/rules", self.addr);
        let put = self
            .client
            .put(url)
            .bearer_auth(TOKEN)
            .header("Content-Type", "application/yaml")
            .body(text.to_owned());
        let answer = put.send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["ruleSetHash"].as_str().unwrap().to_owned()
    }

    /// Waits until everything that was published is judged.
    pub(crate) async fn judged(&self) {
        self.idle("rules").await;
    }

    async fn idle(&self, group: &str) {
        let group = GroupName::new(group).unwrap();
        let idle = async {
            loop {
                let stats = self.bus.stats().await.unwrap();
                let of_group = stats.log.group(&group).unwrap();
                if of_group.lag() == Some(0) && of_group.pending() == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, idle).await;
        waited.unwrap_or_else(|_| panic!("{group} does not come to an end"));
    }

    /// Every verdict so far.
    pub(crate) async fn verdicts(&self) -> Vec<Verdict> {
        let query = Query {
            types: vec![Glob::new("moderation:automod")],
            ..Query::default()
        };
        let (mut verdicts, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .bus
                .history()
                .page(&query, after.as_ref(), 500)
                .await
                .unwrap();
            for entry in &page.entries {
                match Envelope::decode(&entry.envelope).unwrap().event().unwrap() {
                    Event::Moderation(ModerationEvent::Automod(verdict)) => verdicts.push(verdict),
                    other => panic!("{other:?}"),
                }
            }
            after = page.next;
            if after.is_none() {
                return verdicts;
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        assert_eq!(self.ctx.tasks.failure(), None);
        drop(self.around);
    }
}
