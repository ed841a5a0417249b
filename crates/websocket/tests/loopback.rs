//! Handshake, echo and end of connections over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use common::{
    Peer, dial, echo, handshake, has_ipv6, masked, quiet_port, raw_client, serve, wound_on,
};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use sockeye_websocket::ws::handshake::client::ResponseError;
use sockeye_websocket::ws::{CloseCode, Opcode, ProtocolError};
use sockeye_websocket::{
    Acceptor, Config, ConnectError, Connector, HttpServer, Message, RecvError, bind, connect,
    upgrade,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

#[tokio::test]
async fn echo_over_both_address_families() {
    let address = serve(echo).await;
    let port = address.port();
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        if host == "[::1]" && !has_ipv6() {
            continue;
        }
        let mut socket = connect(&format!("ws://{host}:{port}/")).await.unwrap();
        for length in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let text = "가".repeat(length / 3);
            socket.send(&bytes).await.unwrap();
            socket.send(&text).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some(Message::Binary(bytes.into())));
            assert_eq!(socket.recv().await.unwrap(), Some(Message::Text(text)));
        }
        socket.writer().ping(b"are you there").await.unwrap();
        let pong = Message::Pong(b"are you there"[..].into());
        assert_eq!(socket.recv().await.unwrap(), Some(pong));
        let closed = socket.close(CloseCode::new(4000), "안녕").await.unwrap();
        assert_eq!((closed.code.get(), closed.reason.as_str()), (4000, "안녕"));
    }
}

#[tokio::test]
async fn the_server_hears_how_the_client_closed() {
    let (sender, mut closes) = mpsc::unbounded_channel();
    let address = serve(move |mut socket| {
        let sender = sender.clone();
        async move {
            assert_eq!(socket.recv().await.unwrap(), None);
            assert_eq!(socket.recv().await.unwrap(), None);
            sender.send(socket.closed().cloned()).unwrap();
        }
    })
    .await;
    let mut stream = raw_client(address, &masked(Opcode::Close, b"\x0f\xa1bye")).await;
    // The answer has the same code and reason, and the server closes first.
    assert_eq!(stream.read_to_end().await.unwrap(), b"\x88\x05\x0f\xa1bye");
    drop(stream);
    let closed = closes.recv().await.unwrap().unwrap();
    assert_eq!((closed.code.get(), closed.reason.as_str()), (4001, "bye"));
}

