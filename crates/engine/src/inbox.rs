//! What requests bring to a session's task.

use bytes::Bytes;
use sockeye_engine_proto::PayloadForm;
use sockeye_net::stream::Stream;
use sockeye_ws::handshake::deflate::Parameters;
use tokio::sync::oneshot;

use crate::detail::CloseDetail;

/// Something that arrived for a session, in order of arrival.
pub(crate) enum Guest {
    /// A poll, to be parked until there is something to say.
    Poll(Reply),
    /// The body of a POST and its form. Answered when its packets were taken in.
    Post(Bytes, PayloadForm, Reply),
    /// A request that broke this rule; the session ends.
    Violation(CloseDetail),
    /// A WebSocket that was opened for this session, and whether its client wants base64.
    WebSocket(Box<Opened>, bool),
}

/// A WebSocket after its handshake.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    /// What was read from it already.
    pub(crate) early: Vec<u8>,
    /// How messages may be compressed.
    pub(crate) deflate: Option<Parameters>,
}

/// Where the answer to a request goes. Gone when the request was given up.
pub(crate) type Reply = oneshot::Sender<Answer>;

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To a poll: packets.
    Payload {
        body: Bytes,
        /// They are no text.
        binary: bool,
        /// They may be compressed.
        compress: bool,
    },
    /// To a POST: `ok`.
    Accepted,
    /// To a request that overlaps another: 400 without a body.
    Overlap,
    /// The session is over: 400 and code 1.
    UnknownSession,
    /// The session polls no more: 400 and code 3.
    WrongTransport,
}

/// The guests of one session, few by construction: one poll that is parked, one POST that is read,
/// one probe; every second one of a kind ends something.
pub(crate) struct Inbox {
    guests: Vec<Guest>,
    closed: bool,
}

impl Inbox {
    pub(crate) const fn new() -> Self {
        Inbox { guests: Vec::new(), closed: false }
    }

    /// Hands a guest over, or gives it back when the session is over or overrun.
    pub(crate) fn push(&mut self, guest: Guest) -> Result<(), Guest> {
        if self.closed || self.guests.len() >= GUESTS_MAX {
            return Err(guest);
        }
        self.guests.push(guest);
        Ok(())
    }

    /// Takes all guests. Their memory goes with them, so that an idle session holds none.
    pub(crate) fn take(&mut self) -> Vec<Guest> {
        std::mem::take(&mut self.guests)
    }

    /// Turns away everybody from now on.
    pub(crate) fn close(&mut self) -> Vec<Guest> {
        self.closed = true;
        self.take()
    }
}

/// More than this at once is no client that keeps to the protocol.
const GUESTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_guests_and_no_more() {
        let mut inbox = Inbox::new();
        for _ in 0..GUESTS_MAX {
            assert!(inbox.push(Guest::Violation(CloseDetail::PostOverlap)).is_ok());
        }
        assert!(inbox.push(Guest::Violation(CloseDetail::PostOverlap)).is_err());
        assert_eq!(inbox.take().len(), GUESTS_MAX);
        assert!(inbox.push(Guest::Violation(CloseDetail::PostOverlap)).is_ok());
        assert_eq!(inbox.close().len(), 1);
        assert!(inbox.push(Guest::Violation(CloseDetail::PostOverlap)).is_err());
    }
}
