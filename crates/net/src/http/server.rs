//! The HTTP listener for whatever stands alone instead of being mounted in somebody's server.

use std::future::{Future, IntoFuture, pending};
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connection::Protocols;
use super::forwarded::TrustedProxies;
use super::http_service::HttpService;
use super::settings::{Settings, TIMEOUT_MAX};
#[cfg(feature = "tls")]
use super::tls::TlsConfig;

/// Pause after `accept` failed for want of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The same once somebody was told to give way.
const ROOM_MADE_DELAY: Duration = Duration::from_millis(1);
/// How often that is told at most.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves HTTP/1.1 with upgrades on listening sockets, with a certificate HTTP/2 as well. Await it, or
/// give it [`with_graceful_shutdown`](Self::with_graceful_shutdown) first.
///
/// Nagle's algorithm is off. What it holds against peers before anybody knows who they are; what is
/// refused is counted ([`metrics`](crate::metrics)):
///
/// | limit | default | else |
/// |---|---|---|
/// | [`connections_max`](Self::connections_max) | 100,000 | one of the address with most is closed, or 503 |
/// | [`handshakes_max`](Self::handshakes_max) without a request so far | 10,000 | one of the address with most is closed |
/// | [`header_timeout`](Self::header_timeout) for TLS and for a head | 10 seconds | 408 or closed |
/// | [`keep_alive_timeout`](Self::keep_alive_timeout) between requests | 10 seconds | closed |
/// | [`write_timeout`](Self::write_timeout) in which the peer takes nothing of an answer | 30 seconds | closed |
/// | [`headers_max`](Self::headers_max) in a head (HTTP/1.1) | 100 | 431 |
/// | [`header_bytes_max`](Self::header_bytes_max) in a head | 16 KiB | 431 |
/// | [`streams_max`](Self::streams_max) on a connection (HTTP/2) | 100 | the stream is refused |
///
/// A time of more than a hundred years means one of a hundred. In a service that is mounted in somebody
/// else's server these limits are that server's.
///
/// # HTTP/2
///
/// A WebSocket over HTTP/2 (RFC 8441) reaches the service as the HTTP/1.1 handshake that it stands
/// for: as a GET with `Upgrade`, `Connection` and a `Sec-WebSocket-Key`. The 101 that answers it goes
/// out as 200. Every HTTP/2 request has a `Host` header, from its `:authority`.
///
/// ```no_run
/// use std::convert::Infallible;
/// use std::time::Duration;
///
/// use axum::{Router, routing::get};
/// use sockeye_net::http::{HttpServer, bind};
///
/// # async fn example() -> std::io::Result<()> {
/// let router = Router::new().route("/", get(async || "hello"));
/// HttpServer::new(bind("localhost:3000").await?, router)
///     .keep_alive_timeout(Duration::from_secs(75))
///     .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
///     .await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a server does nothing unless it is awaited"]
pub struct HttpServer<S> {
    listeners: Vec<TcpListener>,
    service: S,
    settings: Settings,
}

impl<S> HttpServer<S> {
    /// Serves `service` on `listeners`, as [`bind`](super::bind) opens them.
    pub fn new(listeners: Vec<TcpListener>, service: S) -> Self {
        Self { listeners, service, settings: Settings::default() }
    }

