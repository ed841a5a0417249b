//! Extractors that wait, and extensions of requests that are kept because somebody asks for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::sync::Arc;

use common::{Client, listen, until};
use parking_lot::Mutex;
use sockeye::engine::KeptExtensions;
use sockeye::{
    Ack, Acker, Context, Deferred, DisconnectReason, EventError, FromContext, FromContextAsync,
    FromRef, HttpExtension, Local, Namespace, NoSocket, OwnedContext, RawEvent, Room, Server,
    Socket, State, idempotent,
};
use sockeye_testing::{ConnectError, TestServer};

/// Who is logged in, and what happened.
#[derive(Clone, Default)]
struct Database {
    is_down: Arc<Mutex<bool>>,
    log: Arc<Mutex<Vec<&'static str>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Database {
    async fn user(&self, session: &str) -> io::Result<Option<String>> {
        tokio::task::yield_now().await;
        if *self.is_down.lock() {
            return Err(io::Error::other("the database is down"));
        }
        Ok(session.strip_prefix("of-").map(str::to_owned))
    }
}

struct User(String);

impl<S> FromContextAsync<S> for User
where
    S: Send + Sync + 'static,
    Database: FromRef<S>,
{
    type Rejection = EventError;

    async fn from_context(context: OwnedContext<S>) -> Result<Self, EventError> {
        let database = Database::from_ref(context.state());
        database.log.lock().push("user begins");
        let session = context.handshake().query("session").unwrap_or_default().into_owned();
        let user = database.user(&session).await?;
        database.log.lock().push("user ends");
        user.map(User).ok_or_else(|| EventError::new("stranger", "log in first"))
    }
}

/// The head of a reader's request.
fn request(target: &str) -> http::request::Parts {
    http::Request::get(target).header("host", "localhost").body(()).unwrap().into_parts().0
}

/// Another one that waits, and needs the socket.
struct Number(usize);

impl FromContextAsync<Database> for Number {
    type Rejection = NoSocket;

    async fn from_context(context: OwnedContext<Database>) -> Result<Self, NoSocket> {
        context.state().log.lock().push("number begins");
        let length = context.socket()?.id().to_string().len();
        tokio::task::yield_now().await;
        context.state().log.lock().push("number ends");
        Ok(Number(length))
    }
}

async fn admit(socket: Socket, user: User) {
    socket.set(user.0);
}

async fn both(user: User, State(db): State<Database>, number: Number, n: u32) -> Ack<String> {
    db.log.lock().push("handler");
    Ack(format!("{} {} {n}", user.0, number.0))
}

fn namespace() -> Namespace<Database> {
    Namespace::new("/")
        .on_connect(admit)
        .on("both", both)
        .on("late", async |acker: Acker<u32>, _: User, n: u32| -> Deferred<u32> {
            let deferred = acker.defer();
            acker.answer(&n).unwrap();
            deferred
        })
        .on(
            "once",
            idempotent(|n: &u32| Some(n.to_string()), async |user: User, _: u32| Ack(user.0)),
        )
        .on("maybe", async |user: Option<User>| Ack(user.map(|user| user.0)))
}

