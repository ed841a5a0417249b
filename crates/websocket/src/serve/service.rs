//! From hyper's requests to the tower service.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use tower_service::Service;

use super::admission::Admitted;
use super::{Encrypted, PeerAddr};
#[cfg(feature = "tls")]
use crate::http2;

/// Hands requests of one connection to a tower service, with the peer's address.
pub(super) struct HyperService<S> {
    service: RefCell<S>,
    address: SocketAddr,
    pub(super) encrypted: bool,
    pub(super) admitted: Arc<Admitted>,
}

impl<S> HyperService<S> {
    pub(super) const fn new(service: S, address: SocketAddr, admitted: Arc<Admitted>) -> Self {
        Self { service: RefCell::new(service), address, encrypted: false, admitted }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for HyperService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Oneshot<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.admitted.note_request();
        request.extensions_mut().insert(PeerAddr(self.address));
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
            Poll::Ready(Ok(())) => OneshotState::Called { future: service.call(request) },
            Poll::Ready(Err(never)) => match never {},
            // Whatever it waits for, it goes on waiting for itself, with somebody to wake.
            Poll::Pending => {
                let fresh = service.clone();
                let service = mem::replace(&mut *service, fresh);
                OneshotState::Waiting { service, request: Some(request) }
            }
        };
        Oneshot { state, translated }
    }
}

pin_project_lite::pin_project! {
    /// Waits until the service is ready, then for its response.
    pub(super) struct Oneshot<S: Service<Request<Incoming>>> {
        #[pin]
        state: OneshotState<S>,
        // The request is a WebSocket over HTTP/2 in the words of HTTP/1.1.
        translated: bool,
    }
}

pin_project_lite::pin_project! {
    #[project = OneshotProjection]
    enum OneshotState<S: Service<Request<Incoming>>> {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: S::Future },
    }
}

impl<S, B> Future for Oneshot<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Output = Result<Response<B>, S::Error>;

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
                    return Poll::Ready(Ok(response));
                }
                OneshotProjection::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("taken once, when the state changes");
                    service.call(request)
                }
            };
            this.state.set(OneshotState::Called { future });
        }
    }
}
