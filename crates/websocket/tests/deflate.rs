//! Compressed messages, as a driver and a peer that writes bytes see them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{FnService, Peer};
use http::Request;
use hyper::body::Incoming;
use sockeye_websocket::ws::handshake::deflate::{Parameters, Preferences};
use sockeye_websocket::ws::{
    self, CloseCode, Connection, Deflater, Event, Opcode, Role, encode_compressed_frame,
};
use sockeye_websocket::{
    Acceptor, Compression, Config, Connector, Deflate, Group, HttpServer, Message, RecvError,
    Stream, WebSocket, bind,
};
use tokio::io::{DuplexStream, duplex};

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

const NO_TAKEOVER: Parameters = Parameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

const TAKEOVER: Parameters = Parameters {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    ..NO_TAKEOVER
};

fn config() -> Config {
    Config { compression: Compression::on(), ..Config::default() }
}

fn socket(role: Role, parameters: &Parameters, config: Config) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = duplex(1 << 20);
    let stream = Stream::from_io(ours);
    let socket = WebSocket::from_stream(stream, Vec::new(), role, config, Some(parameters));
    (socket, Peer::new(theirs))
}

/// About `len` bytes that compress well.
fn text(len: usize) -> String {
    (0..).map(|number| format!("line {number}; ")).take(len / 9 + 1).collect()
}

/// The messages in what `peer` gets until the end.
async fn received(
    peer: &mut Peer<DuplexStream>,
    role: Role,
    parameters: &Parameters,
) -> Vec<String> {
    let mut wire = peer.read_to_end().await.unwrap();
    let mut connection = Connection::new(role, ws::Config::default()).with_deflate(parameters);
    let (mut used, mut seen) = (0, Vec::new());
    while used < wire.len() {
        let (count, event) = connection.handle_read(&mut wire[used..]).unwrap();
        used += count;
        if let Some(Event::Text(text)) = event {
            seen.push(text.to_owned());
        }
    }
    seen
}

fn masked_compressed(payload: &[u8]) -> Vec<u8> {
    let (mut deflated, mut wire) = (Vec::new(), Vec::new());
    Deflater::new(Role::Client, &NO_TAKEOVER, 6).unwrap().deflate(payload, &mut deflated);
    encode_compressed_frame(Opcode::Binary, &deflated, KEY, &mut wire);
    wire
}

#[tokio::test]
async fn the_threshold_and_the_opt_out() {
    let (socket, mut peer) = socket(Role::Server, &NO_TAKEOVER, config());
    let long = text(4000);
    socket.send(&long[..1023]).await.unwrap();
    assert_eq!(peer.frame().await.unwrap(), (0x81, long[..1023].into()));
    socket.send(&long[..1024]).await.unwrap();
    let (first, bytes) = peer.frame().await.unwrap();
    assert!(first == 0xc1 && bytes.len() < 600, "{first:#x} {}", bytes.len());
    socket.writer().send_uncompressed(&long).await.unwrap();
    assert_eq!(peer.frame().await.unwrap(), (0x81, long.clone().into_bytes()));
    socket.writer().send_uncompressed(long.as_bytes()).await.unwrap();
    assert_eq!(peer.frame().await.unwrap(), (0x82, long.clone().into_bytes()));
    // Never on control frames.
    socket.writer().ping(&[0; 125]).await.unwrap();
    assert_eq!(peer.frame().await.unwrap(), (0x89, vec![0; 125]));
}

#[tokio::test(start_paused = true)]
async fn a_handlers_replies() {
    for parameters in [NO_TAKEOVER, TAKEOVER] {
        let (socket, mut peer) = socket(Role::Server, &parameters, config());
        let writer = socket.writer().clone();
        let task = tokio::spawn(socket.for_each(move |message, out| {
            // A small one between two large ones must not overtake, nor one that is not compressed.
            out.send(message);
            out.send("small");
            out.send(message);
            out.send_uncompressed(message);
            out.close(CloseCode::NORMAL, "");
        }));
        let long = text(2000);
        let mut wire = Vec::new();
        Deflater::new(Role::Client, &parameters, 6).unwrap().encode_frame(
            Opcode::Text,
            long.as_bytes(),
            KEY,
            &mut wire,
        );
        wire.extend(common::masked(Opcode::Close, b"\x03\xe8"));
        peer.send(&wire).await;
        assert_eq!(task.await.unwrap().unwrap().code, CloseCode::NORMAL);
        drop(writer);
        let expected = [&long[..], "small", &long, &long];
        assert_eq!(received(&mut peer, Role::Client, &parameters).await, expected);
    }
}

