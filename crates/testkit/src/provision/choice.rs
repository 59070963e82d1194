//! Which server to use, and why: a function of the machine's facts alone.
//!
//! In this order: a URL from the environment; binaries that are here; the package manager; Docker; and if nothing else
//! is to be had, binaries that are older than what LOCKDOWN supports.

use super::machine::{Machine, Rights};
use crate::environment::names;
use anyhow::Context as _;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Redis,
    Postgres,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Somebody else runs it.
    Url {
        url: String,
        variable: &'static str,
    },
    Binaries(Binaries),
    Install(Manager),
    Docker,
    Nothing,
}

/// A server that we can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// For Redis its file, for Postgres the folder of `initdb` and `postgres`.
    pub path: PathBuf,
    /// Major and minor.
    pub version: (u32, u32),
    /// How we came by it.
    pub origin: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// `apt-get install`, by sudo or as root.
    Apt {
        sudo: bool,
    },
    /// Debian packages, unpacked into a folder of ours: needs no rights.
    AptUnpacked,
    Brew,
    Dnf {
        sudo: bool,
    },
}

/// A choice, with what was looked at and passed over on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub choice: Choice,
    pub passed_over: Vec<String>,
}

/// Whether the package manager has had its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packages {
    Untried,
    Tried,
}

// === impl Server ===

impl Server {
    /// What DESIGN names as the oldest supported: Redis 7, Postgres 15.
    fn oldest(self) -> u32 {
        match self {
            Server::Redis => 7,
            Server::Postgres => 15,
        }
    }

    fn url_variable(self) -> &'static str {
        match self {
            Server::Redis => names::TEST_REDIS_URL,
            Server::Postgres => names::TEST_PG_URL,
        }
    }

    pub fn bin_variable(self) -> &'static str {
        match self {
            Server::Redis => names::REDIS_BIN,
            Server::Postgres => names::PG_BIN,
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Server::Redis => "Redis",
            Server::Postgres => "Postgres",
        })
    }
}

impl std::fmt::Display for Binaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) = self.version;
        write!(f, "{major}.{minor} at {}, {}", self.path.display(), self.origin)
    }
}

/// Fails only when somebody asked for a server that is not there: a wish is not silently replaced.
pub fn choose(machine: &dyn Machine, server: Server, packages: Packages) -> anyhow::Result<Finding> {
    let mut passed_over = Vec::new();
    if let Some(url) = machine.variable(server.url_variable()) {
        return Ok(Finding {
            choice: Choice::Url {
                url,
                variable: server.url_variable(),
            },
            passed_over,
        });
    }
    let (found, old) = find(machine, server, &mut passed_over)?;
    if let Some(found) = found {
        return Ok(Finding {
            choice: Choice::Binaries(found),
            passed_over,
        });
    }
    if packages == Packages::Untried
        && let Some(manager) = manager(machine)
    {
        return Ok(Finding {
            choice: Choice::Install(manager),
            passed_over,
        });
    }
    if machine.docker_answers() {
        return Ok(Finding {
            choice: Choice::Docker,
            passed_over,
        });
    }
    let choice = old.map_or(Choice::Nothing, Choice::Binaries);
    Ok(Finding { choice, passed_over })
}

/// The binaries for tests that start a server of their own, whatever serves the others.
pub fn find_binaries(machine: &dyn Machine, server: Server) -> anyhow::Result<Option<Binaries>> {
    let (found, old) = find(machine, server, &mut Vec::new())?;
    Ok(found.or(old))
}

/// The first that is new enough, and the first that is too old.
fn find(
    machine: &dyn Machine,
    server: Server,
    passed_over: &mut Vec<String>,
) -> anyhow::Result<(Option<Binaries>, Option<Binaries>)> {
    let variable = server.bin_variable();
    if let Some(path) = machine.variable(variable) {
        let path = PathBuf::from(path);
        let asked_for = || format!("{variable} is set to {}", path.display());
        let version = probe(machine, server, &path, &mut Vec::new())
            .with_context(|| match server {
                Server::Redis => "it is no redis-server or valkey-server that runs",
                Server::Postgres => "there is no initdb and postgres in it that run",
            })
            .with_context(asked_for)?;
        return Ok((
            Some(Binaries {
                path,
                version,
                origin: "asked for by the environment",
            }),
            None,
        ));
    }
    let mut old = None;
    for (path, origin) in candidates(machine, server) {
        let Some(version) = probe(machine, server, &path, passed_over) else {
            continue;
        };
        let binaries = Binaries {
            path: home(machine, server, path),
            version,
            origin,
        };
        if version.0 >= server.oldest() {
            return Ok((Some(binaries), old));
        }
        passed_over.push(format!("{binaries}: older than {}", server.oldest()));
        old = old.or(Some(binaries));
    }
    Ok((None, old))
}

const ON_PATH: &str = "found on the PATH";
const OF_SYSTEM: &str = "found where the system's packages put it";
const OF_BREW: &str = "found in Homebrew's folders";
const DOWNLOADED: &str = "unpacked from packages under the target folder";

