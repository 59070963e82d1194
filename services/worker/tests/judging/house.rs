//! Workers over either size, and those around them.

use lockdown_bus::{Bus, BusOptions, Glob, GroupName, Heard, ListenOptions, Query, Stored, Subscription};
use lockdown_events::{
    Author, Envelope, Event, EventId, GuildConfig, GuildEvent, GuildId, Message, MessageEvent,
    ModerationAction, ModerationEvent, Platform, RanksRequest, Source, UserId, Verdict,
};
use lockdown_moderation::desk::Ranks;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::policies::{
    Change, Changed, Place, Policy, PolicyBinding, PolicyId, PolicyMode, PolicyState,
};
use lockdown_store::{Store, StoreError, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One worker, with its own part of the bus.
pub(crate) struct Worker {
    pub(crate) ctx: Context,
    pub(crate) bus: Bus,
}

/// A worker, and those around it.
pub(crate) struct House {
    pub(crate) workers: Vec<Worker>,
    pub(crate) ctx: Context,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) guild: Guild,
    pub(crate) policy: PolicyId,
    /// By which the workers who are hired from now on go.
    pub(crate) clock: Clock,
    /// Who keeps order, as the bot tells it.
    pub(crate) keepers: Arc<Mutex<Vec<String>>>,
    /// How often the bot was asked how people stand.
    pub(crate) asked: Arc<AtomicUsize>,
    heard: Subscription,
    _ranks: lockdown_bus::Answering,
    _around: Box<dyn std::any::Any + Send>,
}

pub(crate) fn guild_id() -> GuildId {
    GuildId::new("100").unwrap()
}

