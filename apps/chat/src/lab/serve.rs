//! `sockeye lab`: the lab by itself.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next, map_response};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use sockeye_websocket::{AllowedHosts, HttpServer, TrustedProxies, bind};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::contract::PAGE_PATH;
use super::control::Lab;
use super::page::pages;
use crate::address;
use crate::cli::LabArgs;
use crate::serve::{cannot_listen, port, url};
use crate::site::{self, html};
use crate::ui::Ui;

/// How long requests may take after the signal.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves the lab until `stop` is done.
///
/// # Errors
/// The page's folder or the address cannot be used, or listening failed.
pub async fn serve(args: &LabArgs, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let ui = match &args.ui {
        Some(folder) => Ui::from_folder(folder)
            .with_context(|| format!("cannot serve the page in {}", folder.display()))?,
        None => Ui::embedded(),
    };
    if ui.lab_page().is_none() {
        tracing::warn!("built without the page: `cargo xtask serve` builds it");
    }
    let host = args.host.as_deref();
    let listeners = bind((host.unwrap_or("localhost"), args.port))
        .await
        .map_err(|error| cannot_listen(error, &url("http", host, args.port)))?;
    let port = port(&listeners)?;
    let lab = Lab::new(host);
    let (close, closing) = oneshot::channel::<()>();
    let http = HttpServer::new(listeners, router(host, &lab, ui)).with_graceful_shutdown(async {
        let _ = closing.await;
    });
    let mut http = tokio::spawn(http.into_future());
    announce(&url("http", host, port)).context("cannot write to standard output")?;
    tokio::select! {
        served = &mut http => {
            return served.context("the HTTP server failed")?.context("listening failed");
        }
        () = stop => {}
    }
    let _ = close.send(());
    lab.shutdown().await;
    match timeout(REQUESTS_TIMEOUT, http).await {
        Ok(served) => served.context("the HTTP server failed")?.context("listening failed"),
        Err(_) => {
            tracing::warn!("gave up on requests that do not finish");
            Ok(())
        }
    }
}

fn router(host: Option<&str>, lab: &Lab, ui: Ui) -> Router {
    let hosts = AllowedHosts::local();
    let hosts = host.and_then(|host| host.parse().ok()).into_iter().fold(hosts, AllowedHosts::and);
    let check = move |request: Request, next: Next| {
        address::check_host(hosts.clone(), TrustedProxies::none(), request, next)
    };
    let files = Router::new()
        .route("/", get(async || Redirect::temporary(PAGE_PATH)))
        .fallback(file)
        .layer(map_response(site::secure))
        .with_state(Arc::new(ui.clone()));
    files.merge(pages(ui)).merge(lab.router()).layer(middleware::from_fn(check))
}

async fn file(State(ui): State<Arc<Ui>>, request: Request) -> Response {
    let missing = || (StatusCode::NOT_FOUND, Html(html::document(html::MISSING))).into_response();
    site::asset(&ui, &request).unwrap_or_else(missing)
}

fn announce(url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {url}")?;
    out.flush()
}
