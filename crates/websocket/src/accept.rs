//! The server's side of the handshake, for handlers of hyper, axum and their like.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use sockeye_ws::Role;
use sockeye_ws::handshake::{protocols, server};

use crate::config::Config;
use crate::error::{Refusal, UpgradeError};
use crate::stream::Stream;
use crate::websocket::WebSocket;

/// Accepts a WebSocket handshake with the default [`Config`] and no sub-protocol; see
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
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor {
    /// With the default [`Config`] and without sub-protocols.
    #[must_use]
    pub fn new() -> Self {
        Self { config: Config::shared_default(), protocols: Arc::default() }
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
    /// # Errors
    ///
    /// When the request is not a handshake, or comes from a server without upgrades.
    pub fn upgrade<B, R: Default>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<R>, Upgrade), Refusal> {
        let mut accept = server::check(request)?;
        let offered = protocols(request.headers())
            .find(|offered| self.protocols.iter().any(|ours| ours == offered));
        if let Some(protocol) = offered {
            accept = accept.with_protocol(protocol);
        }
        let upgrade =
            request.extensions_mut().remove::<OnUpgrade>().ok_or(Refusal::NotUpgradable)?;
        let config = Arc::clone(&self.config);
        Ok((accept.into_response(), Upgrade { upgrade, config }))
    }
}

/// A connection to be: ready with its [`WebSocket`] once the response was sent.
#[derive(Debug)]
#[must_use = "without it the connection is dropped after the response"]
pub struct Upgrade {
    upgrade: OnUpgrade,
    config: Arc<Config>,
}

impl Future for Upgrade {
    type Output = Result<WebSocket, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let upgraded = ready!(Pin::new(&mut self.upgrade).poll(cx)).map_err(UpgradeError)?;
        let (stream, rest) = Stream::from_upgraded(upgraded);
        let config = Arc::clone(&self.config);
        Poll::Ready(Ok(WebSocket::with_config(stream, rest, Role::Server, config)))
    }
}

impl Refusal {
    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Request(error) => error.status(),
            Self::NotUpgradable => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// The response to answer with: the status, the headers that go with it, and one line of text.
    #[must_use]
    pub fn into_response<R: From<&'static str>>(self) -> Response<R> {
        let text = match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => "WebSocket handshakes are GET requests\n",
            StatusCode::HTTP_VERSION_NOT_SUPPORTED => "WebSocket needs HTTP/1.1 here\n",
            StatusCode::UPGRADE_REQUIRED => "this is a WebSocket endpoint, version 13\n",
            StatusCode::NOT_IMPLEMENTED => "this server does not do upgrades\n",
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
