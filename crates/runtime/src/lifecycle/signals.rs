//! SIGINT and SIGTERM: the first asks for a stop, the second ends the process.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use super::shutdown::Shutdown;

/// What a shell reports for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Listens from now on. The future must be polled for as long as the process runs.
pub(super) fn listen(shutdown: &Shutdown) -> io::Result<impl Future<Output = Infallible> + use<>> {
    let mut signals = Signals::new()?;
    let shutdown = shutdown.clone();
    Ok(async move {
        let name = signals.next().await;
        shutdown.request(format!("received {name}; once more ends it at once"));
        let name = signals.next().await;
        tracing::error!("Received {name} again: ended at once");
        end_now()
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a second signal means now, whatever is still running"
)]
fn end_now() -> ! {
    std::process::exit(INTERRUPTED)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            // No way to listen: the process is then stopped by other means.
            Err(_) => std::future::pending().await,
        }
    }
}
