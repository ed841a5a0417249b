//! What fails, outside of an event's handler as well: who hears of it, what the client reads, what is
//! logged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::error::Error;
use std::io;
use std::sync::Arc;

use common::log::Log;
use common::{Client, in_memory, until};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use sockeye::{
    Ack, Acker, Context, DisconnectReason, EventError, FromContext, Namespace, PathParam, RawArgs,
    RawEvent, Refuse, Room, Server, Socket, Visitor,
};
use sockeye_testing::TestServer;
use tracing::Level;

/// What `on_error` heard, as text.
type Heard = Arc<Mutex<Vec<String>>>;

fn listening(namespace: Namespace) -> (Heard, Namespace) {
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    (heard, namespace.on_error(move |_, failure| hears.lock().push(failure.to_string())))
}

fn no_disk() -> io::Error {
    io::Error::other("the disk is full")
}

/// The head of a reader's request.
fn request(target: &str) -> http::request::Parts {
    http::Request::get(target).header("host", "localhost").body(()).unwrap().into_parts().0
}

const COULD_NOT_BE_DECIDED: &str =
    r#"44{"message":"whether you may come in could not be decided"}"#;

#[tokio::test]
async fn every_error_of_a_connect_handler_is_reported_and_told_to_nobody() {
    async fn question_mark(auth: Value) -> Result<(), Refuse> {
        if auth["fail"] == true {
            Err(no_disk())?;
        }
        Ok(())
    }
    async fn anyhow(auth: Value) -> anyhow::Result<()> {
        if auth["anyhow"] == true {
            return Err(anyhow::Error::new(no_disk()).context("the users cannot be read"));
        }
        Ok(())
    }
    async fn boxed(auth: Value) -> Result<(), Box<dyn Error>> {
        if auth["boxed"] == true { Err(no_disk().into()) } else { Ok(()) }
    }
    let namespace =
        Namespace::new("/").on_connect(question_mark).on_connect(anyhow).on_connect(boxed);
    let (heard, namespace) = listening(namespace);
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    for auth in [r#"{"fail":true}"#, r#"{"anyhow":true}"#, r#"{"boxed":true}"#] {
        client.send(&format!("40{auth}")).await;
        client.expect(COULD_NOT_BE_DECIDED).await;
    }
    let start = r#""(connect)" failed: this event could not be handled (internal): "#;
    assert_eq!(
        *heard.lock(),
        [
            format!("{start}the disk is full"),
            format!("{start}the users cannot be read: the disk is full"),
            format!("{start}the disk is full"),
        ]
    );
    client.join("40{}").await;
}

