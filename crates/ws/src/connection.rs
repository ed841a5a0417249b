//! The state of one connection after its handshake: the close handshake (RFC 6455 §7.1) and the
//! replies to be sent. How bytes become messages is `receiver`'s.
//!
//! | closing    | close frame in     | error in | `close()`       | `poll_transmit`       | reads | sends |
//! |------------|--------------------|----------|-----------------|-----------------------|-------|-------|
//! | `Open`     | event, `Received`  | `Failed` | frame, `Sent`   | pong                  | yes   | yes   |
//! | `Sent`     | event, `Closed`    | `Closed` | –               | –                     | yes   | no    |
//! | `Received` | ignored            | –        | frame, `Closed` | pong; frame, `Closed` | no    | no    |
//! | `Failed`   | ignored            | –        | frame, `Closed` | –                     | no    | no    |
//! | `Closed`   | ignored            | –        | –               | –                     | no    | no    |
//!
//! The end of the byte stream makes it `Closed` from any state.

use crate::close::{CloseCode, CloseFrame};
use crate::error::{ProtocolError, SendError};
use crate::frame::{CONTROL_PAYLOAD_BYTES_MAX, Opcode, encode_close, encode_frame};
#[cfg(feature = "deflate")]
use crate::handshake::deflate::Parameters;
#[cfg(feature = "deflate")]
use crate::inflater::Inflater;
use crate::message::{Assembly, Message};
use crate::receiver::{ControlPayload, Finished, Receiver};

/// Which end of the connection this is. Clients mask what they send, servers do not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that accepted the connection.
    Server,
    /// The end that opened it.
    Client,
}

/// Limits on what the peer sends. All are checked on the declared lengths, before any payload; a
/// compressed message is decompressed up to the limit and no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The most bytes in a message, over all its fragments, and decompressed if it was compressed.
    /// Default: 1 MiB.
    pub message_bytes_max: usize,
    /// The most bytes in one data frame. Default: no limit but the message's.
    pub frame_bytes_max: usize,
    /// The most fragments a message comes in, empty ones counted. Default: 131,072.
    pub fragments_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { message_bytes_max: 1024 * 1024, frame_bytes_max: usize::MAX, fragments_max: 131_072 }
    }
}

/// What the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping. Its pong comes from [`Connection::poll_transmit`].
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The peer closes; nothing comes after this. `None`: without code or reason. The answer, unless
    /// we closed first, comes from [`Connection::poll_transmit`].
    Close(Option<CloseFrame<'a>>),
}

/// One WebSocket connection after the handshake, of either role.
///
/// - Inputs: [`handle_read`](Self::handle_read), [`handle_eof`](Self::handle_eof),
///   [`handle_close_sent`](Self::handle_close_sent).
/// - Commands: [`send`](Self::send), [`close`](Self::close).
/// - Outputs: [`poll_transmit`](Self::poll_transmit), to be called after each event until it is false.
///
/// It holds no buffer unless a message has arrived in part.
///
/// # Panics
///
/// Everything that may write a frame panics in the role of the client when no masking key is given.
/// A server's key is ignored.
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    replies: Replies,
}

impl Connection {
    /// A connection whose handshake is done.
    pub const fn new(role: Role, config: Config) -> Self {
        Self { receiver: Receiver::new(role, config), replies: Replies::new() }
    }

    /// The same with compression as it was negotiated. Received messages are decompressed; those to
    /// send are compressed by whoever sends, with a [`Deflater`](crate::Deflater).
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    #[must_use]
    pub fn with_deflate(mut self, parameters: &Parameters) -> Self {
        self.receiver.set_inflater(Inflater::new(self.role(), parameters));
        self
    }

