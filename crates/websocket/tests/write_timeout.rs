//! Peers that take nothing any more are given up, whatever they were being sent; slow ones live.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "tls")]
#[path = "common/tls.rs"]
mod certificates;
mod common;
#[path = "common/counters.rs"]
mod counters;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use common::{FnService, Peer, wound_on};
use counters::Counters;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::metrics::HTTP_ENDED;
use sockeye_websocket::{HttpServer, bind};
use tokio::io::AsyncReadExt;
#[cfg(feature = "tls")]
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// More than two kernels keep.
const LARGE: usize = 32 * 1024 * 1024;
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn large(_: Request<Incoming>) -> Response<Full<Bytes>> {
    static BODY: [u8; LARGE] = [b'x'; LARGE];
    Response::new(Bytes::from_static(&BODY).into())
}

async fn serve<S>(
    service: S,
    configure: impl FnOnce(HttpServer<FnService<S>>) -> HttpServer<FnService<S>>,
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

/// A client whose kernel keeps little.
async fn connect(address: SocketAddr) -> Peer<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    Peer::new(socket.connect(address).await.unwrap())
}

/// How long it takes until the server gives the peer up, on the clock that is wound on.
async fn given_up(counters: &Counters) -> Duration {
    let start = Instant::now();
    wound_on(counters.wait_for(HTTP_ENDED, "write_timeout", 1)).await;
    start.elapsed()
}