/// Every place where the server may be, the best first.
fn candidates(machine: &dyn Machine, server: Server) -> Vec<(PathBuf, &'static str)> {
    let mut folders = Vec::new();
    let path = machine.variable("PATH").unwrap_or_default();
    folders.extend(
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|path| (path, ON_PATH)),
    );
    // Not on everybody's PATH.
    folders.extend(["/usr/bin", "/usr/sbin"].map(|folder| (PathBuf::from(folder), OF_SYSTEM)));
    if server == Server::Postgres {
        for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
            folders.extend(versions_in(machine, parent, prefix).map(|path| (path, OF_SYSTEM)));
        }
    }
    for brew in ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"] {
        folders.push((Path::new(brew).join("bin"), OF_BREW));
        if server == Server::Postgres {
            folders.extend(
                versions_in(machine, &format!("{brew}/opt"), "postgresql@").map(|path| (path, OF_BREW)),
            );
        }
    }
    folders.push((machine.downloads().join("bin"), DOWNLOADED));
    match server {
        Server::Postgres => folders,
        Server::Redis => {
            let programs = ["redis-server", "valkey-server"];
            let files =
                |(folder, origin): (PathBuf, _)| programs.map(|program| (folder.join(program), origin));
            folders.into_iter().flat_map(files).collect()
        }
    }
}

/// `parent/prefix*/bin` for every name that ends in a number, the highest first.
fn versions_in(machine: &dyn Machine, parent: &str, prefix: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let parent = PathBuf::from(parent);
    let numbered = |name: String| Some((name.strip_prefix(prefix)?.parse::<u32>().ok()?, name));
    let mut names: Vec<_> = machine
        .entries(&parent)
        .into_iter()
        .filter_map(numbered)
        .collect();
    names.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    names
        .into_iter()
        .map(move |(_, name)| parent.join(name).join("bin"))
}

/// The version of the server at this place, if a whole one is there.
fn probe(
    machine: &dyn Machine,
    server: Server,
    path: &Path,
    passed_over: &mut Vec<String>,
) -> Option<(u32, u32)> {
    let program = match server {
        Server::Redis => path.to_owned(),
        Server::Postgres => path.join("postgres"),
    };
    let text = machine.version(&program)?;
    // A folder with a server but without `initdb` is half an installation.
    if server == Server::Postgres && machine.version(&path.join("initdb")).is_none() {
        passed_over.push(format!("{}: it has no initdb that runs", path.display()));
        return None;
    }
    let version = parse_version(server, &text);
    if version.is_none() {
        passed_over.push(format!("{}: it is no {server}", program.display()));
    }
    version
}

/// A folder on the PATH may hold links to some of Postgres's programs; the folder behind them holds all. A Redis stays
/// as it is: one file behind several links, it goes by the name it is called by.
fn home(machine: &dyn Machine, server: Server, path: PathBuf) -> PathBuf {
    if server == Server::Redis {
        return path;
    }
    let behind = machine.behind_links(&path.join("postgres"));
    match behind.parent() {
        Some(folder) if machine.version(&folder.join("initdb")).is_some() => folder.to_owned(),
        _ => path,
    }
}

/// The version in `Redis server v=7.0.15 sha=…`, `Valkey server v=8.0.1 …`, `postgres (PostgreSQL) 15.18` or
/// `postgres (PostgreSQL) 18beta1`; none in what another program prints.
fn parse_version(server: Server, text: &str) -> Option<(u32, u32)> {
    let before = match server {
        Server::Redis => " server v=",
        Server::Postgres => "(PostgreSQL) ",
    };
    let (_, version) = text.split_once(before)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

fn manager(machine: &dyn Machine) -> Option<Manager> {
    if machine.has("apt-get") {
        return match machine.rights() {
            Rights::Root => Some(Manager::Apt { sudo: false }),
            Rights::Sudo => Some(Manager::Apt { sudo: true }),
            Rights::Own => machine.has("dpkg-deb").then_some(Manager::AptUnpacked),
        };
    }
    if machine.has("brew") {
        // Homebrew refuses root.
        return (machine.rights() != Rights::Root).then_some(Manager::Brew);
    }
    if machine.has("dnf") {
        return match machine.rights() {
            Rights::Root => Some(Manager::Dnf { sudo: false }),
            Rights::Sudo => Some(Manager::Dnf { sudo: true }),
            Rights::Own => None,
        };
    }
    None
}

/// What a person can do when we can do nothing.
pub fn advice(machine: &dyn Machine, missing: &[Server]) -> String {
    let package = |redis: &'static str, postgres: &'static str| {
        let name = |server: &Server| match server {
            Server::Redis => redis,
            Server::Postgres => postgres,
        };
        missing.iter().map(name).collect::<Vec<_>>()
    };
    let managers = [
        (
            "apt-get",
            "apt-get install -y --no-install-recommends",
            package("redis-server", "postgresql"),
        ),
        ("brew", "brew install", package("redis", "postgresql@17")),
        ("dnf", "dnf install -y", package("redis", "postgresql-server")),
        (
            "zypper",
            "zypper install -y",
            package("redis", "postgresql-server"),
        ),
        ("pacman", "pacman -S --needed", package("valkey", "postgresql")),
        ("apk", "apk add", package("redis", "postgresql")),
    ];
    let sudo = if machine.rights() == Rights::Root {
        ""
    } else {
        "sudo "
    };
    let install = match managers.into_iter().find(|(program, ..)| machine.has(program)) {
        Some(("brew", command, packages)) => format!("install it with `{command} {}`", packages.join(" ")),
        Some((_, command, packages)) => format!("install it with `{sudo}{command} {}`", packages.join(" ")),
        None => format!(
            "install {} or newer",
            package("Redis 7", "PostgreSQL 15").join(" and ")
        ),
    };
    let variables: Vec<_> = missing
        .iter()
        .map(|server| format!("{} or {}", server.url_variable(), server.bin_variable()))
        .collect();
    format!(
        "{install} and run this again; or set {}; or run the tests that need no server: `cargo xtask test --embedded-only`",
        variables.join(", and ")
    )
}
