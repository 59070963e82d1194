//! A group with a bot in it, in both sizes of the system.

use lockdown_bus::{Bus, Key, ListenOptions, Query, Subscription};
use lockdown_events::{Envelope, Event, EventId, Platform, Source};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::fakes::FakeTelegram;
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use lockdown_testkit::servers;
use std::any::Any;
use std::time::Duration;

pub(crate) const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Town {
    pub(crate) telegram: FakeTelegram,
    pub(crate) bot: i64,
    pub(crate) chat: i64,
    pub(crate) owner: i64,
    pub(crate) mallory: i64,
    pub(crate) ctx: Context,
    pub(crate) bus: Bus,
    heard: Subscription,
    settings: Vec<(&'static str, String)>,
    around: Box<dyn Any + Send>,
}

/// One test for each story and size.
#[macro_export]
macro_rules! sizes {
    ($( $module:ident: $story:ident; )+) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                $crate::$module::$story($crate::town::Town::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                $crate::$module::$story($crate::town::Town::fleet().await).await;
            }
        )+ }
    };
}

// === impl Town ===

impl Town {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let settings = vec![("LOCKDOWN_DATA_DIR", data.path().display().to_string())];
        Self::build(settings, Box::new(data)).await
    }

    pub(crate) async fn fleet() -> Self {
        let data = tempfile::tempdir().unwrap();
        let redis = servers::redis_private();
        let settings = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("REDIS_URL", redis.url()),
        ];
        Self::build(settings, Box::new((data, redis))).await
    }

    /// One that Telegram calls, on a port of its own.
    pub(crate) async fn with_webhook() -> (Self, String) {
        let data = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap().to_string();
        drop(free);
        let url = format!("http://{addr}/telegram/hook");
        let settings = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("TELEGRAM_WEBHOOK_URL", url.clone()),
            ("TELEGRAM_WEBHOOK_ADDR", addr),
        ];
        (Self::build(settings, Box::new(data)).await, url)
    }

    async fn build(mut settings: Vec<(&'static str, String)>, around: Box<dyn Any + Send>) -> Self {
        let telegram = FakeTelegram::start().await.unwrap();
        let bot = telegram.add_bot(TOKEN, "lockdown");
        let owner = telegram.add_person("Olga", Some("olga"));
        let chat = telegram.add_supergroup("Town", owner);
        telegram.set_status(
            chat,
            owner,
            bot,
            Status::administrator(Permissions::administrator()),
        );
        let mallory = telegram.add_person("Mallory", Some("mallory"));
        telegram.add_member(chat, owner, mallory);
        settings.push(("TELEGRAM_TOKEN", TOKEN.to_owned()));
        settings.push(("TELEGRAM_API_URL", telegram.url()));
        let (ctx, bus, heard) = start(&settings).await;
        Self {
            telegram,
            bot,
            chat,
            owner,
            mallory,
            ctx,
            bus,
            heard,
            settings,
            around,
        }
    }

    /// The bot's process ends and another begins, with what the first one left.
    pub(crate) async fn restart(&mut self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        (self.ctx, self.bus, self.heard) = start(&self.settings).await;
    }

    /// The next event of this type.
    pub(crate) async fn event(&mut self, event_type: &str) -> (Envelope, Event) {
        let next = async {
            loop {
                let heard = self.heard.next().await.expect("the bus is open");
                if let lockdown_bus::Heard::Said(said) = heard
                    && said.channel == event_type
                {
                    let envelope = said.envelope().unwrap();
                    let event = envelope.event().unwrap();
                    return (envelope, event);
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, next).await;
        found.unwrap_or_else(|_| panic!("no {event_type} was told"))
    }

    /// Publishes an event as the worker does.
    pub(crate) async fn publish(&self, event: &Event) -> EventId {
        let id = EventId(self.ctx.ids.next());
        let envelope = Envelope::new(id, self.ctx.clock.now(), Source::Worker, None, event).unwrap();
        self.bus.publish_as_it_is(&envelope, false).await.unwrap();
        id
    }

    /// Everything that lies in the bus about this chat, in its order.
    pub(crate) async fn all(&self) -> Vec<Envelope> {
        let query = Query {
            key: Some(Key::community(Platform::Telegram, &self.guild())),
            ..Query::default()
        };
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .bus
                .history()
                .page(&query, after.as_ref(), 1_000)
                .await
                .unwrap();
            let each = page.entries.iter();
            all.extend(each.map(|entry| Envelope::decode(&entry.envelope).unwrap()));
            match page.next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    /// The same, once this was said there. What is confirmed is safe, but may lie on this machine's disk for a moment.
    pub(crate) async fn all_with(&self, words: &str) -> Vec<Envelope> {
        let words = format!("\"content\":\"{words}\"");
        let waiting = async {
            loop {
                let all = self.all().await;
                if all.iter().any(|envelope| envelope.data().get().contains(&words)) {
                    return all;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("nobody said {words}"))
    }

    pub(crate) fn guild(&self) -> lockdown_events::GuildId {
        lockdown_events::GuildId::new(&self.chat.to_string()).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        assert_eq!(self.ctx.tasks.failure(), None);
        drop(self.around);
    }
}

async fn start(settings: &[(&'static str, String)]) -> (Context, Bus, Subscription) {
    let config = Config::from_map(settings.iter().cloned()).unwrap();
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new("telegram-bot", "1.2.3", config, clock, ids, Metrics::local());
    let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await.unwrap();
    let options = ListenOptions::default();
    let heard = bus.live().subscribe(&["*"], &options).await.unwrap();
    lockdown_telegram_bot::run(ctx.clone(), bus.clone())
        .await
        .unwrap();
    (ctx, bus, heard)
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("not yet: {what}"));
}
