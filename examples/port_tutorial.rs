//! A port of socket.io's tutorial up to its eighth step, with a list in place of SQLite: what was
//! missed comes by recovery or by the client's offset, and what is sent again is said once.

use std::sync::Arc;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::Value;
use sockeye::{Args, EventError, HttpServer, Io, Namespace, RecoveryConfig, Server, Socket, State};

/// Each message with the key its client gave it; its number is its place.
type Messages = State<Arc<Mutex<Vec<(String, String)>>>>;
type Said = Args<(String, String)>;

async fn say(io: Io, State(all): Messages, Args((text, key)): Said) -> Result<(), EventError> {
    let mut all = all.lock();
    if all.iter().all(|(_, known)| *known != key) {
        io.emit("chat message", &Args((&text, all.len() + 1)))?;
        all.push((text, key));
    }
    Ok(())
}

async fn connected(socket: Socket, State(all): Messages) -> Result<(), EventError> {
    let auth: Value = socket.auth().unwrap_or_default();
    let known = auth["serverOffset"].as_u64().map_or(0, |offset| offset as usize);
    let known = if socket.recovered() { usize::MAX } else { known };
    for (index, (text, _)) in all.lock().iter().enumerate().skip(known) {
        socket.emit("chat message", &Args((text, index + 1)))?;
    }
    Ok(())
}

pub(crate) fn application() -> anyhow::Result<(Server, Router)> {
    let chat = Namespace::new("/").on_connected(connected).on("chat message", say);
    let recovery = RecoveryConfig::default();
    let builder = Server::builder().state(Arc::default()).connection_state_recovery(recovery);
    let server = builder.namespace(chat).build()?;
    let page = Router::new().route("/", get(Html(include_str!("pages/port_tutorial.html"))));
    Ok((server.clone(), page.merge(server.into_router())))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    HttpServer::new(sockeye_examples::listen().await?, application()?.1).await?;
    Ok(())
}
