//! A client's connections: TCP to a host, with TLS where the URL says so, and one HTTP exchange.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(feature = "client-tls")]
use tokio_rustls::client::TlsStream;
use url::{Host, Position, Url};

use super::connect_error::ConnectError;
#[cfg(feature = "client-tls")]
use super::timed_tcp::TimedTcp;
#[cfg(feature = "client-tls")]
use super::tls::{ClientTls, Roots, handshake};

/// The most headers a response may have, and the most bytes.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Where a URL leads: a host and a port, encrypted or not.
#[derive(Clone, Debug)]
pub struct Destination {
    host: Host,
    port: u16,
    encrypted: bool,
    /// For the header `Host`.
    authority: String,
}

impl Destination {
    /// Of a URL of the scheme `http` or `ws`, or with the feature `client-tls` also `https` or `wss`.
    ///
    /// # Errors
    ///
    /// When the scheme is another one, or there is no host.
    pub fn of(url: &Url) -> Result<Self, ConnectError> {
        let encrypted = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" if cfg!(feature = "client-tls") => true,
            _ => return Err(ConnectError::Scheme),
        };
        let host = match url.host().ok_or(ConnectError::Host)? {
            // Names of schemes that the URL standard does not know are not looked at.
            Host::Domain(name) => Host::parse(name).map_err(|_| ConnectError::Host)?,
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        let default_port = if encrypted { 443 } else { 80 };
        Ok(Self {
            host,
            port: url.port_or_known_default().unwrap_or(default_port),
            encrypted,
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
        })
    }

    /// The host, and the port if it is not the scheme's own, as in `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether TLS is spoken there.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

/// Opens connections.
///
/// ```no_run
/// use std::time::Duration;
///
/// use sockeye_net::http::{Destination, Dialer};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let destination = Destination::of(&"https://chat.example".parse()?)?;
/// let connection = Dialer::default().dial(&destination, Duration::from_secs(30)).await?;
/// # drop(connection);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    #[cfg(feature = "client-tls")]
    tls: ClientTls,
}

#[cfg(feature = "client-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "client-tls")))]
impl Dialer {
    /// One that trusts these authorities. The default trusts [`Roots::system`].
    pub fn with_roots(roots: Roots) -> Self {
        Self { tls: ClientTls::new(roots) }
    }
}

impl Dialer {
    /// Opens a connection. All addresses of the host are tried, of both families; with TLS the other
    /// end has to prove that it is the host. While something waits to be written, the peer has to take
    /// some of it within `write_timeout`, with TLS.
    ///
    /// # Errors
    ///
    /// When no address answers, or there is no TLS with the host.
    pub async fn dial(
        &self,
        to: &Destination,
        write_timeout: Duration,
    ) -> Result<Dialed, ConnectError> {
        Ok(match self.open(to, write_timeout).await? {
            Opened::Tcp(tcp) => Box::new(tcp),
            #[cfg(feature = "client-tls")]
            Opened::Tls(tls) => tls,
        })
    }

    async fn open(
        &self,
        to: &Destination,
        write_timeout: Duration,
    ) -> Result<Opened, ConnectError> {
        let tcp = match &to.host {
            Host::Domain(name) => TcpStream::connect((name.as_str(), to.port)).await?,
            Host::Ipv4(address) => TcpStream::connect((*address, to.port)).await?,
            Host::Ipv6(address) => TcpStream::connect((*address, to.port)).await?,
        };
        tcp.set_nodelay(true)?;
        #[cfg(feature = "client-tls")]
        if to.encrypted {
            let tcp = TimedTcp::new(tcp, write_timeout);
            let handshake = handshake(&self.tls, &to.host, tcp).await;
            let stream = handshake.map_err(ConnectError::of_handshake)?;
            return Ok(Opened::Tls(Box::new(stream)));
        }
        #[cfg(not(feature = "client-tls"))]
        let _ = write_timeout;
        Ok(Opened::Tcp(tcp))
    }

    /// Opens a connection, sends `request` on it and waits for the head of the response. The header
    /// `Host` is set here.
    ///
    /// # Errors
    ///
    /// As [`dial`](Self::dial), and when the other end does not speak HTTP.
    pub async fn send(
        &self,
        to: &Destination,
        write_timeout: Duration,
        mut request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, ConnectError> {
        let host = HeaderValue::from_str(&to.authority).map_err(|_| ConnectError::Host)?;
        request.headers_mut().insert(HOST, host);
        match self.open(to, write_timeout).await? {
            Opened::Tcp(tcp) => exchange(tcp, request).await,
            #[cfg(feature = "client-tls")]
            Opened::Tls(tls) => exchange(*tls, request).await,
        }
    }
}

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

/// An open connection.
pub type Dialed = Box<dyn Duplex>;

/// A byte stream to read from and to write to.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// For pools of hyper's.
impl Connection for Dialed {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A connection that is still known for what it is.
enum Opened {
    Tcp(TcpStream),
    #[cfg(feature = "client-tls")]
    Tls(Box<TlsStream<TimedTcp>>),
}
