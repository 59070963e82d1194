//! `cargo xtask chaos bus`: rounds of kills, or minutes of every fault there is.

use super::verdict::Verdict;
use super::world::{Engine, Kind, Sync, Victim, World};
use crate::workspace;
use anyhow::{Context as _, Result};
use lockdown_testkit::names;
use lockdown_testkit::provision::{self, TestServers, machine::ThisMachine};
use lockdown_testkit::server::interrupt::Interrupt;
use lockdown_testkit::server::scratch::Scratch;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CHILD: &str = "chaos_child";

#[derive(clap::Args)]
#[command(
    after_help = "Publishers, consumers of two groups and Redis are processes of their own; the embedded bus is one \
    process. Each writes down what it was told and what it did, so that a kill cannot make the account lie. The exit \
    code is 1 when an acknowledged event was lost, came twice or out of order without a cause, or is dead twice. While \
    the disk is busy, Redis with `everysec` confirms before it has written: what its kill loses then, the publisher has \
    to put back."
)]
pub(crate) struct Args {
    /// Kills, each with a recovery; spread over all that is chosen
    #[arg(long, default_value_t = 40)]
    rounds: u32,
    /// Instead of rounds: so many minutes of kills, freezes, cut connections, and handlers that fail, panic and hang
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<f64>,
    /// Only this engine
    #[arg(long)]
    engine: Option<Engine>,
    /// Only with this setting
    #[arg(long)]
    fsync: Option<Sync>,
    /// Keep the disk busy with other writes meanwhile
    #[arg(long)]
    busy_disk: bool,
    /// The account as one JSON object in the last line
    #[arg(long)]
    json: bool,
    /// The child to run, built already
    #[arg(long, hide = true)]
    child: Option<PathBuf>,
    /// The redis-server to run
    #[arg(long, hide = true)]
    redis_binary: Option<PathBuf>,
}

/// What is needed before anything can be killed.
struct Ground {
    child: PathBuf,
    redis: Option<PathBuf>,
    base: Scratch,
    /// Holds what a Redis was installed into.
    _servers: Option<TestServers>,
}

pub(super) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let kinds = kinds(args);
    let ground = Ground::prepare(args, &kinds, interrupt)?;
    let load = args
        .busy_disk
        .then(|| super::disk::Busy::start(ground.base.path()));
    let trouble = args.minutes.is_some();
    let mut worlds = Vec::new();
    for kind in kinds {
        worlds.push(World::new(
            kind,
            &ground.child,
            ground.redis.as_deref(),
            ground.base.path(),
            trouble,
            interrupt,
        )?);
    }
    match args.minutes {
        None => rounds(&mut worlds, args.rounds)?,
        Some(minutes) => {
            let each = Duration::from_secs_f64(minutes * 60.0 / worlds.len() as f64);
            for world in &mut worlds {
                trouble_for(world, each)?;
            }
        }
    }
    drop(load);
    let mut verdicts = Vec::new();
    for world in &mut worlds {
        verdicts.push((world.kind, world.judge()?));
    }
    report(&verdicts, args.json);
    let broken = verdicts.iter().any(|(_, verdict)| verdict.broken() > 0);
    Ok(if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn kinds(args: &Args) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for fsync in [Sync::Always, Sync::Everysec] {
        for engine in [Engine::Redis, Engine::Embedded] {
            let chosen = args.engine.is_none_or(|only| only == engine);
            if chosen && args.fsync.is_none_or(|only| only == fsync) {
                kinds.push(Kind { engine, fsync });
            }
        }
    }
    kinds
}

/// One kill a round, in each world in turn. Only one world is awake at a time.
fn rounds(worlds: &mut [World], rounds: u32) -> Result<()> {
    for round in 1..=rounds {
        let at = round as usize % worlds.len();
        let world = &mut worlds[at];
        world.start()?;
        world.pause(millis(0..500))?;
        let victims = world.victims();
        let victim = victims[fastrand::usize(..victims.len())];
        let since = Instant::now();
        world.kill(victim, millis(0..300))?;
        let recovery = world.recover(since)?;
        world.pause(millis(0..200))?;
        let lost = world.wind_up()?;
        eprintln!(
            "round {round:>4}/{rounds}  {:<17} killed {:<14} back in {:>6.2} s  {:>8} events so far{}",
            world.kind.name(),
            name(world.kind, victim),
            recovery.as_secs_f64(),
            world.account.acknowledged,
            if lost == 0 {
                String::new()
            } else {
                format!("  {lost} MISSING")
            }
        );
    }
    Ok(())
}

