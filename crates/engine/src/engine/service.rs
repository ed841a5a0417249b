//! The engine as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::application::Application;
use crate::engine::{Engine, ResponseFuture};
use crate::http::refusal::empty;
use crate::http::response_body::Body;

/// A tower service that answers the engine's path and 404 outside it. For
/// [`HttpServer`](sockeye_net::http::HttpServer), hyper, axum's `fallback_service` and the like.
pub struct EngineService<A> {
    pub(super) engine: Engine<A>,
}

impl<A> EngineService<A> {
    /// The engine inside.
    pub fn engine(&self) -> &Engine<A> {
        &self.engine
    }
}

impl<A, B> Service<Request<B>> for EngineService<A>
where
    A: Application,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.engine.handles(request.uri().path()) {
            return empty(StatusCode::NOT_FOUND).into();
        }
        self.engine.respond(request)
    }
}

impl<A> Clone for EngineService<A> {
    fn clone(&self) -> Self {
        EngineService { engine: self.engine.clone() }
    }
}

impl<A> fmt::Debug for EngineService<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineService").field(&self.engine).finish()
    }
}
