//! HTTP and Socket.IO as bytes: what was sent is what a test wrote, and whatever comes is kept, to be searched.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::common::PATIENCE;
use crate::common::http::exchange;

static ADDRESSES: AtomicU32 = AtomicU32::new(1);
/// How much was asked so far, by HTTP and by events.
pub(crate) static ASKED: AtomicU64 = AtomicU64::new(0);

/// An address that nobody had before, for `X-Forwarded-For`: it has a share of every limit for itself.
pub(crate) fn new_address() -> Ipv4Addr {
    Ipv4Addr::from(0x0A00_0000 + ADDRESSES.fetch_add(1, Ordering::Relaxed))
}

/// A request, as its bytes will be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Without a body, from an address of its own.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let request =
            Request { method: method.into(), path: path.into(), headers: vec![], body: vec![] };
        request.from(new_address())
    }

    /// With a body of JSON.
    pub(crate) fn json(method: &str, path: &str, body: &Value) -> Self {
        let request = Request::new(method, path).header("content-type", "application/json");
        if body.is_null() { request } else { request.body(body.to_string().into_bytes()) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Instead of the values it has.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.header(name, value)
    }

    pub(crate) fn from(self, address: Ipv4Addr) -> Self {
        self.with("x-forwarded-for", &address.to_string())
    }

    pub(crate) fn cookie(self, secret: Option<&str>) -> Self {
        match secret {
            Some(secret) => self.with("cookie", &format!("sockeye={secret}")),
            None => self,
        }
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let Request { method, path, headers, body } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name == "host") {
            head.push_str("host: localhost\r\n");
        }
        if !body.is_empty() || method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    /// Sends it, and waits for the whole answer.
    pub(crate) async fn send(&self, address: SocketAddr) -> Answer {
        self.send_within(address, PATIENCE).await
    }

    /// The same for what takes longer.
    pub(crate) async fn send_within(&self, address: SocketAddr, patience: Duration) -> Answer {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let request = self.bytes();
        let answer = timeout(patience, exchange(address, &request));
        let mut bytes = answer.await.expect("an answer").unwrap_or_default();
        let end = find(&bytes, b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer to {} {}", self.method, self.path));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
        Answer { status, head, body, bytes: bytes.split_off(end + 4) }
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// `ok`, or the code of the refusal.
    pub(crate) fn code(&self) -> String {
        match self.status {
            200..=399 => "ok".to_owned(),
            _ => match serde_json::from_str::<Value>(&self.body) {
                Ok(body) => code_of(&body),
                Err(_) => format!("status {}", self.status),
            },
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, self.body))
    }

    /// What is in the cookie that is set: of either name.
    pub(crate) fn secret(&self) -> Option<String> {
        let (_, value) = self.header("set-cookie")?.split(';').next()?.split_once('=')?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Everything of it that is not the same in two answers to the same request.
    pub(crate) fn fixed(&self) -> String {
        let lines = self.head.lines().filter(|line| !line.to_lowercase().starts_with("date:"));
        let lines: Vec<_> = lines.collect();
        format!("{}\n\n{}", lines.join("\n"), self.body)
    }
}

/// `ok`, or the code of the refusal that it is.
pub(crate) fn code_of(answer: &Value) -> String {
    match &answer["error"]["code"] {
        Value::String(code) => code.clone(),
        _ => "ok".to_owned(),
    }
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The client's end of a WebSocket that speaks Socket.IO: everything it hears is kept.
#[derive(Debug)]
pub(crate) struct Socket {
    shared: Arc<Shared>,
    acks: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    output: tokio::sync::Mutex<WriteHalf<TcpStream>>,
    /// All that came, a line for each packet.
    heard: Mutex<String>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<String>>>,
    /// Grows with every packet, and at the end of the connection.
    news: watch::Sender<u64>,
    is_closed: AtomicBool,
}

/// No answer will come: the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Socket {
    /// Opens one with these headers; the status where the server refuses.
    pub(crate) async fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, u16> {
        Socket::open_at(address, "/socket.io/?EIO=4&transport=websocket", headers).await
    }

    /// The same at a path of its own.
    pub(crate) async fn open_at(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut head = format!("GET {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: localhost\r\n");
        }
        head.push_str(
            "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer");
            match byte {
                Ok(byte) => answer.push(byte),
                Err(_) => return Err(0),
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        if status != 101 {
            return Err(status);
        }
        let (input, output) = split(stream);
        let shared = Arc::new(Shared {
            output: output.into(),
            heard: Mutex::default(),
            waiting: Mutex::default(),
            news: watch::Sender::new(0),
            is_closed: AtomicBool::new(false),
        });
        tokio::spawn(read(input, Arc::clone(&shared)));
        Ok(Socket { shared, acks: AtomicU64::new(0) })
    }

    /// Connects a namespace; what the server says against it.
    pub(crate) async fn connect(&self, namespace: &str) -> Result<(), String> {
        let name = name(namespace);
        self.send(&format!("40{name}")).await;
        let (done, refused) = (format!("\n40{name}{{"), format!("\n44{name}"));
        loop {
            let mut news = self.shared.news.subscribe();
            let heard = self.heard();
            if heard.contains(&done) {
                return Ok(());
            }
            if let Some((_, why)) = heard.rsplit_once(&refused) {
                return Err(why.lines().next().unwrap_or_default().to_owned());
            }
            if self.is_closed() {
                return Err("closed".to_owned());
            }
            timeout(PATIENCE, news.changed()).await.expect("an answer to CONNECT").unwrap();
        }
    }

    /// Emits an event, and waits for the answer: the text of its arguments.
    pub(crate) async fn ask(
        &self,
        namespace: &str,
        event: &str,
        payload: &Value,
    ) -> Result<String, Closed> {
        let args = match payload {
            Value::Null => format!("[{}]", Value::from(event)),
            payload => format!("[{},{payload}]", Value::from(event)),
        };
        self.ask_raw(namespace, &args).await
    }

    /// The same with whatever text in place of the event and its arguments.
    pub(crate) async fn ask_raw(&self, namespace: &str, args: &str) -> Result<String, Closed> {
        let answer = self.begin(namespace, args).await;
        timeout(PATIENCE, answer)
            .await
            .unwrap_or_else(|_| panic!("no answer to {args:.200}"))
            .map_err(|_| Closed)
    }

    /// Emits without waiting; what comes is the answer.
    pub(crate) async fn begin(&self, namespace: &str, args: &str) -> oneshot::Receiver<String> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        let ack = self.acks.fetch_add(1, Ordering::Relaxed);
        self.shared.waiting.lock().insert(ack, tell);
        if self.is_closed() {
            self.shared.waiting.lock().clear();
        }
        self.send(&format!("42{}{ack}{args}", name(namespace))).await;
        answer
    }

    /// Sends a packet of Engine.IO; that the connection is over shows elsewhere.
    pub(crate) async fn send(&self, packet: &str) {
        self.shared.send(packet.as_bytes(), TEXT).await;
    }

    /// Everything that came so far, a line for each packet, the first one empty.
    pub(crate) fn heard(&self) -> String {
        self.shared.heard.lock().clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.is_closed.load(Ordering::Acquire)
    }

    /// Waits until something was heard with this in it; false: the connection ended before.
    pub(crate) async fn hears(&self, text: &str) -> bool {
        let heard = async {
            loop {
                let mut news = self.shared.news.subscribe();
                if self.shared.heard.lock().contains(text) {
                    return true;
                }
                if self.is_closed() {
                    return false;
                }
                let _ = news.changed().await;
            }
        };
        timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("{text:?} is heard"))
    }

    /// Waits until the server has closed the connection.
    pub(crate) async fn closed(&self) {
        let closed = async {
            loop {
                let mut news = self.shared.news.subscribe();
                if self.is_closed() {
                    return;
                }
                let _ = news.changed().await;
            }
        };
        timeout(PATIENCE, closed).await.expect("the connection ends");
    }
}

