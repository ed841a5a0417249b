//! What the listener serves, in one bound.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

/// A tower service of HTTP requests that never fails; every such service is one.
pub trait HttpService: Clone + Send + 'static {
    /// What it answers with.
    type Body: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static;
    /// Its answer to be.
    type Answer: Future<Output = Result<Response<Self::Body>, Infallible>> + Send + 'static;

    /// Whether it takes a request now.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Answers a request.
    fn answer(&mut self, request: Request<Incoming>) -> Self::Answer;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    type Body = B;
    type Answer = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Service::poll_ready(self, cx).map(|Ok(())| ())
    }

    fn answer(&mut self, request: Request<Incoming>) -> S::Future {
        self.call(request)
    }
}