/// Frames that refer to earlier ones leave in the order they were made, whoever sends them.
#[tokio::test(start_paused = true)]
async fn several_senders_with_context_takeover() {
    let (socket, mut peer) = socket(Role::Server, &TAKEOVER, config());
    let group = Group::new();
    let membership = group.join(&socket);
    let long = text(3000);
    let writer = socket.writer().clone();
    let task = tokio::spawn(socket.for_each({
        let (group, long) = (group.clone(), long.clone());
        move |_, out| {
            out.send(&format!("reply {long}"));
            group.send(&format!("group {long}"));
            out.send(&format!("reply again {long}"));
        }
    }));
    for _ in 0..3 {
        peer.send(&masked_compressed(b"go")).await;
        writer.send(&format!("writer {long}")).await.unwrap();
        tokio::task::yield_now().await;
    }
    peer.send(&common::masked(Opcode::Close, b"\x03\xe8")).await;
    task.await.unwrap().unwrap();
    drop((membership, writer));
    // That all can be read is the point: the window is shared by all of them.
    let seen = received(&mut peer, Role::Client, &TAKEOVER).await;
    for (start, count) in [("reply line", 3), ("group", 3), ("reply again", 3), ("writer", 3)] {
        assert_eq!(seen.iter().filter(|text| text.starts_with(start)).count(), count, "{start}");
    }
    assert!(seen.iter().all(|text| text.ends_with(&long)));
}

#[tokio::test]
async fn a_group_of_all_kinds() {
    let small_window = Parameters { server_max_window_bits: 9, ..NO_TAKEOVER };
    let high = Config {
        compression: Compression::On(Deflate { threshold: 1 << 20, ..Deflate::default() }),
        ..Config::default()
    };
    let kinds = [
        (Role::Server, NO_TAKEOVER, config()),
        (Role::Server, NO_TAKEOVER, config()),
        (Role::Server, small_window, config()),
        (Role::Server, TAKEOVER, config()),
        (Role::Server, NO_TAKEOVER, Config::default()),
        (Role::Server, NO_TAKEOVER, high),
        (Role::Client, NO_TAKEOVER, config()),
        (Role::Client, TAKEOVER, config()),
    ];
    let group = Group::new();
    let members: Vec<_> = kinds
        .iter()
        .map(|(role, parameters, config)| {
            let (socket, peer) = socket(*role, parameters, config.clone());
            (group.join(&socket), socket, peer)
        })
        .collect();
    let long = text(20_000);
    group.send(&long);
    group.send("short");
    group.send_uncompressed(&long);
    group.send(&long);
    for ((membership, socket, mut peer), (role, parameters, _)) in members.into_iter().zip(kinds) {
        socket.writer().flush().await;
        drop((membership, socket));
        let other = if role == Role::Server { Role::Client } else { Role::Server };
        let seen = received(&mut peer, other, &parameters).await;
        assert_eq!(seen, [&long[..], "short", &long, &long], "{role:?} {parameters:?}");
    }
}

#[tokio::test]
async fn a_client_that_may_only_use_8_bits_sends_uncompressed() {
    let parameters = Parameters { client_max_window_bits: 8, ..NO_TAKEOVER };
    let (mut socket, mut peer) = socket(Role::Client, &parameters, config());
    let long = text(3000);
    socket.send(&long).await.unwrap();
    assert_eq!(peer.frame().await.unwrap().0, 0x81);
    // It still reads what is compressed.
    let mut wire = Vec::new();
    Deflater::new(Role::Server, &parameters, 6).unwrap().encode_frame(
        Opcode::Text,
        long.as_bytes(),
        None,
        &mut wire,
    );
    assert_eq!(wire[0], 0xc1);
    peer.send(&wire).await;
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text(long)));
}

