//! One client: from `connect` over the handshakes to messages, each checked as it comes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use nix::errno::Errno;
use socket2::{Domain, SockRef, Socket, Type};

use crate::wire::{self, ACCEPT, PING, PONG, Protocol, Ring, TEXT, Wire};

/// What one client found wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The kernel reported a failure.
    #[error("input or output failed")]
    Io(#[from] io::Error),
    /// The server closed it.
    #[error("the server closed the connection")]
    Closed,
    /// The WebSocket handshake was not accepted.
    #[error("unexpected handshake response: {0:?}")]
    Handshake(String),
    /// A packet of Engine.IO's or Socket.IO's own handshake was not as it must be.
    #[error("unexpected packet while opening: {0:?}")]
    Opening(String),
    /// Other bytes than the ones that are due.
    #[error("wrong bytes in message {number}, byte {position}: expected {expected}, got {got}")]
    Wrong {
        /// Which message of this connection, from 0.
        number: u64,
        /// The first byte of it that was compared.
        position: usize,
        /// The beginning of what is due.
        expected: String,
        /// The beginning of what came.
        got: String,
    },
    /// A message although none is due.
    #[error("a message came that nobody sent")]
    Surplus,
}

/// One client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    phase: Phase,
    /// Socket.IO: it asks to be in the room before it is ready.
    enters_room: bool,
    /// Handshake bytes, or those of a heartbeat, that are not complete yet. Empty otherwise.
    incomplete: Vec<u8>,
    unsent: Vec<u8>,
    /// Messages sent, or announced as coming with [`expect`](Self::expect).
    due: u64,
    /// Messages received and found right; the number of the one that comes next.
    received: u64,
    /// Bytes of the next message already received and found right.
    position: usize,
    pings: u64,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    /// The HTTP request is sent.
    Upgrading,
    /// Engine.IO's open packet, or SockJS' open frame, is awaited.
    Opening,
    /// Socket.IO's connect packet is sent.
    Joining,
    /// The event that enters the room is sent.
    Entering,
    Ready,
}

/// What one turn of a connection brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// It has just become ready for messages.
    pub(crate) ready: bool,
    /// So many messages came, all right.
    pub(crate) messages: usize,
}

/// Clients of one source address; more take the next address of 127.0.0.0/8, since an address has
/// only some 28,000 ports for connections to one server.
const CONNECTIONS_PER_ADDRESS: usize = 20_000;

/// Messages above this size are compared in part, except every eighth.
const COMPARED_BYTES: usize = 1024;

impl Connection {
    /// Starts connecting client number `index`.
    pub(crate) fn open(server: SocketAddr, index: usize) -> io::Result<Self> {
        let stream = connect(server, index)?;
        Ok(Self {
            stream,
            phase: Phase::Connecting,
            enters_room: false,
            incomplete: Vec::new(),
            unsent: Vec::new(),
            due: 0,
            received: 0,
            position: 0,
            pings: 0,
        })
    }

    /// Has it ask to be in the room as soon as it is connected.
    pub(crate) fn enter_room(&mut self) {
        self.enters_room = true;
    }

    pub(crate) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether messages may be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Messages that are due and have not come.
    pub(crate) fn missing(&self) -> u64 {
        self.due - self.received
    }

    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    /// Sends the next `count` messages of the ring; as many replies are due from now on.
    pub(crate) fn send_messages(&mut self, wire: &Wire, count: usize) -> io::Result<()> {
        let first = self.due;
        self.due += count as u64;
        self.send(wire.requests.messages(first, count))
    }

