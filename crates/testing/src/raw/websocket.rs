//! WebSocket (RFC 6455) of either role, that keeps to the rules only where it is told to.

use std::fmt::Write as _;

use sockeye_ws::handshake::accept_value;
use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{CloseCode, Config, Connection, Event, Opcode, ProtocolError, Role, encode_frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::{Error, Peer, http, within};

/// What masks the frames of a client. Any key will do.
pub const MASK: [u8; 4] = [1, 2, 3, 4];
/// The `Sec-WebSocket-Key` of every handshake: the specification's example (RFC 6455 §1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// One end of a WebSocket. What it was made of, its [`Peer`], can be used between two messages.
///
/// ```
/// use sockeye_testing::raw::{Opcode, Peer, Received, WebSocket};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (near, far) = tokio::io::duplex(1024);
/// let (client, server) =
///     tokio::join!(Peer::new(near).upgrade("/", &[("x-a", "b")]), WebSocket::accept(Peer::new(far)));
/// let (mut client, mut server) = (client?, server?);
/// assert_eq!(server.header("x-a"), Some("b"));
///
/// client.send("hello").await;
/// assert_eq!(server.text().await, "hello");
/// // A frame with a reserved bit and no mask: two rules broken.
/// client.peer.send(b"\xf1\x00").await;
/// assert!(matches!(server.receive().await, Received::Broken(_)));
/// server.send_frame(Opcode::Close, b"\x03\xea").await;
/// assert_eq!(client.close_code().await, 1002);
/// # Ok::<(), sockeye_testing::raw::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    /// The bytes. They are at the beginning of a frame unless a read was given up within one.
    pub peer: Peer<S>,
    /// The other end's half of the handshake: the head of the response, or of the request.
    pub head: String,
    connection: Box<Connection>,
    role: Role,
    is_quiet: bool,
    /// As much of a header as has come.
    header: Vec<u8>,
    payload_left: usize,
}

/// What came over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping. (It was answered, unless this end is [quiet](WebSocket::quiet).)
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame, with its reason; 1005 stands for one without a code. (It was answered, unless
    /// this end is [quiet](WebSocket::quiet) or has closed first.)
    Close(u16, String),
    /// The other end broke the protocol, or a limit.
    Broken(ProtocolError),
    /// The stream ended, or nothing came for as long as [`Peer::patience`].
    End,
}

