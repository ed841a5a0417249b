//! An echo server and a page on one port: `cargo run -p sockeye-websocket --example websocket_echo`.
//!
//! Open the printed address: the page connects to where it came from and shows what comes back.

use std::io::Write as _;

use axum::Router;
use axum::extract::Request;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use sockeye_websocket::{HttpServer, bind, upgrade};

const PAGE: &str = r#"<!doctype html><title>echo</title><input autofocus><pre></pre><script>
const socket = new WebSocket(location.protocol.replace("http", "ws") + "//" + location.host + "/echo");
const input = document.querySelector("input"), output = document.querySelector("pre");
input.onchange = () => { socket.send(input.value); input.value = ""; };
socket.onmessage = event => output.append(event.data + "\n");
socket.onclose = event => output.append("closed with " + event.code + "\n");
</script>"#;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listeners = bind(("localhost", port)).await?;
    let router = Router::new().route("/", get(Html(PAGE))).route("/echo", any(echo));
    writeln!(std::io::stdout(), "listening on http://{}", listeners[0].local_addr()?)?;
    HttpServer::new(listeners, router).await
}

async fn echo(mut request: Request) -> Response {
    let (response, upgrade) = match upgrade(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return refusal.into_response(),
    };
    tokio::spawn(async move {
        let Ok(socket) = upgrade.await else { return };
        // How it ended is of no interest here.
        let _ = socket.for_each(|message, out| out.send(message)).await;
    });
    response
}
