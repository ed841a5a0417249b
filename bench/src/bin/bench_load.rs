//! The load generator: plays the clients of one measurement, checks every frame, prints what came
//! out. Exits with 1 when a message was wrong, lost or surplus.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use sockeye_bench::load::{self, Options, Outcome, Second, Workload};
use sockeye_bench::process;
use sockeye_bench::wire::Protocol;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// What the clients do.
    workload: Workload,
    /// Where the server listens (loopback only).
    #[arg(long)]
    server: SocketAddr,
    /// The server's process id: its CPU time and memory are read.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Broadcast: another server of its cluster, for every second client.
    #[arg(long, requires = "second_pid")]
    second: Option<SocketAddr>,
    /// The second server's process id.
    #[arg(long)]
    second_pid: Option<u32>,
    /// What the clients speak.
    #[arg(long, default_value = "websocket")]
    protocol: Protocol,
    /// How many clients there are.
    #[arg(long, default_value_t = 200)]
    connections: usize,
    /// Broadcast, Socket.IO: so many more clients, which are not in the room that is sent to.
    #[arg(long, default_value_t = 0)]
    others: usize,
    /// Messages on their way at once (per connection; broadcast: in all).
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// Bytes of text in each message.
    #[arg(long, default_value_t = 32)]
    size: usize,
    /// Microseconds for which clients look for input before they sleep. A sleeper has to be woken,
    /// which the system bills to the server.
    #[arg(long, default_value_t = 0)]
    awake: u64,
    /// Seconds before the measured window.
    #[arg(long, default_value_t = 0.7)]
    warm_up: f64,
    /// Seconds of the measured window.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The core to run on.
    #[arg(long)]
    core: Option<usize>,
    /// Print the outcome as one line of JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let second = arguments.second.zip(arguments.second_pid);
    for server in second.iter().map(|(server, _)| *server).chain([arguments.server]) {
        anyhow::ensure!(
            server.ip().is_loopback(),
            "load goes to this machine only, and {server} is not a loopback address"
        );
    }
    process::raise_open_files()?;
    if let Some(core) = arguments.core {
        process::pin(core)?;
    }
    let outcome = load::run(&Options {
        server: arguments.server,
        server_pid: arguments.server_pid,
        second: second.map(|(server, pid)| Second { server, pid }),
        workload: arguments.workload,
        protocol: arguments.protocol,
        connections: arguments.connections,
        others: arguments.others,
        pipeline: arguments.pipeline,
        size: arguments.size,
        awake: Duration::from_micros(arguments.awake),
        warm_up: Duration::try_from_secs_f64(arguments.warm_up)?,
        window: Duration::try_from_secs_f64(arguments.seconds)?,
        stall: Options::STALL,
    })?;
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
        return Ok(());
    }
    print(&outcome, arguments.connections)?;
    Ok(())
}

fn print(outcome: &Outcome, connections: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Outcome { operations, seconds, .. } = *outcome;
    writeln!(out, "{operations} operations in {seconds:.3} s, all correct")?;
    writeln!(out, "{:.0} operations/s", operations as f64 / seconds)?;
    if let (Some(server), Some(us)) = (outcome.server, outcome.server_cpu_us()) {
        let busy = server.total / seconds * 100.0;
        let user = server.user / (server.user + server.system).max(1e-9) * 100.0;
        writeln!(out, "server: {us:.3} us CPU per operation ({user:.0} % user), {busy:.0} % busy")?;
    }
    writeln!(out, "client: {:.0} % busy", outcome.client.total / seconds * 100.0)?;
    if let Some(latency) = outcome.latency {
        let load::Latency { p50_us, p99_us, p999_us } = latency;
        writeln!(out, "latency: p50 {p50_us:.0} us, p99 {p99_us:.0} us, p99.9 {p999_us:.0} us")?;
    }
    if let Some(memory) = outcome.memory {
        let each = |bytes: i64| bytes / connections as i64;
        let (resident, anonymous) = (each(memory.resident), each(memory.anonymous));
        writeln!(out, "memory: {resident} B resident per connection, {anonymous} B anonymous")?;
    }
    Ok(())
}
