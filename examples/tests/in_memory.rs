//! A program's own tests, as the guide shows them: in memory, on a clock that stands still.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::post;
use sockeye::{
    Ack, Config, Event, HttpExtension, Namespace, RecoveryConfig, Refuse, Server, Socket,
};
use sockeye_testing::TestServer;

const CHAT: Event<String> = Event::new("chat");
const JOIN: Event<String, usize> = Event::new("join");

async fn join(socket: Socket, room: String) -> Ack<usize> {
    socket.join(&room);
    Ack(socket.io().to(&room).sockets().len())
}

async fn chat(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
    socket.to("lobby").emit(CHAT, &text)
}

fn server(config: Config) -> TestServer {
    let namespace = Namespace::new("/").on(JOIN, join).on(CHAT, chat);
    TestServer::new(Server::builder().config(config).namespace(namespace).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn only_the_lobby_hears_it() {
    let server = server(Config::default());
    let (mut ann, mut bob, mut cleo) =
        (server.connect().await, server.connect().await, server.connect().await);
    assert_eq!(ann.emit_with_ack(JOIN, "lobby").await.unwrap(), 1);
    assert_eq!(bob.emit_with_ack(JOIN, "lobby").await.unwrap(), 2);
    ann.emit(CHAT, "hello");
    assert_eq!(bob.expect_event(CHAT).await, "hello");
    ann.expect_no_event().await;
    cleo.expect_no_event().await;
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_loses_nothing() {
    let server = server(Config { recovery: Some(RecoveryConfig::default()), ..Config::default() });
    let (mut phone, ann) = (server.connect().await, server.connect().await);
    phone.emit_with_ack(JOIN, "lobby").await.unwrap();
    phone.wire().go_half_open();
    ann.emit(CHAT, "are you there?");
    tokio::time::sleep(Duration::from_secs(30)).await;
    phone.reconnect().await.unwrap();
    assert!(phone.recovered());
    assert_eq!(phone.expect_event(CHAT).await, "are you there?");
}

#[derive(Clone)]
struct User(String);

/// `POST /login`: the body is the name. (A real cookie is random, and leads to the name.)
async fn login(name: String) -> [(&'static str, String); 1] {
    [("set-cookie", format!("sid={name}; Path=/; HttpOnly"))]
}

/// A layer: whoever sends the cookie is that user, for routes and for sockets.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let cookie = request.headers().get("cookie").and_then(|cookie| cookie.to_str().ok());
    if let Some(name) = cookie.and_then(|cookie| cookie.strip_prefix("sid=")) {
        let user = User(name.to_owned());
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

async fn admit(user: Option<HttpExtension<User>>) -> Result<(), Refuse> {
    user.map(|_| ()).ok_or_else(|| Refuse::new("log in first"))
}

async fn who_am_i(HttpExtension(user): HttpExtension<User>) -> Ack<String> {
    Ack(user.0)
}

fn application() -> (Server, Router) {
    let namespace = Namespace::new("/").on_connect(admit).on("who am i", who_am_i);
    let server = Server::builder().namespace(namespace).build().unwrap();
    let app = Router::new()
        .route("/login", post(login))
        .merge(server.clone().into_router())
        .layer(from_fn(authenticate));
    (server, app)
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_is_known_to_the_socket() {
    let (server, app) = application();
    let server = TestServer::with_service(server, app);
    let ann = server.browser();
    assert!(ann.client().connect().await.is_err(), "nobody has logged in yet");

    assert_eq!(ann.post("/login").body("ann").await.status, 200);
    let mut socket = ann.connect().await;
    let name: String = socket.emit_with_ack("who am i", &()).await.unwrap();
    assert_eq!(name, "ann");
    assert!(server.browser().client().connect().await.is_err(), "another browser has another jar");
}
