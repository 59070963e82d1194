//! What was due while nobody was there ends once, whoever comes back, over both engines.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is unwrapped is what the case holds"
)]

use chrono::TimeDelta;
use lockdown_events::{
    Action, Decision, Envelope, Event, GuildId, ModerationEvent, Origin, Platform, UserId,
};
use lockdown_moderation::desk::{Acted, Ask, Desk, Ranks};
use lockdown_moderation::{Actor, Grant, GuildRef, Rank, Rights, Term, UserRef};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics, MockClock};
use lockdown_store::cases::{Case, CaseState, Lift};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::{PostgresOptions, Store, in_read, in_tx, outbox};
use lockdown_testkit::database::{self, Database};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// A guild in a store that two workers share, each through a door of its own.
struct Town {
    stores: [Store; 2],
    clock: Clock,
    time: MockClock,
    ids: Ids,
    key: GuildKey,
    guild: GuildRef,
}

fn user(id: &str) -> UserRef {
    UserRef::new(Platform::Discord, UserId::new(id).unwrap())
}

fn ranks() -> Ranks {
    let rank = |position| Rank::Member {
        position,
        administrator: false,
        rights: Rights::LEAD,
    };
    Ranks {
        doer: rank(5),
        doer_grant: Some(Grant::LEAD),
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(user("99")),
        bot_rank: rank(9),
    }
}

async fn sqlite(folder: &Path) -> Store {
    Store::open_sqlite(&folder.join("lockdown.db")).await.unwrap().0
}

async fn postgres(database: &Database) -> Store {
    let options = PostgresOptions::default();
    Store::open_postgres(&database.url(), &options).await.unwrap().0
}

// === impl Town ===

impl Town {
    async fn over(stores: [Store; 2]) -> Self {
        let (clock, time) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
        let ids = Ids::system(clock.clone());
        let now = clock.now();
        let community = Community {
            id: CommunityId(ids.next()),
            slug: "town".into(),
            name: "Town".into(),
            settings: Json(json!({})),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let guild = Guild {
            id: GuildKey(ids.next()),
            community_id: community.id,
            platform: Platform::Discord,
            native_id: GuildId::new("100").unwrap(),
            title: "Square".into(),
            joined_at: now,
            left_at: None,
        };
        let saved = in_tx!(stores[0], |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await
        });
        Self {
            key: saved.unwrap().id,
            guild: GuildRef {
                platform: guild.platform,
                id: guild.native_id,
            },
            stores,
            clock,
            time,
            ids,
        }
    }

    async fn ban(&self, person: &str, lasts: TimeDelta) {
        let ends = Term::Until(self.clock.now() + TimeDelta::seconds(1) + lasts);
        self.ban_until(person, ends).await;
    }

    async fn ban_until(&self, person: &str, ends: Term) {
        self.time.advance(TimeDelta::seconds(1));
        let desk = Desk::new(self.stores[0].clone(), self.clock.clone(), self.ids.clone());
        let ask = Ask {
            ends,
            ..Ask::new(
                Actor::Person(user("11")),
                self.guild.clone(),
                user(person),
                Action::Ban,
                Origin::Command,
                self.clock.now(),
            )
        };
        let acted = desk.act(&ask, &ranks()).await.unwrap();
        assert!(matches!(acted, Acted::Recorded(_)), "{acted:?}");
    }

    fn work(&self, store: &Store) -> Context {
        let ctx = Context::new(
            "worker",
            "1.2.3",
            Config::from_map::<&str, &str>([]).unwrap(),
            self.clock.clone(),
            Ids::system(self.clock.clone()),
            Metrics::local(),
        );
        lockdown_worker::expire(&ctx, store.clone(), Arc::new(Ranks::UNKNOWN));
        ctx
    }

    async fn case(&self, number: u64) -> Option<Case> {
        in_read!(self.stores[0], |conn| {
            conn.case_by_number(self.key, number).await
        })
        .unwrap()
    }

