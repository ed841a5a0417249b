//! A server inside an application: its routes, layers and cookies, with sockets through the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use sockeye::{Ack, Handshake, Io, Namespace, PeerAddr, Refuse, Server};
use sockeye_testing::{ConnectError, TestServer};

#[derive(Clone)]
struct User(String);

/// What a layer finds in the cookies.
async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(name) = sid(request.headers()) {
        request.extensions_mut().insert(User(name));
    }
    next.run(request).await
}

fn sid(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get("cookie")?.to_str().ok()?;
    cookies.split("; ").find_map(|pair| pair.strip_prefix("sid=")).map(str::to_owned)
}

async fn admit(handshake: Arc<Handshake>) -> Result<(), Refuse> {
    handshake.extension::<User>().map(|_| ()).ok_or_else(|| Refuse::new("log in first"))
}

async fn login(name: String) -> impl IntoResponse {
    [("set-cookie", format!("sid={name}; Path=/; HttpOnly"))]
}

async fn cookies(headers: HeaderMap) -> String {
    format!("{:?}", headers.get_all("cookie").iter().collect::<Vec<_>>())
}

async fn say(io: Io, text: String) -> StatusCode {
    match io.emit("said", &text) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn start() -> TestServer {
    let namespace =
        Namespace::new("/").on_connect(admit).on("who", async |handshake: Arc<Handshake>| {
            let name = handshake.extension::<User>().map(|user| user.0.clone());
            let cookies = handshake.header("cookie").unwrap_or_default();
            Ack((name, String::from_utf8_lossy(cookies).into_owned(), handshake.address()))
        });
    let server = Server::builder().keep_extension::<User>().namespace(namespace).build().unwrap();
    let io = server.io();
    let app = Router::new()
        .route("/login", post(login))
        .route("/api/login", post(async || [("set-cookie", "sid=folder")]))
        .route("/short", post(async || [("set-cookie", "sid=short; Path=/; Max-Age=60")]))
        .route("/logout", post(async || [("set-cookie", "sid=; Path=/; Max-Age=0")]))
        .route("/cookies", get(cookies))
        .route("/say", post(move |text: String| say(io, text)))
        .route("/echo", any(echo))
        .route("/never", get(std::future::pending::<()>))
        .fallback_service(server.clone().into_service())
        .layer(from_fn(authenticate));
    TestServer::with_service(server, app)
}

/// What came: the method, the type, the peer, the body.
async fn echo(request: Request<Body>) -> String {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1_000).await.unwrap();
    let kind = head.headers.get("content-type").map(|kind| kind.to_str().unwrap());
    let peer = head.extensions.get::<PeerAddr>().unwrap().0;
    let (kind, body) = (kind.unwrap_or("-"), String::from_utf8_lossy(&body));
    format!("{} {kind} {} {body}", head.method, peer.ip())
}

type Who = (Option<String>, String, Option<std::net::SocketAddr>);

#[tokio::test(start_paused = true)]
async fn what_a_login_route_sets_the_sockets_send() {
    let server = start();
    let (ann, bob) = (server.browser(), server.browser());
    let refused = ann.client().connect().await;
    let message = "log in first";
    assert!(
        matches!(refused, Err(ConnectError::Refused { message: m, data: None }) if m == message)
    );
    assert_eq!(ann.post("/login").body("ann").await.status, 200);
    bob.post("/login").body("bob").await;
    assert_eq!(ann.cookie("sid").as_deref(), Some("ann"));

    let (mut at_ann, mut at_bob) = (ann.connect().await, bob.connect().await);
    for (client, name) in [(&mut at_ann, "ann"), (&mut at_bob, "bob")] {
        let (who, cookies, _) = client.emit_with_ack::<_, Who>("who", &()).await.unwrap();
        assert_eq!((who.as_deref(), cookies), (Some(name), format!("sid={name}")));
    }
    assert_eq!(server.post("/say").body("hello").await.status, 204);
    for client in [&mut at_ann, &mut at_bob] {
        assert_eq!(client.expect_event::<String>("said").await, "hello");
    }
    // A client that comes back sends what the jar has then.
    ann.post("/login").body("anna").await;
    at_ann.reconnect().await.unwrap();
    let (who, ..) = at_ann.emit_with_ack::<_, Who>("who", &()).await.unwrap();
    assert_eq!(who.as_deref(), Some("anna"));
    ann.post("/logout").await;
    assert!(at_ann.reconnect().await.is_err());
    assert_eq!(bob.cookie("sid").as_deref(), Some("bob"));
}