/// A namespace as it stands in a packet.
fn name(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Shared {
    async fn send(&self, payload: &[u8], opcode: u8) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        // A mask of zeros is one, too (RFC 6455 §5.3).
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        let _ = self.output.lock().await.write_all(&frame).await;
    }

    fn take(&self, packet: &str) {
        let mut heard = self.heard.lock();
        heard.push('\n');
        heard.push_str(packet);
        drop(heard);
        if let Some((ack, args)) = answer(packet)
            && let Some(waiting) = self.waiting.lock().remove(&ack)
        {
            let _ = waiting.send(args.to_owned());
        }
    }
}

/// The number of an answer, and its arguments without the brackets.
fn answer(packet: &str) -> Option<(u64, &str)> {
    let rest = packet.strip_prefix("43")?;
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest.split_once(',')?.1,
        None => rest,
    };
    let (ack, args) = rest.split_once('[')?;
    Some((ack.parse().ok()?, args.strip_suffix(']')?))
}

async fn read(mut input: ReadHalf<TcpStream>, shared: Arc<Shared>) {
    while let Ok((opcode, payload)) = frame(&mut input).await {
        match opcode {
            TEXT => {
                let packet = String::from_utf8(payload).unwrap();
                if packet == "2" {
                    shared.send(b"3", TEXT).await;
                }
                shared.take(&packet);
            }
            PING => shared.send(&payload, PONG).await,
            CLOSE => break,
            _ => {}
        }
        shared.news.send_modify(|news| *news += 1);
    }
    shared.is_closed.store(true, Ordering::Release);
    shared.waiting.lock().clear();
    shared.news.send_modify(|news| *news += 1);
}

async fn frame(input: &mut ReadHalf<TcpStream>) -> std::io::Result<(u8, Vec<u8>)> {
    let opcode = input.read_u8().await? & 0xF;
    let length = match input.read_u8().await? & 0x7F {
        126 => u64::from(input.read_u16().await?),
        127 => input.read_u64().await?,
        length => u64::from(length),
    };
    let mut payload = vec![0; length as usize];
    input.read_exact(&mut payload).await?;
    Ok((opcode, payload))
}
