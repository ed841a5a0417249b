//! Which path goes where.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use sockeye::{Server, SocketService};
use sockeye_engine::{Body, CloseReason, EngineService, ResponseFuture};
use sockeye_sockjs::SockJsService;

use super::engine_io::{self, Echo};
use super::websocket::{Endpoint, WebSockets};
use super::{Options, socket_io};

/// Everything on one port.
#[derive(Clone)]
pub(crate) struct Service {
    websockets: WebSockets,
    engine: EngineService<Echo>,
    sockjs: SockJsService<Echo>,
    server: Server,
    socket_io: SocketService,
}

impl Service {
    /// Must be called within a runtime.
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        let server = socket_io::server(options)?;
        Ok(Self {
            websockets: WebSockets::new(options.deflate),
            engine: engine_io::engine()?.into_service(),
            sockjs: engine_io::sockjs()?.into_service(),
            socket_io: server.clone().into_service(),
            server,
        })
    }

    /// Closes every connection and waits until all have ended.
    pub(crate) async fn shutdown(&self) {
        tokio::join!(
            self.websockets.shutdown(),
            self.engine.engine().shutdown(CloseReason::ServerShutdown),
            self.sockjs.sockjs().engine().shutdown(CloseReason::ServerShutdown),
            self.server.shutdown(),
        );
    }
}

impl tower_service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let path = request.uri().path();
        let response = match path {
            "/echo" => self.websockets.handle(Endpoint::Echo, &mut request),
            "/broadcast" => self.websockets.handle(Endpoint::Broadcast, &mut request),
            path if self.engine.engine().handles(path) => {
                return tower_service::Service::call(&mut self.engine, request);
            }
            path if self.sockjs.sockjs().handles(path) => {
                return tower_service::Service::call(&mut self.sockjs, request);
            }
            path if path == "/socket.io" || path.starts_with("/socket.io/") => {
                return tower_service::Service::call(&mut self.socket_io, request);
            }
            _ => not_found(),
        };
        response.into()
    }
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
