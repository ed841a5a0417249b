//! What can go wrong: by the peer's doing, and by our own.

use crate::close::CloseCode;
use crate::frame::Opcode;

/// How the peer broke the protocol or went over a limit. The connection reads nothing after this:
/// tell the peer with [`Connection::close`](crate::Connection::close) and
/// [`close_code`](ProtocolError::close_code), then close the transport (RFC 6455 §7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set and no extension gives it a meaning (RFC 6455 §5.2).
    #[error("reserved bits set: {bits:#05b}")]
    ReservedBits {
        /// RSV1, RSV2 and RSV3, the first being the highest of the three bits.
        bits: u8,
    },
    /// The opcode is one of those kept for later (RFC 6455 §5.2).
    #[error("reserved opcode {opcode:#x}")]
    ReservedOpcode {
        /// The four bits received.
        opcode: u8,
    },
    /// A control frame without FIN (RFC 6455 §5.5).
    #[error("fragmented {opcode:?} frame")]
    FragmentedControl {
        /// Which control frame.
        opcode: Opcode,
    },
    /// A control frame with an extended length, so of more than 125 bytes (RFC 6455 §5.5).
    #[error("{opcode:?} frame of more than 125 bytes")]
    ControlTooLong {
        /// Which control frame.
        opcode: Opcode,
    },
    /// A client's frame without masking key (RFC 6455 §5.1).
    #[error("frame from a client is not masked")]
    NotMasked,
    /// A server's frame with a masking key (RFC 6455 §5.1).
    #[error("frame from a server is masked")]
    Masked,
    /// The payload length fits a shorter form than the one used (RFC 6455 §5.2).
    #[error("length {length} is not encoded in the fewest bytes")]
    LengthNotMinimal {
        /// The length as it was declared.
        length: u64,
    },
    /// The highest bit of a 64-bit payload length is set (RFC 6455 §5.2).
    #[error("length {length:#x} has its highest bit set")]
    LengthOverflow {
        /// The length as it was declared.
        length: u64,
    },
    /// A continuation frame while no message is being continued (RFC 6455 §5.4).
    #[error("continuation of no message")]
    UnexpectedContinuation,
    /// A new message inside a fragmented one (RFC 6455 §5.4).
    #[error("{opcode:?} frame inside a fragmented message")]
    ExpectedContinuation {
        /// What came instead of the continuation.
        opcode: Opcode,
    },
    /// A text message or a close reason is not UTF-8 (RFC 6455 §8.1).
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// A close frame with half a status code (RFC 6455 §5.5.1).
    #[error("close frame with one byte")]
    CloseTooShort,
    /// A close frame with a status code that must not be sent (RFC 6455 §7.4).
    #[error("close code {code} must not be sent")]
    InvalidCloseCode {
        /// The code received.
        code: u16,
    },
    /// A compressed message is not a whole DEFLATE stream (RFC 7692 §7.2.2).
    #[error("compressed message is not valid")]
    InvalidDeflate,
    /// The declared length of a frame is over [`Config::frame_bytes_max`](crate::Config).
    #[error("frame of {length} bytes, the limit is {limit}")]
    FrameTooLarge {
        /// The frame's declared payload length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The message would be over [`Config::message_bytes_max`](crate::Config), going by the declared
    /// length of its newest frame, or is when it is decompressed.
    #[error("message of {length} bytes or more, the limit is {limit}")]
    MessageTooLarge {
        /// Bytes of the message received and declared so far.
        length: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The message has more frames, empty ones counted, than
    /// [`Config::fragments_max`](crate::Config).
    #[error("message of more than {limit} fragments")]
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
}

impl ProtocolError {
    /// The close code that tells the peer (RFC 6455 §7.4.1): 1007 for text that is not UTF-8
    /// and what cannot be decompressed, 1009
    /// for what is too big, 1008 for too many fragments, 1002 for the rest.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL,
        }
    }
}

/// Why a message was not sent. Nothing was appended to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A close frame was sent or received, or the connection failed: no message may follow.
    #[error("connection is closing or closed")]
    Closed,
    /// The payload of a ping or pong is longer than 125 bytes (RFC 6455 §5.5).
    #[error("control frame of {length} bytes, the limit is 125")]
    ControlTooLong {
        /// The payload's length in bytes.
        length: usize,
    },
}
