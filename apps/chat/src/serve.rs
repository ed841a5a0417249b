//! Puts the parts together, serves, and takes them apart again in the right order.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use sockeye::Server;
use sockeye_websocket::{HttpServer, bind};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::chat::{self, Chat};
use crate::cli::ServeArgs;
use crate::people::People;
use crate::site::Site;
use crate::store::Store;
use crate::ui::Ui;

/// How long clients and requests may take to finish after the first signal.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until `stop` is done, then drains: nothing new is accepted, everybody is disconnected,
/// what was said is stored.
///
/// # Errors
/// The data folder, the page's folder or the address cannot be used, or listening failed.
pub async fn serve(args: &ServeArgs, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let ui = match &args.ui {
        Some(folder) => Ui::from_folder(folder)
            .with_context(|| format!("cannot serve the page in {}", folder.display()))?,
        None => Ui::embedded(),
    };
    if !ui.is_present() {
        tracing::warn!("built without the page: `cargo xtask serve` builds and serves both");
    }
    let store = Store::open(&args.data)
        .await
        .with_context(|| format!("cannot keep messages in {}", args.data.display()))?;
    let store = Arc::new(store);
    let people = Arc::new(People::default());
    let chat = Chat { store: store.clone(), people: people.clone() };
    let server = Server::builder().state(chat).namespace(chat::namespace()).build()?;
    let site = Arc::new(Site::new(store.clone(), people, ui));

    let listeners = bind(args.host.as_deref(), args.port)
        .await
        .with_context(|| format!("cannot listen on {}", url(args.host.as_deref(), args.port)))?;
    let ready = url(args.host.as_deref(), port(&listeners)?);
    let (close, closing) = oneshot::channel::<()>();
    let http = HttpServer::new(listeners, router(&site, &server)).with_graceful_shutdown(async {
        let _ = closing.await;
    });
    let mut http = tokio::spawn(http.into_future());
    tracing::info!(data = %args.data.display(), "serving");
    writeln!(io::stdout(), "listening on {ready}").context("cannot write to standard output")?;

    let served = tokio::select! {
        served = &mut http => Some(served),
        () = stop => None,
    };
    tracing::info!(sessions = server.sessions(), "stopping");
    site.stop();
    let _ = close.send(());
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async {
        server.shutdown().await;
        match served {
            Some(served) => served,
            None => http.await,
        }
    })
    .await;
    store.close().await;
    match drained {
        Ok(served) => served.context("the HTTP server failed")?.context("listening failed")?,
        Err(_) => tracing::warn!("gave up on clients that do not finish"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The pages, and the socket server at its path.
fn router(site: &Arc<Site>, server: &Server) -> Router {
    let sockets = server.clone().into_service();
    site.clone()
        .router()
        .route_service("/socket.io/", sockets.clone())
        .route_service("/socket.io/{*file}", sockets)
}

fn port(listeners: &[TcpListener]) -> io::Result<u16> {
    let first = listeners.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(first.local_addr()?.port())
}

/// The address to open in a browser on this machine.
fn url(host: Option<&str>, port: u16) -> String {
    match host {
        None => format!("http://localhost:{port}"),
        Some(host) if host.contains(':') && !host.starts_with('[') => {
            format!("http://[{host}]:{port}")
        }
        Some(host) => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_has_an_address_that_works() {
        assert_eq!(url(None, 3000), "http://localhost:3000");
        assert_eq!(url(Some("127.0.0.1"), 80), "http://127.0.0.1:80");
        assert_eq!(url(Some("::1"), 3000), "http://[::1]:3000");
        assert_eq!(url(Some("[::1]"), 3000), "http://[::1]:3000");
    }
}
