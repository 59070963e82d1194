//! What a measuring program prints, a figure of one round on each line, and how it is judged.

use super::{Figure, median};
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use lockdown_testkit::names;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;

/// A `[[bench]]` of the workspace that measures by itself.
pub(super) struct Program {
    pub(super) bench: &'static str,
    /// In the order of the report: name, unit and goal.
    pub(super) figures: &'static [(&'static str, &'static str, Goal)],
}

pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    ToCompare,
}
use Goal::{AtLeast, AtMost, ToCompare};

/// One figure of one round.
#[derive(Deserialize)]
struct Measured {
    figure: String,
    value: f64,
}

// === impl Program ===

impl Program {
    pub(super) fn run(&self, quick: bool, servers: &[(&str, OsString)]) -> Result<Vec<Figure>> {
        let words: &[String] = if quick { &["quick".to_owned()] } else { &[] };
        let mut rounds = self.measure(words, servers)?;
        self.figures
            .iter()
            .map(|(name, unit, goal)| self.figure(&mut rounds, name, unit, goal))
            .collect()
    }

    /// What it told when it was asked with these words: each figure's rounds.
    pub(super) fn measure(
        &self,
        words: &[String],
        servers: &[(&str, OsString)],
    ) -> Result<HashMap<String, Vec<f64>>> {
        // On the disk of the build's output: a folder for temporary files may lie in memory.
        let data = workspace::target()?.join("bench");
        std::fs::create_dir_all(&data).with_context(|| format!("could not make {}", data.display()))?;
        let mut bench = workspace::cargo();
        bench
            // Of the whole workspace, or each package would have the others built with features of its own choice.
            .args(["bench", "--quiet", "--workspace", "--bench", self.bench, "--"])
            .args(words)
            .envs(servers.iter().map(|(name, value)| (name, value)))
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
        &self,
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
            figure: format!("{}.{name}", self.bench),
            value,
            spread,
            unit,
            goal: goal.to_string(),
            ok: goal.is_met(value),
        })
    }
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
