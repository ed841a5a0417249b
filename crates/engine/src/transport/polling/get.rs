//! A GET of a session that polls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, ready};
use std::time::Duration;

use http::Response;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use sockeye_net::http::ContentCoding;
use tokio::time::{Sleep, sleep};

use super::{Asked, compress, respond};
use crate::http::headers_present::HeadersPresent;
use crate::http::response_body::{Body, End, Watch};
use crate::session::Session;
use crate::session::close_detail::CloseDetail;
use crate::session::inbox::{Place, SessionRequest};
use crate::session::reply::{AwaitedReply, ReplyContent, reply};

/// A poll, answered when the session has something to say.
///
/// It keeps nothing of the request: its headers are slices of hyper's read buffer, which would
/// have to be replaced by another one for as long as the poll is parked.
///
/// Dropping it, which is what happens when the client gives the request up, ends the session.
pub(crate) struct Poll {
    session: Session,
    answer: AwaitedReply,
    asked: Asked,
    coding: Option<ContentCoding>,
    /// The answer is there, and waits for another one.
    delayed: Option<(ReplyContent, Pin<Box<Sleep>>)>,
}

impl Poll {
    pub(crate) fn new(session: Session, head: &Parts, present: HeadersPresent) -> Self {
        let accepted = || compress::accepted(session.config(), &head.headers);
        let coding = present.accept_encoding.then(accepted).flatten();
        let (reply, answer) = reply(&session);
        session.submit_poll(reply, Place::Alone);
        let asked = Asked::new(head, present);
        Poll { session, answer, asked, coding, delayed: None }
    }

    fn respond(&self, answer: ReplyContent) -> Response<Body> {
        let compress = matches!(answer, ReplyContent::Payload { compress: true, .. });
        let mut response = respond(answer, &self.session, self.asked);
        if compress
            && let Some(coding) = self.coding
            && let Some(body) =
                compress::encode(self.session.config(), coding, response.body().bytes())
        {
            *response.body_mut() = body.into();
            response.headers_mut().insert(CONTENT_ENCODING, coding.header());
        }
        response.map(|body| body.watched_by(|bytes| LongAnswer::watch(&self.session, bytes)))
    }
}

impl Future for Poll {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> task::Poll<Response<Body>> {
        if self.delayed.is_none() {
            let answer = ready!(Pin::new(&mut self.answer).poll(cx));
            if !self.session.close_detail().is_some_and(CloseDetail::has_its_own_answer) {
                return task::Poll::Ready(self.respond(answer));
            }
            // A client that hears of the end here first never learns why.
            self.delayed = Some((answer, Box::pin(sleep(REFUSAL_LEAD))));
        }
        if let Some((_, lead)) = &mut self.delayed {
            ready!(lead.as_mut().poll(cx));
        }
        let answer = self.delayed.take().map_or(ReplyContent::UnknownSession, |(answer, _)| answer);
        task::Poll::Ready(self.respond(answer))
    }
}

/// A long answer, which counts as waiting until it was taken. Its end before its end ends the session,
/// whose messages it carries.
#[derive(Debug)]
pub(crate) struct LongAnswer {
    session: Session,
    bytes: usize,
}

impl LongAnswer {
    pub(crate) fn watch(session: &Session, bytes: usize) -> Arc<dyn Watch> {
        session.shared().begin_unread(bytes);
        Arc::new(LongAnswer { session: session.clone(), bytes })
    }
}

impl Watch for LongAnswer {
    fn write_timeout(&self) -> Duration {
        self.session.config().write_timeout
    }

    fn is_discarded(&self) -> bool {
        self.session.is_discarded()
    }

    fn ended(&self, end: End) {
        self.session.shared().end_unread(self.bytes);
        let detail = match end {
            // Perhaps a ping was among it.
            End::Complete => return self.session.wake(),
            End::Dropped => CloseDetail::PollAborted,
            End::TimedOut => CloseDetail::WriteTimeout,
        };
        // Its messages are lost.
        let _ = self.session.submit(SessionRequest::Failed(detail));
    }
}

/// How much later than the refusal of a POST a poll says that the session is over.
const REFUSAL_LEAD: Duration = Duration::from_millis(20);
