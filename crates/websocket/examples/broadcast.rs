//! Everybody hears what anybody says: `cargo run -p sockeye-websocket --example broadcast`.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use sockeye_websocket::{Acceptor, Config, Connections, Group, HttpServer, bind};

const PAGE: &str = r#"<!doctype html><title>broadcast</title><input autofocus><pre></pre><script>
const socket = new WebSocket(location.protocol.replace("http", "ws") + "//" + location.host + "/all");
const input = document.querySelector("input"), output = document.querySelector("pre");
input.onchange = () => { socket.send(input.value); input.value = ""; };
socket.onmessage = event => output.append(event.data + "\n");
socket.onclose = event => output.append("closed with " + event.code + "\n");
</script>"#;

#[derive(Clone)]
struct Shared {
    acceptor: Acceptor,
    everybody: Group,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listeners = bind(("localhost", port)).await?;
    // Who is gone without a word is noticed after a minute.
    let config = Config {
        keep_alive_interval: Some(Duration::from_secs(25)),
        idle_timeout: Some(Duration::from_secs(60)),
        ..Config::default()
    };
    let connections = Connections::new();
    let acceptor = Acceptor::new().config(config).connections(&connections);
    let router = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/all", any(join))
        .with_state(Shared { acceptor, everybody: Group::new() });
    writeln!(std::io::stdout(), "listening on http://{}", listeners[0].local_addr()?)?;
    HttpServer::new(listeners, router)
        .with_graceful_shutdown(async move {
            // Without signals, this runs for ever as well.
            let _ = tokio::signal::ctrl_c().await;
            connections.shutdown(Duration::from_secs(5)).await;
        })
        .await
}

async fn join(State(shared): State<Shared>, mut request: Request) -> Response {
    let (response, upgrade) = match shared.acceptor.upgrade(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return refusal.into_response(),
    };
    tokio::spawn(async move {
        let Ok(socket) = upgrade.await else { return };
        let membership = shared.everybody.join(&socket);
        let everybody = shared.everybody.clone();
        // How it ended is of no interest here.
        let _ = socket.for_each(|message, _| everybody.send(message)).await;
        drop(membership);
    });
    response
}
