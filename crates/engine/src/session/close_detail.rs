//! What exactly ended a session: the description that comes with a [`CloseReason`].

use sockeye_engine_proto::{CloseReason, DecodeError};
use sockeye_ws::{CloseCode, ProtocolError};
use thiserror::Error;

/// What exactly ended a session. The [`CloseReason`] is what official programs know; this says
/// more, in one closed set for logs, counters and the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseDetail {
    /// The client gave a poll up.
    #[error("poll connection closed prematurely")]
    PollAborted,
    /// The client gave a POST up before its end.
    #[error("data request connection closed prematurely")]
    PostAborted,
    /// A second poll came while one was waiting.
    #[error("second poll while one was waiting")]
    PollOverlap,
    /// A second POST came while one was read.
    #[error("second POST while one was read")]
    PostOverlap,
    /// A POST of a content type that this revision of the protocol does not have.
    #[error("content type that the protocol does not have")]
    ContentType,
    /// The body of a POST did not come to its end within
    /// [`body_timeout`](crate::Config::body_timeout).
    #[error("body did not end in time")]
    BodyTimeout,
    /// A WebSocket message or the body of a POST over
    /// [`payload_bytes_max`](crate::Config::payload_bytes_max).
    #[error("message of {size} bytes or more, the limit is {limit}")]
    PayloadTooLarge {
        /// The limit in bytes.
        limit: usize,
        /// Bytes of it that were announced or came, until it was refused.
        size: u64,
    },
    /// The body of a POST in more pieces than
    /// [`body_chunks_max`](crate::Config::body_chunks_max).
    #[error("body of more than {limit} chunks")]
    BodyChunks {
        /// How many there may be.
        limit: u32,
    },
    /// The client broke the rules of WebSocket.
    #[error("{0}")]
    BadFrame(ProtocolError),
    /// The client sent what is no packet.
    #[error("{0}")]
    BadPacket(DecodeError),
    /// The client sent the heartbeat packet that only the server sends.
    #[error("invalid heartbeat direction")]
    HeartbeatDirection,
    /// More packets within a second than
    /// [`packets_per_second_max`](crate::Config::packets_per_second_max).
    #[error("more than {limit} packets within a second")]
    PacketRate {
        /// How many there may be.
        limit: u32,
    },
    /// The client sent a close packet over polling.
    #[error("close packet")]
    ClosePacket,
    /// The client sent a close frame, with this code if it had one.
    #[error("close frame {}", of_code(*.0))]
    CloseFrame(Option<CloseCode>),
    /// The connection ended without a goodbye.
    #[error("connection lost")]
    ConnectionLost,
    /// The client took nothing of what waited for it within
    /// [`write_timeout`](crate::Config::write_timeout).
    #[error("client takes nothing any more")]
    WriteTimeout,
    /// No sign of life in time.
    #[error("no sign of life in time")]
    Silent,
    /// More was queued for the client than the limits allow.
    #[error("{queued_packets} messages of {queued_bytes} bytes were not read")]
    Overflow {
        /// Messages that were waiting.
        queued_packets: u32,
        /// Bytes that were waiting.
        queued_bytes: usize,
    },
    /// The application refused what the client sent.
    #[error("message refused by the handler")]
    Refused,
    /// The application closed the session.
    #[error("closed by the application")]
    Closed,
    /// The server is going away.
    #[error("server shutting down")]
    Shutdown,
}

impl CloseDetail {
    /// A short name for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            CloseDetail::PollAborted => "poll_aborted",
            CloseDetail::PostAborted => "post_aborted",
            CloseDetail::PollOverlap => "poll_overlap",
            CloseDetail::PostOverlap => "post_overlap",
            CloseDetail::ContentType => "content_type",
            CloseDetail::BodyTimeout => "body_timeout",
            CloseDetail::PayloadTooLarge { .. } => "payload_too_large",
            CloseDetail::BodyChunks { .. } => "body_chunks",
            CloseDetail::BadFrame(_) => "bad_frame",
            CloseDetail::BadPacket(_) => "bad_packet",
            CloseDetail::HeartbeatDirection => "heartbeat_direction",
            CloseDetail::PacketRate { .. } => "packet_rate",
            CloseDetail::ClosePacket => "close_packet",
            CloseDetail::CloseFrame(_) => "close_frame",
            CloseDetail::ConnectionLost => "connection_lost",
            CloseDetail::WriteTimeout => "write_timeout",
            CloseDetail::Silent => "silent",
            CloseDetail::Overflow { .. } => "overflow",
            CloseDetail::Refused => "refused",
            CloseDetail::Closed => "closed",
            CloseDetail::Shutdown => "shutdown",
        }
    }

    /// Whether the client is told by the answer to the POST that broke a rule.
    pub(crate) fn has_its_own_answer(self) -> bool {
        matches!(
            self,
            CloseDetail::PayloadTooLarge { .. }
                | CloseDetail::BodyChunks { .. }
                | CloseDetail::BodyTimeout
                | CloseDetail::ContentType
                | CloseDetail::PostOverlap
        )
    }

    /// Of a frame that broke a rule.
    pub(crate) fn of_frame(error: ProtocolError) -> Self {
        match error {
            ProtocolError::FrameTooLarge { length, limit }
            | ProtocolError::MessageTooLarge { length, limit } => {
                CloseDetail::PayloadTooLarge { limit, size: length }
            }
            error => CloseDetail::BadFrame(error),
        }
    }

    /// When nothing more is known than the reason.
    pub(crate) fn of_reason(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PingTimeout => CloseDetail::Silent,
            CloseReason::ServerShutdown => CloseDetail::Shutdown,
            CloseReason::ForcedClose | CloseReason::ForcedServerClose => CloseDetail::Closed,
            CloseReason::Overflow => CloseDetail::Overflow { queued_packets: 0, queued_bytes: 0 },
            _ => CloseDetail::ConnectionLost,
        }
    }
}

/// How a close frame is told of.
fn of_code(code: Option<CloseCode>) -> String {
    code.map_or("without a code".to_owned(), |code| format!("with code {code}"))
}
