//! Installing servers with the machine's own package manager.

use super::choice::{Manager, Server};
use super::machine::Machine;
use super::unpack;
use crate::server::interrupt::Interrupt;
use crate::server::process::{Farewell, Process};
use anyhow::{Context as _, ensure};
use rustix::process::Signal;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A package manager that is stopped in the middle leaves work for the next one, so it gets time to come to a stop.
const FAREWELL: Farewell = Farewell {
    signal: Signal::INT,
    grace: Duration::from_secs(60),
    orphaned: Signal::TERM,
};

/// Debian starts a service right after its installation, unless this file says no. We need the programs, not a server
/// on the usual port, so the file is there while we install, and only then. One that is not ours stays.
const APT_INSTALL: &str = r#"
policy=/usr/sbin/policy-rc.d
mark='made by `cargo xtask test` for one installation; may be removed'
if [ ! -e "$policy" ] || grep -qF "$mark" "$policy"; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"; }
update() { echo '+ apt-get update'; apt-get -o DPkg::Lock::Timeout=300 update; }
if ls /var/lib/apt/lists/ | grep -q _Packages; then
    install "$@" || { update && install "$@"; }
else
    update && install "$@"
fi
"#;

pub(crate) fn install(
    machine: &dyn Machine,
    manager: Manager,
    servers: &[Server],
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    match manager {
        Manager::Apt { sudo } => {
            let packages = debian_packages(servers);
            say(
                sudo,
                &format!(
                    "apt-get install -y --no-install-recommends {}",
                    packages.join(" ")
                ),
            );
            eprintln!(
                "  (with apt-get update when a package is not known, and without starting any service)"
            );
            let mut arguments = vec!["sh", "-c", APT_INSTALL, "install"];
            arguments.extend(packages);
            run(sudo, &arguments, interrupt)
        }
        Manager::AptUnpacked => unpack::unpack(machine, &debian_packages(servers), interrupt),
        Manager::Brew => {
            let mut arguments = vec!["brew", "install"];
            arguments.extend(servers.iter().map(|server| match server {
                Server::Redis => "redis",
                Server::Postgres => "postgresql@17",
            }));
            say(false, &arguments.join(" "));
            run(false, &arguments, interrupt)
        }
        Manager::Dnf { sudo } => {
            for server in servers {
                dnf(sudo, *server, interrupt)?;
            }
            Ok(())
        }
    }
}

fn debian_packages(servers: &[Server]) -> Vec<&'static str> {
    let package = |server: &Server| match server {
        Server::Redis => "redis-server",
        Server::Postgres => "postgresql",
    };
    servers.iter().map(package).collect()
}

/// Where Redis is no longer packaged, Valkey is.
fn dnf(sudo: bool, server: Server, interrupt: &Interrupt) -> anyhow::Result<()> {
    let packages: &[&str] = match server {
        Server::Redis => &["redis", "valkey"],
        Server::Postgres => &["postgresql-server"],
    };
    let mut outcome = Ok(());
    for package in packages {
        let arguments = ["dnf", "install", "-y", package];
        say(sudo, &arguments.join(" "));
        outcome = run(sudo, &arguments, interrupt);
        if outcome.is_ok() {
            break;
        }
        interrupt.check()?;
    }
    outcome
}

fn say(sudo: bool, command: &str) {
    eprintln!("+ {}{command}", if sudo { "sudo " } else { "" });
}

/// Runs it in view of the person, until it ends or they ask us to stop.
fn run(sudo: bool, arguments: &[&str], interrupt: &Interrupt) -> anyhow::Result<()> {
    let mut words = if sudo {
        vec!["sudo", "--non-interactive"]
    } else {
        Vec::new()
    };
    words.extend(arguments);
    let (program, arguments) = words.split_first().context("no program to run")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    finish(command, interrupt)
}

pub(crate) fn finish(command: Command, interrupt: &Interrupt) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let status = Process::start("the package manager", command, FAREWELL)?.wait(interrupt)?;
    ensure!(status.success(), "{program} failed ({status})");
    Ok(())
}
