//! Requests over a connection of their own.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// `None`: it ends before its body.
    fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Some(Answer { head, body })
    }

    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The cookie that is set, as a request names it.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?.split(';').next()
    }
}

/// Asks this machine's program. `headers` end in a line break each; a host among them takes the place of `localhost`.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> io::Result<Answer> {
    let host = if headers.starts_with("host: ") { "" } else { "host: localhost\r\n" };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    let answer = exchange(address, &[head.as_bytes(), body].concat()).await?;
    Answer::parse(answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Sends bytes, and has all that is answered.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // A server may answer and close before it has read a body that is too long.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        read?;
    }
    Ok(answer)
}

/// The answer to a request without a body, whole.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "").await
}

/// The same with headers.
pub(crate) async fn get_with(address: SocketAddr, path: &str, headers: &str) -> String {
    let Answer { head, body } = ask(address, "GET", path, headers, &[]).await.unwrap();
    format!("{head}\r\n\r\n{}", String::from_utf8(body).unwrap())
}
