//! Raw HTTP/1.1: what goes out and what comes back is seen byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Host, Io};

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// That it is the official server's refusal of an ordinary request, to the byte.
    pub fn assert_refused(&self, code: u8, message: &str) {
        assert_eq!(self.status, if code == 4 { 403 } else { 400 }, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.text(), format!("{{\"code\":{code},\"message\":\"{message}\"}}"));
    }

    /// That it is the refusal of a WebSocket handshake, to the byte.
    pub fn assert_upgrade_refused(&self, message: &str) {
        assert_eq!(self.status, 400, "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html"));
        assert_eq!(self.header("connection"), Some("close"));
        assert_eq!(self.text(), message);
        assert_eq!(self.header("content-length"), Some(message.len().to_string().as_str()));
    }

    /// That it is a status without a body.
    pub fn assert_empty(&self, status: u16) {
        assert_eq!((self.status, self.text()), (status, ""), "{self:?}");
    }
}

/// A request that was sent and whose answer is not there yet. Dropped, it is given up.
pub struct Pending {
    pub io: Box<dyn Io>,
}

impl Pending {
    pub async fn response(mut self) -> Response {
        read_response(&mut self.io, &mut Vec::new()).await
    }
}

impl Host {
    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"").await
    }

    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.start(method, path, headers, body).await.response().await
    }

    /// Sends a request on a connection of its own.
    pub async fn start(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Pending {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let declared = headers
            .iter()
            .any(|(name, _)| *name == "content-length" || *name == "transfer-encoding");
        if method != "GET" && !declared {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut io = self.connect().await;
        io.write_all(request.as_bytes()).await.unwrap();
        // A server that refused by the head alone may be gone already.
        let _ = io.write_all(body).await;
        Pending { io }
    }
}

/// The answer to a request that is written out.
pub async fn http_head(host: &Host, request: &str) -> Response {
    let mut io = host.connect().await;
    io.write_all(request.as_bytes()).await.unwrap();
    read_response(&mut io, &mut Vec::new()).await
}

/// Reads one response; what follows it stays in `buffer`.
pub async fn read_response(io: &mut Box<dyn Io>, buffer: &mut Vec<u8>) -> Response {
    let head_len = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(io.read_buf(buffer).await.unwrap() > 0, "no response: {buffer:?}");
    };
    let head = String::from_utf8(buffer.drain(..head_len).collect()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse::<usize>().unwrap());
    while buffer.len() < length {
        assert!(io.read_buf(buffer).await.unwrap() > 0, "the body ends early");
    }
    let body = buffer.drain(..length).collect();
    Response { status, headers, body }
}
