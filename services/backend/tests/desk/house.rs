//! A backend's part of the work over either engine, and those around it.

use lockdown_bus::{AskError, Bus, Heard, ListenOptions, Subscription};
use lockdown_events::{
    Action, CaseRequest, Decision, Envelope, Event, EventId, GuildId, ModerationAction, ModerationEvent,
    Origin, Platform, RequestError, Source, UserId,
};
use lockdown_moderation::desk::Facts;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::{Store, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A backend's part of the work, and those around it.
pub(crate) struct House {
    pub(crate) ctx: Context,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) guild: GuildKey,
    heard: Subscription,
    /// Kept for as long as the house stands.
    _around: Box<dyn std::any::Any + Send>,
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

async fn decisions(bus: &Bus) -> Subscription {
    let options = ListenOptions::default();
    let heard = bus.live().subscribe(&["ban:*", "kick:*", "mute:*"], &options);
    heard.await.unwrap()
}

// === impl House ===

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
        let ctx = Context::new("backend", "1.2.3", config, clock, ids, Metrics::local());
        let store = lockdown_store::open(&ctx).await.unwrap();
        let bus = lockdown_bus::open(&ctx, Source::Backend).await.unwrap();
        let heard = decisions(&bus).await;
        let mut house = Self {
            guild: GuildKey(ctx.ids.next()),
            ctx,
            store,
            bus,
            heard,
            _around: around,
        };
        house.guild = house.found().await;
        lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
        house
    }

    /// The next process over the same store and bus, in place of this one.
    pub(crate) async fn again(&mut self) {
        self.ctx.shutdown.request("a restart");
        self.ctx.tasks.all_ended().await;
        self.bus.close(Duration::from_secs(5)).await;
        self.store.close().await;
        let config = (*self.ctx.config).clone();
        let (clock, ids) = (self.ctx.clock.clone(), self.ctx.ids.clone());
        self.ctx = Context::new("backend", "1.2.3", config, clock, ids, Metrics::local());
        self.store = lockdown_store::open(&self.ctx).await.unwrap();
        self.bus = lockdown_bus::open(&self.ctx, Source::Backend).await.unwrap();
        self.heard = decisions(&self.bus).await;
        lockdown_backend::relay(&self.ctx, self.store.clone(), self.bus.clone());
    }

    pub(crate) async fn decide(&self, facts: impl Facts + 'static) {
        let (ctx, store, bus) = (&self.ctx, &self.store, &self.bus);
        lockdown_backend::decide(ctx, store.clone(), bus, Arc::new(facts))
            .await
            .unwrap();
    }

    async fn found(&self) -> GuildKey {
        let now = self.ctx.clock.now();
        let community = Community {
            id: CommunityId(self.ctx.ids.next()),
            slug: "town".into(),
            name: "Town".into(),
            settings: Json(json!({})),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let guild = Guild {
            id: GuildKey(self.ctx.ids.next()),
            community_id: community.id,
            platform: Platform::Discord,
            native_id: GuildId::new("100").unwrap(),
            title: "Square".into(),
            joined_at: now,
            left_at: None,
        };
        in_tx!(self.store, |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await
        })
        .unwrap()
        .id
    }

    pub(crate) fn wish(&self, action: Action, person: &str) -> ModerationAction {
        ModerationAction {
            platform: Platform::Discord,
            guild_id: GuildId::new("100").unwrap(),
            action,
            user_id: user(person),
            moderator_id: Some(user("11")),
            reason: Some("spam".into()),
            expires_at: None,
            origin: Origin::Command,
            case_number: None,
            delete_message_seconds: None,
            notify: None,
            points: None,
            native_id: None,
            batch_id: None,
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: vec![],
        }
    }

    pub(crate) fn envelope(&self, event: ModerationEvent) -> Envelope {
        Envelope::new(
            EventId(self.ctx.ids.next()),
            self.ctx.clock.now(),
            Source::DiscordBot,
            None,
            &Event::Moderation(event),
        )
        .unwrap()
    }

    pub(crate) async fn publish(&self, envelope: &Envelope) {
        self.bus.publish_as_it_is(envelope, false).await.unwrap();
    }

    /// The next decision that is told.
    pub(crate) async fn told(&mut self) -> (Envelope, Decision) {
        let heard = tokio::time::timeout(PATIENCE, self.heard.next()).await;
        let Some(Heard::Said(said)) = heard.expect("nothing was told") else {
            panic!("an event was missed")
        };
        let envelope = said.envelope().unwrap();
        let decision = match envelope.event().unwrap() {
            Event::Moderation(
                ModerationEvent::BanCreated(decision)
                | ModerationEvent::BanRemoved(decision)
                | ModerationEvent::KickExecuted(decision)
                | ModerationEvent::MuteApplied(decision),
            ) => decision,
            other => panic!("{other:?}"),
        };
        (envelope, decision)
    }

    pub(crate) async fn ask(&self, wish: &ModerationAction) -> Result<Value, RequestError> {
        match self.bus.requests().ask("moderation", wish, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(AskError::Refused(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn case(&self, case_number: u64) -> Result<Value, RequestError> {
        let question = CaseRequest {
            platform: Platform::Discord,
            guild_id: GuildId::new("100").unwrap(),
            case_number,
        };
        match self.bus.requests().ask("case", &question, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(AskError::Refused(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.request("test");
        self.ctx.tasks.all_ended().await;
    }
}

/// Runs each case with a house of either size.
macro_rules! sizes {
    ($( $case:ident ),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(crate::house::House::embedded().await).await;
            }
        )+ }
        mod fleet { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(crate::house::House::fleet().await).await;
            }
        )+ }
    };
}
pub(crate) use sizes;
