//! Every way to mount a server beside an application's own routes, and what works in it: the table of
//! docs/guide/mounting.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use common::log::Log;
use sockeye::{Config, HttpServer, Server};
use sockeye_testing::raw::{Peer, Response, request};
use tokio::net::TcpStream;
use tower_layer::Layer;
use tower_service::Service;

/// What a browser and its application ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Works {
    polling: bool,
    websocket: bool,
    client_file: bool,
    /// Another route of the application.
    route: bool,
    /// A file that the application's fallback has, as `ServeDir` does.
    fallback: bool,
    /// The application's own 404.
    not_found: bool,
}

const ALL: Works = Works {
    polling: true,
    websocket: true,
    client_file: true,
    route: true,
    fallback: true,
    not_found: true,
};

fn server() -> Server {
    Server::builder().build().unwrap()
}

/// An application with a route.
fn app() -> Router {
    Router::new().route("/hello", get(async || "hello"))
}

/// The fallback of an application: a file, and a page for whoever is lost.
async fn pages(request: Request) -> impl IntoResponse {
    match request.uri().path() {
        "/style.css" => (StatusCode::OK, "body {}"),
        _ => (StatusCode::NOT_FOUND, "no such page"),
    }
}

async fn ask(address: SocketAddr, method: &str, target: &str, body: &str) -> Response {
    ask_with(address, method, target, &[], body).await
}

async fn ask_with(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
    let headers = [headers, &[("Connection", "close")]].concat();
    peer.send(request(method, target, &headers, body)).await;
    peer.response().await.unwrap()
}

/// Tries everything, with the server's path below `prefix`.
async fn works(address: SocketAddr, prefix: &str) -> Works {
    let path = format!("{prefix}/socket.io");
    let poll = format!("{path}/?EIO=4&transport=polling");
    let opened = ask(address, "GET", &poll, "").await;
    let polling = match opened.text().strip_prefix("0{\"sid\":\"") {
        Some(open) => {
            let session = format!("{poll}&sid={}", open.split('"').next().unwrap());
            let posted = ask(address, "POST", &session, "40").await;
            let connected = ask(address, "GET", &session, "").await;
            posted.text() == "ok" && connected.text().starts_with("40{\"sid\":")
        }
        None => false,
    };
    let peer = Peer::new(TcpStream::connect(address).await.unwrap());
    let websocket = match peer.upgrade(&format!("{path}/?EIO=4&transport=websocket"), &[]).await {
        Ok(mut socket) => socket.text().await.starts_with("0{"),
        Err(_) => false,
    };
    let file = ask(address, "GET", &format!("{path}/socket.io.min.js"), "").await;
    let style = ask(address, "GET", "/style.css", "").await;
    let missing = ask(address, "GET", "/missing", "").await;
    Works {
        polling,
        websocket,
        client_file: file.status == 200 && file.body.len() > 10_000,
        route: ask(address, "GET", "/hello", "").await.text() == "hello",
        fallback: style.text() == "body {}",
        not_found: missing.status == 404 && missing.text() == "no such page",
    }
}

/// On a listener of ours.
async fn listen<S, B>(service: S) -> SocketAddr
where
    S: Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<B>,
            Error = Infallible,
        > + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static,
{
    let listeners = sockeye::bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(HttpServer::new(listeners, service).into_future());
    address
}

