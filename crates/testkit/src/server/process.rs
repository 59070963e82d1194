//! A child process that never outlives us.
//!
//! Each child leads a process group of its own, so that Ctrl-C in a terminal reaches us alone and we end the children
//! in order. Signals go to the group: `initdb` and `cargo` have children too.

use super::interrupt::Interrupt;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// How a process is asked to end.
#[derive(Clone, Copy, Debug)]
pub struct Farewell {
    pub signal: Signal,
    /// How long it may take before it is killed.
    pub grace: Duration,
    /// What the kernel sends when we are gone (Linux).
    pub orphaned: Signal,
}

/// The user a server runs as, when it may not run as ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// A running child. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    farewell: Farewell,
    ended: Option<ExitStatus>,
}

// === impl Process ===

impl Process {
    pub fn start(name: &'static str, mut command: Command, farewell: Farewell) -> anyhow::Result<Process> {
        command.process_group(0);
        die_with_parent(&mut command, farewell.orphaned);
        let program = command.get_program().to_owned();
        let child = spawn_from_lasting_thread(command)
            .with_context(|| format!("could not start {}", program.display()))?;
        Ok(Process {
            name,
            child,
            farewell,
            ended: None,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.ended.is_none() && self.is_over()? {
            self.reap()?;
        }
        Ok(self.ended)
    }

    /// Waits for its end, or ends it when we are interrupted: a second interrupt kills it.
    pub fn wait(&mut self, interrupt: &Interrupt) -> anyhow::Result<ExitStatus> {
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            if let Err(interrupted) = interrupt.check() {
                eprintln!(
                    "interrupted: waiting for {} to stop (once more kills it)",
                    self.name
                );
                self.stop_unless(|| interrupt.times() > 1)?;
                return Err(interrupted.into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As [`Process::wait`], with what it wrote to the pipe that is its stdout.
    pub fn wait_with_output(&mut self, interrupt: &Interrupt) -> anyhow::Result<(ExitStatus, String)> {
        let output = self
            .read_output()
            .context("its output is not a pipe, or was taken")?;
        let status = self.wait(interrupt)?;
        Ok((status, output.recv().context("its output was lost")?))
    }

    /// Reads beside the wait: a full pipe would keep the process from ending.
    fn read_output(&mut self) -> Option<mpsc::Receiver<String>> {
        let mut stdout = self.child.stdout.take()?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is what there is.
            let _ = std::io::Read::read_to_end(&mut stdout, &mut bytes);
            // Nobody waits for the output of a process that was given up.
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        Some(receiver)
    }

    /// Asks it to end, and kills it when it does not or when `hurry` says so.
    pub fn stop_unless(&mut self, hurry: impl Fn() -> bool) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.exited()? {
            return Ok(status);
        }
        self.signal(self.farewell.signal);
        let start = Instant::now();
        while !self.is_over()? {
            if start.elapsed() > self.farewell.grace || hurry() {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.reap()
    }

    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.stop_unless(|| false)
    }

    /// SIGKILL: the process gets no chance to tidy up.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        self.signal(Signal::KILL);
        self.reap()
    }

    /// To the process and the children in its group.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none()
            && let Some(pid) = pid_of(self.child.id())
        {
            // The only failure is that nobody is left to receive it.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    /// Whether it ended, leaving it unreaped: until then no other process can be given its id.
    fn is_over(&self) -> anyhow::Result<bool> {
        let pid = pid_of(self.child.id()).context("a process id of 0")?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::Pid(pid), options)
            .with_context(|| format!("could not ask about {} (process {})", self.name, self.child.id()))?;
        Ok(status.is_some())
    }

    fn reap(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        // What is left of the group goes with its leader, while the id is still ours.
        while !self.is_over()? {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.signal(Signal::KILL);
        let status = self
            .child
            .wait()
            .with_context(|| format!("could not wait for {}", self.name))?;
        self.ended = Some(status);
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!(
                "could not stop {} (process {}): {error:#}",
                self.name,
                self.child.id()
            );
        }
    }
}

// === impl User ===

impl User {
    /// Whom Postgres runs as: it refuses root, so root needs somebody else. `None` when we are not root.
    pub fn instead_of_root() -> Option<User> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let nobody = User {
            name: "nobody".to_owned(),
            uid: 65_534,
            gid: 65_534,
        };
        Some(
            find_user(&users, "postgres")
                .or_else(|| find_user(&users, "nobody"))
                .unwrap_or(nobody),
        )
    }

    pub(crate) fn run(user: Option<&User>, command: &mut Command) {
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
    }
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

/// A command that sees nothing of our environment but PATH, so that a `PGPORT` or a locale of ours has no say.
pub(crate) fn clean_command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.env(
        "PATH",
        crate::environment::variable("PATH").unwrap_or_else(|| "/usr/bin:/bin".to_owned()),
    );
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir(directory).stdin(std::process::Stdio::null());
    command
}

/// What a short command printed, when it succeeds within the limit.
pub(crate) fn output_within(mut command: Command, limit: Duration) -> Option<String> {
    use std::process::Stdio;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let farewell = Farewell {
        signal: Signal::KILL,
        grace: Duration::ZERO,
        orphaned: Signal::KILL,
    };
    let mut process = Process::start("a question", command, farewell).ok()?;
    let output = process.read_output()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.exited().ok()? {
            break status;
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let output = output.recv().ok()?;
    status.success().then_some(output)
}

fn pid_of(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// The kernel ties a child's death signal to the thread that made it. Threads of a test come and go, so children are
/// made by one that stays.
fn spawn_from_lasting_thread(command: Command) -> std::io::Result<Child> {
    type Job = (Command, mpsc::Sender<std::io::Result<Child>>);
    static JOBS: OnceLock<mpsc::Sender<Job>> = OnceLock::new();

    let jobs = JOBS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in receiver {
                // An asker that is gone drops the answer; its child ends with us.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    jobs.send((command, answer)).map_err(std::io::Error::other)?;
    child.recv().map_err(std::io::Error::other)?
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::from_raw(i32::try_from(std::process::id()).unwrap_or_default());
    let arrange = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // We may have died before the kernel was told.
        if rustix::process::getppid() == parent {
            Ok(())
        } else {
            Err(rustix::io::Errno::SRCH.into())
        }
    };
    #[expect(
        unsafe_code,
        reason = "only the child can ask to die with its parent, after its change of user"
    )]
    // SAFETY: between fork and exec the closure makes two system calls; it takes no lock and allocates nothing.
    unsafe {
        command.pre_exec(arrange);
    }
}

/// Elsewhere there is no such request: what a killed run left behind is ended by the next one.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command, _: Signal) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:9:9::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/bash\n";
        let user = find_user(passwd, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (101, 104));
        assert_eq!(find_user(passwd, "nobody"), None);
    }

    #[test]
    fn a_process_that_ignores_the_request_is_killed() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
            .stdout(std::process::Stdio::piped());
        let farewell = Farewell {
            signal: Signal::TERM,
            grace: Duration::from_millis(50),
            orphaned: Signal::KILL,
        };
        let mut process = Process::start("sh", command, farewell).unwrap();
        let mut ready = [0; 5];
        std::io::Read::read_exact(process.child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let status = process.stop().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }

    #[test]
    fn children_of_a_child_end_with_it() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(std::process::Stdio::piped());
        let farewell = Farewell {
            signal: Signal::TERM,
            grace: Duration::from_secs(5),
            orphaned: Signal::KILL,
        };
        let mut process = Process::start("sh", command, farewell).unwrap();
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(process.child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
        process.stop().unwrap();
        // The grandchild held the pipe open; its end is the end of the file.
        std::io::Read::read_to_end(&mut stdout, &mut Vec::new()).unwrap();
    }

    #[test]
    fn a_question_has_a_time_limit() {
        let mut command = Command::new("sleep");
        command.arg("600");
        assert_eq!(output_within(command, Duration::from_millis(20)), None);
        let mut command = Command::new("echo");
        command.arg("yes");
        assert_eq!(
            output_within(command, Duration::from_secs(60)),
            Some("yes\n".to_owned())
        );
    }
}
