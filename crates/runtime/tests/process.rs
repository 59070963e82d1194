//! Whole processes: signals, exit codes, and what they say on the way out.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Far beyond every deadline: only a process that hangs for ever meets it.
const SAFETY: Duration = Duration::from_secs(30);

struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Its own, so that no `.env` file is found.
    _directory: tempfile::TempDir,
}

struct Ended {
    code: Option<i32>,
    log: String,
}

/// Cargo builds examples beside the tests: `target/debug/examples`, where the test is in `target/debug/deps`.
fn executable() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/process");
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build -p lockdown-runtime --examples`",
        path.display()
    );
    path
}

impl Process {
    fn start(behaviour: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(executable())
            .arg(behaviour)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdout,
            _directory: directory,
        }
    }

    /// Waits for a line on standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > SAFETY {
                self.child.kill().unwrap();
                panic!("the process hangs");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        Ended {
            code: status.code(),
            log,
        }
    }
}

#[test]
fn either_signal_stops_it_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut process = Process::start("serves", &[("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")]);
        process.line();
        process.signal(signal);
        let ended = process.end();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(
            ended.log.contains("Starting process 1.2.3") && ended.log.contains("Stopped process"),
            "{}",
            ended.log
        );
    }
}

#[test]
fn health_and_metrics_are_served_by_a_whole_process() {
    let mut process = Process::start("serves", &[("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")]);
    let addr = process.line();
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(&addr).unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/health/ready").contains(r#""service":"process""#));
    let metrics = ask("/metrics");
    assert!(
        metrics.contains(r#"lockdown_build_info{service="process",version="1.2.3"} 1"#),
        "{metrics}"
    );
    assert!(metrics.contains("process_resident_memory_bytes"), "{metrics}");
    process.signal(Signal::TERM);
    assert_eq!(process.end().code, Some(0));
}

#[test]
fn a_task_that_ends_at_the_hard_stop_is_still_in_time() {
    let mut process = Process::start("lingers", &[]);
    process.line();
    process.signal(Signal::TERM);
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains("Still running after 3s"), "{}", ended.log);
}

#[test]
fn what_was_still_beginning_has_not_failed_when_it_is_stopped() {
    let mut process = Process::start("begins", &[]);
    process.line();
    process.signal(Signal::TERM);
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(
        ended
            .log
            .contains("Stopped before all had begun: could not begin: the bus is closed"),
        "{}",
        ended.log
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for behaviour in ["hangs", "blocks"] {
        let mut process = Process::start(behaviour, &[]);
        process.line();
        process.signal(Signal::INT);
        // Two signals at one moment would count as one: wait until the first was heard.
        let mut log = BufReader::new(process.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("received SIGINT") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the process is gone");
        }
        process.signal(Signal::INT);
        assert_eq!(process.child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn what_does_not_stop_is_named_and_aborted() {
    for (behaviour, task) in [("hangs", "deaf"), ("blocks", "blocking")] {
        let mut process = Process::start(behaviour, &[]);
        process.line();
        process.signal(Signal::TERM);
        let ended = process.end();
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        let line = ended
            .log
            .lines()
            .find(|line| line.contains("Aborted, since they did not stop"))
            .unwrap();
        // Where every thread is blocked, those that would stop cannot.
        assert!(
            line.contains(task) && line.contains("other") == (behaviour == "blocks"),
            "{line}"
        );
    }
}

#[test]
fn a_dying_task_takes_the_process_with_it() {
    for (behaviour, said) in [
        ("fails", "Task dying failed: could not reach the store: no route"),
        ("panics", "Task dying failed: panicked at "),
        (
            "leaves",
            "Task leaving failed: it ended although nobody asked it to stop",
        ),
    ] {
        let ended = Process::start(behaviour, &[]).end();
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        assert_eq!(ended.log.matches(said).count(), 1, "{}", ended.log);
        assert!(
            !ended.log.contains("hunter2"),
            "a panic's message is scrubbed too: {}",
            ended.log
        );
    }
}

#[test]
fn a_command_ends_when_it_is_done() {
    let ended = Process::start("command", &[]).end();
    assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""));
}

#[test]
fn a_wrong_configuration_stops_the_start_with_every_fault() {
    let ended = Process::start(
        "serves",
        &[("LOCKDOWN_HTTP_ADDR", "localhost"), ("TELEGRAM_TOKEN", "hunter2")],
    )
    .end();
    assert_eq!(ended.code, Some(2));
    let lines: Vec<_> = ended.log.lines().collect();
    assert_eq!(lines[0], "process: the configuration is wrong");
    assert!(
        lines[1].starts_with("LOCKDOWN_HTTP_ADDR: found \"localhost\", expected an address and port"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("TELEGRAM_TOKEN: found a hidden value"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let mut process = Process::start(
        "serves",
        &[("LOCKDOWN_HTP_ADDR", "x"), ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0")],
    );
    process.line();
    process.signal(Signal::TERM);
    let ended = process.end();
    assert!(
        ended.log.contains("did you mean LOCKDOWN_HTTP_ADDR?"),
        "{}",
        ended.log
    );
}

#[test]
fn a_secret_leaves_in_no_line_of_either_form() {
    let token = "a-token-of-no-known-form";
    for format in ["text", "json"] {
        let ended = Process::start(
            "logs",
            &[("DISCORD_TOKEN", token), ("LOCKDOWN_LOG_FORMAT", format)],
        )
        .end();
        assert_eq!(ended.code, Some(1));
        assert!(!ended.log.contains(token), "{}", ended.log);
        assert!(ended.log.matches("[redacted]").count() >= 4, "{}", ended.log);
        assert!(
            ended.log.contains("A library that writes to log: [redacted]"),
            "{}",
            ended.log
        );
        if format == "json" {
            for line in ended.log.lines() {
                let _: serde_json::Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}

#[test]
fn an_address_in_use_names_the_variable() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let ended = Process::start("serves", &[("LOCKDOWN_HTTP_ADDR", &addr)]).end();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.log.contains(&format!("could not listen on {addr}")),
        "{}",
        ended.log
    );
    assert!(
        ended.log.contains("LOCKDOWN_HTTP_ADDR sets the address"),
        "{}",
        ended.log
    );
}
