use std::net::SocketAddr;

use serde::Serialize;
use sockeye_socket_proto::encode_connect;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};

use crate::client::{Returning, TestClient};
use crate::cookies::CookieJar;
use crate::raw::{self, Peer, Response, WebSocket};
use crate::request::with_cookies;
use crate::server::TestServer;
use crate::session::{self, Command, Joined};
use crate::wire::Wire;

/// A client that is about to connect.
#[derive(Clone, Debug)]
#[must_use = "nobody connects until `connect` is awaited"]
pub struct Connect {
    pub(crate) server: TestServer,
    jar: Option<CookieJar>,
    pub(crate) namespace: String,
    /// A JSON object.
    auth: serde_json::Value,
    headers: Vec<(String, String)>,
    query: String,
    address: Option<SocketAddr>,
    /// For the next connection only.
    pub(crate) cut_after: Option<usize>,
}

/// Why a client was not let in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The namespace refused it: `connect_error`.
    #[error("refused: {message}")]
    Refused {
        /// The message.
        message: String,
        /// The details, if there are any.
        data: Option<serde_json::Value>,
    },
    /// The server did not open a session.
    #[error("HTTP status {status}: {body}")]
    Http {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The connection ended before.
    #[error("the connection ended")]
    Closed,
}

impl Connect {
    pub(crate) fn new(server: TestServer, jar: Option<CookieJar>) -> Self {
        Self {
            server,
            jar,
            namespace: "/".to_owned(),
            auth: serde_json::Value::Null,
            headers: Vec::new(),
            query: String::new(),
            address: None,
            cut_after: None,
        }
    }

    /// The namespace; `/` without it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// What the client says as `auth`: something serde writes as an object.
    ///
    /// # Panics
    /// When it is no JSON.
    pub fn auth(mut self, auth: &impl Serialize) -> Self {
        self.auth = serde_json::to_value(auth).expect("auth is JSON");
        self
    }

    /// A header of its request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A cookie of its request, beside those of its [browser](crate::TestBrowser).
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", &format!("{name}={value}"))
    }

    /// More of its query: `name=value`, escaped by whoever needs it.
    pub fn query(mut self, query: &str) -> Self {
        self.query.push('&');
        self.query.push_str(query);
        self
    }

    /// Where it comes from. Without it from loopback.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// Why the server did not let it in.
    pub async fn connect(self) -> Result<TestClient, ConnectError> {
        TestClient::connect(self).await
    }

    pub(crate) async fn connect_or_panic(self) -> TestClient {
        match self.connect().await {
            Ok(client) => client,
            Err(error) => panic!("the server does not let a client in: {error}"),
        }
    }

    /// Opens a session and joins the namespace. What arrives goes to `events`.
    pub(crate) async fn open(
        &self,
        returning: Option<&Returning>,
        events: mpsc::UnboundedSender<session::Arrived>,
    ) -> Result<(Joined, mpsc::UnboundedSender<Command>, Wire), ConnectError> {
        let (stream, wire) = self.server.open_for(self.address);
        if let Some(bytes) = self.cut_after {
            wire.cut_after(bytes);
        }
        let socket = self.shake_hands(stream).await?;
        let (reply, joined) = oneshot::channel();
        let mut packet = String::new();
        encode_connect(&mut packet, &self.namespace, &self.auth_of(returning));
        let (commands, receiver) = mpsc::unbounded_channel();
        tokio::spawn(session::run(socket, packet, reply, receiver, events));
        match joined.await {
            Ok(joined) => Ok((joined?, commands, wire)),
            Err(_) => Err(ConnectError::Closed),
        }
    }

    async fn shake_hands(
        &self,
        stream: DuplexStream,
    ) -> Result<WebSocket<DuplexStream>, ConnectError> {
        let path = self.server.server().path();
        let target = format!("{path}/?EIO=4&transport=websocket{}", self.query);
        let headers = with_cookies(self.headers.clone(), self.jar.as_ref(), &target);
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            headers.push(("host", "in-memory"));
        }
        match Peer::new(stream).upgrade(&target, &headers).await {
            Ok(socket) => {
                if let Some(jar) = &self.jar {
                    jar.store(&target, socket.headers("set-cookie"));
                }
                Ok(socket)
            }
            Err(raw::Error::Refused(Response { status, body, .. })) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                Err(ConnectError::Http { status, body })
            }
            Err(_) => Err(ConnectError::Closed),
        }
    }

    /// The payload of the connect packet: nothing for a client that says nothing.
    fn auth_of(&self, returning: Option<&Returning>) -> String {
        let mut auth = self.auth.clone();
        if let Some(Returning { pid, offset }) = returning {
            if auth.is_null() {
                auth = serde_json::json!({});
            }
            auth["pid"] = pid.as_str().into();
            if let Some(offset) = offset {
                auth["offset"] = offset.as_str().into();
            }
        }
        if auth.is_null() { String::new() } else { auth.to_string() }
    }
}
