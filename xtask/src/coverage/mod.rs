//! `cargo xtask coverage`: which lines the tests reach, crate by crate, beside their goals.
//!
//! The tests are those of `cargo xtask test`, with its servers, built with the compiler's own counters in them. Only our
//! crates are: what they depend on stays as it was built, and so does what other commands built of ours. What a
//! process that was killed had counted is lost, so the figures are rather too low than too high.

mod lines;
mod tools;

use crate::{test, workspace};
use anyhow::{Context as _, Result, bail};
use lines::Lines;
use lockdown_testkit::server::interrupt::{Interrupt, Interrupted};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use tools::Tools;

/// What is promised, in percent of the lines. The others are shown to compare.
const GOALS: &[(&str, f64)] = &[("lockdown-moderation", 90.0), ("lockdown-store", 80.0)];

/// cargo runs it instead of rustc, for our crates alone.
const COMPILER: &str = "#!/bin/sh\nexec \"$@\" -C instrument-coverage\n";
/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
#[command(
    after_help = "Needs the LLVM tools of the compiler's own version: `rustup component add llvm-tools` is run when \
    they are missing, and tools on the PATH that are as new will do. The exit code is 1 when a test fails or a goal \
    is missed."
)]
pub(crate) struct Args {
    /// Only the tests and the lines of this package; may be given again
    #[arg(short, long = "package", value_name = "CRATE")]
    packages: Vec<String>,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What the tests reach of one crate.
#[derive(Serialize)]
struct Covered {
    /// Such as `coverage.lockdown-store`.
    figure: String,
    value: f64,
    unit: &'static str,
    goal: String,
    ok: bool,
    lines: usize,
    covered: usize,
}

/// A crate of the workspace.
struct Package {
    name: String,
    sources: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    ctrlc::set_handler(move || raised.raise()).context("could not listen for Ctrl-C")?;
    match run_until(args, &interrupt) {
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted: the tests and their servers are stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
        outcome => outcome,
    }
}

fn run_until(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let packages = packages(&args.packages)?;
    let tools = Tools::find()?;
    let place = workspace::target()?.join("coverage");
    let compiler = prepare(&place)?;
    let variables = [
        ("RUSTC_WORKSPACE_WRAPPER", path(&compiler)?),
        // A few files for each program, into which its processes add up what they counted.
        ("LLVM_PROFILE_FILE", path(&place.join("counts/%4m.profraw"))?),
    ];
    let scope: Vec<&str> = packages
        .iter()
        .flat_map(|package| ["--package", &package.name])
        .collect();
    let tests = test::run_with(&[], &scope, &variables, interrupt)?;
    if tests != ExitCode::SUCCESS {
        eprintln!("error: the tests failed, so nothing is said of what they reach");
        return Ok(tests);
    }
    let programs = programs(&scope, &variables)?;
    let lines = Lines::read(&tools.lines(&place, &programs)?)?;
    let mut met = true;
    for package in &packages {
        let covered = Covered::of(package, &lines)?;
        met &= covered.ok;
        if args.json {
            println!(
                "{}",
                serde_json::to_string(&covered).context("could not write a figure")?
            );
        } else {
            println!("{}", covered.row());
        }
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Those that were named, or all that are part of LOCKDOWN itself.
fn packages(named: &[String]) -> Result<Vec<Package>> {
    let metadata = workspace::metadata()?;
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |member: &str| {
            package[member]
                .as_str()
                .context("cargo metadata names no packages")
        };
        let (name, manifest) = (text("name")?, Path::new(text("manifest_path")?));
        let wanted = if named.is_empty() {
            name != "xtask"
        } else {
            named.iter().any(|one| one == name)
        };
        if wanted {
            packages.push(Package {
                name: name.to_owned(),
                sources: manifest.with_file_name("src"),
            });
        }
    }
    let unknown = named
        .iter()
        .find(|one| !packages.iter().any(|package| package.name == **one));
    if let Some(unknown) = unknown {
        bail!("`{unknown}` is no package of the workspace");
    }
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// Makes room for what this run counts, and the program that stands in for the compiler.
fn prepare(place: &Path) -> Result<PathBuf> {
    let counts = place.join("counts");
    match std::fs::remove_dir_all(&counts) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("could not empty {}", counts.display()));
        }
        _ => {}
    }
    std::fs::create_dir_all(&counts).with_context(|| format!("could not make {}", counts.display()))?;
    // Tests run programs as another user, who counts, too.
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("could not open {}", path.display()))
    };
    open(&counts, 0o777)?;
    let compiler = place.join("compiler");
    std::fs::write(&compiler, COMPILER).with_context(|| format!("could not write {}", compiler.display()))?;
    open(&compiler, 0o755)?;
    Ok(compiler)
}

/// What was built for the tests, as cargo tells it.
fn programs(scope: &[&str], variables: &[(&'static str, String)]) -> Result<BTreeSet<PathBuf>> {
    let mut cargo = workspace::cargo();
    cargo
        .args(["test", "--no-run", "--quiet", "--message-format", "json"])
        .args(scope)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let mut programs = BTreeSet::new();
    for line in workspace::output(&mut cargo)?.lines() {
        let told: Value = serde_json::from_str(line).with_context(|| format!("cargo printed `{line}`"))?;
        programs.extend(told["executable"].as_str().map(PathBuf::from));
    }
    Ok(programs)
}

fn path(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Runs one of the tools.
fn output(tool: &Path, arguments: &mut dyn FnMut(&mut Command)) -> Result<String> {
    let mut command = Command::new(tool);
    arguments(&mut command);
    workspace::output(&mut command)
}

// === impl Covered ===

impl Covered {
    fn of(package: &Package, lines: &Lines) -> Result<Self> {
        let (lines, covered) = lines.under(&package.sources)?;
        if lines == 0 {
            bail!("the tools tell nothing of {}", package.sources.display());
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a crate has fewer lines than a float counts exactly"
        )]
        let percent = covered as f64 * 100.0 / lines as f64;
        let goal = GOALS
            .iter()
            .find_map(|(name, goal)| (*name == package.name).then_some(*goal));
        Ok(Self {
            figure: format!("coverage.{}", package.name),
            value: percent,
            unit: "%",
            goal: goal.map_or("to compare".to_owned(), |goal| format!(">={goal}")),
            ok: goal.is_none_or(|goal| percent >= goal),
            lines,
            covered,
        })
    }

    fn row(&self) -> String {
        let verdict = if self.ok { "ok" } else { "MISSED" };
        format!(
            "{:<33} {:>6.1} % {:>6} of {:>6} lines   goal {:<12} {verdict}",
            self.figure, self.value, self.covered, self.lines, self.goal
        )
    }
}
