//! The server's side of the handshake, for handlers of hyper, axum and their like.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use sockeye_net::http::{
    AllowedHosts, Origins, Source, TrustedProxies, check_request, into_stream,
};
#[cfg(feature = "http2")]
use sockeye_net::http::{extend_headers, is_websocket, translate_response};
use sockeye_net::pipe::Negotiated;
use sockeye_ws::Role;
use sockeye_ws::handshake::server::RequestError;
use sockeye_ws::handshake::{protocols, server};

use crate::config::Config;
use crate::connections::Connections;
use crate::error::{Refusal, UpgradeError};
use crate::metrics;
use crate::reader::Reader;
use crate::websocket::WebSocket;

/// Accepts a WebSocket handshake with the default [`Config`] and no sub-protocol, of pages of the same
/// host and port; see
/// [`Acceptor::upgrade`].
///
/// # Errors
///
/// When the request is not a handshake, or comes from a server without upgrades.
pub fn upgrade<B, R: Default>(request: &mut Request<B>) -> Result<(Response<R>, Upgrade), Refusal> {
    Acceptor::new().upgrade(request)
}

/// How handshakes are accepted.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<Config>,
    protocols: Arc<[String]>,
    headers: HeaderMap,
    connections: Option<Connections>,
    origins: Origins,
    trusted_proxies: TrustedProxies,
    allowed_hosts: AllowedHosts,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor {
    /// With the default [`Config`], without sub-protocols, for pages of the same host and port and for
    /// programs that are no browsers.
    pub fn new() -> Self {
        Self {
            config: Config::shared_default(),
            protocols: Arc::default(),
            headers: HeaderMap::new(),
            connections: None,
            origins: Origins::SameOrigin,
            trusted_proxies: TrustedProxies::none(),
            allowed_hosts: AllowedHosts::any(),
        }
    }

    /// Limits and timeouts of the connections.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// The sub-protocols the server speaks. Of those a client offers, the first that is one of them is
    /// chosen; if none is, the connection is accepted without.
    #[must_use]
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Which pages may connect, by the request's `Origin`. Browsers let every page open a WebSocket
    /// anywhere, with its visitor's cookies. Default: those of the same host and port; others are
    /// refused with 403. Programs that are no browsers send no `Origin` and are let in.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Which hosts handshakes may be for; others are refused with 421. A program that owns its
    /// listener should say, against pages that have their own name lead to it (DNS rebinding).
    /// Default any, for endpoints within a server that knows its hosts.
    #[must_use]
    pub fn allowed_hosts(mut self, hosts: AllowedHosts) -> Self {
        self.allowed_hosts = hosts;
        self
    }

    /// The proxies whose word counts about the host that a page asked for, which its origin is
    /// compared with. Default nobody's: then it is the request's `Host`.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Adds a header to the responses of accepted handshakes. For one that depends on the request, add
    /// it to the response that [`upgrade`](Self::upgrade) returns. Those of the handshake itself cannot
    /// be replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Has the connections closed together with all others of `connections`, and handshakes refused
    /// with 503 from then on.
    #[must_use]
    pub fn connections(mut self, connections: &Connections) -> Self {
        self.connections = Some(connections.clone());
        self
    }

    /// Accepts a WebSocket handshake: send the response, and await the [`Upgrade`] in a task of its
    /// own, for it is ready only after the response was sent.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use hyper::body::{Bytes, Incoming};
    /// use sockeye_websocket::Acceptor;
    ///
    /// fn echo(acceptor: &Acceptor, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    ///     match acceptor.upgrade(&mut request) {
    ///         Ok((response, upgrade)) => {
    ///             tokio::spawn(async move {
    ///                 let Ok(socket) = upgrade.await else { return };
    ///                 let _ = socket.for_each(|message, out| out.send(message)).await;
    ///             });
    ///             response
    ///         }
    ///         Err(refusal) => refusal.into_response(),
    ///     }
    /// }
    /// ```
    ///
    /// An extended CONNECT of HTTP/2 (RFC 8441) is accepted as well, wherever the server hands it on.
    ///
    /// To deny a handshake for reasons of your own, answer with any other response instead.
    ///
    /// # Errors
    ///
    /// When the request is not a handshake, comes from a server without upgrades or from a page of
    /// another origin, is for a host that is not allowed, or the server is stopping.
    pub fn upgrade<B, R: Default>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<R>, Upgrade), Refusal> {
        let note_refused = |refusal: &Refusal| metrics::websocket_refused(refusal.status());
        self.accept(request).inspect_err(note_refused)
    }

    fn accept<B, R: Default>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<R>, Upgrade), Refusal> {
        if self.connections.as_ref().is_some_and(Connections::is_closing) {
            return Err(Refusal::ShuttingDown);
        }
        check_request(request).map_err(Refusal::Target)?;
        if self.allowed_hosts.check(request, &self.trusted_proxies).is_err() {
            return Err(Refusal::HostDenied);
        }
        let mut accept = check(request)?;
        // What sends no origin is not asked for its host.
        let is_page = request.headers().contains_key(ORIGIN);
        let host = is_page.then(|| Source::of(request, &self.trusted_proxies).host).flatten();
        if !self.origins.allow(request.headers(), host) {
            return Err(Refusal::OriginDenied);
        }
        let offered = protocols(request.headers())
            .find(|offered| self.protocols.iter().any(|ours| ours == offered));
        if let Some(protocol) = offered {
            accept = accept.with_protocol(protocol);
        }
        let agreed = self.config.compression.accept(request.headers())?;
        let (negotiated, extensions) = agreed.unzip();
        if let Some(extensions) = extensions {
            accept = accept.with_extensions(extensions);
        }
        let upgrade =
            request.extensions_mut().remove::<OnUpgrade>().ok_or(Refusal::NotUpgradable)?;
        let config = Arc::clone(&self.config);
        let mut response: Response<R> = accept.into_response();
        for (name, value) in &self.headers {
            if !is_handshake_header(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
        #[cfg(feature = "http2")]
        if is_websocket(request) {
            response = translate_response(response);
        }
        let connections = self.connections.clone();
        Ok((response, Upgrade { upgrade, config, negotiated, connections }))
    }
}

/// Checks a handshake of either version of HTTP.
fn check<B>(request: &Request<B>) -> Result<server::Accept, RequestError> {
    #[cfg(feature = "http2")]
    if is_websocket(request) {
        let mut headers = request.headers().clone();
        extend_headers(&mut headers);
        return server::check_parts(&http::Method::GET, http::Version::HTTP_11, &headers);
    }
    server::check(request)
}

/// Whether a header is the handshake's own business.
fn is_handshake_header(name: &HeaderName) -> bool {
    *name == http::header::UPGRADE
        || *name == http::header::CONNECTION
        || name.as_str().starts_with("sec-websocket-")
}

/// A connection to be: ready with its [`WebSocket`] once the response was sent.
#[derive(Debug)]
#[must_use = "without it the connection is dropped after the response"]
pub struct Upgrade {
    upgrade: OnUpgrade,
    config: Arc<Config>,
    negotiated: Option<Negotiated>,
    connections: Option<Connections>,
}

impl Future for Upgrade {
    type Output = Result<WebSocket, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let upgraded = ready!(Pin::new(&mut self.upgrade).poll(cx)).map_err(UpgradeError)?;
        let (stream, rest) = into_stream(upgraded);
        let config = Arc::clone(&self.config);
        let reader = Reader::new(stream, rest, Role::Server, config, self.negotiated.as_ref());
        if let Some(connections) = &self.connections {
            connections.add(reader.writer());
        }
        Poll::Ready(Ok(WebSocket { reader }))
    }
}

