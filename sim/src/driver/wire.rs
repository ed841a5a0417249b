//! Raw HTTP and WebSocket, written in pieces.

use std::collections::VecDeque;

use sockeye_ws::{CloseCode, Config, Connection, Event, Message, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{Host, Io};
use crate::random::Random;

/// A response, read to its end.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) binary: bool,
    pub(crate) body: Vec<u8>,
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}").into_bytes();
    if method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Writes in one piece or in several, with turns for others in between. `None`: the other end has
/// gone.
pub(crate) async fn write(io: &mut Box<dyn Io>, bytes: &[u8], random: &mut Random) -> Option<()> {
    if random.chance(70) {
        return io.write_all(bytes).await.ok();
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = 1 + random.below(rest.len().min(40) as u64) as usize;
        io.write_all(&rest[..length]).await.ok()?;
        rest = &rest[length..];
        tokio::task::yield_now().await;
    }
    Some(())
}

/// Reads a response; what follows it stays in `buffer`. `None`: the connection ended before.
pub(crate) async fn read_response(io: &mut Box<dyn Io>, buffer: &mut Vec<u8>) -> Option<Response> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break String::from_utf8(buffer.drain(..end + 4).collect()).ok()?;
        }
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let status = head.get(9..12)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a length is a number"));
    while buffer.len() < length {
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let binary = head.contains("application/octet-stream");
    Some(Response { status, binary, body: buffer.drain(..length).collect() })
}

/// A WebSocket from the client's end.
pub(crate) struct WebSocket {
    pub(crate) io: Box<dyn Io>,
    ws: Connection,
    received: VecDeque<Received>,
    early: Vec<u8>,
}

/// What a WebSocket brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Binary(Vec<u8>),
    /// A close frame or the end of the stream.
    End,
}

const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);
const HEADERS: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

impl WebSocket {
    /// `None`: refused, or the connection ended.
    pub(crate) async fn open(
        host: &Host,
        path: &str,
        buffer: usize,
        random: &mut Random,
    ) -> Option<WebSocket> {
        let mut io = host.connect(buffer).await?;
        write(&mut io, &request("GET", path, HEADERS, b""), random).await?;
        let mut early = Vec::new();
        let response = read_response(&mut io, &mut early).await?;
        let config = Config { message_bytes_max: 1 << 24, ..Config::default() };
        let ws = Connection::new(Role::Client, config);
        (response.status == 101).then(|| WebSocket { io, ws, received: VecDeque::new(), early })
    }

    pub(crate) async fn send(&mut self, message: Message<'_>, random: &mut Random) -> Option<()> {
        let mut out = Vec::new();
        self.ws.send(message, KEY, &mut out).ok()?;
        write(&mut self.io, &out, random).await
    }

    pub(crate) async fn close(&mut self, random: &mut Random) {
        let mut out = Vec::new();
        self.ws.close(CloseCode::NORMAL, "", KEY, &mut out);
        let _ = write(&mut self.io, &out, random).await;
    }

    /// The next message. Pings are answered, close frames too.
    pub(crate) async fn receive(&mut self) -> Received {
        loop {
            if let Some(received) = self.received.pop_front() {
                return received;
            }
            let mut input = std::mem::take(&mut self.early);
            if input.is_empty() && self.io.read_buf(&mut input).await.unwrap_or(0) == 0 {
                return Received::End;
            }
            let mut used = 0;
            while used < input.len() {
                let (length, event) =
                    self.ws.handle_read(&mut input[used..]).expect("the server keeps the rules");
                used += length;
                self.received.push_back(match event {
                    Some(Event::Text(text)) => Received::Text(text.to_owned()),
                    Some(Event::Binary(data)) => Received::Binary(data.to_vec()),
                    Some(Event::Close(_)) => Received::End,
                    Some(_) => continue,
                    None => break,
                });
            }
            let mut out = Vec::new();
            while self.ws.poll_transmit(KEY, &mut out) {}
            let _ = self.io.write_all(&out).await;
        }
    }
}
