//! The HTTP listener for whatever stands alone instead of being mounted in somebody's server.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_service::Service;

/// Pause after `accept` failed for want of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// The address of the peer, in the extensions of each request that [`HttpServer`] hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// Serves HTTP/1.1 with upgrades on listening sockets. Await it, or give it
/// [`with_graceful_shutdown`](Self::with_graceful_shutdown) first.
///
/// Nagle's algorithm is off. Limits on a request's head, with their defaults: it must arrive within
/// 10 seconds, have at most 100 headers, and at most 16 KiB.
#[derive(Debug)]
#[must_use = "a server does nothing unless it is awaited"]
pub struct HttpServer<S> {
    listeners: Vec<TcpListener>,
    service: S,
    header_timeout: Duration,
    headers_max: usize,
    header_bytes_max: usize,
}

impl<S> HttpServer<S> {
    /// Serves `service` on `listeners`, as [`bind`](crate::bind) opens them.
    pub const fn new(listeners: Vec<TcpListener>, service: S) -> Self {
        Self {
            listeners,
            service,
            header_timeout: Duration::from_secs(10),
            headers_max: 100,
            header_bytes_max: 16 * 1024,
        }
    }

    /// How long a request's head may take, from the first byte the connection waits for. Idle
    /// keep-alive connections end after the same time. Default: 10 seconds.
    pub const fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// The most headers in a request; more are answered with 431. Default: 100.
    pub const fn headers_max(mut self, count: usize) -> Self {
        self.headers_max = count;
        self
    }

    /// The most bytes in a request's head; more are answered with 431. At least 8 KiB, which is also
    /// the least that hyper reads into. Default: 16 KiB.
    pub const fn header_bytes_max(mut self, bytes: usize) -> Self {
        self.header_bytes_max = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// Serves until `signal` is ready; then accepts nothing more, lets requests under way finish, and
    /// returns. Upgraded connections are no longer the server's: whoever has them closes them.
    pub const fn with_graceful_shutdown<F>(self, signal: F) -> HttpServerWithShutdown<S, F> {
        HttpServerWithShutdown { server: self, signal }
    }
}

impl<S, B> IntoFuture for HttpServer<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.with_graceful_shutdown(pending::<()>()).into_future()
    }
}

/// [`HttpServer::with_graceful_shutdown`].
#[derive(Debug)]
#[must_use = "a server does nothing unless it is awaited"]
pub struct HttpServerWithShutdown<S, F> {
    server: HttpServer<S>,
    signal: F,
}

impl<S, B, F> IntoFuture for HttpServerWithShutdown<S, F>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self.server, self.signal))
    }
}

async fn run<S, B, F>(server: HttpServer<S>, signal: F) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
    F: Future<Output = ()>,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(server.header_timeout)
        .max_headers(server.headers_max)
        .max_buf_size(server.header_bytes_max);

    // Whoever serves holds a receiver: the change tells it to stop, and when the last receiver is gone
    // everything has ended.
    let (stop, stopped) = watch::channel(());
    let mut accepting = JoinSet::new();
    for listener in server.listeners {
        let (builder, service) = (builder.clone(), server.service.clone());
        accepting.spawn(accept(listener, builder, service, stopped.clone()));
    }
    drop(stopped);

    let ended = tokio::select! {
        () = signal => None,
        // Only a panic ends it early, and its listener is gone.
        ended = accepting.join_next() => ended,
    };
    stop.send_replace(());
    stop.closed().await;
    match ended {
        Some(Err(error)) => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

async fn accept<S, B>(
    listener: TcpListener,
    builder: http1::Builder,
    service: S,
    mut stopped: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                let service = HyperService { service: service.clone(), address };
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serve_connection(connection, stopped.clone()));
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn serve_connection<S, B>(
    connection: http1::Connection<TokioIo<TcpStream>, HyperService<S>>,
    mut stopped: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    let mut connection = pin!(connection.with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

/// Whether `accept` reports what happened to one connection only.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Hands requests of one connection to a tower service, with the peer's address.
#[derive(Clone)]
struct HyperService<S> {
    service: S,
    address: SocketAddr,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for HyperService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Oneshot<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(PeerAddr(self.address));
        Oneshot::new(self.service.clone(), request)
    }
}

pin_project_lite::pin_project! {
    /// Waits until the service is ready, then for its response.
    #[project = OneshotState]
    enum Oneshot<S: Service<Request<Incoming>>> {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: S::Future },
    }
}

impl<S: Service<Request<Incoming>>> Oneshot<S> {
    const fn new(service: S, request: Request<Incoming>) -> Self {
        Self::Waiting { service, request: Some(request) }
    }
}

impl<S: Service<Request<Incoming>>> Future for Oneshot<S> {
    type Output = Result<S::Response, S::Error>;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                OneshotState::Called { future } => return future.poll(cx),
                OneshotState::Waiting { service, request } => {
                    std::task::ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("taken once, when the state changes");
                    service.call(request)
                }
            };
            self.set(Self::Called { future });
        }
    }
}
