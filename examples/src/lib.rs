//! What the examples share: where to listen, and when to stop.
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod guide;

use tokio::net::TcpListener;

/// Listens on both loopback addresses, on the port given as the first argument or 3000, and says
/// where.
///
/// # Errors
/// When the port is taken or the argument is no port.
pub async fn listen() -> anyhow::Result<Vec<TcpListener>> {
    let port = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let listeners = sockeye::bind(None, port).await?;
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