#[tokio::test]
async fn a_refusal_of_a_connection_is_no_failure() {
    #[derive(Deserialize)]
    struct Auth {
        code: u32,
    }
    async fn admit(auth: Auth) -> Result<(), EventError> {
        Err(EventError::new("banned", "come back later").with_data(&auth.code))
    }
    async fn by_hand(visitor: Visitor) -> Result<(), Refuse> {
        visitor.auth::<Auth>().map(drop).map_err(Into::into)
    }
    async fn by_hand_too(visitor: Visitor) -> Result<(), EventError> {
        visitor.auth::<Auth>().map(drop).map_err(Into::into)
    }
    let log = Log::default();
    let _guard = log.listen(Level::DEBUG);
    let (heard, namespace) = listening(Namespace::new("/").on_connect(admit));
    let [mine, other] = ["/by-hand", "/by-hand-too"].map(Namespace::new);
    let mine = mine.on_connect(by_hand);
    let server = in_memory([namespace, mine, other.on_connect(by_hand_too)]);
    let mut client = Client::open(&server).await;
    client.send(r#"40{"code":7}"#).await;
    client.expect(r#"44{"message":"come back later","data":7}"#).await;
    client.send(r#"40{"code":"secret"}"#).await;
    client.expect(r#"44{"message":"the `auth` is not what this namespace expects"}"#).await;
    // The same by hand.
    client.send(r#"40/by-hand-too,{"code":"secret"}"#).await;
    client
        .expect(r#"44/by-hand-too,{"message":"the `auth` is not what this namespace expects"}"#)
        .await;
    client.send(r#"40/by-hand,{"code":"secret"}"#).await;
    client
        .expect(r#"44/by-hand,{"message":"the `auth` is not what this namespace expects"}"#)
        .await;
    assert!(heard.lock().is_empty());
    assert_eq!(log.lines(Level::DEBUG, "visitor refused").len(), 4);
    assert!(log.lines(Level::WARN, "").is_empty());
    assert!(log.lines(Level::DEBUG, "secret").is_empty(), "an auth is not logged");
}

#[tokio::test]
async fn without_on_error_failures_are_warnings_and_refusals_are_not() {
    async fn admit(auth: Value) -> Result<(), io::Error> {
        if auth["fail"] == true { Err(no_disk()) } else { Ok(()) }
    }
    let namespace = Namespace::new("/")
        .on_connect(admit)
        .on("internal", async || Err::<(), _>(no_disk()))
        .on("expected", async || Err::<(), _>(EventError::new("full", "no room")))
        .on("number", async |_: u32| {})
        .on("by hand", async |args: RawArgs| Ok::<_, EventError>(Ack(args.decode::<u32>()?)));
    let log = Log::default();
    let _guard = log.listen(Level::DEBUG);
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.send(r#"40{"fail":true}"#).await;
    client.expect(COULD_NOT_BE_DECIDED).await;
    client.join("40").await;
    for packet in [
        r#"421["internal"]"#,
        r#"422["expected"]"#,
        r#"423["number","text"]"#,
        r#"424["by hand","text"]"#,
    ] {
        client.send(packet).await;
        client.text().await;
    }
    let warnings = log.lines(Level::WARN, "");
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings.iter().all(|line| line.contains("the disk is full")), "{warnings:#?}");
    assert!(warnings[0].contains("(connect)") && warnings[1].contains("internal"));
    assert_eq!(log.lines(Level::DEBUG, "event refused").len(), 3);
}

#[tokio::test]
async fn what_a_client_answers_is_no_warning_and_no_line_of_its_own() {
    async fn ask(socket: Socket) -> Result<Ack<u32>, EventError> {
        Ok(Ack(socket.emit_with_ack("number?", &()).await?))
    }
    async fn store(text: String) -> Result<(), EventError> {
        Err(io::Error::other(format!("{text} is in no table")))?;
        Ok(())
    }
    let log = Log::default();
    let _guard = log.listen(Level::DEBUG);
    let namespace = Namespace::new("/").on("ask", ask).on("store", store);
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    let long = "x".repeat(100_000);
    let answers = [
        format!(r#"["{long}"]"#),
        r#"[{"error":{"code":"no","message":"\n2026 ERROR all is lost"}}]"#.to_owned(),
        "[]".to_owned(),
    ];
    for (id, answer) in answers.iter().enumerate() {
        client.send(&format!(r#"42{id}["ask"]"#)).await;
        assert_eq!(client.text().await, format!(r#"42{id}["number?"]"#));
        client.send(&format!("43{id}{answer}")).await;
        let refusal = r#"[{"error":{"code":"no_answer","message":"the answer that this needed did not come"}}]"#;
        assert_eq!(client.text().await, format!("43{id}{refusal}"));
    }
    let lines = log.lines(Level::DEBUG, "event refused");
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.len() < 800), "{lines:#?}");
    assert!(log.lines(Level::WARN, "").is_empty());

    // What fails on this side may quote the client: it stays one line, and a short one.
    client.send(&format!(r#"427["store","\r\n{long}"]"#)).await;
    client.text().await;
    let lines = log.lines(Level::WARN, "event failed");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(r"\r\nxxx") && lines[0].len() < 600, "{}", lines[0]);
    let forged = log.lines(Level::ERROR, "all is lost");
    assert!(
        !forged.is_empty() && forged.iter().all(|line| line.contains(" DEBUG ")),
        "{forged:#?}"
    );
}

#[tokio::test]
async fn the_handlers_of_a_connection_and_its_end_may_fail_each_alone() {
    async fn welcome(socket: Socket) -> Result<(), sockeye::EmitError> {
        socket.emit("welcome", "hello")
    }
    async fn count() -> anyhow::Result<()> {
        tokio::task::yield_now().await;
        Err(no_disk().into())
    }
    async fn gone(_: Socket, reason: DisconnectReason) -> Result<(), EventError> {
        Err(EventError::new("gone", reason.as_str()))
    }
    let namespace = Namespace::new("/")
        .on_connected(async || Err::<(), _>("first"))
        .on_connected(count)
        .on_connected(welcome)
        .on_disconnect(gone)
        .on_disconnect(async || Err::<(), Box<dyn Error>>("last".into()));
    let (heard, namespace) = listening(namespace);
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    client.expect(r#"42["welcome","hello"]"#).await;
    until(|| heard.lock().len() == 2).await;
    client.send("41").await;
    until(|| heard.lock().len() == 4).await;
    let internal = "this event could not be handled (internal): ";
    assert_eq!(
        *heard.lock(),
        [
            format!(r#""(connected)" failed: {internal}first"#),
            format!(r#""(connected)" failed: {internal}the disk is full"#),
            r#""(disconnect)" failed: client namespace disconnect (gone)"#.to_owned(),
            format!(r#""(disconnect)" failed: {internal}last"#),
        ]
    );
}

#[tokio::test]
async fn a_panic_names_the_handler_it_was_in() {
    let (heard, namespace) = listening(Namespace::new("/").on_connected(async || {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }));
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    until(|| heard.lock().len() == 1).await;
    assert_eq!(heard.lock()[0], r#""(connected)" failed: on purpose (panic)"#);
}

#[tokio::test]
async fn a_fallback_may_answer_and_may_fail_under_the_events_own_name() {
    async fn unknown(acker: Acker<RawArgs>, event: RawEvent) -> Result<(), EventError> {
        match &*event.name {
            "ask" => acker.answer(&event.args)?,
            "at once" => Err(no_disk())?,
            "later" => {
                tokio::task::yield_now().await;
                return Err(EventError::new("unknown", "no such event").with_data(&event.name));
            }
            _ => {}
        }
        Ok(())
    }
    let (heard, namespace) = listening(Namespace::new("/").fallback(unknown));
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    client.send(r#"421["silent"]"#).await;
    client.send(r#"422["ask",{"a":1},2]"#).await;
    client.expect(r#"432[{"a":1},2]"#).await;
    client.send(r#"423["at once"]"#).await;
    client
        .expect(r#"433[{"error":{"code":"internal","message":"this event could not be handled"}}]"#)
        .await;
    client.send(r#"424["later"]"#).await;
    client
        .expect(r#"434[{"error":{"code":"unknown","message":"no such event","data":"later"}}]"#)
        .await;
    let heard = heard.lock();
    assert!(heard[0].starts_with(r#""at once" failed"#), "{heard:?}");
    assert_eq!(heard[1..], [r#""later" failed: no such event (unknown)"#]);
}

#[tokio::test]
async fn a_rule_that_fails_for_a_reader_is_a_warning() {
    async fn read(visitor: Visitor, room: Option<Room>) -> Result<(), EventError> {
        match room.as_deref() {
            Some("open") => Ok(()),
            Some("closed") => Err(Refuse::new("closed"))?,
            _ => {
                assert!(visitor.socket().is_none());
                Err(no_disk())?
            }
        }
    }
    let log = Log::default();
    let _guard = log.listen(Level::DEBUG);
    let namespace = Namespace::new("/").on_read(read);
    let server = Server::builder().namespace(namespace).build().unwrap();
    let visitor = server.admit("/", &request("/"), "").await.unwrap();
    assert!(visitor.may_read("open").await.is_ok());
    let refusal = visitor.may_read("secret").await.unwrap_err();
    assert_eq!(refusal.message(), "whether you may come in could not be decided");
    assert!(refusal.is_internal());
    let warnings = log.lines(Level::WARN, "a rule failed");
    assert!(warnings.len() == 1 && warnings[0].contains("the disk is full"), "{warnings:?}");
}

#[tokio::test]
async fn new_credentials_that_cannot_be_judged_are_an_internal_error() {
    async fn admit(auth: Value) -> Result<(), Refuse> {
        match auth["token"].as_str() {
            Some("broken") => Err(no_disk())?,
            Some("bad") => Err(Refuse::new("who?").with_data(&401)),
            _ => Ok(()),
        }
    }
    let namespace = Namespace::new("/").on_connect(admit).reauthenticate_on("token");
    let (heard, namespace) = listening(namespace);
    let server = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    client.send(r#"421["token",{"token":"bad"}]"#).await;
    client.expect(r#"431[{"error":{"code":"refused","message":"who?","data":401}}]"#).await;
    client.send(r#"422["token",{"token":"broken"}]"#).await;
    client
        .expect(r#"432[{"error":{"code":"internal","message":"this event could not be handled"}}]"#)
        .await;
    assert!(heard.lock()[1].ends_with("(internal): the disk is full"));
}

/// The client chose the name, so that it cannot fill the log.
#[tokio::test]
async fn a_part_of_a_name_that_is_not_of_its_type_is_a_refusal() {
    let log = Log::default();
    let _guard = log.listen(Level::DEBUG);
    let rooms = Namespace::new("/room-{id}").on_connect(async |_: PathParam<u32>| {});
    let plain = Namespace::new("/plain").on_connect(async |_: PathParam<u32>| {});
    let server = in_memory([rooms, plain]);
    let mut client = Client::open(&server).await;
    client.join("40/room-7,").await;
    client.send("40/room-x,").await;
    client
        .expect(r#"44/room-x,{"message":"the namespace's name is not one that is served"}"#)
        .await;
    assert!(log.lines(Level::WARN, "").is_empty());
    client.send("40/plain,").await;
    client.text().await;
    assert_eq!(log.lines(Level::WARN, "declare it as").len(), 1);
}

/// An extractor's rejection may be anything that is an error.
#[tokio::test]
async fn an_extractor_may_reject_with_anyhow() {
    struct Broken;

    impl<S> FromContext<S> for Broken {
        type Rejection = anyhow::Error;

        fn from_context(_: &mut Context<'_, S>) -> anyhow::Result<Self> {
            Err(no_disk().into())
        }
    }
    let (heard, namespace) = listening(Namespace::new("/").on("x", async |_: Broken| {}));
    let server: TestServer = in_memory([namespace]);
    let mut client = Client::open(&server).await;
    client.join("40").await;
    client.send(r#"421["x"]"#).await;
    assert!(client.text().await.starts_with(r#"431[{"error":{"code":"internal""#));
    assert!(heard.lock()[0].ends_with(": the disk is full"));
}
