//! SockJS in worlds drawn from a seed: clients receive on any transport over HTTP, send batches of messages, and
//! are cut off at any byte of what they send or get. Like the official client, one that was cut off does not come back.
//!
//! Promises that are checked in every world:
//!
//! - what arrives, on either side, is what was sent, in order, nothing twice and nothing left out in between;
//! - a client that was not cut off gets everything;
//! - whoever was cut off, their session ends, with a reason; no session is left.
//!
//! Time is virtual, connections are in memory. A failure names its seed;
//! `SOCKEYE_SEED=n SOCKEYE_SOCKJS_WORLDS=1 cargo test -p sockeye-sim --test sockjs` plays it alone.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye_engine::Origins;
use sockeye_sim::Random;
use sockeye_sockjs::{
    Application, CloseReason, Config, HandlerError, Handshake, Message, Session, SessionHandler,
    SockJs,
};
use sockeye_testing::raw;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// Echoes, and keeps what came. The first part of each message says whose it is.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    texts: HashMap<String, Vec<String>>,
    opened: usize,
    ends: Vec<CloseReason>,
}

struct EchoHandler(Session, Echo);

impl Application for Echo {
    type Handler = EchoHandler;
    fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
        self.0.lock().unwrap().opened += 1;
        EchoHandler(session, self.clone())
    }
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        let Message::Text(text) = message else { panic!("{message:?} was not sent") };
        let (key, _) = text.split_once('/').unwrap();
        self.1.0.lock().unwrap().texts.entry(key.to_owned()).or_default().push(text.to_owned());
        self.0.send(text, &[]);
        Ok(())
    }
    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
    fn close(&mut self, reason: CloseReason) {
        self.1.0.lock().unwrap().ends.push(reason);
    }
}

#[derive(Clone)]
struct Host {
    sockjs: SockJs<Echo>,
    app: Echo,
}

impl Host {
    fn new() -> Self {
        let app = Echo::default();
        let config = Config {
            path: "/echo".to_owned(),
            response_bytes_max: 4096,
            htmlfile: true,
            jsonp: true,
            ..Config::default()
        };
        let engine =
            sockeye_engine::Config { origins: Origins::Any, ..sockeye_engine::Config::default() };
        Host { sockjs: SockJs::new(config, engine, app.clone()).unwrap(), app }
    }

    fn connect(&self, buffer: usize) -> DuplexStream {
        let (near, far) = duplex(buffer);
        let sockjs = self.sockjs.clone();
        let service = service_fn(move |request| {
            let answer = sockjs.respond(request);
            async move { Ok::<_, Infallible>(answer.await.unwrap()) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(far), service));
        near
    }

    fn texts(&self, key: &str) -> Vec<String> {
        self.app.0.lock().unwrap().texts.get(key).cloned().unwrap_or_default()
    }

    /// Whoever is silent is gone by then, and whoever was cut off has ended with a reason.
    async fn assert_ended(&self) {
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(self.sockjs.engine().unfinished(), 0, "a session outlives its client");
        let notes = self.app.0.lock().unwrap();
        assert_eq!(notes.ends.len(), notes.opened, "each ends once, with a reason");
    }
}

/// A transport over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    XhrPolling,
    XhrStreaming,
    EventSource,
    HtmlFile,
    JsonpPolling,
}

impl Transport {
    const ALL: [Transport; 5] = [
        Transport::XhrPolling,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
        Transport::JsonpPolling,
    ];

    fn is_stream(self) -> bool {
        !matches!(self, Transport::XhrPolling | Transport::JsonpPolling)
    }

    /// The request that waits for frames.
    fn request(self, key: &str) -> Vec<u8> {
        let (method, action) = match self {
            Transport::XhrPolling => ("POST", "xhr"),
            Transport::XhrStreaming => ("POST", "xhr_streaming"),
            Transport::EventSource => ("GET", "eventsource"),
            Transport::HtmlFile => ("GET", "htmlfile?c=cb"),
            Transport::JsonpPolling => ("GET", "jsonp?c=cb"),
        };
        raw::request(method, &format!("/echo/000/{key}/{action}"), &[], "")
    }

