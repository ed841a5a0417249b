//! What requests, and other tasks, bring to a session's task.

use std::any::Any;

use bytes::Bytes;
use sockeye_engine_proto::PayloadForm;

use super::close_detail::CloseDetail;
use super::reply::Reply;
use crate::outbox::connection::Connection;

/// Something that arrived for a session, in order of arrival.
pub(crate) enum SessionRequest {
    /// A poll, to be parked until there is something to say.
    Poll(Reply, Place),
    /// The body of a POST and its form. Answered when its packets were taken in.
    Post(Bytes, PayloadForm, Reply),
    /// A stream of polls has come to its end.
    StreamEnded,
    /// A request broke a rule, was given up, or took too long: the session ends, with this detail and
    /// the reason `transport error`. Whoever judged the request has answered it.
    Failed(CloseDetail),
    /// A connection that was opened for this session beside the transport it lives on.
    Connection(Box<Connection>),
    /// Something for the application's handler, see [`Session::command`](crate::Session::command).
    Command(Box<dyn Any + Send>),
}

/// Where a poll stands: alone, or in a stream, whose answer is made of one poll after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is answered, and that is all.
    Alone,
    /// It begins a stream.
    First,
    /// It goes on with the stream of the poll before it.
    Next,
}

/// The requests of one session, few by construction: one poll that is parked, one POST that is read,
/// one probe; every second one of a kind ends something, or is turned away.
///
/// Whoever knows the session's address decides how many polls and connections arrive at once, and the
/// application how many commands. So places are kept for what the session depends on: of the sixteen the
/// last four are for its one POST, the end of its one stream, and a loss, of which one is enough.
///
/// `None` once the session is over.
pub(crate) struct Inbox(Option<Vec<SessionRequest>>);

impl Inbox {
    pub(crate) const fn new() -> Self {
        Inbox(Some(Vec::new()))
    }

    /// Hands a request over, or gives it back when the session is over or overrun.
    pub(crate) fn push(&mut self, request: SessionRequest) -> Result<(), SessionRequest> {
        let requests_max = match request {
            SessionRequest::Poll(..) | SessionRequest::Connection(_) => ARRIVALS_MAX,
            _ => REQUESTS_MAX,
        };
        match &mut self.0 {
            Some(requests) if requests.len() < requests_max => requests.push(request),
            _ => return Err(request),
        }
        Ok(())
    }

    /// Whether the session is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_none()
    }

    /// Hands a command over, unless the session is over or half of the room is taken: the client's
    /// own requests have the other half.
    pub(crate) fn push_command(&mut self, command: Box<dyn Any + Send>) -> bool {
        match &mut self.0 {
            Some(requests) if requests.len() < COMMANDS_MAX => {
                requests.push(SessionRequest::Command(command));
                true
            }
            _ => false,
        }
    }

    /// Takes all requests. Their memory goes with them, so that an idle session holds none.
    pub(crate) fn take(&mut self) -> Vec<SessionRequest> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Turns away everybody from now on.
    pub(crate) fn close(&mut self) -> Vec<SessionRequest> {
        self.0.take().unwrap_or_default()
    }
}

/// More than this at once is no client that keeps to the protocol.
const REQUESTS_MAX: usize = 16;
const ARRIVALS_MAX: usize = REQUESTS_MAX - 4;
const COMMANDS_MAX: usize = REQUESTS_MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_and_no_more() {
        let mut inbox = Inbox::new();
        for _ in 0..REQUESTS_MAX {
            assert!(inbox.push(SessionRequest::Failed(CloseDetail::PostOverlap)).is_ok());
        }
        assert!(inbox.push(SessionRequest::Failed(CloseDetail::PostOverlap)).is_err());
        assert_eq!(inbox.take().len(), REQUESTS_MAX);
        assert!(inbox.push(SessionRequest::Failed(CloseDetail::PostOverlap)).is_ok());
        assert_eq!(inbox.close().len(), 1);
        assert!(inbox.push(SessionRequest::Failed(CloseDetail::PostOverlap)).is_err());
    }

    #[test]
    fn a_crowd_leaves_room_for_what_the_session_depends_on() {
        let mut inbox = Inbox::new();
        let poll = || SessionRequest::Poll(Reply::to_nobody(), Place::Alone);
        for _ in 0..ARRIVALS_MAX {
            assert!(inbox.push(poll()).is_ok());
        }
        assert!(inbox.push(poll()).is_err() && !inbox.is_closed());
        let post = SessionRequest::Post(Bytes::new(), PayloadForm::V4, Reply::to_nobody());
        assert!(inbox.push(post).is_ok());
        assert!(inbox.push(SessionRequest::StreamEnded).is_ok());
        assert!(inbox.push(SessionRequest::Failed(CloseDetail::PollAborted)).is_ok());
        inbox.close();
        assert!(inbox.push(poll()).is_err() && inbox.is_closed());
    }

    #[test]
    fn commands_leave_room_for_requests() {
        let mut inbox = Inbox::new();
        for _ in 0..COMMANDS_MAX {
            assert!(inbox.push_command(Box::new(())));
        }
        assert!(!inbox.push_command(Box::new(())));
        assert!(inbox.push(SessionRequest::Failed(CloseDetail::PostOverlap)).is_ok());
        inbox.close();
        assert!(!inbox.push_command(Box::new(())));
    }
}
