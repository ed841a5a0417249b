//! A server under test, and the raw clients that test it.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used)]

mod application;
mod client;

use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye_engine::{Config, Engine};
use sockeye_net::http::{HttpServer, bind};
use sockeye_testing::raw;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use application::{Echo, Heard};
pub use client::{Pending, Response};
pub use sockeye_testing::raw::{MASK, Received};

pub type Peer = raw::Peer<Box<dyn Io>>;
pub type WebSocket = raw::WebSocket<Box<dyn Io>>;

/// A byte stream of either kind.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A server that echoes, and a way to connect to it.
pub struct Host {
    pub engine: Engine<Echo>,
    pub app: Echo,
    net: Net,
}

enum Net {
    Tcp(SocketAddr),
    /// For paused clocks: connections are pairs of buffers in memory.
    Memory,
}

impl Host {
    /// Over real sockets.
    pub async fn tcp(config: Config) -> Host {
        let app = Echo::default();
        let engine = Engine::new(config, app.clone()).unwrap();
        let listeners = bind("127.0.0.1:0").await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let service = engine.clone().into_service();
        tokio::spawn(async move { HttpServer::new(listeners, service).await });
        Host { engine, app, net: Net::Tcp(address) }
    }

    /// In memory.
    pub fn memory(config: Config) -> Host {
        let app = Echo::default();
        let engine = Engine::new(config, app.clone()).unwrap();
        Host { engine, app, net: Net::Memory }
    }

    pub async fn connect(&self) -> Peer {
        let stream: Box<dyn Io> = match self.net {
            Net::Tcp(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Net::Memory => {
                let (client, server) = tokio::io::duplex(64 * 1024);
                let engine = self.engine.clone();
                let service = service_fn(move |request| {
                    let engine = engine.clone();
                    async move { Ok::<_, std::convert::Infallible>(engine.handle(request).await) }
                });
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(server), service)
                    .with_upgrades();
                tokio::spawn(connection);
                Box::new(client)
            }
        };
        Peer::new(stream)
    }

    pub fn address(&self) -> SocketAddr {
        match self.net {
            Net::Tcp(address) => address,
            Net::Memory => panic!("in memory there is no address"),
        }
    }

    /// Opens a polling session; gives its id.
    pub async fn open(&self) -> String {
        let response = self.get("/engine.io/?EIO=4&transport=polling").await;
        assert_eq!(response.status, 200, "{response:?}");
        sid(&response.text()[1..])
    }

    /// The address of a polling session.
    pub fn url(sid: &str) -> String {
        format!("/engine.io/?EIO=4&transport=polling&sid={sid}")
    }

    pub async fn poll(&self, sid: &str) -> Response {
        self.get(&Host::url(sid)).await
    }

    pub async fn post(&self, sid: &str, body: &str) -> Response {
        self.request("POST", &Host::url(sid), &[], body.as_bytes()).await
    }

    /// Opens a session on a WebSocket and reads OPEN.
    pub async fn open_websocket(&self) -> WebSocket {
        let mut socket = self.websocket("/engine.io/?EIO=4&transport=websocket").await.unwrap();
        let open = socket.text().await;
        assert!(open.starts_with("0{"), "{open}");
        socket
    }

    /// Opens the WebSocket of an upgrade.
    pub async fn probe(&self, sid: &str) -> WebSocket {
        let path = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
        self.websocket(&path).await.unwrap()
    }

    /// Waits until a poll is parked.
    pub async fn parked(&self, sid: &str) {
        let session = self.app.session(sid);
        while !session.is_writable() {
            tokio::task::yield_now().await;
        }
    }

    /// That the session is gone.
    pub async fn assert_gone(&self, sid: &str) {
        self.poll(sid).await.assert_refused(1, "Session ID unknown");
    }

    /// That the session still echoes.
    pub async fn assert_echoes(&self, sid: &str) {
        assert_eq!(self.post(sid, "4still here").await.status, 200);
        let payload = self.poll(sid).await;
        // A ping may be due.
        let text = payload.text().strip_prefix("2\x1e").unwrap_or(payload.text());
        assert_eq!(text, "4still here");
    }
}

/// The id in the data of an OPEN packet.
pub fn sid(open: &str) -> String {
    let start = open.find("\"sid\":\"").unwrap() + 7;
    open[start..].split('"').next().unwrap().to_owned()
}
