//! What all stand-ins share: where they listen, how they say so, and how they end.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use http::{Request, Response};
use hyper::body::Incoming;
use sockeye::{Body, Server, engine};
use sockeye_websocket::{
    AllowedHosts, ForwardedHeaders, HttpServer, OriginPattern, TlsConfig, TrustedProxies,
};
use tokio::net::TcpListener;
use tokio::signal;
use tower_service::Service;

/// What is left between two packets for which a protocol suite has one listener each. It listens
/// for the second only once it has seen the first, and would miss it in the same read.
pub(crate) const LISTENER_PAUSE: Duration = Duration::from_millis(25);

/// Options of every stand-in.
#[derive(Debug, Args)]
pub(crate) struct Listen<const DEFAULT_PORT: u16> {
    /// Port, the same for both loopback families; 0 takes a free one.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Address to listen on instead of 127.0.0.1 and ::1.
    #[arg(long)]
    host: Option<String>,
    /// Milliseconds from the opening or a pong to the next ping, instead of what the suite expects.
    #[arg(long, value_name = "MS")]
    ping_interval: Option<u64>,
    /// Milliseconds a pong may take, instead of what the suite expects.
    #[arg(long, value_name = "MS")]
    ping_timeout: Option<u64>,
    /// Largest message in bytes, instead of what the suite expects.
    #[arg(long, value_name = "BYTES")]
    payload_bytes_max: Option<usize>,
    /// Proxies whose word about a request's address, scheme and host counts.
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<TrustedProxies>,
    /// In which headers they tell it: `x-forwarded` or `forwarded`.
    #[arg(long, value_name = "FAMILY", default_value = "x-forwarded")]
    forwarded_headers: ForwardedHeaders,
    /// Hosts to answer for beside addresses and localhost.
    #[arg(long, value_name = "HOSTS")]
    allowed_host: Option<AllowedHosts>,
    /// Origin whose pages are let in beside its own; can be repeated.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<OriginPattern>,
    /// Lets those pages bring their cookies.
    #[arg(long)]
    allow_credentials: bool,
}

impl<const DEFAULT_PORT: u16> Listen<DEFAULT_PORT> {
    /// Sets the heartbeat that the suite expects, then what the command line says otherwise.
    pub(crate) fn configure(&self, config: &mut engine::Config, interval_ms: u64, timeout_ms: u64) {
        config.ping_interval = Duration::from_millis(self.ping_interval.unwrap_or(interval_ms));
        config.ping_timeout = Duration::from_millis(self.ping_timeout.unwrap_or(timeout_ms));
        config.payload_bytes_max = self.payload_bytes_max.unwrap_or(config.payload_bytes_max);
        let proxies = self.trusted_proxies.clone().unwrap_or_default();
        config.trusted_proxies = proxies.headers(self.forwarded_headers);
        config.allowed_hosts = self.allowed_host.clone();
        for origin in &self.allow_origin {
            config.origins = std::mem::take(&mut config.origins).with(origin.clone());
        }
        if self.allow_credentials {
            config.cors.get_or_insert_default().credentials = true;
        }
    }

    /// Whether the command line lets pages of other origins in.
    pub(crate) fn names_origins(&self) -> bool {
        !self.allow_origin.is_empty()
    }

    /// The largest message, if the command line says.
    pub(crate) const fn payload_bytes_max(&self) -> Option<usize> {
        self.payload_bytes_max
    }

    /// Listens and prints the ready line.
    pub(crate) async fn bind(&self) -> Result<Vec<TcpListener>> {
        self.bind_for("http").await
    }

    async fn bind_for(&self, scheme: &str) -> Result<Vec<TcpListener>> {
        let host = self.host.as_deref().unwrap_or("localhost");
        let listeners = sockeye_websocket::bind((host, self.port))
            .await
            .with_context(|| format!("cannot listen on --port {}", self.port))?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let shown = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        let shown = shown.copied().unwrap_or((Ipv4Addr::LOCALHOST, self.port).into());
        println!("listening on {scheme}://{shown}");
        Ok(listeners)
    }

    /// Serves a Socket.IO server until SIGTERM.
    pub(crate) async fn serve(&self, server: &Server) -> Result<()> {
        server.serve(self.bind().await?).with_graceful_shutdown(terminated()).await?;
        Ok(())
    }

    /// The same with a certificate, over HTTP/2 too.
    pub(crate) async fn serve_encrypted(&self, server: &Server, tls: TlsConfig) -> Result<()> {
        let listeners = self.bind_for("https").await?;
        server.serve(listeners).tls(tls).with_graceful_shutdown(terminated()).await?;
        Ok(())
    }

    /// The same over HTTP/2 as well, for clients that begin with it (RFC 9113 §3.3).
    pub(crate) async fn serve_http2_too(
        &self,
        server: &Server,
        write_timeout: Option<Duration>,
    ) -> Result<()> {
        let drained = server.clone();
        let stop = async move {
            terminated().await;
            drained.shutdown().await;
        };
        let service = server.clone().into_service();
        let mut http = HttpServer::new(self.bind().await?, service).http2_prior_knowledge(true);
        if let Some(timeout) = write_timeout {
            http = http.write_timeout(timeout);
        }
        http.with_graceful_shutdown(stop).await?;
        Ok(())
    }

    /// Serves what a function answers until SIGTERM; `drain` then ends its sessions.
    pub(crate) async fn serve_fn<F, R, D>(&self, answer: F, drain: D) -> Result<()>
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        self.serve_service(AnswerFn(answer), drain).await
    }

    /// [`serve_fn`](Self::serve_fn), with a certificate if there is one.
    pub(crate) async fn serve_fn_with<F, R, D>(
        &self,
        answer: F,
        drain: D,
        tls: Option<TlsConfig>,
    ) -> Result<()>
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let Some(tls) = tls else { return self.serve_fn(answer, drain).await };
        let stop = async {
            terminated().await;
            drain.await;
        };
        let listeners = self.bind_for("https").await?;
        let server = HttpServer::new(listeners, AnswerFn(answer)).tls(tls);
        server.with_graceful_shutdown(stop).await?;
        Ok(())
    }

    /// Serves a tower service until SIGTERM; `drain` then ends its sessions.
    pub(crate) async fn serve_service<S, D>(&self, service: S, drain: D) -> Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        D: Future<Output = ()> + Send + 'static,
    {
        let stop = async {
            terminated().await;
            drain.await;
        };
        HttpServer::new(self.bind().await?, service).with_graceful_shutdown(stop).await?;
        Ok(())
    }
}

/// A certificate of this machine's own.
pub(crate) fn self_signed() -> Result<TlsConfig> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = made.signing_key.serialize_pem();
    Ok(TlsConfig::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?)
}

/// Resolves on SIGTERM, or Ctrl-C at a terminal.
async fn terminated() {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())
            .expect("handlers of SIGTERM can be registered");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = signal::ctrl_c().await;
}

/// A function as a tower service.
#[derive(Clone, Debug)]
struct AnswerFn<F>(F);

impl<F, R> Service<Request<Incoming>> for AnswerFn<F>
where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move { Ok(answer.await) })
    }
}
