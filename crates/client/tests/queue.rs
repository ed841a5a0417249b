//! The send queue: its limits, its order, and what is left of it at the end.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::fake::Fake;
use common::soon;
use sockeye_client::{
    AckError, Args, Binary, Client, ConfigError, ConnectError, ConnectionState, EmitError, Event,
    Limits,
};

/// A client that is connecting to a server that has not replied yet.
fn offline(fake: &Fake, limits: Limits) -> Client {
    common::builder(&fake.url(), common::WEBSOCKET).limits(limits).start().unwrap()
}

#[tokio::test]
async fn packets_are_limited_by_number() {
    let fake = Fake::new().await;
    let mut limits = Limits::default();
    limits.queued_packets_max = 3;
    let client = offline(&fake, limits);
    for number in 0..3 {
        client.emit("e", &number).unwrap();
    }
    match client.emit("e", &3) {
        Err(EmitError::Overflow { event, queued_packets: 3, queued_bytes }) => {
            assert!(event == "e" && queued_bytes > 0);
        }
        other => panic!("{other:?}"),
    }
    let refused = soon("ack", client.emit_with_ack::<_, ()>("e", &4)).await;
    assert!(matches!(refused, Err(AckError::Emit(EmitError::Overflow { .. }))), "{refused:?}");

    let mut peer = fake.accept_joined().await;
    for number in 0..3 {
        assert_eq!(peer.receive().await.unwrap(), format!("42[\"e\",{number}]"));
    }
    soon("flush", client.flushed()).await;
    // The request that was refused has used up no id.
    let answer = client.emit_with_ack::<_, u32>("e", &5);
    assert_eq!(peer.receive().await.as_deref(), Some("421[\"e\",5]"));
    peer.send("431[6]").await;
    assert_eq!(soon("ack", answer).await.unwrap(), 6);
}

#[tokio::test]
async fn packets_are_limited_by_bytes() {
    let fake = Fake::new().await;
    let around = r#"[{"_placeholder":true,"num":0}]"#.len();
    for (bytes, accepted) in [(99, true), (100, true), (101, false)] {
        let mut limits = Limits::default();
        limits.queued_bytes_max = 100;
        let client = offline(&fake, limits);
        let payload = [Binary(Bytes::from(vec![0; bytes - around]))];
        assert_eq!(client.emit("e", &payload).is_ok(), accepted, "{bytes}");
    }
}

#[tokio::test]
async fn requests_are_limited_and_forgotten_when_nobody_waits() {
    let fake = Fake::new().await;
    let mut limits = Limits::default();
    limits.pending_acks_max = 2;
    let client = offline(&fake, limits);
    let first = client.emit_with_ack::<_, u32>("first", &());
    let second = client.emit_with_ack::<_, u32>("second", &());
    let third = soon("ack", client.emit_with_ack::<_, u32>("third", &())).await;
    assert!(matches!(third, Err(AckError::Full { limit: 2 })), "{third:?}");
    // Dropped before it was sent: it is not sent, and does not count any more.
    drop(second);
    let fourth = client.emit_with_ack::<_, u32>("fourth", &());
    // The same after its timeout.
    let timeout = std::time::Duration::from_millis(20);
    assert!(matches!(soon("timeout", first.timeout(timeout)).await, Err(AckError::Timeout { .. })));

    let mut peer = fake.accept_joined().await;
    assert_eq!(peer.receive().await.as_deref(), Some("422[\"fourth\"]"));
    peer.send("432[4]").await;
    assert_eq!(soon("ack", fourth).await.unwrap(), 4);
}

