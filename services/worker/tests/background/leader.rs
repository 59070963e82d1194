//! Who leads.

use crate::archive::{has_all, say};
use crate::house::{House, until};
use chrono::TimeDelta;
use lockdown_bus::Class;
use lockdown_moderation::StoreArchive;
use lockdown_runtime::Clock;
use lockdown_store::leases::Lease;
use lockdown_store::{in_read, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use std::path::Path;
use std::process::{Child, Command, Stdio};

async fn lease(house: &House) -> Option<Lease> {
    in_read!(house.store, |conn| { conn.lease("worker").await }).unwrap()
}

/// Whoever leads archives.
async fn is_led(house: &House) {
    let archive = StoreArchive::new(house.store.clone());
    say(house, 1).await;
    until("what was said is archived", async || {
        has_all(house, &archive, Class::System).await
    })
    .await;
}

pub(crate) async fn the_lease_of_the_dead_ends_and_one_of_the_others_leads(house: House) {
    let now = house.ctx.clock.now();
    let ends = now + TimeDelta::seconds(3);
    let fence = in_tx!(house.store, |tx| {
        tx.take_lease("worker", "the-dead", now, ends).await
    });
    assert_eq!(fence.unwrap(), Some(1));
    let workers = [house.worker().await, house.worker().await];
    for (ctx, bus) in &workers {
        lockdown_worker::lead(ctx, house.store.clone(), bus);
    }
    until("somebody else leads", async || {
        lease(&house).await.unwrap().holder != "the-dead"
    })
    .await;
    assert!(house.ctx.clock.now() >= ends, "it was taken from the living");
    is_led(&house).await;
    // Whoever stops leaves it at once, and the other one leads; in the end nobody does.
    for (ctx, _) in &workers {
        is_led(&house).await;
        ctx.shutdown.request("test");
        ctx.tasks.all_ended().await;
    }
    let last = lease(&house).await.unwrap();
    assert!(last.held_until <= house.ctx.clock.now(), "{last:?}");
    house.stop().await;
}

/// A worker in a process of its own; killed when a test forgets it.
struct Process(Child);

impl Process {
    fn start(data: &Path, database: &str, redis: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown-worker"));
        command
            .env_clear()
            .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
            .env("LOCKDOWN_DATA_DIR", data)
            .env("DATABASE_URL", database)
            .env("REDIS_URL", redis)
            .current_dir(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_leader_that_is_killed_is_followed_by_another() {
    let database = Database::create(&database::migrations()).await.unwrap();
    let redis = servers::redis_private();
    let (url, redis_url) = (database.url(), redis.url());
    let house = House::over(&url, &redis_url, Clock::system(), Box::new((database, redis))).await;
    let data = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut leader = Process::start(data[0].path(), &url, &redis_url);
    until("the first leads", async || lease(&house).await.is_some()).await;
    let first = lease(&house).await.unwrap();
    is_led(&house).await;
    let follower = Process::start(data[1].path(), &url, &redis_url);
    leader.kill();
    until("the other leads", async || {
        lease(&house).await.unwrap().holder != first.holder
    })
    .await;
    assert!(lease(&house).await.unwrap().fence > first.fence);
    is_led(&house).await;
    drop(follower);
    house.stop().await;
}
