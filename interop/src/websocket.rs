//! Raw WebSocket: each message comes back with the same opcode, whatever the path.

use std::sync::Arc;

use anyhow::Result;
use http::Request;
use hyper::body::Incoming;
use parking_lot::Mutex;
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::ws::handshake::deflate::Preferences;
use sockeye_websocket::{Acceptor, Compression, Config, Deflate, Message, Origins, Upgrade};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::serving::{Listen, self_signed};

/// Largest message of the conformance suite, with room to spare.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Everything is compressed, and in whatever way the suite asks for; `client_no_context_takeover` is
/// what a client offers.
pub(crate) fn compression(client_no_context_takeover: bool) -> Compression {
    let preferences = Preferences {
        server_no_context_takeover: false,
        client_no_context_takeover,
        ..Preferences::default()
    };
    Compression::On(Deflate { threshold: 0, preferences, ..Deflate::default() })
}

/// Options of the echo.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listen: Listen<9001>,
    /// Serve wss, HTTP/2 included, with a certificate that nobody signed.
    #[arg(long)]
    tls_self_signed: bool,
}

pub(crate) async fn serve(arguments: &Arguments) -> Result<()> {
    let listen = &arguments.listen;
    let config = Config {
        message_bytes_max: listen.payload_bytes_max().unwrap_or(MESSAGE_BYTES_MAX),
        queued_bytes_max: 2 * MESSAGE_BYTES_MAX,
        compression: compression(false),
        ..Config::default()
    };
    let acceptor = Acceptor::new().config(config).origins(Origins::Any);
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Mutex::new(JoinSet::new()));
    let draining = Arc::clone(&connections);
    let answer = move |mut request: Request<Incoming>| {
        let response = match acceptor.upgrade(&mut request) {
            Ok((response, upgrade)) => {
                let mut connections = connections.lock();
                // Forget those that ended, so that the set holds no more than are open.
                while connections.try_join_next().is_some() {}
                connections.spawn(echo(upgrade, stopped.clone()));
                response
            }
            Err(refusal) => refusal.into_response(),
        };
        async move { response }
    };
    let drain = async move {
        let _ = stop.send(true);
        let connections = std::mem::take(&mut *draining.lock());
        connections.join_all().await;
    };
    let tls = arguments.tls_self_signed.then(self_signed).transpose()?;
    listen.serve_fn_with(answer, drain, tls).await
}

async fn echo(upgrade: Upgrade, mut stopped: watch::Receiver<bool>) {
    let Ok(mut socket) = upgrade.await else {
        return;
    };
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Ok(Some(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    if socket.send(&message).await.is_err() {
                        return;
                    }
                }
                // Pings were answered already.
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "connection ended");
                    return;
                }
            },
            () = told_to_stop(&mut stopped) => {
                let _ = socket.close(CloseCode::GOING_AWAY, "").await;
                return;
            }
        }
    }
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell any more, which is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