    /// The request that brings messages, and how its answer begins.
    fn send(self, key: &str, messages: &str) -> (Vec<u8>, &'static [u8; 12]) {
        let target = |action| format!("/echo/000/{key}/{action}");
        if self != Transport::JsonpPolling {
            return (raw::request("POST", &target("xhr_send"), &[], messages), b"HTTP/1.1 204");
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let data: String = messages.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let body = format!("d={data}");
        (raw::request("POST", &target("jsonp_send"), &form, body), b"HTTP/1.1 200")
    }

    /// The frame in a line of an answer, if there is one.
    fn frame(self, line: &str) -> Option<String> {
        let quoted = |line: &str| serde_json::from_str(line).unwrap();
        match self {
            Transport::XhrPolling | Transport::XhrStreaming => Some(line.to_owned()),
            Transport::EventSource => {
                line.strip_prefix("data: ").map(|data| data.replace("%25", "%"))
            }
            Transport::HtmlFile => {
                line.strip_prefix("p(").map(|call| quoted(call.strip_suffix(");").unwrap()))
            }
            Transport::JsonpPolling => {
                line.strip_prefix("/**/cb(").map(|call| quoted(call.strip_suffix(");").unwrap()))
            }
        }
    }
}

/// An answer on its way.
struct Answer {
    transport: Transport,
    io: DuplexStream,
    raw: Vec<u8>,
    taken: usize,
    is_ended: bool,
}

impl Answer {
    fn of(io: DuplexStream, transport: Transport) -> Self {
        Answer { transport, io, raw: Vec::new(), taken: 0, is_ended: false }
    }

    /// The next frame. None: the answer is over, or cut off, which `bytes_left` says.
    async fn frame(&mut self, bytes_left: &mut usize) -> Option<String> {
        loop {
            let (body, is_over) = body(&self.raw);
            let end = body[self.taken..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = str::from_utf8(&body[self.taken..self.taken + end]).unwrap();
                self.taken += end + 1;
                match self.transport.frame(line.strip_suffix('\r').unwrap_or(line)) {
                    None => continue,
                    frame => return frame,
                }
            }
            if is_over || self.is_ended {
                return None;
            }
            let mut piece = [0; 512];
            let length = piece.len().min(*bytes_left);
            let count = self.io.read(&mut piece[..length]).await.unwrap_or(0);
            self.is_ended = count == 0;
            *bytes_left -= count;
            self.raw.extend_from_slice(&piece[..count]);
        }
    }
}

/// What is known of the body of an answer, and whether that is all.
fn body(raw: &[u8]) -> (Vec<u8>, bool) {
    let Some(end) = raw.windows(4).position(|it| it == b"\r\n\r\n") else {
        return (Vec::new(), false);
    };
    let head = str::from_utf8(&raw[..end]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut rest = &raw[end + 4..];
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length {
        return (rest.to_vec(), rest.len() == length.parse::<usize>().unwrap());
    }
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|it| it == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        if size == 0 || chunk.len() < size + 2 {
            return (body, size == 0);
        }
        rest = &chunk[size + 2..];
    }
}

/// One client of one session.
struct Client {
    host: Host,
    key: String,
    transport: Transport,
    /// How much comes, and how much goes, before it is cut off.
    in_left: usize,
    out_left: usize,
    /// How many bytes a connection holds.
    buffer: usize,
    answer: Option<Answer>,
    sent: Vec<String>,
    got: Vec<String>,
}

impl Client {
    fn new(host: &Host, key: &str, transport: Transport, in_left: usize, out_left: usize) -> Self {
        let (host, key, answer) = (host.clone(), key.to_owned(), None);
        let (sent, got) = (Vec::new(), Vec::new());
        Client { host, key, transport, in_left, out_left, buffer: 8192, answer, sent, got }
    }

    /// Reads until so many messages have come. False: it was cut off.
    async fn receive(&mut self, count: usize) -> bool {
        while self.got.len() < count {
            if self.answer.is_none() {
                self.answer = Some(self.ask().await);
            }
            let answer = self.answer.as_mut().unwrap();
            match answer.frame(&mut self.in_left).await {
                Some(frame) => self.take(&frame),
                None if self.in_left == 0 => return false,
                None => {
                    assert!(!answer.is_ended, "the server cut {} off", self.key);
                    self.answer = None;
                }
            }
        }
        true
    }

    fn take(&mut self, frame: &str) {
        match frame.split_at(1) {
            ("a", messages) => {
                self.got.extend(serde_json::from_str::<Vec<String>>(messages).unwrap());
            }
            ("o" | "h", _) => {}
            _ => panic!("{frame}: nobody closed {}", self.key),
        }
    }

    /// Sends messages in one body, in two pieces. False: it was cut off.
    async fn send(&mut self, messages: &[String], split: usize) -> bool {
        self.sent.extend_from_slice(messages);
        let body = serde_json::to_string(messages).unwrap();
        let (request, answer) = self.transport.send(&self.key, &body);
        let mut io = self.host.connect(self.buffer);
        let length = request.len().min(self.out_left);
        self.out_left -= length;
        let (first, second) = request[..length].split_at(split.min(length));
        io.write_all(first).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        io.write_all(second).await.unwrap();
        if length < request.len() {
            return false;
        }
        let mut head = [0; 12];
        io.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, answer);
        true
    }

    /// Whatever happened: on either side a beginning of what was sent.
    fn judge(&self, is_whole: bool) {
        let arrived = self.host.texts(&self.key);
        assert_eq!(arrived, self.sent[..arrived.len()], "{}", self.key);
        assert_eq!(self.got, arrived[..self.got.len()], "{}", self.key);
        assert!(!is_whole || self.got.len() == self.sent.len(), "{}", self.key);
    }

