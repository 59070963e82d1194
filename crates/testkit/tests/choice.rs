//! The order in which servers are looked for, on machines that are lists of facts.

use lockdown_testkit::provision::choice::{
    Binaries, Choice, Finding, Manager, Packages, Server, advice, choose, find_binaries,
};
use lockdown_testkit::provision::machine::{Machine, Rights};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A machine as it is described. Without a word about it, it has nothing.
#[derive(Default)]
struct Facts {
    variables: BTreeMap<&'static str, &'static str>,
    /// Programs that run, and what they print.
    programs: BTreeMap<PathBuf, &'static str>,
    links: BTreeMap<PathBuf, PathBuf>,
    managers: BTreeSet<&'static str>,
    sudo: bool,
    root: bool,
    docker: bool,
    asked_docker: Cell<bool>,
}

impl Facts {
    fn variable(mut self, name: &'static str, value: &'static str) -> Facts {
        self.variables.insert(name, value);
        self
    }

    fn redis(mut self, path: &str, version: &'static str) -> Facts {
        self.programs.insert(path.into(), version);
        self
    }

    fn postgres(mut self, folder: &str, version: &'static str) -> Facts {
        self.programs.insert(Path::new(folder).join("postgres"), version);
        self.programs.insert(Path::new(folder).join("initdb"), version);
        self
    }

    fn manager(mut self, program: &'static str) -> Facts {
        self.managers.insert(program);
        self
    }

    #[cfg(test)]
    fn choose(&self, server: Server) -> Finding {
        choose(self, server, Packages::Untried).unwrap()
    }
}

impl Machine for Facts {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn entries(&self, folder: &Path) -> Vec<String> {
        let below = |path: &PathBuf| {
            let name = path.strip_prefix(folder).ok()?.iter().next()?;
            Some(name.to_str()?.to_owned())
        };
        self.programs
            .keys()
            .filter_map(below)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn version(&self, program: &Path) -> Option<String> {
        self.programs.get(program).map(|version| (*version).to_owned())
    }

    fn behind_links(&self, program: &Path) -> PathBuf {
        self.links
            .get(program)
            .cloned()
            .unwrap_or_else(|| program.to_owned())
    }

    fn has(&self, program: &str) -> bool {
        self.managers.contains(program)
    }

    fn rights(&self) -> Rights {
        match (self.root, self.sudo) {
            (true, _) => Rights::Root,
            (false, true) => Rights::Sudo,
            (false, false) => Rights::Own,
        }
    }

    fn docker_answers(&self) -> bool {
        self.asked_docker.set(true);
        self.docker
    }

