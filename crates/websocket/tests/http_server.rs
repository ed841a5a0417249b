//! The listener.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use common::{FnService, dial, echo, handshake, quiet_port, wound_on};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye_websocket::{HttpServer, Message, PeerAddr, bind, connect, upgrade};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tower_service::Service;

async fn hello(_: Request<Incoming>) -> Response<Full<Bytes>> {
    Response::new("hello".into())
}

/// Serves `service` with changed limits.
async fn serve_with<S>(
    configure: impl FnOnce(HttpServer<FnService<S>>) -> HttpServer<FnService<S>>,
    service: S,
) -> SocketAddr
where
    HttpServer<FnService<S>>: IntoFuture<Output = std::io::Result<()>, IntoFuture: Send + 'static>,
{
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let server = configure(HttpServer::new(listeners, FnService(service))).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    address
}

async fn status(address: SocketAddr, request: &str) -> u16 {
    let mut stream = dial(address).await;
    stream.send(request).await;
    stream.response_head().await.unwrap().status
}

#[tokio::test]
async fn both_loopback_addresses_on_the_same_port() {
    let listeners = bind("localhost:0").await.unwrap();
    let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    assert_eq!(addresses[0].ip().to_string(), "127.0.0.1");
    assert_ne!(addresses[0].port(), 0);
    // A machine without IPv6 has the first alone.
    if let Some(second) = addresses.get(1) {
        assert_eq!(second.ip().to_string(), "::1");
        assert_eq!(second.port(), addresses[0].port());
    }
}

#[tokio::test]
async fn hosts_by_address_and_by_name() {
    for (host, expected) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1")] {
        match bind((host, 0)).await {
            Ok(listeners) => {
                assert_eq!(listeners.len(), 1);
                assert_eq!(listeners[0].local_addr().unwrap().ip().to_string(), expected);
            }
            // No IPv6 here.
            Err(error) => assert!(expected == "::1", "{error}"),
        }
    }
    let message = bind("no-such-host.invalid:0").await.unwrap_err().to_string();
    assert!(message.contains("\"no-such-host.invalid\""), "{message}");
}

#[tokio::test]
async fn a_port_alone_is_on_every_address() {
    let listeners = bind(0).await.unwrap();
    let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    assert_eq!(addresses[0].ip().to_string(), "0.0.0.0");
    // A machine without IPv6 has the first alone.
    if let Some(second) = addresses.get(1) {
        assert_eq!(
            (second.ip().to_string(), second.port()),
            ("::".to_owned(), addresses[0].port())
        );
    }
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let port = quiet_port();
    let taken = bind(("127.0.0.1", port)).await.unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let error = bind((host, port)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let expected = format!("cannot listen on 127.0.0.1:{port}: another program listens there");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    drop(taken);
    bind(("127.0.0.1", port)).await.unwrap();
}

#[tokio::test]
async fn requests_carry_the_address_of_the_peer() {
    let (sender, mut addresses) = mpsc::unbounded_channel();
    let address = serve_with(
        |server| server,
        move |request: Request<Incoming>| {
            let PeerAddr(address) = *request.extensions().get().unwrap();
            sender.send(address).unwrap();
            hello(request)
        },
    )
    .await;
    let mut stream = dial(address).await;
    stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(addresses.recv().await, Some(stream.local_addr().unwrap()));
}

#[tokio::test]
async fn header_count_at_the_limit() {
    let address = serve_with(|server| server.headers_max(10), hello).await;
    for (count, expected) in [(9, 200), (10, 200), (11, 431)] {
        let headers = "Host: a\r\n".to_owned() + &"X: y\r\n".repeat(count - 1);
        assert_eq!(status(address, &format!("GET / HTTP/1.1\r\n{headers}\r\n")).await, expected);
    }
}

#[tokio::test]
async fn header_bytes_at_the_limit() {
    let address = serve_with(|server| server.header_bytes_max(8192), hello).await;
    let request = |bytes: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(bytes - frame.len()))
    };
    assert_eq!(status(address, &request(8191)).await, 200);
    assert_eq!(status(address, &request(8192)).await, 200);
    assert_eq!(status(address, &request(8193)).await, 431);
    assert_eq!(status(address, &request(100_000)).await, 431);
}

