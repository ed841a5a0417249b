//! WebSocket without Socket.IO: an echo beside a page on one port, and a message to everybody.

use axum::extract::Request;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{Group, HttpServer, Message, upgrade};

const PAGE: &str = r#"<!doctype html><title>echo</title><input autofocus><pre></pre><script>
const socket = new WebSocket("ws://" + location.host + "/echo");
const input = document.querySelector("input"), output = document.querySelector("pre");
input.onchange = () => { socket.send(input.value); input.value = ""; };
socket.onmessage = event => output.append(event.data + "\n");
socket.onclose = event => output.append("closed with " + event.code + "\n");
</script>"#;

/// What starts with `all:` goes to everybody, the rest back to its sender.
async fn echo(Extension(everybody): Extension<Group>, mut request: Request) -> Response {
    let (response, upgrade) = match upgrade(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return refusal.into_response(),
    };
    tokio::spawn(async move {
        let Ok(mut socket) = upgrade.await else { return };
        let membership = everybody.join(&socket);
        // `Err`: broken off, or against the rules. Either way it is over, and this task with it.
        while let Ok(Some(message)) = socket.recv().await {
            match message {
                Message::Text(text) if text.starts_with("all:") => everybody.send(&*text),
                Message::Text(text) => drop(socket.send(&*text).await),
                Message::Binary(data) => drop(socket.send(&*data).await),
                _ => {}
            }
        }
        drop(membership);
    });
    response
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let everybody = Group::new();
    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/echo", any(echo))
        .layer(Extension(everybody.clone()));
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    // The connections are nobody's but ours: say goodbye, and wait until they are gone.
    everybody.close(CloseCode::GOING_AWAY, "the server stops");
    while !everybody.is_empty() {
        tokio::task::yield_now().await;
    }
    Ok(())
}