    fn downloads(&self) -> &Path {
        Path::new("/src/target/testkit")
    }
}

const REDIS_7: &str = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1";
const REDIS_6: &str = "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=a";
const VALKEY_8: &str = "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1";
const PG_13: &str = "postgres (PostgreSQL) 13.16 (Debian 13.16-0+deb11u1)";
const PG_15: &str = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
const PG_17: &str = "postgres (PostgreSQL) 17.2";
const PG_19: &str = "postgres (PostgreSQL) 19beta1";

#[track_caller]
fn check_path(facts: &Facts, server: Server, expected: &str, version: (u32, u32)) {
    match facts.choose(server).choice {
        Choice::Binaries(Binaries {
            path, version: found, ..
        }) => {
            assert_eq!((path.as_path(), found), (Path::new(expected), version));
        }
        other => panic!("expected binaries at {expected}, not {other:?}"),
    }
}

#[track_caller]
fn check(facts: &Facts, server: Server, expected: &Choice) {
    assert_eq!(&facts.choose(server).choice, expected);
}

#[test]
fn a_url_comes_before_everything_and_only_for_its_own_server() {
    let facts = Facts::default()
        .variable("LOCKDOWN_TEST_REDIS_URL", "redis://elsewhere")
        .variable("LOCKDOWN_REDIS_BIN", "/opt/redis-server")
        .variable("PATH", "/usr/bin")
        .redis("/opt/redis-server", REDIS_7)
        .postgres("/usr/bin", PG_15);
    let url = Choice::Url {
        url: "redis://elsewhere".to_owned(),
        variable: "LOCKDOWN_TEST_REDIS_URL",
    };
    check(&facts, Server::Redis, &url);
    check_path(&facts, Server::Postgres, "/usr/bin", (15, 18));
    // The tests that kill a Redis of their own still find one.
    let binaries = find_binaries(&facts, Server::Redis).unwrap().unwrap();
    assert_eq!(binaries.path, Path::new("/opt/redis-server"));
}

#[test]
fn binaries_that_were_asked_for_are_used_or_refused() {
    let facts = Facts::default()
        .variable("LOCKDOWN_PG_BIN", "/opt/pg13")
        .variable("LOCKDOWN_REDIS_BIN", "/opt/nothing")
        .variable("PATH", "/usr/bin")
        .postgres("/opt/pg13", PG_13)
        .postgres("/usr/bin", PG_17)
        .redis("/usr/bin/redis-server", REDIS_7);
    // Old, but somebody wants it.
    check_path(&facts, Server::Postgres, "/opt/pg13", (13, 16));
    let error = format!(
        "{:#}",
        choose(&facts, Server::Redis, Packages::Untried).unwrap_err()
    );
    assert!(
        error.contains("LOCKDOWN_REDIS_BIN") && error.contains("/opt/nothing"),
        "{error}"
    );
}

#[test]
fn the_path_comes_before_the_usual_places_and_these_before_a_download() {
    let download = || {
        Facts::default()
            .variable("PATH", "relative:/home/me/bin:/usr/bin")
            .postgres("/src/target/testkit/bin", PG_15)
            .redis("/src/target/testkit/bin/redis-server", REDIS_7)
    };
    check_path(&download(), Server::Postgres, "/src/target/testkit/bin", (15, 18));
    check_path(
        &download(),
        Server::Redis,
        "/src/target/testkit/bin/redis-server",
        (7, 0),
    );

    let brew = || download().postgres("/opt/homebrew/opt/postgresql@17/bin", PG_17);
    check_path(
        &brew(),
        Server::Postgres,
        "/opt/homebrew/opt/postgresql@17/bin",
        (17, 2),
    );

    let red_hat = || {
        brew()
            .postgres("/usr/pgsql-15/bin", PG_15)
            .postgres("/usr/pgsql-17/bin", PG_17)
    };
    check_path(&red_hat(), Server::Postgres, "/usr/pgsql-17/bin", (17, 2));

    let debian = || {
        let facts = red_hat().postgres("/usr/lib/postgresql/9/bin", PG_13);
        facts
            .postgres("/usr/lib/postgresql/15/bin", PG_15)
            .postgres("/usr/lib/postgresql/19/bin", PG_19)
    };
    check_path(&debian(), Server::Postgres, "/usr/lib/postgresql/19/bin", (19, 0));

    let path = debian()
        .postgres("/home/me/bin", PG_15)
        .redis("/home/me/bin/valkey-server", VALKEY_8);
    check_path(&path, Server::Postgres, "/home/me/bin", (15, 18));
    check_path(&path, Server::Redis, "/home/me/bin/valkey-server", (8, 0));
}

#[test]
fn another_program_by_the_name_is_passed_over() {
    let facts = Facts::default()
        .variable("PATH", "/home/me/bin:/usr/bin")
        .redis("/home/me/bin/redis-server", "a wrapper 9.1")
        .redis("/usr/bin/redis-server", REDIS_7);
    check_path(&facts, Server::Redis, "/usr/bin/redis-server", (7, 0));
    assert_eq!(
        facts.choose(Server::Redis).passed_over,
        ["/home/me/bin/redis-server: it is no Redis"]
    );
}

#[test]
fn half_an_installation_is_passed_over() {
    let mut facts = Facts::default()
        .variable("PATH", "/usr/bin")
        .postgres("/usr/lib/postgresql/15/bin", PG_15);
    facts.programs.insert("/usr/bin/postgres".into(), PG_17);
    check_path(&facts, Server::Postgres, "/usr/lib/postgresql/15/bin", (15, 18));
    let passed_over = facts.choose(Server::Postgres).passed_over.join("\n");
    assert!(
        passed_over.contains("/usr/bin") && passed_over.contains("initdb"),
        "{passed_over}"
    );
}

#[test]
fn links_lead_to_the_folder_with_all_programs() {
    let facts = || {
        Facts::default()
            .variable("PATH", "/usr/local/bin")
            .postgres("/usr/local/bin", PG_15)
    };
    let mut linked = facts().postgres("/usr/lib/postgresql/15/bin", PG_15);
    linked.links.insert(
        "/usr/local/bin/postgres".into(),
        "/usr/lib/postgresql/15/bin/postgres".into(),
    );
    check_path(&linked, Server::Postgres, "/usr/lib/postgresql/15/bin", (15, 18));

    let mut alone = facts();
    alone
        .links
        .insert("/usr/local/bin/postgres".into(), "/opt/only/postgres".into());
    check_path(&alone, Server::Postgres, "/usr/local/bin", (15, 18));
}

#[test]
fn an_old_server_is_better_than_none_and_worse_than_anything_else() {
    let facts = |managers: bool, docker: bool| {
        let mut facts = Facts::default()
            .variable("PATH", "/usr/bin")
            .redis("/usr/bin/redis-server", REDIS_6);
        facts.root = true;
        facts.docker = docker;
        if managers { facts.manager("apt-get") } else { facts }
    };
    check(
        &facts(true, true),
        Server::Redis,
        &Choice::Install(Manager::Apt { sudo: false }),
    );
    check(&facts(false, true), Server::Redis, &Choice::Docker);
    check_path(
        &facts(false, false),
        Server::Redis,
        "/usr/bin/redis-server",
        (6, 0),
    );
    let passed_over = facts(false, false).choose(Server::Redis).passed_over.join("\n");
    assert!(passed_over.contains("older than 7"), "{passed_over}");
}

#[test]
fn the_package_manager_follows_the_rights() {
    #[track_caller]
    fn check_manager(facts: Facts, root: bool, sudo: bool, expected: Option<Manager>) {
        let facts = Facts { root, sudo, ..facts };
        check(
            &facts,
            Server::Redis,
            &expected.map_or(Choice::Nothing, Choice::Install),
        );
    }
    let apt = || Facts::default().manager("apt-get").manager("dpkg-deb");
    check_manager(apt(), true, false, Some(Manager::Apt { sudo: false }));
    check_manager(apt(), false, true, Some(Manager::Apt { sudo: true }));
    check_manager(apt(), false, false, Some(Manager::AptUnpacked));
    check_manager(Facts::default().manager("apt-get"), false, false, None);

    let brew = || Facts::default().manager("brew");
    check_manager(brew(), false, false, Some(Manager::Brew));
    check_manager(brew(), true, false, None);

    let dnf = || Facts::default().manager("dnf");
    check_manager(dnf(), true, false, Some(Manager::Dnf { sudo: false }));
    check_manager(dnf(), false, true, Some(Manager::Dnf { sudo: true }));
    check_manager(dnf(), false, false, None);
}

#[test]
fn docker_is_asked_only_when_packages_are_no_way() {
    let facts = Facts {
        root: true,
        docker: true,
        ..Facts::default().manager("apt-get")
    };
    check(
        &facts,
        Server::Postgres,
        &Choice::Install(Manager::Apt { sudo: false }),
    );
    assert!(
        !facts.asked_docker.get(),
        "a question that may take seconds was asked without need"
    );
    let tried = choose(&facts, Server::Postgres, Packages::Tried).unwrap();
    assert_eq!(tried.choice, Choice::Docker);
}

#[test]
fn with_nothing_at_hand_the_advice_is_a_command() {
    let nothing = Facts::default();
    check(&nothing, Server::Redis, &Choice::Nothing);
    let text = advice(&nothing, &[Server::Redis]);
    assert!(
        text.contains("LOCKDOWN_TEST_REDIS_URL") && text.contains("--embedded-only"),
        "{text}"
    );
    assert!(text.starts_with("install Redis 7 or newer and"), "{text}");
    assert!(!text.contains("LOCKDOWN_TEST_PG_URL"), "{text}");

    let arch = Facts::default().manager("pacman");
    let text = advice(&arch, &[Server::Redis, Server::Postgres]);
    assert!(
        text.contains("`sudo pacman -S --needed valkey postgresql`"),
        "{text}"
    );
    let root = Facts { root: true, ..arch };
    assert!(advice(&root, &[Server::Redis]).contains("`pacman -S --needed valkey`"));
}
