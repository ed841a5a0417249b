//! The load generator: one thread that plays all clients of a measurement and checks every frame
//! it gets back. A wrong, lost or surplus message ends the run with an error.

mod connect;
mod connection;
mod echo;
mod fan_out;
mod http;
mod idle;
mod latency;
mod listen;
mod listener;
mod meter;
mod parked;
mod polling;
mod pool;
mod waiter;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::connection::ConnectionError;
pub use self::latency::Latency;
use self::meter::Meter;
use crate::wire::{FeedWire, Protocol, Route, Wire};

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Every connection keeps `pipeline` messages on their way and has them sent back. One
    /// operation is one message there and back.
    Echo,
    /// One connection sends `pipeline` messages in one segment, waits until every connection has
    /// got all of them, and starts again. One operation is one delivery.
    ///
    /// Readers of a feed get what one more connection, a Socket.IO client, sends.
    Broadcast,
    /// `connections` at a time are opened up to the point where messages may be sent (Socket.IO:
    /// two round trips after TCP's; bare TCP: one message there and back) and closed at once. One
    /// operation is one connection.
    Connect,
    /// `connections` are opened and say nothing. One operation is one connection opened.
    Idle,
    /// Echo over HTTP long polling: every session posts `pipeline` messages in one payload and
    /// polls until all have come back. One operation is one message there and back.
    Polling,
    /// `connections` sessions over HTTP long polling, or readers of a feed, each with a poll waiting.
    /// One operation is one session opened.
    IdlePolling,
}

impl Workload {
    /// Whether connections say nothing, so that memory is what is measured.
    pub fn is_idle(self) -> bool {
        matches!(self, Self::Idle | Self::IdlePolling)
    }

    /// Whether HTTP long polling carries it instead of a WebSocket.
    pub fn is_polling(self) -> bool {
        matches!(self, Self::Polling | Self::IdlePolling)
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where the server listens.
    pub server: SocketAddr,
    /// Its process, whose CPU time and memory are read.
    pub server_pid: Option<u32>,
    /// [`Workload::Broadcast`] over WebSockets: another server of its cluster, which every second client is connected to.
    /// Its CPU time counts as well.
    pub second: Option<Second>,
    /// What the clients do.
    pub workload: Workload,
    /// What they speak.
    pub protocol: Protocol,
    /// How many there are.
    pub connections: usize,
    /// [`Workload::Broadcast`]: so many more, which are not in the room that the others are in.
    pub others: usize,
    /// Messages on their way at once.
    pub pipeline: usize,
    /// Bytes of text in each.
    pub size: usize,
    /// How long clients that wait look for input before they sleep. A sleeper has to be woken, which
    /// the system bills to whoever sends.
    pub awake: Duration,
    /// How long before the measured window.
    pub warm_up: Duration,
    /// The measured window, longer when no operation falls into it; for [`Workload::Idle`] how long
    /// the connections stay open before the memory is read.
    pub window: Duration,
    /// How long nothing may arrive while something is due, before it counts as lost. Above every
    /// heartbeat's interval.
    pub stall: Duration,
}

/// A second server.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// Where it listens.
    pub server: SocketAddr,
    /// Its process.
    pub pid: u32,
}

impl Options {
    /// Where a client is connected to.
    fn server_of(&self, client: usize) -> SocketAddr {
        match self.second {
            Some(second) if client % 2 == 1 => second.server,
            _ => self.server,
        }
    }

    /// 20 s for [`stall`](Self::stall).
    pub const STALL: Duration = Duration::from_secs(20);
}

/// What came out of one measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Operations in the window.
    pub operations: u64,
    /// Length of the window.
    pub seconds: f64,
    /// CPU time of the server in the window.
    pub server: Option<CpuSeconds>,
    /// CPU time of the load generator in the window.
    pub client: CpuSeconds,
    /// Time from sending to having it all (echo: per message; broadcast: per batch until
    /// everybody has it; connect: until messages may be sent).
    pub latency: Option<Latency>,
    /// How the server's memory grew from before the first connection.
    pub memory: Option<MemoryGrowth>,
    /// Heartbeats answered on the way.
    pub pings: u64,
    /// Bytes of HTTP request that open a connection.
    pub request_head_bytes: usize,
    /// Bytes of one message on the wire, to the server and from it.
    pub message_bytes: (usize, usize),
}

impl Outcome {
    /// The outcome of a window that has ended.
    fn new(
        meter: &Meter,
        sizes: Sizes,
        latency: Option<Latency>,
        pings: u64,
    ) -> Result<Self, LoadError> {
        let window = meter.window().ok_or(LoadError::Options("the window did not end"))?;
        Ok(Self {
            operations: window.operations,
            seconds: window.seconds,
            server: window.server,
            client: window.client,
            latency,
            memory: None,
            pings,
            request_head_bytes: sizes.request_head,
            message_bytes: sizes.message,
        })
    }

