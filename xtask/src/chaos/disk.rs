//! A disk that others write to.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

const PIECE: usize = 8 << 20;
const PIECES: u64 = 16;

/// Writes and forces to the disk without a pause, until it is dropped.
pub(super) struct Busy {
    over: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

// === impl Busy ===

impl Busy {
    pub(super) fn start(folder: &Path) -> Busy {
        let over = Arc::new(AtomicBool::new(false));
        let (path, ends) = (folder.join("ballast"), Arc::clone(&over));
        let writer = std::thread::spawn(move || {
            let piece = vec![0xa5; PIECE];
            let busy = || -> std::io::Result<()> {
                let mut file = File::create(path)?;
                while !ends.load(Ordering::Relaxed) {
                    file.rewind()?;
                    for _ in 0..PIECES {
                        file.write_all(&piece)?;
                    }
                    file.sync_all()?;
                }
                Ok(())
            };
            if let Err(error) = busy() {
                eprintln!("the disk is not kept busy any more: {error}");
            }
        });
        Busy {
            over,
            writer: Some(writer),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It reports its own errors.
        let _ = self.writer.take().map(JoinHandle::join);
    }
}
