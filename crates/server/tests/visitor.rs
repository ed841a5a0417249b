//! Admission, of sockets and of readers over plain HTTP, and what may be read from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::log::Log;
use common::{Client, in_memory, until, with_sync};
use http::request::Parts;
use serde::Deserialize;
use sockeye::engine::{Hooks, Rejection};
use sockeye::{
    Ack, Config, Context, EventError, FromContext, Handshake, Io, Local, Namespace, NoSocket,
    PathParam, PeerAddr, RecoveryConfig, Refuse, Room, Server, Socket, State, Visitor,
};
use sockeye_testing::TestServer;

/// The head of a reader's request.
fn request(uri: &str) -> Parts {
    http::Request::get(uri).header("host", "localhost").body(()).unwrap().into_parts().0
}

async fn read(server: &Server, namespace: &str) -> Result<Visitor, Refuse> {
    server.admit(namespace, &request("/"), "").await
}

fn reason<T: std::fmt::Debug>(refused: Result<T, Refuse>) -> String {
    refused.unwrap_err().message().to_owned()
}

fn build(namespaces: impl IntoIterator<Item = Namespace>) -> Server {
    namespaces.into_iter().fold(Server::builder(), |b, n| b.namespace(n)).build().unwrap()
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

struct User(String);

/// One rule for clients and readers.
async fn admit(visitor: Visitor, Token { token }: Token) -> Result<(), Refuse> {
    let name = token.strip_prefix("secret-of-").ok_or_else(|| Refuse::new("who?").with_data(&7))?;
    assert_eq!(visitor.auth::<Token>().unwrap().token, token);
    visitor.set(User(name.to_owned()));
    Ok(())
}

async fn who(Local(user): Local<User>) -> Ack<String> {
    Ack(user.0.clone())
}

#[tokio::test]
async fn one_rule_admits_clients_and_readers_and_its_data_stays_with_them() {
    let memory = in_memory([Namespace::new("/").on_connect(admit).on("who", who)]);
    let mut client = Client::open(&memory).await;
    client.send(r#"40{"token":"x"}"#).await;
    client.expect(r#"44{"message":"who?","data":7}"#).await;
    client.join(r#"40{"token":"secret-of-ada"}"#).await;
    client.send(r#"421["who"]"#).await;
    client.expect(r#"431["ada"]"#).await;

    let server = memory.server();
    let refused = server.admit("/", &request("/"), r#"{"token":"x"}"#).await.unwrap_err();
    assert_eq!((refused.message(), refused.data()), ("who?", "7"));
    let reader = server.admit("/", &request("/"), r#"{"token":"secret-of-eve"}"#).await.unwrap();
    assert_eq!(reader.get::<User>().unwrap().0, "eve");
    assert_eq!(reader.auth_json(), r#"{"token":"secret-of-eve"}"#);
    assert!(reader.socket().is_none());
    // It is nobody that the namespace knows.
    assert_eq!(reader.io().sockets().len(), 1);
    // Each time is decided separately.
    let again = server.admit("/", &request("/"), r#"{"token":"secret-of-bob"}"#).await.unwrap();
    assert_eq!(again.get::<User>().unwrap().0, "bob");
    assert_eq!(reader.get::<User>().unwrap().0, "eve");
}

#[tokio::test]
async fn an_auth_that_is_no_object_is_refused_before_any_rule() {
    let asked = async |_: Visitor| -> Result<(), Refuse> { panic!("asked") };
    let server = build([Namespace::new("/").on_connect(asked)]);
    for auth in ["1", "[]", "{", "{}x", "null", r#""{}""#] {
        let refused = server.admit("/", &request("/"), auth).await;
        assert_eq!(reason(refused), "the auth is not a JSON object", "{auth}");
    }
}

/// All extractors but the socket's.
#[derive(Debug, PartialEq)]
struct Seen {
    state: u32,
    namespace: String,
    param: u32,
    query: String,
    address: Option<std::net::SocketAddr>,
    has_socket: bool,
    has_other_param: bool,
}

#[tokio::test]
async fn what_needs_no_socket_is_extracted_for_readers_too() {
    async fn look(
        (State(state), io): (State<u32>, Io),
        PathParam(param): PathParam<u32>,
        handshake: Arc<Handshake>,
        socket: Option<Socket>,
        other: Option<PathParam<bool>>,
        visitor: Visitor,
    ) {
        visitor.set(Seen {
            state,
            namespace: io.namespace().to_owned(),
            param,
            query: handshake.query("q").unwrap().into_owned(),
            address: handshake.address(),
            has_socket: socket.is_some(),
            has_other_param: other.is_some(),
        });
    }
    let seen = async |socket: Socket, seen: Local<Seen>| {
        assert!(socket.handshake().address().is_some());
        Ack(format!("{seen:?}"))
    };
    let look = async |state: State<u32>, io: Io, param, handshake, socket, other, visitor| {
        look((state, io), param, handshake, socket, other, visitor).await;
    };
    let room = Namespace::new("/room-{number}").on_connect(look).on("seen", seen);
    let server = Server::builder().state(9_u32).namespace(room).build().unwrap();
    let memory = TestServer::new(server);
    let mut client = Client::open_with(&memory, "&q=socket").await;
    client.join("40/room-7,").await;
    client.send(r#"42/room-7,1["seen"]"#).await;
    let reply = client.text().await;
    assert!(reply.contains(r#"param: 7, query: \"socket\""#), "{reply}");
    assert!(reply.contains("has_socket: true, has_other_param: false"), "{reply}");

    let address = "192.0.2.7:80".parse().unwrap();
    let mut head = request("/?q=reader");
    head.extensions.insert(PeerAddr(address));
    let reader = memory.server().admit("room-7", &head, "").await.unwrap();
    assert_eq!((reader.namespace(), reader.param("number")), ("/room-7", Some("7")));
    let expected = Seen {
        state: 9,
        namespace: "/room-7".to_owned(),
        param: 7,
        query: "reader".to_owned(),
        address: Some(address),
        has_socket: false,
        has_other_param: false,
    };
    assert_eq!(*reader.get::<Seen>().unwrap(), expected);
}

#[tokio::test]
async fn a_rule_that_asks_for_the_socket_lets_no_reader_in() {
    /// An extractor of the application's, which takes something of the socket.
    struct InRoom(#[allow(dead_code)] bool);
    impl<S> FromContext<S> for InRoom {
        type Rejection = NoSocket;

        fn from_context(context: &mut Context<'_, S>) -> Result<Self, NoSocket> {
            Ok(InRoom(context.socket()?.rooms().len() > 1))
        }
    }
    let memory = in_memory([
        Namespace::new("/").on_connect(async |_: Socket| {}),
        Namespace::new("/own").on_connect(async |_: InRoom| {}),
        // One of several is enough.
        Namespace::new("/two").on_connect(async |_: Visitor| {}).on_connect(async |_: Socket| {}),
    ]);
    for path in ["/", "/own", "/two"] {
        let refused = reason(read(memory.server(), path).await);
        assert!(refused.ends_with("one that asks for `Visitor` lets readers in too"), "{refused}");
        Client::open(&memory).await.join(&format!("40{path},")).await;
    }
}

#[tokio::test]
async fn a_reader_comes_by_the_doors_that_sessions_come_by() {
    let mut config = Config::default();
    config.engine.hooks =
        Hooks::new().allow_request(async |handshake| match handshake.query("key").as_deref() {
            Some("right") => Ok(()),
            Some("panic") => panic!("in the hook"),
            _ => Err(Rejection::new("no key")),
        });
    let server = Server::builder().config(config).build().unwrap();
    let admit = async |request| server.admit("/", &request, "").await;
    assert!(admit(request("/?key=right")).await.is_ok());
    assert_eq!(reason(admit(request("/")).await), "no key");
    let refused = reason(admit(request("/?key=panic")).await);
    assert_eq!(refused, "whether you may come in could not be decided");
    let mut elsewhere = request("/?key=right");
    elsewhere.headers.insert("origin", "http://evil.test".parse().unwrap());
    let refused = reason(admit(elsewhere).await);
    assert_eq!(refused, "the origin of this page is not among those that are allowed");
    let mut post = request("/?key=right");
    post.method = http::Method::POST;
    assert!(admit(post).await.is_ok(), "the method is for whoever serves it");
}

#[tokio::test]
async fn without_a_guard_nothing_is_read() {
    let server = build([Namespace::new("/").on_connect(async |_: Visitor| {})]);
    let reader = read(&server, "/").await.unwrap();
    let closed = "nobody reads this namespace from outside: it has no rule in `Namespace::on_read`";
    assert_eq!(reason(reader.may_read("news").await), closed);
    assert_eq!(reason(reader.may_read_namespace().await), closed);
}

async fn news_only(room: Option<Room>) -> Result<(), Refuse> {
    match room.as_deref() {
        Some("news") => Ok(()),
        Some(other) => Err(Refuse::new("members only").with_data(&other)),
        None => Err(Refuse::new("not everything")),
    }
}

#[tokio::test]
async fn a_guard_opens_what_it_says_yes_to() {
    let members = async |State(open): State<bool>, Local(user): Local<User>| match open {
        true if user.0 == "ada" => Ok(()),
        _ => Err(Refuse::new("not you")),
    };
    let server = Server::builder()
        .state(true)
        .namespace(Namespace::new("/news").on_read(news_only))
        .namespace(Namespace::new("/open").on_read(async || {}))
        .namespace(Namespace::new("/both").on_connect(admit).on_read(members).on_read(news_only))
        .build()
        .unwrap();
    let news = read(&server, "/news").await.unwrap();
    assert!(news.may_read("news").await.is_ok());
    let refused = news.may_read("staff").await.unwrap_err();
    assert_eq!((refused.message(), refused.data()), ("members only", r#""staff""#));
    assert_eq!(reason(news.may_read_namespace().await), "not everything");

    let open = read(&server, "/open").await.unwrap();
    assert!(open.may_read("anything".to_owned()).await.is_ok());
    assert!(open.may_read_namespace().await.is_ok());

    for (token, expected) in [("ada", "members only"), ("eve", "not you")] {
        let auth = format!(r#"{{"token":"secret-of-{token}"}}"#);
        let both = server.admit("/both", &request("/"), &auth).await.unwrap();
        assert_eq!(both.may_read("news").await.is_ok(), token == "ada");
        assert_eq!(reason(both.may_read("staff").await), expected);
    }
}

/// The same rule for who may join.
#[tokio::test]
async fn a_client_is_asked_by_the_same_guard() {
    async fn join(visitor: Visitor, socket: Socket, room: String) -> Result<(), EventError> {
        let refused = |refusal: Refuse| EventError::new("refused", refusal.message().to_owned());
        visitor.may_read(room.as_str()).await.map_err(refused)?;
        socket.join(room);
        Ok(())
    }
    let memory = in_memory([Namespace::new("/").on_read(news_only).on("join", join)]);
    let mut client = Client::connect(&memory).await;
    client.send(r#"421["join","news"]"#).await;
    client.expect("431[]").await;
    client.send(r#"422["join","staff"]"#).await;
    client.expect(r#"432[{"error":{"code":"refused","message":"members only"}}]"#).await;
    assert_eq!(memory.server().io().to("news").sockets().len(), 1);
}

#[tokio::test]
async fn what_is_sent_to_one_socket_is_read_by_nobody_else() {
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    let names = Arc::new(AtomicU32::new(0));
    config.engine.hooks = Hooks::new().generate_id(move |_| {
        let id = format!("session.{}", names.fetch_add(1, Ordering::Relaxed));
        async move { Some(id) }
    });
    let open = |path| with_sync(Namespace::new(path)).on_read(async || {});
    let server = Server::builder().config(config).namespace(open("/")).namespace(open("/chat"));
    let memory = TestServer::new(server.build().unwrap());
    let server = memory.server();
    let mut client = Client::open(&memory).await;
    let id = client.join("40").await;
    let reader = read(server, "/").await.unwrap();
    let own = "a room whose name could be the id of a socket is not read from outside";
    assert_eq!(reason(reader.may_read(id.as_str()).await), own);
    drop(client);
    until(|| server.sessions() == 0).await;
    assert_eq!(reason(reader.may_read(id.as_str()).await), own, "also when it is gone");

    // Of a client of Socket.IO 2 it is the session's.
    let mut old = Client::open_with(&memory, "&EIO=3").await;
    old.expect("40").await;
    assert!(server.io().socket("session.1").is_some());
    assert_eq!(reason(reader.may_read("session.1").await), own);
    let chat = read(server, "/chat").await.unwrap();
    assert_eq!(reason(chat.may_read("/chat#session.1").await), own);
    assert_eq!(reason(chat.may_read("/chat#session.9").await), own);
    for room in ["session.9", "news", "a-name-of-21-letters-", "/chat#", ""] {
        assert!(reader.may_read(room).await.is_ok(), "{room}");
    }
}

#[tokio::test]
async fn a_reader_makes_no_namespace() {
    let config = Config { cleanup_empty_child_namespaces: true, ..Config::default() };
    let documents = [
        Namespace::new("/doc-{id}").on_read(async || {}),
        Namespace::matching(async |name: String| name == "/made").on_read(async || {}),
    ];
    let builder =
        documents.into_iter().fold(Server::builder().config(config), |b, n| b.namespace(n));
    let memory = TestServer::new(builder.build().unwrap());
    let server = memory.server();
    for path in ["/doc-1", "/made", "/other", "doc-1", ""] {
        let refused = read(server, path).await;
        if path.is_empty() {
            assert!(refused.is_ok(), "the namespace `/`");
        } else {
            assert_eq!(reason(refused), "Invalid namespace", "{path}");
        }
    }
    assert_eq!(server.namespaces().len(), 1);
    let mut client = Client::open(&memory).await;
    client.join("40/doc-1,").await;
    let reader = read(server, "/doc-1").await.unwrap();
    assert_eq!(reader.param("id"), Some("1"));
    assert!(reader.may_read_namespace().await.is_ok());
    client.send("41/doc-1,").await;
    until(|| server.namespaces().len() == 1).await;
    assert_eq!(reason(read(server, "/doc-1").await), "Invalid namespace");
    // The one that is gone comes back for the handle that is left.
    client.join("40/doc-1,").await;
    assert_eq!(reader.io().sockets().len(), 1);
}

#[tokio::test]
async fn a_panic_refuses_its_visitor_alone() {
    /// Panics where it is configured to.
    async fn rule(visitor: Visitor) {
        tokio::task::yield_now().await;
        assert_ne!(visitor.handshake().query("at").as_deref(), Some("connect"), "a panic");
    }
    struct Extracted;
    impl<S> FromContext<S> for Extracted {
        type Rejection = std::convert::Infallible;

        fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
            let visitor = context.visitor();
            assert_ne!(visitor.handshake().query("at").as_deref(), Some("extract"), "a panic");
            Ok(Extracted)
        }
    }
    async fn guard(visitor: Visitor, _: Option<Room>) {
        assert_ne!(visitor.handshake().query("at").as_deref(), Some("read"), "a panic");
    }
    let guarded = with_sync(Namespace::new("/"))
        .on_connect(rule)
        .on_connect(async |_: Extracted| {})
        .on_read(guard);
    let memory = in_memory([guarded]);
    let server = memory.server();
    let mut bystander = Client::connect(&memory).await;
    let admit = async |at: &str| server.admit("/", &request(&format!("/?at={at}")), "").await;
    let panicked = "whether you may come in could not be decided";
    assert_eq!(reason(admit("connect").await), panicked);
    assert_eq!(reason(admit("extract").await), panicked);
    let reader = admit("read").await.unwrap();
    assert_eq!(reason(reader.may_read("news").await), panicked);
    assert!(admit("nowhere").await.unwrap().may_read("news").await.is_ok());
    for at in ["&at=connect", "&at=extract"] {
        let mut client = Client::open_with(&memory, at).await;
        client.send("40").await;
        client.expect_closed().await;
    }
    bystander.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_never_ends_refuses_in_time() {
    let config = Config { connect_timeout: Duration::from_secs(5), ..Config::default() };
    let endless = Namespace::new("/endless").on_connect(async |_: Visitor| {
        std::future::pending::<()>().await;
    });
    let unread = Namespace::new("/unread").on_read(async || std::future::pending::<()>().await);
    let builder = Server::builder().config(config).namespace(endless).namespace(unread);
    let server = builder.build().unwrap();
    let begin = tokio::time::Instant::now();
    let refused = reason(read(&server, "/endless").await);
    assert_eq!(refused, "whether you may come in was not decided in time");
    assert_eq!(begin.elapsed().as_secs(), 5);
    let reader = read(&server, "/unread").await.unwrap();
    assert_eq!(reason(reader.may_read("news").await), refused);
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn new_credentials_are_what_the_rules_see_of_the_visitor() {
    async fn judge(visitor: Visitor) -> Result<(), Refuse> {
        let Token { token } = visitor.auth().map_err(|_| Refuse::new("no token"))?;
        let name = token.strip_prefix("secret-of-").ok_or_else(|| Refuse::new("expired"))?;
        visitor.set(User(name.to_owned()));
        Ok(())
    }
    let judged = Namespace::new("/").on_connect(judge).on("who", who);
    let memory = in_memory([judged.reauthenticate_on("renew")]);
    let mut client = Client::open(&memory).await;
    client.join(r#"40{"token":"secret-of-ada"}"#).await;
    for (auth, answer) in [
        (r#",{"token":"old"}"#, r#"{"error":{"code":"refused","message":"expired"}}"#),
        ("", r#"{"error":{"code":"refused","message":"no token"}}"#),
        (r#",{"token":"secret-of-bob"}"#, ""),
    ] {
        client.send(&format!(r#"421["renew"{auth}]"#)).await;
        client.expect(&format!("431[{answer}]")).await;
    }
    client.send(r#"422["who"]"#).await;
    client.expect(r#"432["bob"]"#).await;
}

/// What a layer of an axum application knows of a request.
#[derive(Clone, Debug, PartialEq)]
struct Session(String);

/// What it knows too, and no namespace asks for.
#[derive(Clone)]
struct Trace(#[allow(dead_code)] Arc<()>);

#[tokio::test]
async fn extensions_of_a_layer_reach_every_rule_and_handler() {
    async fn admit(handshake: Arc<Handshake>) -> Result<(), Refuse> {
        let session = handshake.extension::<Session>().ok_or_else(|| Refuse::new("log in"))?;
        assert!(handshake.extensions().get::<Trace>().is_none());
        assert_eq!(handshake.extensions().len(), 1, "the listener's own are not kept");
        assert_eq!(session.0, handshake.query("user").unwrap());
        Ok(())
    }
    let who = async |socket: Socket| {
        Ack(socket.handshake().extension::<Session>().map(|session| session.0.clone()))
    };
    let server = Server::builder()
        .keep_extension::<Session>()
        .config(Config::default())
        .namespace(Namespace::new("/").on_connect(admit).on("who", who))
        .build()
        .unwrap();
    let traces = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let traced = Arc::clone(&traces);
    let layer = axum::middleware::from_fn(
        move |mut request: axum::extract::Request, next: axum::middleware::Next| {
            let query = request.uri().query().unwrap_or_default();
            let user = query.split('&').find_map(|pair| pair.strip_prefix("user="));
            let session = user.map(|user| Session(user.to_owned()));
            session.map(|session| request.extensions_mut().insert(session));
            let trace = Arc::new(());
            traced.lock().push(Arc::downgrade(&trace));
            request.extensions_mut().insert(Trace(trace));
            next.run(request)
        },
    );
    let app = axum::Router::new().fallback_service(server.clone().into_service()).layer(layer);
    let listeners = sockeye::bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(sockeye_net::http::HttpServer::new(listeners, app).into_future());

    let mut stranger = Client::open(address).await;
    stranger.send("40").await;
    stranger.expect(r#"44{"message":"log in"}"#).await;
    let mut client = Client::open_with(address, "&user=ada").await;
    client.join("40").await;
    client.send(r#"421["who"]"#).await;
    client.expect(r#"431["ada"]"#).await;
    // What was not to be kept was dropped with its request.
    assert_eq!(traces.lock().len(), 2);
    until(|| traces.lock().iter().all(|trace| trace.strong_count() == 0)).await;

    let mut head = request("/?user=eve");
    assert_eq!(reason(server.admit("/", &head, "").await), "log in");
    head.extensions.insert(Session("eve".to_owned()));
    let reader = server.admit("/", &head, "").await.unwrap();
    assert_eq!(reader.handshake().extension(), Some(&Session("eve".to_owned())));
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_namespace_and_cause_but_no_credentials() {
    let log = Log::default();
    let _guard = log.listen(tracing::Level::DEBUG);
    let number = async |_: u32| {};
    let memory = in_memory([
        Namespace::new("/").on_connect(admit),
        Namespace::new("/missing").on_connect(async |_: Local<User>| {}),
        Namespace::new("/number").on_connect(number).on_read(news_only),
    ]);
    let mut client = Client::open(&memory).await;
    client.send(r#"40{"token":"credential"}"#).await;
    client.expect(r#"44{"message":"who?","data":7}"#).await;
    let server = memory.server();
    let auth = r#"{"token":"credential"}"#;
    for path in ["/", "/missing", "/number"] {
        server.admit(path, &request("/?token=credential"), auth).await.unwrap_err();
    }
    let log = log.text();
    let is_refusal =
        |line: &&str| line.contains("visitor refused") || line.contains("a rule failed");
    let refusals: Vec<_> = log.lines().filter(is_refusal).collect();
    assert_eq!(refusals.len(), 4, "{log}");
    let has = |number: usize, text: &str| {
        assert!(refusals[number].contains(text), "{text:?} is not in {}", refusals[number]);
    };
    has(0, r#"nsp="/" refusal=who?"#);
    has(1, r#"nsp="/" rules="on_connect" refusal=who?"#);
    has(2, r#"nsp="/missing""#);
    has(2, "User is set");
    has(3, r#"nsp="/number""#);
    // That nothing sets what a rule takes is a mistake of the program.
    let levels = ["DEBUG", "DEBUG", "WARN", "DEBUG"];
    assert!(refusals.iter().zip(levels).all(|(line, level)| line.contains(level)), "{log}");
    assert!(!log.contains("credential"), "{log}");
}

async fn come_back(memory: &TestServer, auth: &str) -> serde_json::Value {
    let mut client = Client::open(memory).await;
    client.send(&format!("40{auth}")).await;
    let reply = client.text().await;
    serde_json::from_str(reply.strip_prefix("40").unwrap()).unwrap()
}

#[tokio::test]
async fn recovery_compares_what_was_set_on_the_visitor() {
    let config = || Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let same = |old: &User, new: &User| old.0 == new.0;
    let server = |namespace| {
        let builder = Server::builder().config(config()).namespace(namespace);
        TestServer::new(builder.build().unwrap())
    };
    let memory = server(Namespace::new("/").on_connect(admit).same_user(same));
    let auth = |name: &str, pid: &str| format!(r#"{{"token":"secret-of-{name}","pid":"{pid}"}}"#);
    let first = come_back(&memory, r#"{"token":"secret-of-ada"}"#).await;
    let pid = first["pid"].as_str().unwrap();
    let thief = come_back(&memory, &auth("eve", pid)).await;
    assert_eq!((&thief["recovery"], thief["sid"] == first["sid"]), (&"other_user".into(), false));
    let again = come_back(&memory, &auth("ada", pid)).await;
    assert_eq!((&again["recovery"], &again["sid"]), (&serde_json::Value::Null, &first["sid"]));

    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let count = move |_: Visitor| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let namespace = Namespace::new("/").on_connect(count).skip_on_connect_when_recovered();
    let memory = server(namespace);
    let first = come_back(&memory, "").await;
    let pid = first["pid"].as_str().unwrap();
    let again = come_back(&memory, &format!(r#"{{"pid":"{pid}"}}"#)).await;
    assert_eq!((&again["sid"], asked.load(Ordering::Relaxed)), (&first["sid"], 1));
    // A reader has nothing to continue.
    let auth = format!(r#"{{"pid":"{pid}"}}"#);
    memory.server().admit("/", &request("/"), &auth).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
