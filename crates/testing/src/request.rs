use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::cookies::CookieJar;
use crate::raw::{Peer, Response, request};
use crate::server::TestServer;

/// A request that is about to be sent, on a connection of its own: await it for the [`Response`].
///
/// ```
/// use axum::Router;
/// use axum::routing::post;
/// use sockeye::{Namespace, Server};
/// use sockeye_testing::TestServer;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
/// let app = Router::new()
///     .route("/twice", post(async |body: String| body.repeat(2)))
///     .fallback_service(server.clone().into_service());
/// let server = TestServer::with_service(server, app);
/// let response = server.post("/twice").header("accept", "text/plain").body("ab").await;
/// assert_eq!((response.status, response.text()), (200, "abab"));
/// # });
/// ```
///
/// # Panics
/// Awaited, when the connection ends without a response, or none comes in a minute (which on a
/// paused clock takes no time).
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct TestRequest {
    server: TestServer,
    jar: Option<CookieJar>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    address: Option<SocketAddr>,
}

impl TestRequest {
    pub(crate) fn new(
        server: TestServer,
        jar: Option<CookieJar>,
        method: &str,
        target: &str,
    ) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { server, jar, method, target, headers: Vec::new(), body: Vec::new(), address: None }
    }

    /// A header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A cookie, beside those of the browser.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", &format!("{name}={value}"))
    }

    /// The body, as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body as JSON, with its `content-type`.
    ///
    /// # Panics
    /// When it is no JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(body).expect("the body is JSON");
        self.header("content-type", "application/json").body(body)
    }

    /// The fields of a form, as a page would send them, with their `content-type`.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs =
            fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Where it comes from. Without it from loopback.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    async fn send(self) -> Response {
        let Self { server, jar, method, target, headers, body, address } = self;
        let headers = with_cookies(headers, jar.as_ref(), &target);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let (stream, _wire) = server.open_for(address);
        let mut peer = Peer::new(stream).patience(PATIENCE);
        peer.send(request(&method, &target, &headers, body)).await;
        let response = match &*method {
            // Its head tells of a body that does not come.
            "HEAD" => peer.response_head().await,
            _ => peer.response().await,
        };
        match response {
            Ok(response) => {
                if let Some(jar) = jar {
                    jar.store(&target, response.headers("set-cookie"));
                }
                response
            }
            Err(error) => panic!("{method} {target} was not answered: {error}"),
        }
    }
}

impl IntoFuture for TestRequest {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The headers of a request with all its cookies in one line, as RFC 6265 §5.4 asks for.
pub(crate) fn with_cookies(
    headers: Vec<(String, String)>,
    jar: Option<&CookieJar>,
    target: &str,
) -> Vec<(String, String)> {
    let is_cookie = |(name, _): &(String, String)| name.eq_ignore_ascii_case("cookie");
    let (given, mut headers): (Vec<_>, Vec<_>) = headers.into_iter().partition(is_cookie);
    let kept = jar.map(|jar| jar.pairs_for(target)).unwrap_or_default();
    let cookies: Vec<_> = given.into_iter().map(|(_, pair)| pair).chain(kept).collect();
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    headers
}

/// How long a response is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