impl House {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
        Self::build(config, Box::new(data)).await
    }

    pub(crate) async fn fleet() -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = Database::create(&database::migrations()).await.unwrap();
        let redis = servers::redis_private();
        let config = Config::from_map([
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis.url()),
        ]);
        Self::build(config.unwrap(), Box::new((data, database, redis))).await
    }

    pub(crate) async fn build(config: Config, around: Box<dyn std::any::Any + Send>) -> Self {
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let ctx = Context::new("worker", "1.2.3", config, clock, ids, Metrics::local());
        let store = lockdown_store::open(&ctx).await.unwrap();
        let bus = lockdown_bus::open(&ctx, Source::Worker).await.unwrap();
        let heard = bus
            .live()
            .subscribe(&["moderation:*"], &ListenOptions::default())
            .await
            .unwrap();
        // The bot: 50 keeps order there, nobody else does.
        let (keepers, asked) = (
            Arc::new(Mutex::new(vec!["50".to_owned()])),
            Arc::new(AtomicUsize::new(0)),
        );
        let (known, counted) = (Arc::clone(&keepers), Arc::clone(&asked));
        let ranks = bus
            .requests()
            .answer("ranks:telegram", move |asked: lockdown_bus::Asked<RanksRequest>| {
                counted.fetch_add(1, Ordering::Relaxed);
                let keepers = known.lock().unwrap().clone();
                async move {
                let stand = |id: &UserId| {
                    let keeps = keepers.iter().any(|keeper| keeper == id.as_str());
                    let rights: &[&str] = if keeps { &["delete", "ban"] } else { &[] };
                    json!({
                        "userId": id, "standing": "member", "position": 0, "administrator": false, "rights": rights,
                    })
                };
                let people: Vec<_> = asked.data.user_ids.iter().map(stand).collect();
                let bot = json!({ "userId": "99", "standing": "owner" });
                let keepers = asked.data.keepers.then(|| json!({ "people": keepers, "roles": [] }));
                Ok(json!({ "bot": bot, "people": people, "keepers": keepers }))
                }
            })
            .await
            .unwrap();
        let (guild, policy) = found(&store, &ctx).await;
        let mut house = Self {
            workers: Vec::new(),
            clock: ctx.clock.clone(),
            ctx,
            store,
            bus,
            guild,
            policy,
            keepers,
            asked,
            heard,
            _ranks: ranks,
            _around: around,
        };
        house.hire().await;
        house
    }

    /// One more worker, over the same bus and store.
    pub(crate) async fn hire(&mut self) {
        self.hire_with(Config::from_map::<&str, &str>([]).unwrap()).await;
    }

    pub(crate) async fn hire_with(&mut self, config: Config) {
        let ctx = Context::new(
            "worker",
            "1.2.3",
            config,
            self.clock.clone(),
            self.ctx.ids.clone(),
            Metrics::local(),
        );
        let (engine, options) = (Arc::clone(self.bus.engine()), BusOptions::new(Source::Worker));
        let bus = Bus::start(engine, options, ctx.clock.clone(), ctx.ids.clone()).await;
        let bus = bus.unwrap();
        lockdown_worker::judge(&ctx, self.store.clone(), &bus)
            .await
            .unwrap();
        lockdown_worker::expire(&ctx, self.store.clone(), Arc::new(Ranks::UNKNOWN));
        self.workers.push(Worker { ctx, bus });
    }

    /// The worker who is there longest goes.
    pub(crate) async fn dismiss(&mut self) {
        let worker = self.workers.remove(0);
        worker.ctx.shutdown.request("test");
        worker.bus.close(Duration::from_secs(5)).await;
        worker.ctx.tasks.all_ended().await;
    }

    /// Waits until everything that was published is judged.
    pub(crate) async fn judged(&self) {
        let group = GroupName::new("rules").unwrap();
        let judged = async {
            loop {
                let stats = self.bus.stats().await.unwrap();
                let of_group = stats.log.group(&group).unwrap();
                if of_group.lag() == Some(0) && of_group.pending() == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, judged)
            .await
            .expect("all is judged");
    }

    /// Every verdict so far.
    pub(crate) async fn verdicts(&self) -> Vec<Verdict> {
        let query = Query {
            types: vec![Glob::new("moderation:automod")],
            ..Query::default()
        };
        let page = self.bus.history().page(&query, None, 1_000).await.unwrap();
        let verdict = |entry: &Stored| match Envelope::decode(&entry.envelope).unwrap().event().unwrap() {
            Event::Moderation(ModerationEvent::Automod(verdict)) => verdict,
            other => panic!("{other:?}"),
        };
        page.entries.iter().map(verdict).collect()
    }

    /// The next version of the rules, told as the backend tells it.
    pub(crate) async fn change(&self, body: &str, seen: u64, mode: PolicyMode) {
        let now = self.ctx.clock.now();
        let change = Change {
            author: "system",
            note: None,
            seen,
            at: now,
        };
        let binding = PolicyBinding {
            guild_id: self.guild.id,
            channel_native_id: Place::Guild,
            policy_id: self.policy,
            version: None,
            shadow_version: None,
            mode,
        };
        let changed = in_tx!(self.store, |tx| {
            let changed = tx.change_policy(self.policy, body, &change).await?;
            tx.bind_policy(&binding).await?;
            Ok::<_, StoreError>(changed)
        });
        assert_eq!(changed.unwrap(), Changed::To(seen + 1));
        let config = Event::Guild(GuildEvent::Config(GuildConfig {
            platform: Platform::Telegram,
            guild_id: guild_id(),
            version: seen + 1,
            rule_set_hash: None,
            changed: vec!["rules".into()],
        }));
        self.bus.publish(&config).await.unwrap();
    }

    pub(crate) fn says(&self, author: &str, content: &str, number: u64) -> Envelope {
        let message = json!({
            "platform": "telegram", "guildId": "100", "messageId": number.to_string(), "channelId": "100",
            "authorId": author, "author": Author::default(), "content": content,
        });
        let message: Message = serde_json::from_value(message).unwrap();
        let event = Event::Message(MessageEvent::Created(Box::new(message)));
        let (id, now) = (EventId(self.ctx.ids.next()), self.ctx.clock.now());
        Envelope::new(id, now, Source::TelegramBot, None, &event).unwrap()
    }

    pub(crate) async fn publish(&self, envelope: &Envelope) {
        self.bus.publish_as_it_is(envelope, false).await.unwrap();
    }

    pub(crate) async fn told(&mut self) -> (Envelope, ModerationEvent) {
        let heard = tokio::time::timeout(PATIENCE, self.heard.next()).await;
        let Some(Heard::Said(said)) = heard.expect("nothing was told") else {
            panic!("an event was missed")
        };
        let envelope = said.envelope().unwrap();
        match envelope.event().unwrap() {
            Event::Moderation(event) => (envelope, event),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn verdict(&mut self) -> Verdict {
        match self.told().await.1 {
            ModerationEvent::Automod(verdict) => verdict,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn wish(&mut self) -> (Envelope, ModerationAction) {
        match self.told().await {
            (envelope, ModerationEvent::Action(wish)) => (envelope, wish),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn stop(mut self) {
        while !self.workers.is_empty() {
            self.dismiss().await;
        }
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
    }
}

async fn found(store: &Store, ctx: &Context) -> (Guild, PolicyId) {
    let now = ctx.clock.now();
    let community = Community {
        id: CommunityId(ctx.ids.next()),
        slug: "town".into(),
        name: "Town".into(),
        settings: Json(json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(ctx.ids.next()),
        community_id: community.id,
        platform: Platform::Telegram,
        native_id: guild_id(),
        title: "Square".into(),
        joined_at: now,
        left_at: None,
    };
    let policy = Policy {
        id: PolicyId(ctx.ids.next()),
        community_id: community.id,
        name: "rules".into(),
        head_version: 0,
        state: PolicyState::Active,
        created_at: now,
    };
    in_tx!(store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await?;
        tx.insert_policy(&policy).await
    })
    .unwrap();
    (guild, policy.id)
}

/// One test for each story and size.
macro_rules! sizes {
    ($( $case:ident ),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::house::House::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::house::House::fleet().await).await;
            }
        )+ }
    };
}
pub(crate) use sizes;
