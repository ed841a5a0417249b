//! HTTP/1.1, as much of it as a test needs to see what a server answers.

use std::any::type_name;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Error, Peer};

/// A response, or as much of it as was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Its first line and its headers, as they came, with the empty line.
    pub head: String,
    /// The body without its chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of this name, in whatever case.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        headers_named(&self.head, name)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        match str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => panic!("the body is no text: {error}"),
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, or no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => {
                let body = String::from_utf8_lossy(&self.body);
                panic!("the body is no {}: {error}: {body:?}", type_name::<T>())
            }
        }
    }

    /// How long the body is (RFC 9112 §6.3).
    fn length(&self) -> Result<Length, Error> {
        let bodiless = matches!(self.status, 100..200 | 204 | 304);
        if bodiless {
            return Ok(Length::Bytes(0));
        }
        if self.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            return Ok(Length::Chunks);
        }
        let Some(length) = self.header("content-length") else { return Ok(Length::Rest) };
        let length = length.parse().map_err(|_| malformed(&self.head))?;
        Ok(Length::Bytes(length))
    }
}

enum Length {
    Bytes(usize),
    Chunks,
    Rest,
}

/// A request, with the header fields it needs unless they are given: `host`, and the length of what
/// may have a body.
///
/// ```
/// use sockeye_testing::raw::request;
///
/// let post = request("POST", "/a", &[("x-b", "c")], "body");
/// let length = "content-length: 4";
/// assert_eq!(post, format!("POST /a HTTP/1.1\r\nhost: localhost\r\nx-b: c\r\n{length}\r\n\r\nbody").as_bytes());
/// let lie = request("POST", "/", &[("host", "a"), ("content-length", "9")], "body");
/// assert_eq!(lie, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbody");
/// ```
pub fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Vec<u8> {
    let body = body.as_ref();
    let is_given = |name: &str| headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !is_given("host") {
        head.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if method != "GET" && !is_given("content-length") && !is_given("transfer-encoding") {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Sends a [`request`] without a body.
    ///
    /// ```
    /// use sockeye_testing::raw::Peer;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (near, far) = tokio::io::duplex(1024);
    /// let (mut client, mut server) = (Peer::new(near), Peer::new(far));
    /// client.get("/").await;
    /// assert_eq!(server.head().await?, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    /// server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
    /// assert_eq!(client.response().await?.text(), "hi");
    /// # Ok::<(), sockeye_testing::raw::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn get(&mut self, target: &str) {
        self.send(request("GET", target, &[], "")).await;
    }

    /// The head of a request or a response, with the empty line.
    ///
    /// # Errors
    /// When the connection ends before, and by the limits.
    pub async fn head(&mut self) -> Result<String, Error> {
        let head = self.read_until("\r\n\r\n").await?;
        String::from_utf8(head)
            .map_err(|error| malformed(&String::from_utf8_lossy(error.as_bytes())))
    }

    /// The head of a response; its body, if it has one, comes next.
    ///
    /// # Errors
    /// When the connection ends before, when it is none, and by the limits.
    pub async fn response_head(&mut self) -> Result<Response, Error> {
        let head = self.head().await?;
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        match status {
            Some(status) => Ok(Response { status, head, body: Vec::new() }),
            None => Err(malformed(&head)),
        }
    }

    /// The next response, with the body that its head announces: of a length, in chunks, or up to the
    /// end of the connection. (The answer to `HEAD` has none, whatever its head says:
    /// [`response_head`](Self::response_head).)
    ///
    /// # Errors
    /// When the connection ends before, when it is none, and by the limits.
    pub async fn response(&mut self) -> Result<Response, Error> {
        let head = self.response_head().await?;
        self.body_of(head).await
    }

    pub(super) async fn body_of(&mut self, mut response: Response) -> Result<Response, Error> {
        response.body = match response.length()? {
            Length::Bytes(length) => self.read_count(length).await?,
            Length::Chunks => self.chunks().await?,
            Length::Rest => self.read_to_end().await?,
        };
        Ok(response)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until("\r\n").await?;
            let line = String::from_utf8_lossy(&line);
            let size = line.split([';', '\r']).next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed(&line))?;
            if size == 0 {
                while self.read_until("\r\n").await? != b"\r\n" {}
                return Ok(body);
            }
            if body.len().saturating_add(size) > self.bytes_max {
                return Err(Error::TooLong { bytes_max: self.bytes_max });
            }
            body.extend(self.read_count(size).await?);
            if self.read_count(2).await? != b"\r\n" {
                return Err(malformed(&line));
            }
        }
    }
}

/// The values of the header fields of this name, in whatever case.
pub(super) fn headers_named<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

pub(super) fn malformed(read: &str) -> Error {
    Error::Malformed { read: read.to_owned() }
}
