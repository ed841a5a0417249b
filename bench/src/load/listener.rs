//! One reader of a feed whose answer goes on and on, each byte of which is checked as it comes.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::ConnectionError;
use super::connection::connect;
use crate::wire::{FeedWire, ID_BYTES};

/// The events that all readers are sent next. Their cursors only the server knows: whoever gets one first
/// tells the others, who must get the same.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    event_bytes: usize,
    /// So much of `bytes` is known exactly.
    known: usize,
    /// The cursor before.
    last_id: [u8; ID_BYTES],
}

impl Batch {
    pub(crate) fn new(wire: &FeedWire) -> Self {
        let event_bytes = wire.events.message_bytes();
        Self { bytes: Vec::new(), event_bytes, known: 0, last_id: [0; ID_BYTES] }
    }

    /// Goes on to `count` events from number `first` on; everybody has the ones before.
    pub(crate) fn expect(&mut self, wire: &FeedWire, first: u64, count: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(wire.events.messages(first, count));
        self.known = 0;
    }

    /// Takes what one of the readers got behind `at`: all of it with one comparison, if that is possible,
    /// or the rest of an event. How many bytes; 0: they are not what they must be.
    fn accept(&mut self, wire: &FeedWire, at: usize, input: &[u8]) -> usize {
        let known = &self.bytes[at..self.known.max(at)];
        if known.starts_with(input) {
            return input.len();
        }
        // A heartbeat may come behind it.
        let rest = self.event_bytes - at % self.event_bytes;
        let input = &input[..rest.min(input.len())];
        let (got, news) = input.split_at(known.len().min(input.len()));
        let is_right = known.starts_with(got) && news.iter().all(|&byte| self.learn(wire, byte));
        if is_right { input.len() } else { 0 }
    }

    /// Takes a byte that nobody got before.
    fn learn(&mut self, wire: &FeedWire, byte: u8) -> bool {
        let at = self.known;
        self.known += 1;
        let in_event = at % self.event_bytes;
        let Some(in_id) = in_event.checked_sub(wire.id_at).filter(|at| *at < ID_BYTES) else {
            return self.bytes[at] == byte;
        };
        self.bytes[at] = byte;
        let is_valid = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if in_id + 1 < ID_BYTES {
            return is_valid;
        }
        // Cursors are opaque, and strictly increasing as text.
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&self.bytes[at + 1 - ID_BYTES..=at]);
        is_valid && std::mem::replace(&mut self.last_id, id) < id
    }
}

/// A reader.
#[derive(Debug)]
pub(crate) struct Listener {
    stream: TcpStream,
    phase: Phase,
    /// The beginning of the answer, until it is complete. Empty then.
    incomplete: Vec<u8>,
    /// Bytes of the batch that came and were found right.
    position: usize,
    /// Bytes of a heartbeat that came.
    heartbeat: usize,
    pub(crate) heartbeats: u64,
    /// Events of the batches before.
    behind: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// The request is sent.
    Opening,
    Ready,
}

/// What one turn of a reader brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Its answer has just begun.
    pub(crate) ready: bool,
    /// So many whole events came, all right.
    pub(crate) events: usize,
}

impl Listener {
    pub(crate) fn open(server: std::net::SocketAddr, index: usize) -> io::Result<Self> {
        Ok(Self {
            stream: connect(server, index)?,
            phase: Phase::Connecting,
            incomplete: Vec::new(),
            position: 0,
            heartbeat: 0,
            heartbeats: 0,
            behind: 0,
        })
    }

    pub(crate) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Everybody has got everything of the batch: the next begins.
    pub(crate) fn begin_batch(&mut self, batch: &Batch) {
        self.behind += (self.position / batch.event_bytes) as u64;
        self.position = 0;
    }

