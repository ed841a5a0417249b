//! What passes a tap, told apart: heads, bodies and frames, counted byte by byte. Without IO.
//!
//! A [`Decoder`] is handed the bytes of one connection, both ways, in whatever pieces they came. Each
//! byte is counted when it is handed over, as part of a head, of a payload, or of what lies between
//! them, so the counts do not depend on how the bytes were cut. What is no HTTP is all payload from
//! there on: somebody who only looks on refuses nothing.

use std::collections::VecDeque;
use std::mem;
use std::ops::AddAssign;

use sockeye_websocket::ws::ObservedHeader;

use super::contract::{Direction, RecordKind};
use super::head::{Length, RequestHead, ResponseHead};
use super::marks::Marks;
use super::sample::Sample;

/// The most bytes of a head, and of a line between chunks. More than any server here takes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most requests without an answer that are known.
const UNANSWERED_MAX: usize = 64;
/// The most bytes of their heads, which a handshake shows: with more, further ones are not kept.
const UNANSWERED_BYTES_MAX: usize = HEAD_BYTES_MAX;

/// What was counted on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Heads of requests.
    pub requests: u64,
    /// Bytes of heads.
    pub header_bytes: u64,
    /// Bytes of bodies and of the payloads of frames.
    pub payload_bytes: u64,
    /// Bytes of chunk sizes, line ends and frame headers.
    pub framing_bytes: u64,
    /// Bytes from the browser.
    pub upstream_bytes: u64,
    /// Bytes to the browser.
    pub downstream_bytes: u64,
}

impl Counts {
    /// What came on top of `earlier`, which is of the same connection.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            header_bytes: self.header_bytes - earlier.header_bytes,
            payload_bytes: self.payload_bytes - earlier.payload_bytes,
            framing_bytes: self.framing_bytes - earlier.framing_bytes,
            upstream_bytes: self.upstream_bytes - earlier.upstream_bytes,
            downstream_bytes: self.downstream_bytes - earlier.downstream_bytes,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.requests += more.requests;
        self.header_bytes += more.header_bytes;
        self.payload_bytes += more.payload_bytes;
        self.framing_bytes += more.framing_bytes;
        self.upstream_bytes += more.upstream_bytes;
        self.downstream_bytes += more.downstream_bytes;
    }
}

/// Something that has passed whole.
#[derive(Debug)]
pub enum Passed {
    /// The mark of an event, on its way to the browser.
    Mark(u64),
    /// Something to show.
    Record(Direction, RecordKind, Sample),
    /// A connection became a WebSocket: the heads of request and answer.
    Handshake(Vec<u8>, Vec<u8>),
}

/// The decoder of one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    counts: Counts,
    up: Side,
    down: Side,
    unanswered: VecDeque<RequestHead>,
    marks: Marks,
}

/// One way of a connection.
#[derive(Debug, Default)]
struct Side {
    state: State,
    sample: Sample,
}

