//! A fake server that sends exactly what a test wants, over WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use sockeye_testing::raw::{self, Received, WebSocket};
use tokio::net::{TcpListener, TcpStream};

/// A loopback port where the test accepts connections one by one.
pub struct Fake {
    listener: TcpListener,
}

/// One accepted WebSocket.
pub struct Peer {
    socket: WebSocket<TcpStream>,
}

impl From<TcpListener> for Fake {
    fn from(listener: TcpListener) -> Self {
        Fake { listener }
    }
}

impl Fake {
    pub async fn new() -> Self {
        Fake { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Accepts a connection and answers its handshake.
    pub async fn accept(&self) -> Peer {
        let socket = WebSocket::accept(self.accept_tcp().await).await;
        Peer { socket: socket.unwrap().quiet() }
    }

    /// Accepts a connection, opens a session and admits its namespace.
    pub async fn accept_joined(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.open().await;
        assert_eq!(peer.receive().await.as_deref(), Some("40"));
        peer.send(r#"40{"sid":"fake"}"#).await;
        peer
    }

    /// Accepts a connection and answers its one request.
    pub async fn answer(&self, response: &str) -> String {
        let mut peer = self.accept_tcp().await;
        let head = peer.head().await.unwrap();
        peer.send(response).await;
        head
    }

    async fn accept_tcp(&self) -> raw::Peer<TcpStream> {
        let accepted = super::soon("a connection to the fake", self.listener.accept()).await;
        let (stream, _) = accepted.unwrap();
        stream.set_nodelay(true).unwrap();
        raw::Peer::new(stream)
    }
}

impl Peer {
    pub async fn open(&mut self) {
        self.open_with(25_000, 20_000).await;
    }

    pub async fn open_with(&mut self, ping_interval: u32, ping_timeout: u32) {
        self.send(&format!(
            "0{{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":{ping_interval},\
             \"pingTimeout\":{ping_timeout},\"maxPayload\":1000000}}"
        ))
        .await;
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(text).await;
    }

    pub async fn send_binary(&mut self, data: &[u8]) {
        self.socket.send_binary(data).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.peer.send(bytes).await;
    }

    /// The next text message; binary ones as their hexadecimal digits. `None`: the end.
    pub async fn receive(&mut self) -> Option<String> {
        super::soon("a message to the fake", self.receive_inner()).await
    }

    async fn receive_inner(&mut self) -> Option<String> {
        loop {
            return match self.socket.receive().await {
                Received::Text(text) => Some(text),
                Received::Binary(data) => {
                    Some(data.iter().map(|byte| format!("{byte:02x}")).collect())
                }
                Received::Close(..) | Received::End => None,
                Received::Broken(error) => panic!("the client broke the protocol: {error}"),
                _ => continue,
            };
        }
    }

    /// Checks that the client sends nothing for a while.
    pub async fn receives_nothing(&mut self) {
        let quiet = tokio::time::timeout(Duration::from_millis(100), self.receive_inner()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}