/// A peer that sends its request one byte per second is cut off.
#[tokio::test]
async fn a_head_that_does_not_come_to_its_end() {
    let timeout = Duration::from_secs(7);
    let address = serve_with(|server| server.header_timeout(timeout), hello).await;
    for beginning in ["", "GET / HTTP/1.1\r\nHost:"] {
        let mut stream = dial(address).await;
        stream.send(beginning).await;
        let start = Instant::now();
        let answer = wound_on(stream.read_to_end()).await.unwrap();
        assert!((6..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_http() {
    let address = serve_with(|server| server, hello).await;
    let mut stream = dial(address).await;
    stream.send(b"\x16\x03\x01 hello? \r\n\r\n").await;
    let answer = String::from_utf8(stream.read_to_end().await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(status(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await, 200);
}

#[tokio::test]
async fn graceful_shutdown() {
    let (stop, stopped) = oneshot::channel::<()>();
    let (started, mut has_started) = mpsc::unbounded_channel();
    let (finish, may_finish) = tokio::sync::watch::channel(false);
    let service = FnService(move |mut request: Request<Incoming>| {
        let started = started.clone();
        let mut may_finish = may_finish.clone();
        async move {
            match request.uri().path() {
                "/slow" => {
                    started.send(()).unwrap();
                    may_finish.wait_for(|finish| *finish).await.unwrap();
                    Response::new("done".into())
                }
                "/echo" => {
                    let (response, upgrade) = upgrade(&mut request).unwrap();
                    tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
                    response
                }
                _ => Response::new("hello".into()),
            }
        }
    });
    let listeners = bind(("127.0.0.1", quiet_port())).await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let signal = async {
        let _ = stopped.await;
    };
    let server = HttpServer::new(listeners, service).with_graceful_shutdown(signal);
    let server = tokio::spawn(server.into_future());

    let mut upgraded = connect(&format!("ws://{address}/echo")).await.unwrap();
    let mut idle = dial(address).await;
    idle.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.head().await.unwrap();
    let mut busy = dial(address).await;
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    has_started.recv().await.unwrap();

    stop.send(()).unwrap();
    // The idle connection ends; the request under way is waited for.
    assert_eq!(idle.read_to_end().await.unwrap(), b"hello");
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!server.is_finished());
    finish.send(true).unwrap();
    let answer = String::from_utf8(busy.read_to_end().await.unwrap()).unwrap();
    assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
    server.await.unwrap().unwrap();
    // What was upgraded belongs to the application.
    upgraded.send("still").await.unwrap();
    assert_eq!(upgraded.recv().await.unwrap(), Some(Message::Text("still".to_owned())));
}

/// CVE-2020-7693: an `Upgrade` header where nobody expects it is harmless.
#[tokio::test]
async fn an_upgrade_header_on_any_route() {
    let address = serve_with(|server| server, hello).await;
    let mut stream = dial(address).await;
    stream.send(handshake("/", &[])).await;
    let head = stream.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    stream.expect("hello").await;
}

#[tokio::test]
async fn a_server_without_upgrades() {
    let mut request = Request::get("/").header("host", "a").body(()).unwrap();
    let handshake = sockeye_websocket::ws::handshake::client::Handshake::new([0; 16], &[]);
    handshake.extend_headers(request.headers_mut());
    let refusal = upgrade::<_, Full<Bytes>>(&mut request).unwrap_err();
    let response = refusal.into_response::<Full<Bytes>>();
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
}

/// Small ones are written in one piece, large ones in pieces.
#[tokio::test]
async fn responses_of_any_size() {
    let service = async |request: Request<Incoming>| -> Response<Full<Bytes>> {
        let bytes: usize = request.uri().path()[1..].parse().unwrap();
        Response::new(Full::from(vec![b'x'; bytes]))
    };
    let address = serve_with(|server| server, service).await;
    let mut stream = dial(address).await;
    for bytes in [0, 1, 100, 3900, 3950, 4000, 4050, 4096, 4097, 70_000, 3_000_000] {
        let request = format!("GET /{bytes} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.send(request).await;
        let response = stream.response().await.unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-length"), Some(&*bytes.to_string()));
        assert!(response.body == vec![b'x'; bytes]);
    }
}

/// Ready once somebody opens it.
#[derive(Clone)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Service<Request<Incoming>> for Gate {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let mut gate = self.0.lock().unwrap();
        if gate.0 {
            return Poll::Ready(Ok(()));
        }
        gate.1.push(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async { Ok(hello(request).await) })
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_waited_for() {
    let gate = Gate(Arc::default());
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(HttpServer::new(listeners, gate.clone()).into_future());
    let answer = tokio::spawn(status(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    while gate.0.lock().unwrap().1.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!answer.is_finished());
    let wakers = {
        let mut gate = gate.0.lock().unwrap();
        gate.0 = true;
        std::mem::take(&mut gate.1)
    };
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(answer.await.unwrap(), 200);
}

/// RFC 9112 §3.2, §3.2.2, RFC 9110 §7.8.
#[tokio::test]
async fn requests_that_are_not_clear_about_whom_they_are_for() {
    let address = serve_with(|server| server, hello).await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        ("GET http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\n\r\n", 400),
    ] {
        assert_eq!(status(address, request).await, expected, "{request}");
    }
    let handshake = handshake("/", &[]);
    for body in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        let request = handshake.replacen("\r\n\r\n", &format!("\r\n{body}"), 1);
        assert_eq!(status(address, &request).await, 400, "{request}");
    }
    // What follows a refused request is not looked at: it may be meant as something else.
    let mut stream = dial(address).await;
    let both = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.send(both).await;
    let answer = String::from_utf8(stream.read_to_end().await.unwrap()).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

/// What is announced is kept, and some time more; a slow head has its own time.
#[tokio::test]
async fn a_kept_connection_is_there_for_longer_than_announced() {
    let (idle, slow) = (Duration::from_secs(20), Duration::from_secs(3));
    let address =
        serve_with(|server| server.keep_alive_timeout(idle).header_timeout(slow), hello).await;
    let mut stream = dial(address).await;
    wound_on(async {
        for wait in [0, 10, 20, 21] {
            sleep(Duration::from_secs(wait)).await;
            stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let response = stream.response().await.unwrap();
            assert_eq!(response.header("keep-alive"), Some("timeout=20"));
            assert_eq!(response.header("connection"), Some("keep-alive"));
        }
        let start = Instant::now();
        assert!(stream.read_to_end().await.unwrap().is_empty());
        assert_eq!(start.elapsed().as_secs(), 22);
        let mut stream = dial(address).await;
        stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stream.response().await.unwrap();
        sleep(Duration::from_secs(20)).await;
        let start = Instant::now();
        stream.send(b"GET / HTTP/1.1\r\nHost:").await;
        stream.read_to_end().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_not_kept_announces_nothing() {
    let address = serve_with(|server| server, hello).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        let mut stream = dial(address).await;
        stream.send(request).await;
        let head = stream.head().await.unwrap();
        assert!(!head.contains("keep-alive"), "{head}");
    }
}
