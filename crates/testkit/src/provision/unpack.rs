//! Servers without any rights: Debian packages, unpacked into a folder of ours.
//!
//! `root` in that folder gets the packages' files, `bin` a script for each program, which sets the library path and
//! hands over to it. Packages come with apt's own checks of their origin.

use super::install::finish;
use super::machine::Machine;
use crate::server::interrupt::Interrupt;
use anyhow::{Context as _, ensure};
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The system's loader goes with the system's C library, never with another one.
const NEVER: [&str; 3] = ["libc6", "libc-bin", "locales"];

const SYSTEM_LISTS: &str = "/var/lib/apt/lists";

/// Which packages there are: as the system knows it, or asked anew into our folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    System,
    Own,
}

struct Apt<'a> {
    lists: Lists,
    folder: &'a Path,
    interrupt: &'a Interrupt,
}

/// Obtains the packages with all they need beyond what the system has.
pub(crate) fn unpack(machine: &dyn Machine, packages: &[&str], interrupt: &Interrupt) -> anyhow::Result<()> {
    let folder = machine.downloads();
    create_folder(folder)?;
    let folder = &folder
        .canonicalize()
        .with_context(|| format!("{} is gone again", folder.display()))?;
    // Another run may be at it.
    let lock = File::create(folder.join("lock")).context("could not create a lock")?;
    lock.lock().context("could not wait for another run")?;

    let lists_are_here = machine
        .entries(Path::new(SYSTEM_LISTS))
        .iter()
        .any(|name| name.contains("_Packages"));
    if lists_are_here {
        let outcome = Apt {
            lists: Lists::System,
            folder,
            interrupt,
        }
        .obtain(packages);
        interrupt.check()?;
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("  {error:#}: trying again with newer package lists"),
        }
    }
    Apt {
        lists: Lists::Own,
        folder,
        interrupt,
    }
    .obtain(packages)
}

// === impl Apt ===

impl Apt<'_> {
    fn obtain(&self, packages: &[&str]) -> anyhow::Result<()> {
        if self.lists == Lists::Own {
            create_folder(&self.folder.join("lists/partial"))?;
            create_folder(&self.folder.join("cache/archives/partial"))?;
            eprintln!("+ apt-get update    (into {})", self.folder.display());
            finish(self.command(&["update"]), self.interrupt)?;
        }
        let wanted = self.missing(packages)?;
        let archives = self.folder.join("archives");
        if archives.exists() {
            std::fs::remove_dir_all(&archives).context("could not remove an earlier download")?;
        }
        create_folder(&archives)?;
        eprintln!(
            "+ apt-get download {}    (into {})",
            wanted.join(" "),
            archives.display()
        );
        let mut download = self.command(&["download"]);
        download.args(&wanted).current_dir(&archives);
        finish(download, self.interrupt)?;

        let root = self.folder.join("root");
        create_folder(&root)?;
        eprintln!("+ dpkg-deb -x … {}", root.display());
        for package in paths_in(&archives)? {
            let mut extract = Command::new("dpkg-deb");
            extract.arg("-x").arg(&package).arg(&root);
            finish(extract, self.interrupt)?;
        }
        write_scripts(self.folder)?;
        std::fs::remove_dir_all(&archives).context("could not remove the downloaded packages")
    }

    /// `name=version` of everything that an installation would add.
    fn missing(&self, packages: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut simulate = self.command(&["-s", "install", "--no-install-recommends"]);
        let output = simulate
            .args(packages)
            .env("LC_ALL", "C")
            .output()
            .context("could not run apt-get")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "apt-get cannot install {}: {}",
            packages.join(" "),
            errors.trim()
        );
        let wanted = parse_simulation(&String::from_utf8_lossy(&output.stdout));
        ensure!(
            !wanted.is_empty(),
            "{} installed, though no usable server was found",
            packages.join(" and ")
        );
        Ok(wanted)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("apt-get");
        command
            .stdin(std::process::Stdio::null())
            .args(["-o", "Debug::NoLocking=true"]);
        if self.lists == Lists::Own {
            let option = |name: &str, folder: &str| format!("{name}={}", self.folder.join(folder).display());
            command.args([
                "-o",
                &option("Dir::State::lists", "lists"),
                "-o",
                &option("Dir::Cache", "cache"),
            ]);
        }
        command.args(arguments);
        command
    }
}

/// Lines such as `Inst libssl3 [3.0.1] (3.0.2 Debian:12/stable [amd64])`; the old version is there for an upgrade.
fn parse_simulation(text: &str) -> Vec<String> {
    let package = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
        let version = rest.split_once('(')?.1.split_whitespace().next()?;
        (!NEVER.contains(&name)).then(|| format!("{name}={version}"))
    };
    text.lines().filter_map(package).collect()
}

/// A script in `bin` for every program in the folders that hold servers.
fn write_scripts(folder: &Path) -> anyhow::Result<()> {
    let root = folder.join("root");
    let mut libraries = vec!["usr/lib".to_owned()];
    for parent in ["usr/lib", "lib"] {
        for path in paths_in(&root.join(parent))? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.contains("-linux-") {
                libraries.push(format!("{parent}/{name}"));
            }
        }
    }
    let mut programs = Vec::new();
    for path in paths_in(&root.join("usr/bin"))? {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with("redis-") || name.starts_with("valkey-") {
            programs.push(path);
        }
    }
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = paths_in(&root.join("usr/lib/postgresql"))?;
    if let Some(newest) = versions
        .into_iter()
        .filter(|path| number(path).is_some())
        .max_by_key(number)
    {
        programs.extend(paths_in(&newest.join("bin"))?);
    }
    create_folder(&folder.join("bin"))?;
    for program in programs {
        let place = program
            .strip_prefix(&root)
            .context("a program outside of its root")?;
        let script = folder
            .join("bin")
            .join(place.file_name().context("a program without a name")?);
        std::fs::write(&script, script_for(place, &libraries))
            .and_then(|()| std::fs::set_permissions(&script, Permissions::from_mode(0o755)))
            .with_context(|| format!("could not write {}", script.display()))?;
    }
    Ok(())
}

/// `exec` keeps the process id, which is the one we signal. Paths are relative, so the folder may be moved.
fn script_for(program: &Path, libraries: &[String]) -> String {
    let libraries: Vec<_> = libraries
        .iter()
        .map(|library| format!("$root/{library}"))
        .collect();
    format!(
        "#!/bin/sh\nroot=$(cd \"$(dirname \"$0\")/../root\" && pwd) || exit 127\n\
         export LD_LIBRARY_PATH=\"{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\nexec \"$root/{}\" \"$@\"\n",
        libraries.join(":"),
        program.display()
    )
}

fn create_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("could not create {}", path.display()))
}

/// What is in a folder, in order; nothing when it is not there.
fn paths_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", folder.display())),
    };
    let paths: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.with_context(|| format!("could not read {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_names_what_is_missing() {
        let text = "Reading package lists...\n\
                    Inst libjemalloc2 (5.3.0-1 Debian:12.11/oldstable [amd64])\n\
                    Inst libc6 [2.36-9+deb12u9] (2.36-9+deb12u10 Debian:12.11/oldstable [amd64])\n\
                    Inst tzdata [2024a-0] (2025b-0+deb12u1 Debian:12.11/oldstable [all]) []\n\
                    Conf libjemalloc2 (5.3.0-1 Debian:12.11/oldstable [amd64])\n";
        assert_eq!(
            parse_simulation(text),
            ["libjemalloc2=5.3.0-1", "tzdata=2025b-0+deb12u1"]
        );
    }
}
