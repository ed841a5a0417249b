//! Beside the routes of an axum application, with its state: an HTTP request speaks to sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use sockeye::{Ack, HttpServer, Io, Namespace, Server, State};

#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

async fn count(State(counter): State<Counter>) -> Ack<u64> {
    Ack(counter.0.fetch_add(1, Ordering::Relaxed) + 1)
}

/// `GET /say/hello` reaches everybody who is connected.
async fn say(io: Io, text: String) -> String {
    match io.emit("said", &text) {
        Ok(()) => format!("said to {} sockets\n", io.sockets().len()),
        Err(error) => error.to_string(),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let counter = Counter::default();
    let server = Server::builder()
        .state(counter.clone())
        .namespace(Namespace::new("/").on("count", count))
        .build()?;
    let io = server.io();
    let app = Router::new()
        .route("/counted", get(async move || counter.0.load(Ordering::Relaxed).to_string()))
        .route("/say/{text}", get(move |Path(text): Path<String>| say(io, text)))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
