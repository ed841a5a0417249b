//! What test clients see, and what fails a test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye::{Ack, Args, Binary, Event, EventError, Handshake, Namespace, Refuse, Server, Socket};
use sockeye_testing::{AckError, ConnectError, Ended, RawEvent, TestClient, TestServer};

type Both = Args<(String, Binary)>;

const ECHO: Event<Both, Both> = Event::new("echo");
const NUMBER: Event<u32> = Event::new("number");
const QUESTION: Event<String, u32> = Event::new("question");

#[derive(Serialize, Deserialize)]
struct Token {
    name: String,
}

async fn admit(socket: Socket, token: Token) -> Result<(), Refuse> {
    if token.name == "nobody" {
        return Err(Refuse::new("who?").with_data(&7));
    }
    socket.join(token.name);
    Ok(())
}

fn start() -> TestServer {
    let main = Namespace::new("/")
        .on(ECHO, async |both: Both| Ack(both))
        .on("fail", async || Err::<(), _>(EventError::new("failed", "as asked")))
        .on("kick me", async |socket: Socket| socket.disconnect())
        .on("close me", async |socket: Socket| socket.close_session())
        .on("ask me", async |socket: Socket, text: String| {
            let answer: u32 = socket.emit_with_ack(QUESTION, &text).await?;
            Ok::<_, EventError>(Ack(answer + 1))
        })
        .on("never", async || std::future::pending::<()>().await)
        .on("who", async |handshake: std::sync::Arc<Handshake>| {
            let agent = handshake.header("user-agent").unwrap_or_default();
            let agent = String::from_utf8_lossy(agent).into_owned();
            let color = handshake.query("color").unwrap_or_default().into_owned();
            Ack((agent, color, handshake.address()))
        });
    let users = Namespace::new("/users").on_connect(admit);
    TestServer::new(Server::builder().namespace(main).namespace(users).build().unwrap())
}

