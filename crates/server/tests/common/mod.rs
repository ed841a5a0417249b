//! A server on loopback or in memory, and a client that speaks plain frames: what is on the wire is
//! what is asserted.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod log;
pub(crate) mod recovering;

use std::net::SocketAddr;
use std::time::Duration;

use sockeye::{Namespace, Server};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{self, Peer, Response, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes: a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A byte stream of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a server is reached.
pub(crate) trait Network {
    async fn dial(&self) -> Box<dyn Stream>;
}

impl Network for SocketAddr {
    async fn dial(&self) -> Box<dyn Stream> {
        Box::new(TcpStream::connect(self).await.unwrap())
    }
}

/// In memory, for whatever has to do with time: on a paused clock (`start_paused`) nothing else on the
/// machine can make it late.
impl Network for &TestServer {
    async fn dial(&self) -> Box<dyn Stream> {
        Box::new(self.open().0)
    }
}

/// Serves namespaces on a free port for as long as the test's runtime lives.
pub(crate) async fn serve(namespaces: impl IntoIterator<Item = Namespace>) -> (Server, SocketAddr) {
    let builder = namespaces.into_iter().fold(Server::builder(), |b, n| b.namespace(n));
    let server = builder.build().unwrap();
    let address = listen(&server).await;
    (server, address)
}

/// Serves namespaces in memory.
pub(crate) fn in_memory(namespaces: impl IntoIterator<Item = Namespace>) -> TestServer {
    let builder = namespaces.into_iter().fold(Server::builder(), |b, n| b.namespace(n));
    TestServer::new(builder.build().unwrap())
}

pub(crate) async fn listen(server: &Server) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener).into_future());
    address
}

/// What a client received.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Text(String),
    Binary(Vec<u8>),
    /// The server closed the WebSocket or the connection.
    Closed,
}

/// A session on WebSocket. Pings are answered and not shown.
pub(crate) struct Client {
    socket: WebSocket<Box<dyn Stream>>,
    pub(crate) open: serde_json::Value,
}

impl Client {
    /// Opens a session; no namespace is joined yet.
    pub(crate) async fn open(network: impl Network) -> Self {
        Self::open_with(network, "").await
    }

    /// Opens a session with more in its query.
    pub(crate) async fn open_with(network: impl Network, query: &str) -> Self {
        let target = format!("/socket.io/?EIO=4&transport=websocket{query}");
        let opened = Peer::new(network.dial().await).upgrade(&target, &[]).await;
        let open = serde_json::Value::Null;
        let mut client = Self { socket: opened.unwrap().quiet(), open };
        let Received::Text(text) = client.receive().await else { panic!("no open packet") };
        client.open = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
        client
    }

    /// Opens a session and joins `/`.
    pub(crate) async fn connect(network: impl Network) -> Self {
        let mut client = Self::open(network).await;
        client.join("40").await;
        client
    }

    /// Sends a connect packet and returns the socket id.
    pub(crate) async fn join(&mut self, packet: &str) -> String {
        self.send(packet).await;
        let reply = self.text().await;
        let (_, json) = reply.split_once('{').unwrap_or_else(|| panic!("refused: {reply}"));
        let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        json["sid"].as_str().unwrap_or_else(|| panic!("refused: {reply}")).to_owned()
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.socket.send(packet).await;
    }

    pub(crate) async fn send_binary(&mut self, data: &[u8]) {
        self.socket.send_binary(data).await;
    }

    /// Several packets in one write.
    pub(crate) async fn send_together(&mut self, packets: &[&str]) {
        self.socket.send_all(packets).await;
    }

    /// Closes the connection without sending anything.
    pub(crate) async fn hang_up(&mut self) {
        let _ = self.socket.peer.shutdown().await;
    }

    /// The next packet. Without one for long, the test fails.
    pub(crate) async fn receive(&mut self) -> Received {
        timeout(PATIENCE, self.next()).await.expect("a packet in time")
    }

    /// The next packet, however long it takes.
    pub(crate) async fn receive_whenever(&mut self) -> Received {
        self.next().await
    }

    async fn next(&mut self) -> Received {
        loop {
            return match self.socket.receive().await {
                raw::Received::Text(text) if text == "2" => {
                    self.send("3").await;
                    continue;
                }
                raw::Received::Text(text) => Received::Text(text),
                raw::Received::Binary(data) => Received::Binary(data),
                raw::Received::Close(..) | raw::Received::End => Received::Closed,
                raw::Received::Broken(error) => panic!("the server broke the protocol: {error}"),
                _ => continue,
            };
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.receive().await {
            Received::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    pub(crate) async fn expect(&mut self, packet: &str) {
        assert_eq!(self.text().await, packet);
    }

    pub(crate) async fn expect_binary(&mut self, data: &[u8]) {
        assert_eq!(self.receive().await, Received::Binary(data.to_vec()));
    }

    pub(crate) async fn expect_closed(&mut self) {
        assert_eq!(self.receive().await, Received::Closed);
    }

    /// Nothing more was sent to this client so far: the answer to this request is next. (`/` has
    /// to have [`with_sync`].)
    pub(crate) async fn expect_nothing(&mut self) {
        self.send("42999999[\"sync\"]").await;
        self.expect("43999999[]").await;
    }
}

/// A namespace that answers `sync`, which shows that nothing else is being sent.
pub(crate) fn with_sync(namespace: Namespace) -> Namespace {
    namespace.on("sync", async || {})
}

/// The body of the answer to a polling request on a connection of its own.
pub(crate) async fn request(memory: &TestServer, method: &str, query: &str, body: &str) -> String {
    ask(memory, method, query, body).await.text().to_owned()
}

/// The answer to a polling request on a connection of its own.
pub(crate) async fn ask(memory: &TestServer, method: &str, query: &str, body: &str) -> Response {
    let mut peer = Peer::new(memory.open().0);
    let target = format!("/socket.io/?EIO=4&transport=polling{query}");
    peer.send(raw::request(method, &target, &[("Connection", "close")], body)).await;
    peer.response().await.unwrap()
}

/// Waits until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the condition in time");
}
