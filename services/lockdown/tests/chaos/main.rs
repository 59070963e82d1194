//! The whole system while everything that it stands on is killed: LOCKDOWN's own process, Redis and Postgres, in turn, with
//! SIGKILL, while people talk and some of what they say is against the rules. At the end there is an account: every hit
//! judged, one sanction for each, each lifted once when its time was up, nothing left to do.
//!
//! As a test it is short. `cargo xtask chaos --minutes N` is the same for as long as one likes:
//!
//! - `LOCKDOWN_CHAOS_MINUTES`: for so long.
//! - `LOCKDOWN_CHAOS_RATE`: so many messages a second.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod crowd;
mod world;

use account::Account;
use crowd::Crowd;
use std::time::Duration;
use tokio::time::Instant;
use world::{Victim, World};

/// As a test: kills of each, and messages a second, for a machine that does other things, too.
const ROUNDS: usize = 2;
const RATE: u32 = 100;
/// Between a recovery and the next kill.
const REST: Duration = Duration::from_millis(1_500);

#[expect(
    clippy::disallowed_methods,
    reason = "the program that starts this test says how long"
)]
fn variable(name: &str) -> Option<f64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_whatever_is_killed_each_hit_is_one_sanction_that_ends_once() {
    let minutes = variable("LOCKDOWN_CHAOS_MINUTES");
    let rate = variable("LOCKDOWN_CHAOS_RATE").map_or(RATE, |rate| rate as u32);
    let mut world = World::make().await;
    let crowd = Crowd::gather(&world).await;
    let begun = Instant::now();
    let talking = crowd.talk(rate);
    let mut slowest = Duration::ZERO;
    let mut kills = 0;
    loop {
        for victim in [Victim::Lockdown, Victim::Redis, Victim::Postgres] {
            tokio::time::sleep(REST).await;
            let killed = Instant::now();
            world.kill(victim).await;
            let before = crowd.judged();
            crowd
                .until("verdicts come again", || crowd.judged() > before)
                .await;
            slowest = slowest.max(killed.elapsed());
            kills += 1;
        }
        let over = match minutes {
            Some(minutes) => begun.elapsed().as_secs_f64() >= minutes * 60.0,
            None => kills >= 3 * ROUNDS,
        };
        if over {
            break;
        }
    }
    let said = talking.enough().await;
    crowd.settled(&said).await;
    let account = Account::take(&world, &crowd, &said, kills, slowest).await;
    println!("{}", account.line());
    account.check();
    world.stop().await;
}
