//! Logs do not let their reader take over a session: neither its id nor the private id that recovery
//! uses is in them, at any level, of client or server.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use sockeye::{Config, Namespace, RawArgs, Server, Socket};
use sockeye_client::Transport;
use sockeye_engine::{Hooks, Message, Observer, Packet, Session};
use sockeye_testing::raw::Peer;
use tokio::net::{TcpListener, TcpStream};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// A writer that keeps everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The secrets: ids of sessions and private ids.
#[derive(Clone, Default)]
struct Secrets(Arc<Mutex<(Vec<String>, Vec<String>)>>);

impl Observer for Secrets {
    fn packet_create(&self, session: &Session, packet: &Packet<'_>) {
        let mut secrets = self.0.lock();
        secrets.0.push(session.id().to_string());
        if let Packet::Message(Message::Text(text)) = packet
            && let Some((_, pid)) = text.split_once("\"pid\":\"")
        {
            secrets.1.push(pid.split('"').next().unwrap().to_owned());
        }
    }
}

async fn exchange(address: &str, requests: &str) -> String {
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
    peer.send(requests).await;
    String::from_utf8(peer.read_rest().await.unwrap()).unwrap()
}

/// Sends every kind of bad request with the id of a session.
async fn misbehave(address: &str) {
    let path = "/socket.io/?EIO=4&transport=polling";
    let end = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
    let opened = exchange(address, &format!("GET {path} {end}\r\n\r\n")).await;
    let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
    for (method, more, body) in [
        ("POST", "", "40"),
        ("POST", "", "42[\"echo\",1]\u{1e}4nonsense"),
        ("POST", "", "nonsense"),
        ("GET", "", ""),
        ("GET", "\r\nUpgrade: websocket\r\nConnection: Upgrade", ""),
    ] {
        let length = body.len();
        let head = format!("{method} {path}&sid={sid} {end}{more}\r\nContent-Length: {length}");
        exchange(address, &format!("{head}\r\n\r\n{body}")).await;
    }
}

#[tokio::test]
async fn ids_are_not_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let secrets = Secrets::default();
    let mut config = Config { recovery: Some(Default::default()), ..Config::default() };
    config.engine.hooks = Hooks::default().observer(secrets.clone());
    let main = Namespace::new("/")
        .on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", &args))
        .on("panic", async |_: RawArgs| -> Result<(), sockeye::EmitError> { panic!("asked to") });
    let server = Server::builder().config(config).namespace(main).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve(listener).await });

    for transports in [common::POLLING, common::WEBSOCKET, common::UPGRADE] {
        let client =
            common::builder(&format!("http://{address}"), transports).connect().await.unwrap();
        client.emit("echo", &1).unwrap();
        while transports == common::UPGRADE && client.transport() != Some(Transport::WebSocket) {
            tokio::task::yield_now().await;
        }
        client.emit("panic", &()).unwrap();
        client.emit("echo", &2).unwrap();
        client.close().await;
    }
    misbehave(&address).await;
    server.shutdown().await;

    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    let (sids, pids) = secrets.0.lock().clone();
    assert!(log.contains("session opened") && log.contains("session closed"), "{log}");
    assert!(log.contains("session upgraded") && log.contains("a handler panicked"), "{log}");
    assert!(pids.len() >= 3, "{pids:?}");
    for secret in sids.iter().chain(&pids) {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    // The shortened ids are, so that lines of one session can be found.
    assert!(sids.iter().all(|sid| log.contains(&sid[..8])), "{log}");
}