#[derive(Debug)]
enum State {
    /// A head, up to its blank line.
    Head(Vec<u8>),
    /// A body of which so many bytes are missing.
    Body(u64),
    /// The line with a chunk's size.
    ChunkSize(Vec<u8>),
    /// A chunk of which so many bytes are missing.
    Chunk(u64),
    /// The line end behind a chunk: so many bytes of it are missing.
    ChunkEnd(u8),
    /// A line behind the last chunk; a blank one is the end.
    Trailer(Vec<u8>),
    /// The header of a frame.
    FrameHeader(Vec<u8>),
    /// The payload of a frame, of which so many bytes are missing.
    Frame(ObservedHeader, u64),
    /// Everything up to the end of the connection is payload.
    Rest,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Decoder {
    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes bytes that have passed, and tells what was whole with them.
    pub fn read(&mut self, direction: Direction, mut bytes: &[u8], out: &mut Vec<Passed>) {
        match direction {
            Direction::Up => self.counts.upstream_bytes += bytes.len() as u64,
            Direction::Down => self.counts.downstream_bytes += bytes.len() as u64,
        }
        while !bytes.is_empty() {
            let used = self.step(direction, bytes, out);
            bytes = &bytes[used..];
        }
        let side = self.side(direction);
        if matches!(side.state, State::Rest) && !side.sample.is_empty() {
            let sample = side.sample.take();
            out.push(Passed::Record(direction, RecordKind::Body, sample));
        }
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// Goes on as far as one state leads; at least one byte.
    fn step(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Passed>) -> usize {
        match self.side(direction).state {
            State::Head(_) => self.head(direction, bytes, out),
            State::Body(_) | State::Chunk(_) | State::Frame(..) | State::Rest => {
                self.payload(direction, bytes, out)
            }
            State::ChunkSize(_) | State::Trailer(_) => self.chunk_line(direction, bytes, out),
            State::ChunkEnd(left) => {
                self.framing(direction, &bytes[..1]);
                if left > 1 {
                    self.side(direction).state = State::ChunkEnd(left - 1);
                } else {
                    self.end_record(direction, RecordKind::Body, out);
                    self.side(direction).state = State::ChunkSize(Vec::new());
                }
                1
            }
            State::FrameHeader(_) => self.frame_header(direction, bytes[0], out),
        }
    }

    fn framing(&mut self, direction: Direction, bytes: &[u8]) {
        self.counts.framing_bytes += bytes.len() as u64;
        self.side(direction).sample.wire(bytes);
    }

    fn end_record(&mut self, direction: Direction, kind: RecordKind, out: &mut Vec<Passed>) {
        let sample = self.side(direction).sample.take();
        out.push(Passed::Record(direction, kind, sample));
    }

    fn head(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Passed>) -> usize {
        let side = self.side(direction);
        let State::Head(head) = &mut side.state else { return bytes.len() };
        let mut used = 0;
        let mut is_whole = false;
        while used < bytes.len() && !is_whole && head.len() < HEAD_BYTES_MAX {
            head.push(bytes[used]);
            used += 1;
            is_whole = head.ends_with(b"\r\n\r\n");
        }
        let is_too_long = !is_whole && head.len() >= HEAD_BYTES_MAX;
        let whole = if is_whole { mem::take(head) } else { Vec::new() };
        self.counts.header_bytes += used as u64;
        if is_too_long {
            self.side(direction).state = State::Rest;
        } else if is_whole {
            let kind = match direction {
                Direction::Up => RecordKind::Request,
                Direction::Down => RecordKind::Response,
            };
            out.push(Passed::Record(direction, kind, Sample::of_head(&whole)));
            let next = match direction {
                Direction::Up => self.request(whole),
                Direction::Down => self.response(whole, out),
            };
            self.side(direction).state = next;
        }
        used
    }

    fn request(&mut self, head: Vec<u8>) -> State {
        let Some(mut request) = RequestHead::parse(head) else { return State::Rest };
        self.counts.requests += 1;
        let next = body(request.length);
        if self.unanswered.len() >= UNANSWERED_MAX {
            return State::Rest;
        }
        let held: usize = self.unanswered.iter().map(|request| request.bytes.capacity()).sum();
        if held + request.bytes.len() > UNANSWERED_BYTES_MAX {
            request.bytes = Vec::new();
        }
        request.bytes.shrink_to_fit();
        self.unanswered.push_back(request);
        next
    }

    fn response(&mut self, head: Vec<u8>, out: &mut Vec<Passed>) -> State {
        let Some(response) = ResponseHead::parse(&head) else { return State::Rest };
        if response.status != 101 && response.status < 200 {
            return State::default();
        }
        let request = self.unanswered.pop_front();
        if response.status == 101 {
            self.up.state = State::FrameHeader(Vec::new());
            let request = request.map(|request| request.bytes).unwrap_or_default();
            out.push(Passed::Handshake(request, head));
            return State::FrameHeader(Vec::new());
        }
        let is_head = request.is_some_and(|request| request.is_head);
        if is_head || matches!(response.status, 204 | 304) {
            return State::default();
        }
        match response.length {
            Length::Absent => State::Rest,
            length => body(length),
        }
    }

    fn payload(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Passed>) -> usize {
        let side = self.side(direction);
        let (left, key, position) = match side.state {
            State::Frame(header, left) => {
                (left, header.masking_key, header.payload_len.saturating_sub(left))
            }
            State::Body(left) | State::Chunk(left) => (left, None, 0),
            _ => (u64::MAX, None, 0),
        };
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = &bytes[..used];
        side.sample.payload(bytes, key, position);
        let left = left - used as u64;
        let ended = match side.state {
            State::Body(_) => {
                side.state = if left > 0 { State::Body(left) } else { State::default() };
                (left == 0).then_some(RecordKind::Body)
            }
            State::Chunk(_) => {
                side.state = if left > 0 { State::Chunk(left) } else { State::ChunkEnd(2) };
                None
            }
            State::Frame(header, _) => {
                side.state = match left {
                    0 => State::FrameHeader(Vec::new()),
                    left => State::Frame(header, left),
                };
                (left == 0).then_some(RecordKind::Frame)
            }
            _ => None,
        };
        self.counts.payload_bytes += used as u64;
        if direction == Direction::Down {
            self.marks.read(bytes, |n| out.push(Passed::Mark(n)));
        }
        if let Some(kind) = ended {
            self.end_record(direction, kind, out);
        }
        used
    }

    /// The line with the size of a chunk, or one behind the last chunk.
    fn chunk_line(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Passed>) -> usize {
        self.framing(direction, &bytes[..1]);
        let side = self.side(direction);
        let (State::ChunkSize(line) | State::Trailer(line)) = &mut side.state else { return 1 };
        line.push(bytes[0]);
        if line.len() >= HEAD_BYTES_MAX {
            side.state = State::Rest;
            return 1;
        }
        if !line.ends_with(b"\r\n") {
            return 1;
        }
        if matches!(side.state, State::Trailer(ref line) if line == b"\r\n") {
            side.state = State::default();
            self.end_record(direction, RecordKind::Body, out);
            return 1;
        }
        side.state = match &side.state {
            State::ChunkSize(line) => match httparse::parse_chunk_size(line) {
                Ok(httparse::Status::Complete((_, 0))) => State::Trailer(Vec::new()),
                Ok(httparse::Status::Complete((_, size))) => {
                    side.sample.chunk_size(size);
                    State::Chunk(size)
                }
                _ => State::Rest,
            },
            _ => State::Trailer(Vec::new()),
        };
        1
    }

    fn frame_header(&mut self, direction: Direction, byte: u8, out: &mut Vec<Passed>) -> usize {
        self.framing(direction, &[byte]);
        let side = self.side(direction);
        let State::FrameHeader(header) = &mut side.state else { return 1 };
        header.push(byte);
        match ObservedHeader::read(header) {
            Ok(None) => {}
            Ok(Some(header)) => {
                side.sample.frame(header);
                side.state = State::Frame(header, header.payload_len);
                if header.payload_len == 0 {
                    side.state = State::FrameHeader(Vec::new());
                    self.end_record(direction, RecordKind::Frame, out);
                }
            }
            Err(_) => side.state = State::Rest,
        }
        1
    }
}

fn body(length: Length) -> State {
    match length {
        Length::Absent | Length::Bytes(0) => State::default(),
        Length::Bytes(bytes) => State::Body(bytes),
        Length::Chunked => State::ChunkSize(Vec::new()),
    }
}

#[cfg(test)]
impl Decoder {
    /// Bytes on the heap, but for the places of requests, of which there are a number.
    fn held_bytes(&self) -> usize {
        let side = |side: &Side| {
            let state = match &side.state {
                State::Head(held)
                | State::ChunkSize(held)
                | State::Trailer(held)
                | State::FrameHeader(held) => held.capacity(),
                _ => 0,
            };
            state + side.sample.wire.capacity() + side.sample.payload.capacity()
        };
        let heads = self.unanswered.iter().map(|request| request.bytes.capacity());
        side(&self.up) + side(&self.down) + heads.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
