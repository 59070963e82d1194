//! `cargo xtask bench`: the figures, each beside its goal.

mod bus;
mod events;
mod peers;
mod whole;

use crate::workspace;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt::Write;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this bench; without it all run and docs/BENCHMARKS.md is written
    name: Option<Bench>,
    /// Shorter rounds: the same figures, less certain
    #[arg(long)]
    quick: bool,
    /// Instead of the bus alone: BullMQ and apalis beside it, which come from npm and crates.io into target/peers
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
    const ALL: &[Self] = &[Self::Events, Self::Bus, Self::Whole];

    fn run(self, quick: bool) -> Result<Vec<Figure>> {
        match self {
            Self::Events => events::run(quick),
            Self::Bus => bus::run(quick),
            Self::Whole => whole::run(quick),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let benches = args.name.as_ref().map_or(Bench::ALL, std::slice::from_ref);
    let mut figures = Vec::new();
    if args.peers && !matches!(args.name, Some(Bench::Bus)) {
        bail!("--peers belongs to the bus: `cargo xtask bench bus --peers`");
    }
    for bench in benches {
        let measured = if args.peers {
            peers::run(args.quick)?
        } else {
            bench.run(args.quick)?
        };
        for figure in measured {
            if args.json {
                println!(
                    "{}",
                    serde_json::to_string(&figure).context("could not write a figure")?
                );
            } else {
                println!("{}", row(&figure));
            }
            figures.push(figure);
        }
    }
    if args.name.is_none() {
        let path = workspace::root().join("docs/BENCHMARKS.md");
        std::fs::write(&path, page(&figures, args.quick))
            .with_context(|| format!("could not write {}", path.display()))?;
        eprintln!("bench: wrote docs/BENCHMARKS.md");
    }
    Ok(())
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
        "{:<33} {:>10.3} ±{:<9.3} {:<6} goal {:<22} {verdict}",
        figure.figure, figure.value, figure.spread, figure.unit, figure.goal
    )
}

fn page(figures: &[Figure], quick: bool) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`: medians, with the median distance of the rounds from them.\n\n",
    );
    let rounds = if quick { "quick rounds" } else { "full rounds" };
    let mut push = |line: String| writeln!(page, "{line}").expect("a String takes every text");
    push(format!("Machine: {}; {}; {rounds}.\n", machine(), version()));
    push("| figure | median | spread | unit | goal | |\n|---|---:|---:|---|---|---|".to_owned());
    for figure in figures {
        let verdict = if figure.ok { "met" } else { "**missed**" };
        push(format!(
            "| `{}` | {:.3} | {:.3} | {} | {} | {verdict} |",
            figure.figure, figure.value, figure.spread, figure.unit, figure.goal
        ));
    }
    page
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

fn version() -> String {
    workspace::output(Command::new("rustc").arg("--version"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_take_the_middle() {
        assert_eq!(median(&mut [5.0]), (5.0, 0.0));
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), (2.0, 1.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), (2.5, 1.0));
    }
}
