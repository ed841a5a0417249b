//! One board, read on four roads at once: polling, long polling, streaming (NDJSON) and SSE. Whatever is
//! posted to `/say` comes on each of them, once and in the same order.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use sockeye::{HttpServer, Io, Namespace, Server};
use sockeye_feeds::Feeds;

/// The most bytes of what is said.
const TEXT_BYTES_MAX: usize = 500;

/// `POST /say`: plain text, for everybody.
async fn say(State(board): State<Io>, text: String) -> Result<StatusCode, (StatusCode, String)> {
    if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
        let message = format!("say something, of {TEXT_BYTES_MAX} bytes at most");
        return Err((StatusCode::BAD_REQUEST, message));
    }
    let sent = board.emit("said", &text);
    sent.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let board = Namespace::new("/board").on_read(async || {});
    let server = Server::builder().namespace(board).build()?;
    Feeds::builder().offer("/board").mount(&server)?;

    let app = Router::new()
        .route("/", get(Html(include_str!("pages/four_roads.html"))))
        .route("/say", post(say))
        .with_state(server.of("/board").expect("it is declared"))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
