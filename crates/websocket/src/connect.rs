//! The client's side of the handshake.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sockeye_ws::Role;
use sockeye_ws::handshake::client::Handshake;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Position, Url};

use crate::compression;
use crate::config::Config;
use crate::error::ConnectError;
use crate::masking::fill_random;
use crate::stream::Stream;
#[cfg(feature = "tls")]
use crate::timed_tcp::TimedTcp;
#[cfg(feature = "tls")]
use crate::tls::{self, ClientTls, Roots};
use crate::websocket::WebSocket;

/// The most headers a response may have, and the most bytes.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 16 * 1024;

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
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<Config>,
    headers: HeaderMap,
    protocols: Vec<String>,
    timeout: Duration,
    #[cfg(feature = "tls")]
    tls: ClientTls,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// With the default [`Config`], no further headers and no sub-protocols.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::shared_default(),
            headers: HeaderMap::new(),
            protocols: Vec::new(),
            timeout: Duration::from_secs(20),
            #[cfg(feature = "tls")]
            tls: ClientTls::default(),
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
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.tls = ClientTls::new(roots);
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
        match timeout(self.timeout, self.open(&url)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn open(&self, url: &Url) -> Result<(WebSocket, Response<()>), ConnectError> {
        let encrypted = match url.scheme() {
            "ws" => false,
            "wss" if cfg!(feature = "tls") => true,
            _ => return Err(ConnectError::Scheme),
        };
        let mut nonce = [0; 16];
        fill_random(&mut nonce);
        let protocols: Vec<&str> = self.protocols.iter().map(String::as_str).collect();
        let handshake = compression::offer(&self.config, Handshake::new(nonce, &protocols));
        let request = self.request(url, &handshake)?;

        let stream = open_tcp(url).await?;
        let response = if encrypted {
            self.exchange_encrypted(url, stream, request).await?
        } else {
            exchange(stream, request).await?
        };
        handshake.check(&response)?;
        let negotiated = compression::agreed(&handshake, &response)?;

        let (parts, _) = Response::new(()).into_parts();
        let mut head = Response::from_parts(parts, ());
        *head.status_mut() = response.status();
        *head.headers_mut() = response.headers().clone();
        let (stream, rest) = Stream::from_upgraded(hyper::upgrade::on(response).await?);
        let config = Arc::clone(&self.config);
        let negotiated = negotiated.as_ref();
        Ok((WebSocket::with_config(stream, rest, Role::Client, config, negotiated), head))
    }

    #[cfg(feature = "tls")]
    async fn exchange_encrypted(
        &self,
        url: &Url,
        stream: TcpStream,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, ConnectError> {
        let host = url.host().ok_or(ConnectError::Host)?;
        // From the upgrade on the WebSocket measures the time itself.
        let stream = TimedTcp::new(stream, self.config.write_timeout);
        exchange(tls::handshake(&self.tls, host, stream).await?, request).await
    }

    #[cfg(not(feature = "tls"))]
    async fn exchange_encrypted(
        &self,
        _: &Url,
        _: TcpStream,
        _: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, ConnectError> {
        Err(ConnectError::Scheme)
    }

    fn request(
        &self,
        url: &Url,
        handshake: &Handshake,
    ) -> Result<Request<Empty<Bytes>>, ConnectError> {
        let mut request = Request::new(Empty::new());
        // What `url` serializes is ASCII, and a path and query are a URI.
        *request.uri_mut() = url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|_| ConnectError::Host)?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let host = HeaderValue::from_str(authority).map_err(|_| ConnectError::Host)?;
        headers.insert(HOST, host);
        handshake.extend_headers(headers);
        Ok(request)
    }
}

async fn open_tcp(url: &Url) -> Result<TcpStream, ConnectError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = match url.host().ok_or(ConnectError::Host)? {
        Host::Domain(name) => TcpStream::connect((name, port)).await?,
        Host::Ipv4(address) => TcpStream::connect((address, port)).await?,
        Host::Ipv6(address) => TcpStream::connect((address, port)).await?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends the request and waits for the head of the response.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, ConnectError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    // Ends with the upgrade, or with the request when the caller gives up.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "HTTP connection ended");
        }
    });
    Ok(sender.send_request(request).await?)
}
