//! `cargo xtask check --api`: a running backend against its own document, by schemathesis, which is not ours.
//!
//! It is installed into `target/schemathesis`, from the registry, so this step needs the network; the backend is an example of
//! its crate, embedded, with a small town in a directory that is gone afterwards. Whatever is a 5xx, or is not what
//! `docs/openapi.json` says, fails. The cases are the same in every run, and bounded.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The version that this was written with: another one tries other things.
const VERSION: &str = "4.32.5";
/// What must hold of every answer. Left out are the checks that take each refusal for a fault: a cursor, a date or a rule file is
/// text to a schema, and most texts are none.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method";
/// Cases for each operation, of each kind.
const CASES: &str = "20";
const SEED: &str = "20261120";

/// The backend, until it is dropped.
struct Served {
    child: Child,
    address: String,
    token: String,
    data: PathBuf,
}

pub(super) fn run() -> Result<()> {
    let root = workspace::root();
    let program = install(&root)?;
    workspace::run(workspace::cargo().args(["build", "--quiet", "--workspace", "--example", "served"]))?;
    let served = Served::start(&root)?;
    eprintln!("check: api: asking {}", served.address);
    let mut asking = Command::new(program);
    asking
        // It keeps notes where it runs.
        .current_dir(&served.data)
        .arg("--config-file")
        .arg(root.join("xtask/schemathesis.toml"))
        .arg("run")
        .arg(root.join("docs/openapi.json"))
        .args(["--url", &served.address])
        .args(["--header", &format!("Authorization: Bearer {}", served.token)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", CASES, "--seed", SEED])
        .args([
            "--request-timeout",
            "35",
            "--continue-on-failure",
            "--warnings",
            "off",
        ]);
    workspace::run(&mut asking)
}

/// The program, in an environment of its own.
fn install(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/schemathesis").join(VERSION);
    let program = folder.join("bin/schemathesis");
    if !program.exists() {
        eprintln!(
            "check: api: installing schemathesis {VERSION} into {}",
            folder.display()
        );
        workspace::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("python3 with its venv module is needed")?;
        let mut pip = Command::new(folder.join("bin/pip"));
        workspace::run(pip.args(["install", "--quiet", &format!("schemathesis=={VERSION}")]))?;
    }
    Ok(program)
}

// === impl Served ===

impl Served {
    fn start(root: &Path) -> Result<Self> {
        let data = root
            .join("target")
            .join(format!("check-api-{:032x}", fastrand::u128(..)));
        std::fs::create_dir_all(&data).with_context(|| format!("could not make {}", data.display()))?;
        // Of this run alone, and on loopback.
        let token = format!("check-{:032x}", fastrand::u128(..));
        let log = std::fs::File::create(data.join("log")).context("could not make the log")?;
        let mut child = Command::new(root.join("target/debug/examples/served"))
            .current_dir(&data)
            .env("LOCKDOWN_DATA_DIR", &data)
            .env("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")
            .env("LOCKDOWN_ADMIN_TOKEN", &token)
            .env("LOCKDOWN_API_RATE", "1000000")
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("could not start the backend")?;
        let mut address = String::new();
        let out = child.stdout.take().context("the backend has no output")?;
        let read = BufReader::new(out).read_line(&mut address);
        let served = Self {
            child,
            address: address.trim().to_owned(),
            token,
            data,
        };
        read.context("could not read the backend's address")?;
        if served.address.is_empty() {
            let mut log = String::new();
            let file = std::fs::File::open(served.data.join("log"));
            file.and_then(|mut file| file.read_to_string(&mut log))
                .context("could not read the log")?;
            bail!("the backend did not start: {log}");
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It is of no use any more, whatever it is at.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
