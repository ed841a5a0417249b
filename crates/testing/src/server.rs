use std::fmt;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use sockeye::Server;
use sockeye_net::http::{HttpService, PeerAddr};
use tokio::io::DuplexStream;

use crate::browser::TestBrowser;
use crate::client::TestClient;
use crate::connect::Connect;
use crate::request::TestRequest;
use crate::wire::Wire;

/// A [`Server`] that is reached through memory, alone or with the application around it: a handle,
/// cheap to clone.
///
/// ```
/// use sockeye::{Ack, Namespace, Server};
/// use sockeye_testing::TestServer;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let namespace = Namespace::new("/").on("length", async |text: String| Ack(text.len()));
/// let server = TestServer::new(Server::builder().namespace(namespace).build().unwrap());
/// let mut ann = server.connect().await;
/// assert_eq!(ann.emit_with_ack::<_, usize>("length", "four").await.unwrap(), 4);
/// # });
/// ```
#[derive(Clone)]
pub struct TestServer {
    server: Server,
    ports: Arc<AtomicU16>,
    service: Arc<dyn ServeConnection>,
}

impl TestServer {
    /// Puts a server into memory. It may be served on a listener at the same time.
    pub fn new(server: Server) -> Self {
        let service = server.clone().into_service();
        Self::with_service(server, service)
    }

    /// The same, reached through the application that it is mounted in: an axum `Router` with its
    /// routes and layers, or any other tower service that [`HttpServer`](sockeye_net::http::HttpServer)
    /// would serve. Requests and sockets both go through `service`.
    ///
    /// ```
    /// use axum::Router;
    /// use axum::routing::{get, post};
    /// use sockeye::{Namespace, Server};
    /// use sockeye_testing::TestServer;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
    /// let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    /// let app = Router::new()
    ///     .route("/health", get(async || "fine"))
    ///     .route("/login", post(async || ([("set-cookie", "sid=ann; Path=/")], "hello")))
    ///     .fallback_service(server.clone().into_service());
    /// let server = TestServer::with_service(server, app);
    ///
    /// assert_eq!(server.get("/health").await.text(), "fine");
    /// let ann = server.browser();
    /// ann.post("/login").await;
    /// let socket = ann.connect().await; // sends `Cookie: sid=ann`
    /// # drop(socket);
    /// # });
    /// ```
    pub fn with_service(server: Server, service: impl HttpService) -> Self {
        let ports = Arc::new(AtomicU16::new(1));
        Self { server, ports, service: Arc::new(Shared(Mutex::new(service))) }
    }

    /// The server, to reach its sockets.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Declares a client: its namespace, what it says as `auth`, its request.
    pub fn client(&self) -> Connect {
        Connect::new(self.clone(), None)
    }

    /// A client in `/` that says nothing.
    ///
    /// # Panics
    /// When the server does not let it in.
    pub async fn connect(&self) -> TestClient {
        self.client().connect_or_panic().await
    }

    /// Somebody with a cookie jar, which their requests fill and their sockets send. Each has their
    /// own.
    pub fn browser(&self) -> TestBrowser {
        TestBrowser::new(self.clone())
    }

    /// A `GET` request by nobody in particular; await it for the response.
    pub fn get(&self, target: &str) -> TestRequest {
        self.request("GET", target)
    }

    /// A `POST` request by nobody in particular; await it for the response.
    pub fn post(&self, target: &str) -> TestRequest {
        self.request("POST", target)
    }

    /// A request by nobody in particular, of any method: a path with its query. Await it for the
    /// response.
    pub fn request(&self, method: &str, target: &str) -> TestRequest {
        TestRequest::new(self.clone(), None, method, target)
    }

    /// A connection of its own that speaks HTTP to the server, for what neither a [`TestClient`]
    /// nor a [`TestRequest`] does: polling, broken rules. It comes from loopback.
    pub fn open(&self) -> (DuplexStream, Wire) {
        let port = self.ports.fetch_add(1, Ordering::Relaxed).max(1);
        self.open_from((Ipv4Addr::LOCALHOST, port).into())
    }

    /// The same from another address: the server reads it as that of the peer.
    pub fn open_from(&self, address: SocketAddr) -> (DuplexStream, Wire) {
        let (wire, near, far) = Wire::new();
        tokio::spawn(self.service.serve(far, address));
        (near, wire)
    }

    pub(crate) fn open_for(&self, address: Option<SocketAddr>) -> (DuplexStream, Wire) {
        match address {
            Some(address) => self.open_from(address),
            None => self.open(),
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What answers the requests of a connection, of whatever type.
trait ServeConnection: Send + Sync {
    fn serve(
        &self,
        stream: DuplexStream,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A service to be cloned for each connection. (In a mutex, because not every service is `Sync`.)
struct Shared<S>(Mutex<S>);

impl<S: HttpService> ServeConnection for Shared<S> {
    fn serve(
        &self,
        stream: DuplexStream,
        address: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let service = self.0.lock().clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            say_address(&mut request, address);
            let mut service = service.clone();
            async move {
                poll_fn(|cx| service.poll_ready(cx)).await;
                service.answer(request).await
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        Box::pin(async move {
            // A connection that fails is what tests do to it.
            let _ = connection.with_upgrades().await;
        })
    }
}

/// As the listener of a program would: the extension of Sockeye's and, with the feature `axum`, that
/// of axum's.
fn say_address(request: &mut Request<Incoming>, address: SocketAddr) {
    request.extensions_mut().insert(PeerAddr(address));
    #[cfg(feature = "axum")]
    request.extensions_mut().insert(axum::extract::ConnectInfo(address));
}