/// CVE-2022-21676: a bad frame before any handler was attached killed the process. Here each of them
/// ends its own connection, whether it comes with the handshake, after it, or in pieces.
#[tokio::test]
async fn bad_frames_end_their_connection_with_the_right_code() {
    let address = serve(echo).await;
    let bystander = connect(&url(address)).await.unwrap();
    let too_big = [&[0x82, 0xff][..], &[0x7f; 8], &[0; 4]].concat();
    let cases: [(&[u8], u16); 13] = [
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002),
        (&[0xf1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x8b, 0x80, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),
        (&[0x81, 0x01, b'a'], 1002),
        (&[0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0], 1002),
        (&[0x88, 0x81, 0, 0, 0, 0, 3], 1002),
        (&[0x88, 0x82, 0, 0, 0, 0, 3, 0xed], 1002),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        (&too_big, 1009),
    ];
    for (frame, code) in cases {
        let close = [&[0x88, 2][..], &u16::to_be_bytes(code)].concat();
        let before = masked(Opcode::Text, b"fine");
        // With the handshake, and a good message first.
        let mut stream = raw_client(address, &[&before, frame].concat()).await;
        assert_eq!(stream.read_to_end().await.unwrap(), [&b"\x81\x04fine"[..], &close].concat());
        // By itself, byte by byte.
        let mut stream = raw_client(address, b"").await;
        stream.set_nodelay(true).unwrap();
        for byte in frame {
            stream.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(stream.read_to_end().await.unwrap(), close, "{frame:x?}");
    }
    let mut bystander = bystander;
    bystander.send("still here").await.unwrap();
    let message = bystander.recv().await.unwrap();
    assert_eq!(message, Some(Message::Text("still here".to_owned())));
}

#[tokio::test]
async fn the_application_hears_what_was_wrong() {
    let (sender, mut errors) = mpsc::unbounded_channel();
    let address = serve(move |mut socket| {
        let sender = sender.clone();
        async move {
            sender.send(socket.recv().await.unwrap_err()).unwrap();
            // Told once.
            assert_eq!(socket.recv().await.unwrap(), None);
            assert_eq!(socket.closed(), None);
        }
    })
    .await;
    let mut stream = raw_client(address, &[0x81, 0x01, b'a']).await;
    assert_eq!(stream.read_to_end().await.unwrap(), b"\x88\x02\x03\xea");
    drop(stream);
    let error = errors.recv().await.unwrap();
    assert!(matches!(error, RecvError::Protocol(ProtocolError::NotMasked)), "{error:?}");
}

#[tokio::test]
async fn a_connection_lost_at_every_step() {
    let (sender, mut errors) = mpsc::unbounded_channel();
    let address = serve(move |mut socket| {
        let sender = sender.clone();
        async move {
            let result = loop {
                match socket.recv().await {
                    Ok(Some(_)) => {}
                    result => break result,
                }
            };
            sender.send(result).unwrap();
        }
    })
    .await;
    let message = masked(Opcode::Text, b"hello");
    for cut in 0..message.len() {
        let stream = raw_client(address, &message[..cut]).await;
        drop(stream);
        let result = errors.recv().await.unwrap();
        assert!(matches!(result, Err(RecvError::ConnectionLost)), "{cut}: {result:?}");
    }
    // A reset instead of an end.
    let stream = raw_client(address, b"").await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    let result = errors.recv().await.unwrap();
    assert!(matches!(result, Err(RecvError::Io(_) | RecvError::ConnectionLost)), "{result:?}");
}

#[tokio::test]
async fn refused_handshakes() {
    let address = serve(echo).await;
    let good = handshake("/", &[]);
    let cases = [
        (good.replace("Upgrade: websocket\r\n", ""), "426 Upgrade Required"),
        (good.replace("GET /", "POST /"), "405 Method Not Allowed"),
        (good.replace("Version: 13", "Version: 8"), "426 Upgrade Required"),
        (good.replace("ZQ==", "ZQ=!"), "400 Bad Request"),
    ];
    for (request, status) in cases {
        let mut stream = dial(address).await;
        stream.send(request).await;
        let head = stream.head().await.unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
        let expects_version = status.starts_with("426");
        assert_eq!(head.contains("sec-websocket-version: 13\r\n"), expects_version, "{head}");
    }
}

#[tokio::test]
async fn sub_protocols_and_headers() {
    let acceptor = Acceptor::new().protocols(["v2", "v1"]);
    let service = common::FnService(move |mut request: Request<_>| {
        let acceptor = acceptor.clone();
        async move {
            assert_eq!(request.headers()["cookie"], "a=b");
            let (response, upgrade) = acceptor.upgrade(&mut request).unwrap();
            tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
            response
        }
    });
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(async move { HttpServer::new(listeners, service).await.unwrap() });
    for (offered, expected) in
        [(&["v0", "v1", "v2"][..], Some("v1")), (&["v2"], Some("v2")), (&["v9"], None), (&[], None)]
    {
        let connector = Connector::new()
            .header(HeaderName::from_static("cookie"), HeaderValue::from_static("a=b"))
            .protocols(offered.iter().copied());
        let (socket, response) = connector.connect(&url(address)).await.unwrap();
        let chosen = response.headers().get("sec-websocket-protocol");
        assert_eq!(chosen.map(|value| value.to_str().unwrap()), expected);
        socket.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

#[tokio::test]
async fn mounted_in_axum() {
    use axum::extract::Request;
    use axum::routing::{any, get};
    let handler = async |mut request: Request| -> Response<axum::body::Body> {
        match sockeye_websocket::upgrade(&mut request) {
            Ok((response, upgrade)) => {
                tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
                response
            }
            Err(refusal) => refusal.into_response(),
        }
    };
    let router = axum::Router::new().route("/echo", any(handler)).route("/", get("page"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut socket = connect(&format!("ws://{address}/echo")).await.unwrap();
    socket.send("through axum").await.unwrap();
    let message = socket.recv().await.unwrap();
    assert_eq!(message, Some(Message::Text("through axum".to_owned())));
    let refused = connect(&format!("ws://{address}/")).await;
    let Err(ConnectError::Response(ResponseError::Status { status })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status, 200);
}

/// A server whose streams are not TCP, so that the upgraded stream cannot be taken back.
#[tokio::test]
async fn upgraded_from_any_stream() {
    let (client, server) = tokio::io::duplex(4096);
    let mut client = Peer::new(client);
    let service = hyper::service::service_fn(async |mut request| {
        let (response, upgrade) = upgrade(&mut request).unwrap();
        tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
        Ok::<Response<Full<Bytes>>, std::convert::Infallible>(response)
    });
    let io = hyper_util::rt::TokioIo::new(server);
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades();
    tokio::spawn(async move { connection.await.unwrap() });
    let glued = [masked(Opcode::Text, b"glued"), masked(Opcode::Close, b"")].concat();
    client.send([handshake("/", &[]).as_bytes(), &glued].concat()).await;
    let answer = client.read_to_end().await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    assert!(answer.ends_with(b"\r\n\r\n\x81\x05glued\x88\x00"));
}

#[tokio::test]
async fn connecting_to_what_is_not_there() {
    let address = ([127, 0, 0, 1], quiet_port()).into();
    assert!(matches!(connect(&url(address)).await, Err(ConnectError::Io(_))));
    assert!(matches!(connect("http://localhost/").await, Err(ConnectError::Scheme)));
    assert!(matches!(connect("localhost").await, Err(ConnectError::Url(_))));
    assert!(matches!(connect("ws://").await, Err(ConnectError::Url(_))));
}

#[tokio::test]
async fn connecting_to_what_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connector = Connector::new().timeout(Duration::from_secs(5));
    let result = wound_on(connector.connect(&url(listener.local_addr().unwrap()))).await;
    assert!(matches!(result, Err(ConnectError::Timeout)), "{result:?}");
}

#[tokio::test]
async fn connecting_to_what_does_not_speak_websocket() {
    for answer in ["SSH-2.0-OpenSSH_9.9\r\n", "", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut stream = Peer::new(listener.accept().await.unwrap().0);
            stream.head().await.unwrap();
            stream.send(answer).await;
        });
        let result = connect(&url(address)).await;
        assert!(
            matches!(result, Err(ConnectError::Http(_) | ConnectError::Response(_))),
            "{answer}: {result:?}"
        );
    }
}

/// A server's answer has at most 100 headers and 16 KiB, as a client's request has.
#[tokio::test]
async fn a_servers_answer_at_its_limits() {
    let accept =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    // Three more lines are the handshake's.
    for (lines, fits) in [
        ("X: y\r\n".repeat(97), true),
        ("X: y\r\n".repeat(98), false),
        (format!("X: {}\r\n", "y".repeat(15_000)), true),
        (format!("X: {}\r\n", "y".repeat(17_000)), false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut stream = Peer::new(listener.accept().await.unwrap().0);
            let request = stream.head().await.unwrap();
            let key = request.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
            });
            let proof = sockeye_websocket::ws::handshake::accept_value(key.unwrap().as_bytes());
            let answer = format!("{accept}{lines}Sec-WebSocket-Accept: {proof}\r\n\r\n");
            stream.send(answer).await;
            // Until it has been read, or refused.
            let _ = stream.read_to_end().await.unwrap();
        });
        let result = connect(&url(address)).await;
        match result {
            Ok(_) => assert!(fits),
            Err(ConnectError::Http(_)) => assert!(!fits),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Frames that come in one packet with the response are not lost.
#[tokio::test]
async fn frames_glued_to_the_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut stream = Peer::new(listener.accept().await.unwrap().0);
        let head = stream.head().await.unwrap();
        let is_key = |line: &&str| line.to_ascii_lowercase().starts_with("sec-websocket-key: ");
        let key = head.lines().find(is_key).unwrap().split(": ").nth(1).unwrap();
        let accept = sockeye_websocket::ws::handshake::accept_value(key.as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let frames = b"\x81\x05early\x88\x02\x03\xe9";
        stream.send(&[response.as_bytes(), frames].concat()).await;
        // The client answers the close, masked, and waits for us to end the transport.
        stream.expect(&[0x88, 0x82]).await;
    });
    let mut socket = connect(&url(address)).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("early".to_owned())));
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.closed().unwrap().code, CloseCode::GOING_AWAY);
    server.await.unwrap();
}

