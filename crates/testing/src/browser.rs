use std::net::SocketAddr;

use crate::client::TestClient;
use crate::connect::Connect;
use crate::cookies::CookieJar;
use crate::request::TestRequest;
use crate::server::TestServer;

/// Somebody's browser: a cookie jar, filled by the answers to its requests and sent by its requests
/// and sockets. A handle, cheap to clone; clones have one jar.
///
/// A cookie is sent where its `Path` leads, as in a real one: without `Path`, what `/api/login` sets
/// is for `/api`, and sockets do not have it.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use axum::routing::post;
/// use sockeye::{Handshake, Namespace, Refuse, Server};
/// use sockeye_testing::TestServer;
///
/// async fn admit(handshake: Arc<Handshake>) -> Result<(), Refuse> {
///     match handshake.cookie("sid") {
///         Some("ann") => Ok(()),
///         _ => Err(Refuse::new("log in first")),
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let server = Server::builder().namespace(Namespace::new("/").on_connect(admit)).build().unwrap();
/// let app = Router::new()
///     .route("/login", post(async || [("set-cookie", "sid=ann; Path=/; HttpOnly")]))
///     .fallback_service(server.clone().into_service());
/// let server = TestServer::with_service(server, app);
///
/// let ann = server.browser();
/// assert!(ann.client().connect().await.is_err(), "she has not logged in");
/// assert_eq!(ann.post("/login").await.status, 200);
/// let socket = ann.connect().await;
/// assert!(server.browser().client().connect().await.is_err(), "others have not");
/// # drop(socket);
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a browser does nothing by itself"]
pub struct TestBrowser {
    server: TestServer,
    jar: CookieJar,
    address: Option<SocketAddr>,
}

impl TestBrowser {
    pub(crate) fn new(server: TestServer) -> Self {
        Self { server, jar: CookieJar::default(), address: None }
    }

    /// Where its requests and sockets come from. Without it from loopback.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// A `GET` request with its cookies; await it for the response.
    pub fn get(&self, target: &str) -> TestRequest {
        self.request("GET", target)
    }

    /// A `POST` request with its cookies; await it for the response.
    pub fn post(&self, target: &str) -> TestRequest {
        self.request("POST", target)
    }

    /// A request with its cookies, of any method: a path with its query. Await it for the response.
    /// A redirect is not followed: it is the response.
    pub fn request(&self, method: &str, target: &str) -> TestRequest {
        let request = TestRequest::new(self.server.clone(), Some(self.jar.clone()), method, target);
        match self.address {
            Some(address) => request.address(address),
            None => request,
        }
    }

    /// Declares a client that sends its cookies, each time it connects those of that time.
    pub fn client(&self) -> Connect {
        let connect = Connect::new(self.server.clone(), Some(self.jar.clone()));
        match self.address {
            Some(address) => connect.address(address),
            None => connect,
        }
    }

    /// A client in `/` that sends its cookies.
    ///
    /// # Panics
    /// When the server does not let it in.
    pub async fn connect(&self) -> TestClient {
        self.client().connect_or_panic().await
    }

    /// The value of a cookie that its sockets send: of one for every path (`Path=/`). `None`: there is
    /// none, it is over (`Max-Age`, `Expires`), or it is for a folder, which
    /// [`cookie_for`](TestBrowser::cookie_for) reads.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookie_for("/", name)
    }

    /// The value of a cookie that a request to `target`, a path, sends; of several with this name the
    /// one with the longest path.
    ///
    /// ```
    /// # async fn example(browser: sockeye_testing::TestBrowser) {
    /// // It sets `refresh=1; Path=/api/refresh`, which goes nowhere else.
    /// browser.post("/api/login").await;
    /// assert_eq!(browser.cookie_for("/api/refresh", "refresh").as_deref(), Some("1"));
    /// assert_eq!(browser.cookie("refresh"), None);
    /// # }
    /// ```
    pub fn cookie_for(&self, target: &str, name: &str) -> Option<String> {
        self.jar.get(target, name)
    }

    /// Puts a cookie into its jar, for every path.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar.set(name, value);
    }

    /// Empties its jar.
    pub fn clear_cookies(&self) {
        self.jar.clear();
    }
}