    /// Takes bytes from the peer. Returns how many of them were used and at most one event; call
    /// again with the rest. Without an event all of `input` was used and more is needed.
    ///
    /// `input` is unmasked in place: what was used is garbage afterwards. After the peer's close frame
    /// and after an error everything is used and ignored.
    ///
    /// # Errors
    ///
    /// When the peer broke the protocol or went over a limit. What came before has been returned.
    pub fn handle_read<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        if !self.replies.closing.is_reading() {
            self.receiver.clear();
            return Ok((input.len(), None));
        }
        let (used, finished) = match self.receiver.advance(input) {
            Ok(advanced) => advanced,
            Err(error) => return Err(self.fail(error)),
        };
        let event = match finished {
            None => return Ok((used, None)),
            Some(Finished::Assembly) => Ok(match self.receiver.assembly() {
                Assembly::Text(text, _) => Event::Text(text),
                Assembly::Binary(bytes) => Event::Binary(bytes),
                Assembly::Empty | Assembly::Compressed(..) => Event::Binary(&[]),
            }),
            Some(Finished::Control { opcode }) => {
                self.replies.handle_control(opcode, self.receiver.control())
            }
            Some(Finished::Input { opcode, start, end }) => {
                let payload = &input[start..end];
                match opcode {
                    Opcode::Text => simdutf8::basic::from_utf8(payload)
                        .map(Event::Text)
                        .map_err(|_| ProtocolError::InvalidUtf8),
                    Opcode::Binary | Opcode::Continuation => Ok(Event::Binary(payload)),
                    control => self.replies.handle_control(control, payload),
                }
            }
        };
        match event {
            Ok(event) => Ok((used, Some(event))),
            Err(error) => {
                self.replies.fail();
                Err(error)
            }
        }
    }

    /// The peer ended the byte stream, or it broke. The event is a close with the peer's code, or with
    /// 1006 when no close frame came (RFC 6455 §7.1.5). Nothing can be sent any more.
    pub fn handle_eof(&mut self) -> Event<'static> {
        self.receiver.clear();
        self.replies.pong = None;
        self.replies.answer = None;
        self.replies.closing = Closing::Closed;
        let code = match self.replies.peer_code {
            None => CloseCode::ABNORMAL,
            Some(CloseCode::NO_STATUS) => return Event::Close(None),
            Some(code) => code,
        };
        Event::Close(Some(CloseFrame { code, reason: "" }))
    }

    /// A close frame went out by another way than [`close`](Self::close), such as a write side that
    /// lives in another task and uses [`encode_close`](crate::encode_close).
    pub fn handle_close_sent(&mut self) {
        self.replies.pong = None;
        self.replies.closing = match self.replies.closing {
            Closing::Open | Closing::Sent => Closing::Sent,
            Closing::Received | Closing::Failed | Closing::Closed => Closing::Closed,
        };
    }

    /// Appends one complete frame to `out`, uncompressed.
    ///
    /// # Errors
    ///
    /// When the connection is closing, and for pings and pongs over 125 bytes; `out` is unchanged.
    pub fn send(
        &mut self,
        message: Message<'_>,
        masking_key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        let (opcode, payload) = (message.opcode(), message.as_bytes());
        if opcode.is_control() && payload.len() > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(SendError::ControlTooLong { length: payload.len() });
        }
        encode_frame(opcode, payload, self.masking_key(masking_key), out);
        Ok(())
    }

    /// Starts or finishes the close handshake: appends a close frame to `out` unless one was sent.
    /// A code that must not be sent, such as [`CloseCode::NO_STATUS`], gives a frame without a body;
    /// the reason is cut to the 123 bytes that fit.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        masking_key: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) {
        if !matches!(self.replies.closing, Closing::Sent | Closing::Closed) {
            encode_close(code, reason, self.masking_key(masking_key), out);
            self.handle_close_sent();
        }
    }

    /// Appends one frame that answers the peer, a pong or the answer to its close (with the same
    /// code and reason), to `out`; false when none is. Call it after each event until it is false. It also frees the buffer the event
    /// borrowed.
    pub fn poll_transmit(&mut self, masking_key: Option<[u8; 4]>, out: &mut Vec<u8>) -> bool {
        self.receiver.release();
        if let Some(pong) = self.replies.pong.take() {
            encode_frame(Opcode::Pong, pong.as_bytes(), self.masking_key(masking_key), out);
            true
        } else if self.replies.closing == Closing::Received {
            let answer = self.replies.answer.take();
            let body = answer.as_ref().map_or(&[][..], |answer| answer.as_bytes());
            encode_frame(Opcode::Close, body, self.masking_key(masking_key), out);
            self.handle_close_sent();
            true
        } else {
            false
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has a frame, so that a client draws a masking
    /// key only then.
    pub const fn has_transmit(&self) -> bool {
        self.replies.pong.is_some() || matches!(self.replies.closing, Closing::Received)
    }

    /// Whether messages can be sent: no close frame went either way and nothing failed.
    pub const fn is_open(&self) -> bool {
        matches!(self.replies.closing, Closing::Open)
    }

    /// Whether the close handshake is over, or nothing can complete it any more: what is left is to
    /// close the transport, the server first (RFC 6455 §7.1.1).
    pub const fn is_closed(&self) -> bool {
        matches!(self.replies.closing, Closing::Closed)
    }

    /// The code of the peer's close frame once it came, [`CloseCode::NO_STATUS`] if it had none.
    pub const fn peer_close_code(&self) -> Option<CloseCode> {
        self.replies.peer_code
    }

    /// Which end this is.
    pub const fn role(&self) -> Role {
        self.receiver.role()
    }

    /// Bytes held of a message that has not arrived whole.
    pub fn buffered(&self) -> usize {
        self.receiver.assembly().len()
    }

    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.receiver.clear();
        self.replies.fail();
        error
    }

    fn masking_key(&self, key: Option<[u8; 4]>) -> Option<[u8; 4]> {
        match self.role() {
            Role::Server => None,
            Role::Client => {
                assert!(key.is_some(), "a client masks every frame (RFC 6455 §5.1)");
                key
            }
        }
    }
}