/// On axum's listener.
async fn listen_by_axum(router: Router) -> SocketAddr {
    let listener = sockeye::bind("127.0.0.1:0").await.unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// Whatever listens, it is the same.
async fn assert_works(router: Router, prefix: &str, expected: Works) {
    assert_eq!(works(listen(router.clone()).await, prefix).await, expected, "HttpServer");
    assert_eq!(works(listen_by_axum(router).await, prefix).await, expected, "axum::serve");
}

#[tokio::test]
async fn a_router_is_merged() {
    assert_works(app().merge(server().into_router()).fallback(pages), "", ALL).await;
    assert_works(app().fallback(pages).merge(server().into_router()), "", ALL).await;
    // Before an application has its state.
    let app: Router<u8> = Router::new().route("/hello", get(async || "hello")).fallback(pages);
    assert_works(app.merge(server().into_router()).with_state(7), "", ALL).await;
}

#[tokio::test]
async fn a_layer_is_put_around_the_routes() {
    assert_works(app().fallback(pages).layer(server().into_layer()), "", ALL).await;
    // A fallback that comes behind the layer is not inside of it, and it is the fallback that a request
    // for no route of the application gets to.
    let outside = app().layer(server().into_layer()).fallback(pages);
    let lost = Works { polling: false, websocket: false, client_file: false, ..ALL };
    assert_works(outside, "", lost).await;
}

#[tokio::test]
async fn a_layer_is_put_around_any_service() {
    let service = server().into_layer().layer(app().fallback(pages));
    assert_eq!(works(listen(service).await, "").await, ALL);
}

#[tokio::test]
async fn as_the_fallback_it_takes_the_place_of_the_applications_own() {
    let expected = Works { fallback: false, not_found: false, ..ALL };
    assert_works(app().fallback_service(server().into_service()), "", expected).await;
}

#[tokio::test]
async fn two_routes_are_needed() {
    let service = server().into_service();
    let both = app()
        .route_service("/socket.io/", service.clone())
        .route_service("/socket.io/{*rest}", service.clone())
        .fallback(pages);
    assert_works(both, "", ALL).await;
    let first = app().route_service("/socket.io/", service.clone()).fallback(pages);
    assert_works(first, "", Works { client_file: false, ..ALL }).await;
    let second = app().route_service("/socket.io/{*rest}", service).fallback(pages);
    assert_works(second, "", Works { polling: false, websocket: false, ..ALL }).await;
}

#[tokio::test]
async fn below_a_prefix() {
    assert_works(app().nest("/rt", server().into_router()).fallback(pages), "/rt", ALL).await;
    let service = server().into_service();
    assert_works(app().nest_service("/rt", service.clone()).fallback(pages), "/rt", ALL).await;
    // axum takes the prefix off, so nothing is left of the path.
    let own = app().nest_service("/socket.io", service).fallback(pages);
    let lost = Works { polling: false, websocket: false, client_file: false, ..ALL };
    assert_works(own, "", lost).await;
    // A path of several segments needs no nesting.
    let deep = Server::builder().path("/rt/socket.io").build().unwrap();
    assert_works(app().merge(deep.into_router()).fallback(pages), "/rt", ALL).await;
}

#[tokio::test]
async fn a_path_may_have_braces() {
    for path in ["/{a}", "/a{*b}/c"] {
        let server = Server::builder().path(path).build().unwrap();
        let address = listen(app().merge(server.into_router())).await;
        let poll = format!("{path}/?EIO=4&transport=polling");
        assert_eq!(ask(address, "GET", &poll, "").await.status, 200, "{path}");
        let other = "/x/?EIO=4&transport=polling";
        assert_eq!(ask(address, "GET", other, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn without_the_slash_where_it_is_not_demanded() {
    for demanded in [true, false] {
        let server = || Server::builder().add_trailing_slash(demanded).build().unwrap();
        let expected = if demanded { 404 } else { 200 };
        let routed = listen(app().merge(server().into_router()).fallback(pages)).await;
        let layered = listen(app().fallback(pages).layer(server().into_layer())).await;
        for address in [routed, layered] {
            let answer = ask(address, "GET", "/socket.io?EIO=4&transport=polling", "").await;
            assert_eq!(answer.status, expected, "{demanded}");
        }
    }
}

/// The other routes are the application's business.
#[tokio::test]
async fn hosts_are_checked_under_the_path_only() {
    let server = || Server::builder().allowed_hosts("chat.example").build().unwrap();
    let host = [("Host", "evil.test")];
    let poll = "/socket.io/?EIO=4&transport=polling";
    for router in [app().merge(server().into_router()), app().layer(server().into_layer())] {
        let address = listen(router).await;
        assert_eq!(ask_with(address, "GET", poll, &host, "").await.status, 421);
        assert_eq!(ask_with(address, "GET", "/hello", &host, "").await.status, 200);
    }
}

const POLL: &str = "/socket.io/?EIO=4&transport=polling";

#[tokio::test]
async fn axum_tells_the_address_by_connect_info() {
    let server = Server::builder()
        .sessions_per_address_max(1)
        .trusted_proxies("127.0.0.0/8")
        .build()
        .unwrap();
    let log = Log::default();
    let guard = log.listen(tracing::Level::WARN);
    let listener = sockeye::bind("127.0.0.1:0").await.unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let app = app().merge(server.into_router());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, app).into_future());
    let open = async |client: &str| {
        ask_with(address, "GET", POLL, &[("X-Forwarded-For", client)], "").await.status
    };
    assert_eq!(open("192.0.2.1").await, 200);
    assert_eq!(open("192.0.2.1").await, 403);
    assert_eq!(open("192.0.2.2").await, 200);
    assert_eq!(ask(address, "GET", POLL, "").await.status, 200, "the proxy itself");
    assert_eq!(ask(address, "GET", POLL, "").await.status, 403);
    drop(guard);
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn settings_that_need_an_address_are_named_once_where_there_is_none() {
    let namespaces = Config { child_namespaces_per_address_max: 7, ..Config::default() };
    for (builder, settings) in [
        (Server::builder(), None),
        (Server::builder().sessions_per_address_max(1), Some("sessions_per_address_max")),
        (Server::builder().trusted_proxies("127.0.0.1"), Some("trusted_proxies")),
        (
            Server::builder().sessions_per_address_max(1).trusted_proxies("127.0.0.1"),
            Some("sessions_per_address_max, trusted_proxies"),
        ),
        (Server::builder().config(namespaces), Some("child_namespaces_per_address_max")),
    ] {
        let log = Log::default();
        let guard = log.listen(tracing::Level::WARN);
        let address = listen_by_axum(app().merge(builder.build().unwrap().into_router())).await;
        for _ in 0..3 {
            assert_eq!(ask(address, "GET", POLL, "").await.status, 200);
        }
        drop(guard);
        let text = log.text();
        let expected = usize::from(settings.is_some());
        assert_eq!(text.matches("WARN").count(), expected, "{text}");
        assert_eq!(text.matches("into_make_service_with_connect_info").count(), expected);
        if let Some(settings) = settings {
            assert!(text.contains(&format!("settings=\"{settings}\"")), "{text}");
        }
    }
}
