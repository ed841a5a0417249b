//! From hyper's requests to the tower service.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::admission::Admitted;
use super::answer::Answer;
use super::hand_over::HandOver;
use super::http_service::HttpService;
#[cfg(feature = "http2")]
use super::http2;
use super::keep_alive::{KEEP_ALIVE, KeepAlive};
use super::peer::{Encrypted, PeerAddr};
use super::take_over::{self, Pending, Wish};
use super::target::{Inspected, TargetError, inspect};
use super::timer::{self, now};
use crate::metrics;

/// After so many answers that came soon the next ones are expected to: the first polls of a session are
/// answered at once, the ones after them wait.
const SOON_MIN: u8 = 4;

/// Hands requests of one connection to a tower service, with the peer's address.
pub(super) struct HyperService<S> {
    service: RefCell<S>,
    address: SocketAddr,
    pub(super) encrypted: bool,
    pub(super) admitted: Arc<Admitted>,
    keep_alive: Arc<KeepAlive>,
    /// Answers that wait may be taken over: not once hyper was prepared for an upgrade, nor with
    /// HTTP/2.
    pub(super) takes_over: Cell<bool>,
    /// How many answers in a row were taken over and came soon.
    soon: Cell<u8>,
}

impl<S> HyperService<S> {
    pub(super) const fn new(
        service: S,
        address: SocketAddr,
        admitted: Arc<Admitted>,
        keep_alive: Arc<KeepAlive>,
    ) -> Self {
        Self {
            service: RefCell::new(service),
            address,
            encrypted: false,
            admitted,
            keep_alive,
            takes_over: Cell::new(false),
            soon: Cell::new(0),
        }
    }

    pub(super) fn keep_alive(&self) -> &KeepAlive {
        &self.keep_alive
    }

    /// An answer that was taken over at `since` has left.
    pub(super) fn note_taken_answer(&self, since: Instant) {
        let is_soon = now() - since < self.keep_alive.take_over_after;
        self.soon.set(if is_soon { self.soon.get().saturating_add(1) } else { 0 });
    }
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for HyperService<S> {
    type Response = Response<Answer<S::Body>>;
    type Error = Infallible;
    type Future = Oneshot<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.admitted.note_request();
        timer::note_request();
        let version = request.version();
        let head = match inspect(version, request.uri(), request.headers()) {
            Ok(head) => head,
            Err(error) => {
                metrics::http_refused("target");
                return Oneshot {
                    state: CallState::Refused { error },
                    keep_alive: None,
                    take_over_after: Duration::ZERO,
                    translated: false,
                };
            }
        };
        // The connection is kept, if the answer says nothing else.
        let keep_alive =
            (version == Version::HTTP_11 && !head.closes).then(|| Arc::clone(&self.keep_alive));
        let upgrades = head.upgrades && self.takes_over.replace(false);
        if upgrades {
            take_over::wish(Wish::Upgrade);
        }
        // Also where the connection ends behind the answer, as with most proxies: an answer that wants the
        // byte stream gets it.
        let may_be_ours = self.takes_over.get()
            && matches!(*request.method(), Method::GET | Method::POST)
            && request.body().is_end_stream();
        request.extensions_mut().insert(PeerAddr(self.address));
        let kept_seconds = keep_alive.is_some().then_some(self.keep_alive.seconds);
        request.extensions_mut().insert(Inspected { kept_seconds });
        if self.encrypted {
            request.extensions_mut().insert(Encrypted);
        }
        #[cfg(feature = "http2")]
        let translated = http2::translate_request(&mut request);
        #[cfg(not(feature = "http2"))]
        let translated = false;
        // Nearly every service is always ready: it is called at once, so that what it does not keep of
        // the request is gone before hyper wants room for the next one.
        let mut service = self.service.borrow_mut();
        let state = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) if !timer::has_to_wait() => {
                let future = service.answer(request);
                match may_be_ours {
                    true => {
                        let is_kept = keep_alive.is_some();
                        CallState::Undecided { future: Box::pin(future), until: None, is_kept }
                    }
                    false => CallState::Hypers { future, waits: upgrades },
                }
            }
            // Whatever it waits for, it goes on waiting for itself, with somebody to wake. And who sends
            // requests without reading the answers gets one at a time.
            _ => {
                let fresh = service.clone();
                let service = mem::replace(&mut *service, fresh);
                CallState::Waiting { waiting: Some(Box::new(Waiting { service, request })) }
            }
        };
        let take_over_after = match self.soon.get() {
            SOON_MIN.. => self.keep_alive.take_over_after,
            _ => Duration::ZERO,
        };
        Oneshot { state, keep_alive, take_over_after, translated }
    }
}

