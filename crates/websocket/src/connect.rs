//! The client's side of the handshake.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::Empty;
#[cfg(feature = "tls")]
use sockeye_net::http::Roots;
use sockeye_net::http::{ConnectError, Destination, Dialer, into_stream};
use sockeye_net::pipe::fill_random;
use sockeye_ws::Role;
use sockeye_ws::handshake::client::Handshake;
use tokio::time::timeout;
use url::{Position, Url};

use crate::config::Config;
use crate::reader::Reader;
use crate::websocket::WebSocket;

/// Opens a connection to a `ws://` or `wss://` URL with the defaults; see [`Connector::connect`].
///
/// # Errors
///
/// As [`Connector::connect`].
pub async fn connect(url: &str) -> Result<WebSocket, ConnectError> {
    let (socket, _) = Connector::new().connect(url).await?;
    Ok(socket)
}

/// How connections are opened.
///
/// ```no_run
/// use http::header::{COOKIE, HeaderValue};
/// use sockeye_websocket::Connector;
///
/// # async fn example() -> Result<(), sockeye_websocket::ConnectError> {
/// let connector = Connector::new()
///     .protocols(["chat.v2"])
///     .header(COOKIE, HeaderValue::from_static("id=7"));
/// let (socket, head) = connector.connect("wss://chat.example/socket").await?;
/// let chosen = head.headers().get("sec-websocket-protocol");
/// # drop((socket, chosen));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<Config>,
    headers: HeaderMap,
    protocols: Vec<String>,
    timeout: Duration,
    dialer: Dialer,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// With the default [`Config`], no further headers and no sub-protocols.
    pub fn new() -> Self {
        Self {
            config: Config::shared_default(),
            headers: HeaderMap::new(),
            protocols: Vec::new(),
            timeout: Duration::from_secs(20),
            dialer: Dialer::default(),
        }
    }

    /// Limits and timeouts of the connections.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Adds a header to the request, such as `Authorization`, `Cookie` or `Origin`. Those of the
    /// handshake itself cannot be replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The sub-protocols to offer, the preferred one first. Names that are no token (RFC 9110 §5.6.2)
    /// are left out.
    #[must_use]
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// How long it may take until the connection is open. Default: 20 seconds.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The authorities to trust for `wss://`. Default: [`Roots::system`].
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.dialer = Dialer::with_roots(roots);
        self
    }

    /// Opens a connection to a `ws://` or, with the feature `tls`, a `wss://` URL. All addresses of the
    /// host are tried, of both families. A `wss://` server has to prove that it is the host. The
    /// response has the headers of the server, such as the sub-protocol it chose.
    ///
    /// # Errors
    ///
    /// When the URL is unusable, no address answers, the server refuses or breaks the handshake, or
    /// the time is over.
    pub async fn connect(&self, url: &str) -> Result<(WebSocket, Response<()>), ConnectError> {
        let url = Url::parse(url)?;
        timeout(self.timeout, self.open(&url)).await.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn open(&self, url: &Url) -> Result<(WebSocket, Response<()>), ConnectError> {
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(ConnectError::Scheme);
        }
        let mut nonce = [0; 16];
        fill_random(&mut nonce);
        let protocols: Vec<&str> = self.protocols.iter().map(String::as_str).collect();
        let handshake = self.config.compression.offer(Handshake::new(nonce, &protocols));
        let mut request = Request::new(Empty::new());
        // What `url` serializes is ASCII, and a path and query are a URI.
        *request.uri_mut() = url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|_| ConnectError::Host)?;
        request.headers_mut().clone_from(&self.headers);
        handshake.extend_headers(request.headers_mut());

        let to = Destination::of(url)?;
        let mut response = self.dialer.send(&to, self.config.write_timeout, request).await?;
        handshake.check(&response)?;
        let negotiated = self.config.compression.answered(&handshake, &response)?;

        let (stream, rest) = into_stream(hyper::upgrade::on(&mut response).await?);
        let config = Arc::clone(&self.config);
        let reader = Reader::new(stream, rest, Role::Client, config, negotiated.as_ref());
        Ok((WebSocket { reader }, response.map(drop)))
    }
}
