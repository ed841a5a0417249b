//! One connection of the listener: which protocol it speaks, and its limits.

#[cfg(feature = "tls")]
mod encryption;
#[cfg(not(feature = "tls"))]
#[path = "connection/encryption_absent.rs"]
mod encryption;
#[cfg(feature = "http2")]
mod http2;
#[cfg(not(feature = "http2"))]
#[path = "connection/http2_absent.rs"]
mod http2;

use std::future::{Future, poll_fn};
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use http::Response;
use hyper::rt::Write;
use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use self::encryption::Encryption;
use self::http2::Http2;
use super::admission::{Admission, Admitted};
use super::hand_over::HandOver;
use super::http_service::HttpService;
use super::keep_alive::KeepAlive;
use super::service::HyperService;
use super::settings::{Limits, Settings};
use super::stream::HttpStream;
use super::take_over::{self, Next, Pending, TakenOver, Wish, Writing};
use super::timed_tcp::TimedTcp;
use super::timer::{self, ConnectionTimer, HeadTimer, now};
use super::upgraded::IntoStream;
use crate::metrics;

/// What a connection gets that there is no place for.
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How connections of one server are served.
#[derive(Clone)]
pub(super) struct Protocols {
    http1: Arc<http1::Builder>,
    admission: Arc<Admission>,
    limits: Limits,
    keep_alive: Arc<KeepAlive>,
    encryption: Option<Encryption>,
    http2: Option<Http2>,
}

impl Protocols {
    pub(super) fn new(settings: &Settings) -> Self {
        let limits = &settings.limits;
        let mut http1 = http1::Builder::new();
        http1
            .timer(HeadTimer {
                header_timeout: limits.header_timeout,
                idle_timeout: limits.idle_timeout(),
            })
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers_max)
            .max_buf_size(limits.header_bytes_max);
        Self {
            http1: Arc::new(http1),
            admission: Admission::new(
                limits.connections_max,
                limits.handshakes_max,
                settings.trusted_proxies.clone(),
            ),
            limits: *limits,
            keep_alive: Arc::new(KeepAlive::new(limits)),
            encryption: Encryption::of(settings),
            http2: Http2::of(settings),
        }
    }

    /// Looks after the certificate; never ends.
    pub(super) async fn watch(&self) {
        if let Some(encryption) = &self.encryption {
            encryption.watch().await;
        }
        std::future::pending().await
    }

    /// No more connections can be opened: somebody who has not asked for anything gives way, if there is
    /// somebody.
    pub(super) fn make_room(&self) -> bool {
        self.admission.make_room()
    }

    /// Serves a connection in its own task, if there is a place for it.
    pub(super) fn serve<S: HttpService>(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        service: S,
        stopped: watch::Receiver<()>,
    ) {
        let Some(admitted) = self.admission.admit(address.ip()) else {
            return self.refuse(&stream);
        };
        let stream = TimedTcp::new(stream, self.limits.write_timeout);
        // Whether anything but plain HTTP/1.1 may come.
        if self.encryption.is_some() || self.http2.as_ref().is_some_and(Http2::is_expected) {
            let keep_alive = Arc::clone(&self.keep_alive);
            let service = HyperService::new(service, address, Arc::clone(&admitted), keep_alive);
            let task = tokio::spawn(self.clone().serve_any(stream, service, stopped));
            return admitted.set_task(task.abort_handle());
        }
        self.serve_plain(stream, address, service, admitted, stopped);
    }

    fn serve_plain<S: HttpService>(
        &self,
        stream: TimedTcp,
        address: SocketAddr,
        service: S,
        admitted: Arc<Admitted>,
        stopped: watch::Receiver<()>,
    ) {
        let keep_alive = Arc::clone(&self.keep_alive);
        let service = HyperService::new(service, address, Arc::clone(&admitted), keep_alive);
        let (io, http1) = (HttpStream::new(stream), Arc::clone(&self.http1));
        let task = tokio::spawn(serve_http1(io, service, http1, stopped));
        admitted.set_task(task.abort_handle());
    }

    /// Finds out what the peer speaks, and speaks it.
    async fn serve_any<S: HttpService>(
        self,
        stream: TimedTcp,
        service: HyperService<S>,
        mut stopped: watch::Receiver<()>,
    ) {
        let limit = self.limits.header_timeout;
        if let Some(encryption) = &self.encryption {
            let accepted = tokio::select! {
                accepted = timeout(limit, encryption.accept(stream)) => accepted,
                _ = stopped.changed() => return,
            };
            match accepted {
                Ok(Ok((stream, speaks_http2))) => {
                    self.serve_encrypted(stream, speaks_http2, service, stopped).await;
                }
                Ok(Err(error)) => {
                    metrics::http_refused("tls");
                    tracing::debug!(%error, "TLS handshake failed");
                }
                Err(_) => metrics::http_refused("tls"),
            }
        } else if let Some(http2) = &self.http2 {
            let begins = tokio::select! {
                begins = timeout(limit, http2.is_spoken(&stream)) => begins,
                _ = stopped.changed() => return,
            };
            match begins {
                Ok(true) => http2.serve(stream, service, stopped).await,
                Ok(false) => {
                    serve_http1(HttpStream::new(stream), service, self.http1, stopped).await;
                }
                Err(_) => metrics::http_refused("head_timeout"),
            }
        }
    }

    /// Boxed: what waits for a handshake need not be as large as what serves.
    fn serve_encrypted<'a, S: HttpService>(
        &'a self,
        stream: encryption::Encrypted,
        speaks_http2: bool,
        mut service: HyperService<S>,
        stopped: watch::Receiver<()>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        service.encrypted = true;
        match &self.http2 {
            Some(http2) if speaks_http2 => Box::pin(http2.serve(stream, service, stopped)),
            _ => {
                let http1 = Arc::clone(&self.http1);
                Box::pin(serve_http1(HttpStream::new(stream), service, http1, stopped))
            }
        }
    }

    /// Says no in as much as fits into the kernel, which is always enough.
    fn refuse(&self, stream: &TcpStream) {
        if self.encryption.is_some() {
            return;
        }
        // The peer may be gone already.
        let _ = stream.try_write(BUSY);
    }
}