/// Faults of every kind, with pauses in which things may come to rest.
fn trouble_for(world: &mut World, time: Duration) -> Result<()> {
    let begun = Instant::now();
    world.start()?;
    while begun.elapsed() < time {
        world.pause(millis(300..4000))?;
        let victims = world.victims();
        let processes = victims.len().min(4);
        let at = fastrand::usize(..processes);
        let redis = world.kind.engine == Engine::Redis;
        let what = match fastrand::u8(..4) {
            0 if redis => {
                world.cut()?;
                "cut every connection".to_owned()
            }
            0 | 1 => {
                world.freeze(at, millis(100..4000))?;
                format!("froze {}", name(world.kind, Victim::Process(at)))
            }
            _ => {
                let victim = victims[fastrand::usize(..victims.len())];
                world.kill(victim, millis(0..1000))?;
                format!("killed {}", name(world.kind, victim))
            }
        };
        world.check_processes()?;
        world.account.read()?;
        eprintln!(
            "{:>6.1} s  {:<17} {what:<24} {:>8} events so far",
            begun.elapsed().as_secs_f64(),
            world.kind.name(),
            world.account.acknowledged
        );
    }
    world.recover(Instant::now())?;
    let missing = world.wind_up()?;
    if missing > 0 {
        eprintln!("{missing} events are MISSING or not known to be dead yet");
    }
    Ok(())
}

fn name(kind: Kind, victim: Victim) -> &'static str {
    match (kind.engine, victim) {
        (_, Victim::Redis) => "redis",
        (Engine::Embedded, _) => "the process",
        (_, Victim::AllProcesses) => "all processes",
        (_, Victim::Process(0)) => "the publisher",
        (_, Victim::Process(_)) => "a consumer",
    }
}

fn millis(range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(fastrand::u64(range))
}

fn report(verdicts: &[(Kind, Verdict)], as_json: bool) {
    let mut sum = Verdict::default();
    for (_, verdict) in verdicts {
        sum.add(verdict);
    }
    if as_json {
        let mut all = json!(sum);
        let each = verdicts.iter().map(|(kind, verdict)| (kind.name(), verdict));
        all["each"] = each
            .map(|(name, verdict)| (name.to_owned(), json!(verdict)))
            .collect::<serde_json::Map<String, Value>>()
            .into();
        println!("{all}");
        return;
    }
    println!(
        "\n{:<18}{:>7}{:>7}{:>10}{:>7}{:>8}{:>12}{:>7}{:>7}{:>7}{:>11}{:>10}",
        "",
        "rounds",
        "kills",
        "events",
        "lost",
        "doubled",
        "redelivered",
        "order",
        "twice",
        "dead",
        "dead wrong",
        "slowest"
    );
    let rows = verdicts.iter().map(|(kind, verdict)| (kind.name(), verdict));
    for (name, v) in rows.chain([("all", &sum)]) {
        println!(
            "{name:<18}{:>7}{:>7}{:>10}{:>7}{:>8}{:>12}{:>7}{:>7}{:>7}{:>11}{:>8.2} s",
            v.rounds,
            v.kills,
            v.events,
            v.lost,
            v.doubled,
            v.redelivered,
            v.order,
            v.twice,
            v.dead,
            v.dead_wrong,
            v.slowest_recovery_s
        );
    }
    println!(
        "\n{} entries were trimmed meanwhile, {} of them unsettled. Acknowledgements lost with the engine: {}.",
        sum.trimmed, sum.trimmed_unsettled, sum.left
    );
    if sum.lost_with_redis > 0 {
        println!(
            "{} of the lost went with a Redis that was killed before it had written what it confirmed: `appendfsync \
             everysec` allows that, `always` does not.",
            sum.lost_with_redis
        );
    }
    println!(
        "doubled, order: without a crash that explains it. redelivered: after one. slowest: from a kill until all is \
         handled again."
    );
}

// === impl Ground ===

impl Ground {
    fn prepare(args: &Args, kinds: &[Kind], interrupt: &Interrupt) -> Result<Ground> {
        let child = match &args.child {
            Some(child) => child.clone(),
            None => {
                workspace::run(workspace::cargo().args([
                    "build",
                    "--quiet",
                    "--package",
                    "lockdown-bus",
                    "--example",
                    CHILD,
                ]))?;
                workspace::target()?.join("debug/examples").join(CHILD)
            }
        };
        let wants_redis = kinds.iter().any(|kind| kind.engine == Engine::Redis);
        let (mut redis, mut servers) = (args.redis_binary.clone(), None);
        if wants_redis && redis.is_none() {
            let obtained = obtain(interrupt)?;
            redis = Some(binary(&obtained.environment())?);
            servers = Some(obtained);
        }
        Ok(Ground {
            child,
            redis,
            base: Scratch::create(&lockdown_testkit::servers::directory())?,
            _servers: servers,
        })
    }
}

fn obtain(interrupt: &Interrupt) -> Result<TestServers> {
    let machine = ThisMachine::new(workspace::target()?.join("testkit"));
    provision::obtain(&machine, interrupt)
}

fn binary(environment: &[(&'static str, OsString)]) -> Result<PathBuf> {
    let found = environment
        .iter()
        .find(|(name, _)| *name == names::TEST_REDIS_BIN);
    let (_, path) = found.context("there is no redis-server that can be killed: install one")?;
    Ok(Path::new(path).to_owned())
}
