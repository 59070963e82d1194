//! What workers stand on, in either size: a store that two processes have open, and a bus.

use lockdown_bus::{Bus, BusOptions};
use lockdown_events::{GuildId, Platform, Source};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::{Store, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use serde_json::json;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct House {
    pub(crate) ctx: Context,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) guild: Guild,
    config: Config,
    _around: Box<dyn Any + Send>,
}

// === impl House ===

impl House {
    pub(crate) async fn embedded(clock: Clock) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config::from_map([("LOCKDOWN_DATA_DIR", data.path())]).unwrap();
        Self::build(config, clock, Box::new(data)).await
    }

    pub(crate) async fn fleet(clock: Clock) -> Self {
        let database = Database::create(&database::migrations()).await.unwrap();
        let redis = servers::redis_private();
        let (database_url, redis_url) = (database.url(), redis.url());
        Self::over(&database_url, &redis_url, clock, Box::new((database, redis))).await
    }

    pub(crate) async fn over(database: &str, redis: &str, clock: Clock, around: Box<dyn Any + Send>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config::from_map([
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("DATABASE_URL", database.to_owned()),
            ("REDIS_URL", redis.to_owned()),
        ]);
        Self::build(config.unwrap(), clock, Box::new((data, around))).await
    }

    async fn build(config: Config, clock: Clock, around: Box<dyn Any + Send>) -> Self {
        let ctx = context(&config, &clock);
        let store = lockdown_store::open(&ctx).await.unwrap();
        // Who answers what is known by the bus's own clock, which is that of Redis in a fleet.
        let mut real = ctx.clone();
        real.clock = Clock::system();
        let bus = lockdown_bus::open(&real, Source::Worker).await.unwrap();
        let now = clock.now();
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
            platform: Platform::Discord,
            native_id: GuildId::new("100").unwrap(),
            title: "Square".into(),
            joined_at: now,
            left_at: None,
        };
        let guild = in_tx!(store, |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await
        })
        .unwrap();
        Self {
            ctx,
            store,
            bus,
            guild,
            config,
            _around: around,
        }
    }

    /// What one more worker of this installation has, with its own part of the bus.
    pub(crate) async fn worker(&self) -> (Context, Bus) {
        let ctx = context(&self.config, &self.ctx.clock);
        let (engine, options) = (Arc::clone(self.bus.engine()), BusOptions::new(Source::Worker));
        let bus = Bus::start(engine, options, ctx.clock.clone(), ctx.ids.clone()).await;
        (ctx, bus.unwrap())
    }

    pub(crate) async fn stop(self) {
        self.bus.close(Duration::from_secs(5)).await;
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
    }
}

fn context(config: &Config, clock: &Clock) -> Context {
    let ids = Ids::system(clock.clone());
    Context::new(
        "worker",
        "1.2.3",
        config.clone(),
        clock.clone(),
        ids,
        Metrics::local(),
    )
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(120), waiting).await;
    assert!(done.is_ok(), "{what}: it never came to be");
}
