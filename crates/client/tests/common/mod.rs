//! Scenarios that have to work against any server, ours and the official one. Both have the events
//! of `tests/node/server.mjs`.

#![allow(dead_code, unreachable_pub, clippy::print_stdout, clippy::unwrap_used)]

pub mod fake;

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sockeye_client::{
    Ack, AckError, Args, Backoff, Binary, Client, ConnectError, ConnectionState, DisconnectReason,
    Event, RawArgs, Reconnect, Transport,
};
use tokio::sync::mpsc;

pub const POLLING: &[Transport] = &[Transport::Polling];
pub const WEBSOCKET: &[Transport] = &[Transport::WebSocket];
pub const UPGRADE: &[Transport] = &[Transport::Polling, Transport::WebSocket];

const ECHO: Event<RawArgs> = Event::new("echo");
const NUMBER: Event<u32> = Event::new("number");
const NOTE: Event<String> = Event::new("note");
const SEEN: Event<(), Vec<String>> = Event::new("seen");

pub fn builder(
    url: &str,
    transports: &[Transport],
) -> sockeye_client::Builder<sockeye_client::NewSession> {
    let quick = Backoff {
        delay_min: Duration::from_millis(10),
        delay_max: Duration::from_millis(100),
        ..Backoff::default()
    };
    Client::builder(url).unwrap().transports(transports.iter().copied()).reconnect(quick)
}

/// Awaits a future for some seconds. A failure names what did not happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(value) => value,
        Err(_) => panic!("timed out: {what}"),
    }
}

async fn connect(url: &str, transports: &[Transport]) -> Client {
    soon("connect", builder(url, transports).connect()).await.unwrap()
}

async fn upgraded(client: &Client, transports: &[Transport]) {
    if transports == UPGRADE {
        soon("upgrade", async {
            while client.transport() != Some(Transport::WebSocket) {
                client.emit_with_ack::<_, ()>("ack", &()).await.unwrap();
            }
        })
        .await;
    }
}

pub async fn connects_and_closes(url: &str, transports: &[Transport]) {
    let client = connect(url, transports).await;
    assert_eq!(client.id().unwrap().len(), 20);
    assert!(transports.contains(&client.transport().unwrap()));
    upgraded(&client, transports).await;
    assert_eq!(client.transport(), transports.last().copied());
    let note = format!("closing {}", client.id().unwrap());
    client.emit(NOTE, &note).unwrap();
    // The official server drops events that are followed by a DISCONNECT in the same tick.
    soon("ack", client.emit_with_ack::<_, ()>("ack", &())).await.unwrap();
    soon("close", client.close()).await;
    assert_eq!(*client.state().borrow(), ConnectionState::Closed);
    assert_eq!(client.id(), None);

    let other = connect(url, transports).await;
    // The last event of the first client may still be on its way, on another connection.
    let left = "left: client namespace disconnect".to_owned();
    soon("both notes", async {
        loop {
            let seen: Vec<String> = other.emit_with_ack(SEEN, &()).await.unwrap();
            if seen.contains(&note) && seen.contains(&left) {
                break;
            }
        }
    })
    .await;
}

/// A plus in a URL means a plus, as for the official client, although servers read it as a space.
pub async fn the_query_arrives_as_it_was_meant(url: &str, transports: &[Transport]) {
    let client = builder(&format!("{url}/?token=ab+cd/ef%20g&EIO=9"), transports)
        .query("pair", "ab+cd/ef g&=%41한")
        .query("transport", "none")
        .connect();
    let client = soon("connect", client).await.unwrap();
    for (name, value) in [("token", "ab+cd/ef g"), ("pair", "ab+cd/ef g&=%41한"), ("EIO", "4")] {
        let found = client.emit_with_ack::<_, String>("query", name);
        assert_eq!(soon("query", found).await.unwrap(), value);
    }
    upgraded(&client, transports).await;
    soon("close", client.close()).await;
}

