//! From hyper's requests to the tower service.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::admission::Admitted;
use super::answer::Answer;
#[cfg(feature = "tls")]
use super::http2;
use super::patience;
use super::peer::{Encrypted, PeerAddr};
use super::target::{Inspected, TargetError, inspect};
use crate::metrics;

/// Hands requests of one connection to a tower service, with the peer's address.
pub(super) struct HyperService<S> {
    service: RefCell<S>,
    address: SocketAddr,
    pub(super) encrypted: bool,
    pub(super) admitted: Arc<Admitted>,
    keep_alive: Arc<KeepAlive>,
}

/// What answers of connections that are kept say.
pub(super) struct KeepAlive {
    seconds: u32,
    value: HeaderValue,
}

impl KeepAlive {
    pub(super) fn new(timeout: Duration) -> Self {
        let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        let value = HeaderValue::from_str(&format!("timeout={seconds}"));
        Self { seconds, value: value.expect("a number is a header's value") }
    }
}

impl<S> HyperService<S> {
    pub(super) const fn new(
        service: S,
        address: SocketAddr,
        admitted: Arc<Admitted>,
        keep_alive: Arc<KeepAlive>,
    ) -> Self {
        Self { service: RefCell::new(service), address, encrypted: false, admitted, keep_alive }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for HyperService<S>
where
    B: Body,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Oneshot<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.admitted.note_request();
        patience::note_request();
        let version = request.version();
        let keep_alive = match inspect(version, request.uri(), request.headers()) {
            // The connection is kept, if the answer says nothing else.
            Ok(head) => {
                (version == Version::HTTP_11 && !head.closes).then(|| Arc::clone(&self.keep_alive))
            }
            Err(error) => {
                metrics::http_refused("target");
                let state = OneshotState::Refused { error };
                return Oneshot { state, keep_alive: None, translated: false };
            }
        };
        request.extensions_mut().insert(PeerAddr(self.address));
        let keep_alive_seconds = keep_alive.is_some().then_some(self.keep_alive.seconds);
        request.extensions_mut().insert(Inspected { keep_alive_seconds });
        if self.encrypted {
            request.extensions_mut().insert(Encrypted);
        }
        #[cfg(feature = "tls")]
        let translated = http2::translate_request(&mut request);
        #[cfg(not(feature = "tls"))]
        let translated = false;
        // Nearly every service is always ready: it is called at once, so that what it does not keep of
        // the request is gone before hyper wants room for the next one.
        let mut service = self.service.borrow_mut();
        let state = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) if !patience::has_to_wait() => {
                OneshotState::Called { future: service.call(request) }
            }
            Poll::Ready(Err(never)) => match never {},
            // Whatever it waits for, it goes on waiting for itself, with somebody to wake. And who sends
            // requests without reading the answers gets one at a time.
            _ => {
                let fresh = service.clone();
                let service = mem::replace(&mut *service, fresh);
                OneshotState::Waiting { waiting: Some(Box::new(Waiting { service, request })) }
            }
        };
        Oneshot { state, keep_alive, translated }
    }
}

pin_project_lite::pin_project! {
    /// Waits until the service is ready, then for its response.
    pub(super) struct Oneshot<S: Service<Request<Incoming>>> {
        #[pin]
        state: OneshotState<S>,
        // What to announce.
        keep_alive: Option<Arc<KeepAlive>>,
        // The request is a WebSocket over HTTP/2 in the words of HTTP/1.1.
        translated: bool,
    }
}

pin_project_lite::pin_project! {
    #[project = OneshotProjection]
    enum OneshotState<S: Service<Request<Incoming>>> {
        // Rare, and large: what is answered late should not have to be held in so much room.
        Waiting { waiting: Option<Box<Waiting<S>>> },
        Called { #[pin] future: S::Future },
        Refused { error: TargetError },
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

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

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

impl<S, B> Future for Oneshot<S>
where
    B: Body,
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Output = Result<Response<Answer<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.state.as_mut().project() {
                OneshotProjection::Called { future } => {
                    let response = ready!(future.poll(cx))?;
                    #[cfg(feature = "tls")]
                    let response = match *this.translated {
                        true => http2::translate_response(response),
                        false => response,
                    };
                    let mut response = response.map(Answer::of_service);
                    if let Some(keep_alive) = this.keep_alive.take() {
                        announce(&mut response, &keep_alive);
                    }
                    return Poll::Ready(Ok(response));
                }
                OneshotProjection::Refused { error } => {
                    return Poll::Ready(Ok(bad_request(*error)));
                }
                OneshotProjection::Waiting { waiting } => {
                    if patience::has_to_wait() {
                        return Poll::Pending;
                    }
                    let mut next = waiting.take().expect("taken once, when the state changes");
                    if next.service.poll_ready(cx)?.is_pending() {
                        *waiting = Some(next);
                        return Poll::Pending;
                    }
                    let Waiting { mut service, request } = *next;
                    service.call(request)
                }
            };
            this.state.set(OneshotState::Called { future });
        }
    }
}