    /// Waits until a case was lifted, and answers by which.
    async fn lifted(&self, number: u64) -> u64 {
        loop {
            let case = self.case(number).await.unwrap();
            if case.state != CaseState::Requested {
                assert_eq!(case.state, CaseState::Lifted);
                assert_eq!(case.fate.lift, Some(Lift::Expired));
                return case.fate.ended_by.unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every worker has found nothing more to do.
    async fn all_rest(&self) {
        while self.time.sleepers() < 2 {
            tokio::task::yield_now().await;
        }
    }

    /// The ends of bans that wait in the outbox.
    async fn ends(&self) -> Vec<Decision> {
        let lane = outbox::lane(self.key);
        let page = in_read!(self.stores[0], |conn| { conn.outbox_page(lane, 1_000).await });
        let events = page
            .unwrap()
            .into_iter()
            .map(|pending| Envelope::decode(&pending.payload).unwrap().event().unwrap());
        let end = |event| match event {
            Event::Moderation(ModerationEvent::BanRemoved(decision)) => Some(decision),
            _ => None,
        };
        events.filter_map(end).collect()
    }
}

async fn what_was_due_while_nobody_looked_ends_once(town: Town) {
    town.ban("666", TimeDelta::hours(1)).await;
    town.ban("667", TimeDelta::hours(1)).await;
    // A newer decision, under which the older one's timer ends nothing.
    town.ban("667", TimeDelta::hours(5)).await;
    for person in 1_001..=1_040 {
        town.ban(&person.to_string(), TimeDelta::hours(9)).await;
    }
    town.time.advance(TimeDelta::hours(2));
    let workers: Vec<Context> = town.stores.iter().map(|store| town.work(store)).collect();
    assert_eq!(town.lifted(1).await, 44);
    town.all_rest().await;
    assert_eq!(town.case(2).await.unwrap().state, CaseState::Superseded);
    assert_eq!(town.case(3).await.unwrap().state, CaseState::Requested);
    assert!(
        town.case(45).await.is_none(),
        "something was ended twice, or too early"
    );
    let ends = town.ends().await;
    assert_eq!(ends.len(), 1);
    assert_eq!(
        (
            ends[0].lifts_case_number,
            ends[0].user_id.as_str(),
            ends[0].origin
        ),
        (Some(1), "666", Some(Origin::Expiry))
    );
    for ctx in &workers {
        assert!(ctx.health.ready(), "{:?}", ctx.health.report());
    }
    // They wake for the next one by themselves, and share what is more than one takes at once.
    town.time.advance(TimeDelta::hours(3));
    assert_eq!(town.lifted(3).await, 45);
    town.all_rest().await;
    town.time.advance(TimeDelta::hours(5));
    for number in 4..=43 {
        town.lifted(number).await;
    }
    town.all_rest().await;
    assert!(town.case(86).await.is_none(), "something was ended twice");
    let mut ended: Vec<_> = town
        .ends()
        .await
        .iter()
        .map(|end| end.lifts_case_number)
        .collect();
    ended.sort_unstable();
    let all: Vec<_> = [1].into_iter().chain(3..=43).map(Some).collect();
    assert_eq!(ended, all);
    for ctx in workers {
        ctx.shutdown.request("test");
        ctx.tasks.all_ended().await;
        assert_eq!(ctx.tasks.failure(), None);
    }
}

/// All of it at the moment when the workers start: their clock does not go on before it is done.
async fn after_forty_days_a_thousand_end_once_and_at_once(town: Town) {
    const MANY: u64 = 1_000;
    for person in 1..=MANY {
        let lasts = TimeDelta::hours(i64::try_from(1 + person % 900).unwrap());
        town.ban(&(10_000 + person).to_string(), lasts).await;
    }
    // Banned for ever after that: it stays.
    town.ban("5000", TimeDelta::hours(1)).await;
    town.ban_until("5000", Term::Forever).await;
    town.time.advance(TimeDelta::days(40));
    let workers: Vec<Context> = town.stores.iter().map(|store| town.work(store)).collect();
    let mut by = std::collections::BTreeSet::new();
    for number in 1..=MANY {
        assert!(by.insert(town.lifted(number).await), "one case ended two");
    }
    town.all_rest().await;
    assert_eq!(town.case(MANY + 1).await.unwrap().state, CaseState::Superseded);
    assert_eq!(town.case(MANY + 2).await.unwrap().state, CaseState::Requested);
    assert!(
        town.case(2 * MANY + 3).await.is_none(),
        "something was ended twice"
    );
    for ctx in workers {
        ctx.shutdown.request("test");
        ctx.tasks.all_ended().await;
        assert_eq!(ctx.tasks.failure(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_after_forty_days_a_thousand_end_once_and_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [sqlite(folder.path()).await, sqlite(folder.path()).await];
    after_forty_days_a_thousand_end_once_and_at_once(Town::over(stores).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_after_forty_days_a_thousand_end_once_and_at_once() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let stores = [postgres(&database).await, postgres(&database).await];
    after_forty_days_a_thousand_end_once_and_at_once(Town::over(stores).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_what_was_due_while_nobody_looked_ends_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [sqlite(folder.path()).await, sqlite(folder.path()).await];
    what_was_due_while_nobody_looked_ends_once(Town::over(stores).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_what_was_due_while_nobody_looked_ends_once() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let stores = [postgres(&database).await, postgres(&database).await];
    what_was_due_while_nobody_looked_ends_once(Town::over(stores).await).await;
}