#[tokio::test]
async fn the_disconnect_packet_comes_last() {
    let fake = Fake::new().await;
    let client = offline(&fake, Limits::default());
    let mut peer = fake.accept_joined().await;
    soon("join", client.state().wait_for(ConnectionState::is_connected)).await.unwrap();
    for number in 0..3 {
        client.emit("e", &Args((number, Binary(Bytes::from_static(b"\x01\x02"))))).unwrap();
    }
    let closing = tokio::spawn(async move { client.close().await });
    for number in 0..3 {
        let text = format!(r#"451-["e",{number},{{"_placeholder":true,"num":0}}]"#);
        assert_eq!(peer.receive().await.unwrap(), text);
        assert_eq!(peer.receive().await.as_deref(), Some("0102"));
    }
    assert_eq!(peer.receive().await.as_deref(), Some("41"));
    assert_eq!(peer.receive().await, None);
    drop(peer);
    soon("closed", closing).await.unwrap();
}

#[tokio::test]
async fn binary_by_itself_is_one_attachment() {
    let fake = Fake::new().await;
    let client = offline(&fake, Limits::default());
    client.emit("e", &Binary(Bytes::from_static(b"\x01\x02"))).unwrap();
    client.emit("e", &Some(Binary(Bytes::from_static(b"\x03")))).unwrap();
    let mut peer = fake.accept_joined().await;
    for bytes in ["0102", "03"] {
        let text = r#"451-["e",{"_placeholder":true,"num":0}]"#;
        assert_eq!(peer.receive().await.as_deref(), Some(text));
        assert_eq!(peer.receive().await.as_deref(), Some(bytes));
    }
}

#[tokio::test]
async fn a_client_closed_while_it_connects_leaves_nothing() {
    let fake = Fake::new().await;
    let client = offline(&fake, Limits::default());
    let waiting = client.emit_with_ack::<_, ()>("e", &());
    let mut events = client.subscribe::<()>("e");
    soon("closed", client.close()).await;
    assert!(matches!(soon("ack", waiting).await, Err(AckError::Disconnected { .. })));
    assert_eq!(soon("end", events.next()).await, None);
    let late = soon("namespace", client.namespace("/x").connect()).await;
    assert!(matches!(late, Err(ConnectError::Cancelled)), "{late:?}");
    let mut after = client.subscribe::<()>("e");
    assert_eq!(soon("nothing", after.next()).await, None);
}

#[tokio::test]
async fn subscriptions_are_limited_and_count_what_they_missed() {
    let fake = Fake::new().await;
    let mut limits = Limits::default();
    limits.subscription_events_max = 2;
    let client = offline(&fake, limits);
    let mut events = client.subscribe::<u32>("e");
    let mut last = client.subscribe::<()>("last");
    let mut peer = fake.accept_joined().await;
    for number in 0..5 {
        peer.send(&format!("42[\"e\",{number}]")).await;
    }
    peer.send("42[\"last\"]").await;
    soon("last", last.next()).await.unwrap();
    assert_eq!(events.missed(), 3);
    assert_eq!(soon("event", events.next()).await, Some(0));
    assert_eq!(soon("event", events.next()).await, Some(1));
}

#[tokio::test]
async fn mistakes_are_errors_before_anything_is_sent() {
    const E: Event = Event::new("e");
    let builder = || Client::builder("http://127.0.0.1:1").unwrap();
    let reserved = builder().on("disconnect", async || ()).start();
    assert!(matches!(reserved, Err(ConfigError::ReservedEvent(_))), "{reserved:?}");
    let twice = builder().on(E, async || ()).on(E, async || ()).start();
    assert!(matches!(twice, Err(ConfigError::DuplicateEvent { .. })), "{twice:?}");
    assert!(matches!(builder().transports([]).start(), Err(ConfigError::NoTransport)));
    assert!(matches!(builder().auth("text").start(), Err(ConfigError::Auth)));
    assert!(matches!(builder().header("a b", "c").start(), Err(ConfigError::Url(_))));
    let error = soon("connect", builder().auth(&[1]).connect()).await;
    assert!(matches!(error, Err(ConnectError::Config(ConfigError::Auth))), "{error:?}");

    let client = builder().start().unwrap();
    assert!(matches!(client.emit("connect", &()), Err(EmitError::Reserved(_))));
    let error = soon("ack", client.emit_with_ack::<_, ()>("disconnecting", &())).await;
    assert!(matches!(error, Err(AckError::Emit(EmitError::Reserved(_)))), "{error:?}");
}
