//! The lab, its page, and clients of each road that count for themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use sockeye_chat::lab::Lab;
use sockeye_chat::lab::contract::{
    CONTROL_PATH, FromServer, Road, RoadAddress, RoadNumbers, Sent, Settings,
};
use sockeye_websocket::ws::{Opcode, encode_frame};
use sockeye_websocket::{HttpServer, WebSocket, bind, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::PATIENCE;

pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A lab on a port of its own: its `host:port`.
pub(crate) async fn lab() -> String {
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let router = Lab::new(Some("127.0.0.1")).router();
    tokio::spawn(HttpServer::new(listeners, router).into_future());
    address.to_string()
}

/// The page of a visit.
pub(crate) struct Page {
    pub(crate) socket: WebSocket,
    pub(crate) roads: Vec<RoadAddress>,
    pub(crate) settings: Settings,
}

impl Page {
    /// A visit that sends nothing yet.
    pub(crate) async fn open(lab: &str) -> Self {
        let socket = connect(&format!("ws://{lab}{CONTROL_PATH}")).await.unwrap();
        let mut page = Self { socket, roads: Vec::new(), settings: first_settings() };
        let hello = page.until(|message| match message {
            FromServer::Hello { roads, settings, origin_host, .. } => {
                Some((roads, settings, origin_host))
            }
            _ => None,
        });
        let (roads, settings, host) = hello.await;
        assert_eq!(host, "127.0.0.1");
        assert_eq!(roads.iter().map(|road| road.id).collect::<Vec<_>>(), Road::ALL);
        (page.roads, page.settings) = (roads, settings);
        page.say(&json!({ "type": "set", "running": false })).await;
        page.numbers(|_, settings, _| !settings.running).await;
        page.say(&json!({ "type": "reset" })).await;
        page
    }

    pub(crate) async fn say(&self, message: &Value) {
        self.socket.send(&*message.to_string()).await.unwrap();
    }

    /// Reads up to the message that is looked for.
    pub(crate) async fn until<T>(&mut self, mut look: impl FnMut(FromServer) -> Option<T>) -> T {
        let read = async {
            loop {
                let message = self.socket.recv().await.unwrap().expect("the visit goes on");
                // A pong is none of the lab's.
                let Some(message) = message.as_text() else { continue };
                let message = serde_json::from_str(message).unwrap();
                if let Some(found) = look(message) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, read).await.expect("the lab tells it")
    }

    /// Reads up to the numbers that are looked for.
    pub(crate) async fn numbers(
        &mut self,
        mut look: impl FnMut(Sent, Settings, &BTreeMap<Road, RoadNumbers>) -> bool,
    ) -> (Sent, BTreeMap<Road, RoadNumbers>) {
        self.until(|message| match message {
            FromServer::Numbers { sent, settings, roads, .. } => {
                look(sent, settings, &roads).then_some((sent, roads))
            }
            _ => None,
        })
        .await
    }

    pub(crate) fn address(&self, road: Road) -> String {
        format!("127.0.0.1:{}", self.roads[road.index()].port)
    }

    pub(crate) fn path(&self, road: Road) -> &str {
        &self.roads[road.index()].path
    }

    /// A client of a road, not yet anything asked.
    pub(crate) async fn client(&self, road: Road) -> Client {
        Client::connect(&self.address(road)).await
    }
}

pub(crate) fn first_settings() -> Settings {
    Settings { rate: 0.0, size: 0, burst: 0, running: false }
}

/// One connection, whose bytes are counted.
pub(crate) struct Client {
    pub(crate) write: OwnedWriteHalf,
    pub(crate) sent: u64,
    pub(crate) received: Arc<Mutex<Received>>,
    more: Arc<tokio::sync::Notify>,
    reader: JoinSet<()>,
}

#[derive(Default)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: Option<ErrorKind>,
    pub(crate) is_closed: bool,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Self {
        let (mut read, write) = TcpStream::connect(address).await.unwrap().into_split();
        let (received, more) = (Arc::new(Mutex::new(Received::default())), Arc::default());
        let reader = JoinSet::new();
        let mut client = Self { write, sent: 0, received: Arc::clone(&received), more, reader };
        let more = Arc::clone(&client.more);
        client.reader.spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let got = read.read(&mut buffer).await;
                {
                    let mut received = received.lock();
                    match got {
                        Ok(0) => received.is_closed = true,
                        Ok(size) => received.bytes.extend_from_slice(&buffer[..size]),
                        Err(error) => {
                            (received.is_closed, received.end) = (true, Some(error.kind()));
                        }
                    }
                }
                more.notify_one();
                if received.lock().is_closed {
                    return;
                }
            }
        });
        client
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        self.write.write_all(bytes).await.unwrap();
    }

    /// Waits until what was received is as it is looked for.
    pub(crate) async fn until(&self, look: impl Fn(&Received) -> bool) {
        let wait = async {
            while !look(&self.received.lock()) {
                self.more.notified().await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it is received");
    }

    pub(crate) async fn get(&mut self, target: &str, headers: &str) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
        self.write(head.as_bytes()).await;
    }

    /// A request with an answer of known length: its body.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> String {
        let before = self.received.lock().bytes.len();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.write(request.as_bytes()).await;
        self.until(|received| answer(&received.bytes[before..]).is_some()).await;
        answer(&self.received.lock().bytes[before..]).unwrap()
    }

    pub(crate) async fn upgrade(&mut self, target: &str) {
        let headers = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        self.get(target, &headers).await;
        self.until(|received| received.bytes.windows(4).any(|it| it == b"\r\n\r\n")).await;
        assert!(self.received.lock().bytes.starts_with(b"HTTP/1.1 101 "));
    }

    pub(crate) async fn frame(&mut self, text: &str) {
        let mut frame = Vec::new();
        encode_frame(Opcode::Text, text.as_bytes(), Some([1, 2, 3, 4]), &mut frame);
        self.write(&frame).await;
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        holds(&self.received.lock().bytes, text)
    }

    /// The events in what was received.
    pub(crate) fn marks(&self) -> BTreeSet<u64> {
        marks(&self.received.lock().bytes)
    }
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

