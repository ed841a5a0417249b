//! What is served beside the sockets, and who hears what is sent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use sockeye::engine::ResponseFuture;
use sockeye::{Action, Config, HttpServer, Mount, Namespace, RequestBody, Server, Socket};
use sockeye_testing::raw::{Peer, request};
use sockeye_testing::{TestCluster, TestServer};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer;

/// Says what it was asked, and counts how often the server ended.
#[derive(Clone, Default)]
struct Echo {
    ended: Arc<AtomicUsize>,
}

impl Mount for Echo {
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture {
        let (head, body) = request.into_parts();
        if head.method == "OPTIONS" {
            let methods = HeaderValue::from_static("PUT");
            return server.preflight(&head, methods).unwrap_or_default().into();
        }
        let cors = server.with_cors(&Request::from_parts(head.clone(), ()), Response::default());
        ResponseFuture::waiting(async move {
            let body = body.collect().await.unwrap().to_bytes();
            let body = format!("{} {} {}", head.method, head.uri.path(), body.escape_ascii());
            cors.map(|_| body.into())
        })
    }

    fn shutdown(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A server with two echoes, below its own path and elsewhere.
fn server(echo: &Echo) -> Server {
    let server = Server::builder().allow_origin("http://page.test").build().unwrap();
    server.mount("/socket.io/echo", echo.clone()).unwrap();
    server.mount("/api/v1", echo.clone()).unwrap();
    server
}

async fn ask(address: SocketAddr, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
    let headers = [("Connection", "close")];
    peer.send(request(method, target, &headers, body)).await;
    let response = peer.response().await.unwrap();
    (response.status, response.text().to_owned())
}

async fn expect_echoes(address: SocketAddr) {
    for (method, target) in [
        ("GET", "/socket.io/echo"),
        ("PUT", "/socket.io/echo/a/b"),
        ("POST", "/api/v1/publish"),
        ("GET", "/api/v1"),
        ("GET", "/api/v1/"),
    ] {
        let body = if method == "GET" { "" } else { "some text" };
        let expected = format!("{method} {target} {body}");
        assert_eq!(ask(address, method, target, body).await, (200, expected), "{target}");
    }
    // What only begins alike is not it, and the sockets are where they were.
    assert_eq!(ask(address, "GET", "/socket.io/echoes", "").await.0, 400);
    assert_eq!(ask(address, "GET", "/api/v10", "").await.0, 404);
    assert_eq!(ask(address, "GET", "/socket.io/?EIO=4&transport=polling", "").await.0, 200);
}

#[tokio::test]
async fn alone_as_a_layer_and_as_a_router() {
    let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let echo = Echo::default();

    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let serve = server(&echo).serve(listener);
    tokio::spawn(serve.into_future());
    expect_echoes(address).await;

    let app = Router::new().route("/hello", get(async || "hello"));
    for router in [
        Router::new().fallback_service(server(&echo).into_layer().layer(app.clone())),
        app.merge(server(&echo).into_router()),
    ] {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        tokio::spawn(HttpServer::new(vec![listener], router).into_future());
        expect_echoes(address).await;
        assert_eq!(ask(address, "GET", "/hello", "").await, (200, "hello".to_owned()));
    }
}

#[tokio::test]
async fn hosts_and_pages_are_judged_as_for_the_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server(&Echo::default()).serve(listener).into_future());
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let mut peer = Peer::new(TcpStream::connect(address).await.unwrap());
        peer.send(request(
            method,
            "/api/v1/x",
            &[headers, &[("Connection", "close")]].concat(),
            "",
        ))
        .await;
        peer.response().await.unwrap()
    };
    assert_eq!(ask("GET", &[("Host", "rebound.test")]).await.status, 421);
    let page = [("Origin", "http://page.test")];
    let response = ask("GET", &page).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("http://page.test"));
    let response = ask("GET", &[("Origin", "http://other.test")]).await;
    assert_eq!(response.header("access-control-allow-origin"), None);
    let response = ask("OPTIONS", &page).await;
    assert_eq!(
        (response.status, response.header("access-control-allow-methods")),
        (204, Some("PUT"))
    );
}

#[tokio::test]
async fn what_is_mounted_hears_of_the_end() {
    let echo = Echo::default();
    server(&echo).shutdown().await;
    assert_eq!(echo.ended.load(Ordering::Relaxed), 2);
    server(&echo).drain(std::time::Duration::from_secs(1)).await;
    assert_eq!(echo.ended.load(Ordering::Relaxed), 4);
}

/// What was heard: namespace, rooms, event, arguments, whether it was volatile.
type Heard = Arc<Mutex<Vec<String>>>;

fn listen(server: &Server) -> Heard {
    let heard = Heard::default();
    let into = Arc::clone(&heard);
    server.on_emit(move |operation| {
        let Action::Emit { event, .. } = operation.action else {
            panic!("{operation:?} is no event");
        };
        let rooms: Vec<_> = operation.targets.rooms.iter().map(|room| room.as_str()).collect();
        let volatile = if operation.flags.is_volatile { " volatile" } else { "" };
        let (nsp, name, args) = (operation.namespace, event.name, event.args);
        into.lock().push(format!("{nsp} {rooms:?} {name} {args}{volatile}"));
    });
    heard
}

#[tokio::test]
async fn whatever_is_sent_is_heard_and_requests_are_not() {
    let chat = Namespace::new("/chat").on("relay", async |socket: Socket, text: String| {
        socket.to("lobby").emit("relayed", &text)?;
        Ok::<_, sockeye::EventError>(())
    });
    let server = Server::builder().namespace(chat).build().unwrap();
    let heard = listen(&server);
    let memory = TestServer::new(server.clone());
    let client = memory.client().namespace("/chat").connect().await.unwrap();
    client.emit("relay", "hi");
    while heard.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    let io = server.of("/chat").unwrap();
    io.emit("all", &1).unwrap();
    io.to(["a", "b"]).volatile().emit("some", &[2]).unwrap();
    drop(io.emit_with_ack::<_, ()>("asked", &3).unwrap());
    io.server_side_emit("between servers", &4).unwrap();
    let expected = [
        r#"/chat ["lobby"] relayed "hi""#,
        "/chat [] all 1",
        r#"/chat ["a", "b"] some [2] volatile"#,
    ];
    assert_eq!(*heard.lock(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_other_servers_is_heard() {
    let cluster = TestCluster::new(1);
    let server = |name: &str| {
        let config = Config::default();
        Server::builder().config(config).cluster(cluster.member(name)).build().unwrap()
    };
    let (here, there) = (server("here"), server("there"));
    let heard = listen(&here);
    there.io().to("room").emit("news", &1).unwrap();
    cluster.all_arrived().await;
    assert_eq!(*heard.lock(), [r#"/ ["room"] news 1"#]);
}
