//! A service under test, and the raw clients that test it.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye_engine::{Config as EngineConfig, Origins};
use sockeye_net::http::{HttpServer, bind};
use sockeye_sockjs::{
    Application, CloseReason, Config, HandlerError, Handshake, Iframe, Message, Session,
    SessionHandler, SockJs,
};
use sockeye_testing::raw::{self, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;

pub type Peer = raw::Peer<Box<dyn Io>>;
pub type WebSocket = raw::WebSocket<Box<dyn Io>>;

/// A byte stream of either kind.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Echoes; `close` closes with `3000 Go away!`.
#[derive(Clone, Default)]
pub struct Echo(Arc<Notes>);

#[derive(Default)]
struct Notes {
    sessions: Mutex<Vec<Session>>,
    texts: Mutex<Vec<String>>,
    closed: Mutex<Vec<CloseReason>>,
    changed: Notify,
}

pub struct EchoHandler(Session, Arc<Notes>);

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        self.0.sessions.lock().unwrap().push(session.clone());
        self.0.changed.notify_waiters();
        EchoHandler(session, Arc::clone(&self.0))
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        match message {
            Message::Text("close") => self.0.close_with(3000, "Go away!"),
            Message::Text("refuse") => return Err(HandlerError),
            Message::Text(text) => {
                self.1.texts.lock().unwrap().push(text.to_owned());
                self.0.send(text, &[]);
            }
            Message::Binary(data) => {
                self.0.send_binary(&data.to_vec().into());
            }
        }
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, reason: CloseReason) {
        self.1.closed.lock().unwrap().push(reason);
        self.1.changed.notify_waiters();
    }
}

impl Echo {
    /// The newest session.
    pub fn session(&self) -> Session {
        self.0.sessions.lock().unwrap().last().unwrap().clone()
    }

    /// What came, in order, of all sessions.
    pub fn texts(&self) -> Vec<String> {
        self.0.texts.lock().unwrap().clone()
    }

    pub fn opened(&self) -> usize {
        self.0.sessions.lock().unwrap().len()
    }

    /// Why the first session ended, once it has.
    pub async fn closed(&self) -> CloseReason {
        loop {
            let changed = self.0.changed.notified();
            if let Some(reason) = self.0.closed.lock().unwrap().first() {
                return *reason;
            }
            changed.await;
        }
    }
}

/// A service at `/echo`, and a way to connect to it.
pub struct Host {
    pub sockjs: SockJs<Echo>,
    pub app: Echo,
    address: Option<std::net::SocketAddr>,
}

/// Everything on, and any origin let in with its cookies.
pub fn open_doors() -> Config {
    Config {
        path: "/echo".to_owned(),
        htmlfile: true,
        jsonp: true,
        iframe: Some(Iframe { script: "/sockjs.js".to_owned(), ancestors: vec!["*".to_owned()] }),
        cookies_of_any_origin: true,
        response_bytes_max: 4096,
        ..Config::default()
    }
}

pub fn any_origin() -> EngineConfig {
    EngineConfig { origins: Origins::Any, ..EngineConfig::default() }
}

impl Host {
    /// Over real sockets, on our own listener.
    pub async fn tcp(config: Config, engine: EngineConfig) -> Host {
        let app = Echo::default();
        let sockjs = SockJs::new(config, engine, app.clone()).unwrap();
        let listeners = bind("127.0.0.1:0").await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let service = sockjs.clone().into_service();
        tokio::spawn(async move { HttpServer::new(listeners, service).await });
        Host { sockjs, app, address: Some(address) }
    }

    /// In memory, on hyper: for paused clocks.
    pub fn memory(config: Config, engine: EngineConfig) -> Host {
        let app = Echo::default();
        let sockjs = SockJs::new(config, engine, app.clone()).unwrap();
        Host { sockjs, app, address: None }
    }

    pub async fn connect(&self) -> Peer {
        let stream: Box<dyn Io> = match self.address {
            Some(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            None => {
                let (client, server) = tokio::io::duplex(64 * 1024);
                let sockjs = self.sockjs.clone();
                let service = service_fn(move |request| {
                    let answer = sockjs.respond(request);
                    async move { Ok::<_, Infallible>(answer.await.unwrap()) }
                });
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(server), service)
                    .with_upgrades();
                tokio::spawn(connection);
                Box::new(client)
            }
        };
        Peer::new(stream)
    }

    pub async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut peer = self.connect().await;
        peer.send(raw::request(method, target, headers, body)).await;
        peer.response().await.unwrap()
    }

    pub async fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], "").await
    }

    pub async fn post(&self, target: &str, body: &str) -> Response {
        self.request("POST", target, &[], body).await
    }

    /// One poll of a session.
    pub async fn poll(&self, key: &str) -> String {
        let response = self.post(&format!("/echo/000/{key}/xhr"), "").await;
        assert_eq!(response.status, 200, "{response:?}");
        response.text().to_owned()
    }

    /// Sends messages of a session.
    pub async fn send(&self, key: &str, body: &str) -> Response {
        self.post(&format!("/echo/000/{key}/xhr_send"), body).await
    }

    pub async fn websocket(&self, target: &str) -> WebSocket {
        self.connect().await.upgrade(target, &[]).await.unwrap()
    }
}

/// The next chunk of an answer; `None` for the last one.
pub async fn chunk(peer: &mut Peer) -> Option<String> {
    let line = peer.read_until("\r\n").await.unwrap();
    let size = std::str::from_utf8(&line).unwrap().trim_end();
    let size = usize::from_str_radix(size, 16).unwrap();
    let data = peer.read_count(size).await.unwrap();
    peer.expect("\r\n").await;
    (size > 0).then(|| String::from_utf8(data).unwrap())
}
