//! Serving requests: as a tower service, or by listening itself.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine::{self as engine, AllowedHosts, Body};
use sockeye_net::http::HttpServer;
#[cfg(feature = "tls")]
use sockeye_net::http::TlsConfig;
use tokio::net::TcpListener;

use super::mounts::{self, Mount};
use super::{Server, client_files};

/// A server as a tower service, see [`Server::into_service`].
#[derive(Clone, Debug)]
pub struct SocketService {
    server: Server,
    hosts: Option<Arc<AllowedHosts>>,
}

impl SocketService {
    pub(super) fn new(server: Server) -> Self {
        let hosts = server.config.engine.allowed_hosts.clone().map(Arc::new);
        Self { server, hosts }
    }

    /// Whether a request is for the server: at its path.
    pub(super) fn takes<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        self.server.engine.handles(path) || self.server.mounts().find(path).is_some()
    }
}

impl Server {
    /// Answers what no body and no waiting is needed for: another host, the client's files.
    fn answer_at_once<B>(
        &self,
        request: &Request<B>,
        hosts: Option<&AllowedHosts>,
    ) -> Option<Response<Body>> {
        if let Some(hosts) = hosts
            && let Err(denied) = hosts.check(request, &self.config.engine.trusted_proxies)
        {
            tracing::debug!(host = denied.host(), "request for another host refused");
            let setting = "Server::builder().allowed_hosts(\"";
            return Some(denied.into_response(setting, "\")"));
        }
        let response = client_files::serve(&self.config, self.path(), request)?;
        Some(self.engine.with_cors(request, response))
    }

    /// What is mounted for a request, unless it is for the sockets, as nearly all are.
    fn mounted<B>(&self, request: &Request<B>) -> Option<Arc<dyn Mount>> {
        let path = request.uri().path();
        let is_for_sockets = path.strip_prefix(self.path()) == Some("/");
        (!is_for_sockets).then(|| self.mounts().find(path)).flatten()
    }
}

impl<B> tower_service::Service<Request<B>> for SocketService
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Display + Send,
{
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = engine::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = &self.server;
        if let Some(response) = server.answer_at_once(&request, self.hosts.as_deref()) {
            return response.into();
        }
        if let Some(mount) = server.mounted(&request) {
            return mount.answer(server, mounts::boxed(request));
        }
        if server.engine.handles(request.uri().path()) {
            return server.engine.respond(request);
        }
        let mut response = Response::new(Body::from(Bytes::from_static(b"not found")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.into()
    }
}

/// One listener or several.
pub trait IntoListeners {
    #[doc(hidden)]
    fn into_listeners(self) -> Vec<TcpListener>;
}

impl IntoListeners for TcpListener {
    fn into_listeners(self) -> Vec<TcpListener> {
        vec![self]
    }
}

impl IntoListeners for Vec<TcpListener> {
    fn into_listeners(self) -> Vec<TcpListener> {
        self
    }
}

/// A server that serves alone; await it. It logs `listening` with each address, level info.
#[must_use = "nothing is served until this is awaited"]
pub struct Serve {
    server: Server,
    listeners: Vec<TcpListener>,
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    drain: Option<Duration>,
    keep_alive_timeout: Option<Duration>,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
}

impl Serve {
    pub(super) fn new(server: Server, listeners: Vec<TcpListener>) -> Self {
        Self {
            server,
            listeners,
            signal: None,
            drain: None,
            keep_alive_timeout: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Serves `https://` and `wss://` in place of what is not encrypted; over HTTP/2 too with the feature `http2`.
    ///
    /// ```no_run
    /// use sockeye::{Server, TlsConfig};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::builder().allowed_hosts("chat.example").build()?;
    /// let tls = TlsConfig::from_pem_files("cert.pem", "key.pem")?;
    /// server.serve(sockeye::bind(443).await?).tls(tls).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// How long a connection is kept for the next request, as answers announce it: choose more than
    /// the idle time-out of a load balancer in front. Default: 10 seconds.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.keep_alive_timeout = Some(timeout);
        self
    }

    /// At the end the server is [drained](Server::drain) for at most this time, instead of [shut
    /// down](Server::shutdown). A handler that blocks its thread is not bound by it; see there how
    /// a program can still end in time.
    pub fn drain_for(mut self, deadline: Duration) -> Self {
        self.drain = Some(deadline);
        self
    }

    /// When the future is done, everybody is disconnected and the serving ends.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }
}

impl IntoFuture for Serve {
    type Output = std::io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut service = self.server.clone().into_service();
        #[cfg(feature = "tls")]
        let tls = self.tls;
        let Self { server, listeners, signal, drain, keep_alive_timeout, .. } = self;
        // The listener is ours, so no other code checks the host.
        service.hosts.get_or_insert_default();
        let drained = async move {
            match signal {
                Some(signal) => signal.await,
                None => std::future::pending().await,
            }
            match drain {
                Some(deadline) => {
                    let drained = server.drain(deadline).await;
                    tracing::info!(closed = drained.closed, cut = drained.cut, "drained");
                }
                None => server.shutdown().await,
            }
        };
        Box::pin(async move {
            for listener in &listeners {
                tracing::info!(address = %listener.local_addr()?, path = service.server.path(), "listening");
            }
            let proxies = service.server.config.engine.trusted_proxies.clone();
            let mut http = HttpServer::new(listeners, service).trusted_proxies(proxies);
            if let Some(timeout) = keep_alive_timeout {
                http = http.keep_alive_timeout(timeout);
            }
            #[cfg(feature = "tls")]
            if let Some(tls) = tls {
                http = http.tls(tls);
            }
            http.with_graceful_shutdown(drained).await
        })
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
