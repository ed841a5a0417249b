//! Errors of sending an event and of asking for an acknowledgement, the same at either end.

use crate::answer::RemoteError;
use crate::event::ReservedName;
use crate::payload::{EncodeError, PayloadError};

/// An event that was not queued. A peer that is not connected is **not** an error: what a client
/// emits then waits for the next connection, and what a server emits is dropped.
///
/// ```
/// use sockeye_socket_proto::EmitError;
///
/// fn report(error: EmitError) -> String {
///     match error {
///         EmitError::Overflow { queued_packets, .. } => format!("{queued_packets} wait already"),
///         error => error.to_string(),
///     }
/// }
/// let overflow = EmitError::Overflow { queued_packets: 3, queued_bytes: 70 };
/// assert_eq!(report(overflow), "3 wait already");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The payload cannot be written.
    #[error("the payload cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The event's name is reserved.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// The queue towards the peer is full: the peer reads too slowly, or there was no connection
    /// for too long.
    #[error("the queue is full: {queued_packets} packets, {queued_bytes} bytes")]
    Overflow {
        /// Packets that wait to be sent.
        queued_packets: usize,
        /// Bytes that wait to be sent.
        queued_bytes: usize,
    },
}

/// Why an acknowledgement did not bring a value.
///
/// ```
/// use sockeye_socket_proto::AckError;
///
/// fn is_worth_another_try(error: &AckError) -> bool {
///     matches!(error, AckError::Timeout | AckError::Disconnected)
/// }
/// assert!(is_worth_another_try(&AckError::Timeout));
/// assert!(!is_worth_another_try(&AckError::Full { limit: 1_000 }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The peer did not answer in time. A request that still waited to be sent is not sent.
    #[error("no answer in time")]
    Timeout,
    /// The socket was disconnected before the answer came.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The peer's handler answered with an error.
    #[error("the peer answered with an error: {0}")]
    Remote(RemoteError),
    /// The answer is not what was expected.
    #[error("the answer cannot be decoded")]
    Decode(#[source] PayloadError),
    /// The request could not be queued.
    #[error("the request was not sent")]
    Emit(#[from] EmitError),
    /// Too many answers are outstanding on this socket.
    #[error("{limit} acknowledgements are outstanding already")]
    Full {
        /// The limit, `pending_acks_max` of the client's `Limits` or of the server's `Config`.
        limit: usize,
    },
}
