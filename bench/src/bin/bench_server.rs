//! The server under test: WebSocket, Engine.IO and Socket.IO echo and broadcast on one port.

#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use sockeye_bench::process;
use sockeye_bench::server::{self, Bus, BusKind, Options, Scheduler};

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to listen [default: both loopback addresses].
    #[arg(long)]
    host: Option<String>,
    /// Threads that serve; 0 takes one for each core.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Whether WebSockets may be compressed (permessage-deflate).
    #[arg(long, default_value = "off")]
    deflate: Switch,
    /// Serve the room `readers` over plain HTTP as well, at `/socket.io/feeds/~/readers`.
    #[arg(long)]
    feeds: bool,
    /// Be one server of a cluster, over this bus.
    #[arg(long, requires = "redis")]
    bus: Option<BusKind>,
    /// Where the bus is, such as redis://127.0.0.1:6379.
    #[arg(long)]
    redis: Option<String>,
    /// Which of tokio's runtimes serves.
    #[arg(long, default_value = "auto")]
    scheduler: Scheduler,
    /// The core to run on.
    #[arg(long)]
    core: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    process::raise_open_files()?;
    if let Some(core) = arguments.core {
        process::pin(core)?;
    }
    server::run(&Options {
        host: arguments.host,
        port: arguments.port,
        workers: arguments.workers,
        scheduler: arguments.scheduler,
        deflate: arguments.deflate == Switch::On,
        feeds: arguments.feeds,
        bus: arguments.bus.zip(arguments.redis).map(|(kind, redis)| Bus { kind, redis }),
    })
}