/// Serves a connection of HTTP/1.1 to its end.
fn serve_http1<T, S>(
    io: HttpStream<T>,
    service: HyperService<S>,
    http1: Arc<http1::Builder>,
    mut stopped: watch::Receiver<()>,
) -> impl Future<Output = ()> + Send
where
    T: IntoStream,
    S: HttpService,
{
    service.takes_over.set(true);
    let phase = Phase::Hyper(Box::new(http1.serve_connection(io, service)));
    let mut connection = Connection { phase, http1, wish: None, stopping: false };
    // Not an `async fn`, which would hold its arguments twice.
    async move {
        let has_stopped = stopped.clone();
        let mut stop = pin!(stopped.changed());
        let mut registered: Option<Waker> = None;
        let mut timer = ConnectionTimer::default();
        let result = poll_fn(|cx| {
            if !connection.stopping {
                // The task is woken with every byte, by one and the same waker: it is left with
                // `stop` once, and from then on a look at a number is enough.
                let stops = match &registered {
                    Some(waker) if waker.will_wake(cx.waker()) => {
                        has_stopped.has_changed().unwrap_or(true)
                    }
                    _ => {
                        registered = Some(cx.waker().clone());
                        stop.as_mut().poll(cx).is_ready()
                    }
                };
                if stops {
                    connection.stop();
                }
            }
            timer.poll(cx, |cx| connection.poll(cx))
        })
        .await;
        if let Err(error) = result {
            note_error(&error, timer.is_idle());
        }
    }
}

fn note_error(error: &hyper::Error, is_idle: bool) {
    if error.is_timeout() && is_idle {
        metrics::http_ended("idle");
    } else if error.is_timeout() {
        metrics::http_refused("head_timeout");
    } else if error.is_parse_too_large() {
        metrics::http_refused("head_too_large");
    } else if error.is_parse() {
        metrics::http_refused("head_malformed");
    }
    tracing::debug!(%error, "HTTP connection ended");
}

/// A connection of HTTP/1.1, which is hyper's while a head is read or an answer is there at once.
struct Connection<T, S: HttpService> {
    phase: Phase<T, S>,
    http1: Arc<http1::Builder>,
    /// An answer to be taken over, once what was answered before has left.
    wish: Option<Wish>,
    stopping: bool,
}

enum Phase<T, S: HttpService> {
    Hyper(Box<http1::Connection<HttpStream<T>, HyperService<S>>>),
    /// A request asked for another protocol; hyper gives the stream to whoever answers it.
    Upgradable(Box<http1::UpgradeableConnection<HttpStream<T>, HyperService<S>>>),
    /// The answer is ours, since then.
    TakenOver(HttpStream<T>, HyperService<S>, TakenOver<S::Answer, S::Body>, Instant),
    /// It has left, at this time, and the next request has not begun.
    Kept(HttpStream<T>, HyperService<S>, Instant),
    Ending(HttpStream<T>),
    Ended,
}

