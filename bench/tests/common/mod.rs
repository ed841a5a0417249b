//! What the tests of the load generator share.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sockeye_bench::load::{self, LoadError, Options, Workload};
use sockeye_bench::wire::Protocol;

pub(crate) fn options(protocol: Protocol, workload: Workload, server: SocketAddr) -> Options {
    Options {
        server,
        second: None,
        server_pid: Some(std::process::id()),
        workload,
        protocol,
        connections: 2,
        others: 0,
        awake: Duration::ZERO,
        pipeline: 4,
        size: 32,
        warm_up: Duration::from_millis(20),
        window: Duration::from_millis(100),
        stall: Options::STALL,
    }
}

/// [`options`] for a server that does something wrong sooner or later: the run ends by that, however
/// slow the machine is.
pub(crate) fn options_until_wrong(
    protocol: Protocol,
    workload: Workload,
    server: SocketAddr,
) -> Options {
    Options { window: Duration::from_secs(600), ..options(protocol, workload, server) }
}

/// [`options_until_wrong`] for a server that leaves something out.
pub(crate) fn options_until_stalled(
    protocol: Protocol,
    workload: Workload,
    server: SocketAddr,
) -> Options {
    let stall = Duration::from_secs(2);
    Options { stall, ..options_until_wrong(protocol, workload, server) }
}

pub(crate) fn run(
    protocol: Protocol,
    workload: Workload,
    server: SocketAddr,
) -> Result<load::Outcome, LoadError> {
    load::run(&options(protocol, workload, server))
}

pub(crate) fn run_until_wrong(
    protocol: Protocol,
    workload: Workload,
    server: SocketAddr,
) -> Result<load::Outcome, LoadError> {
    load::run(&options_until_wrong(protocol, workload, server))
}

/// Serves each connection with `connection` on a thread of its own.
pub(crate) fn serve(
    connection: impl Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, connection) = (stream.unwrap(), connection.clone());
            stream.set_nodelay(true).unwrap();
            // A connection ends with an error when the client goes; that is its ordinary end.
            thread::spawn(move || drop(connection(stream)));
        }
    });
    address
}

pub(crate) fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}