fn server(database: &Database, namespace: Namespace<Database>) -> TestServer {
    let builder = Server::builder().state(database.clone()).namespace(namespace);
    TestServer::new(builder.build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_are_awaited_in_order_before_the_handler() {
    let database = Database::default();
    let server = server(&database, namespace());
    let mut client = server.client().query("session=of-ada").connect().await.unwrap();
    database.log.lock().clear();
    let answer: String = client.emit_with_ack("both", &7).await.unwrap();
    assert_eq!(answer, "ada 20 7");
    let expected = ["user begins", "user ends", "number begins", "number ends", "handler"];
    assert_eq!(*database.log.lock(), expected);
    let late: u32 = client.emit_with_ack("late", &8).await.unwrap();
    let once: String = client.emit_with_ack("once", &9).await.unwrap();
    assert_eq!((late, once.as_str()), (8, "ada"));
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_decode_waits_for_nobody() {
    let database = Database::default();
    let server = server(&database, namespace());
    let mut client = server.client().query("session=of-ada").connect().await.unwrap();
    database.log.lock().clear();
    let refused: Result<String, _> = client.emit_with_ack("both", "text").await;
    assert!(refused.unwrap_err().to_string().contains("decode"));
    assert!(database.log.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_the_answer_and_a_failure_is_reported() {
    let database = Database::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let namespace = namespace().on_error(move |_, failure| hears.lock().push(failure.to_string()));
    let server = server(&database, namespace);
    let refused = server.client().query("session=none").connect().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { message, .. } if message == "log in first"));
    assert!(heard.lock().is_empty(), "a stranger is no failure");

    let mut client = server.client().query("session=of-ada").connect().await.unwrap();
    *database.is_down.lock() = true;
    let failed: Result<Option<String>, _> = client.emit_with_ack("maybe", &()).await;
    assert!(failed.unwrap_err().to_string().contains("internal"));
    let refused = server.client().query("session=of-eve").connect().await.unwrap_err();
    assert!(matches!(
        refused,
        ConnectError::Refused { message, .. } if message.contains("could not be decided")
    ));
    let heard = heard.lock();
    assert!(heard[0].starts_with(r#""maybe" failed"#) && heard[1].starts_with(r#""(connect)""#));
    assert!(heard.iter().all(|told| told.ends_with("the database is down")), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn an_option_of_one_that_waits_is_none_where_it_rejects() {
    let database = Database::default();
    let maybe = async |user: Option<User>| Ack(user.is_some());
    let server = server(&database, Namespace::new("/").on("maybe", maybe));
    let mut ada = server.client().query("session=of-ada").connect().await.unwrap();
    let mut stranger = server.connect().await;
    assert!(ada.emit_with_ack::<_, bool>("maybe", &()).await.unwrap());
    assert!(!stranger.emit_with_ack::<_, bool>("maybe", &()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_handler_takes_them() {
    let database = Database::default();
    type Db = State<Database>;
    let namespace = Namespace::new("/")
        .on_connected(async |user: User, State(db): Db| {
            db.told.lock().push(format!("connected {}", user.0));
        })
        .before(async |State(db): Db, user: User, event: RawEvent| {
            db.told.lock().push(format!("before {} {}", user.0, event.name));
        })
        .fallback(async |State(db): Db, user: User, event: RawEvent| {
            db.told.lock().push(format!("fallback {} {}", user.0, event.name));
        })
        .on_disconnect(async |State(db): Db, user: User, reason: DisconnectReason| {
            db.told.lock().push(format!("gone {} {}", user.0, reason.as_str()));
        })
        .on_read(async |user: User, room: Option<Room>| {
            let is_own = room.as_deref() == Some(user.0.as_str());
            if is_own { Ok(()) } else { Err(EventError::new("closed", "not your room")) }
        })
        .on("unused", async |_: Local<String>| {});
    let server = server(&database, namespace);
    let client = server.client().query("session=of-ada").connect().await.unwrap();
    client.emit("unknown", &());
    until(|| database.told.lock().len() == 3).await;
    client.disconnect();
    until(|| database.told.lock().len() == 4).await;
    assert_eq!(
        *database.told.lock(),
        [
            "connected ada",
            "before ada unknown",
            "fallback ada unknown",
            "gone ada client namespace disconnect",
        ]
    );
    let head = request("/?session=of-ada");
    let visitor = server.server().admit("/", &head, "").await.unwrap();
    assert!(visitor.may_read("ada").await.is_ok());
    assert_eq!(visitor.may_read("eve").await.unwrap_err().message(), "not your room");
}

/// What a layer knows.
#[derive(Clone)]
struct Session(String);

#[derive(Clone)]
struct Language(&'static str);

/// An extractor of a user's own that reads an extension.
struct Name(String);

impl<S> FromContext<S> for Name {
    type Rejection = EventError;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, EventError> {
        Ok(Name(HttpExtension::<Session>::from_context(context)?.0.0))
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        <HttpExtension<Session> as FromContext<S>>::keep_extensions(kept)
    }
}

async fn behind_a_layer(namespace: Namespace) -> (Server, std::net::SocketAddr) {
    let server = Server::builder().namespace(namespace).build().unwrap();
    let layer = axum::middleware::from_fn(
        |mut request: axum::extract::Request, next: axum::middleware::Next| {
            let query = request.uri().query().unwrap_or_default();
            let user = query.split('&').find_map(|pair| pair.strip_prefix("user="));
            let session = user.map(|user| Session(user.to_owned()));
            session.map(|session| request.extensions_mut().insert(session));
            request.extensions_mut().insert(Language("en"));
            next.run(request)
        },
    );
    let app = axum::Router::new().fallback_service(server.clone().into_service()).layer(layer);
    let listeners = sockeye::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(sockeye_net::http::HttpServer::new(listeners, app).into_future());
    (server, address)
}

#[tokio::test]
async fn an_extension_is_kept_because_a_handler_takes_it() {
    let namespace = Namespace::new("/")
        .on("who", async |HttpExtension(session): HttpExtension<Session>| Ack(session.0))
        .on("kept", async |socket: Socket| Ack(socket.handshake().extensions().len()));
    let (_server, address) = behind_a_layer(namespace).await;
    let mut client = Client::open_with(address, "&user=ada").await;
    client.join("40").await;
    client.send(r#"421["who"]"#).await;
    client.expect(r#"431["ada"]"#).await;
    client.send(r#"422["kept"]"#).await;
    client.expect("432[1]").await;
}

#[tokio::test]
async fn optional_and_own_extractors_keep_it_too() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let namespace = Namespace::new("/")
        .on_connect(async |session: Option<HttpExtension<Session>>, socket: Socket| {
            socket.set(session.is_some());
        })
        .on_connected(async |language: HttpExtension<Language>, socket: Socket| {
            socket.emit("language", language.0.0)
        })
        .on("name", async |name: Name| Ack(name.0))
        .on_error(move |_, failure| hears.lock().push(failure.to_string()));
    let (_server, address) = behind_a_layer(namespace).await;
    let mut ada = Client::open_with(address, "&user=ada").await;
    ada.join("40").await;
    ada.expect(r#"42["language","en"]"#).await;
    ada.send(r#"421["name"]"#).await;
    ada.expect(r#"431["ada"]"#).await;
    let mut stranger = Client::open(address).await;
    stranger.join("40").await;
    stranger.expect(r#"42["language","en"]"#).await;
    stranger.send(r#"421["name"]"#).await;
    assert!(stranger.text().await.starts_with(r#"431[{"error":{"code":"internal""#));
    let heard = heard.lock();
    assert!(heard[0].contains("no extension of type extractors::Session"), "{heard:?}");
    assert!(heard[0].contains("is the layer that inserts it around the service"), "{heard:?}");
}

#[tokio::test]
async fn a_namespace_without_them_keeps_nothing() {
    let kept = async |socket: Socket| Ack(socket.handshake().extensions().len());
    let server = Server::builder().namespace(Namespace::new("/").on("kept", kept)).build().unwrap();
    let mut client = Client::connect(listen(&server).await).await;
    client.send(r#"421["kept"]"#).await;
    client.expect("431[0]").await;
}
