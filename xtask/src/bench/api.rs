//! The API under load, as measured by `cargo bench -p lockdown-backend --bench api`: each figure a median of rounds, beside
//! its goal. Reads are asked for by a tool that is not ours.

use super::Figure;
use super::measured::Goal::{AtLeast, AtMost, ToCompare};
use super::measured::Program;
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const API: Program = Program {
    bench: "api",
    figures: &[
        ("constant_per_s", "1/s", ToCompare),
        ("read_per_s", "1/s", ToCompare),
        ("read_ratio", "ratio", AtLeast(0.5)),
        ("ban_p50_ms_300", "ms", ToCompare),
        ("ban_p99_ms_300", "ms", AtMost(50.0)),
        ("overload_refused", "part", ToCompare),
        ("overload_p50_ratio", "ratio", AtMost(2.0)),
        ("live_clients", "count", AtLeast(2_000.0)),
        ("live_median_ms", "ms", AtMost(100.0)),
        ("live_kib_per_client", "KiB", AtMost(40.0)),
    ],
};

/// By either of these, the first that is here.
const TOOLS: [&str; 2] = ["oha", "wrk"];
/// As Debian has it, with the libraries that it needs.
const PACKAGES: [&str; 3] = ["wrk", "libluajit-5.1-2", "libluajit-5.1-common"];

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    let tool = tool()?;
    eprintln!("bench: {}", tool.display());
    API.run(quick, &[("LOCKDOWN_BENCH_LOAD", tool.into())])
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program is looked for where the shell looks"
)]
fn tool() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = TOOLS
        .iter()
        .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file());
    if let Some(found) = found {
        return Ok(found);
    }
    let folder = workspace::target()?.join("tools");
    let script = folder.join("wrk");
    if script.is_file() {
        return Ok(script);
    }
    eprintln!("bench: unpacking Debian's wrk into {}", folder.display());
    if let Err(error) = unpack(&folder, &script) {
        bail!(
            "there is no oha and no wrk, and Debian's wrk was not obtained ({error:#}): `cargo install oha` or \
             `apt-get install wrk` gets one"
        );
    }
    Ok(script)
}

/// Without any rights: the packages' files, and a script that finds its libraries among them.
fn unpack(folder: &Path, script: &Path) -> Result<()> {
    let root = folder.join("root");
    std::fs::create_dir_all(&root).with_context(|| format!("could not make {}", root.display()))?;
    workspace::output(
        Command::new("apt-get")
            .arg("download")
            .args(PACKAGES)
            .current_dir(folder),
    )?;
    let files = std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    for file in files {
        let path = file.context("could not list a folder")?.path();
        if path.extension().is_some_and(|end| end == "deb") {
            workspace::output(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&root))?;
        }
    }
    let root = root.display();
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH=\"$(echo {root}/usr/lib/*-linux-gnu*)\" exec {root}/usr/bin/wrk \"$@\"\n"
    );
    std::fs::write(script, text).with_context(|| format!("could not write {}", script.display()))?;
    std::fs::set_permissions(script, Permissions::from_mode(0o755))
        .with_context(|| format!("could not change {}", script.display()))?;
    // What does not run is not kept.
    let ran = Command::new(script).arg("-v").output();
    if !ran.is_ok_and(|ran| String::from_utf8_lossy(&ran.stdout).contains("wrk")) {
        std::fs::remove_file(script).with_context(|| format!("could not remove {}", script.display()))?;
        bail!("it does not run here");
    }
    Ok(())
}