    /// Plays a script. Whether it was never cut off.
    async fn play(mut self, mut random: Random) -> (Self, bool) {
        self.buffer = 64 + usize::try_from(random.below(8192)).unwrap();
        let mut is_whole = true;
        for _ in 0..1 + random.below(10) {
            let batch: Vec<String> =
                (0..1 + random.below(4)).map(|number| self.message(number, &mut random)).collect();
            let split = usize::try_from(random.below(300)).unwrap();
            // There is no session before its client listens.
            let is_open = !self.sent.is_empty() || self.open().await;
            is_whole =
                is_open && self.send(&batch, split).await && self.receive(self.sent.len()).await;
            if !is_whole {
                break;
            }
        }
        self.answer = None;
        (self, is_whole)
    }

    fn message(&self, number: u64, random: &mut Random) -> String {
        let texts =
            ["", "\"\\\n\u{2028}", "세계", "😀</script>", "\u{ffff}\0", "100% %25", "plain"];
        let text = texts[usize::try_from(random.below(7)).unwrap()];
        let times = usize::try_from(random.below(60)).unwrap();
        format!("{}/{}.{number}/{}", self.key, self.sent.len(), text.repeat(times))
    }

    async fn ask(&self) -> Answer {
        let mut io = self.host.connect(self.buffer);
        io.write_all(&self.transport.request(&self.key)).await.unwrap();
        Answer::of(io, self.transport)
    }

    /// Waits for `o`. False: it was cut off.
    async fn open(&mut self) -> bool {
        let mut answer = self.ask().await;
        loop {
            match answer.frame(&mut self.in_left).await.as_deref() {
                Some("o") => break,
                Some(_) => {}
                None => return false,
            }
        }
        self.answer = self.transport.is_stream().then_some(answer);
        true
    }
}

/// Plays one world. How many clients came through, and how many were cut off.
fn play(seed: u64) -> [usize; 2] {
    run(async move {
        let mut random = Random::new(seed);
        let host = Host::new();
        let clients: Vec<_> = (0..1 + random.below(4))
            .map(|number| {
                let mut budget = |most| match random.chance(40) {
                    true => usize::try_from(random.below(most)).unwrap(),
                    false => usize::MAX,
                };
                let (in_left, out_left) = (budget(8000), budget(4000));
                let transport = Transport::ALL[usize::try_from(random.below(5)).unwrap()];
                let client = Client::new(&host, &number.to_string(), transport, in_left, out_left);
                tokio::spawn(client.play(Random::new(random.number())))
            })
            .collect();
        let mut played = Vec::new();
        for client in clients {
            played.push(client.await.unwrap());
        }
        host.assert_ended().await;
        played.iter().for_each(|(client, is_whole)| client.judge(*is_whole));
        let whole = played.iter().filter(|(_, is_whole)| *is_whole).count();
        [whole, played.len() - whole]
    })
}

fn run<T>(world: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(world)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn messages_come_once_and_in_order_or_their_session_ends() {
    let worlds = number("SOCKEYE_SOCKJS_WORLDS").unwrap_or(WORLDS);
    let first = number("SOCKEYE_SEED").unwrap_or(0);
    let mut all = [0; 2];
    for seed in first..first + worlds {
        match std::panic::catch_unwind(|| play(seed)) {
            Ok([whole, cut]) => all = [all[0] + whole, all[1] + cut],
            Err(_) => panic!("SOCKEYE_SEED={seed} SOCKEYE_SOCKJS_WORLDS=1 plays it again"),
        }
    }
    // The worlds are not all alike: otherwise this would show nothing.
    if worlds >= WORLDS {
        let least = usize::try_from(worlds / 4).unwrap();
        assert!(all.iter().all(|count| *count > least), "{all:?}");
    }
}

/// The same short exchange, cut off at each byte of each direction.
#[test]
fn cut_off_at_every_byte() {
    for transport in Transport::ALL {
        for is_in in [true, false] {
            let mut cut = 0;
            loop {
                let is_whole = run(async {
                    let host = Host::new();
                    let (in_left, out_left) =
                        if is_in { (cut, usize::MAX) } else { (usize::MAX, cut) };
                    let mut client = Client::new(&host, "a", transport, in_left, out_left);
                    let batch = ["a/1/\"", "a/2/\u{2028}세"].map(str::to_owned);
                    let is_whole = client.open().await
                        && client.send(&batch, 90).await
                        && client.receive(2).await;
                    client.answer = None;
                    host.assert_ended().await;
                    client.judge(is_whole);
                    is_whole
                });
                if is_whole {
                    break;
                }
                cut += 1;
            }
            assert!(cut > if is_in { 300 } else { 90 }, "{transport:?}: {cut}");
        }
    }
}

/// Unless `SOCKEYE_SOCKJS_WORLDS` says another number.
const WORLDS: u64 = 1_000;
