//! The server as a tower layer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Either;
use pin_project_lite::pin_project;
use sockeye_engine::{Body, ResponseFuture};
use tower_layer::Layer;
use tower_service::Service;

use super::serve::SocketService;

/// The server around another service, see [`Server::into_layer`](crate::Server::into_layer).
#[derive(Clone, Debug)]
pub struct SocketLayer {
    sockets: SocketService,
}

impl SocketLayer {
    pub(super) fn new(sockets: SocketService) -> Self {
        Self { sockets }
    }
}

impl<S> Layer<S> for SocketLayer {
    type Service = WithSockets<S>;

    fn layer(&self, inner: S) -> WithSockets<S> {
        WithSockets { sockets: self.sockets.clone(), inner }
    }
}

/// A service with a server around it: requests under the server's path are its own, the others go on
/// to the service inside. Made by [`SocketLayer`].
#[derive(Clone, Debug)]
pub struct WithSockets<S> {
    sockets: SocketService,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for WithSockets<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Display + Send,
    R: HttpBody<Data = Bytes>,
{
    type Response = Response<Either<Body, R>>;
    type Error = S::Error;
    type Future = WithSocketsFuture<S::Future>;

    /// Ready when the service inside is.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.sockets.takes(&request) {
            true => WithSocketsFuture::Sockets { answer: self.sockets.call(request) },
            false => WithSocketsFuture::Inner { answer: self.inner.call(request) },
        }
    }
}

pin_project! {
    /// The answer to be of [`WithSockets`].
    #[project = Answering]
    #[must_use = "the request is answered by awaiting it"]
    pub enum WithSocketsFuture<F> {
        #[doc(hidden)]
        Sockets { #[pin] answer: ResponseFuture },
        #[doc(hidden)]
        Inner { #[pin] answer: F },
    }
}

impl<F, R, E> Future for WithSocketsFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Either<Body, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            Answering::Sockets { answer } => {
                let Ok(response) = ready!(answer.poll(cx));
                Ok(response.map(Either::Left))
            }
            Answering::Inner { answer } => {
                ready!(answer.poll(cx)).map(|response| response.map(Either::Right))
            }
        })
    }
}

impl<F> fmt::Debug for WithSocketsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSocketsFuture").finish_non_exhaustive()
    }
}