    /// Does what can be done now that the stream is ready.
    pub(crate) fn handle_ready(
        &mut self,
        wire: &FeedWire,
        batch: &mut Batch,
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
            // So few bytes fit into the empty buffer of a socket.
            self.stream.write_all(&wire.request_head)?;
            self.phase = Phase::Opening;
        }
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(progress),
                Err(error) => return Err(error.into()),
            };
            self.handle_input(wire, batch, &buffer[..length], &mut progress)?;
            // Edge-triggered: only a read that filled the buffer may have left something.
            if length < buffer.len() {
                return Ok(progress);
            }
        }
    }

    fn handle_input(
        &mut self,
        wire: &FeedWire,
        batch: &mut Batch,
        input: &[u8],
        progress: &mut Progress,
    ) -> Result<(), ConnectionError> {
        if self.phase == Phase::Ready {
            progress.events += self.handle_events(wire, batch, input)?;
            return Ok(());
        }
        self.incomplete.extend_from_slice(input);
        let Some(used) = check_opening(wire, &self.incomplete)? else {
            return Ok(());
        };
        let opening = std::mem::take(&mut self.incomplete);
        self.phase = Phase::Ready;
        progress.ready = true;
        progress.events += self.handle_events(wire, batch, &opening[used..])?;
        Ok(())
    }

    fn handle_events(
        &mut self,
        wire: &FeedWire,
        batch: &mut Batch,
        mut input: &[u8],
    ) -> Result<usize, ConnectionError> {
        let before = self.position / batch.event_bytes;
        while let [first, ..] = input {
            let is_between = self.position.is_multiple_of(batch.event_bytes);
            let expected = &wire.heartbeat[self.heartbeat..];
            if is_between && expected.first() == Some(first) {
                let used = expected.len().min(input.len());
                if expected[..used] != input[..used] {
                    return Err(self.wrong(batch, input));
                }
                self.heartbeat += used;
                if self.heartbeat == wire.heartbeat.len() {
                    self.heartbeat = 0;
                    self.heartbeats += 1;
                }
                input = &input[used..];
                continue;
            }
            if self.position == batch.bytes.len() {
                return Err(ConnectionError::Surplus);
            }
            let used = batch.accept(wire, self.position, input);
            if used == 0 {
                return Err(self.wrong(batch, input));
            }
            self.position += used;
            input = &input[used..];
        }
        Ok(self.position / batch.event_bytes - before)
    }

    fn wrong(&self, batch: &Batch, input: &[u8]) -> ConnectionError {
        let excerpt = |bytes: &[u8]| bytes[..bytes.len().min(60)].escape_ascii().to_string();
        ConnectionError::Wrong {
            number: self.behind + (self.position / batch.event_bytes) as u64,
            position: self.position % batch.event_bytes,
            expected: excerpt(&batch.bytes[self.position..]),
            got: excerpt(input),
        }
    }
}

/// The length of the head of an answer that goes on and on, and of how it opens; `None` while that is not
/// complete.
fn check_opening(wire: &FeedWire, input: &[u8]) -> Result<Option<usize>, ConnectionError> {
    const HEAD_BYTES_MAX: usize = 8 * 1024;
    let unexpected = || ConnectionError::Handshake(String::from_utf8_lossy(input).into_owned());
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if input.len() > HEAD_BYTES_MAX { Err(unexpected()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&input[..end]);
    let header = |name: &str| {
        let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let is_right = head.starts_with("HTTP/1.1 200 ")
        && header("content-type") == Some(wire.content_type)
        && header("transfer-encoding").is_none()
        && header("content-length").is_none();
    if !is_right {
        return Err(unexpected());
    }
    let body = &input[end + 4..];
    let (before, after) = wire.opening;
    let id_bytes = if after.is_empty() { 0 } else { ID_BYTES };
    let length = before.len() + id_bytes + after.len();
    if body.len() < length {
        return Ok(None);
    }
    match body.starts_with(before) && body[before.len() + id_bytes..].starts_with(after) {
        true => Ok(Some(end + 4 + length)),
        false => Err(unexpected()),
    }
}
