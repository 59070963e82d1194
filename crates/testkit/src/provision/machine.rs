//! What a machine has: the facts on which the choice of servers rests.

use crate::environment;
use crate::server::process::{self, User};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The questions that the choice asks. Answers may be slow, so each is asked only when it matters.
pub trait Machine {
    fn variable(&self, name: &str) -> Option<String>;

    /// The names in a folder; none when it is not there.
    fn entries(&self, folder: &Path) -> Vec<String>;

    /// What `program --version` prints, run as the user who would run the server. `None` when there is no such
    /// program, or it does not run.
    fn version(&self, program: &Path) -> Option<String>;

    /// The file behind links.
    fn behind_links(&self, program: &Path) -> PathBuf;

    /// Whether a program of this name is on the PATH.
    fn has(&self, program: &str) -> bool;

    /// What we may do to the machine.
    fn rights(&self) -> Rights;

    /// Whether a Docker engine answers.
    fn docker_answers(&self) -> bool;

    /// Where an earlier run unpacked servers, or this one may.
    fn downloads(&self) -> &Path;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    Root,
    /// `sudo` works without a password.
    Sudo,
    Own,
}

/// The machine we run on.
#[derive(Debug)]
pub struct ThisMachine {
    downloads: PathBuf,
}

// === impl ThisMachine ===

impl ThisMachine {
    pub fn new(downloads: PathBuf) -> ThisMachine {
        ThisMachine { downloads }
    }
}

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        environment::variable(name)
    }

    fn entries(&self, folder: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    fn version(&self, program: &Path) -> Option<String> {
        if !is_executable(program) {
            return None;
        }
        let mut command = process::clean_command(program, Path::new("/"));
        command.arg("--version");
        User::run(User::instead_of_root().as_ref(), &mut command);
        process::output_within(command, Duration::from_secs(10))
    }

    fn behind_links(&self, program: &Path) -> PathBuf {
        program.canonicalize().unwrap_or_else(|_| program.to_owned())
    }

    fn has(&self, program: &str) -> bool {
        let path = environment::variable("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program)))
    }

    fn rights(&self) -> Rights {
        if rustix::process::geteuid().is_root() {
            return Rights::Root;
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "true"]);
        let allowed = self.has("sudo") && process::output_within(sudo, Duration::from_secs(5)).is_some();
        if allowed { Rights::Sudo } else { Rights::Own }
    }

    fn docker_answers(&self) -> bool {
        let mut docker = Command::new("docker");
        docker.arg("info");
        self.has("docker") && process::output_within(docker, Duration::from_secs(3)).is_some()
    }

    fn downloads(&self) -> &Path {
        &self.downloads
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
