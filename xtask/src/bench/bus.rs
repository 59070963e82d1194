//! The bus end to end, as measured by `cargo bench -p lockdown-bus --bench bus`: each figure a median of rounds, beside
//! its goal.

use super::{Figure, median};
use crate::workspace;
use anyhow::{Context, Result, bail};
use lockdown_testkit::names;
use lockdown_testkit::provision::choice::{self, Server};
use lockdown_testkit::provision::machine::ThisMachine;
use serde::Deserialize;
use std::collections::HashMap;

/// One figure of one round.
#[derive(Deserialize)]
struct Measured {
    figure: String,
    value: f64,
}

pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    ToCompare,
}
use Goal::{AtLeast, AtMost, ToCompare};

/// What is measured, in the order of the report. `embedded_eps` and everything in µs of CPU depend on the machine;
/// the goals are those of two ordinary cores.
const FIGURES: &[(&str, &str, Goal)] = &[
    ("xadd_eps", "1/s", ToCompare),
    ("durable_eps", "1/s", ToCompare),
    ("durable_ratio", "ratio", AtLeast(0.33)),
    ("durable_live_ratio", "ratio", AtLeast(0.24)),
    ("vs_awaited_publish_ratio", "ratio", AtLeast(5.0)),
    ("vs_64_awaited_publishes_ratio", "ratio", ToCompare),
    ("always_ratio", "ratio", AtLeast(0.5)),
    ("p50_ms_10k", "ms", AtMost(0.7)),
    ("p99_ms_10k", "ms", AtMost(3.0)),
    ("p99_ms_1k", "ms", AtMost(4.0)),
    ("cpu_us", "us", AtMost(14.0)),
    ("cpu_us_client", "us", ToCompare),
    ("cpu_us_server", "us", ToCompare),
    ("redis_bytes_per_event", "B", AtMost(520.0)),
    ("consumer_mib_1m_pending", "MiB", ToCompare),
    ("embedded_eps", "1/s", AtLeast(100_000.0)),
    ("embedded_p99_ms_10k", "ms", AtMost(5.0)),
    ("embedded_cpu_us", "us", ToCompare),
];

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    let words: &[String] = if quick { &["quick".to_owned()] } else { &[] };
    let mut rounds = measure(words)?;
    FIGURES
        .iter()
        .map(|(name, unit, goal)| figure(&mut rounds, name, unit, goal))
        .collect()
}

/// What the bench told when it was asked with these words: each figure's rounds.
pub(super) fn measure(words: &[String]) -> Result<HashMap<String, Vec<f64>>> {
    let target = workspace::target()?;
    let redis = choice::find_binaries(&ThisMachine::new(target.join("testkit")), Server::Redis)?
        .context("no Redis here: `cargo xtask test` obtains one")?;
    eprintln!("bench: Redis {redis}");
    // On the disk of the build's output: a folder for temporary files may lie in memory.
    let data = target.join("bench");
    std::fs::create_dir_all(&data).with_context(|| format!("could not make {}", data.display()))?;
    let mut bench = workspace::cargo();
    bench
        .args([
            "bench",
            "--quiet",
            "--package",
            "lockdown-bus",
            "--bench",
            "bus",
            "--",
        ])
        .args(words)
        .env(names::TEST_REDIS_BIN, &redis.path)
        .env(names::TEST_DIR, &data);
    let mut rounds: HashMap<String, Vec<f64>> = HashMap::new();
    for line in workspace::output(&mut bench)?.lines() {
        let Measured { figure, value } =
            serde_json::from_str(line).with_context(|| format!("the bench printed `{line}`"))?;
        rounds.entry(figure).or_default().push(value);
    }
    Ok(rounds)
}

/// A figure's median beside its goal.
pub(super) fn figure(
    rounds: &mut HashMap<String, Vec<f64>>,
    name: &str,
    unit: &'static str,
    goal: &Goal,
) -> Result<Figure> {
    let Some(mut rounds) = rounds.remove(name) else {
        bail!("the bench told nothing of {name}");
    };
    let (value, spread) = median(&mut rounds);
    Ok(Figure {
        figure: format!("bus.{name}"),
        value,
        spread,
        unit,
        goal: goal.to_string(),
        ok: goal.is_met(value),
    })
}

// === impl Goal ===

impl Goal {
    fn is_met(&self, value: f64) -> bool {
        match self {
            AtLeast(least) => value >= *least,
            AtMost(most) => value <= *most,
            ToCompare => true,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AtLeast(least) => write!(f, ">={least}"),
            AtMost(most) => write!(f, "<={most}"),
            ToCompare => f.write_str("to compare"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_from_their_side() {
        assert!(AtLeast(0.33).is_met(0.33) && !AtLeast(0.33).is_met(0.32));
        assert!(AtMost(3.0).is_met(3.0) && !AtMost(3.0).is_met(3.1));
        assert_eq!(AtLeast(0.33).to_string(), ">=0.33");
    }
}
