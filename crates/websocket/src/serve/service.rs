//! From hyper's requests to the tower service.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::header::{CONNECTION, Entry};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::admission::Admitted;
use super::answer::Answer;
use super::patience;
use super::{Encrypted, PeerAddr};
#[cfg(feature = "tls")]
use crate::http2;
use crate::metrics;
use crate::target::{Checked, TargetError, inspect};

/// Hands requests of one connection to a tower service, with the peer's address.
pub(super) struct HyperService<S> {
    service: RefCell<S>,
    address: SocketAddr,
    pub(super) encrypted: bool,
    pub(super) admitted: Arc<Admitted>,
    /// What answers of connections that are kept say.
    keep_alive: HeaderValue,
}

impl<S> HyperService<S> {
    pub(super) const fn new(
        service: S,
        address: SocketAddr,
        admitted: Arc<Admitted>,
        keep_alive: HeaderValue,
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
                (version == Version::HTTP_11 && !head.closes).then(|| self.keep_alive.clone())
            }
            Err(error) => {
                metrics::http_refused("target");
                let state = OneshotState::Refused { error };
                return Oneshot { state, keep_alive: None, translated: false };
            }
        };
        request.extensions_mut().insert(PeerAddr(self.address));
        request.extensions_mut().insert(Checked);
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
                OneshotState::Waiting { service, request: Some(request) }
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
        keep_alive: Option<HeaderValue>,
        // The request is a WebSocket over HTTP/2 in the words of HTTP/1.1.
        translated: bool,
    }
}

pin_project_lite::pin_project! {
    #[project = OneshotProjection]
    enum OneshotState<S: Service<Request<Incoming>>> {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: S::Future },
        Refused { error: TargetError },
    }
}

/// Says how long the connection is kept, if it is.
fn announce<B>(response: &mut Response<B>, keep_alive: HeaderValue) {
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !upgrades && let Entry::Vacant(connection) = response.headers_mut().entry(CONNECTION) {
        connection.insert(HeaderValue::from_static("keep-alive"));
        response.headers_mut().insert(KEEP_ALIVE, keep_alive);
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
                        announce(&mut response, keep_alive);
                    }
                    return Poll::Ready(Ok(response));
                }
                OneshotProjection::Refused { error } => {
                    return Poll::Ready(Ok(bad_request(*error)));
                }
                OneshotProjection::Waiting { service, request } => {
                    if patience::has_to_wait() {
                        return Poll::Pending;
                    }
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("taken once, when the state changes");
                    service.call(request)
                }
            };
            this.state.set(OneshotState::Called { future });
        }
    }
}