    /// How long a TLS handshake may take, and a request's head: the first one from when the
    /// connection is there, others from their first byte. Default: 10 seconds.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.header_timeout = timeout.min(TIMEOUT_MAX);
        self
    }

    /// How long a connection is kept for the next request, in whole seconds: answers of HTTP/1.1
    /// announce it (`Keep-Alive: timeout=10`), and two seconds more are waited, so that a proxy which
    /// reuses a connection at the last moment does not lose what it sends. Longer than the idle
    /// time-out of a balancer in front that heeds no announcement. Default: 10 seconds.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.keep_alive_timeout = timeout.min(TIMEOUT_MAX);
        self
    }

    /// How long a peer may take nothing of what waits to be written to it; then its connection ends,
    /// whatever was asked on it. A single byte gives it the whole time again. With HTTP/2 this goes
    /// for each stream as well. Default: 30 seconds.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.write_timeout = timeout.min(TIMEOUT_MAX);
        self
    }

    /// While the answer to a GET or a POST without a body is not there, the listener takes the connection from hyper, which holds
    /// 12 KiB for it, and writes the answer itself: at once, or, if the last four on this connection took
    /// less than this time, after it. Nothing else depends on it. Default: 1 second.
    pub fn take_over_after(mut self, time: Duration) -> Self {
        self.settings.limits.take_over_after = time.min(TIMEOUT_MAX);
        self
    }

    /// The most headers in a request; more are answered with 431. In HTTP/2 the bytes bound the number:
    /// each header counts 32 more (RFC 9113 §6.5.2). Default: 100.
    pub fn headers_max(mut self, count: usize) -> Self {
        self.settings.limits.headers_max = count;
        self
    }

    /// The most bytes in a request's head; more are answered with 431. At least 8 KiB, which is also
    /// the least that hyper reads into. Default: 16 KiB.
    pub fn header_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.limits.header_bytes_max = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// The proxies in front, whose addresses stand for many: their connections do not give way to
    /// others, see [`connections_max`](Self::connections_max). Default: none.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.settings.trusted_proxies = proxies;
        self
    }

    /// The most connections at a time. A connection that was upgraded is no longer one of the
    /// server's, unless it is a stream of HTTP/2. For one more, the oldest of the address that has most
    /// is closed, one without a request first; of IPv6 the first 64 bits count. If that address is the
    /// newcomer's, it is answered with 503 itself, and with TLS closed. Default: 100,000.
    pub fn connections_max(mut self, count: usize) -> Self {
        self.settings.limits.connections_max = count;
        self
    }

    /// The most connections at a time that have not sent their first request: they shake hands, or
    /// do nothing. For one more, the oldest of the address that has most of them is closed. Default:
    /// 10,000.
    pub fn handshakes_max(mut self, count: usize) -> Self {
        self.settings.limits.handshakes_max = count;
        self
    }

    /// Serves until `signal` is ready; then accepts nothing more, lets requests under way finish, and
    /// returns. Upgraded connections are no longer the server's: whoever has them closes them, all at
    /// once with `sockeye_websocket::Connections`.
    pub fn with_graceful_shutdown<F>(self, signal: F) -> HttpServerWithShutdown<S, F> {
        HttpServerWithShutdown { server: self, signal }
    }
}

#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
impl<S> HttpServer<S> {
    /// Serves `https://` and `wss://` instead of what is not encrypted. With the feature `http2` clients
    /// choose between HTTP/2 and HTTP/1.1 (ALPN).
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.settings.tls = Some(config);
        self
    }
}

#[cfg(feature = "http2")]
#[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
impl<S> HttpServer<S> {
    /// Without TLS, whether clients may begin with HTTP/2 at once ("prior knowledge", RFC 9113 §3.3),
    /// as some proxies do. Default: no.
    pub fn http2_prior_knowledge(mut self, allowed: bool) -> Self {
        self.settings.prior_knowledge = allowed;
        self
    }

    /// The most requests and WebSockets at a time on one connection of HTTP/2. Default: 100.
    pub fn streams_max(mut self, count: u32) -> Self {
        self.settings.limits.streams_max = count;
        self
    }
}

impl<S: HttpService> IntoFuture for HttpServer<S> {
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

impl<S, F> IntoFuture for HttpServerWithShutdown<S, F>
where
    S: HttpService,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self.server, self.signal))
    }
}

async fn run<S: HttpService>(
    server: HttpServer<S>,
    signal: impl Future<Output = ()>,
) -> io::Result<()> {
    let protocols = Protocols::new(&server.settings);
    // Whoever serves holds a receiver: the change tells it to stop, and when the last receiver is gone
    // everything has ended.
    let (stop, stopped) = watch::channel(());
    let mut accepting = JoinSet::new();
    for listener in server.listeners {
        let (protocols, service) = (protocols.clone(), server.service.clone());
        accepting.spawn(accept(listener, protocols, service, stopped.clone()));
    }
    drop(stopped);

    let ended = tokio::select! {
        () = signal => None,
        // Only a panic ends it early, and its listener is gone.
        ended = accepting.join_next() => ended,
        () = protocols.watch() => None,
    };
    stop.send_replace(());
    stop.closed().await;
    match ended {
        Some(Err(error)) => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

async fn accept(
    listener: TcpListener,
    protocols: Protocols,
    service: impl HttpService,
    mut stopped: watch::Receiver<()>,
) {
    let mut warned: Option<Instant> = None;
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
                protocols.serve(stream, address, service.clone(), stopped.clone());
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                if warned.is_none_or(|at| at.elapsed() >= ACCEPT_WARNING_INTERVAL) {
                    warned = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept connections; silent ones are closed");
                }
                let is_made = protocols.make_room();
                sleep(if is_made { ROOM_MADE_DELAY } else { ACCEPT_RETRY_DELAY }).await;
            }
        }
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
