//! What the examples share: where to listen, and when to stop.
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod guide;

use anyhow::Context as _;
use tokio::net::TcpListener;

/// Listens on both loopback addresses, on the port given as the first argument or 3000, and says
/// where.
///
/// # Errors
/// When the port is taken or the argument is no port.
pub async fn listen() -> anyhow::Result<Vec<TcpListener>> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse().with_context(|| format!("`{port}` is no port"))?,
        None => 3000,
    };
    let listeners = sockeye::bind(("localhost", port)).await.with_context(|| {
        format!("cannot listen on port {port}; another one can be given as the argument")
    })?;
    #[allow(clippy::print_stdout, reason = "the line that says where to connect")]
    for listener in listeners.iter().take(1) {
        println!("listening on http://{}", listener.local_addr()?);
    }
    Ok(listeners)
}

/// Done when the process is asked to end, by Ctrl-C or SIGTERM.
pub async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal to wait for, the process is ended from outside.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
