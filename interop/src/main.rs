//! Servers that stand in for the ones that official client and protocol suites are written for.
//!
//! Each subcommand but one is such a server; it prints `listening on http://HOST:PORT` when it is
//! ready, drains on SIGTERM and exits with 0. `websocket-client` is a client instead.
#![forbid(unsafe_code)]
// The ready line, and how many cases were run, are for whoever started this program.
#![allow(clippy::print_stdout)]

mod anything;
mod behaviour;
mod cluster;
mod crowded;
mod engine_echo;
mod engine_io_client;
mod engine_v3;
mod everything;
mod feeds;
mod recovery;
mod serving;
mod socket_io_client;
mod socket_v5;
mod sockjs;
mod websocket;
mod websocket_client;

use anyhow::Result;
use clap::{Parser, Subcommand};
#[cfg(not(target_env = "msvc"))]
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{self, Runtime};
use tracing_subscriber::EnvFilter;

use crate::serving::Listen;

/// Servers that official client and protocol suites expect.
#[derive(Debug, Parser)]
#[command(name = "stand-in")]
struct Cli {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Socket.IO 5 protocol suite: /socket.io/, namespaces / and /custom, pings every 300 ms.
    #[command(alias = "socketio")]
    SocketV5(Listen<3000>),
    /// Engine.IO 4 protocol suite: an echo under /engine.io/, pings every 300 ms.
    EngineV4(Listen<3000>),
    /// Engine.IO 3 protocol suite: the same, with revision 3 allowed.
    EngineV3(Listen<3000>),
    /// Behaviour suite of clients/js: /socket.io/, pings every 500 ms, messages of 100 kB at most.
    Behaviour(Listen<3000>),
    /// Recovery under cut connections: /socket.io/, namespaces / and /other, numbered events all the time.
    Recovery(Listen<3000>),
    /// Tests of engine.io-client: /engine.io/, pings every 500 ms, messages of 100 bytes at most.
    EngineIoClient(Listen<3000>),
    /// Tests of socket.io-client: /socket.io/, several namespaces, pings every 2 s.
    SocketIoClient(Listen<3210>),
    /// Suite of Durable Streams and readers over plain HTTP: /v1/stream/, /socket.io/feeds/, /socket.io/.
    Feeds(feeds::Arguments),
    /// Suites of SockJS: /echo, /close and others, every transport on, every origin let in.
    Sockjs(sockjs::Arguments),
    /// One node of a cluster, driven by lines of JSON: takes a place in the suites of the official adapters.
    Cluster(cluster::Arguments),
    /// The server that `abuse` attacks: /socket.io/, what strangers fill together.
    Crowded(crowded::Arguments),
    /// WebSocket conformance suite: an echo on every path, messages of 64 MiB at most.
    Websocket(websocket::Arguments),
    /// WebSocket conformance suite, the other side: runs every case of its fuzzing server.
    WebsocketClient(websocket_client::Arguments),
}

/// It gives back what floods have taken; the system's keeps it (docs/operations.md).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::from_default_env())
        .init();
    let kind = Cli::parse().kind;
    kind.runtime()?.block_on(run(kind))
}

impl Kind {
    /// Suites that are written for one thread send two requests at once on two connections, and
    /// expect the first to be looked at first: only one thread that takes turns does so always.
    fn runtime(&self) -> std::io::Result<Runtime> {
        match self {
            Kind::Websocket(_) | Kind::WebsocketClient(_) => runtime::Builder::new_multi_thread(),
            _ => runtime::Builder::new_current_thread(),
        }
        .enable_all()
        .build()
    }
}

async fn run(kind: Kind) -> Result<()> {
    match kind {
        Kind::SocketV5(listen) => socket_v5::serve(&listen).await,
        Kind::Behaviour(listen) => behaviour::serve(&listen).await,
        Kind::Recovery(listen) => recovery::serve(&listen).await,
        Kind::EngineV4(listen) => engine_echo::serve(&listen).await,
        Kind::EngineV3(listen) => engine_v3::serve(&listen).await,
        Kind::EngineIoClient(listen) => engine_io_client::serve(&listen).await,
        Kind::SocketIoClient(listen) => socket_io_client::serve(&listen).await,
        Kind::Feeds(arguments) => feeds::serve(&arguments).await,
        Kind::Sockjs(arguments) => sockjs::serve(&arguments).await,
        Kind::Cluster(arguments) => cluster::serve(&arguments).await,
        Kind::Crowded(arguments) => crowded::serve(&arguments).await,
        Kind::Websocket(arguments) => websocket::serve(&arguments).await,
        Kind::WebsocketClient(arguments) => websocket_client::run(&arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_suite_of_socket_io_5_finds_its_server_under_both_names() {
        for name in ["socket-v5", "socketio"] {
            let cli = Cli::try_parse_from(["stand-in", name]).unwrap();
            assert!(matches!(cli.kind, Kind::SocketV5(_)), "{name}");
        }
    }
}
