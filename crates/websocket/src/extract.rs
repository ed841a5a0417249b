//! The extractor for axum.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, HeaderValue};

use crate::accept::{Acceptor, Upgrade};
use crate::error::Refusal;
use crate::websocket::WebSocket;

/// A WebSocket handshake as the last argument of an axum handler. Requests that are none are answered
/// with 426 and the like before the handler is called. Route it with `any`, so that HTTP/2 may use it.
///
/// It accepts with the [`Acceptor`] among the request's extensions (`.layer(Extension(acceptor))`), or
/// with the defaults.
///
/// ```no_run
/// use axum::{Router, response::Response, routing::any};
/// use sockeye_websocket::{HttpServer, WebSocketUpgrade, bind};
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_open(async |socket| {
///         let _ = socket.for_each(|message, out| out.send(message)).await;
///     })
/// }
///
/// # async fn example() -> std::io::Result<()> {
/// let router = Router::new().route("/echo", any(echo));
/// HttpServer::new(bind("localhost:3000").await?, router).await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "without `on_open` the handshake is not answered"]
pub struct WebSocketUpgrade {
    response: Response,
    upgrade: Upgrade,
}

impl WebSocketUpgrade {
    /// Adds a header to the response.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().append(name, value);
        self
    }

    /// The sub-protocol that was chosen from the acceptor's
    /// ([`Acceptor::protocols`]) and the client's.
    pub fn protocol(&self) -> Option<&str> {
        self.response.headers().get(http::header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()
    }

    /// The response that accepts the handshake; `handle` gets the connection in a task of its own.
    pub fn on_open<F, R>(self, handle: F) -> Response
    where
        F: FnOnce(WebSocket) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let Self { response, upgrade } = self;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(socket) => handle(socket).await,
                Err(error) => tracing::debug!(%error, "handshake without a connection"),
            }
        });
        response
    }

    /// The response, and the connection to be.
    pub fn into_parts(self) -> (Response, Upgrade) {
        (self.response, self.upgrade)
    }
}

impl<S: Send + Sync> FromRequest<S> for WebSocketUpgrade {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, Refusal> {
        let acceptor = request.extensions().get::<Acceptor>().cloned().unwrap_or_default();
        let (response, upgrade) = acceptor.upgrade(&mut request)?;
        Ok(Self { response, upgrade })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Self::into_response(self)
    }
}