    /// Microseconds of the server's CPU time per operation; `None` when nothing was read or done.
    pub fn server_cpu_us(&self) -> Option<f64> {
        let server = self.server?;
        (self.operations > 0).then(|| server.total * 1e6 / self.operations as f64)
    }
}

/// Lengths that belong to the figures.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    request_head: usize,
    message: (usize, usize),
}

impl From<&Wire> for Sizes {
    fn from(wire: &Wire) -> Self {
        let message = (wire.requests.message_bytes(), wire.replies.message_bytes());
        Self { request_head: wire.request_head.len(), message }
    }
}

impl From<&FeedWire> for Sizes {
    fn from(wire: &FeedWire) -> Self {
        Self { request_head: wire.request_head.len(), message: (0, wire.events.message_bytes()) }
    }
}

/// CPU time in a window, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CpuSeconds {
    /// Everything.
    pub total: f64,
    /// In user space, rounded to clock ticks.
    pub user: f64,
    /// In the kernel, rounded to clock ticks.
    pub system: f64,
}

/// Memory gained by the server, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct MemoryGrowth {
    /// All resident pages (`VmRSS`).
    pub resident: i64,
    /// Without pages of files (`Anonymous` of `smaps_rollup`).
    pub anonymous: i64,
}

/// Why a measurement is worth nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// One of the connections failed.
    #[error("connection {connection} failed")]
    Connection {
        /// Which of them, from 0.
        connection: usize,
        /// Why.
        source: ConnectionError,
    },
    /// Nothing arrived for a long time although replies are due: they are lost.
    #[error("nothing arrived for {waited:?}, {missing} still due")]
    Stalled {
        /// How long nothing arrived.
        waited: Duration,
        /// Messages, or connections being opened, that are still due.
        missing: u64,
    },
    /// The system refused something the load generator itself needs.
    #[error("the system refused a call")]
    System(#[from] std::io::Error),
    /// The options make no sense together.
    #[error("{0}")]
    Options(&'static str),
}

/// Runs one measurement on the calling thread.
///
/// # Errors
/// When a message is wrong, lost or surplus, a connection fails, or the options make no sense.
pub fn run(options: &Options) -> Result<Outcome, LoadError> {
    if options.connections == 0 || options.pipeline == 0 {
        return Err(LoadError::Options("there must be a connection and a message"));
    }
    let is_broadcast = options.workload == Workload::Broadcast && !options.protocol.is_feed();
    if options.second.is_some() && !is_broadcast {
        return Err(LoadError::Options("only broadcasts over WebSockets go to a second server"));
    }
    if options.protocol.is_feed() {
        return run_feed(options);
    }
    let route = match options.workload {
        Workload::Broadcast
            if matches!(options.protocol, Protocol::EngineIo | Protocol::SockJs) =>
        {
            return Err(LoadError::Options("Engine.IO and SockJS have no broadcast"));
        }
        Workload::Polling | Workload::IdlePolling
            if !matches!(options.protocol, Protocol::EngineIo | Protocol::SocketIo) =>
        {
            return Err(LoadError::Options("only Engine.IO and Socket.IO have long polling"));
        }
        Workload::Broadcast if options.others == 0 => Route::Broadcast,
        Workload::Broadcast if options.protocol == Protocol::SocketIo => Route::Room,
        _ if options.others > 0 => {
            return Err(LoadError::Options("only Socket.IO broadcasts have others, in no room"));
        }
        _ => Route::Echo,
    };
    let wire = Wire::new(options.protocol, route, options.size, options.pipeline, options.server);
    match options.workload {
        Workload::Echo => echo::run(options, &wire),
        Workload::Broadcast => fan_out::run(options, &wire),
        Workload::Connect => connect::run(options, &wire),
        Workload::Idle => idle::run(options, &wire),
        Workload::Polling => polling::echo(options, &wire),
        Workload::IdlePolling => polling::idle(options, &wire),
    }
}

/// The same for readers of a feed.
fn run_feed(options: &Options) -> Result<Outcome, LoadError> {
    let Options { protocol, size, pipeline, server, .. } = *options;
    if options.others > 0 {
        return Err(LoadError::Options("only Socket.IO broadcasts have others, in no room"));
    }
    let wire = FeedWire::new(protocol, size, pipeline, server);
    match options.workload {
        Workload::Broadcast if protocol.is_listening() => listen::broadcast(options, &wire),
        Workload::Idle if protocol.is_listening() => listen::idle(options, &wire),
        Workload::IdlePolling if protocol.is_waiting() => parked::idle(options, &wire),
        _ => Err(LoadError::Options(
            "feeds have broadcast and idle (EventSource, NDJSON), and idle-polling (the polls)",
        )),
    }
}