    /// Sends messages of the ring whose replies [`expect`](Self::expect) announces.
    pub(crate) fn send_unanswered(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes)
    }

    /// Announces `count` messages that somebody else's sending will bring.
    pub(crate) fn expect(&mut self, count: usize) {
        self.due += count as u64;
    }

    /// Closes with a reset, which leaves nothing waiting in the kernel and its port free at once.
    pub(crate) fn reset(self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    /// Does what can be done now that the stream is ready for reading or writing.
    pub(crate) fn handle_ready(
        &mut self,
        wire: &Wire,
        buffer: &mut [u8],
    ) -> Result<Progress, ConnectionError> {
        let mut progress = Progress::default();
        if self.phase == Phase::Connecting {
            if let Some(error) = self.stream.take_error()? {
                return Err(error.into());
            }
            match self.stream.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(progress),
                result => result?,
            };
            self.stream.set_nodelay(true)?;
            if wire.protocol == Protocol::Tcp {
                self.phase = Phase::Ready;
                progress.ready = true;
            } else {
                self.phase = Phase::Upgrading;
                self.send(&wire.request_head)?;
            }
        } else if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            self.send(&unsent)?;
        }
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(progress),
                Err(error) => return Err(error.into()),
            };
            self.handle_input(wire, &buffer[..length], &mut progress)?;
            // Edge-triggered: only a read that filled the buffer may have left something.
            if length < buffer.len() {
                return Ok(progress);
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.unsent.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            }
        } else {
            0
        };
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn handle_input(
        &mut self,
        wire: &Wire,
        input: &[u8],
        progress: &mut Progress,
    ) -> Result<(), ConnectionError> {
        if self.phase == Phase::Ready {
            progress.messages += self.handle_messages(wire, input)?;
            return Ok(());
        }
        self.incomplete.extend_from_slice(input);
        let handshake = std::mem::take(&mut self.incomplete);
        let mut rest = &handshake[..];
        while self.phase != Phase::Ready {
            match self.handle_handshake(wire.protocol, rest)? {
                0 => {
                    self.incomplete = rest.to_vec();
                    return Ok(());
                }
                used => rest = &rest[used..],
            }
        }
        progress.ready = true;
        progress.messages += self.handle_messages(wire, rest)?;
        Ok(())
    }

    /// Takes one step of the handshakes and returns the bytes it used; 0: more are needed.
    fn handle_handshake(
        &mut self,
        protocol: Protocol,
        input: &[u8],
    ) -> Result<usize, ConnectionError> {
        if self.phase == Phase::Upgrading {
            let Some(head_bytes) = check_response_head(input)? else {
                return Ok(0);
            };
            self.phase =
                if protocol == Protocol::Websocket { Phase::Ready } else { Phase::Opening };
            return Ok(head_bytes);
        }
        let unexpected =
            |bytes: &[u8]| ConnectionError::Opening(String::from_utf8_lossy(bytes).into_owned());
        let Some(frame) = wire::server_frame(input).map_err(|_| unexpected(input))? else {
            return Ok(0);
        };
        let expected: &[u8] = match self.phase {
            Phase::Opening if protocol == Protocol::SockJs => b"o",
            Phase::Opening => b"0{\"sid\":\"",
            Phase::Entering => b"430[]",
            _ => b"40{\"sid\":\"",
        };
        if frame.opcode != TEXT || !frame.payload.starts_with(expected) {
            return Err(unexpected(frame.payload));
        }
        self.phase = match (self.phase, protocol) {
            (Phase::Opening, Protocol::SocketIo) => {
                self.send(&wire::frame(TEXT, Some(CONTROL_KEY), b"40"))?;
                Phase::Joining
            }
            (Phase::Joining, _) if self.enters_room => {
                self.send(&wire::frame(TEXT, Some(CONTROL_KEY), br#"420["enter"]"#))?;
                Phase::Entering
            }
            _ => Phase::Ready,
        };
        Ok(frame.frame_bytes)
    }

    /// Compares `input` with what is due and returns how many messages it completed.
    fn handle_messages(&mut self, wire: &Wire, mut input: &[u8]) -> Result<usize, ConnectionError> {
        let replies = &wire.replies;
        let before = self.received;
        while !input.is_empty() {
            let used = self.accept_run(replies, input);
            let used = if used > 0 { used } else { self.accept_part(wire, input)? };
            input = &input[used..];
        }
        if self.received > self.due {
            return Err(ConnectionError::Surplus);
        }
        Ok((self.received - before) as usize)
    }

    /// Takes as many whole messages as there are, with one comparison for all; 0 when this is not
    /// possible or they differ.
    fn accept_run(&mut self, replies: &Ring, input: &[u8]) -> usize {
        let message_bytes = replies.message_bytes();
        if self.position > 0 || !self.incomplete.is_empty() || message_bytes > COMPARED_BYTES {
            return 0;
        }
        let count = (input.len() / message_bytes).min(replies.slots());
        let run = &input[..count * message_bytes];
        if replies.messages(self.received, count) != run {
            return 0;
        }
        self.received += count as u64;
        run.len()
    }

    /// Takes the rest or a part of the next message, or of a heartbeat that comes before it.
    fn accept_part(&mut self, wire: &Wire, input: &[u8]) -> Result<usize, ConnectionError> {
        if !self.incomplete.is_empty() {
            return self.handle_heartbeat(wire, input);
        }
        let message = wire.replies.messages(self.received, 1);
        let expected = &message[self.position..];
        let used = expected.len().min(input.len());
        let in_full = wire.replies.slot(self.received).is_multiple_of(8);
        if !matches(&expected[..used], &input[..used], in_full) {
            // A heartbeat begins between two messages; its first bytes may be like a message's.
            if wire.protocol != Protocol::Tcp && self.position < HEARTBEAT_BYTES_MAX {
                self.incomplete = message[..self.position].to_vec();
                return self.handle_heartbeat(wire, input);
            }
            return Err(self.wrong(wire, input));
        }
        self.position += used;
        if self.position == message.len() {
            self.position = 0;
            self.received += 1;
        }
        Ok(used)
    }

    /// Collects a WebSocket ping or an Engine.IO ping, answers it, and refuses everything else; SockJS'
    /// heartbeat has no answer.
    fn handle_heartbeat(&mut self, wire: &Wire, input: &[u8]) -> Result<usize, ConnectionError> {
        let had = self.incomplete.len();
        self.incomplete.extend(input.iter().take(HEARTBEAT_BYTES_MAX - had));
        let is_engine = matches!(wire.protocol, Protocol::EngineIo | Protocol::SocketIo);
        let is_sockjs = wire.protocol == Protocol::SockJs;
        let (frame_bytes, pong) = match wire::server_frame(&self.incomplete) {
            Ok(Some(frame)) if frame.opcode == PING => {
                (frame.frame_bytes, wire::frame(PONG, Some(CONTROL_KEY), frame.payload))
            }
            Ok(Some(frame)) if is_engine && frame.opcode == TEXT && frame.payload == b"2" => {
                (frame.frame_bytes, wire::frame(TEXT, Some(CONTROL_KEY), b"3"))
            }
            Ok(Some(frame)) if is_sockjs && frame.opcode == TEXT && frame.payload == b"h" => {
                (frame.frame_bytes, Vec::new())
            }
            Ok(None) if self.incomplete.len() < HEARTBEAT_BYTES_MAX => return Ok(input.len()),
            _ => return Err(self.wrong(wire, input)),
        };
        self.incomplete.clear();
        self.position = 0;
        self.pings += 1;
        self.send(&pong)?;
        Ok(frame_bytes - had)
    }

    fn wrong(&self, wire: &Wire, input: &[u8]) -> ConnectionError {
        let excerpt = |bytes: &[u8]| bytes[..bytes.len().min(60)].escape_ascii().to_string();
        ConnectionError::Wrong {
            number: self.received,
            position: self.position,
            expected: excerpt(&wire.replies.messages(self.received, 1)[self.position..]),
            got: excerpt(input),
        }
    }
}

/// Starts connecting client number `index`, from the source address of its block.
pub(crate) fn connect(server: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let block = index / CONNECTIONS_PER_ADDRESS;
    let (SocketAddr::V4(address), 1..=253) = (server, block) else {
        return TcpStream::connect(server);
    };
    if !address.ip().is_loopback() {
        return TcpStream::connect(server);
    }
    let source = Ipv4Addr::new(127, 0, 0, 1 + block as u8);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        result => result?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Of what a client sends besides messages.
const CONTROL_KEY: [u8; 4] = [0x1F, 0x2E, 0x3D, 0x4C];

/// A control frame has at most 125 bytes of payload (RFC 6455 §5.5) behind a header of 2.
const HEARTBEAT_BYTES_MAX: usize = 127;

/// Whether two equally long pieces of a message are the same. Of large pieces the ends are
/// compared always, the middle only when `in_full`.
fn matches(expected: &[u8], got: &[u8], in_full: bool) -> bool {
    const END_BYTES: usize = 128;
    if in_full || expected.len() <= COMPARED_BYTES {
        return expected == got;
    }
    let tail = expected.len() - END_BYTES;
    expected[..END_BYTES] == got[..END_BYTES] && expected[tail..] == got[tail..]
}

/// The length of a response head that accepts the upgrade; `None` while it is not complete.
fn check_response_head(input: &[u8]) -> Result<Option<usize>, ConnectionError> {
    const HEAD_BYTES_MAX: usize = 8 * 1024;
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        if input.len() > HEAD_BYTES_MAX {
            return Err(ConnectionError::Handshake("a head without end".to_owned()));
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&input[..end]);
    let accepted =
        head.lines().skip(1).filter_map(|line| line.split_once(':')).any(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
        });
    if !head.starts_with("HTTP/1.1 101 ") || !accepted {
        return Err(ConnectionError::Handshake(head.into_owned()));
    }
    Ok(Some(end + 4))
}
