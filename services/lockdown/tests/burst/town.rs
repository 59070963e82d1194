//! A guild on Discord with everything behind its bot, in both sizes.

use lockdown_bus::{Bus, Glob, GroupName, Query};
use lockdown_events::{Envelope, Event, Source};
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::fakes::discord::FakeDiscord;
use lockdown_testkit::servers;
use serde_json::Value;
use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const BOT: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";
const TOKEN: &str = "the-token-of-the-configuration";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Town {
    pub(crate) discord: FakeDiscord,
    pub(crate) guild: u64,
    pub(crate) channels: Vec<u64>,
    ctx: Context,
    bus: Bus,
    addr: SocketAddr,
    client: reqwest::Client,
    around: Box<dyn Any + Send>,
}

/// One test for each story and size.
macro_rules! sizes {
    ($( $story:ident ),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::town::Town::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::town::Town::fleet().await).await;
            }
        )+ }
    };
}
pub(crate) use sizes;

// === impl Town ===

impl Town {
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
        let discord = FakeDiscord::start().await.unwrap();
        let bot = discord.add_bot(BOT, "lockdown");
        let guild = discord.guild("Town", discord.person("Owner"));
        let channels = (0..8)
            .map(|n| discord.channel(guild, &format!("room-{n}")))
            .collect();
        discord.invite(guild, bot);
        settings.push(("DISCORD_TOKEN", BOT.to_owned()));
        settings.push(("DISCORD_API_URL", discord.url()));
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
        let ranks = Arc::new(AskedRanks::new(bus.clone(), store.clone(), clock));
        let backend = ctx.service("backend");
        lockdown_backend::decide(&backend, store.clone(), &bus, ranks.clone())
            .await
            .unwrap();
        lockdown_backend::remember(&backend, store.clone(), &bus)
            .await
            .unwrap();
        front
            .open(&backend, store.clone(), bus.clone(), ranks)
            .await
            .unwrap();
        lockdown_backend::relay(&backend, store.clone(), bus.clone());
        let worker = ctx.service("worker");
        lockdown_worker::judge(&worker, store.clone(), &bus.of(Source::Worker))
            .await
            .unwrap();
        lockdown_worker::expire(&worker, store);
        let service = ctx.service("discord-bot");
        lockdown_discord_bot::run(service, bus.of(Source::DiscordBot))
            .await
            .unwrap();
        until("the bot hears", || async { discord.connected() == 1 }).await;
        let town = Self {
            discord,
            guild,
            channels,
            ctx,
            bus,
            addr: front.addr,
            client: reqwest::Client::new(),
            around,
        };
        until("the guild is known", || async {
            town.get("rules").await.0 != 404
        })
        .await;
        town
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}/api/v1/guilds/discord/{}/{rest}", self.addr, self.guild)
    }

    async fn get(&self, rest: &str) -> (u16, Value) {
        let answer = self
            .client
            .get(self.url(rest))
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Puts rules in force.
    pub(crate) async fn put_rules(&self, text: &str) {
        let put = self.client.put(self.url("rules")).bearer_auth(TOKEN);
        let put = put
            .header("Content-Type", "application/yaml")
            .body(text.to_owned());
        let answer = put.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }

    /// Every case so far.
    pub(crate) async fn cases(&self) -> Vec<Value> {
        let (status, body) = self.get("cases?limit=100").await;
        assert_eq!(status, 200, "{body}");
        body["cases"].as_array().unwrap().clone()
    }

    /// Every event of a type so far.
    pub(crate) async fn events(&self, event_type: &str) -> Vec<Event> {
        let query = Query {
            types: vec![Glob::new(event_type)],
            ..Query::default()
        };
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .bus
                .history()
                .page(&query, after.as_ref(), 500)
                .await
                .unwrap();
            let decoded = page.entries.iter();
            events.extend(decoded.map(|entry| Envelope::decode(&entry.envelope).unwrap().event().unwrap()));
            after = page.next;
            if after.is_none() {
                return events;
            }
        }
    }

    /// Waits until nothing that was published is left to be judged or decided.
    pub(crate) async fn settled(&self) {
        for group in ["rules", "desk"] {
            let group = GroupName::new(group).unwrap();
            until("all is judged and decided", || async {
                let stats = self.bus.stats().await.unwrap();
                let of_group = stats.log.group(&group).unwrap();
                of_group.lag() == Some(0) && of_group.pending() == 0
            })
            .await;
        }
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        assert_eq!(self.ctx.tasks.failure(), None);
        drop(self.around);
    }
}

/// Waits for a condition.
pub(crate) async fn until<F, Fut>(what: &str, condition: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("not yet: {what}"));
}