/// The request that opens a WebSocket. A header given here takes the place of the ordinary one.
///
/// ```
/// use sockeye_testing::raw::handshake;
///
/// assert!(handshake("/", &[]).contains("\r\nSec-WebSocket-Version: 13\r\n"));
/// let old = handshake("/", &[("sec-websocket-version", "8")]);
/// assert!(old.contains("\r\nsec-websocket-version: 8\r\n") && !old.contains("13"));
/// ```
pub fn handshake(target: &str, headers: &[(&str, &str)]) -> String {
    let ordinary = [
        ("Host", "localhost"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    let is_given = |name: &str| headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
    let mut head = format!("GET {target} HTTP/1.1\r\n");
    for (name, value) in ordinary.iter().filter(|(name, _)| !is_given(name)).chain(headers) {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// A whole frame as a client sends it, to be broken or glued to others.
///
/// ```
/// use sockeye_testing::raw::{Opcode, frame};
///
/// assert_eq!(frame(Opcode::Text, b"\x01\x02"), [0x81, 0x82, 1, 2, 3, 4, 0, 0]);
/// ```
pub fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(opcode, payload, Some(MASK), &mut bytes);
    bytes
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Opens a WebSocket with the request of [`handshake`].
    ///
    /// # Errors
    /// As [`upgraded`](Self::upgraded).
    pub async fn upgrade(
        mut self,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<WebSocket<S>, Error> {
        self.send(handshake(target, headers)).await;
        self.upgraded().await
    }

    /// The next frame as it came: its first byte, with FIN, the reserved bits and the opcode, and its
    /// payload, masked if it is.
    ///
    /// # Errors
    /// When the connection ends before, and by the limits.
    pub async fn frame(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let mut header = self.read_count(2).await?;
        let missing = header_length(&header) - header.len();
        header.extend(self.read_count(missing).await?);
        Ok((header[0], self.read_count(payload_length(&header)).await?))
    }

    /// Reads the answer to a [`handshake`], whatever was sent behind it.
    ///
    /// # Errors
    /// The response when it is another than 101; when the connection ends before, when the response
    /// does not belong to [`KEY`], and by the limits.
    pub async fn upgraded(mut self) -> Result<WebSocket<S>, Error> {
        let response = self.response_head().await?;
        if response.status != 101 {
            return Err(Error::Refused(self.body_of(response).await?));
        }
        if response.header("sec-websocket-accept") != Some(&accept_value(KEY.as_bytes())) {
            return Err(http::malformed(&response.head));
        }
        let mut websocket = WebSocket::new(self, Role::Client, response.head);
        if let Some(parameters) = websocket.deflate() {
            websocket.connection = Box::new((*websocket.connection).with_deflate(&parameters));
        }
        Ok(websocket)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Takes a WebSocket whose handshake is done; `head` is the other end's half of it.
    pub fn new(peer: Peer<S>, role: Role, head: String) -> Self {
        let config = Config { message_bytes_max: peer.bytes_max, ..Config::default() };
        let connection = Box::new(Connection::new(role, config));
        let header = Vec::new();
        Self { peer, head, connection, role, is_quiet: false, header, payload_left: 0 }
    }

    /// Reads the request that opens a WebSocket and lets it in.
    ///
    /// # Errors
    /// When it is none, when the connection ends before, and by the limits.
    pub async fn accept(mut peer: Peer<S>) -> Result<Self, Error> {
        let head = peer.head().await?;
        let mut websocket = Self::new(peer, Role::Server, head);
        let Some(key) = websocket.header("sec-websocket-key") else {
            return Err(http::malformed(&websocket.head));
        };
        let accept = accept_value(key.as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        websocket.peer.send(response).await;
        Ok(websocket)
    }

    /// Answers neither pings nor close frames by itself.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// The first header of this name in the [`head`](Self::head).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of this name in the [`head`](Self::head).
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        http::headers_named(&self.head, name)
    }

    /// What the head says of compression, with windows at their largest. None: it says nothing.
    pub fn deflate(&self) -> Option<Parameters> {
        let agreed = self.header("sec-websocket-extensions")?;
        let is_agreed = |name: &str| agreed.split(';').any(|part| part.trim() == name);
        is_agreed("permessage-deflate").then(|| Parameters {
            server_no_context_takeover: is_agreed("server_no_context_takeover"),
            client_no_context_takeover: is_agreed("client_no_context_takeover"),
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        })
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.send_all(&[text]).await;
    }

    /// Sends text messages in one write.
    pub async fn send_all(&mut self, texts: &[&str]) {
        let mut out = Vec::new();
        for text in texts {
            encode_frame(Opcode::Text, text.as_bytes(), self.mask(), &mut out);
        }
        self.peer.send(out).await;
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, data: &[u8]) {
        self.send_frame(Opcode::Binary, data).await;
    }

    /// Sends a whole frame, be it after a close frame. (Other frames: bytes over [`Self::peer`].)
    pub async fn send_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut out = Vec::new();
        encode_frame(opcode, payload, self.mask(), &mut out);
        self.peer.send(out).await;
    }

    /// Begins the close handshake, with 1000.
    pub async fn close(&mut self) {
        let mut out = Vec::new();
        self.connection.close(CloseCode::NORMAL, "", self.mask(), &mut out);
        self.peer.send(out).await;
    }

    /// What comes next. May be given up half-way and asked again.
    pub async fn receive(&mut self) -> Received {
        loop {
            let Some(mut input) = self.read().await else { return Received::End };
            let received = match self.connection.handle_read(&mut input) {
                Ok((_, None)) => continue,
                Ok((_, Some(event))) => event.into(),
                Err(error) => Received::Broken(error),
            };
            self.answer().await;
            return received;
        }
    }

    /// The text message that comes next.
    ///
    /// # Panics
    /// When something else does.
    pub async fn text(&mut self) -> String {
        match self.receive().await {
            Received::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The code of the close frame, whatever came before it; 1005 if it has none, and 1006 if there is
    /// no close frame.
    ///
    /// # Panics
    /// When it has a reason: it is in [`Received::Close`].
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Received::Close(code, reason) => {
                    assert_eq!(reason, "");
                    return code;
                }
                Received::End => return 1006,
                _ => {}
            }
        }
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then_some(MASK)
    }

    /// A frame's header, or a part of its payload: never more, so that nothing is read ahead.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let mut input = Vec::new();
        if self.payload_left > 0 {
            let part = (&mut self.peer.stream).take(self.payload_left as u64);
            let read = within(self.peer.patience, { part }.read_buf(&mut input)).await;
            self.payload_left -= read.ok()?.ok().filter(|count| *count > 0)?;
            return Some(input);
        }
        loop {
            let header = &self.header;
            let missing = header_length(header) - header.len();
            if missing == 0 {
                self.payload_left = payload_length(header);
                return Some(std::mem::take(&mut self.header));
            }
            let part = (&mut self.peer.stream).take(missing as u64);
            let read = within(self.peer.patience, { part }.read_buf(&mut self.header)).await;
            read.ok()?.ok().filter(|count| *count > 0)?;
        }
    }

    async fn answer(&mut self) {
        let (mask, mut out) = (self.mask(), Vec::new());
        while !self.is_quiet && self.connection.poll_transmit(mask, &mut out) {}
        self.peer.send(out).await;
    }
}

impl From<Event<'_>> for Received {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(data) => Self::Binary(data.to_vec()),
            Event::Ping(data) => Self::Ping(data.to_vec()),
            Event::Pong(data) => Self::Pong(data.to_vec()),
            Event::Close(Some(frame)) => Self::Close(frame.code.get(), frame.reason.to_owned()),
            Event::Close(None) => Self::Close(1005, String::new()),
        }
    }
}

/// How long a frame's header is (RFC 6455 §5.2), as far as that is known.
fn header_length(header: &[u8]) -> usize {
    let Some(second) = header.get(1) else { return 2 };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    2 + extended + mask
}

/// How long the payload behind a whole header is.
fn payload_length(header: &[u8]) -> usize {
    let extended = match header[1] & 0x7f {
        126 => &header[2..4],
        127 => &header[2..10],
        _ => return usize::from(header[1] & 0x7f),
    };
    extended.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}