/// That it took the time, counted from when the kernels had enough: they have their own clock, on
/// which much less goes by.
#[track_caller]
fn assert_within(elapsed: Duration, timeout: Duration) {
    assert!(elapsed + Duration::from_secs(1) >= timeout && elapsed < timeout * 4, "{elapsed:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_read() {
    let counters = Counters::install();
    let address = serve(large, |server| server).await;
    let mut client = connect(address).await;
    client.send(GET).await;
    client.readable().await.unwrap();
    assert_within(given_up(&counters).await, WRITE_TIMEOUT);
    // What its kernel has is all there is.
    let rest = client.read_rest().await.unwrap();
    assert!(rest.len() < LARGE, "{}", rest.len());
}

#[tokio::test]
async fn the_time_is_the_one_that_was_set() {
    let counters = Counters::install();
    let timeout = Duration::from_secs(7);
    let address = serve(large, |server| server.write_timeout(timeout)).await;
    let mut client = connect(address).await;
    // Many requests at once are no help.
    client.send(&GET.repeat(60)).await;
    client.readable().await.unwrap();
    assert_within(given_up(&counters).await, timeout);
}

/// Many requests at once, whose answers are not read, are answered one at a time: 1.75 kB do not make
/// 13 MB wait.
#[tokio::test]
async fn requests_wait_for_the_answers_before_them() {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let service = move |request| {
        sender.send(()).unwrap();
        large(request)
    };
    let address = serve(service, |server| server).await;
    let mut client = connect(address).await;
    client.send(&GET.repeat(4)).await;
    // Until the kernels are full.
    asked.recv().await.unwrap();
    wound_on(sleep(WRITE_TIMEOUT / 2)).await;
    assert!(asked.try_recv().is_err());
    for _ in 0..4 {
        let response = client.response().await.unwrap();
        assert_eq!((response.status, response.body.len()), (200, LARGE));
    }
    for _ in 1..4 {
        asked.try_recv().unwrap();
    }
}

/// It takes a little each time before it would be given up, and gets everything.
#[tokio::test]
async fn a_slow_reader_lives() {
    let counters = Counters::install();
    let address = serve(large, |server| server).await;
    let mut client = connect(address).await;
    client.send(GET).await;
    let head = client.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut body = vec![0; LARGE];
    let mut read = 0;
    wound_on(async {
        for _ in 0..10 {
            sleep(WRITE_TIMEOUT - Duration::from_secs(2)).await;
            client.read_exact(&mut body[read..read + 128 * 1024]).await.unwrap();
            read += 128 * 1024;
        }
    })
    .await;
    client.read_exact(&mut body[read..]).await.unwrap();
    assert!(body.iter().all(|byte| *byte == b'x'));
    assert_eq!(counters.get(HTTP_ENDED, "write_timeout"), 0);
}

/// What TLS has taken is not what the peer has taken.
#[cfg(feature = "tls")]
mod encrypted {
    use std::sync::Arc;

    use certificates::Authority;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use sockeye_websocket::metrics::WEBSOCKET_ENDED;
    use sockeye_websocket::{Config, TlsConfig};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;

    fn certificate() -> (Authority, TlsConfig) {
        let authority = Authority::new();
        let (certificate, key) = authority.issue("localhost");
        let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        (authority, config)
    }

    async fn connect_tls(authority: &Authority, address: SocketAddr) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connect(address).await;
        TlsConnector::from(Arc::new(config)).connect(name, stream.into_stream()).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read() {
        let counters = Counters::install();
        let (authority, config) = certificate();
        let address = serve(large, |server| server.tls(config)).await;
        let mut client = connect_tls(&authority, address).await;
        client.write_all(GET).await.unwrap();
        client.get_ref().0.readable().await.unwrap();
        assert_within(given_up(&counters).await, WRITE_TIMEOUT);
    }

    /// Serves WebSockets that send without end, with this time.
    async fn serve_flood(config: TlsConfig, write_timeout: Duration) -> SocketAddr {
        let service = move |request| {
            let config = Config { write_timeout, ..Config::default() };
            common::accept_with(
                sockeye_websocket::Acceptor::new().config(config),
                request,
                |socket| async move {
                    let (mut reader, writer) = socket.split();
                    let payload = vec![7; 100_000];
                    let flood = async { while writer.send(&payload[..]).await.is_ok() {} };
                    let reading = async { while let Ok(Some(_)) = reader.recv().await {} };
                    tokio::join!(flood, reading);
                },
            )
        };
        serve(service, |server| server.tls(config)).await
    }

    async fn handshake(client: &mut TlsStream<TcpStream>) {
        client.write_all(common::handshake("/", &[]).as_bytes()).await.unwrap();
        while client.read_u8().await.unwrap() != b'\n' {}
    }

    /// Its own time counts, not that of the listener below.
    #[tokio::test]
    async fn a_websocket_that_is_not_read() {
        for seconds in [5, 90] {
            let counters = Counters::install();
            let (authority, config) = certificate();
            let address = serve_flood(config, Duration::from_secs(seconds)).await;
            let mut client = connect_tls(&authority, address).await;
            handshake(&mut client).await;
            let start = Instant::now();
            wound_on(counters.wait_for(WEBSOCKET_ENDED, "timeout", 1)).await;
            assert_within(start.elapsed(), Duration::from_secs(seconds));
            assert_eq!(counters.get(HTTP_ENDED, "write_timeout"), 0);
        }
    }

    #[tokio::test]
    async fn a_websocket_that_is_read_slowly() {
        let counters = Counters::install();
        let (authority, config) = certificate();
        let address = serve_flood(config, WRITE_TIMEOUT).await;
        let mut client = connect_tls(&authority, address).await;
        handshake(&mut client).await;
        wound_on(async {
            let mut some = vec![0; 128 * 1024];
            for _ in 0..10 {
                sleep(WRITE_TIMEOUT - Duration::from_secs(2)).await;
                client.read_exact(&mut some).await.unwrap();
            }
        })
        .await;
        assert_eq!(counters.get(WEBSOCKET_ENDED, "timeout"), 0);
    }
}

/// Streams of HTTP/2 whose windows are not opened end alone; the connection goes on.
#[cfg(feature = "tls")]
#[tokio::test]
async fn streams_that_are_not_read() {
    let counters = Counters::install();
    let service = |request: Request<Incoming>| async move {
        match request.uri().path() {
            "/small" => Response::new(Full::from("x".repeat(100))),
            _ => large(request).await,
        }
    };
    let address = serve(service, |server| {
        server.http2_prior_knowledge(true).keep_alive_timeout(WRITE_TIMEOUT * 100)
    })
    .await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(50).initial_connection_window_size(1 << 24);
    let io = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = builder.handshake::<_, Bytes>(io).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut ask = |path: &str| {
        let request = Request::get(format!("http://a{path}")).body(()).unwrap();
        client.send_request(request, true).unwrap().0
    };
    let mut bodies = Vec::new();
    for path in ["/", "/small", "/"] {
        bodies.push(ask(path).await.unwrap().into_body());
    }
    let start = Instant::now();
    // One of them is read slowly, and lives.
    let mut slow = ask("/").await.unwrap().into_body();
    wound_on(async {
        for _ in 0..4 {
            sleep(WRITE_TIMEOUT / 2).await;
            let some = slow.data().await.unwrap().unwrap();
            slow.flow_control().release_capacity(some.len()).unwrap();
        }
        counters.wait_for(HTTP_ENDED, "write_timeout", 3).await;
    })
    .await;
    assert!(start.elapsed() >= WRITE_TIMEOUT);
    for body in &mut bodies {
        assert_eq!(body.data().await.unwrap().unwrap().len(), 50);
        let error = body.data().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error}");
    }
    let some = slow.data().await.unwrap().unwrap();
    assert!(!some.is_empty());
    let mut small = ask("/small").await.unwrap().into_body();
    let mut received = 0;
    while let Some(some) = small.data().await {
        received += some.as_ref().unwrap().len();
        small.flow_control().release_capacity(some.unwrap().len()).unwrap();
    }
    assert_eq!(received, 100);
}