impl<T, S> Connection<T, S>
where
    T: IntoStream,
    S: HttpService,
{
    /// Ends the connection behind the answer that is under way.
    fn stop(&mut self) {
        self.stopping = true;
        match &mut self.phase {
            Phase::Hyper(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            Phase::Upgradable(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            Phase::Kept(..) => self.end(),
            Phase::TakenOver(..) | Phase::Ending(_) | Phase::Ended => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        loop {
            match &mut self.phase {
                Phase::Hyper(connection) => {
                    let polled = Pin::new(&mut **connection).poll(cx);
                    let wish = take_over::take_wish();
                    if polled.is_ready() {
                        return polled;
                    }
                    match wish {
                        Some(Wish::Upgrade) => {
                            self.prepare_upgrade();
                            continue;
                        }
                        Some(wish) => self.wish = Some(wish),
                        None => {}
                    }
                    if self.wish.is_none() || !timer::is_flushed() {
                        return Poll::Pending;
                    }
                    self.take_over();
                }
                Phase::Upgradable(connection) => return Pin::new(&mut **connection).poll(cx),
                Phase::TakenOver(io, service, answer, since) => {
                    let keep_alive = Some(service.keep_alive()).filter(|_| !self.stopping);
                    match ready!(answer.poll(cx, io, keep_alive)) {
                        Next::Request if self.stopping => self.end(),
                        Next::Request => {
                            service.note_taken_answer(*since);
                            self.keep();
                        }
                        Next::End => self.end(),
                        Next::HandOver(to) => {
                            self.hand_over(&to);
                            return Poll::Ready(Ok(()));
                        }
                    }
                }
                // hyper would hold room for a request from here on.
                Phase::Kept(io, service, since) => match io.poll_begun(cx) {
                    Poll::Ready(true) => self.give_back(),
                    Poll::Ready(false) => self.end(),
                    Poll::Pending => {
                        if !timer::has_passed(*since + service.keep_alive().idle_timeout) {
                            return Poll::Pending;
                        }
                        metrics::http_ended("idle");
                        self.end();
                    }
                },
                Phase::Ending(io) => {
                    // The peer may have ended it already.
                    let _ = ready!(Pin::new(io).poll_shutdown(cx));
                    return Poll::Ready(Ok(()));
                }
                Phase::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    fn prepare_upgrade(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Hyper(connection) => Phase::Upgradable(Box::new(connection.with_upgrades())),
            phase => phase,
        };
    }

    /// The answer that waits is ours from here on.
    fn take_over(&mut self) {
        let keep_alive = !self.stopping;
        let Phase::Hyper(connection) = mem::replace(&mut self.phase, Phase::Ended) else { return };
        let parts = connection.into_parts();
        let (mut io, service) = (parts.io, parts.service);
        io.put_back(&parts.read_buf);
        let answer = match self.wish.take() {
            Some(Wish::TakeOver(answer)) => {
                answer.downcast::<Pending<S::Answer>>().ok().map(|it| TakenOver::Waiting(*it))
            }
            Some(Wish::HandOver(response)) => {
                let keep_alive = Some(service.keep_alive()).filter(|_| keep_alive);
                let response = response.downcast::<Response<S::Body>>().ok();
                response.map(|it| TakenOver::Writing(Box::new(Writing::new(*it, keep_alive))))
            }
            Some(Wish::Upgrade) | None => None,
        };
        // What a service wishes for is of its own types.
        if let Some(answer) = answer {
            self.phase = Phase::TakenOver(io, service, answer, now());
        }
    }

    /// The head was written: the connection is somebody else's.
    fn hand_over(&mut self, to: &HandOver) {
        if let Phase::TakenOver(io, ..) = mem::replace(&mut self.phase, Phase::Ended) {
            // What was read ahead nobody waits for: a connection that is handed over has no next
            // request.
            let (io, _) = io.into_parts();
            to.start(io.into_stream());
        }
    }

    /// No more requests come. An answer that is not there nobody waits for.
    fn end(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::TakenOver(io, ..) | Phase::Kept(io, ..) => Phase::Ending(io),
            phase => phase,
        };
    }

    /// The answer has left.
    fn keep(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::TakenOver(io, service, ..) => Phase::Kept(io, service, now()),
            phase => phase,
        };
    }

    /// The next request begins: hyper reads it.
    fn give_back(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Kept(io, service, _) => {
                Phase::Hyper(Box::new(self.http1.serve_connection(io, service)))
            }
            phase => phase,
        };
    }
}