/// What the control frames of either side have led to.
#[derive(Debug)]
struct Replies {
    /// The payload of the pong to be sent. A newer ping replaces an unanswered one (RFC 6455 §5.5.3).
    pong: Option<Box<ControlPayload>>,
    /// The body of the close frame to be sent, unless it is empty.
    answer: Option<Box<ControlPayload>>,
    peer_code: Option<CloseCode>,
    closing: Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    Sent,
    Received,
    Failed,
    Closed,
}

impl Closing {
    const fn is_reading(self) -> bool {
        matches!(self, Self::Open | Self::Sent)
    }
}

impl Replies {
    const fn new() -> Self {
        Self { pong: None, answer: None, peer_code: None, closing: Closing::Open }
    }

    /// Notes what a control frame asks for, and makes its event.
    fn handle_control<'a>(
        &mut self,
        opcode: Opcode,
        payload: &'a [u8],
    ) -> Result<Event<'a>, ProtocolError> {
        match opcode {
            Opcode::Ping => {
                if self.closing == Closing::Open {
                    self.pong = Some(ControlPayload::new(payload));
                }
                Ok(Event::Ping(payload))
            }
            Opcode::Close => {
                let frame = CloseFrame::decode(payload)?;
                self.peer_code = Some(frame.map_or(CloseCode::NO_STATUS, |frame| frame.code));
                if self.closing == Closing::Sent {
                    self.closing = Closing::Closed;
                } else {
                    self.closing = Closing::Received;
                    self.answer = frame.map(|_| ControlPayload::new(payload));
                }
                Ok(Event::Close(frame))
            }
            _ => Ok(Event::Pong(payload)),
        }
    }

    fn fail(&mut self) {
        self.pong = None;
        self.closing = match self.closing {
            Closing::Open => Closing::Failed,
            _ => Closing::Closed,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

    /// A frame from the peer of a `role`, masked when it has to be.
    fn frame(role: Role, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let key = if role == Role::Server { KEY } else { None };
        encode_frame(opcode, payload, key, &mut out);
        out
    }

    fn transmit(connection: &mut Connection) -> Vec<u8> {
        let mut out = Vec::new();
        while connection.poll_transmit(KEY, &mut out) {}
        out
    }

    #[test]
    fn stays_small() {
        assert!(size_of::<Connection>() <= 128, "{}", size_of::<Connection>());
    }

    #[test]
    fn pong_carries_the_pings_payload() {
        for role in [Role::Server, Role::Client] {
            let mut connection = Connection::new(role, Config::default());
            let mut ping = frame(role, Opcode::Ping, b"Hello");
            let len = ping.len();
            assert_eq!(connection.handle_read(&mut ping), Ok((len, Some(Event::Ping(b"Hello")))));
            assert!(connection.has_transmit());
            let expected: &[u8] = match role {
                Role::Server => b"\x8a\x05Hello",
                // RFC 6455 §5.7: "contains a body of \"Hello\", matching the body of the ping".
                Role::Client => &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            };
            assert_eq!(transmit(&mut connection), expected);
            assert!(!connection.has_transmit());
        }
    }

    #[test]
    fn only_the_newest_unanswered_ping_is_answered() {
        let mut connection = Connection::new(Role::Server, Config::default());
        for payload in [b"1", b"2"] {
            connection.handle_read(&mut frame(Role::Server, Opcode::Ping, payload)).unwrap();
        }
        assert_eq!(transmit(&mut connection), b"\x8a\x012");
    }

    #[test]
    fn control_frame_in_pieces_between_fragments_leaves_the_message_alone() {
        let mut connection = Connection::new(Role::Client, Config::default());
        let mut wire = b"\x01\x03Hel\x89\x02ab\x80\x02lo".to_vec();
        let mut events = Vec::new();
        for byte in &mut wire {
            let (used, event) = connection.handle_read(std::slice::from_mut(byte)).unwrap();
            assert_eq!(used, 1);
            events.extend(event.map(|event| format!("{event:?}")));
        }
        assert_eq!(events, ["Ping([97, 98])", "Text(\"Hello\")"]);
        assert_eq!(transmit(&mut connection).len(), 8);
        assert_eq!(connection.buffered(), 0);
    }

    #[test]
    fn peer_closes_first() {
        let mut connection = Connection::new(Role::Server, Config::default());
        connection.handle_read(&mut frame(Role::Server, Opcode::Ping, b"")).unwrap();
        let mut close = frame(Role::Server, Opcode::Close, b"\x03\xe9bye");
        let expected = CloseFrame { code: CloseCode::GOING_AWAY, reason: "bye" };
        assert_eq!(
            connection.handle_read(&mut close).unwrap().1,
            Some(Event::Close(Some(expected)))
        );
        assert!(!connection.is_open() && !connection.is_closed());
        assert_eq!(
            connection.send(Message::Text("late"), None, &mut Vec::new()),
            Err(SendError::Closed)
        );
        // The pong of the ping before, then the same code and reason back.
        assert_eq!(transmit(&mut connection), b"\x8a\x00\x88\x05\x03\xe9bye");
        assert!(connection.is_closed());
        // What follows a close frame is ignored, good or bad.
        assert_eq!(connection.handle_read(&mut [0xff; 9]), Ok((9, None)));
        assert_eq!(transmit(&mut connection), b"");
        let expected = CloseFrame { code: CloseCode::GOING_AWAY, reason: "" };
        assert_eq!(connection.handle_eof(), Event::Close(Some(expected)));
    }

    #[test]
    fn close_without_code_is_answered_without_code() {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut close = frame(Role::Server, Opcode::Close, b"");
        assert_eq!(connection.handle_read(&mut close).unwrap().1, Some(Event::Close(None)));
        assert_eq!(transmit(&mut connection), b"\x88\x00");
        assert_eq!(connection.peer_close_code(), Some(CloseCode::NO_STATUS));
        assert_eq!(connection.handle_eof(), Event::Close(None));
    }

    #[test]
    fn we_close_first() {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut out = Vec::new();
        connection.close(CloseCode::NORMAL, "done", None, &mut out);
        connection.close(CloseCode::INTERNAL, "twice", None, &mut out);
        assert_eq!(out, b"\x88\x06\x03\xe8done");
        // Messages on their way still arrive; pings are not answered any more.
        let mut text = frame(Role::Server, Opcode::Text, b"late");
        assert_eq!(connection.handle_read(&mut text).unwrap().1, Some(Event::Text("late")));
        let mut ping = frame(Role::Server, Opcode::Ping, b"late");
        assert_eq!(connection.handle_read(&mut ping).unwrap().1, Some(Event::Ping(b"late")));
        assert_eq!(transmit(&mut connection), b"");
        assert!(!connection.is_closed());
        let mut close = frame(Role::Server, Opcode::Close, b"\x03\xe8");
        connection.handle_read(&mut close).unwrap();
        assert!(connection.is_closed());
        assert_eq!(transmit(&mut connection), b"");
    }

    #[test]
    fn a_pong_owed_is_not_sent_after_our_close() {
        let mut connection = Connection::new(Role::Server, Config::default());
        connection.handle_read(&mut frame(Role::Server, Opcode::Ping, b"")).unwrap();
        connection.handle_close_sent();
        assert_eq!(transmit(&mut connection), b"");
    }

    #[test]
    fn after_an_error_only_the_close_frame_goes_out_and_nothing_is_read() {
        let mut connection = Connection::new(Role::Server, Config::default());
        // A fragment, then an unmasked frame.
        let mut wire = vec![0x01, 0x81, 0, 0, 0, 0, b'a', 0x80, 0x00];
        let error = connection.handle_read(&mut wire).unwrap_err();
        assert_eq!(error, ProtocolError::NotMasked);
        assert_eq!(connection.buffered(), 0);
        assert!(!connection.is_open() && !connection.is_closed());
        assert_eq!(transmit(&mut connection), b"");
        let mut out = Vec::new();
        connection.close(error.close_code(), "", None, &mut out);
        assert_eq!(out, b"\x88\x02\x03\xea");
        assert!(connection.is_closed());
        let mut text = frame(Role::Server, Opcode::Text, b"late");
        let len = text.len();
        assert_eq!(connection.handle_read(&mut text), Ok((len, None)));
    }

    #[test]
    fn an_error_after_our_close_needs_no_second_close() {
        let mut connection = Connection::new(Role::Client, Config::default());
        connection.close(CloseCode::NORMAL, "", KEY, &mut Vec::new());
        connection.handle_read(&mut [0xff]).unwrap_err();
        assert!(connection.is_closed());
    }

    #[test]
    fn the_end_of_the_stream_without_close_is_1006() {
        let mut connection = Connection::new(Role::Server, Config::default());
        connection.handle_read(&mut [0x01, 0x85, 0, 0, 0, 0, b'a']).unwrap();
        assert_eq!(connection.buffered(), 1);
        let expected = CloseFrame { code: CloseCode::ABNORMAL, reason: "" };
        assert_eq!(connection.handle_eof(), Event::Close(Some(expected)));
        assert_eq!(connection.buffered(), 0);
        assert!(connection.is_closed());
    }

    #[test]
    fn control_payloads_at_the_limit() {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut out = Vec::new();
        connection.send(Message::Ping(&[7; 125]), None, &mut out).unwrap();
        assert_eq!(out.len(), 127);
        assert_eq!(
            connection.send(Message::Pong(&[7; 126]), None, &mut out),
            Err(SendError::ControlTooLong { length: 126 })
        );
        assert_eq!(out.len(), 127);
    }

    #[test]
    #[should_panic(expected = "a client masks every frame")]
    fn a_client_without_key_is_a_bug() {
        let mut connection = Connection::new(Role::Client, Config::default());
        let _ = connection.send(Message::Text(""), None, &mut Vec::new());
    }
}
