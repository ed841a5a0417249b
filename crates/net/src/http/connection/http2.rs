//! A connection of HTTP/2: of a client that negotiated it with TLS, or knows it beforehand.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::super::http_service::HttpService;
use super::super::service::HyperService;
use super::super::settings::{Limits, Settings};
use super::super::streams::StreamExecutor;
use super::super::timed_tcp::TimedTcp;
use crate::metrics;

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4); enough of it to tell.
const PREFACE: &[u8] = b"PRI";
/// How often an HTTP/2 connection is asked whether it is alive, and how long it may take: also
/// how long one lasts whose peer neither takes its answers nor leaves when it is told to.
const ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const ALIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// How connections of HTTP/2 are served.
#[derive(Clone)]
pub(super) struct Http2 {
    builder: http2::Builder<StreamExecutor>,
    limits: Limits,
    prior_knowledge: bool,
}

impl Http2 {
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let limits = settings.limits;
        let executor = StreamExecutor { write_timeout: limits.write_timeout };
        let mut builder = http2::Builder::new(executor);
        builder
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.streams_max)
            .keep_alive_interval(ALIVE_INTERVAL)
            .keep_alive_timeout(ALIVE_TIMEOUT);
        Some(Self { builder, limits, prior_knowledge: settings.prior_knowledge })
    }

    /// Whether a connection without TLS may begin with it.
    pub(super) const fn is_expected(&self) -> bool {
        self.prior_knowledge
    }

    /// Looks at what comes first without taking it.
    pub(super) async fn is_spoken(&self, stream: &TimedTcp) -> bool {
        let mut seen = [0; PREFACE.len()];
        loop {
            match stream.tcp().peek(&mut seen).await {
                Ok(count) if count == PREFACE.len() || count == 0 => return seen == PREFACE,
                Ok(count) if !PREFACE.starts_with(&seen[..count]) => return false,
                // A part of it: `peek` would return it again at once.
                Ok(_) => sleep(Duration::from_millis(5)).await,
                Err(_) => return false,
            }
        }
    }

    pub(super) async fn serve<I, S>(
        &self,
        io: I,
        service: HyperService<S>,
        mut stopped: watch::Receiver<()>,
    ) where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S: HttpService,
    {
        let admitted = Arc::clone(&service.admitted);
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(io), service));
        let mut idle = pin!(sleep(self.limits.header_timeout));
        let mut stopping = false;
        let result = loop {
            tokio::select! {
                result = connection.as_mut() => break result,
                _ = stopped.changed(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = idle.as_mut(), if !stopping => {
                    if admitted.is_handshaking() {
                        return metrics::http_refused("idle");
                    }
                    if admitted.is_idle() {
                        // Whoever comes back opens another one.
                        stopping = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    idle.as_mut().reset(Instant::now() + self.limits.idle_timeout());
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "HTTP/2 connection ended");
        }
    }
}
