//! Requests over HTTP, as the commands that talk to a server send them.
//!
//! A request is a connection of its own: [`Dialer`] of `sockeye-net` opens it, which the Socket.IO client uses
//! too (the system's certificates, or those of the file in `SSL_CERT_FILE`; no way to trust everybody), and
//! hyper speaks HTTP/1.1 on it. So a command trusts whom the client trusts, and no other HTTP library comes in.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sockeye_net::http::{ConnectError, Destination, Dialer};
use thiserror::Error;
use tokio::time::timeout;
use url::{Host, Position, Url};

use super::credentials::ExitStatus;

/// How long a connection may take, TLS included. Default of [`HttpClient::connect_timeout`].
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the head of an answer may take. Default of [`HttpClient::answer_timeout`].
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The most headers an answer may have, and the most bytes of its head.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A client for HTTP: opens a connection for each request, follows no redirection.
#[derive(Clone, Debug)]
pub struct HttpClient {
    dialer: Dialer,
    /// How long a connection may take, TLS included. Default [`CONNECT_TIMEOUT`].
    pub connect_timeout: Duration,
    /// How long the head of an answer may take once the request was sent; more than a long poll is held.
    /// Default [`ANSWER_TIMEOUT`].
    pub answer_timeout: Duration,
}

/// Why there is no answer, or none that can be used. Its sources have the details.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is none that can be asked.
    #[error("this is no address to ask: it begins with http:// or https:// and has a host")]
    Url(#[source] ConnectError),
    /// A user or a password stands in the address, where it would be seen.
    #[error(
        "the address has a user or a password in it: a key comes from SOCKEYE_KEY or --key-file"
    )]
    UserInfo,
    /// There is no connection.
    #[error("cannot connect to the server")]
    Connect(#[source] ConnectError),
    /// It took too long.
    #[error("{0} within {1:?}")]
    Timeout(&'static str, Duration),
    /// The other end does not speak HTTP, or the connection broke.
    #[error("the connection ended before the answer did")]
    Http(#[source] hyper::Error),
    /// The server sends the client elsewhere. Nobody follows, since the key would go there too.
    #[error("the server redirects ({0}), which is not followed: use the address that it leads to")]
    Redirect(StatusCode),
    /// The answer is longer than expected.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
}

impl HttpError {
    /// What a command exits with because of it.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Url(_) | Self::UserInfo => ExitStatus::Usage,
            Self::Connect(_) | Self::Timeout(..) | Self::Http(_) => ExitStatus::Unreachable,
            Self::Redirect(_) | Self::TooLong(_) => ExitStatus::Failed,
        }
    }

    /// Its message and those of its causes, in one line.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            dialer: Dialer::default(),
            connect_timeout: CONNECT_TIMEOUT,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }
}

impl HttpClient {
    /// Sends a request and waits for the head of its answer; the body comes as it arrives. The request's URI
    /// is set here, and its headers `Host` and `User-Agent`. A status that is no success is an answer as well.
    ///
    /// # Errors
    /// When there is no answer, or it is a redirection (304 is none).
    ///
    /// # Cancel safety
    /// The connection ends when this or the answer's body is dropped. Whether the server had the request by
    /// then is not known.
    pub async fn send(
        &self,
        url: &Url,
        request: Request<Bytes>,
    ) -> Result<Response<Incoming>, HttpError> {
        let request = prepare(url, request)?;
        let destination = Destination::of(url).map_err(HttpError::Url)?;
        let dialed =
            timeout(self.connect_timeout, self.dialer.dial(&destination, self.answer_timeout))
                .await
                .map_err(|_| HttpError::Timeout("no connection", self.connect_timeout))?;
        let stream = dialed.map_err(|error| match error {
            ConnectError::Host | ConnectError::Scheme => HttpError::Url(error),
            error => HttpError::Connect(error),
        })?;
        let exchange = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_headers(HEADERS_MAX)
                .max_buf_size(HEADER_BYTES_MAX)
                .handshake(TokioIo::new(stream))
                .await?;
            // Ends with the body of the answer.
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "HTTP connection ended");
                }
            });
            sender.send_request(request).await
        };
        let response = timeout(self.answer_timeout, exchange)
            .await
            .map_err(|_| HttpError::Timeout("no answer", self.answer_timeout))?
            .map_err(HttpError::Http)?;
        match response.status() {
            StatusCode::NOT_MODIFIED => Ok(response),
            status if status.is_redirection() => Err(HttpError::Redirect(status)),
            _ => Ok(response),
        }
    }

    /// The whole body of an answer, `bytes_max` bytes at most, each part of it within
    /// [`answer_timeout`](Self::answer_timeout).
    ///
    /// # Errors
    /// When it is longer, or does not come.
    pub async fn read(&self, mut body: Incoming, bytes_max: usize) -> Result<Bytes, HttpError> {
        let mut whole = BytesMut::new();
        loop {
            let frame = timeout(self.answer_timeout, body.frame())
                .await
                .map_err(|_| HttpError::Timeout("no more of the answer", self.answer_timeout))?;
            let Some(frame) = frame else { return Ok(whole.freeze()) };
            let Ok(data) = frame.map_err(HttpError::Http)?.into_data() else { continue };
            if whole.len() + data.len() > bytes_max {
                return Err(HttpError::TooLong(bytes_max));
            }
            whole.extend_from_slice(&data);
        }
    }
}

