//! Clients of the server under test: the raw one, and what is Engine.IO's about the answers.

use std::ops::Deref;

use sockeye_testing::raw::{self, Error, request};

use super::{Host, Peer, WebSocket};

/// A response, read to its end.
#[derive(Debug)]
pub struct Response(raw::Response);

impl Deref for Response {
    type Target = raw::Response;

    fn deref(&self) -> &raw::Response {
        &self.0
    }
}

impl Response {
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
    pub peer: Peer,
}

impl Pending {
    pub async fn response(mut self) -> Response {
        Response(self.peer.response().await.unwrap())
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
        self.say(request(method, path, headers, body)).await
    }

    /// Sends what may be a request on a connection of its own.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> Pending {
        let mut peer = self.connect().await;
        peer.send(bytes).await;
        Pending { peer }
    }

    /// Opens a WebSocket, or gives the refusal.
    pub async fn websocket(&self, path: &str) -> Result<WebSocket, Response> {
        self.websocket_with(path, &[]).await
    }

    pub async fn websocket_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<WebSocket, Response> {
        self.connect().await.upgrade(path, headers).await.map_err(|error| match error {
            Error::Refused(response) => Response(response),
            error => panic!("{error}"),
        })
    }
}
