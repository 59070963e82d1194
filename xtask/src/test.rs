//! `cargo xtask test`: real servers around the test run.

use anyhow::{Context as _, ensure};
use lockdown_testkit::names;
use lockdown_testkit::provision::{self, TestServers, machine::ThisMachine};
use lockdown_testkit::server::interrupt::{Interrupt, Interrupted};
use lockdown_testkit::server::process::{Farewell, Process};
use rustix::process::Signal;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// nextest gives its tests ten seconds to end.
const FAREWELL: Farewell = Farewell {
    signal: Signal::INT,
    grace: Duration::from_secs(15),
    orphaned: Signal::TERM,
};

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// What nextest says when no test was run.
const NO_TESTS: u8 = 4;

#[derive(clap::Args)]
#[command(
    after_help = "Real servers are started for the run, on free ports and in directories of their own, and are \
    gone after it. They come from, in this order: LOCKDOWN_TEST_REDIS_URL and LOCKDOWN_TEST_PG_URL; binaries \
    (LOCKDOWN_REDIS_BIN, a file, and LOCKDOWN_PG_BIN, a folder; the PATH; the usual places); the system's package \
    manager; Docker. What was chosen, and every command that changes the machine, is printed first."
)]
pub(crate) struct Args {
    /// Only tests whose name contains one of these
    filters: Vec<String>,

    /// Leave out, and list, the tests that need servers (those with `fleet` in their name)
    #[arg(long)]
    embedded_only: bool,

