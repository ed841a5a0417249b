//! WebSocket over HTTP/2 (RFC 8441), with a client made of the `h2` crate.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/tls.rs"]
mod certificates;
mod common;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use certificates::Authority;
use common::{FnService, accept_all, masked, wound_on};
use futures_util::FutureExt;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use sockeye_websocket::ws::{CloseCode, Opcode, encode_close, encode_frame};
use sockeye_websocket::{Acceptor, Connections, HttpServer, PeerAddr, TlsConfig, bind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Serves what may come with HTTP/2 at once.
async fn serve_h2c<S>(
    configure: impl FnOnce(HttpServer<FnService<S>>) -> HttpServer<FnService<S>>,
    service: S,
) -> SocketAddr
where
    HttpServer<FnService<S>>: IntoFuture<Output = std::io::Result<()>, IntoFuture: Send + 'static>,
{
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let server = HttpServer::new(listeners, FnService(service)).http2_prior_knowledge(true);
    let server = configure(server).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    address
}

fn echo(request: Request<Incoming>) -> impl Future<Output = Response<http_body_util::Full<Bytes>>> {
    accept_all(request, common::echo)
}

async fn open<T>(io: T) -> SendRequest<Bytes>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (client, connection) = h2::client::handshake(io).await.unwrap();
    tokio::spawn(async move {
        // Ends with the client.
        let _ = connection.await;
    });
    // The server says with its first frame that extended CONNECT is allowed (RFC 8441 §3).
    while !client.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    client
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    open(TcpStream::connect(address).await.unwrap()).await
}

fn extended_connect(address: SocketAddr) -> http::request::Builder {
    Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{address}/chat?x=1"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
}

fn send(
    client: &mut SendRequest<Bytes>,
    request: http::request::Builder,
) -> (ResponseFuture, SendStream<Bytes>) {
    client.send_request(request.body(()).unwrap(), false).unwrap()
}

async fn websocket(
    client: &mut SendRequest<Bytes>,
    address: SocketAddr,
) -> (SendStream<Bytes>, RecvStream) {
    let (response, stream) = send(client, extended_connect(address));
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    (stream, response.into_body())
}

async fn read(stream: &mut RecvStream, length: usize) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    while bytes.len() < length {
        let chunk = stream.data().await.unwrap().unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes.len(), length);
    bytes.to_vec()
}

/// Nothing more comes, and the server says so.
async fn expect_end(stream: &mut RecvStream) {
    while let Some(chunk) = stream.data().await {
        assert!(chunk.unwrap().is_empty());
    }
}

fn text(payload: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_frame(Opcode::Text, payload.as_bytes(), None, &mut frame);
    frame
}

#[tokio::test]
async fn echo_and_close() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let (mut stream, mut answers) = websocket(&mut client, address).await;
    for message in ["hello", "", "한글"] {
        stream.send_data(masked(Opcode::Text, message.as_bytes()).into(), false).unwrap();
        let expected = text(message);
        assert_eq!(read(&mut answers, expected.len()).await, expected);
    }
    let mut close = Vec::new();
    encode_close(CloseCode::NORMAL, "bye", Some([1, 2, 3, 4]), &mut close);
    stream.send_data(close.into(), false).unwrap();
    let mut expected = Vec::new();
    encode_close(CloseCode::NORMAL, "bye", None, &mut expected);
    assert_eq!(read(&mut answers, expected.len()).await, expected);
    // The server ends its side of the stream; the connection lives on.
    expect_end(&mut answers).await;
    let _ = websocket(&mut client, address).await;
}

#[tokio::test]
async fn many_on_one_connection() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(websocket(&mut client, address).await);
    }
    for (index, (stream, _)) in sockets.iter_mut().enumerate() {
        let payload = format!("message {index}");
        stream.send_data(masked(Opcode::Text, payload.as_bytes()).into(), false).unwrap();
    }
    for (index, (_, answers)) in sockets.iter_mut().enumerate() {
        let expected = text(&format!("message {index}"));
        assert_eq!(read(answers, expected.len()).await, expected);
    }
}

/// More than the windows of HTTP/2 hold, to a reader that takes its time.
#[tokio::test]
async fn flow_control() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let (mut stream, mut answers) = websocket(&mut client, address).await;
    let payload = "x".repeat(500_000);
    let mut frames = Bytes::from(masked(Opcode::Text, payload.as_bytes()));
    let writing = tokio::spawn(async move {
        while !frames.is_empty() {
            stream.reserve_capacity(frames.len());
            let room = poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
            stream.send_data(frames.split_to(room.min(frames.len())), false).unwrap();
        }
        stream
    });
    let expected = text(&payload);
    assert_eq!(read(&mut answers, expected.len()).await, expected);
    writing.await.unwrap();
}