impl Refusal {
    /// The status to answer with.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Request(error) => error.status(),
            Self::Target(_) => StatusCode::BAD_REQUEST,
            Self::NotUpgradable => StatusCode::NOT_IMPLEMENTED,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::HostDenied => StatusCode::MISDIRECTED_REQUEST,
            Self::OriginDenied => StatusCode::FORBIDDEN,
        }
    }

    /// The response to answer with: the status, the headers that go with it, and one line of text.
    pub fn into_response<R: From<&'static str>>(self) -> Response<R> {
        let text = match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => "WebSocket handshakes are GET requests\n",
            StatusCode::HTTP_VERSION_NOT_SUPPORTED => "WebSocket needs HTTP/1.1 here\n",
            StatusCode::UPGRADE_REQUIRED => "this is a WebSocket endpoint, version 13\n",
            StatusCode::NOT_IMPLEMENTED => "this server does not do upgrades\n",
            StatusCode::MISDIRECTED_REQUEST => "requests for this host are not answered here\n",
            StatusCode::FORBIDDEN => "pages of this origin may not connect\n",
            StatusCode::SERVICE_UNAVAILABLE => "this server is stopping\n",
            _ => "bad WebSocket handshake\n",
        };
        let mut response = Response::new(R::from(text));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if let Self::Request(error) = self {
            error.extend_headers(headers);
        }
        response
    }
}
