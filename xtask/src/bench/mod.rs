//! `cargo xtask bench`: the figures, each beside its goal.

mod api;
mod bus;
mod detect;
mod discord;
mod events;
mod measured;
mod peers;
mod pipeline;
mod policy;
mod store;
mod telegram;
mod whole;

use crate::workspace;
use anyhow::{Context, Result, bail};
use clap::ValueEnum as _;
use lockdown_testkit::names;
use lockdown_testkit::provision::choice::{self, Binaries, Server};
use lockdown_testkit::provision::machine::ThisMachine;
use serde::Serialize;
use std::ffi::OsString;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this bench; without it all run and docs/BENCHMARKS.md is written
    name: Option<Bench>,
    /// Shorter rounds: the same figures, less certain
    #[arg(long)]
    quick: bool,
    /// Instead of the bus or the rules alone: other programs beside them, which come from npm, PyPI and crates.io into
    /// target/peers
    #[arg(long)]
    peers: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Bench {
    /// Reading and writing an envelope
    Events,
    /// The event bus over both engines, beside redis-benchmark on the same machine
    Bus,
    /// Cases, pages, due sanctions and the outbox, beside pgbench on the same server
    Store,
    /// The API: reads beside an axum server that answers a constant, bans at a steady rate, and who listens
    Api,
    /// What the detectors see of labelled messages that lie beside the repository
    Detect,
    /// Rules: what judging costs, and what compiling takes
    Policy,
    /// The Telegram bot with everything behind it: a flood that is banned, bad messages among good ones, memory at rest
    Telegram,
    /// Judging: from a message on the bus to its verdict there, how many a second, memory
    Pipeline,
    /// The Discord bot in a fleet: from a message that the rules forbid to its removal
    Discord,
    /// The embedded system: size, start, memory at rest
    Whole,
}

/// One measured figure: a median, with what the rounds showed around it.
#[derive(Serialize)]
pub(crate) struct Figure {
    /// Such as `events.decode_us`.
    figure: String,
    value: f64,
    /// The median distance of the rounds from the median, in the same unit.
    spread: f64,
    unit: &'static str,
    goal: String,
    ok: bool,
}

// === impl Bench ===

impl Bench {
    const ALL: &[Self] = &[
        Self::Events,
        Self::Bus,
        Self::Store,
        Self::Api,
        Self::Policy,
        Self::Detect,
        Self::Telegram,
        Self::Pipeline,
        Self::Discord,
        Self::Whole,
    ];