#[tokio::test]
async fn sub_protocols_headers_and_the_address() {
    let acceptor = Acceptor::new().protocols(["v2", "v1"]).header(
        http::HeaderName::from_static("x-served-by"),
        http::HeaderValue::from_static("here"),
    );
    let address = serve_h2c(
        |server| server,
        move |mut request: Request<Incoming>| {
            let acceptor = acceptor.clone();
            async move {
                assert_eq!((request.method(), request.uri().path()), (&Method::GET, "/chat"));
                assert!(request.headers()["host"].to_str().unwrap().starts_with("127.0.0.1:"));
                assert!(request.extensions().get::<PeerAddr>().is_some());
                let (response, upgrade) = acceptor.upgrade(&mut request).unwrap();
                tokio::spawn(async move { common::echo(upgrade.await.unwrap()).await });
                response
            }
        },
    )
    .await;
    let mut client = connect(address).await;
    let request = extended_connect(address).header("sec-websocket-protocol", "v1, v2");
    let (response, _stream) = send(&mut client, request);
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "v1");
    assert_eq!(response.headers()["x-served-by"], "here");
    for absent in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!response.headers().contains_key(absent), "{absent}");
    }
}

#[tokio::test]
async fn refusals() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let cases = [
        (extended_connect(address).header("sec-websocket-version", "12"), 426),
        (Request::get(format!("http://{address}/")), 426),
    ];
    for (request, status) in cases {
        let (response, _stream) = send(&mut client, request);
        let response = response.await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
    let _ = websocket(&mut client, address).await;
}

/// Broken frames end their stream; the others of the connection go on.
#[tokio::test]
async fn a_bad_peer_ends_its_stream_only() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let (mut good, mut good_answers) = websocket(&mut client, address).await;
    for bad in [&[0xf1, 0x80, 0, 0, 0, 0][..], &[0x83, 0x80], &[0x81, 0x01, 0x78]] {
        let (mut stream, mut answers) = websocket(&mut client, address).await;
        stream.send_data(Bytes::copy_from_slice(bad), false).unwrap();
        // Close frame of 1002.
        assert_eq!(read(&mut answers, 4).await, [0x88, 2, 0x03, 0xea]);
        expect_end(&mut answers).await;
    }
    let (mut stream, _) = websocket(&mut client, address).await;
    stream.send_reset(h2::Reason::CANCEL);
    good.send_data(masked(Opcode::Text, b"on").into(), false).unwrap();
    assert_eq!(read(&mut good_answers, 4).await, text("on"));
}

#[tokio::test]
async fn a_head_that_is_too_large() {
    let address = serve_h2c(|server| server.header_bytes_max(8192), echo).await;
    let mut client = connect(address).await;
    for (bytes, accepted) in [(7000, true), (9000, false)] {
        let request = extended_connect(address).header("x-filler", "y".repeat(bytes));
        let (response, _stream) = send(&mut client, request);
        let status = response.await.map(|response| response.status());
        assert_eq!(matches!(status, Ok(StatusCode::OK)), accepted, "{status:?}");
    }
    let _ = websocket(&mut connect(address).await, address).await;
}

/// The limit on streams is the client's to keep; `h2` does.
#[tokio::test]
async fn streams_at_the_limit() {
    let address = serve_h2c(|server| server.streams_max(2), echo).await;
    let mut client = connect(address).await;
    let first = websocket(&mut client, address).await;
    let (mut second, mut answers) = websocket(&mut client, address).await;
    let (mut response, _stream) = send(&mut client, extended_connect(address));
    // What is sent behind it comes back before it is answered.
    for _ in 0..3 {
        second.send_data(masked(Opcode::Text, b"on").into(), false).unwrap();
        assert_eq!(read(&mut answers, 4).await, text("on"));
    }
    assert!((&mut response).now_or_never().is_none(), "it waits for its turn");
    drop(first);
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
}

