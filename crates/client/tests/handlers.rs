//! Handlers: their order, their answers, and errors and panics in them.

#![allow(clippy::unwrap_used)]

mod common;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::fake::Fake;
use common::soon;
use serde_json::Value;
use sockeye_client::{
    Ack, AckError, Args, Binary, Client, ConnectError, EmitError, EncodeError, Event, EventError,
    Limits, RawEvent,
};
use tokio::sync::{Semaphore, mpsc};

const ADD: Event<(u32, u32), u32> = Event::new("add");

#[tokio::test]
async fn every_kind_of_answer() {
    let fake = Fake::new().await;
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on(ADD, async |(a, b): (u32, u32)| Ack(a + b))
        .on("nothing", async || ())
        .on("refused", async |_: u32| Err::<(), _>(EventError::new("no", "not today")))
        .on("parse", async |text: String| Ok::<_, EventError>(Ack(text.parse::<u32>()?)))
        .on("boxed", async |text: String| -> Result<Ack<u32>, Box<dyn Error>> {
            Ok(Ack(text.parse()?))
        })
        .on("full", async || {
            Err::<(), _>(EventError::new("full", "no room").with_data(&["a", "b"]))
        })
        .on("panic", async |_: Client| -> () { panic!("on purpose") })
        .on("early", |_: u32| {
            assert!(std::hint::black_box(false), "before there is a future");
            async {}
        })
        .start()
        .unwrap();
    let mut peer = fake.accept_joined().await;
    let cases = [
        ("421[\"add\",[1,2]]", "431[3]"),
        ("422[\"nothing\",\"and\",\"more\"]", "432[]"),
        ("423[\"refused\",1]", r#"433[{"error":{"code":"no","message":"not today"}}]"#),
        ("424[\"parse\",\"7\"]", "434[7]"),
        ("424[\"boxed\",\"8\"]", "434[8]"),
        ("424[\"full\"]", r#"434[{"error":{"code":"full","message":"no room","data":["a","b"]}}]"#),
    ];
    for (event, answer) in cases {
        peer.send(event).await;
        assert_eq!(peer.receive().await.as_deref(), Some(answer));
    }
    let failing = [
        ("425[\"parse\",\"x\"]", "internal"),
        ("425[\"boxed\",\"x\"]", "internal"),
        ("426[\"panic\"]", "internal"),
        ("427[\"early\",1]", "internal"),
        ("428[\"add\",\"x\"]", "decode"),
        ("429[\"add\"]", "decode"),
    ];
    for (event, code) in failing {
        peer.send(event).await;
        let answer = peer.receive().await.unwrap();
        assert!(answer.contains(&format!(r#"[{{"error":{{"code":"{code}""#)), "{answer}");
        assert!(!answer.contains("on purpose"), "{answer}");
    }
    // No ack is sent for an event without an id, nor for one without a handler.
    for event in ["42[\"add\",[1,2]]", "42[\"panic\"]", "427[\"unknown\"]"] {
        peer.send(event).await;
    }
    peer.receives_nothing().await;
    assert!(
        client.state().borrow().is_connected(),
        "errors and panics of handlers do not end the client"
    );
}

#[tokio::test]
async fn handlers_start_in_order_and_may_await_the_server() {
    let fake = Fake::new().await;
    let (order, mut ordered) = mpsc::unbounded_channel();
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on("slow", move |client: Client, number: u32| {
            let order = order.clone();
            async move {
                order.send(number).unwrap();
                // The answer comes behind other events and is handled before their handlers end.
                let answer = client.emit_with_ack::<_, u32>("ask", &number).await.unwrap();
                order.send(answer).unwrap();
                Ack(answer)
            }
        })
        .start()
        .unwrap();
    let mut peer = fake.accept_joined().await;
    for number in 0..3 {
        peer.send(&format!("42{number}[\"slow\",{number}]")).await;
    }
    for number in 0..3 {
        assert_eq!(soon("start", ordered.recv()).await, Some(number));
        assert_eq!(peer.receive().await.unwrap(), format!("42{number}[\"ask\",{number}]"));
    }
    for number in [2, 0, 1] {
        peer.send(&format!("43{number}[{}]", number + 100)).await;
        assert_eq!(soon("end", ordered.recv()).await, Some(number + 100));
        assert_eq!(peer.receive().await.unwrap(), format!("43{number}[{}]", number + 100));
    }
    drop(client);
}

#[tokio::test]
async fn only_so_many_run_at_once_and_the_rest_waits_its_turn() {
    const EVENTS: u32 = 200;
    let fake = Fake::new().await;
    let (permits, running, most) =
        (Arc::new(Semaphore::new(0)), Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let (order, mut ordered) = mpsc::unbounded_channel();
    let mut limits = Limits::default();
    limits.concurrent_handlers_max = 2;
    limits.waiting_events_max = 3;
    let handler = {
        let (permits, running, most) =
            (Arc::clone(&permits), Arc::clone(&running), Arc::clone(&most));
        move |number: u32| {
            let (permits, running, most, order) =
                (Arc::clone(&permits), Arc::clone(&running), Arc::clone(&most), order.clone());
            async move {
                let now = running.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(now, Ordering::Relaxed);
                order.send(number).unwrap();
                permits.acquire().await.unwrap().forget();
                running.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .limits(limits)
        .on("e", handler)
        .start()
        .unwrap();
    let mut peer = fake.accept_joined().await;
    let padding = "x".repeat(10_000);
    for number in 0..EVENTS {
        // Large enough that the events do not all arrive in one read.
        peer.send(&format!("42[\"e\",{number},\"{padding}\"]")).await;
    }
    for number in 0..EVENTS {
        assert_eq!(soon("start", ordered.recv()).await, Some(number));
        permits.add_permits(1);
    }
    assert!(most.load(Ordering::Relaxed) <= 2);
    drop(client);
}

#[tokio::test]
async fn every_event_can_be_seen() {
    let fake = Fake::new().await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on_any(move |event: RawEvent| {
            let events = events.clone();
            async move { events.send(event).unwrap() }
        })
        .start()
        .unwrap();
    let mut peer = fake.accept_joined().await;
    peer.send(r#"42["a", 1 ,{"b":2}]"#).await;
    peer.send(r#"451-[7,{"_placeholder":true,"num":0}]"#).await;
    peer.send_binary(b"xyz").await;
    let first = soon("event", seen.recv()).await.unwrap();
    assert_eq!((first.name.as_str(), first.args.json()), ("a", r#"1 ,{"b":2}"#));
    let second = soon("event", seen.recv()).await.unwrap();
    assert_eq!(second.name, "7");
    assert_eq!(second.args.attachments(), ["xyz"]);
    drop(client);
}

/// Strings of a JavaScript server may hold half surrogate pairs; null is an argument like others.
#[tokio::test]
async fn half_surrogate_pairs_and_null_are_accepted() {
    let fake = Fake::new().await;
    let (seen, mut seen_names) = mpsc::unbounded_channel();
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on("say", async |text: String| Ack(text))
        .on("value", async |value: Value| Ack(value))
        .on_any(move |event: RawEvent| {
            seen.send((event.name, event.args.json().to_owned())).unwrap();
            async {}
        })
        .start()
        .unwrap();
    let mut subscription = client.subscribe::<String>("n\u{fffd}");
    let mut peer = fake.accept_joined().await;
    for (event, answer) in [
        (r#"421["say","\ud83c"]"#, "431[\"\u{fffd}\"]"),
        (r#"422["value",{"\udf89":"\ud83c\udf89"}]"#, "432[{\"\u{fffd}\":\"🎉\"}]"),
        (r#"423["value",null]"#, "433[null]"),
    ] {
        peer.send(event).await;
        assert_eq!(peer.receive().await.as_deref(), Some(answer));
    }
    peer.send(r#"42["n\ud83c","\udf89"]"#).await;
    assert_eq!(soon("push", subscription.next()).await.as_deref(), Some("\u{fffd}"));
    let (_, said) = soon("event", seen_names.recv()).await.unwrap();
    assert_eq!(said, r#""\ud83c""#, "raw arguments are not changed");
    let answer = client.emit_with_ack::<_, String>("ask", &Value::Null);
    assert_eq!(peer.receive().await.as_deref(), Some(r#"420["ask",null]"#));
    peer.send(r#"430["\ud83c"]"#).await;
    assert_eq!(soon("answer", answer).await.unwrap(), "\u{fffd}");
}

/// Text of the server that looks like a placeholder, sent back beside bytes.
#[tokio::test]
async fn what_looks_like_a_placeholder_is_not_sent_beside_bytes() {
    type Relayed = Args<(Value, Binary)>;
    let fake = Fake::new().await;
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on("answer", async |text: Value| Ack(Args((text, Binary(vec![1].into())))))
        .start()
        .unwrap();
    let mut peer = fake.accept_joined().await;
    peer.send(r#"421["answer",{"_placeholder":true,"num":99}]"#).await;
    let answer = peer.receive().await.unwrap();
    assert!(answer.starts_with(r#"431[{"error":{"code":"internal","#), "{answer}");
    let payload: Relayed =
        Args((serde_json::json!({ "num": 0, "_placeholder": true }), Binary(vec![1].into())));
    let emitted = client.emit("relayed", &payload);
    assert!(
        matches!(emitted, Err(EmitError::Encode { source: EncodeError::Placeholder, .. })),
        "{emitted:?}"
    );
    let asked = client.emit_with_ack::<_, ()>("relayed", &payload).await;
    assert!(
        matches!(
            asked,
            Err(AckError::Emit(EmitError::Encode { source: EncodeError::Placeholder, .. }))
        ),
        "{asked:?}"
    );
    peer.receives_nothing().await;
    assert!(client.state().borrow().is_connected());
}

/// Leaving a namespace and joining it again immediately: the client awaits the reply to the first
/// CONNECT, leaves, and then joins. (This failed as `InUse` once.)
#[tokio::test]
async fn a_namespace_that_is_being_left_can_be_joined_again() {
    let fake = Fake::new().await;
    let client = common::builder(&fake.url(), common::WEBSOCKET).start().unwrap();
    let mut peer = fake.accept_joined().await;
    let first = tokio::spawn(client.namespace("/b").connect());
    assert_eq!(peer.receive().await.as_deref(), Some("40/b,"));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = tokio::spawn(client.namespace("/b").connect());
    peer.receives_nothing().await;
    let third = client.namespace("/b").connect().await;
    assert!(matches!(third, Err(ConnectError::InUse)), "{third:?}");
    peer.send(r#"40/b,{"sid":"one"}"#).await;
    assert_eq!(peer.receive().await.as_deref(), Some("41/b,"));
    assert_eq!(peer.receive().await.as_deref(), Some("40/b,"));
    peer.send(r#"40/b,{"sid":"two"}"#).await;
    let second = soon("second", second).await.unwrap().unwrap();
    assert_eq!(second.id().as_deref(), Some("two"));

    // The same for a client that has joined.
    drop(second);
    let again = tokio::spawn(client.namespace("/b").connect());
    assert_eq!(peer.receive().await.as_deref(), Some("41/b,"));
    assert_eq!(peer.receive().await.as_deref(), Some("40/b,"));
    peer.send(r#"40/b,{"sid":"three"}"#).await;
    assert_eq!(soon("again", again).await.unwrap().unwrap().id().as_deref(), Some("three"));
    assert!(client.state().borrow().is_connected());
}

/// The same with the only namespace of the session, which stays open.
#[tokio::test]
async fn the_last_namespace_can_be_joined_again_while_it_is_left() {
    let fake = Fake::new().await;
    let client = common::builder(&fake.url(), common::WEBSOCKET).start().unwrap();
    let mut peer = fake.accept_joined().await;
    let builder = client.namespace("/");
    drop(client);
    // Added before the manager has seen that the other one is leaving.
    let (again, ()) = tokio::join!(builder.connect(), async {
        assert_eq!(peer.receive().await.as_deref(), Some("41"));
        assert_eq!(peer.receive().await.as_deref(), Some("40"));
        peer.send(r#"40{"sid":"again"}"#).await;
    });
    assert_eq!(again.unwrap().id().as_deref(), Some("again"));
}