/// `USER_ASKS` abuse list 5: a bomb, the limit and one more, a truncated stream, context that was
/// negotiated away. Each ends that connection alone and says why.
#[tokio::test]
async fn abuse_ends_that_connection_alone() {
    let limited = || Config { message_bytes_max: 100_000, ..config() };
    let (mut other, mut other_peer) = socket(Role::Server, &NO_TAKEOVER, limited());
    let mut truncated = masked_compressed(text(5000).as_bytes());
    let (len, at) = (truncated.len(), 2);
    truncated.truncate(len - 10);
    truncated[at..at + 2].copy_from_slice(&((len - 10 - 8) as u16).to_be_bytes());
    let mut referring = Vec::new();
    let mut deflater = Deflater::new(Role::Client, &TAKEOVER, 6).unwrap();
    deflater.encode_frame(Opcode::Text, b"hello hello", KEY, &mut Vec::new());
    deflater.encode_frame(Opcode::Text, b"hello hello", KEY, &mut referring);
    let cases = [
        ("bomb", masked_compressed(&vec![0; 50 << 20]), b"\x88\x02\x03\xf1"),
        ("limit + 1", masked_compressed(&vec![1; 100_001]), b"\x88\x02\x03\xf1"),
        ("truncated", truncated, b"\x88\x02\x03\xef"),
        ("context", referring, b"\x88\x02\x03\xef"),
        ("ping", vec![0xc9, 0x80, 0, 0, 0, 0], b"\x88\x02\x03\xea"),
    ];
    for (name, wire, close) in cases {
        let (mut socket, mut peer) = socket(Role::Server, &NO_TAKEOVER, limited());
        peer.send(&masked_compressed(&vec![1; 100_000])).await;
        let exactly = socket.recv().await.unwrap().unwrap();
        assert_eq!(exactly.as_bytes().len(), 100_000);
        peer.send(&wire).await;
        let reader = tokio::spawn(async move { socket.recv().await });
        peer.expect(close).await;
        drop(peer);
        assert!(matches!(reader.await.unwrap(), Err(RecvError::Protocol(_))), "{name}");
        other_peer.send(&masked_compressed(name.as_bytes())).await;
        let message = other.recv().await.unwrap().unwrap();
        assert_eq!(message.as_bytes(), name.as_bytes());
    }
}

/// Echoes; the configuration is that of the connections.
async fn serve(config: Config) -> String {
    let acceptor = Acceptor::new().config(config);
    let service = FnService(move |mut request: Request<Incoming>| {
        let accepted = acceptor.upgrade(&mut request);
        async move {
            match accepted {
                Ok((response, upgrade)) => {
                    tokio::spawn(async move { common::echo(upgrade.await.unwrap()).await });
                    response
                }
                Err(refusal) => refusal.into_response(),
            }
        }
    });
    let listeners = bind("localhost:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(async move { HttpServer::new(listeners, service).await.unwrap() });
    format!("ws://{address}/")
}

#[tokio::test]
async fn our_client_and_our_server() {
    let with = |preferences| Config {
        compression: Compression::On(Deflate { preferences, ..Deflate::default() }),
        ..Config::default()
    };
    let takeover = Preferences {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        ..Preferences::default()
    };
    let small = Preferences { server_max_window_bits: 10, client_max_window_bits: 9, ..takeover };
    let cases = [
        (
            config(),
            config(),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        (with(takeover), with(takeover), Some("permessage-deflate")),
        (
            with(small),
            with(takeover),
            Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=9"),
        ),
        (
            with(takeover),
            config(),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        (Config::default(), config(), None),
        (config(), Config::default(), None),
    ];
    for (client, server, expected) in cases {
        let url = serve(server).await;
        let (mut socket, response) = Connector::new().config(client).connect(&url).await.unwrap();
        let answer = response.headers().get("sec-websocket-extensions");
        assert_eq!(answer.map(|value| value.to_str().unwrap()), expected);
        for len in [0, 10, 1024, 50_000, 300_000, 50_000] {
            let text = if len == 0 { String::new() } else { text(len) };
            socket.send(&text).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some(Message::Text(text)));
        }
        socket.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

/// RFC 6455 §9.1. Only whoever negotiates extensions reads them.
#[tokio::test]
async fn a_malformed_header_is_refused() {
    let extensions = "sec-websocket-extensions";
    for (config, status) in [(config(), 400), (Config::default(), 101)] {
        let url = serve(config).await;
        let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let mut stream = Peer::new(tokio::net::TcpStream::connect(address).await.unwrap());
        let offer = [(extensions, "permessage-deflate;;")];
        stream.send(common::handshake("/", &offer)).await;
        let head = stream.head().await.unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!head.contains(extensions), "{head}");
    }
}