#[tokio::test]
async fn message_limit_at_the_edge() {
    let config = Config { message_bytes_max: 1000, ..Config::default() };
    let acceptor = Acceptor::new().config(config);
    let service = common::FnService(move |mut request: Request<_>| {
        let acceptor = acceptor.clone();
        async move {
            let (response, upgrade) = acceptor.upgrade(&mut request).unwrap();
            tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
            response
        }
    });
    let listeners = bind("localhost:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(async move { HttpServer::new(listeners, service).await.unwrap() });
    let mut socket = connect(&url(address)).await.unwrap();
    for length in [999, 1000] {
        socket.send(&vec![7; length]).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap().as_bytes().len(), length);
    }
    socket.send(&vec![7; 1001]).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.closed().unwrap().code, CloseCode::TOO_BIG);
}

/// Sending far more than the buffers of the kernel hold before receiving anything: the echo stops
/// reading, our sending waits, and everything arrives once we read.
#[tokio::test]
async fn a_peer_that_does_not_read_is_not_read_from() {
    const COUNT: usize = 600;
    let address = serve(echo).await;
    let (mut reader, writer) = connect(&url(address)).await.unwrap().split();
    let (blocked, mut is_blocked) = mpsc::unbounded_channel();
    let sending = tokio::spawn(async move {
        for index in 0..COUNT {
            let payload = vec![index as u8; 50_000];
            let mut sending = std::pin::pin!(writer.send(&payload));
            // A pending `send` tells that the way to the server is full.
            std::future::poll_fn(|cx| {
                let poll = sending.as_mut().poll(cx);
                if poll.is_pending() {
                    let _ = blocked.send(());
                }
                poll
            })
            .await
            .unwrap();
            assert!(writer.queued_bytes() < 200_000);
        }
        writer
    });
    is_blocked.recv().await.unwrap();
    for index in 0..COUNT {
        let message = reader.recv().await.unwrap().unwrap();
        assert!(message.as_bytes().iter().all(|byte| *byte == index as u8));
        assert_eq!(message.as_bytes().len(), 50_000);
    }
    let writer = sending.await.unwrap();
    writer.close(CloseCode::NORMAL, "");
    assert_eq!(reader.recv().await.unwrap(), None);
    assert_eq!(reader.closed().unwrap().code, CloseCode::NORMAL);
}
