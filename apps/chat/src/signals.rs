//! What the operating system tells a server: to stop, and to stop now.

use std::io;
use std::process;

/// Starts listening for SIGTERM and SIGINT (Ctrl-C elsewhere). The future is done at the first of
/// them; from then on the next one ends the process at once, with status 130.
///
/// # Errors
/// The signals cannot be listened for.
pub fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::new()?;
    let (first, stop) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        signals.next().await;
        let _ = first.send(());
        signals.next().await;
        tracing::warn!("second signal: ending at once");
        process::exit(130);
    });
    Ok(async {
        let _ = stop.await;
    })
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
