//! `cargo xtask test` leaves nothing behind, however it ends.
//!
//! The servers are real. In the place of cargo stands a script, as a whole test run would take too long: it writes
//! down its environment and then does what the test wants.

#[cfg(test)]
mod fleet {
    use lockdown_testkit::{names, servers};
    use rustix::process::{Pid, Signal};
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, ExitStatus, Stdio};
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_secs(120);

    struct Run {
        child: Child,
        folder: tempfile::TempDir,
    }

    /// What a running xtask started.
    struct Started {
        processes: Vec<Pid>,
        variables: BTreeMap<String, String>,
    }

    // === impl Run ===

    impl Run {
        /// `tests` is what the script does when it is asked to run tests.
        fn start(tests: &str) -> Run {
            let folder = tempfile::tempdir().unwrap();
            // Postgres may run as another user, who has to get through.
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
            Run::start_in(folder, tests)
        }

        fn start_in(folder: tempfile::TempDir, tests: &str) -> Run {
            let cargo = folder.path().join("cargo");
            let note = folder.path().join("note");
            let _ = std::fs::remove_file(&note);
            let script = format!(
                "#!/bin/sh\n[ \"$2\" = --version ] && exit 0\nenv >{note}.new\necho \"OWN_PID=$$\" >>{note}.new\n\
                 mv {note}.new {note}\n{tests}\n",
                note = note.display()
            );
            std::fs::write(&cargo, script).unwrap();
            std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
            command
                .args(["test", "some_filter"])
                .env("CARGO", &cargo)
                .env("TMPDIR", folder.path());
            command
                .env_remove(names::TEST_REDIS_URL)
                .env_remove(names::TEST_PG_URL);
            command
                .env(names::REDIS_BIN, servers::redis_binary())
                .env(names::PG_BIN, servers::postgres_binaries());
            command
                .stdin(Stdio::null())
                .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap());
            Run {
                child: command.spawn().unwrap(),
                folder,
            }
        }

        /// Waits until the tests run.
        fn started(&mut self) -> Started {
            let note = self.folder.path().join("note");
            let start = Instant::now();
            while !note.exists() {
                assert!(start.elapsed() < LIMIT, "no tests were run: {}", self.stderr());
                assert_eq!(self.child.try_wait().unwrap(), None, "{}", self.stderr());
                std::thread::sleep(Duration::from_millis(5));
            }
            let note = std::fs::read_to_string(note).unwrap();
            let pairs = note.lines().filter_map(|line| line.split_once('='));
            let variables: BTreeMap<_, _> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            let mut processes = vec![pid(&variables["OWN_PID"])];
            for directory in self.directories() {
                for file in files_named(&directory, "postmaster.pid") {
                    processes.push(pid(std::fs::read_to_string(file)
                        .unwrap()
                        .lines()
                        .next()
                        .unwrap()));
                }
            }
            let port: u16 = variables[names::TEST_REDIS_URL]
                .rsplit_once(':')
                .unwrap()
                .1
                .parse()
                .unwrap();
            let info = lockdown_testkit::server::wire::redis(port, &["INFO", "server"]).unwrap();
            processes.push(pid(info
                .lines()
                .find_map(|line| line.strip_prefix("process_id:"))
                .unwrap()));
            assert_eq!(processes.len(), 3, "the tests, Postgres and Redis");
            Started { processes, variables }
        }

        fn signal(&self, signal: Signal) {
            rustix::process::kill_process(pid(&self.child.id().to_string()), signal).unwrap();
        }

        fn end(&mut self) -> ExitStatus {
            let start = Instant::now();
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                assert!(start.elapsed() < LIMIT, "it does not end: {}", self.stderr());
                std::thread::sleep(Duration::from_millis(5));
            }
        }

        fn directories(&self) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(self.folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_dir()).collect()
        }

        fn stderr(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
        }

        #[track_caller]
        fn assert_nothing_left(&self, started: &Started) {
            for process in &started.processes {
                assert!(
                    !is_running(*process),
                    "process {process:?} is left: {}",
                    self.stderr()
                );
            }
            assert_eq!(self.directories(), Vec::<PathBuf>::new(), "{}", self.stderr());
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            // After a failed assertion; otherwise it has ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn pid(text: &str) -> Pid {
        Pid::from_raw(text.trim().parse().unwrap()).unwrap()
    }

    fn is_running(id: Pid) -> bool {
        rustix::process::test_kill_process(id).is_ok()
    }

    fn files_named(folder: &Path, name: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| {
                if path.ends_with(name) {
                    vec![path]
                } else {
                    files_named(&path, name)
                }
            })
            .collect()
    }

    /// The script goes on when there is a file `go` beside it.
    const UNTIL_GO: &str = "while [ ! -e \"${0%/*}/go\" ]; do sleep 0.02; done;";

    #[test]
    fn tests_find_their_servers_and_their_exit_code_is_passed_on() {
        let mut run = Run::start(&format!("{UNTIL_GO} exit 7"));
        let started = run.started();
        let url = &started.variables[names::TEST_PG_URL];
        lockdown_testkit::server::wire::check_postgres(url).unwrap();
        assert!(Path::new(&started.variables[names::TEST_DIR]).starts_with(run.folder.path()));
        for (name, program) in [(names::TEST_REDIS_BIN, ""), (names::TEST_PG_BIN, "postgres")] {
            let program = Path::new(&started.variables[name]).join(program);
            assert!(
                program.components().as_path().is_file(),
                "{name} leads to {}",
                program.display()
            );
        }
        std::fs::write(run.folder.path().join("go"), "").unwrap();
        assert_eq!(run.end().code(), Some(7));
        run.assert_nothing_left(&started);
    }

    #[test]
    fn ctrl_c_stops_the_tests_then_the_servers() {
        let mut run = Run::start("sleep 600");
        let started = run.started();
        run.signal(Signal::INT);
        assert_eq!(run.end().code(), Some(130), "{}", run.stderr());
        run.assert_nothing_left(&started);
    }

    #[test]
    fn sigterm_does_the_same() {
        let mut run = Run::start("sleep 600");
        let started = run.started();
        run.signal(Signal::TERM);
        assert_eq!(run.end().code(), Some(130), "{}", run.stderr());
        run.assert_nothing_left(&started);
    }

    #[test]
    fn a_second_ctrl_c_kills_tests_that_do_not_stop() {
        let mut run = Run::start("trap 'touch \"${0%/*}/asked\"' INT TERM; while :; do sleep 0.02; done");
        let started = run.started();
        run.signal(Signal::INT);
        let start = Instant::now();
        while !run.folder.path().join("asked").exists() {
            assert!(
                start.elapsed() < LIMIT,
                "the tests were not asked to stop: {}",
                run.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        run.signal(Signal::INT);
        assert_eq!(run.end().code(), Some(130), "{}", run.stderr());
        run.assert_nothing_left(&started);
    }

    #[test]
    fn a_server_that_dies_is_told_of() {
        let mut run = Run::start(&format!("{UNTIL_GO} exit 0"));
        let started = run.started();
        let port: u16 = started.variables[names::TEST_REDIS_URL]
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap();
        // It closes the connection instead of answering.
        lockdown_testkit::server::wire::redis(port, &["SHUTDOWN", "NOSAVE"]).unwrap_err();
        std::fs::write(run.folder.path().join("go"), "").unwrap();
        assert_eq!(run.end().code(), Some(1));
        assert!(run.stderr().contains("Redis ended by itself"), "{}", run.stderr());
        run.assert_nothing_left(&started);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn after_a_kill_the_kernel_ends_the_servers_and_the_next_run_removes_their_directories() {
        let mut run = Run::start("exec sleep 600");
        let started = run.started();
        run.signal(Signal::KILL);
        assert_eq!(run.end().signal(), Some(9));
        let start = Instant::now();
        while started.processes.iter().any(|process| is_running(*process)) {
            assert!(start.elapsed() < LIMIT, "a process outlives xtask");
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = run.directories();
        assert_eq!(left.len(), 1, "{left:?}");

        let folder = std::mem::replace(&mut run.folder, tempfile::tempdir().unwrap());
        let mut next = Run::start_in(folder, "exit 0");
        assert!(next.end().success(), "{}", next.stderr());
        assert!(
            next.stderr().contains(&format!("removed {}", left[0].display())),
            "{}",
            next.stderr()
        );
        assert_eq!(next.directories(), Vec::<PathBuf>::new());
    }
}