pub(crate) fn marks(bytes: &[u8]) -> BTreeSet<u64> {
    String::from_utf8_lossy(bytes).split('#').filter_map(|part| part.parse().ok()).collect()
}

/// The body of a whole answer.
pub(crate) fn answer(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    (body.len() >= length).then(|| body.to_owned())
}

/// Clients of all roads that are told by themselves, ready to listen, and one that waits once.
pub(crate) async fn listeners(page: &Page) -> BTreeMap<Road, Client> {
    // The first one, so that it waits when the others are there.
    let mut client = page.client(Road::LongPolling).await;
    let path = format!("{}?offset=now&wait=25", page.path(Road::LongPolling));
    client.get(&path, "").await;
    let mut clients = streams(page).await;
    clients.insert(Road::LongPolling, client);
    clients
}

/// A session of Socket.IO that polls and has joined, and where.
pub(crate) async fn polling_session(page: &Page) -> (Client, String) {
    let mut client = page.client(Road::SocketIoPolling).await;
    let path = format!("{}?EIO=4&transport=polling", page.path(Road::SocketIoPolling));
    let open = client.ask("GET", &path, "", "").await;
    let open: Value = serde_json::from_str(&open[1..]).unwrap();
    let path = format!("{path}&sid={}", open["sid"].as_str().unwrap());
    assert_eq!(client.ask("POST", &path, "", "40/lab,").await, "ok");
    assert!(client.ask("GET", &path, "", "").await.starts_with("40/lab,"));
    (client, path)
}

/// Clients of the roads that are told by themselves for ever.
pub(crate) async fn streams(page: &Page) -> BTreeMap<Road, Client> {
    let mut clients = BTreeMap::new();
    for (road, accept) in [(Road::Ndjson, "application/x-ndjson"), (Road::Sse, "text/event-stream")]
    {
        let mut client = page.client(road).await;
        client.get(page.path(road), &format!("Accept: {accept}\r\n")).await;
        client.until(|received| holds(&received.bytes, "\r\n\r\n")).await;
        clients.insert(road, client);
    }
    let mut client = page.client(Road::Websocket).await;
    client.upgrade(page.path(Road::Websocket)).await;
    clients.insert(Road::Websocket, client);

    let mut client = page.client(Road::Sockjs).await;
    client.upgrade(&format!("{}/000/abcdefgh/websocket", page.path(Road::Sockjs))).await;
    client.until(|received| received.bytes.ends_with(b"o")).await;
    clients.insert(Road::Sockjs, client);

    let mut client = page.client(Road::SocketIo).await;
    client.upgrade(&format!("{}?EIO=4&transport=websocket", page.path(Road::SocketIo))).await;
    client.frame("40/lab,").await;
    client.until(|received| holds(&received.bytes, "40/lab,{")).await;
    clients.insert(Road::SocketIo, client);
    clients
}
