//! A server that says exactly what a test wants it to say, over WebSocket.

use std::{net::SocketAddr, time::Duration};

use sockeye_ws::{Config, Connection, Event, Message, Role, handshake};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A port on loopback where connections are taken one by one.
pub struct Fake {
    listener: TcpListener,
}

/// One accepted WebSocket.
pub struct Peer {
    stream: TcpStream,
    connection: Connection,
    input: Vec<u8>,
    /// The request line and headers that opened it.
    pub head: String,
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

    /// Takes a connection and answers its handshake.
    pub async fn accept(&self) -> Peer {
        let mut stream = self.accept_tcp().await;
        let head = read_head(&mut stream).await;
        let key = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .starts_with("sec-websocket-key:")
                    .then(|| line[18..].trim())
            })
            .unwrap_or_else(|| panic!("not a WebSocket handshake: {head}"));
        let accept = handshake::accept_value(key.as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(response.as_bytes()).await.unwrap();
        let connection = Connection::new(Role::Server, Config::default());
        Peer { stream, connection, input: Vec::new(), head }
    }

    /// The same, and opens a session with a namespace joined.
    pub async fn accept_joined(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.open().await;
        assert_eq!(peer.receive().await.as_deref(), Some("40"));
        peer.send(r#"40{"sid":"fake"}"#).await;
        peer
    }

    /// Takes a connection and answers its one request.
    pub async fn answer(&self, response: &str) -> String {
        let mut stream = self.accept_tcp().await;
        let head = read_head(&mut stream).await;
        stream.write_all(response.as_bytes()).await.unwrap();
        head
    }

    async fn accept_tcp(&self) -> TcpStream {
        let accepted = super::soon("a connection to the fake", self.listener.accept()).await;
        let (stream, _) = accepted.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
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
        self.message(Message::Text(text)).await;
    }

    pub async fn send_binary(&mut self, data: &[u8]) {
        self.message(Message::Binary(data)).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // The client may have gone already, which then is what the test waits for.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next text message; binary ones as their hexadecimal digits. `None`: the end.
    pub async fn receive(&mut self) -> Option<String> {
        super::soon("a message to the fake", self.receive_inner()).await
    }

    async fn receive_inner(&mut self) -> Option<String> {
        loop {
            let (used, event) = self.connection.handle_read(&mut self.input).unwrap();
            let received = match event {
                Some(Event::Text(text)) => Some(text.to_owned()),
                Some(Event::Binary(data)) => {
                    Some(data.iter().map(|byte| format!("{byte:02x}")).collect())
                }
                Some(Event::Close(_)) => return None,
                Some(_) => continue,
                None => None,
            };
            self.input.drain(..used);
            if received.is_some() {
                return received;
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Nothing comes for a while.
    pub async fn receives_nothing(&mut self) {
        let quiet = tokio::time::timeout(Duration::from_millis(100), self.receive_inner()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }

    async fn message(&mut self, message: Message<'_>) {
        let mut out = Vec::new();
        self.connection.send(message, None, &mut out).unwrap();
        self.send_bytes(&out).await;
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