/// A connection on which nothing is asked for.
#[tokio::test]
async fn a_connection_without_a_request() {
    let timeout = Duration::from_secs(7);
    let address = serve_h2c(|server| server.header_timeout(timeout), echo).await;
    let (_client, connection) =
        h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    // The server hangs up.
    let _ = wound_on(connection).await;
    // One that asked once is told to go, but what it has open stays.
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let (mut stream, mut answers) = websocket(&mut client, address).await;
    wound_on(async {
        while client.clone().ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    stream.send_data(masked(Opcode::Text, b"on").into(), false).unwrap();
    assert_eq!(read(&mut answers, 4).await, text("on"));
}

/// What HTTP/2 begins with, and an empty SETTINGS frame.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Writes until the server has had enough; how many times.
async fn flood(address: SocketAddr, frames: impl Fn(u32) -> Vec<u8>, limit: u32) -> u32 {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    // Otherwise the server could not write its answers.
    let reading =
        tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    write.write_all(OPENING).await.unwrap();
    for count in 0..limit {
        if reading.is_finished() || write.write_all(&frames(count)).await.is_err() {
            return count;
        }
        tokio::task::yield_now().await;
    }
    limit
}

/// RUSTSEC-2023-0034, RUSTSEC-2024-0003: requests that are cancelled at once. RUSTSEC-2024-0332: a head
/// without end. Each costs the attacker the connection; others go on.
#[tokio::test]
async fn rustsec_2024_0003_floods() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    let (mut stream, mut answers) = websocket(&mut client, address).await;
    // `:method GET`, `:scheme http`, `:path /` from the static table (RFC 7541, appendix A).
    let resets = flood(
        address,
        |count| {
            let id = (count * 2 + 1).to_be_bytes();
            let request = [&[0, 0, 3, 1, 5][..], &id, &[0x82, 0x86, 0x84]].concat();
            [&request[..], &[0, 0, 4, 3, 0], &id, &[0, 0, 0, 8]].concat()
        },
        200_000,
    )
    .await;
    assert!(resets < 200_000);
    let continuations = flood(
        address,
        |count| {
            // HEADERS, then CONTINUATION after CONTINUATION, none of them the last.
            let kind = if count == 0 { 1 } else { 9 };
            // Literal headers without indexing: `x` with 100 bytes (RFC 7541 §6.2.2).
            let payload = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat().repeat(3);
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            [&length[1..], &[kind, 0, 0, 0, 0, 1], &payload].concat()
        },
        200_000,
    )
    .await;
    assert!(continuations < 200_000);
    stream.send_data(masked(Opcode::Text, b"on").into(), false).unwrap();
    assert_eq!(read(&mut answers, 4).await, text("on"));
}

#[tokio::test]
async fn plain_http1_where_http2_may_come() {
    let address = serve_h2c(|server| server, echo).await;
    let mut socket = sockeye_websocket::connect(&format!("ws://{address}")).await.unwrap();
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("hello"));
}

#[tokio::test]
async fn closed_with_1001_when_the_server_stops() {
    let connections = Connections::new();
    let acceptor = Acceptor::new().connections(&connections);
    let address = serve_h2c(
        |server| server,
        move |mut request: Request<Incoming>| {
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
        },
    )
    .await;
    let mut client = connect(address).await;
    let (_stream, mut answers) = websocket(&mut client, address).await;
    let (mut other, _) =
        sockeye_websocket::Connector::new().connect(&format!("ws://{address}")).await.unwrap();
    while connections.len() < 2 {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn({
        let connections = connections.clone();
        async move { connections.shutdown(Duration::from_millis(300)).await }
    });
    assert_eq!(read(&mut answers, 4).await, [0x88, 2, 0x03, 0xe9]);
    assert_eq!(other.recv().await.unwrap(), None);
    assert_eq!(other.closed().unwrap().code, CloseCode::GOING_AWAY);
    let (response, _stream) = send(&mut client, extended_connect(address));
    assert_eq!(response.await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    stopping.await.unwrap();
}

#[tokio::test]
async fn negotiated_by_tls() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = serve_h2c(|server| server.tls(config), echo).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let tcp = TcpStream::connect(address).await.unwrap();
    let tls = TlsConnector::from(Arc::new(client)).connect(name, tcp).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = open(tls).await;
    let (mut stream, mut answers) = websocket(&mut client, address).await;
    stream.send_data(masked(Opcode::Text, b"hello").into(), false).unwrap();
    assert_eq!(read(&mut answers, 7).await, text("hello"));
}

/// RFC 9113 §8.3.1.
#[tokio::test]
async fn an_authority_that_is_not_the_host() {
    let address = serve_h2c(|server| server, echo).await;
    let mut client = connect(address).await;
    for (host, expected) in [(None, 426), (Some("a"), 426), (Some("A:80"), 426), (Some("b"), 400)] {
        let mut request = Request::builder().uri("http://a/");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), expected, "{host:?}");
    }
}