    fn run(self, quick: bool) -> Result<Vec<Figure>> {
        match self {
            Self::Events => events::run(quick),
            Self::Bus => bus::run(quick),
            Self::Store => store::run(quick),
            Self::Api => api::run(quick),
            Self::Detect => detect::run(),
            Self::Policy => policy::run(quick),
            Self::Telegram => telegram::run(quick),
            Self::Pipeline => pipeline::run(quick),
            Self::Discord => discord::run(quick),
            Self::Whole => whole::run(quick),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let benches = args.name.as_ref().map_or(Bench::ALL, std::slice::from_ref);
    let mut all = Vec::new();
    let measure = |bench: Bench| match bench {
        Bench::Bus if args.peers => peers::bus(args.quick),
        Bench::Policy if args.peers => peers::policy(args.quick),
        _ if args.peers => {
            bail!("--peers belongs to the bus and to the rules: `cargo xtask bench bus --peers`")
        }
        bench => bench.run(args.quick),
    };
    for bench in benches {
        let figures = measure(*bench)?;
        for figure in &figures {
            if args.json {
                println!(
                    "{}",
                    serde_json::to_string(figure).context("could not write a figure")?
                );
            } else {
                println!("{}", row(figure));
            }
        }
        all.push((*bench, figures));
    }
    if args.name.is_none() {
        let path = workspace::root().join("docs/BENCHMARKS.md");
        std::fs::write(&path, page(&all, args.quick)?)
            .with_context(|| format!("could not write {}", path.display()))?;
        eprintln!("bench: wrote docs/BENCHMARKS.md");
    }
    Ok(())
}

/// Where a measuring program finds the servers that are here.
fn servers(wanted: &[Server]) -> Result<Vec<(&'static str, OsString)>> {
    let machine = ThisMachine::new(workspace::target()?.join("testkit"));
    let mut found = Vec::new();
    for server in wanted {
        let binaries = choice::find_binaries(&machine, *server)?
            .with_context(|| format!("no {server:?} here: `cargo xtask test` obtains one"))?;
        eprintln!("bench: {server:?} {binaries}");
        let variable = match server {
            Server::Redis => names::TEST_REDIS_BIN,
            Server::Postgres => names::TEST_PG_BIN,
        };
        found.push((variable, binaries.path.into()));
    }
    Ok(found)
}

/// The median of the rounds, and the median distance from it.
fn median(rounds: &mut [f64]) -> (f64, f64) {
    let middle = |values: &mut [f64]| {
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        if values.len() % 2 == 1 {
            values[half]
        } else {
            f64::midpoint(values[half - 1], values[half])
        }
    };
    let value = middle(rounds);
    let mut distances: Vec<f64> = rounds.iter().map(|round| (round - value).abs()).collect();
    (value, middle(&mut distances))
}

fn row(figure: &Figure) -> String {
    let verdict = if figure.ok { "ok" } else { "MISSED" };
    format!(
        "{:<33} {:>10} ±{:<9} {:<6} goal {:<22} {verdict}",
        figure.figure,
        shown(figure.value, figure.value),
        shown(figure.spread, figure.value),
        figure.unit,
        figure.goal
    )
}

/// With as many places as a value of this size is worth.
fn shown(value: f64, size: f64) -> String {
    match size {
        1_000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn page(all: &[(Bench, Vec<Figure>)], quick: bool) -> Result<String> {
    let rounds = if quick { "Quick rounds" } else { "Full rounds" };
    let mut page = format!(
        "# Benchmarks\n\n\
        Written by `cargo xtask bench`, which measures anew: medians of interleaved rounds, and as their spread the median\n\
        distance of the rounds from them. What is only there to compare has no goal. {rounds}.\n\n\
        - Machine: {}\n- Built with: {}\n",
        machine(),
        version(Command::new("rustc").arg("--version")),
    );
    let system = ThisMachine::new(workspace::target()?.join("testkit"));
    for server in [Server::Redis, Server::Postgres] {
        if let Some(Binaries {
            version: (major, minor),
            ..
        }) = choice::find_binaries(&system, server)?
        {
            page += &format!("- {server:?}: {major}.{minor}\n");
        }
    }
    for (bench, figures) in all {
        let known = bench.to_possible_value();
        let (name, about) = known
            .as_ref()
            .map_or(("", None), |known| (known.get_name(), known.get_help()));
        page += &format!("\n## `{name}`\n\n");
        if let Some(about) = about {
            page += &format!("{about}.\n\n");
        }
        page += "| figure | median | spread | unit | goal | |\n|---|---:|---:|---|---|---|\n";
        for figure in figures {
            let verdict = match (figure.ok, figure.goal.as_str()) {
                (false, _) => "**missed**",
                (true, "to compare") => "",
                (true, _) => "met",
            };
            let name = figure.figure.split_once('.').map_or("", |(_, name)| name);
            page += &format!(
                "| `{name}` | {} | {} | {} | {} | {verdict} |\n",
                shown(figure.value, figure.value),
                shown(figure.spread, figure.value),
                figure.unit,
                figure.goal.replace('<', "\\<").replace('>', "\\>"),
            );
        }
    }
    Ok(page)
}

/// The processor and how many of them, where the system tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!(
        "{cores} cores, {}",
        model.map_or(std::env::consts::ARCH, |(_, name)| name)
    )
}

fn version(command: &mut Command) -> String {
    workspace::output(command).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_places_that_they_are_worth() {
        for (value, size, expected) in [
            (0.123_45, 0.123_45, "0.123"),
            (12.345, 12.345, "12.3"),
            (1_234.5, 1_234.5, "1234"),
            (3.21, 4_567.0, "3"),
        ] {
            assert_eq!(shown(value, size), expected);
        }
    }

    #[test]
    fn a_page_names_what_was_missed() {
        let figure = |name: &str, goal: &str, ok| Figure {
            figure: format!("store.{name}"),
            value: 4.0,
            spread: 0.5,
            unit: "ms",
            goal: goal.into(),
            ok,
        };
        let figures = vec![
            figure("page_ms", "<=2", false),
            figure("due_ms", "<=5", true),
            figure("one_ms", "to compare", true),
        ];
        let page = page(&[(Bench::Store, figures)], true).unwrap();
        for line in [
            "## `store`",
            r"| `page_ms` | 4.000 | 0.500 | ms | \<=2 | **missed** |",
            r"| `due_ms` | 4.000 | 0.500 | ms | \<=5 | met |",
            "| `one_ms` | 4.000 | 0.500 | ms | to compare |  |",
        ] {
            assert!(
                page.lines().any(|found| found == line),
                "{line} is missing:\n{page}"
            );
        }
    }

    #[test]
    fn medians_take_the_middle() {
        assert_eq!(median(&mut [5.0]), (5.0, 0.0));
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), (2.0, 1.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), (2.5, 1.0));
    }
}
