//! Broken and malicious servers: all they can do is end the session, with a reason.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::fake::Fake;
use common::soon;
use sockeye_client::{
    AckError, Client, ConnectError, DisconnectReason, Limits, Transport, TransportError,
};
use tokio::sync::mpsc;

/// A client that connects in the background, and the reasons for which it was disconnected.
fn start(fake: &Fake) -> (Client, mpsc::UnboundedReceiver<DisconnectReason>) {
    let (reasons, received) = mpsc::unbounded_channel();
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on_disconnect(move |reason| {
            let reasons = reasons.clone();
            async move { reasons.send(reason).unwrap() }
        })
        .start()
        .unwrap();
    (client, received)
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session_and_the_next_one_begins() {
    let fake = Fake::new().await;
    let (client, mut received) = start(&fake);
    let engine = ["", "7", "abc", "\u{1f980}"];
    let socket = [
        "4",
        "47",
        "42[",
        "42{}",
        "42[1,]",
        "42[\"connect\"]",
        "42[\"newListener\"]",
        "42[null]",
        "42[]",
        "42[{}]",
        "43{}",
        "41[]",
        "40[]",
        "44[]",
        "450-[\"a\"]",
        "4511-[\"a\"]",
        "45-[\"a\"]",
        "451-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "4299999999999999999999[\"a\"]",
    ];
    for text in engine.iter().chain(&socket) {
        let mut peer = fake.accept_joined().await;
        soon("join", client.state().wait_for(|s| s.is_connected())).await.unwrap();
        peer.send(text).await;
        let reason = soon("reason", received.recv()).await;
        assert_eq!(reason, Some(DisconnectReason::ParseError), "{text}");
        assert_eq!(peer.receive().await, None, "{text}");
    }
}

#[tokio::test]
async fn attachments_out_of_place_end_the_session() {
    let fake = Fake::new().await;
    let (client, mut received) = start(&fake);
    for case in 0..3 {
        let mut peer = fake.accept_joined().await;
        soon("join", client.state().wait_for(|s| s.is_connected())).await.unwrap();
        match case {
            0 => peer.send_binary(b"x").await,
            1 => {
                peer.send("451-[\"a\"]").await;
                peer.send("42[\"b\"]").await;
            }
            _ => {
                peer.send("451-[\"a\"]").await;
                peer.send_binary(b"x").await;
                peer.send_binary(b"x").await;
            }
        }
        assert_eq!(soon("reason", received.recv()).await, Some(DisconnectReason::ParseError));
    }
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_session() {
    let fake = Fake::new().await;
    let (client, mut received) = start(&fake);
    let frames: [&[u8]; 6] = [
        b"\xc1\x01a",                                // RSV1 without an extension
        b"\x83\x01a",                                // reserved opcode
        b"\x81\x81\0\0\0\0a",                        // masked by a server
        b"\x81\x01\xff",                             // not UTF-8
        b"\x89\x7e\x00\x80",                         // control frame over 125 bytes
        b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", // larger than any limit
    ];
    for frame in frames {
        let mut peer = fake.accept_joined().await;
        soon("join", client.state().wait_for(|s| s.is_connected())).await.unwrap();
        peer.send_bytes(frame).await;
        let reason = soon("reason", received.recv()).await;
        assert_eq!(reason, Some(DisconnectReason::TransportError), "{frame:02x?}");
    }
}

#[tokio::test]
async fn unexpected_packets_are_ignored() {
    let fake = Fake::new().await;
    let connecting = common::builder(&fake.url(), common::WEBSOCKET).connect();
    let (client, mut peer) = tokio::join!(connecting, fake.accept_joined());
    let client = client.unwrap();
    let mut events = client.subscribe::<u32>("e");
    let answer = client.emit_with_ack::<_, u32>("ask", &());
    assert_eq!(peer.receive().await.as_deref(), Some("420[\"ask\"]"));
    for text in [
        "40{\"sid\":\"second\"}",
        "439[1]",
        "43[1]",
        "42",
        "42/other,[\"e\",1]",
        "41/other,",
        "44/other,{}",
        "3",
        "3probe",
        "5",
        "6",
        "1",
        "0{\"sid\":\"x\"}",
        "430[7]",
        "430[8]",
        "42[\"unknown\",1]",
        "42[\"e\",\"not a number\"]",
        "42[\"e\",9]",
    ] {
        peer.send(text).await;
    }
    assert_eq!(soon("event", events.next()).await, Some(9));
    assert_eq!(soon("the first answer counts", answer).await.unwrap(), 7);
    assert_eq!(client.id().as_deref(), Some("fake"));
    peer.receives_nothing().await;
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let fake = Fake::new().await;
    let (client, mut received) = start(&fake);
    let mut peer = fake.accept().await;
    peer.open().await;
    peer.receive().await;
    peer.send(r#"40{"sid":"a"}"#).await;
    soon("join", client.state().wait_for(|s| s.is_connected())).await.unwrap();
    peer.send("2").await;
    assert_eq!(peer.receive().await.as_deref(), Some("3"));
    // The server sends nothing from here on, so virtual time can advance by itself.
    tokio::time::pause();
    let silent = tokio::time::Instant::now();
    assert_eq!(soon("reason", received.recv()).await, Some(DisconnectReason::PingTimeout));
    assert!(silent.elapsed() >= Duration::from_secs(44), "{:?}", silent.elapsed());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let fake = Fake::new().await;
    let mut limits = Limits::default();
    limits.connect_timeout = Duration::from_millis(50);
    for transports in [common::POLLING, common::WEBSOCKET] {
        let attempt = common::builder(&fake.url(), transports).limits(limits.clone()).connect();
        let error = soon("timeout", attempt).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout | ConnectError::Transport(_)), "{error:?}");
    }
    // A session, but no answer from the namespace.
    let fresh = Fake::new().await;
    let attempt = common::builder(&fresh.url(), common::WEBSOCKET).connect();
    let (result, mut peer) = tokio::join!(attempt, async {
        let mut peer = fresh.accept().await;
        peer.open().await;
        assert_eq!(peer.receive().await.as_deref(), Some("40"));
        // The server sends nothing from here on, so virtual time can advance by itself.
        tokio::time::pause();
        peer
    });
    tokio::time::resume();
    assert!(matches!(result, Err(ConnectError::Timeout)), "{result:?}");
    // The client has been dropped: when the reply comes too late, the namespace is left again.
    peer.send(r#"40{"sid":"late"}"#).await;
    assert_eq!(peer.receive().await.as_deref(), Some("41"));
    assert_eq!(peer.receive().await, None);
}

#[tokio::test]
async fn refused_connections_have_a_reason() {
    let fake = Fake::new().await;
    let cases = [
        (
            common::POLLING,
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n\
             {\"code\":0,\"message\":\"Transport unknown\"}\r\n",
            400,
        ),
        (common::WEBSOCKET, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", 403),
        (common::WEBSOCKET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
    ];
    for (transports, response, expected) in cases {
        let attempt = common::builder(&fake.url(), transports).connect();
        let (result, _) = tokio::join!(attempt, fake.answer(response));
        match result {
            Err(ConnectError::Transport(TransportError::Status { status, body })) => {
                assert_eq!(status, expected);
                assert!(response.contains(body.trim_end()));
            }
            other => panic!("{other:?}"),
        }
    }
    let bodies = ["", "x", "42[\"a\"]", "0{}", "0{\"sid\":\"\"}", "\u{1e}", "2"];
    for body in bodies {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let attempt = common::builder(&fake.url(), common::POLLING).connect();
        let (result, head) = tokio::join!(soon("refusal", attempt), fake.answer(&response));
        assert!(head.starts_with("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"));
        assert!(matches!(result, Err(ConnectError::Transport(_))), "{body}: {result:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let fake = Fake::new().await;
    let mut limits = Limits::default();
    limits.message_bytes_max = 100;
    for (length, declared) in [(101, true), (101, false)] {
        let body = "6".repeat(length);
        let response = if declared {
            format!("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{body}")
        } else {
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n{body}\r\n0\r\n\r\n"
            )
        };
        let attempt =
            common::builder(&fake.url(), common::POLLING).limits(limits.clone()).connect();
        let (result, _) = tokio::join!(soon("refusal", attempt), fake.answer(&response));
        match result {
            Err(ConnectError::Transport(TransportError::BodyTooLarge { limit: 100 })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn answers_without_a_socket_id_are_an_older_version() {
    let fake = Fake::new().await;
    let attempt = common::builder(&fake.url(), common::WEBSOCKET).connect();
    let (result, ()) = tokio::join!(attempt, async {
        let mut peer = fake.accept().await;
        peer.open().await;
        peer.receive().await;
        peer.send("40").await;
        assert_eq!(peer.receive().await, None);
    });
    assert!(matches!(result, Err(ConnectError::Version)), "{result:?}");
}

/// A DISCONNECT in place of the reply to CONNECT: an error of `connect`, or of the handler after
/// `start`.
#[tokio::test]
async fn a_disconnect_in_place_of_the_reply_is_a_failed_attempt() {
    let is_closed = |error: &ConnectError| {
        matches!(error, ConnectError::Closed(DisconnectReason::ServerDisconnect))
    };
    let fake = Fake::new().await;
    let refuse = async || {
        let mut peer = fake.accept().await;
        peer.open().await;
        assert_eq!(peer.receive().await.as_deref(), Some("40"));
        peer.send("41").await;
        assert_eq!(peer.receive().await, None);
    };
    let attempt = common::builder(&fake.url(), common::WEBSOCKET).connect();
    let (result, ()) = tokio::join!(attempt, refuse());
    assert!(result.as_ref().is_err_and(is_closed), "{result:?}");

    let (errors, mut received) = mpsc::unbounded_channel();
    let client = common::builder(&fake.url(), common::WEBSOCKET)
        .on_connect_error(move |error| {
            let errors = errors.clone();
            async move { errors.send(error).unwrap() }
        })
        .start()
        .unwrap();
    refuse().await;
    let error = soon("the error", received.recv()).await.unwrap();
    assert!(is_closed(&error), "{error:?}");
    drop(client);
}

#[tokio::test]
async fn a_closed_port_is_an_error_of_connect_and_is_retried_after_start() {
    // Below the range of ports that the system assigns to others meanwhile.
    let ports = 20_000 + (std::process::id() % 12_000) as u16..;
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let address = addresses.find(is_free).unwrap();
    let url = format!("http://{address}");
    for transports in [common::POLLING, common::WEBSOCKET] {
        let result = soon("failure", common::builder(&url, transports).connect()).await;
        assert!(
            matches!(result, Err(ConnectError::Transport(TransportError::Io(_)))),
            "{result:?}"
        );
    }
    let (errors, mut received) = mpsc::unbounded_channel();
    let client = common::builder(&url, common::WEBSOCKET)
        .on_connect_error(move |error| {
            let errors = errors.clone();
            async move { errors.send(error).unwrap() }
        })
        .start()
        .unwrap();
    let waiting = client.emit_with_ack::<_, u32>("ask", &());
    soon("first failure", received.recv()).await.unwrap();
    soon("second failure", received.recv()).await.unwrap();
    let listener = soon("the port again", async {
        loop {
            match tokio::net::TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let fake = Fake::from(listener);
    let mut peer = fake.accept_joined().await;
    assert_eq!(peer.receive().await.as_deref(), Some("420[\"ask\"]"));
    peer.send("430[5]").await;
    assert_eq!(soon("answer", waiting).await.unwrap(), 5);
    assert_eq!(client.transport(), Some(Transport::WebSocket));
    drop(peer);
    let lost =
        soon("ack", client.emit_with_ack::<_, u32>("ask", &()).timeout(Duration::ZERO)).await;
    assert!(
        matches!(lost, Err(AckError::Timeout { .. } | AckError::Disconnected { .. })),
        "{lost:?}"
    );
}
