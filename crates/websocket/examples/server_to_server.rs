//! A program that connects to another one, and comes back when that one is restarted:
//! `cargo run -p sockeye-websocket --example server_to_server -- ws://127.0.0.1:3000/echo`.
//!
//! Without an address it starts the other one itself.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use sockeye_websocket::{Config, Connector, HttpServer, WebSocket, bind, upgrade};
use tokio::time::{interval, sleep};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => serve().await?,
    };
    // Without pings a peer that vanished would never be noticed by one that only listens.
    let config = Config {
        keep_alive_interval: Some(Duration::from_secs(20)),
        idle_timeout: Some(Duration::from_secs(45)),
        ..Config::default()
    };
    let connector = Connector::new()
        .config(config)
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer example"));
    let mut pause = Duration::from_millis(100);
    loop {
        match connector.connect(&url).await {
            Ok((socket, _)) => {
                pause = Duration::from_millis(100);
                talk(socket).await;
            }
            Err(error) => writeln!(std::io::stderr(), "{url}: {error}")?,
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Says the time once a second, and hears it, until the connection ends.
async fn talk(socket: WebSocket) {
    let (mut reader, writer) = socket.split();
    let speaking = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1));
        for second in 0_u64.. {
            ticks.tick().await;
            if writer.send(format!("second {second}").as_str()).await.is_err() {
                return;
            }
        }
    });
    while let Ok(Some(message)) = reader.recv().await {
        if let Some(text) = message.as_text()
            && writeln!(std::io::stdout(), "{text}").is_err()
        {
            break;
        }
    }
    speaking.abort();
}

/// The other one: an echo on a free port.
async fn serve() -> std::io::Result<String> {
    let listeners = bind("127.0.0.1:0").await?;
    let address = listeners[0].local_addr()?;
    let server = HttpServer::new(listeners, Router::new().route("/echo", any(echo)));
    tokio::spawn(server.into_future());
    Ok(format!("ws://{address}/echo"))
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