pub async fn is_refused_with_data(url: &str, transports: &[Transport]) {
    #[derive(Deserialize)]
    struct Data {
        code: u32,
    }
    let guarded = format!("{url}/guarded");
    let attempt = builder(&guarded, transports).auth(&json!({ "token": "wrong" })).connect();
    match soon("refusal", attempt).await {
        Err(ConnectError::Refused { message, data }) => {
            assert_eq!(message, "unauthorized");
            let data: Data = serde_json::from_value(data.unwrap()).unwrap();
            assert_eq!(data.code, 7);
        }
        other => panic!("{other:?}"),
    }
    let attempt = builder(&guarded, transports).auth(&json!({ "token": "secret" })).connect();
    soon("admission", attempt).await.unwrap();

    let nowhere = format!("{url}/nowhere");
    match soon("unknown namespace", builder(&nowhere, transports).connect()).await {
        Err(ConnectError::Refused { message, data }) => {
            assert_eq!((message.as_str(), data), ("Invalid namespace", None));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn events_go_both_ways_in_order(url: &str, transports: &[Transport]) {
    let client = connect(url, transports).await;
    let mut echoes = client.subscribe(ECHO);
    let payloads =
        [r#"1,"two",{"three":[3]}"#, r#""한국어 \" \\ \n""#, r#"{"b":1,"a":2}"#, "null", ""];
    for payload in payloads {
        client.emit("echo", &RawArgs::new(payload, &[])).unwrap();
    }
    for payload in payloads {
        let echo = soon("echo", echoes.next()).await.unwrap();
        assert_eq!(echo.json(), payload);
    }

    // Also during an upgrade nothing is lost or repeated, and the order is kept.
    let mut numbers = client.subscribe(NUMBER);
    let mut mine = client.subscribe::<u32>("echo");
    for number in 0..500_u32 {
        client.emit("echo", &number).unwrap();
        if number % 100 == 0 {
            client.emit("burst", &100).unwrap();
            tokio::task::yield_now().await;
        }
    }
    for expected in 0..500 {
        assert_eq!(soon("number from the echo", mine.next()).await, Some(expected));
    }
    for expected in 0..500 {
        assert_eq!(soon("number", numbers.next()).await, Some(expected % 100));
    }
    assert_eq!((mine.missed(), numbers.missed()), (0, 0));
}

pub async fn acks_go_both_ways(url: &str, transports: &[Transport]) {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
    }
    let client = soon(
        "connect",
        builder(url, transports)
            .on("question", async |question: String| Ack(Args((question + "!", 42))))
            .connect(),
    )
    .await
    .unwrap();
    let point = soon("ack", client.emit_with_ack::<_, Point>("ack", &Point { x: 1 })).await;
    assert_eq!(point.unwrap(), Point { x: 1 });
    let both = client.emit_with_ack::<_, Args<(u8, Value)>>("ack", &Args((1, Point { x: 2 })));
    assert_eq!(soon("ack", both).await.unwrap(), Args((1, json!({ "x": 2 }))));
    soon("empty ack", client.emit_with_ack::<_, ()>("ack", &())).await.unwrap();
    // Null is an argument; without an argument the server would not answer.
    let null = client.emit_with_ack::<_, Value>("ack", &Value::Null);
    assert_eq!(soon("ack of null", null).await.unwrap(), Value::Null);
    let none = client.emit_with_ack::<_, Args<(Value,)>>("ack", &None::<u8>);
    assert_eq!(soon("ack of none", none).await.unwrap(), Args((Value::Null,)));

    let wrong = soon("ack", client.emit_with_ack::<_, u32>("ack", "text")).await;
    assert!(matches!(&wrong, Err(AckError::Decode { event, .. }) if event == "ack"), "{wrong:?}");
    let number: u32 = soon("ack", client.emit_with_ack("ack", &7)).await.unwrap();
    assert_eq!(number, 7);
    let silent = client.emit_with_ack::<_, ()>("silent", &()).timeout(Duration::from_millis(50));
    let silence = soon("silence", silent).await.unwrap_err();
    assert_eq!(silence.to_string(), r#"no answer to "silent" in time"#);

    // Many at a time, awaited in another order than they were sent.
    let asked: Vec<_> =
        (0..100_u32).map(|number| client.emit_with_ack::<_, u32>("ack", &number)).collect();
    for (number, answer) in asked.into_iter().enumerate().rev() {
        assert_eq!(soon("ack", answer).await.unwrap(), number as u32);
    }

    let mut answered = client.subscribe::<(String, u32)>("answered");
    client.emit("ask", "really").unwrap();
    assert_eq!(soon("answer", answered.next()).await, Some(("really!".to_owned(), 42)));
}

pub async fn binary_goes_both_ways(url: &str, transports: &[Transport]) {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct File {
        name: String,
        parts: Vec<Binary>,
    }
    let client = connect(url, transports).await;
    let file = File {
        name: "a".to_owned(),
        parts: vec![
            Binary(Bytes::new()),
            Binary(Bytes::from_static(b"\x00\xff\x1e")),
            Binary(Bytes::from(vec![7; 200_000])),
        ],
    };
    let mut echoes = client.subscribe::<Args<(File, u8)>>("echo");
    client.emit("echo", &Args((&file, 9))).unwrap();
    assert_eq!(soon("echo", echoes.next()).await, Some(Args((file.clone(), 9))));
    let back = soon("ack", client.emit_with_ack::<_, File>("ack", &file)).await.unwrap();
    assert_eq!(back, file);
    upgraded(&client, transports).await;
    let back = soon("ack", client.emit_with_ack::<_, File>("ack", &file)).await.unwrap();
    assert_eq!(back, file);
}

pub async fn namespaces_share_a_session(url: &str, transports: &[Transport]) {
    let client = connect(url, transports).await;
    let chat = soon("join chat", client.namespace("chat").connect()).await.unwrap();
    assert_ne!(chat.id(), client.id());
    let again = soon("again", client.namespace("/chat").connect()).await;
    assert!(matches!(again, Err(ConnectError::InUse)), "{again:?}");
    let guarded = soon("guarded", client.namespace("/guarded").connect()).await;
    assert!(matches!(guarded, Err(ConnectError::Refused { .. })), "{guarded:?}");

    let mut said = chat.subscribe::<String>("said");
    let id = soon("join", chat.emit_with_ack::<_, String>("join", "room")).await.unwrap();
    assert_eq!(Some(&*id), chat.id().as_deref());
    chat.emit("say", &Args(("room", "hello"))).unwrap();
    assert_eq!(soon("said", said.next()).await.as_deref(), Some("hello"));

    soon("leave", chat.close()).await;
    assert_eq!(soon("end", said.next()).await, None);
    soon("the other goes on", client.emit_with_ack::<_, ()>("ack", &())).await.unwrap();
    soon("join again", client.namespace("/chat").connect()).await.unwrap();
    let state = client.state();
    drop(client);
    let mut watched = state;
    soon("closed by the drop", watched.wait_for(|s| *s == ConnectionState::Closed)).await.unwrap();
}

pub async fn the_server_may_disconnect(url: &str, transports: &[Transport]) {
    let (reasons, mut told) = mpsc::unbounded_channel();
    let client = soon(
        "connect",
        builder(url, transports)
            .on_disconnect(move |reason| {
                let reasons = reasons.clone();
                async move { reasons.send(reason).unwrap() }
            })
            .connect(),
    )
    .await
    .unwrap();
    let waiting = client.emit_with_ack::<_, ()>("silent", &());
    client.emit("expel", &()).unwrap();
    assert_eq!(soon("reason", told.recv()).await, Some(DisconnectReason::ServerDisconnect));
    assert!(matches!(soon("ack", waiting).await, Err(AckError::Disconnected { .. })));
    soon("closed", client.state().wait_for(|state| *state == ConnectionState::Closed))
        .await
        .unwrap();
    client.emit("echo", &1).unwrap();
    let late = soon("ack", client.emit_with_ack::<_, ()>("ack", &())).await;
    assert!(matches!(late, Err(AckError::Disconnected { .. })));
    drop(client);
    assert_eq!(soon("no second reason", told.recv()).await, None);
}

pub async fn lost_connections_are_made_again(url: &str, transports: &[Transport]) {
    let (sender, mut told) = mpsc::unbounded_channel();
    let (connects, asked) = (sender.clone(), std::sync::atomic::AtomicU32::new(0));
    let client = soon(
        "connect",
        builder(url, transports)
            .auth_with(move || {
                let turn = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                async move { json!({ "turn": turn }) }
            })
            .on_connect(move |_| {
                let connects = connects.clone();
                async move { connects.send("connected".to_owned()).unwrap() }
            })
            .on_disconnect(move |reason| {
                let sender = sender.clone();
                async move { sender.send(reason.as_str().to_owned()).unwrap() }
            })
            .connect(),
    )
    .await
    .unwrap();
    assert_eq!(soon("connect", told.recv()).await.unwrap(), "connected");
    upgraded(&client, transports).await;
    let first = client.id();
    let mut state = client.state();
    let sent = client.emit_with_ack::<_, ()>("silent", &());
    client.emit("cut", &()).unwrap();
    soon("loss", state.wait_for(|state| !state.is_connected())).await.unwrap();
    assert!(matches!(soon("sent ack", sent).await, Err(AckError::Disconnected { .. })));
    assert!(soon("reason", told.recv()).await.unwrap().starts_with("transport "));

    let mut echoes = client.subscribe::<u32>("echo");
    for number in 0..10_u32 {
        client.emit("echo", &number).unwrap();
    }
    let unsent = client.emit_with_ack::<_, Value>("auth", &());
    assert_eq!(soon("reconnect", told.recv()).await.unwrap(), "connected");
    for number in 0..10 {
        assert_eq!(soon("buffered", echoes.next()).await, Some(number));
    }
    assert_eq!(soon("buffered ack", unsent).await.unwrap(), json!({ "turn": 1 }));
    assert_ne!(client.id(), first);

    drop(client);
    assert_eq!(soon("reason", told.recv()).await.unwrap(), "io client disconnect");
}

pub async fn without_reconnection_a_loss_is_the_end(url: &str, transports: &[Transport]) {
    let attempt = builder(url, transports).reconnect(Reconnect::Never).connect();
    let client = soon("connect", attempt).await.unwrap();
    client.emit("cut", &()).unwrap();
    soon("closed", client.state().wait_for(|state| *state == ConnectionState::Closed))
        .await
        .unwrap();
}

/// The server pings each 300 ms and waits 5 s for the pong.
pub async fn heartbeats_are_answered(url: &str) {
    let over = async |transports| {
        let client = connect(url, transports).await;
        let mut state = client.state();
        state.mark_unchanged();
        let lost = tokio::time::timeout(Duration::from_secs(7), state.changed()).await;
        assert!(lost.is_err(), "{transports:?} was lost: {:?}", state.borrow());
        soon("still there", client.emit_with_ack::<_, ()>("ack", &())).await.unwrap();
    };
    tokio::join!(over(POLLING), over(WEBSOCKET), over(UPGRADE));
}

/// Runs a scenario over each way to connect.
#[macro_export]
macro_rules! over_every_transport {
    ($url:expr, $($scenario:ident),* $(,)?) => {
        $(for transports in [common::POLLING, common::WEBSOCKET, common::UPGRADE] {
            println!("{} over {transports:?}", stringify!($scenario));
            common::$scenario($url, transports).await;
        })*
    };
}
