//! A service made of a function, a server for it, and a raw client.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test file uses its own part"
)]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
pub(crate) use sockeye_testing::raw::{Peer, frame as masked, handshake};
use sockeye_websocket::{Acceptor, HttpServer, WebSocket, bind};
use tokio::net::TcpStream;
use tower_service::Service;

/// A tower service that calls a function.
#[derive(Clone)]
pub(crate) struct FnService<F>(pub(crate) F);

impl<F, R> Service<Request<Incoming>> for FnService<F>
where
    F: FnMut(Request<Incoming>) -> R,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let response = (self.0)(request);
        Box::pin(async move { Ok(response.await) })
    }
}

/// Serves WebSocket connections on both loopback addresses, each with `handle` in its own task.
pub(crate) async fn serve<F, R>(handle: F) -> SocketAddr
where
    F: Fn(WebSocket) -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let service = FnService(move |request| accept_all(request, handle.clone()));
    let listeners = bind("localhost:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(async move { HttpServer::new(listeners, service).await.unwrap() });
    address
}

/// Answers a handshake, and has the connection served by `handle` in its own task.
pub(crate) async fn accept_all<F, R>(request: Request<Incoming>, handle: F) -> Response<Full<Bytes>>
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    accept_with(Acceptor::new(), request, handle).await
}

/// [`accept_all`], as `acceptor` does.
pub(crate) async fn accept_with<F, R>(
    acceptor: Acceptor,
    mut request: Request<Incoming>,
    handle: F,
) -> Response<Full<Bytes>>
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    match acceptor.upgrade(&mut request) {
        Ok((response, upgrade)) => {
            tokio::spawn(async move {
                // The peer may be gone before.
                if let Ok(socket) = upgrade.await {
                    handle(socket).await;
                }
            });
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Echoes until the connection ends.
pub(crate) async fn echo(socket: WebSocket) {
    let _ = socket.for_each(|message, out| out.send(message)).await;
}

/// A client that has said nothing yet.
pub(crate) async fn dial(address: SocketAddr) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(address).await.unwrap())
}

/// A client that sends `glued` together with its handshake.
pub(crate) async fn raw_client(address: SocketAddr, glued: &[u8]) -> Peer<TcpStream> {
    let mut peer = dial(address).await;
    peer.send([handshake("/", &[]).as_bytes(), glued].concat()).await;
    peer.upgraded().await.unwrap().peer
}

/// What comes of `future` when nothing but time passes any more: the clock is wound on whenever
/// everybody waits.
pub(crate) async fn wound_on<T>(future: impl Future<Output = T>) -> T {
    tokio::time::pause();
    let outcome = future.await;
    tokio::time::resume();
    outcome
}

/// A free port that stays free when nobody listens on it: below those that the system chooses itself,
/// and another one each time.
pub(crate) fn quiet_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 64;
    loop {
        let number = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (number % 12_000) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether this machine has an IPv6 loopback address.
pub(crate) fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}
