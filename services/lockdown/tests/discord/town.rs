//! A guild on Discord with everything behind its bot, in both sizes.

use lockdown_bus::{AskError, Bus};
use lockdown_events::{CaseRequest, GuildId, Platform, RouteRequest, Source, UserId};
use lockdown_moderation::desk::Facts;
use lockdown_moderation::hands::{AskedRanks, RouteAnswer};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::fakes::discord::FakeDiscord;
use lockdown_testkit::servers;
use serde_json::{Value, json};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TOKEN: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Town {
    pub(crate) discord: FakeDiscord,
    pub(crate) bot: u64,
    pub(crate) owner: u64,
    /// An ordinary member.
    pub(crate) mallory: u64,
    pub(crate) guild: u64,
    pub(crate) channel: u64,
    ctx: Context,
    pub(crate) bus: Bus,
    around: Box<dyn Any + Send>,
}

/// Where a process keeps what it knows, and what that takes.
pub(crate) struct Size {
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Kept for as long as it is used.
    pub(crate) around: Box<dyn Any + Send>,
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

// === impl Size ===

impl Size {
    pub(crate) fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self {
            settings: vec![("LOCKDOWN_DATA_DIR", data.path().display().to_string())],
            around: Box::new(data),
        }
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
        Self {
            settings,
            around: Box::new((data, database, redis)),
        }
    }
}

// === impl Town ===

impl Town {
    pub(crate) async fn embedded() -> Self {
        Self::build(Size::embedded(), Clock::system()).await
    }

    pub(crate) async fn fleet() -> Self {
        Self::build(Size::fleet().await, Clock::system()).await
    }

    pub(crate) async fn build(size: Size, clock: Clock) -> Self {
        let Size { mut settings, around } = size;
        let discord = FakeDiscord::start_at(clock.clone()).await.unwrap();
        let bot = discord.add_bot(TOKEN, "lockdown");
        let (owner, mallory) = (discord.person("Olga"), discord.person("Mallory"));
        let guild = discord.guild("Town", owner);
        let channel = discord.channel(guild, "general");
        discord.invite(guild, bot);
        discord.join(guild, mallory);
        settings.push(("DISCORD_TOKEN", TOKEN.to_owned()));
        settings.push(("DISCORD_API_URL", discord.url()));
        let ids = Ids::system(clock.clone());
        let config = Config::from_map(settings).unwrap();
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
        let (worker, judges) = (ctx.service("worker"), bus.of(Source::Worker));
        lockdown_worker::expire(&worker, store.clone(), ranks);
        lockdown_worker::judge(&worker, store.clone(), &judges)
            .await
            .unwrap();
        lockdown_worker::run(worker, store, judges).await.unwrap();
        lockdown_discord_bot::run(ctx.service("discord-bot"), bus.of(Source::DiscordBot))
            .await
            .unwrap();
        let town = Self {
            discord,
            bot,
            owner,
            mallory,
            guild,
            channel,
            ctx,
            bus,
            around,
        };
        // The backend has a row for the guild before anything is wished for there.
        town.until("the guild is known", || async {
            town.ask_case(1).await == Err("unknown_case".to_owned())
        })
        .await;
        town.until("commands are registered", || async {
            !town.discord.commands(bot).is_empty()
        })
        .await;
        town
    }

    async fn ask_case(&self, case_number: u64) -> Result<Value, String> {
        let question = CaseRequest {
            platform: Platform::Discord,
            guild_id: GuildId::new(&self.guild.to_string()).unwrap(),
            case_number,
        };
        match self.bus.requests().ask("case", &question, PATIENCE).await {
            Ok(case) => Ok(case),
            Err(AskError::Refused(refused)) => Err(refused.code),
            Err(other) => Err(other.to_string()),
        }
    }

    /// A case, once Discord's answer is known.
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

    /// What somebody who uses a command is told, all of it.
    pub(crate) async fn told(&self, who: u64, name: &str, options: Value) -> String {
        let token = self.discord.command(self.bot, who, self.channel, name, &options);
        self.reply(&token).await
    }

    pub(crate) async fn reply(&self, token: &str) -> String {
        self.until("an answer", || async {
            let replies = self.discord.replies(token);
            replies.iter().any(|reply| reply["content"].is_string())
        })
        .await;
        let replies = self.discord.replies(token);
        let texts = replies.iter().filter_map(|reply| reply["content"].as_str());
        texts.collect::<Vec<_>>().join("\n")
    }

    /// What the owner asks of the API by its routes, as the dashboard would.
    pub(crate) async fn route(&self, route: &str, body: Option<Value>) -> Value {
        self.route_of(route, [], body).await
    }

    /// The same, of something that the path names.
    pub(crate) async fn route_of<const N: usize>(
        &self,
        route: &str,
        params: [(String, String); N],
        body: Option<Value>,
    ) -> Value {
        let question = RouteRequest {
            platform: Platform::Discord,
            guild_id: GuildId::new(&self.guild.to_string()).unwrap(),
            moderator_id: UserId::new(&self.owner.to_string()).unwrap(),
            route: route.to_owned(),
            params: params.into(),
            query: [].into(),
            if_match: None,
            body,
            key: None,
        };
        let answer: RouteAnswer = self
            .bus
            .requests()
            .ask("route", &question, PATIENCE)
            .await
            .unwrap();
        answer.body.unwrap_or_default()
    }

    /// Says this until the rules that were just put take it away.
    pub(crate) async fn until_judged(&self, channel: u64, words: &str) {
        let before = self.discord.person("Early");
        self.discord.join(self.guild, before);
        let told = async {
            loop {
                let message = self.discord.say(before, channel, words);
                for _ in 0..50 {
                    if !self.discord.has_message(channel, message) {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let judged = tokio::time::timeout(PATIENCE, told).await;
        judged.expect("the rules are in force");
    }

    /// Waits until it is so.
    pub(crate) async fn until<F, Fut>(&self, what: &str, is: F)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = bool>,
    {
        until(what, is).await;
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
        assert_eq!(self.ctx.tasks.failure(), None);
        drop(self.around);
    }
}

/// Waits until it is so.
pub(crate) async fn until<F, Fut>(what: &str, is: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "not yet: {what}");
}

pub(crate) fn who(user: u64) -> Value {
    json!({ "name": "user", "type": 6, "value": user.to_string() })
}

pub(crate) fn text(name: &str, value: &str) -> Value {
    json!({ "name": name, "type": 3, "value": value })
}

pub(crate) fn number(name: &str, value: u64) -> Value {
    json!({ "name": name, "type": 4, "value": value })
}

pub(crate) fn place(name: &str, channel: u64) -> Value {
    json!({ "name": name, "type": 7, "value": channel.to_string() })
}
