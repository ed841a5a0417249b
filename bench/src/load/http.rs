//! HTTP/1.1 with keep-alive, as much of it as a polling client needs.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use super::ConnectionError;
use super::connection::connect;

/// One connection with at most one request on its way.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    connected: bool,
    server: SocketAddr,
    unsent: Vec<u8>,
    received: Vec<u8>,
}

impl HttpConnection {
    pub(crate) fn open(server: SocketAddr, index: usize) -> io::Result<Self> {
        Ok(Self {
            stream: connect(server, index)?,
            connected: false,
            server,
            unsent: Vec::new(),
            received: Vec::new(),
        })
    }

    pub(crate) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn get(&mut self, target: &str) -> io::Result<()> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.server);
        self.send(head.as_bytes())
    }

    /// Sends a request that was written before.
    pub(crate) fn send_head(&mut self, head: &[u8]) -> io::Result<()> {
        self.send(head)
    }

    pub(crate) fn post(&mut self, target: &str, body: &[u8]) -> io::Result<()> {
        let mut request = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
             Content-Length: {}\r\n\r\n",
            self.server,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.send(&request)
    }

    /// Does what can be done now that the stream is ready, and returns the body of the response
    /// when it is complete.
    pub(crate) fn handle_ready(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<Option<Vec<u8>>, ConnectionError> {
        if !self.connected {
            if let Some(error) = self.stream.take_error()? {
                return Err(error.into());
            }
            match self.stream.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(None),
                result => result?,
            };
            self.stream.set_nodelay(true)?;
            self.connected = true;
        }
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            self.send(&unsent)?;
        }
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            self.received.extend_from_slice(&buffer[..length]);
            if length < buffer.len() {
                break;
            }
        }
        let Some(response) = response(&self.received)? else {
            return Ok(None);
        };
        let body = self.received[response.head_bytes..].to_vec();
        if body.len() > response.body_bytes {
            return Err(ConnectionError::Surplus);
        }
        // Nothing is kept between two responses, as little as the server should keep.
        self.received = Vec::new();
        Ok(Some(body))
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.connected && self.unsent.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            }
        } else {
            0
        };
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}

/// The lengths of a complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Response {
    head_bytes: usize,
    body_bytes: usize,
}

/// `None` while it is incomplete. Refuses every status but 200 and 204, and bodies of unknown length.
fn response(input: &[u8]) -> Result<Option<Response>, ConnectionError> {
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&input[..end]);
    let length =
        head.lines().skip(1).filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
    let length = match head.get(..13) {
        Some("HTTP/1.1 200 ") => length,
        // It has no body (RFC 9110, 15.3.5).
        Some("HTTP/1.1 204 ") => Some(0),
        _ => None,
    };
    let Some(body_bytes) = length else {
        return Err(ConnectionError::Handshake(String::from_utf8_lossy(input).into_owned()));
    };
    let head_bytes = end + 4;
    let is_complete = input.len() - head_bytes >= body_bytes;
    Ok(is_complete.then_some(Response { head_bytes, body_bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_with_its_last_byte() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nx: y\r\n\r\nabc";
        for length in 0..bytes.len() {
            assert_eq!(response(&bytes[..length]).unwrap(), None, "{length}");
        }
        let expected = Response { head_bytes: bytes.len() - 3, body_bytes: 3 };
        assert_eq!(response(bytes).unwrap(), Some(expected));
    }

    #[test]
    fn other_statuses_and_unknown_lengths_are_refused() {
        assert!(response(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(response(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let none = response(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(none, Some(Response { head_bytes: 27, body_bytes: 0 }));
    }
}
