//! Answers that wait or stream, which the listener writes itself, beside those that hyper writes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use parking_lot::Mutex;
use sockeye_net::http::{HandOver, HttpServer, bind};
use sockeye_testing::raw::{Peer, Response as Answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;
type AnyBody = UnsyncBoxBody<Bytes, BoxError>;
type Chunk = Result<Frame<Bytes>, BoxError>;

fn full(text: impl Into<Bytes>) -> AnyBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A service whose requests wait for the test: each path is told when it was asked for, and answered
/// with what the test says.
#[derive(Clone, Default)]
struct Desk {
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Response<AnyBody>>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service<Request<Incoming>> for Desk {
    type Response = Response<AnyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnyBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let path = request.uri().path().to_owned();
        self.asked.lock().push(path.clone());
        if let Some(text) = path.strip_prefix("/now/") {
            let response = Response::new(full(text.to_owned()));
            return Box::pin(async { Ok(response) });
        }
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().insert(path, sender);
        Box::pin(async move { Ok(answer.await.unwrap()) })
    }
}

impl Desk {
    async fn serve(&self) -> SocketAddr {
        self.serve_with(|server| server).await
    }

    async fn serve_with(
        &self,
        configure: impl FnOnce(HttpServer<Desk>) -> HttpServer<Desk>,
    ) -> SocketAddr {
        let listeners = bind("127.0.0.1:0").await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let server = HttpServer::new(listeners, self.clone()).take_over_after(Duration::ZERO);
        let server = configure(server).into_future();
        tokio::spawn(async move { server.await.unwrap() });
        address
    }

    /// The one who waits for the answer to this path, once it was asked for.
    async fn waiting(&self, path: &str) -> oneshot::Sender<Response<AnyBody>> {
        loop {
            if let Some(sender) = self.waiting.lock().remove(path) {
                return sender;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&self, path: &str, response: Response<AnyBody>) {
        // Long enough for the take-over: all that is ready has had its turn twice.
        let sender = self.waiting(path).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        sender.send(response).unwrap();
    }

    async fn answer_text(&self, path: &str, text: &'static str) {
        self.answer(path, Response::new(full(text))).await;
    }
}

type Client = Peer<TcpStream>;

async fn connect(address: SocketAddr) -> Client {
    Peer::new(TcpStream::connect(address).await.unwrap())
}

/// The body of the next response, which says how long it is.
async fn body_of(client: &mut Client) -> String {
    let response = client.response().await.unwrap();
    assert!(response.header("content-length").is_some(), "{response:?}");
    response.text().to_owned()
}

async fn ended(client: &mut Client) -> bool {
    client.read_rest().await.unwrap().is_empty()
}

/// What is told by every answer, and what depends on the answer only.
fn without_date(head: &str) -> Vec<&str> {
    let mut lines: Vec<_> = head.lines().filter(|line| !line.starts_with("date: ")).collect();
    assert_eq!(lines.len() + 1, head.lines().count(), "one date: {head}");
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn an_answer_that_waits_is_no_different() {
    let desk = Desk::default();
    let address = desk.serve().await;
    let mut client = connect(address).await;
    let mut heads = Vec::new();
    for path in ["/now/hello", "/later", "/now/hello", "/later2", "/later3"] {
        client.get(path).await;
        if path.starts_with("/later") {
            desk.answer_text(path, "hello").await;
        }
        let Answer { head, body, .. } = client.response().await.unwrap();
        assert_eq!(body, b"hello");
        heads.push(head);
    }
    for head in &heads {
        assert!(head.contains("connection: keep-alive\r\nkeep-alive: timeout=10\r\n"), "{head}");
        assert_eq!(without_date(head), without_date(&heads[0]));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let (first, second, third) = (get("/one"), get("/now/two"), get("/three"));
    client.send(&format!("{first}{second}{third}GET /now/fo")).await;
    let one = desk.waiting("/one").await;
    assert_eq!(*desk.asked.lock(), ["/one"], "the next one waits");
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    one.send(Response::new(full("one"))).unwrap();
    assert_eq!(body_of(&mut client).await, "one");
    assert_eq!(body_of(&mut client).await, "two");
    desk.answer_text("/three", "three").await;
    assert_eq!(body_of(&mut client).await, "three");
    client.send("ur HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(body_of(&mut client).await, "four");
}

/// What comes while an answer is waited for is kept, up to a bound: whoever sends more is not read.
#[tokio::test]
async fn who_sends_while_the_answer_waits_is_read_later() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    client.get("/later").await;
    let later = desk.waiting("/later").await;
    let get = "GET /now/next HTTP/1.1\r\nhost: a\r\n\r\n";
    let many = get.repeat(2000);
    let (mut read, mut write) = client.split();
    let sending = async { write.write_all(many.as_bytes()).await.unwrap() };
    let receiving = async {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        later.send(Response::new(full("later"))).unwrap();
        let mut text = Vec::new();
        while text.windows(4).filter(|part| *part == b"next").count() < 2000 {
            let mut part = vec![0; 65_536];
            let count = read.read(&mut part).await.unwrap();
            assert!(count > 0);
            text.extend_from_slice(&part[..count]);
            if text.len() > 1 << 20 {
                break;
            }
        }
        text
    };
    let ((), text) = tokio::join!(sending, receiving);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2001);
    assert!(text.find("later").unwrap() < text.find("next").unwrap());
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    let desk = Desk::default();
    let address = desk.serve().await;
    for reset in [false, true] {
        let mut client = connect(address).await;
        client.get("/later").await;
        let mut later = desk.waiting("/later").await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!later.is_closed());
        if reset {
            socket2::SockRef::from(&*client).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        later.closed().await;
    }
}

/// Also one that has begun to leave: it has said all it has to say.
#[tokio::test]
async fn the_end_of_what_a_client_sends_is_its_end() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    client.get("/later").await;
    let mut later = desk.waiting("/later").await;
    client.shutdown().await.unwrap();
    later.closed().await;
    assert!(ended(&mut client).await);
}

/// A head that begins while an answer is waited for has its time from when somebody waits for it.
#[tokio::test]
async fn a_slow_head_behind_a_waiting_answer_is_408() {
    let desk = Desk::default();
    let limit = Duration::from_secs(3);
    let address = desk.serve_with(|server| server.header_timeout(limit)).await;
    let mut client = connect(address).await;
    client.get("/later").await;
    client.send("GET /now/never HTTP/1.1\r\nho").await;
    desk.answer_text("/later", "later").await;
    tokio::time::pause();
    let start = Instant::now();
    assert_eq!(body_of(&mut client).await, "later");
    assert!(ended(&mut client).await);
    assert!(start.elapsed() >= limit / 2 && start.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_connection_behind_a_taken_answer_is_kept_as_long_as_any() {
    let desk = Desk::default();
    let limit = Duration::from_millis(100);
    let address = desk.serve_with(|server| server.keep_alive_timeout(limit)).await;
    let mut client = connect(address).await;
    client.get("/later").await;
    desk.answer_text("/later", "later").await;
    assert_eq!(body_of(&mut client).await, "later");
    tokio::time::pause();
    let start = Instant::now();
    assert!(ended(&mut client).await);
    // Two seconds are added for what comes at the last moment.
    let lasted = start.elapsed();
    assert!(lasted >= Duration::from_secs(2) && lasted < Duration::from_secs(9), "{lasted:?}");
}

/// Nobody can add the longest duration to a moment.
#[tokio::test]
async fn times_without_an_end_are_served() {
    let desk = Desk::default();
    let address = desk
        .serve_with(|server| {
            server
                .header_timeout(Duration::MAX)
                .keep_alive_timeout(Duration::MAX)
                .write_timeout(Duration::MAX)
                .take_over_after(Duration::MAX)
        })
        .await;
    let mut client = connect(address).await;
    for number in 0..6 {
        client.get(&format!("/now/{number}")).await;
        assert_eq!(body_of(&mut client).await, number.to_string());
        client.get("/later").await;
        desk.answer_text("/later", "there").await;
        assert_eq!(body_of(&mut client).await, "there");
    }
}

#[tokio::test]
async fn an_answer_may_end_its_connection() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    client.get("/later").await;
    client.get("/now/never").await;
    let response = Response::builder().header("connection", "close").body(full("last")).unwrap();
    desk.answer("/later", response).await;
    let Answer { head, body, .. } = client.response().await.unwrap();
    assert_eq!(body, b"last");
    assert!(head.contains("connection: close\r\n") && !head.contains("keep-alive"), "{head}");
    assert!(ended(&mut client).await);
    assert_eq!(*desk.asked.lock(), ["/later"]);
}

fn stream() -> (mpsc::UnboundedSender<Chunk>, AnyBody) {
    let (sender, mut chunks) = mpsc::unbounded_channel();
    let chunks = futures_util::stream::poll_fn(move |cx| chunks.poll_recv(cx));
    (sender, StreamBody::new(chunks).boxed_unsync())
}

fn data(text: &'static str) -> Chunk {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn a_body_that_streams_is_sent_in_chunks_as_it_comes() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    client.get("/later").await;
    let (sender, body) = stream();
    sender.send(data("first")).unwrap();
    desk.answer("/later", Response::new(body)).await;
    let head = client.head().await.unwrap();
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(client.read_until("first\r\n").await.unwrap(), b"5\r\nfirst\r\n");
    // What the client sends meanwhile is its next request.
    client.get("/now/next").await;
    sender.send(data("")).unwrap();
    sender.send(data("and another one.")).unwrap();
    assert_eq!(client.read_until(".\r\n").await.unwrap(), b"10\r\nand another one.\r\n");
    drop(sender);
    assert_eq!(client.read_until("\r\n\r\n").await.unwrap(), b"0\r\n\r\n");
    assert_eq!(body_of(&mut client).await, "next");
}

#[tokio::test]
async fn a_client_that_leaves_ends_what_streams() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    client.get("/later").await;
    let (sender, body) = stream();
    sender.send(data("first")).unwrap();
    desk.answer("/later", Response::new(body)).await;
    client.read_until("first\r\n").await.unwrap();
    drop(client);
    sender.closed().await;
}

/// Only the end of the connection can tell that it is not whole.
#[tokio::test]
async fn a_body_that_breaks_is_not_ended_well() {
    let desk = Desk::default();
    let address = desk.serve().await;
    let mut client = connect(address).await;
    client.get("/later").await;
    let (sender, body) = stream();
    sender.send(data("first")).unwrap();
    sender.send(Err("broken".into())).unwrap();
    desk.answer("/later", Response::new(body)).await;
    client.head().await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"5\r\nfirst\r\n");
}

#[tokio::test]
async fn answers_without_a_body_have_no_length() {
    let desk = Desk::default();
    let mut client = connect(desk.serve().await).await;
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        client.get("/later").await;
        let response = Response::builder().status(status).body(full("ignored")).unwrap();
        desk.answer("/later", response).await;
        let head = client.head().await.unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    }
    client.get("/now/next").await;
    assert_eq!(body_of(&mut client).await, "next");
}

/// Everything but a GET or a POST without a body over a connection that is kept is left to hyper.
#[tokio::test]
async fn other_requests_may_wait_as_well() {
    let desk = Desk::default();
    let address = desk.serve().await;
    for (request, body) in [
        ("GET /later HTTP/1.0\r\nhost: a\r\n\r\n", "later"),
        ("GET /later HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "later"),
        ("POST /later HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab", "later"),
        ("POST /later HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "later"),
        ("GET /later HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab", "later"),
    ] {
        let mut client = connect(address).await;
        client.send(request).await;
        desk.answer_text("/later", "later").await;
        assert_eq!(body_of(&mut client).await, body, "{request}");
    }
    let mut client = connect(address).await;
    client.send("HEAD /later HTTP/1.1\r\nhost: a\r\n\r\n").await;
    desk.answer_text("/later", "later").await;
    let head = client.head().await.unwrap();
    assert!(head.contains("content-length: 5\r\n"), "{head}");
    client.get("/now/next").await;
    assert_eq!(body_of(&mut client).await, "next");
}

/// A server that stops lets the answers out that are asked for, and takes no more requests.
#[tokio::test]
async fn a_server_that_stops_answers_who_waits() {
    let desk = Desk::default();
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = HttpServer::new(listeners, desk.clone())
        .take_over_after(Duration::ZERO)
        .with_graceful_shutdown(async move { drop(stopped.await) })
        .into_future();
    let server = tokio::spawn(server);
    let mut kept = connect(address).await;
    kept.get("/kept").await;
    desk.answer_text("/kept", "kept").await;
    assert_eq!(body_of(&mut kept).await, "kept");
    let mut streaming = connect(address).await;
    streaming.get("/stream").await;
    let (sender, body) = stream();
    desk.answer("/stream", Response::new(body)).await;
    let head = streaming.head().await.unwrap();
    assert!(head.contains("connection: keep-alive"), "{head}");
    let mut client = connect(address).await;
    client.get("/later").await;
    let later = desk.waiting("/later").await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let stopped_at = Instant::now();
    stop.send(()).unwrap();
    assert!(ended(&mut kept).await);
    drop(sender);
    streaming.expect("0\r\n\r\n").await;
    assert!(ended(&mut streaming).await);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    later.send(Response::new(full("last"))).unwrap();
    let Answer { head, body, .. } = client.response().await.unwrap();
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(body, b"last");
    assert!(ended(&mut client).await);
    assert!(stopped_at.elapsed() < Duration::from_secs(10), "nobody waited for a time-out");
    server.await.unwrap().unwrap();
}

/// Who takes nothing of an answer is given up; who takes a little has all the time it needs.
#[tokio::test]
async fn who_takes_nothing_of_a_taken_answer_is_given_up() {
    let desk = Desk::default();
    let limit = Duration::from_secs(4);
    let address = desk.serve_with(|server| server.write_timeout(limit)).await;
    let mut client = connect(address).await;
    socket2::SockRef::from(&*client).set_recv_buffer_size(4096).unwrap();
    client.get("/later").await;
    let (sender, body) = stream();
    for _ in 0..100 {
        sender.send(Ok(Frame::data(vec![b'x'; 1 << 20].into()))).unwrap();
    }
    desk.answer("/later", Response::new(body)).await;
    client.head().await.unwrap();
    tokio::time::pause();
    tokio::time::timeout(limit * 5, sender.closed()).await.unwrap();
}

/// A service that answers in its own time is the same under anything that is put around it.
#[tokio::test]
async fn what_is_around_the_service_has_its_say() {
    #[derive(Clone)]
    struct Around(Desk);

    impl Service<Request<Incoming>> for Around {
        type Response = Response<AnyBody>;
        type Error = Infallible;
        type Future = <Desk as Service<Request<Incoming>>>::Future;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Incoming>) -> Self::Future {
            let answer = self.0.call(request);
            Box::pin(async move {
                let mut response = answer.await?;
                response.headers_mut().insert("x-around", "yes".parse().unwrap());
                Ok(response)
            })
        }
    }

    let desk = Desk::default();
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let server = HttpServer::new(listeners, Around(desk.clone()));
    tokio::spawn(server.take_over_after(Duration::ZERO).into_future());
    let mut client = connect(address).await;
    client.get("/later").await;
    desk.answer_text("/later", "later").await;
    let Answer { head, body, .. } = client.response().await.unwrap();
    assert!(head.contains("x-around: yes\r\n") && body == b"later", "{head}");
}

/// Proxies ask with `Connection: close`, or in HTTP/1.0.
#[tokio::test]
async fn the_stream_is_handed_over_also_where_the_connection_ends_behind_it() {
    let desk = Desk::default();
    let address = desk.serve().await;
    for (number, head) in
        ["HTTP/1.1\r\nHost: a\r\n", "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "HTTP/1.0\r\n"]
            .iter()
            .enumerate()
    {
        let mut client = connect(address).await;
        let path = format!("/stream/{number}");
        client.send(format!("GET {path} {head}\r\n")).await;
        let answer = desk.waiting(&path).await;
        // The body itself never has anything.
        let (_, body) = stream();
        let mut response = Response::new(body);
        let hand_over = HandOver::new::<AnyBody>(|stream| {
            let (_, write) = stream.split();
            write.try_write(b"all of it").unwrap();
        });
        response.extensions_mut().insert(hand_over);
        drop(answer.send(response));
        let all = String::from_utf8(client.read_to_end().await.unwrap()).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(body, "all of it");
    }
}
