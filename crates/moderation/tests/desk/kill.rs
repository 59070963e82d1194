//! A process that is killed between any two statements, and the ones that are started after it and do it all once more.

use crate::fixture::{ANA, BOB, MALLORY, Town, allowed, moderator, user};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{Action, GuildId, ModerationLog, Origin, Outcome, Platform};
use lockdown_moderation::desk::{AmendAsk, Ask, Desk, DeskError, Ranks};
use lockdown_moderation::{CaseNumber, Change, GuildRef, Reason, Term};
use lockdown_runtime::{Clock, Ids, MockClock};
use lockdown_store::sanctions::SanctionKind;
use lockdown_store::{PostgresOptions, Store};
use std::future::{Future, poll_fn};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::task::Poll;

/// Where the store is, the seed, and when to die: how the story tells its child.
const TOLD: &str = "LOCKDOWN_DESK_CHILD";
const SEEDS: u64 = 3;
const KILLS: usize = 6;
const STEPS: u64 = 24;
/// More than all steps take, so that some processes live to their end.
const TURNS: usize = 1_200;

/// What a process does, step by step; the same seed asks for the same, whoever does it.
struct Mortal {
    desk: Desk,
    time: MockClock,
    guild: GuildRef,
    seed: u64,
    /// How often it still waits for an answer before it dies.
    left: usize,
}

pub(crate) async fn whatever_kills_a_process_the_promises_hold(town: Town) {
    let (mut deaths, mut rng) = (0, fastrand::Rng::with_seed(4));
    for seed in 0..SEEDS {
        for _ in 0..KILLS {
            let turns = rng.usize(1..TURNS);
            let ended = child(&town, seed, turns);
            // It died of nothing else.
            assert!(
                ended.success() || ended.signal() == Some(6),
                "seed {seed}, {turns} turns: {ended}"
            );
            deaths += usize::from(!ended.success());
            promises(&town).await;
        }
        assert!(child(&town, seed, usize::MAX).success());
        promises(&town).await;
    }
    assert!(deaths > 0, "nobody died");
}

/// Of each kind one at most is in force, by the newest case that stands; each case has its event, and the audit verifies.
async fn promises(town: &Town) {
    town.check().await;
    let cases = town.states().await.len() as u64;
    for (kind, action) in [
        (SanctionKind::Ban, Action::Ban),
        (SanctionKind::Mute, Action::Mute),
    ] {
        let mut standing = Vec::new();
        for number in 1..=cases {
            let case = town.read(number).await.case;
            if case.action == action && matches!(case.state.name(), "requested" | "applied") {
                standing.push(number);
            }
        }
        assert!(standing.len() <= 1, "{kind:?}: {standing:?} are in force");
        assert_eq!(town.in_force(kind).await, standing.first().copied(), "{kind:?}");
    }
}

fn child(town: &Town, seed: u64, turns: usize) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::one_whom_nobody_kills_ends", "--nocapture"])
        .env(TOLD, format!("{seed} {turns} {}", town.address()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap()
}

/// The story starts this one again and again, and tells it where to work and when to die.
#[tokio::test]
async fn one_whom_nobody_kills_ends() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own variables are no configuration of LOCKDOWN"
    )]
    let told = std::env::var(TOLD);
    let Ok(told) = told else {
        let town = Town::sqlite().await;
        live(&format!("0 {} {}", usize::MAX, town.address())).await;
        promises(&town).await;
        return;
    };
    live(&told).await;
}

async fn live(told: &str) {
    let mut words = told.splitn(3, ' ');
    let (seed, turns) = (words.next().unwrap(), words.next().unwrap());
    let address = words.next().unwrap();
    let store = if address.starts_with("postgres") {
        Store::open_postgres(address, &PostgresOptions::default())
            .await
            .unwrap()
            .0
    } else {
        Store::open_sqlite(address.as_ref()).await.unwrap().0
    };
    let (clock, time) = Clock::mock(begins());
    let ids = Ids::system(clock.clone());
    let mut mortal = Mortal {
        desk: Desk::new(store, clock, ids),
        time,
        guild: GuildRef {
            platform: Platform::Discord,
            id: GuildId::new("100").unwrap(),
        },
        seed: seed.parse().unwrap(),
        left: turns.parse().unwrap(),
    };
    for step in 0..STEPS {
        mortal.step(step).await;
    }
}

fn begins() -> DateTime<Utc> {
    "2026-11-20T09:06:00Z".parse().unwrap()
}

// === impl Mortal ===

impl Mortal {
    async fn step(&mut self, step: u64) {
        let number = self.seed * 1_000 + step;
        let mut rng = fastrand::Rng::with_seed(number);
        let now = begins() + TimeDelta::seconds(i64::try_from(number).unwrap());
        self.time.set(now);
        let desk = self.desk.clone();
        let case = CaseNumber(rng.u64(1..8));
        let done = match rng.u8(0..10) {
            0..5 => {
                let ask = self.ask(&mut rng, number, now);
                self.mortal(desk.act(&ask, &allowed())).await.map(drop)
            }
            5 => {
                // What the dead took is free when their lease is over.
                self.time.set(now + TimeDelta::minutes(5));
                self.mortal(desk.expire("one", 10, &Ranks::UNKNOWN))
                    .await
                    .map(drop)
            }
            6 => {
                let reason = Reason::new(&format!("edited {number}"), Reason::LONGEST).unwrap();
                let ask = AmendAsk {
                    by: moderator(BOB),
                    guild: self.guild.clone(),
                    case,
                    change: Change::Reason(Some(reason)),
                    chain: None,
                };
                self.mortal(desk.amend(&ask, &allowed())).await.map(drop)
            }
            _ => {
                let outcome = if rng.bool() {
                    Outcome::Applied
                } else {
                    Outcome::Failed
                };
                let log = ModerationLog {
                    platform: self.guild.platform,
                    guild_id: self.guild.id.clone(),
                    case_number: case.0,
                    outcome,
                    error: (outcome == Outcome::Failed).then(|| "missing permission".into()),
                    notified: None,
                };
                self.mortal(desk.outcome(&log, None)).await.map(drop)
            }
        };
        match done {
            Ok(()) | Err(DeskError::Refused(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn ask(&self, rng: &mut fastrand::Rng, number: u64, now: DateTime<Utc>) -> Ask {
        const ACTIONS: [Action; 6] = [
            Action::Ban,
            Action::Ban,
            Action::Unban,
            Action::Mute,
            Action::Unmute,
            Action::Warn,
        ];
        let action = *rng.choice(&ACTIONS).unwrap();
        let timed = matches!(action, Action::Ban | Action::Mute) && rng.bool();
        Ask {
            ends: if timed {
                Term::Until(now + TimeDelta::seconds(90))
            } else {
                Term::Forever
            },
            key: Some(format!("event:{number}")),
            ..Ask::new(
                moderator(ANA),
                self.guild.clone(),
                user(MALLORY),
                action,
                Origin::Command,
                now,
            )
        }
    }

    /// Does it, or is killed over it.
    async fn mortal<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = Box::pin(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending if self.left == 0 => std::process::abort(),
            Poll::Pending => {
                self.left -= 1;
                Poll::Pending
            }
        })
        .await
    }
}