/// Whether a secret would be sent to another machine for everybody on the way to read.
pub fn is_readable_on_the_way(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !is_here
}

fn prepare(url: &Url, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, HttpError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::Url(ConnectError::Scheme));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HttpError::UserInfo);
    }
    let mut request = request.map(Full::new);
    let target = url[Position::BeforePath..Position::AfterQuery].parse();
    *request.uri_mut() = target.map_err(|_| HttpError::Url(ConnectError::Host))?;
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
    let host = host.map_err(|_| HttpError::Url(ConnectError::Host))?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    if let Some(secret) = headers.get_mut(AUTHORIZATION) {
        secret.set_sensitive(true);
    }
    Ok(request)
}

const USER_AGENT_VALUE: &str = concat!("sockeye/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn get() -> Request<Bytes> {
        Request::new(Bytes::new())
    }

    /// A server that answers one request with these bytes; gives what it was sent.
    async fn once(answer: &'static [u8]) -> (Url, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !read.windows(4).any(|four| four == b"\r\n\r\n") {
                let count = stream.read_buf(&mut read).await.unwrap();
                assert_ne!(count, 0);
            }
            stream.write_all(answer).await.unwrap();
            String::from_utf8(read).unwrap()
        });
        (format!("http://{address}/a/b?c=d#e").parse().unwrap(), asked)
    }

    #[tokio::test]
    async fn a_request_is_answered_as_it_arrives() {
        let (url, asked) = once(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno").await;
        let client = HttpClient::default();
        let mut request = get();
        *request.method_mut() = Method::HEAD;
        *request.method_mut() = Method::GET;
        let response = client.send(&url, request).await.unwrap();
        assert_eq!(response.status(), 404);
        assert_eq!(client.read(response.into_body(), 2).await.unwrap(), "no");
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{asked}");
        let host = format!("host: 127.0.0.1:{}\r\n", url.port().unwrap());
        assert!(asked.contains(&host) && asked.contains("user-agent: sockeye/"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_use_is_said() {
        let (url, _) = once(b"HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n").await;
        let client = HttpClient::default();
        let error = client.send(&url, get()).await.unwrap_err();
        assert!(matches!(error, HttpError::Redirect(StatusCode::FOUND)));
        assert_eq!(error.exit_status(), ExitStatus::Failed);

        let (url, _) = once(b"HTTP/1.1 304 Not Modified\r\n\r\n").await;
        assert_eq!(client.send(&url, get()).await.unwrap().status(), 304);

        let (url, _) = once(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").await;
        let response = client.send(&url, get()).await.unwrap();
        let error = client.read(response.into_body(), 2).await.unwrap_err();
        assert!(matches!(error, HttpError::TooLong(2)));

        let (url, _) = once(b"SSH-2.0-x\r\n").await;
        let error = client.send(&url, get()).await.unwrap_err();
        assert!(matches!(error, HttpError::Http(_)), "{error:?}");
        assert_eq!(error.exit_status(), ExitStatus::Unreachable);
    }

    #[tokio::test]
    async fn silence_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let client = HttpClient { answer_timeout: Duration::from_millis(1), ..Default::default() };
        let error = client.send(&url, get()).await.unwrap_err();
        assert!(matches!(error, HttpError::Timeout(..)), "{error:?}");
        assert_eq!(error.line(), "no answer within 1ms");
        drop(listener);
        let error = client.send(&url, get()).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
        assert_eq!(error.exit_status(), ExitStatus::Unreachable);
    }

    #[tokio::test]
    async fn addresses_that_are_none_are_refused() {
        for url in ["ws://localhost/", "file:///x", "mailto:a", "http://user@h/", "http://:p@h/"] {
            let error = HttpClient::default().send(&url.parse().unwrap(), get()).await.unwrap_err();
            assert_eq!(error.exit_status(), ExitStatus::Usage, "{url}");
        }
    }

    #[test]
    fn secrets_are_safe_on_this_machine_and_with_tls() {
        for (url, is_readable) in [
            ("https://chat.example", false),
            ("http://localhost:3000", false),
            ("http://127.0.0.9", false),
            ("http://[::1]:1", false),
            ("http://chat.example", true),
            ("http://192.168.0.7", true),
        ] {
            assert_eq!(is_readable_on_the_way(&url.parse().unwrap()), is_readable, "{url}");
        }
    }
}
