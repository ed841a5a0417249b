//! The server speaks unasked: `cargo run -p sockeye-websocket --example push_every_three_seconds`.
//!
//! Open the printed address; the page shows what comes.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use sockeye_websocket::{HttpServer, WebSocket, bind, upgrade};
use tokio::time::interval;

const PAGE: &str = r#"<!doctype html><title>push</title><pre></pre><script>
const socket = new WebSocket(location.protocol.replace("http", "ws") + "//" + location.host + "/push");
socket.onmessage = event => document.querySelector("pre").append(event.data + "\n");
</script>"#;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listeners = bind(("localhost", port)).await?;
    let router = Router::new().route("/", get(Html(PAGE))).route("/push", any(accept));
    writeln!(std::io::stdout(), "listening on http://{}", listeners[0].local_addr()?)?;
    HttpServer::new(listeners, router).await
}

async fn accept(mut request: Request) -> Response {
    let (response, upgrade) = match upgrade(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return refusal.into_response(),
    };
    tokio::spawn(async move {
        if let Ok(socket) = upgrade.await {
            push(socket).await;
        }
    });
    response
}

/// Pushes until the connection ends, whichever side notices first.
async fn push(mut socket: WebSocket) {
    let mut ticks = interval(Duration::from_secs(3));
    let mut count = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                count += 1;
                if socket.send(format!("message {count}").as_str()).await.is_err() {
                    return;
                }
            }
            // Reading answers pings and notices the end. What is said is not listened to.
            message = socket.recv() => match message {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            },
        }
    }
}
