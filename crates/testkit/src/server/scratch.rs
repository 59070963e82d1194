//! Private directories that do not outlive their makers.
//!
//! A directory is named `lockdown-test-<pid>-<random>` and holds a locked file. The lock ends with its holder, however
//! it ended, so a directory whose lock is free was left behind and may be removed.

use super::wire;
use anyhow::{Context as _, bail};
use std::fs::{DirBuilder, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = "lockdown-test-";
const LOCK: &str = "lock";

/// Where a Redis of ours also listens, so that one whose maker was killed can still be told to end.
pub(crate) const REDIS_SOCKET: &str = "redis.sock";

/// A directory, removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

// === impl Scratch ===

impl Scratch {
    pub fn create(base: &Path) -> anyhow::Result<Scratch> {
        let random = RandomState::new().hash_one(std::process::id()) & 0xff_ffff;
        let path = base.join(format!("{PREFIX}{}-{random:06x}", std::process::id()));
        // Others may pass through, as Postgres does when it runs as another user; they cannot list it.
        DirBuilder::new()
            .mode(0o711)
            .create(&path)
            .with_context(|| format!("could not create {}", path.display()))?;
        // Locked before it has its name: nobody ever finds the name without the lock of a maker who lives.
        let unnamed = path.join("lock.new");
        let lock = File::create(&unnamed).and_then(|lock| {
            lock.lock()?;
            std::fs::rename(&unnamed, path.join(LOCK))?;
            Ok(lock)
        });
        let lock = lock.with_context(|| format!("could not lock {}", path.display()))?;
        Ok(Scratch { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            eprintln!("could not remove {}: {error:#}", self.path.display());
        }
    }
}

/// The folder for temporary files, or the first usual one that is open to `/`'s other users if they need it.
pub fn base(open_to_others: bool) -> anyhow::Result<PathBuf> {
    let own = std::env::temp_dir();
    let candidates = [own.clone(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let usable = |folder: &Path| {
        let Ok(folder) = folder.canonicalize() else {
            return false;
        };
        !open_to_others
            || folder
                .ancestors()
                .all(|part| part.metadata().is_ok_and(|meta| meta.mode() & 0o001 != 0))
    };
    match candidates.into_iter().find(|folder| usable(folder)) {
        Some(folder) => Ok(folder),
        None => bail!(
            "neither {} nor /tmp nor /var/tmp can be used for temporary files",
            own.display()
        ),
    }
}

/// Removes what killed runs left in `base`, and answers with what was removed.
pub fn sweep(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(base) else {
        return Vec::new();
    };
    let stale = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_stale(path));
    // One that belongs to another user stays, and is no concern of ours.
    stale.filter(|path| remove(path).is_ok()).collect()
}

fn is_stale(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some(maker) = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next()?.parse().ok())
    else {
        return false;
    };
    if !path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return false;
    }
    match File::open(path.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        // Made a moment ago and not locked yet, or half removed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => !is_alive(maker),
        Err(_) => false,
    }
}

fn is_alive(pid: i32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return false;
    };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

fn remove(path: &Path) -> anyhow::Result<()> {
    end_orphans(path);
    let mut attempts = 0;
    loop {
        match std::fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // A process that is just ending may still write a file into a folder we have emptied.
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty && attempts < 100 => {
                attempts += 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(error).context("the directory is still there"),
        }
    }
}

/// Tells every Redis that still listens in here to end. (A Postgres ends by itself when its directory is gone.)
fn end_orphans(path: &Path) {
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name() == REDIS_SOCKET {
            // Most often nobody listens any more. One that does closes the connection instead of answering.
            let _ = wire::redis_over_socket(&path, &["SHUTDOWN", "NOSAVE"]);
        } else if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            end_orphans(&path);
        }
    }
}
