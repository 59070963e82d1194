//! A group on Telegram with everything behind its bot, in both sizes.

use lockdown_bus::{AskError, Bus, Glob, Query};
use lockdown_events::{
    CaseRequest, Envelope, Event, GuildId, ModerationEvent, Platform, RouteRequest, Source, UserId,
};
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::AskedRanks;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::fakes::FakeTelegram;
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use lockdown_testkit::servers;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Town {
    pub(crate) telegram: FakeTelegram,
    pub(crate) bot: i64,
    pub(crate) chat: i64,
    pub(crate) owner: i64,
    pub(crate) mallory: i64,
    /// On the list of banned accounts.
    pub(crate) listed: i64,
    ctx: Context,
    pub(crate) bus: Bus,
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
        let telegram = FakeTelegram::start().await.unwrap();
        let bot = telegram.add_bot(TOKEN, "lockdown");
        let owner = telegram.add_person("Olga", Some("olga"));
        let chat = telegram.add_supergroup("Town", owner);
        settings.push(("TELEGRAM_TOKEN", TOKEN.to_owned()));
        settings.push(("TELEGRAM_API_URL", telegram.url()));
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let config = Config::from_map(settings).unwrap();
        let listed = telegram.add_person("Listed", None);
        let lists = config.data_dir.join("lists");
        std::fs::create_dir_all(&lists).unwrap();
        std::fs::write(
            lists.join("banned_telegram.txt"),
            format!("id,since\n{listed},2026\n"),
        )
        .unwrap();
        let ctx = Context::new("lockdown", "1.2.3", config, clock.clone(), ids, Metrics::local());
        let store = lockdown_store::open(&ctx).await.unwrap();
        let bus = lockdown_bus::open(&ctx, Source::Backend).await.unwrap();
        let ranks: Arc<dyn Facts> = Arc::new(AskedRanks::new(bus.clone(), store.clone()));
        let backend = ctx.service("backend");
        lockdown_backend::decide(&backend, store.clone(), &bus, Arc::clone(&ranks))
            .await
            .unwrap();
        lockdown_backend::remember(&backend, store.clone(), &bus)
            .await
            .unwrap();
        lockdown_backend::relay(&backend, store.clone(), bus.clone());
        let worker = ctx.service("worker");
        lockdown_worker::judge(&worker, store.clone(), &bus.of(Source::Worker))
            .await
            .unwrap();
        lockdown_worker::expire(&worker, store, ranks);
        let service = ctx.service("telegram-bot");
        lockdown_telegram_bot::run(service, bus.of(Source::TelegramBot))
            .await
            .unwrap();
        // The bot comes, then the rest: what it may see, it sees from its first moment.
        telegram.set_status(
            chat,
            owner,
            bot,
            Status::administrator(Permissions::administrator()),
        );
        let mallory = telegram.add_person("Mallory", Some("mallory"));
        let town = Self {
            telegram,
            bot,
            chat,
            owner,
            mallory,
            listed,
            ctx,
            bus,
            around,
        };
        town.until("the bot asks for all that it wants", || {
            !town.telegram.calls("getUpdates").is_empty()
        })
        .await;
        town.telegram.join(chat, mallory);
        // The backend has a row for the group before anything is wished for there.
        town.until_known().await;
        town
    }

    pub(crate) async fn until_known(&self) {
        let known = async {
            loop {
                match self.ask_case(1).await {
                    Err(code) if code == "unknown_case" => return,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, known)
            .await
            .expect("the group becomes known");
    }

    pub(crate) async fn ask_case(&self, case_number: u64) -> Result<Value, String> {
        let question = CaseRequest {
            platform: Platform::Telegram,
            guild_id: GuildId::new(&self.chat.to_string()).unwrap(),
            case_number,
        };
        match self.bus.requests().ask("case", &question, PATIENCE).await {
            Ok(case) => Ok(case),
            Err(AskError::Refused(refused)) => Err(refused.code),
            Err(other) => Err(other.to_string()),
        }
    }

    pub(crate) async fn case(&self, number: u64) -> Value {
        self.ask_case(number).await.unwrap()
    }

    /// A case, once Telegram's answer is known.
    pub(crate) async fn decided(&self, number: u64) -> Value {
        let decided = async {
            loop {
                match self.ask_case(number).await {
                    Ok(case) if case["state"] != "requested" => return case,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let decided = tokio::time::timeout(PATIENCE, decided).await;
        decided.unwrap_or_else(|_| panic!("case {number} is not decided"))
    }

    pub(crate) async fn command(&self, who: i64, text: &str) -> i64 {
        self.telegram.say(self.chat, who, text)
    }

    pub(crate) fn status(&self, who: i64) -> Status {
        self.telegram.status(self.chat, who)
    }

    pub(crate) fn may_speak(&self, who: i64) -> bool {
        self.telegram.may(self.chat, who, "can_send_messages")
    }

    /// What the bot said in the group.
    pub(crate) fn said(&self) -> Vec<String> {
        self.telegram.said(self.chat, self.bot)
    }

    pub(crate) fn is_there(&self, message: i64) -> bool {
        self.telegram.message(self.chat, message).is_some()
    }

    /// Has somebody say the same again until it goes at once: rules that were just put take a moment to reach who judges.
    pub(crate) async fn goes(&self, who: i64, text: &str) {
        const SOON: Duration = Duration::from_millis(500);
        let goes = async {
            loop {
                let message = self.command(who, text).await;
                let gone = async {
                    while self.is_there(message) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                if tokio::time::timeout(SOON, gone).await.is_ok() {
                    return;
                }
            }
        };
        let went = tokio::time::timeout(PATIENCE, goes).await;
        went.unwrap_or_else(|_| panic!("`{text}` stands; the bot said {:?}", self.said()));
    }

    /// Has somebody ask the same again until the bot says this.
    pub(crate) async fn asks(&self, who: i64, command: &str, words: &str) {
        const SOON: Duration = Duration::from_secs(1);
        let asking = async {
            loop {
                self.command(who, command).await;
                if tokio::time::timeout(SOON, self.hears(words)).await.is_ok() {
                    return;
                }
            }
        };
        let answered = tokio::time::timeout(PATIENCE, asking).await;
        answered.unwrap_or_else(|_| panic!("`{command}` is not answered; the bot said {:?}", self.said()));
    }

    /// Puts rules in force by the hand of the owner.
    pub(crate) async fn put_rules(&self, text: &str) {
        self.route("putRules", [], Some(text.into())).await;
    }

    /// What the owner asks of the API by its routes, as the dashboard would.
    pub(crate) async fn route<const N: usize>(
        &self,
        route: &str,
        params: [(String, String); N],
        body: Option<Value>,
    ) {
        let question = RouteRequest {
            platform: Platform::Telegram,
            guild_id: GuildId::new(&self.chat.to_string()).unwrap(),
            moderator_id: UserId::new(&self.owner.to_string()).unwrap(),
            route: route.to_owned(),
            params: params.into(),
            query: BTreeMap::new(),
            if_match: None,
            body,
            key: None,
        };
        let put: Result<Value, AskError> = self.bus.requests().ask("route", &question, PATIENCE).await;
        put.unwrap();
    }

    /// The rules that hit each message so far.
    pub(crate) async fn hits(&self) -> BTreeMap<i64, Vec<String>> {
        let query = Query {
            types: vec![Glob::new("moderation:automod")],
            ..Query::default()
        };
        let (mut hits, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.bus.history().page(&query, after.as_ref(), 500).await;
            let page = page.unwrap();
            for entry in &page.entries {
                let event = Envelope::decode(&entry.envelope).unwrap().event().unwrap();
                if let Event::Moderation(ModerationEvent::Automod(verdict)) = event
                    && let Some(message) = verdict.message_id
                {
                    let rules = verdict.rules.into_iter().map(|hit| hit.rule);
                    hits.insert(message.as_str().parse().unwrap(), rules.collect());
                }
            }
            after = page.next;
            if after.is_none() {
                return hits;
            }
        }
    }

    /// The bot says this.
    pub(crate) async fn hears(&self, words: &str) {
        self.until(words, || self.said().iter().any(|said| said.starts_with(words)))
            .await;
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let waiting = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| panic!("not yet: {what}; the bot said {:?}", self.said()));
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        assert_eq!(self.ctx.tasks.failure(), None);
        drop(self.around);
    }
}