#[tokio::test(start_paused = true)]
async fn a_cookie_for_a_folder_is_none_for_sockets() {
    let server = start();
    let browser = server.browser();
    browser.post("/api/login").await;
    assert_eq!(browser.cookie("sid"), None, "no socket sends it");
    assert_eq!(browser.cookie_for("/api/x?y", "sid").as_deref(), Some("folder"));
    assert!(browser.client().connect().await.is_err());
    browser.set_cookie("sid", "ann");
    browser.connect().await;
    browser.clear_cookies();
    assert!(browser.client().connect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn all_cookies_are_one_header() {
    let server = start();
    assert_eq!(server.get("/cookies").await.text(), "[]");
    let browser = server.browser();
    browser.set_cookie("sid", "ann");
    let response = browser.get("/cookies").cookie("a", "1").header("Cookie", "b=2").await;
    assert_eq!(response.text(), r#"["a=1; b=2; sid=ann"]"#);
    let mut client = browser.client().cookie("a", "1").connect().await.unwrap();
    let (_, cookies, _) = client.emit_with_ack::<_, Who>("who", &()).await.unwrap();
    assert_eq!(cookies, "a=1; sid=ann");
    let mut alone = server.client().cookie("sid", "bob").connect().await.unwrap();
    let (who, ..) = alone.emit_with_ack::<_, Who>("who", &()).await.unwrap();
    assert_eq!(who.as_deref(), Some("bob"));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_the_tests_choice() {
    let server = start();
    let far = "203.0.113.7:9".parse().unwrap();
    assert_eq!(server.get("/echo").await.text(), "GET - 127.0.0.1 ");
    let form = server.post("/echo").form(&[("name", "Ann & Bob"), ("n", "둘")]).address(far).await;
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(form.text(), format!("POST {kind} 203.0.113.7 name=Ann%20%26%20Bob&n=%EB%91%98"));
    let json = server.request("PUT", "/echo").json(&[1, 2]).await;
    assert_eq!(json.text(), "PUT application/json 127.0.0.1 [1,2]");
    let head = server.request("HEAD", "/echo").await;
    assert_eq!((head.status, head.text()), (200, ""));
    assert_eq!(server.post("/say").await.status, 204);
    let unknown = server.get("/socket.io/?EIO=4&transport=nothing").await;
    assert_eq!(unknown.json::<serde_json::Value>()["message"], "Transport unknown");
    // A browser's requests and sockets come from one place.
    let browser = server.browser().address(far);
    browser.set_cookie("sid", "ann");
    assert!(browser.get("/echo").await.text().contains("203.0.113.7"));
    let mut client = browser.connect().await;
    let (.., address) = client.emit_with_ack::<_, Who>("who", &()).await.unwrap();
    assert_eq!(address, Some(far));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_never_answers_fails_the_test() {
    let server = start();
    let asked = tokio::spawn(async move { server.get("/never").await });
    let panic = asked.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("GET /never was not answered: nothing more for 60s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_service_is_made_ready_before_it_is_called() {
    #[derive(Clone)]
    struct Ready(Arc<AtomicUsize>, bool);
    impl tower_service::Service<Request<hyper::body::Incoming>> for Ready {
        type Response = Response;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Response, Self::Error>>;
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            self.1 = true;
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<hyper::body::Incoming>) -> Self::Future {
            assert!(self.1, "it was not asked whether it is ready");
            self.0.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(StatusCode::IM_A_TEAPOT.into_response()))
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let service = Ready(Arc::clone(&calls), false);
    let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let server = TestServer::with_service(server, service);
    assert_eq!(server.get("/").await.status, 418);
    let refused = server.client().connect().await;
    assert!(matches!(refused, Err(ConnectError::Http { status: 418, .. })), "{refused:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_layers_time_out_ends_what_it_ends_in_production() {
    async fn in_time(request: Request, next: Next) -> Response {
        match tokio::time::timeout(Duration::from_secs(5), next.run(request)).await {
            Ok(response) => response,
            Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        }
    }
    let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let service = server.clone().into_service();
    let app = Router::new().fallback_service(service).layer(from_fn(in_time));
    let server = TestServer::with_service(server, app);
    // A WebSocket has its answer at once; a poll waits longer than the layer lets it.
    let mut socket = server.connect().await;
    let opened = server.get("/socket.io/?EIO=4&transport=polling").await;
    let sid = opened.text().split('"').nth(3).unwrap().to_owned();
    let poll = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(server.get(&poll).await.status, 408);
    socket.expect_no_event_for(Duration::from_secs(60)).await;
}

/// What is read is what is sent: a cookie of the same name for a folder does not stand for one that is over.
#[tokio::test(start_paused = true)]
async fn a_cookie_that_is_over_is_not_read() {
    let server = start();
    let browser = server.browser();
    browser.post("/api/login").await;
    browser.post("/short").await;
    assert_eq!(browser.cookie("sid").as_deref(), Some("short"));
    assert_eq!(browser.get("/cookies").await.text(), r#"["sid=short"]"#);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(browser.get("/cookies").await.text(), "[]");
    assert_eq!(browser.cookie("sid"), None);
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn routes_find_the_address_of_axum() {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let whence = async |ConnectInfo(address): ConnectInfo<SocketAddr>| address.to_string();
    let app =
        Router::new().route("/whence", get(whence)).fallback_service(server.clone().into_service());
    let server = TestServer::with_service(server, app);
    let response = server.get("/whence").address("203.0.113.7:9".parse().unwrap()).await;
    assert_eq!(response.text(), "203.0.113.7:9");
}
