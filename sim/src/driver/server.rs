//! The server of a world, and what it saw.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye_engine::{
    Application, CloseReason, Config, Encoded, Engine, HandlerError, Handshake, MemberList,
    Message, Session, SessionHandler,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::client::Outcome;
use crate::random::Random;

/// A byte stream of either kind.
pub trait Io: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin> Io for T {}

/// A server and a way to it.
#[derive(Clone, Debug)]
pub struct Host {
    /// The server itself.
    pub engine: Engine<Recorder>,
    recorder: Recorder,
    net: Net,
}

#[derive(Clone, Copy, Debug)]
enum Net {
    Memory,
    Tcp(SocketAddr),
}

impl Host {
    /// In memory, with limits that a world may reach.
    pub fn memory(random: &mut Random) -> Host {
        let config = Config {
            allow_eio3: true,
            payload_bytes_max: [500, 10_000, 1_000_000][random.below(3) as usize],
            queued_packets_max: [50, 10_000][random.below(2) as usize],
            ..Config::default()
        };
        Host::new(config, Net::Memory)
    }

    /// Behind the listener at this address, which somebody else serves.
    pub fn tcp(config: Config, address: SocketAddr) -> Host {
        Host::new(config, Net::Tcp(address))
    }

    fn new(config: Config, net: Net) -> Host {
        let recorder = Recorder::default();
        let engine = Engine::new(config, recorder.clone()).expect("a valid configuration");
        Host { engine, recorder, net }
    }

    /// A connection that holds at most so many bytes on their way.
    pub async fn connect(&self, buffer: usize) -> Option<Box<dyn Io>> {
        let Net::Tcp(address) = self.net else {
            let (client, server) = tokio::io::duplex(buffer);
            let engine = self.engine.clone();
            let service = service_fn(move |request| {
                let engine = engine.clone();
                async move { Ok::<_, Infallible>(engine.handle(request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
            tokio::spawn(connection.with_upgrades());
            return Some(Box::new(client));
        };
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let number = self.recorder.0.connections.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(3) {
            // However it ends, it ends with a reset.
            stream.set_zero_linger().ok()?;
        }
        Some(Box::new(stream))
    }

    /// That a client that kept to the rules was heard and answered.
    pub fn assert_complete(&self, outcome: &Outcome) {
        let heard = self.recorder.0.heard.lock().expect("nobody panicked");
        let heard = heard.get(&outcome.number).copied().unwrap_or_default();
        assert_eq!(heard, outcome.sent, "client {} was not heard out", outcome.number);
        assert_eq!(outcome.received, outcome.sent, "client {} misses answers", outcome.number);
    }

    /// Sessions whose handler is still there.
    pub fn handlers(&self) -> usize {
        self.recorder.0.handlers.load(Ordering::SeqCst)
    }

    /// How many sessions ended, by what ended them.
    pub fn ends(&self) -> BTreeMap<&'static str, u64> {
        self.recorder.0.ends.lock().expect("nobody panicked").clone()
    }

    /// Waits until no more than `tasks` are left.
    pub async fn quiet(&self, tasks: usize) {
        let metrics = tokio::runtime::Handle::current().metrics();
        // Real time may be somebody else's for a while.
        let ticks = if matches!(self.net, Net::Memory) { 1000 } else { 6000 };
        for _ in 0..ticks {
            if metrics.num_alive_tasks() <= tasks {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} tasks are left", metrics.num_alive_tasks() - tasks);
    }

    /// Forgets what was heard.
    pub fn forget(&self) {
        *self.recorder.0.heard.lock().expect("nobody panicked") = HashMap::new();
    }
}

/// Answers message number `n` of a client with message number `n`, and checks that none is
/// missing and none comes twice. A client says its own number in the query of its handshake.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// Messages heard of each client.
    heard: Mutex<HashMap<u64, u32>>,
    ends: Mutex<BTreeMap<&'static str, u64>>,
    handlers: AtomicUsize,
    connections: AtomicUsize,
}

impl Application for Recorder {
    type Handler = Handler;

    fn open(&self, session: Session, handshake: Arc<Handshake>) -> Handler {
        self.0.handlers.fetch_add(1, Ordering::SeqCst);
        let client = handshake.query("client").and_then(|text| text.parse().ok());
        let client: u64 = client.expect("clients say it");
        // Every other one is answered as a member of a crowd.
        let members = client.is_multiple_of(2).then(|| MemberList::new([session.clone()]));
        Handler { notes: Arc::clone(&self.0), session, members, client, next: 0 }
    }
}

/// Hears one session out.
#[derive(Debug)]
pub struct Handler {
    notes: Arc<Notes>,
    session: Session,
    members: Option<MemberList>,
    client: u64,
    next: u32,
}

impl Handler {
    fn send(&self, text: &str) {
        match &self.members {
            Some(members) => members.send(&Arc::new(Encoded::new(text, Vec::new())), None),
            None => {
                self.session.send(text, &[]);
            }
        }
    }
}

impl SessionHandler for Handler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        let text = match message {
            Message::Text("flood") => {
                for _ in 0..FLOOD {
                    self.send(&"x".repeat(FLOOD_BYTES));
                }
                return Ok(());
            }
            Message::Text(text) => text.to_owned(),
            Message::Binary(data) => String::from_utf8_lossy(data).into_owned(),
        };
        assert_eq!(text, self.next.to_string(), "client {}", self.client);
        self.next += 1;
        self.notes.heard.lock().expect("nobody panicked").insert(self.client, self.next);
        // Every third answer is binary, and every fifth has an attachment's company.
        if text.len() % 3 == 2 {
            self.session.send_binary(&Bytes::from(text));
        } else {
            self.send(&text);
        }
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {
        let detail = self.session.close_detail().expect("there is one");
        *self.notes.ends.lock().expect("nobody panicked").entry(detail.as_str()).or_default() += 1;
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.notes.handlers.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) const FLOOD: usize = 200;
pub(crate) const FLOOD_BYTES: usize = 300;
