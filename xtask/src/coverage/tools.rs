//! LLVM's tools: of the compiler's own version, since the form of what is counted changes with it.

use super::{output, path};
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

// === impl Tools ===

impl Tools {
    /// Those that came with the compiler, else obtained by rustup, else others on the PATH that are as new.
    pub(super) fn find() -> Result<Self> {
        let about = workspace::output(Command::new("rustc").arg("-vV"))?;
        let member = |name: &str| about.lines().find_map(|line| line.strip_prefix(name));
        let host = member("host: ").context("rustc tells no host")?;
        let llvm = member("LLVM version: ")
            .and_then(major)
            .context("rustc tells no version of LLVM")?;
        let sysroot = workspace::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let own = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(host)
            .join("bin");
        if let Some(tools) = Self::inside(&own) {
            return Ok(tools);
        }
        if workspace::answers(Command::new("rustup").arg("--version")) {
            eprintln!("+ rustup component add llvm-tools");
            let mut rustup = Command::new("rustup");
            rustup
                .args(["component", "add", "llvm-tools"])
                .current_dir(workspace::root());
            if let Err(error) = workspace::run(&mut rustup) {
                eprintln!("coverage: {error:#}");
            }
            if let Some(tools) = Self::inside(&own) {
                return Ok(tools);
            }
        }
        for suffix in [String::new(), format!("-{llvm}")] {
            let tools = Self {
                profdata: format!("llvm-profdata{suffix}").into(),
                cov: format!("llvm-cov{suffix}").into(),
            };
            if tools.version().is_some_and(|version| version >= llvm) {
                return Ok(tools);
            }
        }
        bail!(
            "no llvm-profdata and llvm-cov of LLVM {llvm} or newer here: run `rustup component add llvm-tools`, or \
             install your system's package of LLVM {llvm}"
        )
    }

    fn inside(folder: &Path) -> Option<Self> {
        let tools = Self {
            profdata: folder.join("llvm-profdata"),
            cov: folder.join("llvm-cov"),
        };
        (tools.profdata.exists() && tools.cov.exists()).then_some(tools)
    }

    /// The older of the two.
    fn version(&self) -> Option<u32> {
        let version = |tool: &Path| {
            let told = Command::new(tool).arg("--version").output().ok()?;
            let text = String::from_utf8(told.stdout).ok()?;
            major(text.split_once("LLVM version ")?.1)
        };
        Some(version(&self.profdata)?.min(version(&self.cov)?))
    }

    /// How often each line ran, in the form of lcov.
    pub(super) fn lines(&self, place: &Path, programs: &BTreeSet<PathBuf>) -> Result<String> {
        let counts = place.join("counts");
        let mut files = Vec::new();
        let entries =
            std::fs::read_dir(&counts).with_context(|| format!("could not list {}", counts.display()))?;
        for entry in entries {
            files.push(path(&entry.context("could not list what was counted")?.path())?);
        }
        let list = place.join("list");
        std::fs::write(&list, files.join("\n"))
            .with_context(|| format!("could not write {}", list.display()))?;
        let sum = place.join("sum.profdata");
        output(&self.profdata, &mut |command| {
            // A process that was killed may have left half a file, which is told and passed over.
            command
                .args(["merge", "--sparse", "--failure-mode=all", "--input-files"])
                .arg(&list)
                .arg("--output")
                .arg(&sum);
        })?;
        output(&self.cov, &mut |command| {
            command
                .args([
                    "export",
                    "--format=lcov",
                    "--skip-functions",
                    "--ignore-filename-regex=/(registry|rustc)/",
                    "--instr-profile",
                ])
                .arg(&sum);
            for program in programs {
                command.arg("--object").arg(program);
            }
        })
    }
}

/// The first number of a version.
fn major(version: &str) -> Option<u32> {
    version.trim().split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_begins_with_its_major() {
        assert_eq!(major("22.1.2-rust-1.95.0-stable"), Some(22));
        assert_eq!(major("git"), None);
    }
}