    /// Handed on to `cargo nextest run`, or to the test binaries where there is no nextest
    #[arg(last = true)]
    extra: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
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

/// As `cargo xtask test`, with more in the tests' environment.
pub(crate) fn run_with(
    filters: &[&str],
    extra: &[&str],
    variables: &[(&'static str, String)],
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let args = Args {
        filters: words(filters),
        embedded_only: false,
        extra: words(extra),
    };
    let variables = variables.iter().map(|(name, value)| (*name, value.into()));
    run_among(&args, variables.collect(), interrupt)
}

fn run_until(args: &Args, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    run_among(args, Vec::new(), interrupt)
}

fn run_among(
    args: &Args,
    variables: Vec<(&'static str, OsString)>,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let mut cargo = Cargo::new(interrupt)?;
    if args.embedded_only {
        cargo.environment.push((names::EMBEDDED_ONLY, "1".into()));
        cargo.list_left_out(args)?;
        return cargo.run_all(args);
    }
    let mut servers = obtain(interrupt)?;
    cargo.environment = servers.environment();
    cargo.environment.extend(variables);
    let code = cargo.run_all(args)?;
    let deaths = servers.deaths();
    for death in &deaths {
        eprintln!("error: while the tests ran, {death}");
    }
    Ok(if deaths.is_empty() || code != ExitCode::SUCCESS {
        code
    } else {
        ExitCode::FAILURE
    })
}

fn obtain(interrupt: &Interrupt) -> anyhow::Result<TestServers> {
    // Beside what cargo builds, wherever that is: `target/debug/xtask`.
    let program = std::env::current_exe().context("could not find ourselves")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("xtask lies in no target folder")?;
    provision::obtain(&ThisMachine::new(target.join("testkit")), interrupt)
}

/// Runs cargo with what the tests need in its environment.
struct Cargo<'a> {
    program: OsString,
    root: PathBuf,
    has_nextest: bool,
    environment: Vec<(&'static str, OsString)>,
    interrupt: &'a Interrupt,
}

// === impl Cargo ===

impl Cargo<'_> {
    fn new(interrupt: &Interrupt) -> anyhow::Result<Cargo<'_>> {
        let program = variable("CARGO").unwrap_or_else(|| "cargo".into());
        let package = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .parent()
            .context("xtask lies in no workspace")?
            .to_owned();
        let mut question = Command::new(&program);
        question.args(["nextest", "--version"]).current_dir(&root);
        let answer = question
            .stdin(Stdio::null())
            .output()
            .context("could not run cargo")?;
        Ok(Cargo {
            program,
            root,
            has_nextest: answer.status.success(),
            environment: Vec::new(),
            interrupt,
        })
    }

    fn run_all(&self, args: &Args) -> anyhow::Result<ExitCode> {
        let tests = if self.has_nextest {
            self.nextest(args)?
        } else {
            self.cargo_test(args)?
        };
        if tests != ExitCode::SUCCESS || args.is_narrowed() {
            return Ok(tests);
        }
        self.run(["test", "--doc", "--workspace"].map(OsString::from).into())
    }

    fn nextest(&self, args: &Args) -> anyhow::Result<ExitCode> {
        let mut words = vec!["nextest", "run"];
        words.extend(args.scope());
        let (_, others) = args.extra_by_kind();
        words.extend(args.filters.iter().map(String::as_str).chain(others));
        if args.embedded_only {
            // Unlike a filter expression, which would widen one among the extra arguments, this always narrows.
            if !args.extra.iter().any(|word| word == "--") {
                words.push("--");
            }
            words.extend(["--skip", "fleet"]);
        }
        self.run(words.into_iter().map(OsString::from).collect())
    }

    fn cargo_test(&self, args: &Args) -> anyhow::Result<ExitCode> {
        eprintln!("(cargo-nextest is not installed: running `cargo test`, which is slower to finish)");
        let mut words = vec!["test", "--tests"];
        words.extend(args.scope());
        words.push("--");
        words.extend(args.filters.iter().map(String::as_str));
        if args.embedded_only {
            words.extend(["--skip", "fleet"]);
        }
        // Some tests start an example, which `--tests` alone does not build.
        let examples = ["build", "--examples"].into_iter().chain(args.scope());
        let built = self.run(examples.map(OsString::from).collect())?;
        if built != ExitCode::SUCCESS {
            return Ok(built);
        }
        // Asked for a test that does not exist, the test binaries would call it a success.
        if !args.filters.is_empty() && self.list(&words, &["--list"])?.is_empty() {
            eprintln!("error: no test has {} in its name", args.filters.join(" or "));
            return Ok(ExitCode::from(NO_TESTS));
        }
        let (_, others) = args.extra_by_kind();
        words.extend(others.into_iter().filter(|word| *word != "--"));
        self.run(words.into_iter().map(OsString::from).collect())
    }

    fn list_left_out(&self, args: &Args) -> anyhow::Result<()> {
        let left_out = if self.has_nextest {
            let mut words = vec!["nextest", "list"];
            words.extend(args.scope());
            self.list(&words, &["--message-format", "oneline", "-E", "test(fleet)"])?
        } else {
            let mut words = vec!["test", "--tests"];
            words.extend(args.scope());
            self.list(&words, &["--", "fleet", "--list"])?
        };
        eprintln!(
            "WITHOUT SERVERS: {} tests that need Redis or Postgres are left out:",
            left_out.len()
        );
        for test in left_out {
            eprintln!("  {test}");
        }
        eprintln!("`cargo xtask test` runs them.");
        Ok(())
    }

    /// The names of the tests that cargo lists.
    fn list(&self, words: &[&str], how: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut command = self.command();
        command.args(words).args(how).stdout(Stdio::piped());
        let (status, text) = Process::start("cargo", command, FAREWELL)?.wait_with_output(self.interrupt)?;
        ensure!(status.success(), "could not list the tests ({status})");
        // The test binaries say `name: test`, nextest says `binary name`.
        let name = |line: &str| match self.has_nextest {
            true => Some(line.to_owned()),
            false => line.strip_suffix(": test").map(str::to_owned),
        };
        Ok(text.lines().filter_map(name).collect())
    }

    fn run(&self, words: Vec<OsString>) -> anyhow::Result<ExitCode> {
        let shown: Vec<_> = words.iter().map(|word| word.display().to_string()).collect();
        eprintln!("+ cargo {}", shown.join(" "));
        let mut command = self.command();
        command.args(words);
        let status = Process::start("the tests", command, FAREWELL)?.wait(self.interrupt)?;
        Ok(exit_code(status))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // A group of processes that is not the terminal's own may not read from it.
        command.current_dir(&self.root).stdin(Stdio::null());
        // What the caller's environment holds was for us; the tests get what we made of it.
        let ours = [
            names::TEST_REDIS_URL,
            names::TEST_PG_URL,
            names::TEST_REDIS_BIN,
            names::TEST_PG_BIN,
            names::TEST_DIR,
            names::EMBEDDED_ONLY,
        ];
        for name in ours {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

// === impl Args ===

impl Args {
    /// Which packages: all, unless the extra arguments name some.
    fn scope(&self) -> Vec<&str> {
        let (packages, _) = self.extra_by_kind();
        if packages.is_empty() {
            vec!["--workspace"]
        } else {
            packages
        }
    }

    /// The extra arguments that name packages, and the others.
    fn extra_by_kind(&self) -> (Vec<&str>, Vec<&str>) {
        let (mut packages, mut others) = (Vec::new(), Vec::new());
        let mut words = self.extra.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "-p" || word == "--package" {
                packages.push(word);
                packages.extend(words.next());
            } else if word.starts_with("--package=") {
                packages.push(word);
            } else {
                others.push(word);
            }
        }
        (packages, others)
    }

    /// Whether only some of the tests are wanted.
    fn is_narrowed(&self) -> bool {
        let (packages, others) = self.extra_by_kind();
        let filters = ["-E", "--filterset", "--filter-expr"];
        let is_filter =
            |word: &&str| filters.contains(&word.split_once('=').map_or(*word, |(option, _)| option));
        !self.filters.is_empty() || !packages.is_empty() || others.iter().any(is_filter)
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| Some(128 + status.signal()?))
        .and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to its subcommands through the environment"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
