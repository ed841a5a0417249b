//! TCP connections with addresses of their own, and what goes over them: HTTP/1.1, WebSocket, the
//! packets of Socket.IO. Written by hand, since it shall not share a mistake with the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Nothing honest takes longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// A receive buffer as small as the system lets it be, for who does not read.
const BUFFER_BYTES_MIN: usize = 2_048;

/// A place on this machine: 127.0.0.`last`. To the server each is another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source(pub(crate) u8);

/// Whether the connection reads what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Yes,
    Never,
}

/// Connects from `source`.
pub(crate) fn open(server: SocketAddr, source: Source, reads: Reads) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if reads == Reads::Never {
        socket.set_recv_buffer_size(BUFFER_BYTES_MIN)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, source.0), 0)).into())?;
    socket.connect_timeout(&server.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// One request on a connection, and its answer.
pub(crate) fn request(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Answer> {
    exchange(stream, &head(method, path, body))
}

/// The same with a body of JSON.
pub(crate) fn post_json(stream: &mut TcpStream, path: &str, body: &str) -> Result<Answer> {
    let kind = "Content-Type: application/json";
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}\r\n");
    exchange(stream, &format!("{head}Content-Length: {length}\r\n\r\n{body}"))
}

fn exchange(stream: &mut TcpStream, request: &str) -> Result<Answer> {
    stream.write_all(request.as_bytes())?;
    let mut input = Vec::new();
    let end = loop {
        if let Some(end) = find(&input, b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut input)?;
    };
    let head = String::from_utf8_lossy(&input[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).context("no status")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Ok(0), |text| text.trim().parse())?;
    while input.len() < end + length {
        read_more(stream, &mut input)?;
    }
    Ok(Answer { status, body: String::from_utf8_lossy(&input[end..end + length]).into_owned() })
}

/// A request with its body.
pub(crate) fn head(method: &str, path: &str, body: &str) -> String {
    let length = match method {
        "POST" => format!("Content-Length: {}\r\n", body.len()),
        _ => String::new(),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n{body}")
}

/// The client's end of a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    stream: TcpStream,
    input: Vec<u8>,
}

/// Opcodes of RFC 6455 §5.2.
pub(crate) const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

impl WebSocket {
    pub(crate) fn open(
        server: SocketAddr,
        source: Source,
        path: &str,
        reads: Reads,
    ) -> Result<Self> {
        let mut stream = open(server, source, reads)?;
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes())?;
        let mut input = Vec::new();
        let end = loop {
            if let Some(end) = find(&input, b"\r\n\r\n") {
                break end + 4;
            }
            read_more(&mut stream, &mut input)?;
        };
        let head = String::from_utf8_lossy(&input[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 101"), "no WebSocket: {head}");
        input.drain(..end);
        Ok(Self { stream, input })
    }

    pub(crate) fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    /// For how long a write may wait for a server that does not read.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(patience))
    }

    /// The next text, pings answered on the way.
    pub(crate) fn next_text(&mut self) -> Result<String> {
        loop {
            let Some((opcode, start, end)) = frame_at(&self.input) else {
                read_more(&mut self.stream, &mut self.input)?;
                continue;
            };
            let payload = self.input[start..end].to_vec();
            self.input.drain(..end);
            match opcode {
                TEXT => return Ok(String::from_utf8(payload)?),
                PING => self.send(&frame(PONG, &payload))?,
                CLOSE => bail!("the server closed: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
        }
    }
}

/// A masked frame. The key is zero, which is as good as any to a server.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => bytes.push(0x80 | length.to_be_bytes()[1]),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A text frame.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(TEXT, payload.as_bytes())
}

/// The opcode of the first frame, and where its payload begins and ends; `None` if it is not whole.
fn frame_at(input: &[u8]) -> Option<(u8, usize, usize)> {
    let (start, length) = match input.get(1)? {
        126 => (4, u64::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(*short)),
    };
    let end = start + usize::try_from(length).ok()?;
    (input.len() >= end).then_some((input[0] & 0xF, start, end))
}

fn read_more(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    match stream.read(&mut buffer)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            input.extend(&buffer[..count]);
            Ok(())
        }
    }
}

fn find(input: &[u8], what: &[u8]) -> Option<usize> {
    input.windows(what.len()).position(|window| window == what)
}

/// A client of Socket.IO 5 over WebSocket.
#[derive(Debug)]
pub(crate) struct SocketIo {
    pub(crate) socket: WebSocket,
    acks: u64,
}

/// Where Engine.IO listens.
pub(crate) const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
pub(crate) const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

impl SocketIo {
    /// Opens a session, and enters no namespace yet.
    pub(crate) fn open(server: SocketAddr, source: Source, reads: Reads) -> Result<Self> {
        let mut socket = WebSocket::open(server, source, WEBSOCKET, reads)?;
        let open = socket.next_text()?;
        ensure!(open.starts_with('0'), "no OPEN packet: {open}");
        Ok(Self { socket, acks: 0 })
    }

    /// Enters a namespace: `/name,` or nothing. Returns what the server answered.
    pub(crate) fn connect(&mut self, namespace: &str, auth: &str) -> Result<Value> {
        self.packet(&format!("40{namespace}{auth}"))?;
        let answer = format!("40{namespace}");
        loop {
            let packet = self.next_packet()?;
            if let Some(data) = packet.strip_prefix(&answer) {
                return Ok(serde_json::from_str(data)?);
            }
            ensure!(!packet.starts_with("44"), "refused: {packet}");
        }
    }

    /// Sends packets, each in a frame of its own.
    pub(crate) fn packet(&mut self, packet: &str) -> io::Result<()> {
        self.socket.send(&text(packet))
    }

    /// Sends an event and waits for its ack: the arguments of it.
    pub(crate) fn ask(&mut self, namespace: &str, event: &str) -> Result<Value> {
        self.acks += 1;
        let id = self.acks;
        self.packet(&format!("42{namespace}{id}{event}"))?;
        let answer = format!("43{namespace}{id}[");
        loop {
            let packet = self.next_packet()?;
            if let Some(arguments) = packet.strip_prefix(&answer) {
                return Ok(serde_json::from_str(&format!("[{arguments}"))?);
            }
        }
    }

    /// The next packet of Socket.IO, pings of Engine.IO answered on the way.
    pub(crate) fn next_packet(&mut self) -> Result<String> {
        loop {
            let packet = self.socket.next_text()?;
            if packet != "2" {
                return Ok(packet);
            }
            self.packet("3")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let bytes = frame(TEXT, &vec![b'x'; length]);
            // As the server sends it: without the bit and the key of the mask.
            let header = bytes.len() - length - 4;
            let mut unmasked = bytes[..header].to_vec();
            unmasked[1] &= 0x7F;
            unmasked.extend(&bytes[header + 4..]);
            assert_eq!(frame_at(&unmasked), Some((TEXT, header, header + length)), "{length}");
            assert_eq!(frame_at(&unmasked[..unmasked.len() - 1]), None, "{length}");
        }
    }
}
