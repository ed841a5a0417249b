//! `bench_server`: one HTTP port with everything that is measured, tested against foreign suites
//! and shown to be right under load.
//!
//! | path | what |
//! |---|---|
//! | `/echo` | WebSocket: each message goes back with the same opcode |
//! | `/broadcast` | WebSocket: each message goes to every client of this path, the sender too |
//! | `/engine.io/` | Engine.IO: each message goes back |
//! | `/sockjs` | SockJS: each message goes back |
//! | `/socket.io/` | Socket.IO, namespace `/`: events `echo`, `broadcast` and `ack` |
//! | `/socket.io/feeds/~/readers` | with `feeds`: what clients send with the event `feed`, over plain HTTP |
//!
//! Arguments of Socket.IO events stay bytes: JSON comes back as it came.

mod engine_io;
mod service;
mod socket_io;
mod websocket;

use std::future::{Future, IntoFuture};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::thread::available_parallelism;

use sockeye_websocket::HttpServer;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::service::Service;

/// Largest message in bytes, on all paths.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How the server runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; `None`: on both loopback addresses.
    pub host: Option<String>,
    /// The port; 0: any free one.
    pub port: u16,
    /// Threads that serve; 0: one for each core.
    pub workers: usize,
    /// Which of tokio's runtimes.
    pub scheduler: Scheduler,
    /// Whether WebSockets may be compressed.
    pub deflate: bool,
    /// Whether a room can be read over plain HTTP.
    pub feeds: bool,
    /// The cluster that the Socket.IO server is in.
    pub bus: Option<Bus>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Over what.
    pub kind: BusKind,
    /// The address of Redis.
    pub redis: String,
}

/// What servers of a cluster are connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BusKind {
    /// Redis, as the classic adapter of Node has it.
    Classic,
    /// Redis 7, as the sharded adapter of Node has it.
    Sharded,
    /// Redis streams, as Node's adapter for them has it.
    Streams,
}

/// Which of tokio's runtimes serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheduler {
    /// The current-thread runtime for one worker, the multi-thread runtime for more.
    #[default]
    Auto,
    /// The current-thread runtime, whatever the number of workers.
    Current,
    /// The multi-thread runtime, even for one worker.
    Multi,
}

/// Serves until SIGTERM or SIGINT, then closes every connection and returns.
///
/// # Errors
/// When the port cannot be bound or the runtime cannot be made.
pub fn run(options: &Options) -> anyhow::Result<()> {
    runtime(options)?.block_on(serve(options))
}

fn runtime(options: &Options) -> io::Result<Runtime> {
    let workers = match options.workers {
        0 => available_parallelism().map_or(1, Into::into),
        workers => workers,
    };
    let is_current = match options.scheduler {
        Scheduler::Auto => workers == 1,
        Scheduler::Current => true,
        Scheduler::Multi => false,
    };
    if is_current {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let signals = stop_signals()?;
    let service = Service::new(options)?;
    let host = options.host.as_deref().unwrap_or("localhost");
    let listeners = sockeye_websocket::bind((host, options.port)).await?;
    if let Some(listener) = listeners.first() {
        let address = listener.local_addr()?;
        writeln!(io::stdout(), "listening on http://{}", shown(options, address))?;
    }
    let (stop, stopped) = watch::channel(());
    let draining = service.clone();
    let drain = async move {
        signals.await;
        // The listeners end, and what is open is closed, at the same time.
        drop(stop);
        draining.shutdown().await;
    };
    let http =
        HttpServer::new(listeners, service).with_graceful_shutdown(ended(stopped)).into_future();
    let (served, ()) = tokio::join!(http, drain);
    served?;
    Ok(())
}

async fn ended(mut sender: watch::Receiver<()>) {
    while sender.changed().await.is_ok() {}
}

/// The address to print: a host name that was given, or the address bound.
fn shown(options: &Options, address: SocketAddr) -> String {
    match &options.host {
        Some(host) if host.parse::<IpAddr>().is_err() => format!("{host}:{}", address.port()),
        _ => address.to_string(),
    }
}

fn stop_signals() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
