//! What users write when they declare a server: every shape of handler, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, Acker, Args, Binary, BuildError, Config, Deferred, DisconnectReason, EmitError, Event,
    EventError, Failure, FromRef, Handshake, Io, Local, Namespace, RawArgs, RawEvent, Refuse,
    Server, Socket, State,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Message {
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Join {
    room: String,
}

#[derive(Serialize, Deserialize)]
struct Joined {
    members: usize,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

struct User(String);

#[derive(Clone)]
struct Db;

#[derive(Clone)]
struct App {
    db: Db,
}

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Db {
        app.db.clone()
    }
}

const MESSAGE: Event<Message> = Event::new("message");
const JOIN: Event<Join, Joined> = Event::new("join");
const LATER: Event<(), u32> = Event::new("later");
const NOTICE: Event<String> = Event::new("notice");
const PING: Event = Event::new("ping");

async fn admit(socket: Socket, State(_db): State<Db>, auth: Token) -> Result<(), Refuse> {
    let name = auth.token.ok_or_else(|| Refuse::new("unauthorized").with_data(&401))?;
    socket.set(User(name));
    Ok(())
}

async fn message(socket: Socket, user: Local<User>, msg: Message) -> Result<(), EmitError> {
    socket.emit(NOTICE, &user.0.0)?;
    socket.to("lobby").emit(MESSAGE, &msg)
}

async fn join(socket: Socket, io: Io, request: Join) -> Result<Ack<Joined>, EventError> {
    socket.join(&request.room);
    io.to(&request.room).except(socket.id()).emit(NOTICE, "someone joined")?;
    Ok(Ack(Joined { members: io.to([request.room]).sockets().len() }))
}

async fn later(acker: Acker<u32>) -> Deferred<u32> {
    let deferred = acker.defer();
    tokio::spawn(async move { acker.answer(&1) });
    deferred
}

async fn gone(_socket: Socket, reason: DisconnectReason) {
    assert!(!reason.as_str().is_empty());
}

fn log(_: &Socket, event: &RawEvent) {
    assert!(!event.name.is_empty());
}

fn report(_: &Socket, failure: &Failure) {
    assert!(!failure.event.is_empty());
}

fn chat() -> Namespace<App> {
    Namespace::new("/chat")
        .on_connect(admit)
        .on_connected(async |io: Io| assert_eq!(io.namespace(), "/chat"))
        .on(MESSAGE, message)
        .on(JOIN, join)
        .on(LATER, later)
        .on(PING, async || {})
        .on("typing", async |socket: Socket, on: bool| {
            socket.broadcast().volatile().emit("typing", &on)
        })
        .on("upload", async |_: Socket, Args((name, file)): Args<(String, Binary)>| {
            Ok::<_, EventError>(Ack(name.len() + file.0.len()))
        })
        .on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", &args))
        .on("address", async |handshake: Arc<Handshake>, _: Option<Local<User>>| {
            Ack(handshake.address().map(|address| address.to_string()))
        })
        .on_any(log)
        .fallback(async |_: Socket, event: RawEvent| assert_ne!(event.name, "message"))
        .on_error(report)
        .on_disconnect(gone)
        .concurrent_handlers_max(NonZeroU32::MIN)
}

#[tokio::test]
async fn everything_the_sketch_shows_can_be_declared() {
    let server = Server::builder()
        .config(Config::default())
        .state(App { db: Db })
        .namespace(chat())
        .build()
        .unwrap();
    assert_eq!(server.io().namespace(), "/");
    assert_eq!(server.of("/chat").unwrap().namespace(), "/chat");
    assert!(server.of("/other").is_none());
    assert!(server.io().of("/chat").is_some());
    assert!(server.io().sockets().is_empty());
    server.io().to(["a", "b"]).emit(NOTICE, "nobody hears it").unwrap();
    let _app: axum::Router = axum::Router::new().fallback_service(server.into_service());
}

#[tokio::test]
async fn contradictions_are_build_errors() {
    let build = |namespaces: Vec<Namespace>| {
        let builder = Server::builder();
        namespaces.into_iter().fold(builder, |b, n| b.namespace(n)).build().map(drop)
    };
    let twice = build(vec![Namespace::new("/a"), Namespace::new("a")]);
    assert!(matches!(twice, Err(BuildError::DuplicateNamespace(path)) if path == "/a"));
    let handlers = Namespace::new("/").on("x", async || {}).on("x", async || {});
    assert!(
        matches!(build(vec![handlers]), Err(BuildError::DuplicateEvent { event, .. }) if event == "x")
    );
    let reserved = Namespace::new("/").on("disconnect", async || {});
    let error = build(vec![reserved]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "\"disconnect\" is a reserved event name: what runs at a socket's end is `Namespace::on_disconnect(..)`"
    );
    assert!(matches!(build(vec![Namespace::new("/a,b")]), Err(BuildError::InvalidNamespace(_))));
    let mixed = Namespace::new("/").share::<Message>().share_as::<Join>("join");
    assert!(matches!(build(vec![mixed]), Err(BuildError::SharedWhole { .. })));
    let same_member = Namespace::new("/").share_as::<Message>("a").share_as::<Join>("a");
    assert!(
        matches!(build(vec![same_member]), Err(BuildError::DuplicateShare { name }) if name == "a")
    );
    let members = Namespace::new("/").share_as::<Message>("a").share_as::<Join>("b");
    assert!(build(vec![members]).is_ok());
}