async fn panic_of(test: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(test).await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn events_and_answers_go_both_ways() {
    let server = start();
    let mut client = server.connect().await;
    let sent = Args(("text".to_owned(), Binary(vec![1, 2, 3].into())));
    let Args((text, data)) = client.emit_with_ack(ECHO, &sent).await.unwrap();
    assert_eq!((text.as_str(), &*data.0), ("text", &[1, 2, 3][..]));
    server.server().io().emit(NUMBER, &5).unwrap();
    assert_eq!(client.expect_event(NUMBER).await, 5);
    let socket = server.server().io().socket(client.id()).unwrap();
    let asked = tokio::spawn(socket.emit_with_ack(QUESTION, "how many?").into_future());
    let (question, answerer) = client.expect_request(QUESTION).await;
    assert_eq!(question, "how many?");
    answerer.answer(&3);
    assert_eq!(asked.await.unwrap().unwrap(), 3);
    client.expect_no_event().await;
    let Err(AckError::Remote(error)) = client.emit_with_ack::<_, ()>("fail", &()).await else {
        panic!("an error")
    };
    assert_eq!((error.code.as_str(), error.message.as_str()), ("failed", "as asked"));
    let wrong = client.emit_with_ack::<_, u32>("echo", &sent).await;
    assert!(matches!(wrong, Err(AckError::Decode { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_expected_fails_the_test() {
    let server = start();
    let emit = |number: u32| server.server().io().emit(NUMBER, &number).unwrap();
    let mut client = server.connect().await;
    emit(1);
    let other = panic_of(async move {
        client.expect_event(QUESTION).await;
    })
    .await;
    assert_eq!(other, r#"the event "question" was expected, but the event "number" came with [1]"#);
    let mut client = server.connect().await;
    emit(2);
    let unwanted = panic_of(async move { client.expect_no_event().await }).await;
    assert_eq!(unwanted, r#"nothing was expected, but the event "number" came with [2]"#);
    let mut client = server.connect().await;
    let nothing = panic_of(async move {
        client.expect_event(NUMBER).await;
    })
    .await;
    assert_eq!(nothing, r#"the event "number" was expected, but nothing came"#);
    let mut client = server.connect().await;
    server.server().io().emit("number", "text").unwrap();
    let shape = panic_of(async move {
        client.expect_event(NUMBER).await;
    })
    .await;
    assert!(shape.starts_with(r#""number" came with "text", which is no u32"#), "{shape}");
    let mut client = server.connect().await;
    emit(3);
    let unasked = panic_of(async move {
        let _ = client.expect_request(NUMBER).await;
    });
    assert_eq!(unasked.await, r#"the event "number" asks for no answer"#);
    let mut client = server.connect().await;
    client.emit("kick me", &());
    let end = panic_of(async move {
        client.expect_event(NUMBER).await;
    })
    .await;
    assert!(end.ends_with("but the server disconnected the client"), "{end}");
    let mut client = server.connect().await;
    let no_end = panic_of(async move {
        let _ = client.expect_end().await;
    })
    .await;
    assert_eq!(no_end, "the end was expected, but nothing came");
}

#[tokio::test(start_paused = true)]
async fn ends_are_told_apart() {
    let server = start();
    let mut client = server.connect().await;
    client.emit("kick me", &());
    assert_eq!(client.expect_end().await, Ended::ByServer);
    let mut client = server.connect().await;
    client.emit("close me", &());
    assert_eq!(client.expect_end().await, Ended::ByServer);
    assert_eq!(client.expect_end().await, Ended::Closed);
    let after = client.emit_with_ack::<_, ()>("fail", &()).await;
    assert!(matches!(after, Err(AckError::Disconnected { .. })));
    let client = server.connect().await;
    client.disconnect();
    let mut last = server.connect().await;
    last.expect_no_event().await;
    assert_eq!(server.server().io().sockets().len(), 1);
    drop(last);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(server.server().io().sockets().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_errors() {
    let server = start();
    let users = || server.client().namespace("/users");
    let refused = users().auth(&Token { name: "nobody".to_owned() }).connect().await;
    let Err(ConnectError::Refused { message, data }) = refused else { panic!("{refused:?}") };
    assert_eq!((message.as_str(), data), ("who?", Some(serde_json::json!(7))));
    assert!(matches!(users().connect().await, Err(ConnectError::Refused { .. })), "no token");
    let client = users().auth(&Token { name: "ann".to_owned() }).connect().await.unwrap();
    let rooms = server.server().of("/users").unwrap().to("ann").sockets();
    assert_eq!(rooms[0].id().as_str(), client.id());
    let unknown = server.client().namespace("/unknown").connect().await;
    assert!(
        matches!(unknown, Err(ConnectError::Refused { message, .. }) if message == "Invalid namespace")
    );
    let elsewhere = server.client().header("Origin", "https://elsewhere.example").connect().await;
    assert!(matches!(elsewhere, Err(ConnectError::Http { .. })), "{elsewhere:?}");
}

#[tokio::test(start_paused = true)]
async fn the_request_is_the_tests_choice() {
    let server = start();
    let address = "203.0.113.7:9".parse().unwrap();
    let client = server.client().header("User-Agent", "test").query("color=red").address(address);
    let mut client: TestClient = client.connect().await.unwrap();
    let who = client.emit_with_ack::<_, (String, String, String)>("who", &()).await.unwrap();
    assert_eq!(who, ("test".to_owned(), "red".to_owned(), "203.0.113.7:9".to_owned()));
    // `xdomain` of the official server: whether a page sent it, here one of the same origin.
    let page = server.client().header("Origin", "http://in-memory").connect().await.unwrap();
    let has_origin = |id: &str| server.server().io().socket(id).unwrap().handshake().has_origin();
    assert!(has_origin(page.id()) && !has_origin(client.id()));
}

/// What the methods return is named by this crate alone.
#[tokio::test(start_paused = true)]
async fn the_types_of_what_comes_are_here() {
    let server = TestServer::new(Server::builder().namespace(Namespace::new("/")).build().unwrap());
    let mut client = server.connect().await;
    server.server().io().emit("news", &1).unwrap();
    let event: Option<RawEvent> = client.next_event().await;
    let RawEvent { name, args } = event.unwrap();
    assert_eq!((&*name, args.json()), ("news", "1"));
    client.set_patience(Duration::from_secs(1));
    let answer: Result<u32, AckError> = client.emit_with_ack("nobody answers", &()).await;
    assert!(answer.is_err());
}