pin_project! {
    /// Waits until the service is ready, then for its response.
    pub(super) struct Oneshot<S: HttpService> {
        #[pin]
        state: CallState<S>,
        // What to announce.
        keep_alive: Option<Arc<KeepAlive>>,
        take_over_after: Duration,
        // The request is a WebSocket over HTTP/2 in the words of HTTP/1.1.
        translated: bool,
    }
}

pin_project! {
    /// Who writes the answer.
    #[project = StateProjection]
    #[project_replace = StateReplaced]
    enum CallState<S: HttpService> {
        // Rare, and large: what is answered late should not have to be held in so much room.
        Waiting { waiting: Option<Box<Waiting<S>>> },
        // hyper does, once it is prepared for an upgrade if it `waits` for that.
        Hypers { #[pin] future: S::Answer, waits: bool },
        // hyper does, unless the answer wants the byte stream, or is not there at this moment and the
        // connection is kept behind it.
        Undecided { future: Pending<S::Answer>, until: Option<Instant>, is_kept: bool },
        Refused { error: TargetError },
        // The connection's task has the future.
        TakenOver,
    }
}

/// A request that the service is not ready for.
struct Waiting<S> {
    service: S,
    request: Request<Incoming>,
}

/// Says how long the connection is kept, if it is.
fn announce<B>(response: &mut Response<B>, keep_alive: &KeepAlive) {
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if !upgrades && !headers.contains_key(CONNECTION) {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
        headers.insert(KEEP_ALIVE, keep_alive.value.clone());
    }
}

/// The answer to a request that is not clear about whom it is for; nothing more is taken on its
/// connection.
fn bad_request<B: Body>(error: TargetError) -> Response<Answer<B>> {
    tracing::debug!(%error, "request refused");
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    // HTTP/2 leaves it out.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

impl<S: HttpService> Future for Oneshot<S> {
    type Output = Result<Response<Answer<S::Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (response, is_ours) = loop {
            match this.state.as_mut().project() {
                StateProjection::Hypers { waits: waits @ true, .. } => {
                    *waits = false;
                    return Poll::Pending;
                }
                StateProjection::Hypers { future, .. } => break (ready!(future.poll(cx))?, false),
                StateProjection::Undecided { future, until, is_kept } => {
                    if let Poll::Ready(response) = future.as_mut().poll(cx)? {
                        break (response, true);
                    }
                    if *is_kept
                        && is_due(until, *this.take_over_after)
                        && let StateReplaced::Undecided { future, .. } =
                            this.state.as_mut().project_replace(CallState::TakenOver)
                    {
                        take_over::wish(Wish::TakeOver(Box::new(future)));
                    }
                    return Poll::Pending;
                }
                StateProjection::Refused { error } => return Poll::Ready(Ok(bad_request(*error))),
                StateProjection::TakenOver => return Poll::Pending,
                StateProjection::Waiting { waiting } => {
                    if timer::has_to_wait() {
                        return Poll::Pending;
                    }
                    let mut next = waiting.take().expect("taken once, when the state changes");
                    if next.service.poll_ready(cx).is_pending() {
                        *waiting = Some(next);
                        return Poll::Pending;
                    }
                    let Waiting { mut service, request } = *next;
                    let future = service.answer(request);
                    this.state.set(CallState::Hypers { future, waits: false });
                }
            }
        };
        #[cfg(feature = "http2")]
        let response = match *this.translated {
            true => http2::translate_response(response),
            false => response,
        };
        let hand_over = response.extensions().get::<HandOver>();
        if is_ours && hand_over.is_some_and(HandOver::is_beside::<S::Body>) {
            this.state.set(CallState::TakenOver);
            take_over::wish(Wish::HandOver(Box::new(response)));
            return Poll::Pending;
        }
        let mut response = response.map(Answer::of_service);
        if let Some(keep_alive) = this.keep_alive.take() {
            announce(&mut response, &keep_alive);
        }
        Poll::Ready(Ok(response))
    }
}

/// The answer is not there. Whether it is time for us to write it.
fn is_due(until: &mut Option<Instant>, take_over_after: Duration) -> bool {
    if take_over_after.is_zero() {
        return true;
    }
    timer::has_passed(*until.get_or_insert_with(|| now() + take_over_after))
}
